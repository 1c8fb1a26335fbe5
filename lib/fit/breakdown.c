/* SPDX-License-Identifier: Apache-2.0 */
/* The uncertainty of one parameter as a sum over independent data: auxiliary observations by groups, and the events. */
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/blas.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "fit/selection.h"
#include "sbi/systematics.h"

typedef struct line {
    char *name;
    int32_t n_parameters;
    int32_t reserved_;
    double variance, without, conventional;
} line;

struct sbi_breakdown {
    sbi_context *ctx;
    line *lines; /* groups, other, statistical, total */
    size_t n;
};

/* One run. */
typedef struct run {
    sbi_breakdown *out;
    const sbi_fit *fit;
    size_t poi, n_groups;
    size_t *group; /* [P] index of the group, n_groups for other, or SBI_NOT_CHOSEN */
    double *w;     /* [P] information of the constraint */
    double *A;     /* [P, P] scratch */
    double *b;     /* [P] scratch */
    size_t *list;  /* [P] scratch */
} run;

/* ---- variances --------------------------------------------------------------------------------------------------- */

static double group_variance(const run *r, size_t group)
{
    const size_t n = r->fit->best->n;
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        const double V = r->fit->covariance[r->poi * n + k];
        if (r->group[k] == group) sum += V * V * r->w[k];
    }
    return sum / (2 * r->fit->level);
}

/* The data's part by itself, so that the sum is a statement and not a definition. */
static double data_variance(const run *r)
{
    const sbi_fit *fit = r->fit;
    const size_t n = fit->best->n;
    const double *V = fit->covariance + r->poi * n;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) sum += V[i] * V[j] * (fit->best->H[i * n + j] - (i == j ? r->w[i] : 0));
    return sum / (2 * fit->level);
}

static int held(const run *r, size_t k, size_t group)
{
    const size_t g = r->group[k];
    if (k == r->poi || g == SBI_NOT_CHOSEN) return 0;
    return group == SBI_NOT_CHOSEN ? r->w[k] > 0 : g == group;
}

/* Error of the parameter of interest with a group held (SBI_NOT_CHOSEN: all constrained parameters): from the Hessian's other rows. */
static sbi_status error_without(const run *r, size_t group, double *error)
{
    const sbi_fit_point *p = r->fit->best;
    size_t m = 0, at = 0;
    for (size_t k = 0; k < p->n; k++) {
        if (p->state[k] != SBI_FIT_FREE || held(r, k, group)) continue;
        if (k == r->poi) at = m;
        r->list[m++] = k;
    }
    for (size_t i = 0; i < m; i++) {
        r->b[i] = 0;
        for (size_t j = 0; j < m; j++)
            r->A[i * m + j] = p->H[r->list[i] * p->n + r->list[j]] * p->scale[r->list[i]] * p->scale[r->list[j]];
    }
    r->b[at] = 1;
    sbi_blas_enter();
    lapack_int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (lapack_int)m, r->A, (lapack_int)m);
    if (info == 0) info = LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', (lapack_int)m, 1, r->A, (lapack_int)m, r->b, (lapack_int)m);
    sbi_blas_leave();
    if (info != 0) return sbi_fail(SBI_ERR_SINGULAR, "sbi_breakdown_run: a part of the Hessian is not positive definite");
    *error = sqrt(2 * r->fit->level * r->b[at]) * p->scale[r->poi];
    return SBI_OK;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static line *add_line(const run *r, const char *name)
{
    line *l = &r->out->lines[r->out->n];
    l->name = sbi_strdup(r->out->ctx, name);
    if (!l->name) return NULL;
    r->out->n++;
    return l;
}

static sbi_status add_group(const run *r, const char *name, size_t group, double total)
{
    int32_t members = 0;
    for (size_t k = 0; k < r->fit->best->n; k++) members += r->group[k] == group;
    if (group == r->n_groups && !members) return SBI_OK;
    line *l = add_line(r, name);
    if (!l) return SBI_ERR_NO_MEMORY;
    l->n_parameters = members;
    l->variance = group_variance(r, group);
    SBI_TRY(error_without(r, group, &l->without));
    l->conventional = sqrt(fmax(total * total - l->without * l->without, 0)); /* rounding, where the group does nothing */
    return SBI_OK;
}

