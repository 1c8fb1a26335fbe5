/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of the cpu device, in tiles. */
#include <string.h>

#include "base/error.h"
#include "base/pool.h"
#include "device/cpu/cpu.h"

/* Tiles of a product: so many rows that packing the right operand costs a few per cent, so few columns that a batch of 1024 by
 * 1000 gives work to ten threads. */
#define TILE_ROWS SBI_CPU_TILE_ROWS
#define TILE_COLUMNS (5 * SBI_CPU_PANEL)
#define SMALL_TILE 16384 /* floats: they stay in the cache until all of them are there */

typedef struct cut {
    int64_t n, tile, count;
} cut;

/* Equal parts of at most `most`, in multiples of `unit`. */
static cut cut_make(int64_t n, int64_t most, int64_t unit)
{
    const int64_t count = (n + most - 1) / most;
    cut c = {n, ((n + count - 1) / count + unit - 1) / unit * unit, 0};
    c.count = (n + c.tile - 1) / c.tile;
    return c;
}

static int64_t cut_first(const cut *c, int64_t i)
{
    return i * c->tile;
}

static int64_t cut_size(const cut *c, int64_t i)
{
    const int64_t first = i * c->tile;
    return c->n - first < c->tile ? c->n - first : c->tile;
}

static sbi_status check_sizes(const char *what, int64_t a, int64_t b, int64_t c)
{
    if (a < 0 || b < 0 || c < 0 || a > INT32_MAX || b > INT32_MAX || c > INT32_MAX)
        return sbi_fail(SBI_ERR_SHAPE, "%s: a product of %lld x %lld x %lld", what, (long long)a, (long long)b, (long long)c);
    return SBI_OK;
}

/* Columns of a tile that are multiplied before they go through what follows: a panel, or all of a small tile. */
static int64_t panel_columns(int64_t rows, int64_t columns)
{
    return rows * columns <= SMALL_TILE ? columns : SBI_CPU_PANEL;
}

/* ---- plain and batched products ---- */

typedef struct gemm_job {
    sbi_cpu *cpu;
    const sbi_device_gemm *op;
    cut rows, columns;
} gemm_job;

static sbi_status gemm_tile(void *arg, size_t index)
{
    const gemm_job *j = arg;
    const sbi_device_gemm *o = j->op;
    const int64_t tiles = j->rows.count * j->columns.count;
    const int64_t item = (int64_t)index / tiles, tile = (int64_t)index % tiles;
    const int64_t r = tile / j->columns.count, c = tile % j->columns.count;
    const int64_t i0 = cut_first(&j->rows, r), j0 = cut_first(&j->columns, c);
    const sbi_cpu_tile t = {
        .transpose_a = o->transpose_a,
        .transpose_b = o->transpose_b,
        .m = cut_size(&j->rows, r),
        .n = cut_size(&j->columns, c),
        .k = o->k,
        .a = o->a + item * o->stride_a + (o->transpose_a ? i0 : i0 * o->lda),
        .b = o->b + item * o->stride_b + (o->transpose_b ? j0 * o->ldb : j0),
        .c = o->c + item * o->stride_c + i0 * o->ldc + j0,
        .lda = o->lda,
        .ldb = o->ldb,
        .ldc = o->ldc,
        .alpha = o->alpha,
        .beta = o->beta,
    };
    sbi_cpu_scratch *scratch = sbi_cpu_scratch_take(j->cpu);
    if (!scratch) return SBI_ERR_NO_MEMORY;
    j->cpu->kernels->gemm_tile(&t, scratch->memory);
    sbi_cpu_scratch_give(j->cpu, scratch);
    return SBI_OK;
}

sbi_status sbi_cpu_gemm(void *self, const sbi_device_gemm *op)
{
    sbi_cpu *cpu = self;
    SBI_TRY(check_sizes("gemm", op->m, op->n, op->k));
    if (op->m == 0 || op->n == 0 || op->count <= 0) return SBI_OK;
    gemm_job job = {cpu, op, cut_make(op->m, TILE_ROWS, 8), cut_make(op->n, TILE_COLUMNS, SBI_CPU_PANEL)};
    return sbi_parallel_for(cpu->ctx, (size_t)(op->count * job.rows.count * job.columns.count), gemm_tile, &job);
}

/* ---- a layer forward ---- */

/* What follows the product, for a block of rows and columns: U = y + b becomes Y. */
static void finish_block(const sbi_cpu_kernels *kernels, const sbi_device_forward *o, const float *b, int64_t row, int64_t rows, int64_t column,
                         int64_t columns)
{
    const sbi_cpu_activation f = {o->activation, o->slope};
    const int64_t at = row * o->out + column;
    const int active = o->activation != SBI_DEVICE_IDENTITY;
    float *d = active && o->d ? o->d + at : NULL, *dd = active && o->dd ? o->dd + at : NULL;
    kernels->activate(&f, o->y + at, d, dd, b + column, rows, columns, o->out);
    if (active && o->mask_key) kernels->drop(o, o->y + at, d, dd, row, rows, column, columns);
    if (o->add) kernels->add(o->y + at, o->add + at, rows, columns, o->out);
}

