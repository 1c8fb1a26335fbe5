/* SPDX-License-Identifier: Apache-2.0 */
/* Fitting toys: a range of numbers, several at once, each by one thread. */
#include "fit/toys.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/pool.h"
#include "base/distributions.h"
#include "sbi/limit.h"

#define ALL_FLAGS 0x1ffu
#define MOST_TOYS ((int64_t)1 << 32)
/* A conditional fit that ends deeper than the fit shows a minimum that the starts missed; so often the fit begins anew from there. */
#define MOST_REFITS 3

void sbi_toys_options_init(sbi_toys_options *options)
{
    if (!options) return;
    const sbi_toys_options defaults = SBI_TOYS_OPTIONS_INIT;
    *options = defaults;
}

/* ---- the plan ---- */

static sbi_status check_numbers(const sbi_toys_options *o)
{
    SBI_REQUIRE(!(o->compute & ~ALL_FLAGS), "sbi_toys_options: compute is 0x%x", (unsigned)o->compute);
    SBI_REQUIRE(o->first >= 0 && o->first <= INT64_MAX - MOST_TOYS, "sbi_toys_options: first is %lld", (long long)o->first);
    SBI_REQUIRE(o->count > 0 && o->count <= MOST_TOYS, "sbi_toys_options: count is %lld", (long long)o->count);
    SBI_REQUIRE(o->toys_a_task >= 0, "sbi_toys_options: toys_a_task is %d", (int)o->toys_a_task);
    SBI_REQUIRE(o->auxiliary >= SBI_TOY_AUXILIARY_THROWN && o->auxiliary <= SBI_TOY_AUXILIARY_REQUIRED,
                "sbi_toys_options: auxiliary is %d", (int)o->auxiliary);
    SBI_REQUIRE(!o->n_tested || o->tested, "sbi_toys_options: n_tested is %zu, but tested is NULL", o->n_tested);
    SBI_REQUIRE(!o->n_starts || o->starts, "sbi_toys_options: n_starts is %zu, but starts is NULL", o->n_starts);
    SBI_REQUIRE(!o->n_fixed || o->fixed_names, "sbi_toys_options: n_fixed is %zu, but fixed_names is NULL", o->n_fixed);
    SBI_REQUIRE(o->interval_confidence > 0 && o->interval_confidence < 1, "sbi_toys_options: interval_confidence is %g",
                o->interval_confidence);
    SBI_REQUIRE(o->limit_confidence > 0 && o->limit_confidence < 1, "sbi_toys_options: limit_confidence is %g", o->limit_confidence);
    SBI_REQUIRE(o->reserved_ == 0, "sbi_toys_options: reserved_ is not zero");
    const uint32_t with_tested = SBI_TOYS_T | SBI_TOYS_TTILDE | SBI_TOYS_Q | SBI_TOYS_QTILDE;
    SBI_REQUIRE(!(o->compute & with_tested) || o->n_tested, "sbi_toys_options: statistics of no tested value");
    return SBI_OK;
}

static sbi_status check_values(const toys_plan *p, const sbi_parameter *spec)
{
    const sbi_toys_options *o = &p->o;
    for (size_t i = 0; i < o->n_tested; i++)
        SBI_REQUIRE(isfinite(o->tested[i]) && o->tested[i] >= spec->lower && o->tested[i] <= spec->upper,
                    "sbi_toys_options: tested %s = %g is outside of its bounds [%g, %g]", p->parameter, o->tested[i], spec->lower,
                    spec->upper);
    for (size_t i = 0; i < o->n_starts; i++)
        SBI_REQUIRE(isfinite(o->starts[i]) && o->starts[i] >= spec->lower && o->starts[i] <= spec->upper,
                    "sbi_toys_options: start %s = %g is outside of its bounds [%g, %g]", p->parameter, o->starts[i], spec->lower,
                    spec->upper);
    const int zero = (o->compute & (SBI_TOYS_Q0 | SBI_TOYS_LIMIT)) != 0;
    SBI_REQUIRE(!zero || (spec->lower <= 0 && spec->upper >= 0),
                "sbi_toys_options: q_0 and limits test %s = 0, outside of its bounds [%g, %g]", p->parameter, spec->lower, spec->upper);
    SBI_REQUIRE(!(o->compute & (SBI_TOYS_TTILDE | SBI_TOYS_QTILDE)) || spec->upper >= 0,
                "sbi_toys_options: %s cannot be 0 within its bounds [%g, %g]", p->parameter, spec->lower, spec->upper);
    for (size_t k = 0; k < sbi_model_n_parameters(p->model); k++)
        if (!isfinite(p->theta[k]))
            return sbi_fail(SBI_ERR_VALUE, "toys: theta of parameter %s is %g", sbi_model_parameter_name(p->model, k), p->theta[k]);
    return SBI_OK;
}

