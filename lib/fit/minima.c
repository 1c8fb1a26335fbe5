/* SPDX-License-Identifier: Apache-2.0 */
/* All local minima along a parameter: the dips of its profile, each followed down with everything free. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fit/profile.h"

typedef struct minima {
    size_t found, capacity, n_params;
    double *positions, *nll, *params; /* [capacity], params [capacity, n_params] or NULL */
} minima;

/* Inserts in ascending order of position; two at the same place are one, the deeper. */
static void insert(minima *m, const sbi_fit_point *p, size_t k, double apart)
{
    double at = p->x[k];
    size_t stored = m->found < m->capacity ? m->found : m->capacity, i = 0;
    while (i < stored && m->positions[i] < at - apart) i++;
    int same = i < stored && fabs(m->positions[i] - at) <= apart;
    if (same && m->nll[i] <= p->f) return;
    if (!same) {
        m->found++;
        if (i >= m->capacity) return;
        size_t last = stored < m->capacity ? stored : m->capacity - 1, count = last - i;
        memmove(m->positions + i + 1, m->positions + i, count * sizeof *m->positions);
        memmove(m->nll + i + 1, m->nll + i, count * sizeof *m->nll);
        if (m->params) {
            memmove(m->params + (i + 1) * m->n_params, m->params + i * m->n_params,
                    count * m->n_params * sizeof *m->params);
        }
    }
    m->positions[i] = at;
    m->nll[i] = p->f;
    if (m->params) memcpy(m->params + i * m->n_params, p->x, m->n_params * sizeof *m->params);
}

static int is_dip(const double *nll, size_t n, size_t i)
{
    if (!(nll[i] < INFINITY)) return 0;
    int left = i == 0 || !(nll[i - 1] < nll[i]), right = i + 1 == n || !(nll[i + 1] < nll[i]);
    return left && right;
}

static sbi_status follow_dips(sbi_fit *fit, size_t k, const double *grid, const double *nll, const double *params,
                              size_t n, minima *m)
{
    double spacing = grid[1] - grid[0], slack = 1e-9 * (grid[n - 1] - grid[0]);
    for (size_t i = 0; i < n; i++) {
        if (!is_dip(nll, n, i)) continue;
        sbi_fit_point *p = fit->inner;
        memcpy(p->x, params + i * m->n_params, m->n_params * sizeof *p->x);
        SBI_TRY(sbi_fit_local(fit, p));
        if (p->reason >= 10 || p->x[k] < grid[0] - slack || p->x[k] > grid[n - 1] + slack) continue;
        insert(m, p, k, 0.01 * spacing);
    }
    return SBI_OK;
}

sbi_status sbi_fit_minima(sbi_fit *fit, const char *name, double from, double to, size_t n_grid, size_t capacity,
                          size_t *n_found, double *positions, double *nll, double *params)
{
    SBI_REQUIRE(fit && n_found, "sbi_fit_minima: fit or n_found is NULL");
    SBI_REQUIRE(!capacity || (positions && nll), "sbi_fit_minima: positions or nll is NULL");
    *n_found = 0;
    size_t k;
    SBI_TRY(sbi_fit_find(fit, name, "sbi_fit_minima", &k));
    const sbi_fit_objective *o = fit->objective;
    if (fit->best->state[k] == SBI_FIT_FIXED) {
        return sbi_fail(SBI_ERR_STATE, "sbi_fit_minima: %s is fixed at %g", name, fit->best->x[k]);
    }
    SBI_REQUIRE(n_grid >= 3 && n_grid < 1u << 24, "sbi_fit_minima: n_grid is %zu, expected at least 3", n_grid);
    SBI_REQUIRE(isfinite(from) && isfinite(to) && from < to && from >= o->lower[k] && to <= o->upper[k],
                "sbi_fit_minima: the range [%g, %g] is empty or outside of the bounds [%g, %g] of %s", from, to,
                o->lower[k], o->upper[k], name);
    size_t n = fit->best->n;
    double *grid = sbi_alloc_array(fit->ctx, n_grid, (2 + n) * sizeof *grid);
    if (!grid) return SBI_ERR_NO_MEMORY;
    double *profile = grid + n_grid, *points = grid + 2 * n_grid;
    for (size_t i = 0; i < n_grid; i++) grid[i] = from + (to - from) * ((double)i / (double)(n_grid - 1));
    grid[n_grid - 1] = to;
    minima m = {0, capacity, n, positions, nll, params};
    sbi_status status = sbi_fit_profile_index(fit, k, grid, n_grid, profile, points);
    if (status == SBI_OK) status = follow_dips(fit, k, grid, profile, points, n_grid, &m);
    if (status == SBI_OK) *n_found = m.found;
    sbi_free(fit->ctx, grid);
    return status;
}
