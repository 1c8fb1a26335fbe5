/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/objective.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"

void sbi_objective_init(sbi_objective *objective)
{
    if (!objective) return;
    sbi_objective defaults = SBI_OBJECTIVE_INIT;
    *objective = defaults;
}

/* A table of twice as many places as names: a fit may have tens of thousands of parameters. */
static sbi_status require_distinct_names(sbi_fit_objective *o)
{
    size_t places = 2 * o->n + 1;
    uint32_t *table = sbi_alloc_zero(o->ctx, places, sizeof *table); /* index + 1; 0: empty */
    if (!table) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (size_t k = 0; k < o->n && status == SBI_OK; k++) {
        uint64_t hash = 14695981039346656037u; /* FNV-1a */
        for (const char *c = o->names[k]; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
        size_t at = (size_t)(hash % places);
        for (; table[at] && strcmp(o->names[table[at] - 1], o->names[k]) != 0; at = (at + 1) % places) {}
        if (table[at]) {
            status = sbi_fail(SBI_ERR_ARGUMENT, "sbi_objective: parameters %zu and %zu are both named %s",
                              (size_t)table[at] - 1, k, o->names[k]);
        }
        table[at] = (uint32_t)k + 1;
    }
    sbi_free(o->ctx, table);
    return status;
}

static sbi_status copy_arrays(sbi_fit_objective *o, const sbi_objective *given)
{
    size_t n = o->n;
    o->names = sbi_alloc_zero(o->ctx, n, sizeof *o->names);
    double *block = sbi_alloc_zero(o->ctx, n, 6 * sizeof *block);
    o->start = block;
    o->fixed = sbi_alloc_zero(o->ctx, 2 * n, sizeof *o->fixed);
    if (!o->names || !block || !o->fixed) return SBI_ERR_NO_MEMORY;
    o->kind = o->fixed + n;
    o->lower = block + n;
    o->upper = block + 2 * n;
    o->center = block + 3 * n;
    o->sigma = block + 4 * n;
    o->scratch = block + 5 * n;
    for (size_t k = 0; k < n; k++) {
        if (given->names) {
            SBI_REQUIRE(given->names[k] && given->names[k][0], "sbi_objective: names[%zu] is NULL or empty", k);
            o->names[k] = sbi_strdup(o->ctx, given->names[k]);
        } else {
            o->names[k] = sbi_strf(o->ctx, "p%zu", k);
        }
        if (!o->names[k]) return SBI_ERR_NO_MEMORY;
        o->start[k] = given->start[k];
        o->lower[k] = given->lower ? given->lower[k] : -INFINITY;
        o->upper[k] = given->upper ? given->upper[k] : INFINITY;
        o->fixed[k] = given->fixed ? given->fixed[k] != 0 : 0;
        o->sigma[k] = given->constraint_sigma ? given->constraint_sigma[k] : 0;
        o->center[k] = given->constraint_center ? given->constraint_center[k] : 0;
        SBI_REQUIRE(isfinite(o->sigma[k]) && o->sigma[k] >= 0, "sbi_objective: %s: constraint_sigma is %g", o->names[k],
                    o->sigma[k]);
        SBI_REQUIRE(isfinite(o->center[k]), "sbi_objective: %s: constraint_center is %g", o->names[k], o->center[k]);
        if (o->sigma[k] > 0) o->kind[k] = given->constraint_kind ? given->constraint_kind[k] : SBI_CONSTRAINT_GAUSSIAN;
        SBI_REQUIRE(o->kind[k] >= SBI_CONSTRAINT_NONE && o->kind[k] <= SBI_CONSTRAINT_LOGNORMAL,
                    "sbi_objective: %s: constraint_kind is %d", o->names[k], (int)o->kind[k]);
    }
    return require_distinct_names(o);
}

sbi_status sbi_fit_objective_create(sbi_fit_objective **out, sbi_context *ctx, const sbi_objective *objective,
                                    void (*release)(sbi_context *ctx, void *user))
{
    *out = NULL;
    sbi_fit_objective *o = sbi_alloc_zero(ctx, 1, sizeof *o);
    if (!o) {
        if (release) release(ctx, objective->user);
        return SBI_ERR_NO_MEMORY;
    }
    o->ctx = ctx;
    o->f = *objective;
    o->release = release;
    o->n = objective->n_params;
    o->moved = SIZE_MAX;
    sbi_status status = SBI_OK;
    if (o->n == 0 || o->n > 100000) {
        status = sbi_fail(SBI_ERR_ARGUMENT, "sbi_objective: n_params is %zu", o->n);
    } else if (!objective->start) {
        status = sbi_fail(SBI_ERR_ARGUMENT, "sbi_objective: start is NULL");
    } else if (!objective->gradient) {
        status = sbi_fail(SBI_ERR_ARGUMENT, "sbi_objective: gradient is NULL");
    } else {
        status = copy_arrays(o, objective);
    }
    if (status != SBI_OK) {
        sbi_fit_objective_destroy(o);
        return status;
    }
    *out = o;
    return SBI_OK;
}

void sbi_fit_objective_destroy(sbi_fit_objective *o)
{
    if (!o) return;
    if (o->release) o->release(o->ctx, o->f.user);
    if (o->names)
        for (size_t k = 0; k < o->n; k++) sbi_free(o->ctx, o->names[k]);
    sbi_free(o->ctx, o->names);
    sbi_free(o->ctx, o->start);
    sbi_free(o->ctx, o->fixed);
    sbi_free(o->ctx, o->unit);
    sbi_free(o->ctx, o);
}

sbi_status sbi_fit_objective_find(const sbi_fit_objective *o, const char *name, size_t *index, const char *where)
{
    SBI_REQUIRE(name, "%s: a parameter name is NULL", where);
    for (size_t k = 0; k < o->n; k++) {
        if (strcmp(o->names[k], name) == 0) {
            *index = k;
            return SBI_OK;
        }
    }
    return sbi_fail(SBI_ERR_NOT_FOUND, "%s: no parameter is named '%s'", where, name);
}

static sbi_status override(sbi_fit_objective *o, const sbi_fit_options *opt)
{
    size_t k;
    SBI_REQUIRE(!opt->n_bounds || (opt->bound_names && opt->bound_lower && opt->bound_upper),
                "sbi_fit_options: n_bounds is %zu, but an array of bounds is NULL", opt->n_bounds);
    SBI_REQUIRE(!opt->n_start || (opt->start_names && opt->start_values),
                "sbi_fit_options: n_start is %zu, but start_names or start_values is NULL", opt->n_start);
    SBI_REQUIRE(!opt->n_fixed || opt->fixed_names, "sbi_fit_options: n_fixed is %zu, but fixed_names is NULL",
                opt->n_fixed);
    SBI_REQUIRE(!opt->n_free || opt->free_names, "sbi_fit_options: n_free is %zu, but free_names is NULL", opt->n_free);
    for (size_t i = 0; i < opt->n_bounds; i++) {
        SBI_TRY(sbi_fit_objective_find(o, opt->bound_names[i], &k, "sbi_fit_options: bound_names"));
        o->lower[k] = opt->bound_lower[i];
        o->upper[k] = opt->bound_upper[i];
    }
    for (size_t i = 0; i < opt->n_start; i++) {
        SBI_TRY(sbi_fit_objective_find(o, opt->start_names[i], &k, "sbi_fit_options: start_names"));
        o->start[k] = opt->start_values[i];
    }
    for (size_t i = 0; i < opt->n_free; i++) {
        SBI_TRY(sbi_fit_objective_find(o, opt->free_names[i], &k, "sbi_fit_options: free_names"));
        o->fixed[k] = 0;
    }
    for (size_t i = 0; i < opt->n_fixed; i++) {
        SBI_TRY(sbi_fit_objective_find(o, opt->fixed_names[i], &k, "sbi_fit_options: fixed_names"));
        o->fixed[k] = 1;
        if (opt->fixed_values && !isnan(opt->fixed_values[i])) o->start[k] = opt->fixed_values[i];
    }
    return SBI_OK;
}

sbi_status sbi_fit_objective_configure(sbi_fit_objective *o, const sbi_fit_options *options)
{
    SBI_TRY(override(o, options));
    for (size_t k = 0; k < o->n; k++) {
        const char *name = o->names[k];
        SBI_REQUIRE(!isnan(o->lower[k]) && !isnan(o->upper[k]) && o->lower[k] < INFINITY && o->upper[k] > -INFINITY,
                    "sbi_fit: %s: bounds are %g and %g", name, o->lower[k], o->upper[k]);
        SBI_REQUIRE(o->lower[k] <= o->upper[k], "sbi_fit: %s: lower bound %g is above upper bound %g", name, o->lower[k],
                    o->upper[k]);
        SBI_REQUIRE(isfinite(o->start[k]), "sbi_fit: %s: start value is %g", name, o->start[k]);
        SBI_REQUIRE(o->start[k] >= o->lower[k] && o->start[k] <= o->upper[k],
                    "sbi_fit: %s: start value %g is outside of [%g, %g]", name, o->start[k], o->lower[k], o->upper[k]);
    }
    return SBI_OK;
}

int sbi_fit_objective_has_hessian(const sbi_fit_objective *o)
{
    return o->f.hessian || o->f.hvp;
}

int sbi_fit_objective_products_only(const sbi_fit_objective *o)
{
    return !o->f.hessian && o->f.hvp;
}

int64_t sbi_fit_objective_evaluations(const sbi_fit_objective *o)
{
    return o->values + o->gradients + o->hessians + o->products;
}

static int all_finite(const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i])) return 0;
    return 1;
}