static sbi_status check_fixed(const toys_plan *p)
{
    for (size_t i = 0; i < p->o.n_fixed; i++) {
        size_t k;
        SBI_REQUIRE(p->o.fixed_names[i], "sbi_toys_options: fixed_names[%zu] is NULL", i);
        SBI_TRY(sbi_model_parameter_index(p->model, p->o.fixed_names[i], &k));
        SBI_REQUIRE(k != p->k, "sbi_toys_options: the tested parameter %s is to be fixed", p->parameter);
    }
    return SBI_OK;
}

sbi_status sbi_toys_plan_make(toys_plan *p, const sbi_model *model, const double *theta, const sbi_toys_options *options)
{
    memset(p, 0, sizeof *p);
    SBI_REQUIRE(model && theta, "sbi_toys_run: model or theta is NULL");
    if (!sbi_model_tape(model)) return sbi_fail(SBI_ERR_STATE, "sbi_toys_run: the model is not sealed");
    p->model = model;
    p->theta = theta;
    sbi_toys_options_init(&p->o);
    SBI_TRY(sbi_options_read(&p->o, sizeof p->o, sizeof p->o, options, "sbi_toys_options"));
    SBI_TRY(check_numbers(&p->o));
    p->parameter = p->o.parameter ? p->o.parameter : sbi_model_poi(model);
    if (!p->parameter) return sbi_fail(SBI_ERR_STATE, "sbi_toys_run: the model has no parameter of interest, and none was named");
    SBI_TRY(sbi_model_parameter_index(model, p->parameter, &p->k));
    sbi_parameter spec;
    sbi_parameter_init(&spec);
    SBI_TRY(sbi_model_parameter(model, p->k, &spec));
    SBI_TRY(check_values(p, &spec));
    SBI_TRY(check_fixed(p));
    const double z = sbi_normal_quantile(0.5 + 0.5 * p->o.interval_confidence);
    p->interval_rise = 0.5 * z * z;
    const size_t n = sbi_model_n_parameters(model);
    p->names = sbi_alloc_array(sbi_model_context(model), n, sizeof *p->names);
    if (!p->names) return SBI_ERR_NO_MEMORY;
    for (size_t k = 0; k < n; k++) p->names[k] = sbi_model_parameter_name(model, k);
    sbi_fit_options_init(&p->fit);
    p->fit.n_start = n;
    p->fit.start_names = p->names;
    p->fit.n_fixed = p->o.n_fixed;
    p->fit.fixed_names = p->o.fixed_names;
    return SBI_OK;
}

void sbi_toys_plan_clear(toys_plan *p)
{
    if (p->names) sbi_free(sbi_model_context(p->model), p->names);
    p->names = NULL;
}

/* ---- one toy ---- */

/* A success beats a failure, then the deeper one wins; the loser is destroyed. */
static sbi_fit *keep_better(sbi_fit *a, sbi_fit *b)
{
    if (!a) return b;
    const int good_a = a->best->reason < 10, good_b = b->best->reason < 10;
    const int second = good_a != good_b ? good_b : b->best->f < a->best->f;
    sbi_fit_destroy(second ? a : b);
    return second ? b : a;
}

/* From theta, and from theta with the tested parameter at each of the starts. A start where F does not exist is left out if another one
 * works. */
