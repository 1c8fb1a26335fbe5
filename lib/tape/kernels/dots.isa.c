/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over the events of a chunk, and linear combinations of rows.
 *
 * A dot product runs in VLEN lanes (lane l takes events l, l + VLEN, ...) over all terms and is closed by lane_sum()'s fixed
 * tree, wherever in a register tile it sits.
 */
#include "tape/kernels/table.h"

#if VLEN == 8
#define TILE_X 4
#define TILE_Y 5
#elif VLEN == 4
#define TILE_X 3
#define TILE_Y 4
#else
#define TILE_X 2
#define TILE_Y 4
#endif

#define X_TILES 2

/* TX x TY accumulators, written lane-summed to s[TX * TY] (padded to a multiple of VLEN). */
#define DEFINE_TILE(name, TX, TY)                                                                                      \
    static void name(const double *const *x, const double *const *y, size_t nx, size_t ny, size_t terms, size_t n,     \
                     double *s)                                                                                        \
    {                                                                                                                  \
        vd a[((TX) * (TY) + VLEN - 1) / VLEN * VLEN];                                                                  \
        _Pragma("GCC unroll 32") for (int i = 0; i < (int)(sizeof a / sizeof *a); i++) a[i] = splat(0.0);              \
        for (size_t t = 0; t < terms; t++) {                                                                           \
            const double *px[TX], *py[TY];                                                                             \
            for (int i = 0; i < (TX); i++)                                                                             \
                px[i] = x[t * nx + (size_t)i];                                                                         \
            for (int j = 0; j < (TY); j++)                                                                             \
                py[j] = y[t * ny + (size_t)j];                                                                         \
            for (size_t e = 0; e < n; e += VLEN) {                                                                     \
                vd vx[TX];                                                                                             \
                _Pragma("GCC unroll 8") for (int i = 0; i < (TX); i++) vx[i] = load(px[i] + e);                        \
                _Pragma("GCC unroll 8") for (int j = 0; j < (TY); j++)                                                 \
                {                                                                                                      \
                    vd vy = load(py[j] + e);                                                                           \
                    _Pragma("GCC unroll 8") for (int i = 0; i < (TX); i++) a[i * (TY) + j] =                           \
                        madd(vx[i], vy, a[i * (TY) + j]);                                                              \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        _Pragma("GCC unroll 16") for (int i = 0; i < (int)(sizeof a / sizeof *a); i += VLEN)                           \
            store(s + i, lane_sums(a + i));                                                                            \
    }

DEFINE_TILE(tile_full, TILE_X, TILE_Y)
DEFINE_TILE(tile_row, 1, 8)
DEFINE_TILE(tile_column, 8, 1)
DEFINE_TILE(tile_one, 1, 1)

typedef void tile_fn(const double *const *x, const double *const *y, size_t nx, size_t ny, size_t terms, size_t n,
                     double *s);

static void run_tile(const sbi_dot_job *job, tile_fn *tile, size_t tx, size_t ty, size_t i0, size_t j0)
{
    if (job->ix) { /* nothing to do if every pair lies on the wrong side */
        int wanted = 0;
        for (size_t i = i0; i < i0 + tx && !wanted; i++)
            for (size_t j = j0; j < j0 + ty && !wanted; j++)
                wanted = job->ix[i] <= job->iy[j];
        if (!wanted) return;
    }
    double s[TILE_X * TILE_Y + 16];
    tile(job->x + i0, job->y + j0, job->nx, job->ny, job->terms, job->n, s);
    for (size_t i = 0; i < tx; i++)
        for (size_t j = 0; j < ty; j++)
            if (!job->ix || job->ix[i0 + i] <= job->iy[j0 + j]) job->out[job->ox[i0 + i] + job->oy[j0 + j]] += s[i * ty + j];
}

void SBI_ISA(sbi_tape_dots)(const sbi_dot_job *job)
{
    const size_t nx = job->nx, ny = job->ny;
    size_t i = 0, j = 0;
    /* The x of a few tiles stay in the first-level cache while all y pass by. */
    for (size_t block = 0; block + TILE_X <= nx; block += X_TILES * TILE_X) {
        const size_t end = block + X_TILES * TILE_X < nx ? block + X_TILES * TILE_X : nx;
        for (j = 0; j + TILE_Y <= ny; j += TILE_Y)
            for (i = block; i + TILE_X <= end; i += TILE_X)
                run_tile(job, tile_full, TILE_X, TILE_Y, i, j);
    }
    i = nx / TILE_X * TILE_X;
    /* The rest: columns beyond the last full tile for the rows above, then the rows below it. */
    const size_t x_full = i, y_full = nx >= TILE_X ? ny / TILE_Y * TILE_Y : 0;
    for (j = y_full; j < ny; j++) {
        for (i = 0; i + 8 <= x_full; i += 8)
            run_tile(job, tile_column, 8, 1, i, j);
        for (; i < x_full; i++)
            run_tile(job, tile_one, 1, 1, i, j);
    }
    for (i = x_full; i < nx; i++) {
        for (j = 0; j + 8 <= ny; j += 8)
            run_tile(job, tile_row, 1, 8, i, j);
        for (; j < ny; j++)
            run_tile(job, tile_one, 1, 1, i, j);
    }
}

#define COMBINE_VECTORS 2
#define COMBINE_OUTPUTS 8

SBI_INLINE void combine_tile(double *const *out, const double *factors, const double *const *rows, size_t n_rows, size_t m,
                             size_t e)
{
    vd a[COMBINE_OUTPUTS][COMBINE_VECTORS];
    for (size_t j = 0; j < m; j++)
        for (int v = 0; v < COMBINE_VECTORS; v++)
            a[j][v] = splat(0.0);
    for (size_t k = 0; k < n_rows; k++) {
        vd r[COMBINE_VECTORS];
        for (int v = 0; v < COMBINE_VECTORS; v++)
            r[v] = load(rows[k] + e + VLEN * v);
        for (size_t j = 0; j < m; j++) {
            vd f = splat(factors[j * n_rows + k]);
            for (int v = 0; v < COMBINE_VECTORS; v++)
                a[j][v] = madd(f, r[v], a[j][v]);
        }
    }
    for (size_t j = 0; j < m; j++)
        for (int v = 0; v < COMBINE_VECTORS; v++)
            store(out[j] + e + VLEN * v, a[j][v]);
}

void SBI_ISA(sbi_tape_combine)(double *const *out, const double *factors, const double *const *rows, size_t n_rows,
                               size_t m, size_t n)
{
    size_t j = 0;
    for (; j + COMBINE_OUTPUTS <= m; j += COMBINE_OUTPUTS)
        for (size_t e = 0; e < n; e += VLEN * COMBINE_VECTORS)
            combine_tile(out + j, factors + j * n_rows, rows, n_rows, COMBINE_OUTPUTS, e);
    for (; j < m; j++)
        for (size_t e = 0; e < n; e += VLEN * COMBINE_VECTORS)
            combine_tile(out + j, factors + j * n_rows, rows, n_rows, 1, e);
}

SBI_INLINE void mix_all(double *const *out, const double *const *m, const double *const *rows, size_t w, size_t n)
{
    for (size_t e = 0; e < n; e += VLEN)
        for (size_t p = 0; p < w; p++) {
            vd a = splat(0.0);
            for (size_t q = 0; q < w; q++)
                a = madd(load(m[p * w + q] + e), load(rows[q] + e), a);
            store(out[p] + e, a);
        }
}

void SBI_ISA(sbi_tape_mix)(double *const *out, const double *const *m, const double *const *rows, size_t w, size_t n)
{
    int whole = 1;
    for (size_t q = 0; q < w; q++)
        if (!rows[q]) whole = 0;
    for (size_t i = 0; i < w * w; i++)
        if (!m[i]) whole = 0;
    if (whole) {
        switch (w) {
        case 1: mix_all(out, m, rows, 1, n); return;
        case 2: mix_all(out, m, rows, 2, n); return;
        case 3: mix_all(out, m, rows, 3, n); return;
        case 4: mix_all(out, m, rows, 4, n); return;
        default: mix_all(out, m, rows, w, n); return;
        }
    }
    for (size_t p = 0; p < w; p++) {
        memset(out[p], 0, n * sizeof *out[p]);
        for (size_t q = 0; q < w; q++) {
            if (!rows[q] || !m[p * w + q]) continue;
            for (size_t e = 0; e < n; e += VLEN)
                store(out[p] + e, madd(load(m[p * w + q] + e), load(rows[q] + e), load(out[p] + e)));
        }
    }
}

SBI_INLINE void mix_differences(double *const *out, const double *const *m, double *const *rows, const double *reference,
                                size_t w, size_t n)
{
    for (size_t e = 0; e < n; e += VLEN) {
        const vd r = load(reference + e);
        for (size_t q = 0; q < w; q++)
            store(rows[q] + e, load(rows[q] + e) - r);
        for (size_t p = 0; p < w; p++) {
            vd a = splat(0.0);
            for (size_t q = 0; q < w; q++)
                a = madd(load(m[p * w + q] + e), load(rows[q] + e), a);
            store(out[p] + e, a);
        }
    }
}

void SBI_ISA(sbi_tape_mix_differences)(double *const *out, const double *const *m, double *const *rows, const double *reference,
                                       size_t w, size_t n)
{
    switch (w) {
    case 1: mix_differences(out, m, rows, reference, 1, n); break;
    case 2: mix_differences(out, m, rows, reference, 2, n); break;
    case 3: mix_differences(out, m, rows, reference, 3, n); break;
    default: mix_differences(out, m, rows, reference, w, n); break;
    }
}

double SBI_ISA(sbi_tape_weighted_sum)(const double *weight, const double *x, size_t n)
{
    vd a = splat(0.0);
    for (size_t e = 0; e < n; e += VLEN) {
        vd w = load(weight + e);
        a = a + pick(w == splat(0.0), splat(0.0), w * load(x + e));
    }
    return lane_sum(a);
}

void SBI_ISA(sbi_tape_mask)(double *row, const double *weight, size_t n)
{
    for (size_t e = 0; e < n; e += VLEN)
        store(row + e, pick(load(weight + e) == splat(0.0), splat(0.0), load(row + e)));
}

void SBI_ISA(sbi_tape_product)(double *out, const double *a, const double *b, size_t n)
{
    for (size_t e = 0; e < n; e += VLEN)
        store(out + e, load(a + e) * load(b + e));
}

void SBI_ISA(sbi_tape_product2)(double *out, const double *a, const double *b, const double *c, const double *d, size_t n)
{
    for (size_t e = 0; e < n; e += VLEN)
        store(out + e, madd(load(a + e), load(b + e), load(c + e) * load(d + e)));
}
