/* SPDX-License-Identifier: Apache-2.0 */
/* The cpu device: tiled matrix products, vector loops, threads of the context.
 *
 * Work is cut in tiles whose sizes depend on the shapes alone; the element-wise work on a panel of a tile follows its product at
 * once, while it is in the second-level cache. */
#ifndef SBI_DEVICE_CPU_CPU_H
#define SBI_DEVICE_CPU_CPU_H

#include <pthread.h>

#include "device/cpu/kernels.h"
#include "device/device.h"

/* Scratch memory for tiles, one block for each that is being computed. */
typedef struct sbi_cpu_scratch {
    struct sbi_cpu_scratch *next;
    float *memory;
} sbi_cpu_scratch;

typedef struct sbi_cpu {
    sbi_context *ctx;
    const sbi_cpu_kernels *kernels;
    pthread_mutex_t lock;
    sbi_cpu_scratch *idle;
} sbi_cpu;

/* Takes a block, new if none is idle; NULL when out of memory. */
sbi_cpu_scratch *sbi_cpu_scratch_take(sbi_cpu *cpu);
void sbi_cpu_scratch_give(sbi_cpu *cpu, sbi_cpu_scratch *block);

sbi_status sbi_device_cpu_open(const sbi_device_ops **ops, void **self, sbi_context *ctx);
/* The same with a given instruction set, for tests; it must be supported by the processor. */
sbi_status sbi_device_cpu_open_isa(const sbi_device_ops **ops, void **self, sbi_context *ctx, int isa);

sbi_status sbi_cpu_gemm(void *self, const sbi_device_gemm *op);
sbi_status sbi_cpu_forward(void *self, const sbi_device_forward *op);
sbi_status sbi_cpu_backward(void *self, const sbi_device_backward *op);
sbi_status sbi_cpu_norm_backward(void *self, const sbi_device_norm_backward *op);

#endif
