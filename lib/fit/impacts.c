/* SPDX-License-Identifier: Apache-2.0 */
/* Impacts of nuisance parameters, each by one movement down and one up. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "fit/selection.h"
#include "sbi/systematics.h"

#define MESSAGE_SIZE 160

typedef struct impact_side {
    int32_t reason;
    int32_t reserved_;
    double moved;
    double *shift; /* [P] */
    char message[MESSAGE_SIZE];
} impact_side;

typedef struct moved_parameter {
    size_t k;
    sbi_constraint constraint;
    double pull, constrained, size;
    impact_side sides[2];
} moved_parameter;

struct sbi_impacts {
    sbi_context *ctx;
    size_t n, n_params, poi, failures;
    moved_parameter *list; /* [n] by size */
    double *shifts;        /* [n, 2, P] */
    char **names;          /* [n], in the order of `list` */
};

/* One run: options, and the fit that is asked. */
typedef struct run {
    sbi_impacts *out;
    sbi_fit *fit;
    int32_t method;
} run;

void sbi_impacts_options_init(sbi_impacts_options *options)
{
    if (!options) return;
    const sbi_impacts_options defaults = SBI_IMPACTS_OPTIONS_INIT;
    *options = defaults;
}

/* ---- one side ---------------------------------------------------------------------------------------------------- */

static void fail_side(impact_side *s, int32_t reason, const char *format, ...) SBI_PRINTF(3, 4);
static void fail_side(impact_side *s, int32_t reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->message, sizeof s->message, format, arguments);
    va_end(arguments);
    s->reason = reason;
}

/* Everything follows the covariance: `factor` times its column k. */
static void move_linearly(const run *r, const moved_parameter *p, double factor, impact_side *s)
{
    const size_t n = r->out->n_params;
    for (size_t j = 0; j < n; j++) s->shift[j] = factor * r->fit->covariance[j * n + p->k];
    s->reason = 0;
}

/* Fits again from fit->inner->x, with parameter k at its value there if `held`. */
static sbi_status refit(const run *r, const moved_parameter *p, int held, impact_side *s)
{
    sbi_fit *fit = r->fit;
    const size_t n = r->out->n_params;
    const double goal = 1e-10 * fit->level, value = fit->inner->x[p->k];
    sbi_fit_point *point = fit->inner;
    memcpy(fit->fixed, fit->objective->fixed, n * sizeof *fit->fixed);
    if (held) fit->fixed[p->k] = 1;
    sbi_status status = sbi_fit_again(fit, goal, fit->fixed, point);
    if (status == SBI_OK && !(point->f < INFINITY)) {
        /* The prediction went where F does not exist: from the best fit's other parameters. */
        sbi_fit_point_copy(point, fit->best);
        if (held) point->x[p->k] = value;
        status = sbi_fit_again(fit, goal, fit->fixed, point);
    }
    SBI_TRY(status);
    if (!(point->f < INFINITY)) {
        fail_side(s, SBI_IMPACT_INFINITE, "the likelihood does not exist where the refit starts");
    } else if (point->reason >= 10) {
        fail_side(s, point->reason, "the refit failed: %s", sbi_fit_reason_text(point->reason));
    } else {
        for (size_t j = 0; j < n; j++) s->shift[j] = point->x[j] - fit->best->x[j];
        s->reason = point->reason;
    }
    return SBI_OK;
}

/* Holds the parameter at s->moved. */
static sbi_status hold(const run *r, const moved_parameter *p, impact_side *s)
{
    sbi_fit *fit = r->fit;
    const sbi_fit_objective *o = fit->objective;
    const size_t k = p->k;
    if (!(s->moved >= o->lower[k] && s->moved <= o->upper[k])) {
        fail_side(s, SBI_IMPACT_OUTSIDE_BOUNDS, "%g is outside of the bounds [%g, %g]", s->moved, o->lower[k], o->upper[k]);
        return SBI_OK;
    }
    sbi_fit_point_copy(fit->inner, fit->best);
    sbi_fit_predict(fit, k, s->moved, fit->inner->x);
    return refit(r, p, 1, s);
}