static sbi_status add_lines(const run *r, const sbi_parameter_group *groups)
{
    const sbi_fit_point *p = r->fit->best;
    const double variance = r->fit->covariance[r->poi * p->n + r->poi], total = sqrt(variance);
    int32_t n_free = 0, n_data = 0;
    for (size_t k = 0; k < p->n; k++) {
        n_free += p->state[k] == SBI_FIT_FREE;
        n_data += p->state[k] == SBI_FIT_FREE && !(r->w[k] > 0);
    }
    for (size_t g = 0; g <= r->n_groups; g++) SBI_TRY(add_group(r, g < r->n_groups ? groups[g].name : "other", g, total));
    line *l = add_line(r, "statistical");
    if (!l) return SBI_ERR_NO_MEMORY;
    l->n_parameters = n_data;
    l->variance = data_variance(r);
    SBI_TRY(error_without(r, SBI_NOT_CHOSEN, &l->without));
    l->conventional = l->without;
    l = add_line(r, "total");
    if (!l) return SBI_ERR_NO_MEMORY;
    l->n_parameters = n_free;
    l->variance = variance;
    l->without = l->conventional = total;
    return SBI_OK;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static sbi_status check_groups(const sbi_parameter_group *groups, size_t n)
{
    for (size_t g = 0; g < n; g++) {
        const sbi_parameter_group *group = &groups[g];
        if (group->struct_size != sizeof *group)
            return sbi_fail(SBI_ERR_ABI, "sbi_parameter_group: struct_size is %u, expected %zu", (unsigned)group->struct_size, sizeof *group);
        SBI_REQUIRE(group->name && *group->name, "sbi_breakdown_run: the name of group %zu is NULL or empty", g);
        SBI_REQUIRE(group->n_patterns && group->patterns, "sbi_breakdown_run: group %s has no patterns", group->name);
        for (size_t i = 0; i < g; i++)
            if (strcmp(groups[i].name, group->name) == 0)
                return sbi_fail(SBI_ERR_EXISTS, "sbi_breakdown_run: two groups are named %s", group->name);
        if (strcmp(group->name, "other") == 0 || strcmp(group->name, "statistical") == 0 || strcmp(group->name, "total") == 0)
            return sbi_fail(SBI_ERR_EXISTS, "sbi_breakdown_run: a group may not be named %s: there is such a line", group->name);
    }
    return SBI_OK;
}

static sbi_status sort_parameters(const run *r, const sbi_parameter_group *groups)
{
    const sbi_fit *fit = r->fit;
    for (size_t k = 0; k < fit->best->n; k++) r->group[k] = SBI_NOT_CHOSEN;
    for (size_t g = 0; g < r->n_groups; g++) {
        for (size_t i = 0; i < groups[g].n_patterns; i++) {
            sbi_status status = sbi_fit_choose(fit, groups[g].patterns[i], r->poi, "sbi_breakdown_run", g, r->group);
            if (status != SBI_OK) return sbi_fail_within(status, "group %s", groups[g].name);
        }
    }
    for (size_t k = 0; k < fit->best->n; k++) {
        const sbi_constraint c = sbi_fit_objective_constraint(fit->objective, k);
        r->w[k] = fit->best->state[k] == SBI_FIT_FREE ? sbi_constraint_information(&c, fit->best->x[k]) : 0;
        if (r->w[k] > 0 && r->group[k] == SBI_NOT_CHOSEN) r->group[k] = r->n_groups;
    }
    return SBI_OK;
}

static sbi_status allocate(run *r, size_t n)
{
    sbi_context *ctx = r->fit->ctx;
    r->out = sbi_alloc_zero(ctx, 1, sizeof *r->out);
    if (!r->out) return SBI_ERR_NO_MEMORY;
    r->out->ctx = ctx;
    r->out->lines = sbi_alloc_zero(ctx, r->n_groups + 3, sizeof *r->out->lines);
    r->group = sbi_alloc_array(ctx, n, sizeof *r->group);
    r->list = sbi_alloc_array(ctx, n, sizeof *r->list);
    r->w = sbi_alloc_array(ctx, n, sizeof *r->w);
    r->b = sbi_alloc_array(ctx, n, sizeof *r->b);
    r->A = sbi_alloc_array(ctx, n, n * sizeof *r->A);
    return r->out->lines && r->group && r->list && r->w && r->b && r->A ? SBI_OK : SBI_ERR_NO_MEMORY;
}

sbi_status sbi_breakdown_run(sbi_breakdown **out, const sbi_fit *fit, const char *poi, const sbi_parameter_group *groups,
                             size_t n_groups)
{
    SBI_REQUIRE(out, "sbi_breakdown_run: out is NULL");
    *out = NULL;
    run r = {.fit = fit, .n_groups = n_groups};
    SBI_REQUIRE(!n_groups || groups, "sbi_breakdown_run: n_groups is %zu, but groups is NULL", n_groups);
    SBI_TRY(sbi_fit_find_interest(fit, poi, "sbi_breakdown_run", &r.poi));
    SBI_TRY(check_groups(groups, n_groups));
    sbi_status status = allocate(&r, fit->best->n);
    if (status == SBI_OK) status = sort_parameters(&r, groups);
    if (status == SBI_OK) status = add_lines(&r, groups);
    sbi_free(fit->ctx, r.group);
    sbi_free(fit->ctx, r.list);
    sbi_free(fit->ctx, r.w);
    sbi_free(fit->ctx, r.b);
    sbi_free(fit->ctx, r.A);
    if (status != SBI_OK) {
        sbi_breakdown_destroy(r.out);
        return status;
    }
    *out = r.out;
    return SBI_OK;
}

void sbi_breakdown_destroy(sbi_breakdown *breakdown)
{
    if (!breakdown) return;
    for (size_t i = 0; i < breakdown->n; i++) sbi_free(breakdown->ctx, breakdown->lines[i].name);
    sbi_free(breakdown->ctx, breakdown->lines);
    sbi_free(breakdown->ctx, breakdown);
}

size_t sbi_breakdown_count(const sbi_breakdown *breakdown)
{
    return breakdown ? breakdown->n : 0;
}

sbi_status sbi_breakdown_get(const sbi_breakdown *breakdown, size_t index, sbi_breakdown_entry *entry)
{
    SBI_REQUIRE(breakdown && entry, "sbi_breakdown_get: breakdown or entry is NULL");
    SBI_REQUIRE(index < breakdown->n, "sbi_breakdown_get: index is %zu, there are %zu lines", index, breakdown->n);
    if (entry->struct_size < sizeof *entry)
        return sbi_fail(SBI_ERR_ABI, "sbi_breakdown_entry: struct_size is %u, expected at least %zu", (unsigned)entry->struct_size,
                        sizeof *entry);
    const line *l = &breakdown->lines[index];
    entry->n_parameters = l->n_parameters;
    entry->name = l->name;
    entry->variance = l->variance;
    entry->uncertainty = l->variance >= 0 ? sqrt(l->variance) : NAN;
    entry->without = l->without;
    entry->conventional = l->conventional;
    return SBI_OK;
}