typedef struct forward_job {
    sbi_cpu *cpu;
    const sbi_device_forward *op;
    cut rows, columns;
} forward_job;

static sbi_status forward_tile(void *arg, size_t index)
{
    const forward_job *j = arg;
    const sbi_device_forward *o = j->op;
    const sbi_cpu_kernels *kernels = j->cpu->kernels;
    const int64_t r = (int64_t)index / j->columns.count, c = (int64_t)index % j->columns.count;
    const int64_t i0 = cut_first(&j->rows, r), rows = cut_size(&j->rows, r);
    const int64_t first = cut_first(&j->columns, c), last = first + cut_size(&j->columns, c);
    const float *x = o->x + i0 * o->in;
    sbi_cpu_scratch *scratch = NULL;
    if (o->out > 1 && !(scratch = sbi_cpu_scratch_take(j->cpu))) return SBI_ERR_NO_MEMORY;
    const int64_t step = panel_columns(rows, last - first);
    for (int64_t j0 = first; j0 < last; j0 += step) {
        const int64_t columns = last - j0 < step ? last - j0 : step;
        float *y = o->y + i0 * o->out + j0;
        if (o->out == 1) {
            kernels->head_forward(y, x, o->w, 0, rows, o->in);
        } else {
            const sbi_cpu_tile t = {0, 1, rows, columns, o->in, x, o->w + j0 * o->in, y, o->in, o->in, o->out, 1, 0};
            kernels->gemm_tile(&t, scratch->memory);
        }
        if (!o->gain) finish_block(kernels, o, o->b, i0, rows, j0, columns);
    }
    if (scratch) sbi_cpu_scratch_give(j->cpu, scratch);
    return SBI_OK;
}

/* Normalisation needs whole rows: those of all tiles, then some rows at a time. */
#define NORM_ROWS 32

static sbi_status norm_block(void *arg, size_t index)
{
    const forward_job *j = arg;
    const sbi_device_forward *o = j->op;
    const int64_t first = (int64_t)index * NORM_ROWS, rows = o->rows - first < NORM_ROWS ? o->rows - first : NORM_ROWS;
    j->cpu->kernels->normalise(o, o->y + first * o->out, first, rows);
    finish_block(j->cpu->kernels, o, o->offset, first, rows, 0, o->out);
    return SBI_OK;
}

sbi_status sbi_cpu_forward(void *self, const sbi_device_forward *op)
{
    sbi_cpu *cpu = self;
    SBI_TRY(check_sizes("forward", op->rows, op->in, op->out));
    if (op->rows == 0) return SBI_OK;
    forward_job job = {cpu, op, cut_make(op->rows, TILE_ROWS, 8), cut_make(op->out, TILE_COLUMNS, SBI_CPU_PANEL)};
    SBI_TRY(sbi_parallel_for(cpu->ctx, (size_t)(job.rows.count * job.columns.count), forward_tile, &job));
    if (!op->gain) return SBI_OK;
    return sbi_parallel_for(cpu->ctx, (size_t)((op->rows + NORM_ROWS - 1) / NORM_ROWS), norm_block, &job);
}

/* ---- a layer backward: tiles of dX, then blocks of dW, all independent ---- */

typedef struct backward_job {
    sbi_cpu *cpu;
    const sbi_device_backward *op;
    cut rows, columns; /* of dX */
    cut outs, ins;     /* of dW */
    int64_t data_tiles;
} backward_job;

/* dZ W becomes dX, for a block of rows and columns. */
static void finish_data(const sbi_cpu_kernels *kernels, const sbi_device_backward *o, int64_t row, int64_t rows, int64_t column,
                        int64_t columns)
{
    const int64_t at = row * o->in + column;
    if (o->add) kernels->add(o->dx + at, o->add + at, rows, columns, o->in);
    for (int64_t i = 0; i < rows && o->dh; i++)
        memcpy(o->dh + at + i * o->in, o->dx + at + i * o->in, sizeof(float) * (size_t)columns);
    if (o->d) kernels->multiply(o->dx + at, o->d + at, rows, columns, o->in);
}

static void backward_data(const backward_job *j, int64_t index, float *scratch)
{
    const sbi_device_backward *o = j->op;
    const sbi_cpu_kernels *kernels = j->cpu->kernels;
    const int64_t r = index / j->columns.count, c = index % j->columns.count;
    const int64_t i0 = cut_first(&j->rows, r), rows = cut_size(&j->rows, r);
    const int64_t first = cut_first(&j->columns, c), last = first + cut_size(&j->columns, c);
    const float *dz = o->dz + i0 * o->out;
    if (o->out == 1) { /* its tiles have every column */
        const int plain = o->d && !o->add && !o->dh;
        kernels->head_backward(o->dx + i0 * o->in, dz, o->w, plain ? o->d + i0 * o->in : NULL, rows, o->in);
        if (!plain) finish_data(kernels, o, i0, rows, 0, o->in);
        return;
    }
    const int64_t step = panel_columns(rows, last - first);
    for (int64_t j0 = first; j0 < last; j0 += step) {
        const int64_t columns = last - j0 < step ? last - j0 : step;
        float *dx = o->dx + i0 * o->in + j0;
        const sbi_cpu_tile t = {0, 0, rows, columns, o->out, dz, o->w + j0, dx, o->out, o->in, o->in, 1, 0};
        kernels->gemm_tile(&t, scratch);
        finish_data(kernels, o, i0, rows, j0, columns);
    }
}