/* Shifts the auxiliary observation to s->moved; begins where the covariance expects the result. */
static sbi_status shift_auxiliary(const run *r, const moved_parameter *p, int sign, impact_side *s)
{
    sbi_fit *fit = r->fit;
    sbi_fit_objective *o = fit->objective;
    if (p->constraint.kind == SBI_CONSTRAINT_POISSON && s->moved < 0) {
        fail_side(s, SBI_IMPACT_NO_DATUM, "an auxiliary count of %g cannot be", s->moved / (o->sigma[p->k] * o->sigma[p->k]));
        return SBI_OK;
    }
    const double factor = -sign * sbi_constraint_response(&p->constraint, fit->best->x[p->k]) / (2 * fit->level);
    sbi_fit_point_copy(fit->inner, fit->best);
    for (size_t j = 0; j < o->n; j++) {
        const double x = fit->best->x[j] + factor * fit->covariance[j * o->n + p->k];
        fit->inner->x[j] = fmin(fmax(x, o->lower[j]), o->upper[j]);
    }
    o->moved = p->k;
    o->moved_to = s->moved;
    sbi_status status = refit(r, p, 0, s);
    o->moved = SIZE_MAX;
    return status;
}

static sbi_status move_side(const run *r, moved_parameter *p, int which)
{
    const sbi_fit *fit = r->fit;
    const size_t n = r->out->n_params;
    const int sign = which ? 1 : -1;
    const double x = fit->best->x[p->k], variance = fit->covariance[p->k * n + p->k], width = sbi_constraint_width(&p->constraint, x);
    impact_side *s = &p->sides[which];
    for (size_t j = 0; j < n; j++) s->shift[j] = NAN;
    const int postfit = r->method == SBI_IMPACT_POSTFIT || r->method == SBI_IMPACT_POSTFIT_HESSIAN;
    const int auxiliary = r->method == SBI_IMPACT_AUXILIARY || r->method == SBI_IMPACT_AUXILIARY_HESSIAN;
    s->moved = postfit     ? x + sign * sqrt(variance)
               : auxiliary ? sbi_constraint_auxiliary(&p->constraint, sign)
                           : sbi_constraint_step(&p->constraint, x, sign);
    if (!postfit && !(width > 0)) {
        fail_side(s, SBI_IMPACT_NO_WIDTH, p->constraint.kind == SBI_CONSTRAINT_NONE ? "there is no constraint" : "the constraint has no width");
        s->moved = NAN;
        return SBI_OK;
    }
    switch (r->method) {
    case SBI_IMPACT_POSTFIT_HESSIAN: move_linearly(r, p, variance > 0 ? sign / sqrt(variance) : 0, s); return SBI_OK;
    case SBI_IMPACT_PREFIT_HESSIAN: move_linearly(r, p, variance > 0 ? sign * width / variance : 0, s); return SBI_OK;
    case SBI_IMPACT_AUXILIARY_HESSIAN:
        move_linearly(r, p, -sign * sbi_constraint_response(&p->constraint, x) / (2 * fit->level), s);
        return SBI_OK;
    case SBI_IMPACT_AUXILIARY: return shift_auxiliary(r, p, sign, s);
    default:
        if (s->moved == x) { /* at a limit: it has no error, so nothing moves */
            move_linearly(r, p, 0, s);
            return SBI_OK;
        }
        return hold(r, p, s);
    }
}