/* A few unit vectors at a time, so that no second matrix is needed. */
static sbi_status rows_from_products(sbi_fit_objective *o, const double *x, double *H)
{
    size_t n = o->n;
    if (!o->unit) o->unit = sbi_alloc_zero(o->ctx, n < SBI_FIT_UNIT_ROWS ? n : SBI_FIT_UNIT_ROWS, n * sizeof *o->unit);
    if (!o->unit) return SBI_ERR_NO_MEMORY;
    for (size_t first = 0; first < n; first += SBI_FIT_UNIT_ROWS) {
        size_t count = n - first < SBI_FIT_UNIT_ROWS ? n - first : SBI_FIT_UNIT_ROWS;
        for (size_t i = 0; i < count; i++) o->unit[i * n + first + i] = 1;
        sbi_status status = o->f.hvp(o->f.user, x, o->unit, count, H + first * n);
        for (size_t i = 0; i < count; i++) o->unit[i * n + first + i] = 0;
        SBI_TRY(status);
        SBI_TRY(sbi_check_cancel(o->ctx, "fit"));
    }
    return SBI_OK;
}

static sbi_status call(sbi_fit_objective *o, const double *x, double *f, double *g, double *H)
{
    if (!g && o->f.value) {
        o->values++;
        return o->f.value(o->f.user, x, f);
    }
    if (!H || !o->f.hessian) {
        o->gradients++;
        SBI_TRY(o->f.gradient(o->f.user, x, f, g ? g : o->scratch));
        if (!H || !isfinite(*f)) return SBI_OK;
        o->hessians++;
        return rows_from_products(o, x, H);
    }
    o->hessians++;
    return o->f.hessian(o->f.user, x, f, g, H);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

sbi_constraint sbi_fit_objective_constraint(const sbi_fit_objective *o, size_t k)
{
    return (sbi_constraint){o->kind[k], 0, o->center[k], o->sigma[k]};
}

/* Only the constraint term knows the auxiliary observation, so moving that is a function of one parameter. */
static void auxiliary_change(const sbi_fit_objective *o, const double *x, double change[3])
{
    const sbi_constraint c = sbi_fit_objective_constraint(o, o->moved);
    sbi_constraint_change(&c, o->moved_to, x[o->moved], change);
}

static void move_auxiliary(const sbi_fit_objective *o, const double *x, double *f, double *g, double *H)
{
    const size_t k = o->moved;
    double change[3];
    auxiliary_change(o, x, change);
    *f += change[0];
    if (g) g[k] += change[1];
    if (H) H[k * o->n + k] += change[2];
}

sbi_status sbi_fit_objective_products(sbi_fit_objective *o, const double *x, const double *V, size_t m, double *HV)
{
    SBI_TRY(sbi_check_cancel(o->ctx, "fit"));
    double began = now();
    o->products += (int64_t)m;
    sbi_status status = o->f.hvp(o->f.user, x, V, m, HV);
    o->seconds += now() - began;
    if (status != SBI_OK || o->moved == SIZE_MAX) return status;
    double change[3];
    auxiliary_change(o, x, change);
    for (size_t i = 0; i < m; i++)
        HV[i * o->n + o->moved] += change[2] * V[i * o->n + o->moved];
    return SBI_OK;
}

sbi_status sbi_fit_objective_eval(sbi_fit_objective *o, const double *x, double *f, double *g, double *H)
{
    SBI_TRY(sbi_check_cancel(o->ctx, "fit"));
    double scratch_value = NAN;
    double began = now();
    sbi_status status = call(o, x, &scratch_value, g, H);
    o->seconds += now() - began;
    if (status != SBI_OK) return status;
    *f = scratch_value;
    if (o->moved != SIZE_MAX) move_auxiliary(o, x, f, g, H);
    /* -inf is not a better place, it is a broken one. */
    if (!isfinite(*f) || (g && !all_finite(g, o->n)) || (H && !all_finite(H, o->n * o->n))) {
        *f = INFINITY;
        o->infinite++;
    }
    return SBI_OK;
}
