/* SPDX-License-Identifier: Apache-2.0 */
#include "device/cpu/cpu.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"

/* Element-wise work is cut in blocks of this many values. */
#define BLOCK 16384

static sbi_status cpu_allocate(void *self, void **out, size_t bytes)
{
    sbi_cpu *cpu = self;
    *out = sbi_alloc(cpu->ctx, bytes);
    if (*out) sbi_prefer_large_pages(*out, bytes);
    return *out ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static void cpu_release(void *self, void *memory)
{
    sbi_cpu *cpu = self;
    sbi_free(cpu->ctx, memory);
}

static sbi_status cpu_copy(void *self, void *to, const void *from, size_t bytes)
{
    (void)self;
    if (bytes) memmove(to, from, bytes);
    return SBI_OK;
}

static sbi_status cpu_zero(void *self, void *memory, size_t bytes)
{
    (void)self;
    if (bytes) memset(memory, 0, bytes);
    return SBI_OK;
}

static sbi_status cpu_synchronise(void *self)
{
    (void)self;
    return SBI_OK;
}

static sbi_status cpu_available(void *self, size_t *bytes)
{
    (void)self;
    *bytes = SIZE_MAX;
    return SBI_OK;
}

static size_t blocks_of(int64_t n)
{
    return (size_t)((n + BLOCK - 1) / BLOCK);
}

static int64_t block_size(int64_t n, int64_t first)
{
    return n - first < BLOCK ? n - first : BLOCK;
}

/* ---- loss: small beside the layers, so one thread ---- */

static sbi_status cpu_loss(void *self, const sbi_device_loss *op)
{
    const sbi_cpu *cpu = self;
    float values[512];
    double total = 0;
    for (int64_t i = 0; i < op->rows; i += 512) {
        const int64_t n = op->rows - i < 512 ? op->rows - i : 512;
        cpu->kernels->loss(op, values, i, n);
        double block = 0;
        for (int64_t k = 0; k < n; k++) block += (double)values[k];
        total += block;
    }
    *op->loss = total;
    return SBI_OK;
}

/* ---- optimiser ---- */

typedef struct update_job {
    const sbi_cpu *cpu;
    const sbi_device_update *op;
} update_job;

static sbi_status update_block(void *arg, size_t i)
{
    const update_job *j = arg;
    const int64_t first = (int64_t)i * BLOCK;
    j->cpu->kernels->update(j->op, first, block_size(j->op->n, first));
    return SBI_OK;
}

static sbi_status cpu_update(void *self, const sbi_device_update *op)
{
    sbi_cpu *cpu = self;
    sbi_device_update scaled = *op;
    update_job job = {cpu, &scaled};
    if (op->squares) {
        const double norm = sqrt(*op->squares);
        if (!isfinite(norm)) return SBI_OK;
        if (op->clip > 0 && norm > op->clip) scaled.grad_scale *= (float)(op->clip / norm);
    }
    return sbi_parallel_for(cpu->ctx, blocks_of(op->n), update_block, &job);
}

/* ---- gather ---- */

typedef struct gather_job {
    float *out;
    const float *table;
    const uint32_t *index;
    int64_t rows, columns, block;
} gather_job;

static sbi_status gather_block(void *arg, size_t b)
{
    const gather_job *j = arg;
    const int64_t first = (int64_t)b * j->block, last = first + j->block < j->rows ? first + j->block : j->rows;
    if (j->columns == 1) {
        for (int64_t i = first; i < last; i++) j->out[i] = j->table[j->index[i]];
        return SBI_OK;
    }
    const size_t bytes = sizeof(float) * (size_t)j->columns;
    for (int64_t i = first; i < last; i++) {
        if (i + 8 < last) __builtin_prefetch(j->table + (size_t)j->index[i + 8] * (size_t)j->columns);
        memcpy(j->out + i * j->columns, j->table + (size_t)j->index[i] * (size_t)j->columns, bytes);
    }
    return SBI_OK;
}

static sbi_status cpu_gather(void *self, float *out, const float *table, const uint32_t *index, int64_t rows,
                             int64_t columns)
{
    sbi_cpu *cpu = self;
    gather_job job = {out, table, index, rows, columns, BLOCK / columns + 1};
    return sbi_parallel_for(cpu->ctx, (size_t)((rows + job.block - 1) / job.block), gather_block, &job);
}

/* ---- sums ---- */

typedef struct sum_job {
    const sbi_cpu *cpu;
    float *out;
    const float *in;
    int64_t count, n;
    double *blocks;
} sum_job;

static sbi_status sum_parts_block(void *arg, size_t i)
{
    const sum_job *j = arg;
    const int64_t first = (int64_t)i * BLOCK;
    j->cpu->kernels->sum_parts(j->out + first, j->in + first, j->count, j->n, block_size(j->n, first));
    return SBI_OK;
}

static sbi_status cpu_sum_parts(void *self, float *out, const float *parts, int64_t count, int64_t n)
{
    sbi_cpu *cpu = self;
    if (count == 0) return cpu_zero(self, out, sizeof(float) * (size_t)n);
    sum_job job = {.cpu = cpu, .out = out, .in = parts, .count = count, .n = n};
    return sbi_parallel_for(cpu->ctx, blocks_of(n), sum_parts_block, &job);
}

static sbi_status sum_squares_block(void *arg, size_t i)
{
    const sum_job *j = arg;
    const int64_t first = (int64_t)i * BLOCK;
    j->blocks[i] = j->cpu->kernels->sum_squares(j->in + first, block_size(j->n, first));
    return SBI_OK;
}

static sbi_status cpu_sum_squares(void *self, double *out, const float *x, int64_t n)
{
    sbi_cpu *cpu = self;
    const size_t count = blocks_of(n);
    double few[64];
    double *blocks = count <= 64 ? few : sbi_alloc_array(cpu->ctx, count, sizeof *blocks);
    if (!blocks) return SBI_ERR_NO_MEMORY;
    sum_job job = {.cpu = cpu, .in = x, .n = n, .blocks = blocks};
    sbi_status status = sbi_parallel_for(cpu->ctx, count, sum_squares_block, &job);
    double total = 0;
    for (size_t i = 0; status == SBI_OK && i < count; i++) total += blocks[i];
    *out = total;
    if (blocks != few) sbi_free(cpu->ctx, blocks);
    return status;
}

/* ---- scratch ---- */

static void scratch_free(sbi_cpu *cpu, sbi_cpu_scratch *block)
{
    sbi_free(cpu->ctx, block->memory);
    sbi_free(cpu->ctx, block);
}

sbi_cpu_scratch *sbi_cpu_scratch_take(sbi_cpu *cpu, sbi_cpu_scratch_kind kind, size_t size)
{
    pthread_mutex_lock(&cpu->lock);
    sbi_cpu_scratch *block = cpu->idle[kind];
    if (block) cpu->idle[kind] = block->next;
    pthread_mutex_unlock(&cpu->lock);
    if (!block) block = sbi_alloc_zero(cpu->ctx, 1, sizeof *block);
    if (!block || block->size >= size) return block;
    sbi_free(cpu->ctx, block->memory);
    block->memory = sbi_alloc_array(cpu->ctx, size, sizeof *block->memory);
    block->size = size;
    block->kind = kind;
    if (block->memory) {
        sbi_prefer_large_pages(block->memory, size * sizeof *block->memory);
        return block;
    }
    sbi_free(cpu->ctx, block);
    return NULL;
}

void sbi_cpu_scratch_give(sbi_cpu *cpu, sbi_cpu_scratch *block)
{
    if (!block) return;
    pthread_mutex_lock(&cpu->lock);
    block->next = cpu->idle[block->kind];
    cpu->idle[block->kind] = block;
    pthread_mutex_unlock(&cpu->lock);
}

static void cpu_close(void *self)
{
    sbi_cpu *cpu = self;
    for (int kind = 0; kind < SBI_CPU_SCRATCH_KINDS; kind++) {
        while (cpu->idle[kind]) {
            sbi_cpu_scratch *block = cpu->idle[kind];
            cpu->idle[kind] = block->next;
            scratch_free(cpu, block);
        }
    }
    for (int i = 0; i < SBI_CPU_OPERANDS; i++) sbi_free(cpu->ctx, cpu->half[i].memory);
    pthread_mutex_destroy(&cpu->lock);
    sbi_free(cpu->ctx, cpu);
}

static const sbi_device_ops cpu_ops = {
    .struct_size = sizeof(sbi_device_ops),
    .abi = SBI_DEVICE_ABI,
    .flags = SBI_DEVICE_HOST | SBI_DEVICE_CONCURRENT,
    .name = "cpu",
    .allocate = cpu_allocate,
    .release = cpu_release,
    .upload = cpu_copy,
    .download = cpu_copy,
    .copy = cpu_copy,
    .zero = cpu_zero,
    .synchronise = cpu_synchronise,
    .available = cpu_available,
    .gemm = sbi_cpu_gemm,
    .forward = sbi_cpu_forward,
    .backward = sbi_cpu_backward,
    .norm_backward = sbi_cpu_norm_backward,
    .loss = cpu_loss,
    .update = cpu_update,
    .gather = cpu_gather,
    .sum_parts = cpu_sum_parts,
    .sum_squares = cpu_sum_squares,
    .close = cpu_close,
};

/* The copies of operands are the device's, so one operation runs at a time. */
void sbi_cpu_set_bf16(const sbi_device_ops **ops, sbi_cpu *cpu)
{
    cpu->bf16 = 1;
    cpu->own = cpu_ops;
    cpu->own.flags &= ~(uint32_t)SBI_DEVICE_CONCURRENT;
    *ops = &cpu->own;
}

sbi_status sbi_device_cpu_open_isa(const sbi_device_ops **ops, void **self, sbi_context *ctx, int isa)
{
    sbi_cpu *cpu = sbi_alloc_zero(ctx, 1, sizeof *cpu);
    if (!cpu) return SBI_ERR_NO_MEMORY;
    int error = pthread_mutex_init(&cpu->lock, NULL);
    if (error) {
        sbi_free(ctx, cpu);
        return sbi_fail_errno(error, "cpu device: mutex");
    }
    cpu->ctx = ctx;
    cpu->kernels = sbi_cpu_kernels_get((sbi_isa)isa);
    *ops = &cpu_ops;
    *self = cpu;
    return SBI_OK;
}

sbi_status sbi_device_cpu_open(const sbi_device_ops **ops, void **self, sbi_context *ctx)
{
    return sbi_device_cpu_open_isa(ops, self, ctx, (int)sbi_isa_best());
}