static sbi_status move(const run *r, moved_parameter *p)
{
    const sbi_impacts *out = r->out;
    const sbi_fit *fit = r->fit;
    const double x = fit->best->x[p->k];
    p->constraint = sbi_fit_objective_constraint(fit->objective, p->k);
    p->pull = sbi_constraint_pull(&p->constraint, x);
    p->constrained = sbi_constraint_ratio(&p->constraint, x, sqrt(fit->covariance[p->k * out->n_params + p->k]));
    for (int i = 0; i < 2; i++) SBI_TRY(move_side(r, p, i));
    p->size = fmax(fabs(p->sides[0].shift[out->poi]), fabs(p->sides[1].shift[out->poi])); /* of two, the one that is a number */
    return SBI_OK;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static sbi_status choose(const sbi_fit *fit, const sbi_impacts_options *opt, size_t poi, size_t *chosen)
{
    const sbi_fit_objective *o = fit->objective;
    for (size_t k = 0; k < o->n; k++) chosen[k] = SBI_NOT_CHOSEN;
    for (size_t i = 0; i < opt->n_patterns; i++)
        SBI_TRY(sbi_fit_choose(fit, opt->patterns[i], poi, "sbi_impacts_run", 0, chosen));
    for (size_t k = 0; k < o->n && !opt->n_patterns; k++)
        if (k != poi && o->kind[k] != SBI_CONSTRAINT_NONE && fit->best->state[k] != SBI_FIT_FIXED) chosen[k] = 0;
    return SBI_OK;
}

static sbi_status allocate(sbi_impacts *out, const sbi_fit *fit, const size_t *chosen)
{
    const sbi_fit_objective *o = fit->objective;
    for (size_t k = 0; k < o->n; k++) out->n += chosen[k] != SBI_NOT_CHOSEN;
    out->list = sbi_alloc_zero(out->ctx, out->n, sizeof *out->list);
    out->names = sbi_alloc_zero(out->ctx, out->n, sizeof *out->names);
    out->shifts = sbi_alloc_array(out->ctx, out->n, 2 * o->n * sizeof *out->shifts);
    if (!out->list || !out->names || !out->shifts) return SBI_ERR_NO_MEMORY;
    for (size_t k = 0, i = 0; k < o->n; k++) {
        if (chosen[k] == SBI_NOT_CHOSEN) continue;
        moved_parameter *p = &out->list[i];
        p->k = k;
        p->sides[0].shift = out->shifts + 2 * i * o->n;
        p->sides[1].shift = p->sides[0].shift + o->n;
        i++;
    }
    return SBI_OK;
}

/* By size, what has none last; equals stay in the model's order. */
static void sort_by_size(sbi_impacts *out)
{
    for (size_t i = 1; i < out->n; i++) {
        const moved_parameter p = out->list[i];
        size_t j = i;
        for (; j > 0 && (p.size > out->list[j - 1].size || (isnan(out->list[j - 1].size) && !isnan(p.size))); j--)
            out->list[j] = out->list[j - 1];
        out->list[j] = p;
    }
}

static sbi_status move_all(run *r, const size_t *chosen)
{
    sbi_impacts *out = r->out;
    sbi_fit *fit = r->fit;
    SBI_TRY(allocate(out, fit, chosen));
    for (size_t i = 0; i < out->n; i++) {
        moved_parameter *p = &out->list[i];
        SBI_TRY(move(r, p));
        for (int j = 0; j < 2; j++) {
            if (!isnan(p->sides[j].shift[out->poi])) continue;
            out->failures++;
            sbi_log(fit->ctx, SBI_LOG_WARNING, "impact of %s, %s: %s", fit->objective->names[p->k], j ? "up" : "down",
                    p->sides[j].message);
        }
        sbi_progress(fit->ctx, "impacts", (double)(i + 1), (double)out->n, "%s", fit->objective->names[p->k]);
    }
    sort_by_size(out);
    for (size_t i = 0; i < out->n; i++) {
        out->names[i] = sbi_strdup(out->ctx, fit->objective->names[out->list[i].k]);
        if (!out->names[i]) return SBI_ERR_NO_MEMORY;
    }
    return SBI_OK;
}

sbi_status sbi_impacts_run(sbi_impacts **out, sbi_fit *fit, const char *poi, const sbi_impacts_options *options)
{
    SBI_REQUIRE(out, "sbi_impacts_run: out is NULL");
    *out = NULL;
    sbi_impacts_options opt;
    size_t index;
    sbi_impacts_options_init(&opt);
    SBI_TRY(sbi_options_read(&opt, sizeof opt, sizeof opt, options, "sbi_impacts_options"));
    SBI_REQUIRE(opt.method >= SBI_IMPACT_POSTFIT_HESSIAN && opt.method <= SBI_IMPACT_AUXILIARY, "sbi_impacts_options: method is %d",
                (int)opt.method);
    SBI_REQUIRE(!opt.n_patterns || opt.patterns, "sbi_impacts_options: n_patterns is %zu, but patterns is NULL", opt.n_patterns);
    SBI_TRY(sbi_fit_find_interest(fit, poi, "sbi_impacts_run", &index));
    sbi_impacts *impacts = sbi_alloc_zero(fit->ctx, 1, sizeof *impacts);
    size_t *chosen = sbi_alloc_array(fit->ctx, fit->best->n, sizeof *chosen);
    sbi_status status = impacts && chosen ? choose(fit, &opt, index, chosen) : SBI_ERR_NO_MEMORY;
    if (impacts) {
        impacts->ctx = fit->ctx;
        impacts->n_params = fit->best->n;
        impacts->poi = index;
    }
    run r = {impacts, fit, opt.method};
    if (status == SBI_OK) status = move_all(&r, chosen);
    sbi_free(fit->ctx, chosen);
    if (status != SBI_OK) {
        sbi_impacts_destroy(impacts);
        return status;
    }
    *out = impacts;
    return SBI_OK;
}

void sbi_impacts_destroy(sbi_impacts *impacts)
{
    if (!impacts) return;
    for (size_t i = 0; impacts->names && i < impacts->n; i++) sbi_free(impacts->ctx, impacts->names[i]);
    sbi_free(impacts->ctx, impacts->names);
    sbi_free(impacts->ctx, impacts->list);
    sbi_free(impacts->ctx, impacts->shifts);
    sbi_free(impacts->ctx, impacts);
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

size_t sbi_impacts_count(const sbi_impacts *impacts)
{
    return impacts ? impacts->n : 0;
}

size_t sbi_impacts_failures(const sbi_impacts *impacts)
{
    return impacts ? impacts->failures : 0;
}

sbi_status sbi_impacts_get(const sbi_impacts *impacts, size_t rank, sbi_impact *impact)
{
    SBI_REQUIRE(impacts && impact, "sbi_impacts_get: impacts or impact is NULL");
    SBI_REQUIRE(rank < impacts->n, "sbi_impacts_get: rank is %zu, there are %zu", rank, impacts->n);
    if (impact->struct_size < sizeof *impact)
        return sbi_fail(SBI_ERR_ABI, "sbi_impact: struct_size is %u, expected at least %zu", (unsigned)impact->struct_size, sizeof *impact);
    const moved_parameter *p = &impacts->list[rank];
    impact->constraint = p->constraint.kind;
    impact->parameter = p->k;
    impact->name = impacts->names[rank];
    impact->size = p->size;
    impact->pull = p->pull;
    impact->constrained = p->constrained;
    for (int i = 0; i < 2; i++) {
        impact->reason[i] = p->sides[i].reason;
        impact->moved[i] = p->sides[i].moved;
        impact->impact[i] = p->sides[i].shift[impacts->poi];
        impact->message[i] = p->sides[i].message;
    }
    return SBI_OK;
}

sbi_status sbi_impacts_shift(const sbi_impacts *impacts, size_t rank, int32_t side, double *shift)
{
    SBI_REQUIRE(impacts && shift, "sbi_impacts_shift: impacts or shift is NULL");
    SBI_REQUIRE(rank < impacts->n, "sbi_impacts_shift: rank is %zu, there are %zu", rank, impacts->n);
    SBI_REQUIRE(side == 0 || side == 1, "sbi_impacts_shift: side is %d, expected 0 or 1", (int)side);
    memcpy(shift, impacts->list[rank].sides[side].shift, impacts->n_params * sizeof *shift);
    return SBI_OK;
}
