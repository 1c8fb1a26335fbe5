/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in for the CUDA runtime and cuBLAS that runs .cu files on the host, for tests alone. What it does that a real device
 * only sometimes does:
 *   - operations of a stream are queued, and run when somebody waits for them, as late as the rules allow;
 *   - the threads of a block run one at a time, in an order that the test chooses, and change only at barriers and shuffles, so that
 *     a missing barrier gives another result in another order;
 *   - device memory is filled with NaN when it is allocated, shared memory before each block, and the target of a copy to the host
 *     while the copy is pending;
 *   - device memory cannot be touched by the host: that is a segmentation fault. Under AddressSanitizer, kernels that leave their
 *     allocation are reported like any heap overflow;
 *   - allocations, launches or the whole device fail when the test says so.
 * Wrong use is a "violation": the first is kept as text, and the call or the next synchronisation fails. */
#ifndef TESTS_CUDA_STANDIN_H
#define TESTS_CUDA_STANDIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Order in which threads of a block, blocks of a grid and pending streams run. */
#define CUDA_STANDIN_FORWARD 0
#define CUDA_STANDIN_REVERSE 1
#define CUDA_STANDIN_RANDOM 2

/* What to let fail: the `after`-th such operation from now, counted from 1. */
#define CUDA_STANDIN_ALLOCATION 0 /* cudaErrorMemoryAllocation, once */
#define CUDA_STANDIN_LAUNCH 1     /* cudaErrorLaunchFailure at the launch, once */
#define CUDA_STANDIN_LOSS 2       /* from that launch or copy on everything fails with cudaErrorECCUncorrectable */
#define CUDA_STANDIN_FAILURES 3

/* What is counted. */
#define CUDA_STANDIN_LAUNCHES 0      /* kernels run */
#define CUDA_STANDIN_PRODUCTS 1      /* calls of cuBLAS that ran, each of a batch one */
#define CUDA_STANDIN_OPERATIONS 2    /* multiplications and additions of these products */
#define CUDA_STANDIN_UPLOADED 3      /* bytes */
#define CUDA_STANDIN_DOWNLOADED 4    /* bytes */
#define CUDA_STANDIN_ALLOCATED 5     /* bytes of device memory in use now */
#define CUDA_STANDIN_SYNCHRONISED 6  /* calls that waited */
#define CUDA_STANDIN_GRAPHS 7        /* graph launches */
#define CUDA_STANDIN_PRODUCT_BYTES 8 /* of the operands and results of these products, each once */
#define CUDA_STANDIN_STREAMS 9       /* the most streams that there were at once */
#define CUDA_STANDIN_COUNTS 10

/* Forgets failures to come, violations, counts and a loss; the device has `bytes` of memory and there are `devices` of it. */
void cuda_standin_reset(size_t bytes, int devices);
void cuda_standin_set_order(int order, uint64_t seed);
void cuda_standin_fail(int what, int64_t after);
/* One device alone is lost, at the `after`-th launch or copy from now that is asked of it; the others work on. */
void cuda_standin_lose(int device, int64_t after);
/* Kernels, products and graphs that were launched on a device since the last reset. */
int64_t cuda_standin_launched(int device);
/* -1: no driver (cudaErrorInsufficientDriver from every call). */
void cuda_standin_set_driver(int version);
/* The first wrong use since the last reset, or NULL. */
const char *cuda_standin_violation(void);
int64_t cuda_standin_count(int what);

#ifdef __cplusplus
}
#endif
#endif