static void backward_weights(const backward_job *j, int64_t index, float *scratch)
{
    const sbi_device_backward *o = j->op;
    const sbi_cpu_kernels *k = j->cpu->kernels;
    const int64_t r = index / j->ins.count, c = index % j->ins.count;
    const int64_t o0 = cut_first(&j->outs, r), i0 = cut_first(&j->ins, c);
    const int64_t outs = cut_size(&j->outs, r), ins = cut_size(&j->ins, c);
    float *dw = o->dw + o0 * o->in + i0;
    if (o->out == 1) {
        k->head_weights(dw, o->dz, o->x + i0, o->rows, ins, o->in, o->accumulate);
    } else {
        const sbi_cpu_tile t = {1,  0,      outs,  ins,   o->rows, o->dz + o0, o->x + i0,
                                dw, o->out, o->in, o->in, 1,       o->accumulate ? 1.0f : 0.0f};
        k->gemm_tile(&t, scratch);
    }
    if (c == 0) k->column_sums(o->db + o0, o->dz + o0, o->rows, outs, o->out, o->accumulate);
}

static sbi_status backward_tile(void *arg, size_t index)
{
    const backward_job *j = arg;
    sbi_cpu_scratch *scratch = sbi_cpu_scratch_take(j->cpu);
    if (!scratch) return SBI_ERR_NO_MEMORY;
    if ((int64_t)index < j->data_tiles) {
        backward_data(j, (int64_t)index, scratch->memory);
    } else {
        backward_weights(j, (int64_t)index - j->data_tiles, scratch->memory);
    }
    sbi_cpu_scratch_give(j->cpu, scratch);
    return SBI_OK;
}

sbi_status sbi_cpu_backward(void *self, const sbi_device_backward *op)
{
    sbi_cpu *cpu = self;
    SBI_TRY(check_sizes("backward", op->rows, op->in, op->out));
    if (op->rows == 0) {
        if (!op->accumulate) {
            memset(op->dw, 0, sizeof(float) * (size_t)(op->in * op->out));
            memset(op->db, 0, sizeof(float) * (size_t)op->out);
        }
        return SBI_OK;
    }
    backward_job job = {.cpu = cpu, .op = op};
    job.rows = cut_make(op->rows, TILE_ROWS, 8);
    job.columns = cut_make(op->in, op->out == 1 ? op->in : TILE_COLUMNS, SBI_CPU_PANEL);
    job.outs = cut_make(op->out, TILE_COLUMNS, 8);
    job.ins = cut_make(op->in, TILE_ROWS, SBI_CPU_PANEL);
    job.data_tiles = op->dx ? job.rows.count * job.columns.count : 0;
    return sbi_parallel_for(cpu->ctx, (size_t)(job.data_tiles + job.outs.count * job.ins.count), backward_tile, &job);
}

/* ---- a normalisation backward: its sums by columns, then its rows ---- */

#define NORM_COLUMNS 64

typedef struct norm_job {
    sbi_cpu *cpu;
    const sbi_device_norm_backward *op;
} norm_job;

static sbi_status norm_columns(void *arg, size_t index)
{
    const norm_job *j = arg;
    const int64_t first = (int64_t)index * NORM_COLUMNS, left = j->op->columns - first;
    j->cpu->kernels->norm_sums(j->op, first, left < NORM_COLUMNS ? left : NORM_COLUMNS);
    return SBI_OK;
}

static sbi_status norm_rows(void *arg, size_t index)
{
    const norm_job *j = arg;
    const int64_t first = (int64_t)index * NORM_ROWS, left = j->op->rows - first;
    j->cpu->kernels->norm_rows(j->op, first, left < NORM_ROWS ? left : NORM_ROWS);
    return SBI_OK;
}

sbi_status sbi_cpu_norm_backward(void *self, const sbi_device_norm_backward *op)
{
    sbi_cpu *cpu = self;
    SBI_TRY(check_sizes("norm_backward", op->rows, op->columns, 1));
    norm_job job = {cpu, op};
    SBI_TRY(sbi_parallel_for(cpu->ctx, (size_t)((op->columns + NORM_COLUMNS - 1) / NORM_COLUMNS), norm_columns, &job));
    return sbi_parallel_for(cpu->ctx, (size_t)((op->rows + NORM_ROWS - 1) / NORM_ROWS), norm_rows, &job);
}
