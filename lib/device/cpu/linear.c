/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of the cpu device, in tiles. */
#include <cblas.h>
#include <string.h>

#include "base/error.h"
#include "base/pool.h"
#include "device/cpu/cpu.h"

/* Tiles of a product: so large that packing the operands costs a few per cent, so small that a tile of the result stays in the
 * second-level cache for the element-wise pass, and that a batch of 1024 by 1000 gives work to more than ten threads. */
#define TILE_ROWS 256
#define TILE_COLUMNS 512
/* A last tile narrower than this share joins its neighbour. */
#define TILE_SLACK 4

typedef struct cut {
    int64_t n, tile, count;
} cut;

static cut cut_make(int64_t n, int64_t tile)
{
    cut c = {n, tile, n / tile};
    if (n % tile > tile / TILE_SLACK || c.count == 0) c.count++;
    /* Equal parts, in multiples of 16. */
    c.tile = ((n + c.count - 1) / c.count + 15) / 16 * 16;
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

static void sgemm(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                  int64_t ldb, float beta, float *c, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n,
                (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

/* BLAS counts in int. */
static sbi_status check_sizes(const char *what, int64_t a, int64_t b, int64_t c)
{
    if (a < 0 || b < 0 || c < 0 || a > INT32_MAX || b > INT32_MAX || c > INT32_MAX)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %lld x %lld x %lld is more than a BLAS counts", what, (long long)a, (long long)b,
                        (long long)c);
    return SBI_OK;
}

/* ---- plain and batched products ---- */

typedef struct gemm_job {
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
    const float *a = o->a + item * o->stride_a + (o->transpose_a ? i0 : i0 * o->lda);
    const float *b = o->b + item * o->stride_b + (o->transpose_b ? j0 * o->ldb : j0);
    sgemm(o->transpose_a, o->transpose_b, cut_size(&j->rows, r), cut_size(&j->columns, c), o->k, o->alpha, a, o->lda, b,
          o->ldb, o->beta, o->c + item * o->stride_c + i0 * o->ldc + j0, o->ldc);
    return SBI_OK;
}

sbi_status sbi_cpu_gemm(void *self, const sbi_device_gemm *op)
{
    sbi_cpu *cpu = self;
    SBI_TRY(check_sizes("gemm", op->m, op->n, op->k));
    if (op->m == 0 || op->n == 0 || op->count <= 0) return SBI_OK;
    gemm_job job = {op, cut_make(op->m, TILE_ROWS), cut_make(op->n, TILE_COLUMNS)};
    return sbi_parallel_for(cpu->ctx, (size_t)(op->count * job.rows.count * job.columns.count), gemm_tile, &job);
}

/* ---- a layer forward ---- */

typedef struct forward_job {
    const sbi_cpu *cpu;
    const sbi_device_forward *op;
    cut rows, columns;
} forward_job;

static sbi_status forward_tile(void *arg, size_t index)
{
    const forward_job *j = arg;
    const sbi_device_forward *o = j->op;
    const int64_t r = (int64_t)index / j->columns.count, c = (int64_t)index % j->columns.count;
    const int64_t i0 = cut_first(&j->rows, r), j0 = cut_first(&j->columns, c);
    const int64_t rows = cut_size(&j->rows, r), columns = cut_size(&j->columns, c);
    float *y = o->y + i0 * o->out + j0;
    if (o->out == 1) {
        j->cpu->kernels->head_forward(y, o->x + i0 * o->in, o->w, 0, rows, o->in);
    } else {
        sgemm(0, 1, rows, columns, o->in, 1, o->x + i0 * o->in, o->in, o->w + j0 * o->in, o->in, 0, y, o->out);
    }
    float *d = o->d && o->activation != SBI_DEVICE_IDENTITY ? o->d + i0 * o->out + j0 : NULL;
    j->cpu->kernels->activate(o->activation, y, d, o->b + j0, rows, columns, o->out);
    return SBI_OK;
}

sbi_status sbi_cpu_forward(void *self, const sbi_device_forward *op)
{
    sbi_cpu *cpu = self;
    SBI_TRY(check_sizes("forward", op->rows, op->in, op->out));
    if (op->rows == 0) return SBI_OK;
    forward_job job = {cpu, op, cut_make(op->rows, TILE_ROWS), cut_make(op->out, TILE_COLUMNS)};
    return sbi_parallel_for(cpu->ctx, (size_t)(job.rows.count * job.columns.count), forward_tile, &job);
}

/* ---- a layer backward: tiles of dX, then blocks of dW, all independent ---- */

typedef struct backward_job {
    const sbi_cpu *cpu;
    const sbi_device_backward *op;
    cut rows, columns;   /* of dX */
    cut outs, ins;       /* of dW */
    int64_t data_tiles;
} backward_job;

static void backward_data(const backward_job *j, int64_t index)
{
    const sbi_device_backward *o = j->op;
    const int64_t r = index / j->columns.count, c = index % j->columns.count;
    const int64_t i0 = cut_first(&j->rows, r), j0 = cut_first(&j->columns, c);
    const int64_t rows = cut_size(&j->rows, r), columns = cut_size(&j->columns, c);
    if (o->out == 1) { /* its tiles have every column */
        j->cpu->kernels->head_backward(o->dx + i0 * o->in, o->dz + i0, o->w, o->d + i0 * o->in, rows, o->in);
        return;
    }
    float *dx = o->dx + i0 * o->in + j0;
    sgemm(0, 0, rows, columns, o->out, 1, o->dz + i0 * o->out, o->out, o->w + j0, o->in, 0, dx, o->in);
    j->cpu->kernels->multiply(dx, o->d + i0 * o->in + j0, rows, columns, o->in);
}

static void backward_weights(const backward_job *j, int64_t index)
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
        sgemm(1, 0, outs, ins, o->rows, 1, o->dz + o0, o->out, o->x + i0, o->in, o->accumulate ? 1.0f : 0.0f, dw, o->in);
    }
    if (c == 0) k->column_sums(o->db + o0, o->dz + o0, o->rows, outs, o->out, o->accumulate);
}

static sbi_status backward_tile(void *arg, size_t index)
{
    const backward_job *j = arg;
    if ((int64_t)index < j->data_tiles) {
        backward_data(j, (int64_t)index);
    } else {
        backward_weights(j, (int64_t)index - j->data_tiles);
    }
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
    job.rows = cut_make(op->rows, TILE_ROWS);
    job.columns = cut_make(op->in, op->out == 1 ? op->in : TILE_COLUMNS);
    job.outs = cut_make(op->out, TILE_ROWS);
    job.ins = cut_make(op->in, TILE_COLUMNS);
    job.data_tiles = op->dx ? job.rows.count * job.columns.count : 0;
    return sbi_parallel_for(cpu->ctx, (size_t)(job.data_tiles + job.outs.count * job.ins.count), backward_tile, &job);
}