static sbi_status fit_from_starts(sbi_fit **out, const toys_plan *p, const sbi_model *toy, double *start)
{
    sbi_fit_options o = p->fit;
    sbi_status first = SBI_OK;
    *out = NULL;
    o.start_values = start;
    memcpy(start, p->theta, sbi_model_n_parameters(p->model) * sizeof *start);
    for (size_t i = 0; i <= p->o.n_starts; i++) {
        sbi_fit *fit;
        if (i) start[p->k] = p->o.starts[i - 1];
        const sbi_status status = sbi_fit_run(&fit, toy, &o);
        if (status == SBI_OK) *out = keep_better(*out, fit);
        else if (status != SBI_ERR_VALUE && status != SBI_ERR_DOMAIN) first = status;
        else if (first == SBI_OK) first = status;
        if (first == SBI_ERR_NO_MEMORY || first == SBI_ERR_CANCELLED) break;
    }
    if (*out && first != SBI_ERR_NO_MEMORY && first != SBI_ERR_CANCELLED) return SBI_OK;
    sbi_fit_destroy(*out);
    *out = NULL;
    return first;
}

static sbi_status fill_statistics(const toys_plan *p, sbi_fit *fit, double **row)
{
    static const int32_t order[] = {SBI_STATISTIC_T, SBI_STATISTIC_TTILDE, SBI_STATISTIC_Q, SBI_STATISTIC_QTILDE};
    static const uint32_t flags[] = {SBI_TOYS_T, SBI_TOYS_TTILDE, SBI_TOYS_Q, SBI_TOYS_QTILDE};
    uint32_t kinds = 0, columns = 0;
    double all[SBI_STATISTIC_KINDS];
    for (int i = 0; i < 4; i++) {
        if (!(p->o.compute & flags[i])) continue;
        kinds |= 1u << order[i];
        columns++;
    }
    for (size_t j = 0; columns && j < p->o.n_tested; j++) {
        double *at = *row + j;
        SBI_TRY(sbi_fit_statistics(fit, p->k, p->o.tested[j], kinds, all));
        for (int i = 0; i < 4; i++) {
            if (!(p->o.compute & flags[i])) continue;
            *at = all[order[i]];
            at += p->o.n_tested;
        }
    }
    *row += columns * p->o.n_tested;
    if (!(p->o.compute & SBI_TOYS_Q0)) return SBI_OK;
    SBI_TRY(sbi_fit_statistics(fit, p->k, 0, 1u << SBI_STATISTIC_Q0, all));
    *(*row)++ = all[SBI_STATISTIC_Q0];
    return SBI_OK;
}

static sbi_status fill_limit(const toys_plan *p, sbi_fit *fit, double *limit)
{
    sbi_limit_options o = SBI_LIMIT_OPTIONS_INIT;
    sbi_limit result = {.struct_size = (uint32_t)sizeof result};
    sbi_model *data;
    sbi_fit *asimov;
    o.confidence = p->o.limit_confidence;
    SBI_TRY(sbi_fit_run_asimov(&asimov, &data, fit, p->parameter, 0));
    o.observed_only = 1;
    const sbi_status status = sbi_fit_limits(fit, asimov, p->parameter, &o, &result);
    sbi_fit_destroy(asimov);
    sbi_model_destroy(data);
    *limit = result.observed;
    return status;
}

static sbi_status fill_row(const toys_plan *p, sbi_fit *fit, double *row)
{
    const size_t n = fit->best->n;
    *row++ = fit->best->f;
    *row++ = fit->best->x[p->k];
    *row++ = fit->covariance_status == SBI_OK ? sqrt(fit->covariance[p->k * n + p->k]) : NAN;
    SBI_TRY(fill_statistics(p, fit, &row));
    if (p->o.compute & SBI_TOYS_INTERVAL) {
        sbi_fit_interval interval = {.struct_size = (uint32_t)sizeof interval};
        SBI_TRY(sbi_fit_interval_at(fit, p->parameter, p->interval_rise, &interval));
        for (int side = 0; side < 2; side++) {
            *row++ = interval.value + interval.error[side];
            if (interval.side[side] == SBI_FIT_SIDE_NEW_MINIMUM) {
                fit->inner->x[p->k] = interval.new_value[side];
                return sbi_fail(SBI_ERR_STATE, "toys: a deeper minimum at %s = %g", p->parameter, interval.new_value[side]);
            }
        }
    }
    if (p->o.compute & SBI_TOYS_LIMIT) SBI_TRY(fill_limit(p, fit, row++));
    if (p->o.compute & SBI_TOYS_SATURATED) {
        sbi_goodness goodness = {.struct_size = (uint32_t)sizeof goodness};
        SBI_TRY(sbi_fit_goodness(fit, &goodness));
        *row++ = goodness.statistic;
    }
    if (p->o.compute & SBI_TOYS_PARAMETERS) memcpy(row, fit->best->x, n * sizeof *row);
    return SBI_OK;
}

