/* SPDX-License-Identifier: Apache-2.0 */
/* The cpu device: CBLAS for matrix products, vector loops for the rest, threads of the context.
 *
 * Work is cut in tiles whose sizes depend on the shapes alone; each tile is one call of a BLAS without threads, followed by
 * the element-wise work while the tile is in the second-level cache. */
#ifndef SBI_DEVICE_CPU_CPU_H
#define SBI_DEVICE_CPU_CPU_H

#include "device/cpu/kernels.h"
#include "device/device.h"

typedef struct sbi_cpu {
    sbi_context *ctx;
    const sbi_cpu_kernels *kernels;
} sbi_cpu;

sbi_status sbi_device_cpu_open(const sbi_device_ops **ops, void **self, sbi_context *ctx);
/* The same with a given instruction set, for tests; it must be supported by the processor. */
sbi_status sbi_device_cpu_open_isa(const sbi_device_ops **ops, void **self, sbi_context *ctx, int isa);

sbi_status sbi_cpu_gemm(void *self, const sbi_device_gemm *op);
sbi_status sbi_cpu_forward(void *self, const sbi_device_forward *op);
sbi_status sbi_cpu_backward(void *self, const sbi_device_backward *op);

#endif
