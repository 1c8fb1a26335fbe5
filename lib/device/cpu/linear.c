/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of the cpu device, in tiles. */
#include <string.h>

#include "base/error.h"
#include "base/pool.h"
#include "device/cpu/cpu.h"

#define FEWEST_ROWS 64
#define FEWEST_COLUMNS (5 * SBI_CPU_PANEL)
#define SMALL_TILE 16384                 /* floats: they stay in the cache until all of them are there */
#define TASKS 6                          /* of a thread in a product, so that none waits long for the others */

typedef struct cut {
    int64_t n, tile, count;
} cut;

static int64_t parts(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

/* Equal parts of at most `most`, in multiples of `unit`. */
static cut cut_make(int64_t n, int64_t most, int64_t unit)
{
    cut c = {n, parts(parts(n, parts(n, most)), unit) * unit, 0};
    c.count = parts(n, c.tile);
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

/* The tiles of an m by n product: large ones, since each packs its rows of the left operand and passes over all panels of the right one,
 * but so many that all threads have work. */
static void cut_product(const sbi_cpu *cpu, int64_t m, int64_t n, cut *rows, cut *columns)
{
    const size_t workers = sbi_parallel_workers(cpu->ctx);
    const int64_t tasks = workers > 1 ? TASKS * (int64_t)workers : 1;
    int64_t most = SBI_CPU_TILE_ROWS;
    while (most > FEWEST_ROWS && parts(m, most) * parts(n, FEWEST_COLUMNS) < tasks) most /= 2;
    *rows = cut_make(m, most, 8);
    const int64_t wide = parts(n, parts(tasks, rows->count));
    *columns = cut_make(n, wide > FEWEST_COLUMNS ? wide : FEWEST_COLUMNS, SBI_CPU_PANEL);
}

/* The part of a product that is a tile, its first element in row i and column j of C. */
static sbi_cpu_tile tile_of(const sbi_cpu_tile *whole, int64_t i, int64_t rows, int64_t j, int64_t columns)
{
    sbi_cpu_tile t = *whole;
    t.m = rows;
    t.n = columns;
    t.a += t.transpose_a ? i : i * t.lda;
    t.b += t.transpose_b ? j * t.ldb : j;
    t.c += i * t.ldc + j;
    if (t.panels) t.panels += j * SBI_CPU_TILE_DEPTH;
    t.finish_columns = rows * columns <= SMALL_TILE ? columns : SBI_CPU_PANEL;
    return t;
}

/* A copy in bf16 of an operand, from where the tile's begins. */
static const uint16_t *half_from(const uint16_t *half, const float *operand, const float *tile)
{
    return half ? half + (tile - operand) : NULL;
}

static sbi_status run_tile(sbi_cpu *cpu, const sbi_cpu_tile *whole, const sbi_cpu_tile *t, const uint16_t *a, const uint16_t *b)
{
    sbi_cpu_scratch *scratch = sbi_cpu_scratch_take(cpu, SBI_CPU_TILE, SBI_CPU_SCRATCH);
    if (!scratch) return SBI_ERR_NO_MEMORY;
    sbi_cpu_multiply(cpu, t, half_from(a, whole->a, t->a), half_from(b, whole->b, t->b), scratch->memory);
    sbi_cpu_scratch_give(cpu, scratch);
    return SBI_OK;
}

/* ---- plain and batched products ---- */

typedef struct gemm_job {
    sbi_cpu *cpu;
    const sbi_device_gemm *op;
    sbi_cpu_tile whole; /* of the first product */
    cut rows, columns;
} gemm_job;

static sbi_status gemm_tile(void *arg, size_t index)
{
    const gemm_job *j = arg;
    const sbi_device_gemm *o = j->op;
    const int64_t tiles = j->rows.count * j->columns.count;
    const int64_t item = (int64_t)index / tiles, r = (int64_t)index % tiles / j->columns.count, c = (int64_t)index % j->columns.count;
    sbi_cpu_tile t = tile_of(&j->whole, cut_first(&j->rows, r), cut_size(&j->rows, r), cut_first(&j->columns, c), cut_size(&j->columns, c));
    t.a += item * o->stride_a;
    t.b += item * o->stride_b;
    t.c += item * o->stride_c;
    return run_tile(j->cpu, &j->whole, &t, NULL, NULL);
}

sbi_status sbi_cpu_gemm(void *self, const sbi_device_gemm *op)
{
    sbi_cpu *cpu = self;
    SBI_TRY(check_sizes("gemm", op->m, op->n, op->k));
    if (op->m == 0 || op->n == 0 || op->count <= 0) return SBI_OK;
    gemm_job job = {.cpu = cpu, .op = op};
    cut_product(cpu, op->m, op->n, &job.rows, &job.columns);
    job.whole = (sbi_cpu_tile){
        .transpose_a = op->transpose_a,
        .transpose_b = op->transpose_b,
        .m = op->m,
        .n = op->n,
        .k = op->k,
        .a = op->a,
        .b = op->b,
        .c = op->c,
        .lda = op->lda,
        .ldb = op->ldb,
        .ldc = op->ldc,
        .alpha = op->alpha,
        .beta = op->beta,
    };
    sbi_cpu_scratch *panels;
    sbi_status status = sbi_cpu_share_panels(cpu, &job.whole, op->count == 1 ? job.rows.count : 1, &panels);
    if (status == SBI_OK) status = sbi_parallel_for(cpu->ctx, (size_t)(op->count * job.rows.count * job.columns.count), gemm_tile, &job);
    sbi_cpu_scratch_give(cpu, panels);
    return status;
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
    sbi_cpu_tile whole;
    cut rows, columns;
    const uint16_t *x, *w; /* in bf16, or NULL */
} forward_job;

/* A tile of an operation and what follows its product. */
typedef struct tile_place {
    const void *job;
    int64_t row, rows, column;
} tile_place;

static void finish_forward(void *argument, int64_t first, int64_t n)
{
    const tile_place *p = argument;
    const forward_job *j = p->job;
    finish_block(j->cpu->kernels, j->op, j->op->b, p->row, p->rows, p->column + first, n);
}

static sbi_status forward_tile(void *arg, size_t index)
{
    const forward_job *j = arg;
    const sbi_device_forward *o = j->op;
    const int64_t r = (int64_t)index / j->columns.count, c = (int64_t)index % j->columns.count;
    tile_place place = {j, cut_first(&j->rows, r), cut_size(&j->rows, r), cut_first(&j->columns, c)};
    if (o->out == 1) {
        j->cpu->kernels->head_forward(o->y + place.row, o->x + place.row * o->in, o->w, 0, place.rows, o->in);
        if (!o->gain) finish_forward(&place, 0, 1);
        return SBI_OK;
    }
    sbi_cpu_tile t = tile_of(&j->whole, place.row, place.rows, place.column, cut_size(&j->columns, c));
    if (!o->gain) {
        t.finish = finish_forward;
        t.finish_argument = &place;
    }
    return run_tile(j->cpu, &j->whole, &t, j->x, j->w);
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
    forward_job job = {.cpu = cpu, .op = op};
    cut_product(cpu, op->rows, op->out, &job.rows, &job.columns);
    job.whole = (sbi_cpu_tile){.transpose_b = 1, .m = op->rows, .n = op->out, .k = op->in, .a = op->x, .b = op->w, .c = op->y,
                               .lda = op->in, .ldb = op->in, .ldc = op->out, .alpha = 1};
    sbi_cpu_scratch *panels = NULL;
    if (op->out > 1) {
        SBI_TRY(sbi_cpu_copy_half(cpu, SBI_CPU_X, op->x, op->rows * op->in, &job.x));
        SBI_TRY(sbi_cpu_copy_half(cpu, SBI_CPU_W, op->w, op->out * op->in, &job.w));
        if (!job.w) SBI_TRY(sbi_cpu_share_panels(cpu, &job.whole, job.rows.count, &panels));
    }
    const sbi_status status = sbi_parallel_for(cpu->ctx, (size_t)(job.rows.count * job.columns.count), forward_tile, &job);
    sbi_cpu_scratch_give(cpu, panels);
    SBI_TRY(status);
    if (!op->gain) return SBI_OK;
    return sbi_parallel_for(cpu->ctx, (size_t)((op->rows + NORM_ROWS - 1) / NORM_ROWS), norm_block, &job);
}

/* ---- a layer backward: tiles of dX, then blocks of dW, all independent ---- */

typedef struct backward_job {
    sbi_cpu *cpu;
    const sbi_device_backward *op;
    sbi_cpu_tile data, weights;
    cut rows, columns; /* of dX */
    cut outs, ins;     /* of dW */
    int64_t data_tiles;
    const uint16_t *dz, *x, *w; /* in bf16, or NULL */
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

static void finish_columns(void *argument, int64_t first, int64_t n)
{
    const tile_place *p = argument;
    const backward_job *j = p->job;
    finish_data(j->cpu->kernels, j->op, p->row, p->rows, p->column + first, n);
}

static sbi_status backward_data(const backward_job *j, int64_t index)
{
    const sbi_device_backward *o = j->op;
    const int64_t r = index / j->columns.count, c = index % j->columns.count;
    tile_place place = {j, cut_first(&j->rows, r), cut_size(&j->rows, r), cut_first(&j->columns, c)};
    const int64_t at = place.row * o->in;
    if (o->out == 1) { /* its tiles have every column */
        const int plain = o->d && !o->add && !o->dh;
        j->cpu->kernels->head_backward(o->dx + at, o->dz + place.row, o->w, plain ? o->d + at : NULL, place.rows, o->in);
        if (!plain) finish_columns(&place, 0, o->in);
        return SBI_OK;
    }
    sbi_cpu_tile t = tile_of(&j->data, place.row, place.rows, place.column, cut_size(&j->columns, c));
    t.finish = finish_columns;
    t.finish_argument = &place;
    return run_tile(j->cpu, &j->data, &t, j->dz, j->w);
}

static sbi_status backward_weights(const backward_job *j, int64_t index)
{
    const sbi_device_backward *o = j->op;
    const sbi_cpu_kernels *k = j->cpu->kernels;
    const int64_t r = index / j->ins.count, c = index % j->ins.count;
    const int64_t o0 = cut_first(&j->outs, r), i0 = cut_first(&j->ins, c);
    const int64_t outs = cut_size(&j->outs, r), ins = cut_size(&j->ins, c);
    if (c == 0) k->column_sums(o->db + o0, o->dz + o0, o->rows, outs, o->out, o->accumulate);
    if (o->out == 1) {
        k->head_weights(o->dw + i0, o->dz, o->x + i0, o->rows, ins, o->in, o->accumulate);
        return SBI_OK;
    }
    const sbi_cpu_tile t = tile_of(&j->weights, o0, outs, i0, ins);
    return run_tile(j->cpu, &j->weights, &t, j->dz, j->x);
}

static sbi_status backward_tile(void *arg, size_t index)
{
    const backward_job *j = arg;
    const int64_t i = (int64_t)index;
    return i < j->data_tiles ? backward_data(j, i) : backward_weights(j, i - j->data_tiles);
}

/* Copies in bf16 or panels of what the tiles share. */
static sbi_status share_operands(backward_job *j, sbi_cpu_scratch *panels[2])
{
    const sbi_device_backward *o = j->op;
    sbi_cpu *cpu = j->cpu;
    if (o->out == 1) return SBI_OK;
    SBI_TRY(sbi_cpu_copy_half(cpu, SBI_CPU_DZ, o->dz, o->rows * o->out, &j->dz));
    SBI_TRY(sbi_cpu_copy_half(cpu, SBI_CPU_X, o->x, o->rows * o->in, &j->x));
    if (o->dx) SBI_TRY(sbi_cpu_copy_half(cpu, SBI_CPU_W, o->w, o->out * o->in, &j->w));
    if (j->dz) return SBI_OK;
    if (o->dx) SBI_TRY(sbi_cpu_share_panels(cpu, &j->data, j->rows.count, &panels[0]));
    return sbi_cpu_share_panels(cpu, &j->weights, j->outs.count, &panels[1]);
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
    cut_product(cpu, op->rows, op->in, &job.rows, &job.columns);
    if (op->out == 1) job.columns = cut_make(op->in, op->in, 1);
    cut_product(cpu, op->out, op->in, &job.outs, &job.ins);
    job.data_tiles = op->dx ? job.rows.count * job.columns.count : 0;
    job.data = (sbi_cpu_tile){.m = op->rows, .n = op->in, .k = op->out, .a = op->dz, .b = op->w, .c = op->dx, .lda = op->out, .ldb = op->in,
                              .ldc = op->in, .alpha = 1};
    job.weights = (sbi_cpu_tile){.transpose_a = 1, .m = op->out, .n = op->in, .k = op->rows, .a = op->dz, .b = op->x, .c = op->dw,
                                 .lda = op->out, .ldb = op->in, .ldc = op->in, .alpha = 1, .beta = op->accumulate ? 1.0f : 0.0f};
    sbi_cpu_scratch *panels[2] = {NULL, NULL};
    sbi_status status = share_operands(&job, panels);
    if (status == SBI_OK) status = sbi_parallel_for(cpu->ctx, (size_t)(job.data_tiles + job.outs.count * job.ins.count), backward_tile, &job);
    for (int i = 0; i < 2; i++) sbi_cpu_scratch_give(cpu, panels[i]);
    return status;
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
