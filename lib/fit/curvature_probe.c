/* SPDX-License-Identifier: Apache-2.0 */
/* What products with chosen vectors tell of a Hessian that nobody forms. Sources: diagonal by random signs: Bekas, Kokiopoulou and
 * Saad, Appl. Numer. Math. 57 (2007) 1214; smallest eigenvalue: Lanczos, with full orthogonalisation. */
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/blas.h"
#include "base/error.h"
#include "base/random.h"
#include "fit/truncated_step.h"

#define PROBES 16
#define FIRST_ROUNDS 6
#define LATER_ROUNDS 2

/* Means of v_k (H v)_k over probes v of random signs times scale, and the spread that other columns cause. */
static sbi_status probe_diagonal(sbi_products *s, uint64_t round, const double *scale, double *mean, double *noise)
{
    size_t n = s->p->n;
    double *V = s->block, *HV = s->block + PROBES * n;
    for (size_t k = 0; k < n; k++) {
        uint64_t bits = sbi_random_u64(0x5b1d, round, k);
        for (size_t i = 0; i < PROBES; i++)
            V[i * n + k] = s->p->state[k] != SBI_FIT_FREE ? 0 : (bits >> i & 1) ? scale[k] : -scale[k];
    }
    SBI_TRY(sbi_fit_objective_products(s->w->objective, s->p->x, V, PROBES, HV));
    for (size_t k = 0; k < n; k++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < PROBES; i++) {
            double v = V[i * n + k] * HV[i * n + k];
            sum += v;
            squares += v * v;
        }
        mean[k] = sum / PROBES;
        noise[k] = sqrt(fmax(0, squares / PROBES - mean[k] * mean[k]) / PROBES);
    }
    return SBI_OK;
}

/* The diagonal itself, of few parameters. */
static sbi_status exact_diagonal(sbi_products *s, size_t count, const double *scale, double *mean, double *noise)
{
    size_t n = s->p->n, row = 0;
    double *V = s->block, *HV = s->block + PROBES * n;
    memset(V, 0, count * n * sizeof *V);
    for (size_t k = 0; k < n; k++)
        if (s->p->state[k] == SBI_FIT_FREE) V[row++ * n + k] = scale[k];
    SBI_TRY(sbi_fit_objective_products(s->w->objective, s->p->x, V, count, HV));
    row = 0;
    for (size_t k = 0; k < n; k++) {
        mean[k] = s->p->state[k] == SBI_FIT_FREE ? HV[row++ * n + k] * scale[k] : 0;
        noise[k] = 0;
    }
    return SBI_OK;
}

sbi_status sbi_products_scales(sbi_products *s, double level, int first, double *scale)
{
    _Static_assert(2 * PROBES <= SBI_PRODUCTS_BLOCK, "probes and their products share the block");
    const sbi_fit_objective *o = s->w->objective;
    size_t n = s->p->n, free_count = 0;
    double *mean = s->other, *noise = s->natural;
    for (size_t k = 0; k < n; k++) free_count += s->p->state[k] == SBI_FIT_FREE;
    int changed = free_count > 0;
    double much = first ? 2 : 10;
    /* A parameter of much larger curvature drowns the others: they show in the next round, in better units. */
    for (uint64_t round = 0; round < (first ? FIRST_ROUNDS : LATER_ROUNDS) && changed; round++) {
        if (free_count <= PROBES) SBI_TRY(exact_diagonal(s, free_count, scale, mean, noise));
        else SBI_TRY(probe_diagonal(s, round, scale, mean, noise));
        changed = 0;
        for (size_t k = 0; k < n; k++) {
            if (s->p->state[k] != SBI_FIT_FREE) continue;
            double guess = sbi_fit_guess_scale(o, k, s->p->x[k]), unit = scale[k];
            double seen = fmax(fabs(mean[k]), noise[k]) / (unit * unit);
            int usable = isfinite(seen) && seen * guess * guess * 1e12 > level;
            scale[k] = usable ? sqrt(2 * level / seen) : guess;
            if (free_count > PROBES && (scale[k] > much * unit || scale[k] * much < unit)) changed = 1;
        }
    }
    return SBI_OK;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* v less its parts along the basis, twice, since once leaves rounding. */
static void orthogonalise(const double *basis, size_t count, size_t n, double *v)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            double part = dot(basis + i * n, v, n);
            for (size_t k = 0; k < n; k++) v[k] -= part * basis[i * n + k];
        }
    }
}

sbi_status sbi_products_least(sbi_products *s, uint64_t tries, double *smallest, double *largest, double *direction)
{
    size_t n = s->p->n, free_count = 0, count = 0;
    double *basis = s->block, *v = s->rest, a[SBI_PRODUCTS_BLOCK], b[SBI_PRODUCTS_BLOCK];
    double vectors[SBI_PRODUCTS_BLOCK * SBI_PRODUCTS_BLOCK], work[2 * SBI_PRODUCTS_BLOCK];
    for (size_t k = 0; k < n; k++) {
        int is_free = s->p->state[k] == SBI_FIT_FREE;
        v[k] = is_free ? sbi_random_normal(0x5b1e + tries, 0, k) : 0;
        free_count += (size_t)is_free;
    }
    memset(direction, 0, n * sizeof *direction);
    *smallest = *largest = NAN;
    size_t most = free_count < SBI_PRODUCTS_BLOCK ? free_count : SBI_PRODUCTS_BLOCK;
    double size = 0;
    while (count < most) {
        double length = sqrt(dot(v, v, n));
        if (!(length > 1e-10 * size)) break; /* the space is exhausted */
        for (size_t k = 0; k < n; k++) basis[count * n + k] = v[k] / length;
        if (count) b[count - 1] = length;
        SBI_TRY(sbi_products_apply(s, basis + count * n, v));
        a[count] = dot(basis + count * n, v, n);
        if (!isfinite(a[count])) return SBI_OK;
        size = fmax(size, sqrt(dot(v, v, n)));
        count++;
        orthogonalise(basis, count, n, v);
    }
    if (count == 0) return SBI_OK;
    sbi_blas_enter();
    lapack_int info = LAPACKE_dsteqr_work(LAPACK_COL_MAJOR, 'I', (lapack_int)count, a, b, vectors, (lapack_int)count, work);
    sbi_blas_leave();
    if (info != 0) return sbi_fail(SBI_ERR_INTERNAL, "sbi_fit: dsteqr of order %zu failed with %d", count, (int)info);
    *smallest = a[0];
    *largest = a[count - 1];
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < n; k++) direction[k] += vectors[i] * basis[i * n + k];
    return SBI_OK;
}
