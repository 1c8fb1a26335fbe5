/* SPDX-License-Identifier: Apache-2.0 */
/* The cpu device: tiled matrix products, vector loops, threads of the context.
 *
 * Work is cut in tiles; how many there are depends on the threads, the bits of the result do not. The element-wise work on a panel of a
 * tile follows its product at once, while it is in the second-level cache. */
#ifndef SBI_DEVICE_CPU_CPU_H
#define SBI_DEVICE_CPU_CPU_H

#include <pthread.h>

#include "device/cpu/kernels.h"
#include "device/device.h"

/* Scratch memory: for a tile, a block for each that is being computed, and for the panels that the tiles of an operation share. */
typedef enum sbi_cpu_scratch_kind { SBI_CPU_TILE, SBI_CPU_PANELS, SBI_CPU_SCRATCH_KINDS } sbi_cpu_scratch_kind;

typedef struct sbi_cpu_scratch {
    struct sbi_cpu_scratch *next;
    float *memory;
    size_t size; /* floats */
    sbi_cpu_scratch_kind kind;
} sbi_cpu_scratch;

/* A copy in bf16 of an operand of the layer that runs. */
typedef struct sbi_cpu_half {
    uint16_t *memory;
    size_t size;
} sbi_cpu_half;

typedef enum sbi_cpu_operand { SBI_CPU_X, SBI_CPU_W, SBI_CPU_DZ, SBI_CPU_OPERANDS } sbi_cpu_operand;

typedef struct sbi_cpu {
    sbi_context *ctx;
    const sbi_cpu_kernels *kernels;
    pthread_mutex_t lock;
    sbi_cpu_scratch *idle[SBI_CPU_SCRATCH_KINDS];
    sbi_cpu_half half[SBI_CPU_OPERANDS];
    sbi_device_ops own; /* with bf16 */
    int32_t bf16;       /* 1: products of layers take operands in bf16 */
    int32_t reserved;
} sbi_cpu;

/* Takes a block of at least `size` floats, aligned to 64 bytes, new if none is idle; NULL when out of memory. */
sbi_cpu_scratch *sbi_cpu_scratch_take(sbi_cpu *cpu, sbi_cpu_scratch_kind kind, size_t size);
/* NULL is fine. */
void sbi_cpu_scratch_give(sbi_cpu *cpu, sbi_cpu_scratch *block);

/* panels.c: where at least two tiles would pack the right operand of the product `whole`, packs it for all of them into a block, which
 * the caller gives back; elsewhere *block is NULL. */
sbi_status sbi_cpu_share_panels(sbi_cpu *cpu, sbi_cpu_tile *whole, int64_t tiles, sbi_cpu_scratch **block);

sbi_status sbi_device_cpu_open(const sbi_device_ops **ops, void **self, sbi_context *ctx);
/* The same with a given instruction set, for tests; it must be supported by the processor. */
sbi_status sbi_device_cpu_open_isa(const sbi_device_ops **ops, void **self, sbi_context *ctx, int isa);

/* bf16.c: with options "?precision=bf16&emulated=1", or "". */
sbi_status sbi_device_cpu_open_with(const sbi_device_ops **ops, void **self, sbi_context *ctx, const char *options);
/* Of a device that was just opened. */
void sbi_cpu_set_bf16(const sbi_device_ops **ops, sbi_cpu *cpu);
/* The copy of n values; NULL where layers are computed in f32. */
sbi_status sbi_cpu_copy_half(sbi_cpu *cpu, sbi_cpu_operand operand, const float *x, int64_t n, const uint16_t **out);
/* A tile with the copies of its operands, or with NULL as it is. */
void sbi_cpu_multiply(const sbi_cpu *cpu, const sbi_cpu_tile *t, const uint16_t *a, const uint16_t *b, float *scratch);

sbi_status sbi_cpu_gemm(void *self, const sbi_device_gemm *op);
sbi_status sbi_cpu_forward(void *self, const sbi_device_forward *op);
sbi_status sbi_cpu_backward(void *self, const sbi_device_backward *op);
sbi_status sbi_cpu_norm_backward(void *self, const sbi_device_norm_backward *op);

#endif