static int ends_all(sbi_status status)
{
    return status == SBI_ERR_NO_MEMORY || status == SBI_ERR_CANCELLED || status == SBI_ERR_IO;
}

/* Fills a row; again from the point of a conditional fit that was deeper. */
static sbi_status fit_row(const toys_plan *p, const sbi_model *toy, double *start, sbi_toys *table, size_t row)
{
    double *values = table->values + row * table->n_columns;
    sbi_fit *fit;
    sbi_status status = fit_from_starts(&fit, p, toy, start);
    for (int refits = 0; status == SBI_OK; refits++) {
        if (fit->best->reason >= 10) {
            values[0] = fit->best->f;
            values[1] = fit->best->x[p->k];
            status = sbi_toys_fail_row(table, row, fit->best->reason, sbi_fit_message(fit));
            break;
        }
        status = fill_row(p, fit, values);
        if (status != SBI_ERR_STATE || refits == MOST_REFITS) break;
        sbi_fit *again;
        memcpy(start, fit->inner->x, fit->best->n * sizeof *start);
        status = sbi_fit_run_like(&again, fit, toy, start);
        if (status == SBI_OK) fit = keep_better(fit, again);
    }
    sbi_fit_destroy(fit);
    return status;
}

/* ---- a range ---- */

typedef struct range {
    const toys_plan *plan;
    const sbi_toy_generator *generator;
    sbi_toys *table;
    double *starts; /* [n, n_parameters] */
    int64_t first;
    atomic_size_t done;
} range;

static sbi_status run_toy(void *arg, size_t row)
{
    range *r = arg;
    sbi_context *ctx = r->table->ctx;
    SBI_TRY(sbi_check_cancel(ctx, "sbi_toys_run"));
    sbi_model *toy;
    sbi_status status = sbi_toy_generate(&toy, r->generator, r->first + (int64_t)row);
    if (status == SBI_OK)
        status = fit_row(r->plan, toy, r->starts + row * sbi_model_n_parameters(r->plan->model), r->table, row);
    sbi_model_destroy(toy);
    if (ends_all(status)) return status;
    if (status != SBI_OK) SBI_TRY(sbi_toys_fail_row(r->table, row, status, sbi_last_error()));
    const size_t done = atomic_fetch_add(&r->done, 1) + 1;
    sbi_progress(ctx, "toys", (double)done, (double)r->table->n, "%zu of %zu toys", done, r->table->n);
    return SBI_OK;
}

sbi_status sbi_toys_compute(sbi_toys **out, sbi_context *ctx, const toys_plan *plan, int64_t first, size_t n)
{
    sbi_toy_options o = SBI_TOY_OPTIONS_INIT;
    o.auxiliary = plan->o.auxiliary;
    o.seed = plan->o.seed;
    *out = NULL;
    sbi_toy_generator *generator;
    SBI_TRY(sbi_toy_generator_create(&generator, plan->model, plan->theta, &o));
    range r = {.plan = plan, .generator = generator, .first = first};
    atomic_init(&r.done, 0);
    sbi_status status = sbi_toys_table(&r.table, ctx, plan, first, n);
    if (status == SBI_OK) {
        r.starts = sbi_alloc_array(ctx, n * sbi_model_n_parameters(plan->model), sizeof *r.starts);
        status = r.starts ? sbi_parallel_for(ctx, n, run_toy, &r) : SBI_ERR_NO_MEMORY;
    }
    sbi_free(ctx, r.starts);
    sbi_toy_generator_destroy(generator);
    if (status != SBI_OK) {
        sbi_toys_destroy(r.table);
        return status;
    }
    *out = r.table;
    return SBI_OK;
}
