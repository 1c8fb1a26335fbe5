/* SPDX-License-Identifier: Apache-2.0 */
#include "ratio/diagnostics.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "io/column.h"
#include "ratio/held_out.h"

void sbi_diagnostics_options_init(sbi_diagnostics_options *options)
{
    if (!options) return;
    const sbi_diagnostics_options defaults = SBI_DIAGNOSTICS_OPTIONS_INIT;
    *options = defaults;
}

static sbi_status read_options(sbi_diagnostics_options *o, const sbi_diagnostics_options *user)
{
    sbi_diagnostics_options_init(o);
    SBI_TRY(sbi_options_read(o, sizeof *o, sizeof *o, user, "sbi_diagnostics_options"));
    SBI_REQUIRE(o->calibration_bins >= 1 && o->calibration_bins <= 100000,
                "sbi_diagnostics_options.calibration_bins is %d, expected 1 to 100000", (int)o->calibration_bins);
    SBI_REQUIRE(o->closure_bins >= 1 && o->closure_bins <= 100000,
                "sbi_diagnostics_options.closure_bins is %d, expected 1 to 100000", (int)o->closure_bins);
    SBI_REQUIRE(o->roc_points >= 1 && o->roc_points <= 10000000,
                "sbi_diagnostics_options.roc_points is %d, expected 1 to 10000000", (int)o->roc_points);
    SBI_REQUIRE(o->held_out >= 0 && o->held_out <= 2, "sbi_diagnostics_options.held_out is %d, expected 0, 1 or 2", (int)o->held_out);
    SBI_REQUIRE(o->reserved_ == 0, "sbi_diagnostics_options.reserved_ is %d, expected 0", (int)o->reserved_);
    SBI_REQUIRE(o->validation_fraction >= 0 && o->validation_fraction < 1,
                "sbi_diagnostics_options.validation_fraction is %g, expected at least 0 and below 1", o->validation_fraction);
    SBI_REQUIRE(o->correction > 0 && isfinite(o->correction),
                "sbi_diagnostics_options.correction is %g, expected a positive number", o->correction);
    return SBI_OK;
}

/* ---- small things ---- */

static void merge(const sbi_keyed *a, size_t na, const sbi_keyed *b, size_t nb, sbi_keyed *out)
{
    while (na && nb) {
        if (b->key < a->key) {
            *out++ = *b++;
            nb--;
        } else {
            *out++ = *a++;
            na--;
        }
    }
    if (na) memcpy(out, a, na * sizeof *a);
    if (nb) memcpy(out, b, nb * sizeof *b);
}

void sbi_keyed_sort(sbi_keyed *a, sbi_keyed *spare, size_t n)
{
    sbi_keyed *from = a, *to = spare;
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t i = 0; i < n; i += 2 * run) {
            const size_t na = n - i < run ? n - i : run, rest = n - i - na, nb = rest < run ? rest : run;
            merge(from + i, na, from + i + na, nb, to + i);
        }
        sbi_keyed *other = from;
        from = to;
        to = other;
    }
    if (from != a) memcpy(a, from, n * sizeof *a);
}

sbi_status sbi_table_make(sbi_context *ctx, sbi_table *t, int64_t rows, int64_t columns)
{
    t->values = sbi_alloc_zero(ctx, (size_t)(rows * columns), sizeof *t->values);
    if (!t->values) return SBI_ERR_NO_MEMORY;
    t->rows = rows;
    t->columns = columns;
    return SBI_OK;
}

static double softplus(double z)
{
    return (z > 0 ? z : 0) + log1p(exp(-fabs(z)));
}

/* ---- samples ---- */

static void free_sample(sbi_context *ctx, sbi_sample *s)
{
    sbi_free(ctx, s->event);
    sbi_free(ctx, s->log_ratio);
    sbi_free(ctx, s->weight);
}

/* Selects events and reads their weights, normalised. */
static sbi_status make_sample(const sbi_dataset *data, int32_t side, const sbi_diagnostics_options *o, sbi_sample *s)
{
    const int64_t n = data->events[side];
    s->event = sbi_alloc_array(data->ctx, (size_t)n, sizeof *s->event);
    s->log_ratio = sbi_alloc_array(data->ctx, (size_t)n, sizeof *s->log_ratio);
    s->weight = sbi_alloc_array(data->ctx, (size_t)n, sizeof *s->weight);
    if (!s->event || !s->log_ratio || !s->weight) return SBI_ERR_NO_MEMORY;
    sbi_dataset_read_weights(data, side, 0, n, s->weight);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        if (o->held_out == 1 && !sbi_dataset_is_held_out(side, i, o->seed, o->validation_fraction)) continue;
        s->weight[s->n] = s->weight[i];
        s->event[s->n++] = i;
        sum += s->weight[i];
    }
    const char *name = side == SBI_NUMERATOR ? "numerator" : "denominator";
    if (s->n == 0) return sbi_fail(SBI_ERR_VALUE, "diagnostics: no event of the %s is held out", name);
    if (!(sum > 0)) return sbi_fail(SBI_ERR_VALUE, "diagnostics: the weights of the %s sum to %g", name, sum);
    for (int64_t i = 0; i < s->n; i++) s->weight[i] /= sum;
    return SBI_OK;
}

/* ln r from whoever computed it. */
static sbi_status take_ratios(sbi_sample *s, const sbi_array *log_ratio, double correction)
{
    const double shift = log(correction);
    for (int64_t i = 0; i < s->n; i++) {
        sbi_column_read_f64(log_ratio, s->event[i], 1, &s->log_ratio[i]);
        s->log_ratio[i] -= shift;
    }
    return SBI_OK;
}

/* ln r from an ensemble, for chunks of selected events; spread[0..1]: weighted sum and largest. */
static sbi_status evaluate_ratios(sbi_sample *s, const sbi_ensemble *ens, const sbi_dataset *data, int32_t side,
                                  double correction, double spread[2])
{
    enum { CHUNK = 16 * SBI_EVALUATE_ROWS };
    const int64_t d = ens->networks[0]->theta ? data->inputs : data->d; /* a parameterised ensemble is judged at each event's own theta */
    double *x = sbi_alloc_array(data->ctx, (size_t)(d + 1), CHUNK * sizeof *x);
    if (!x) return SBI_ERR_NO_MEMORY;
    double *deviation = x + d * CHUNK;
    sbi_status status = SBI_OK;
    for (int64_t first = 0; first < s->n && status == SBI_OK; first += CHUNK) {
        const int64_t rows = s->n - first < CHUNK ? s->n - first : CHUNK;
        for (int64_t i = 0, run; i < rows; i += run) { /* neighbours are read together */
            for (run = 1; i + run < rows && s->event[first + i + run] == s->event[first + i] + run;) run++;
            if (d == data->d) sbi_dataset_read_features(data, side, s->event[first + i], run, x + i * d);
            else sbi_dataset_read_inputs(data, side, s->event[first + i], run, x + i * d);
        }
        const sbi_ratio_job job = {
            .ens = ens,
            .features = sbi_array_2d(x, SBI_F64, rows, d),
            .name = "features",
            .log = 1,
            .dtype = SBI_F64,
            .correction = correction,
            .numerator = SBI_NUMERATOR,
            .denominator = SBI_DENOMINATOR,
            .ratio = s->log_ratio + first,
            .spread = deviation,
        };
        status = sbi_ratio_run(&job);
        for (int64_t i = 0; i < rows && status == SBI_OK; i++) {
            spread[0] += s->weight[first + i] * deviation[i];
            spread[1] = fmax(spread[1], deviation[i]);
        }
    }
    sbi_free(data->ctx, x);
    return status;
}

/* ln r of all events, each from the members that did not see it. */
static sbi_status evaluate_folds(sbi_sample *s, const sbi_ensemble *ens, const sbi_dataset *data, int32_t side, double correction,
                                 double spread[2])
{
    sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
    o.output = SBI_RATIO_LOG;
    o.correction = correction;
    double *deviation = sbi_alloc_array(data->ctx, (size_t)s->n, sizeof *deviation);
    if (!deviation) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_held_out_ratios(ens, data, side, &o, s->log_ratio, deviation);
    for (int64_t i = 0; i < s->n && status == SBI_OK; i++) {
        spread[0] += s->weight[i] * deviation[i];
        spread[1] = fmax(spread[1], deviation[i]);
    }
    sbi_free(data->ctx, deviation);
    return status;
}

/* ---- the numbers ---- */

static void summarise(sbi_diagnostics *diag, const sbi_sample sample[2])
{
    sbi_diagnostics_summary *m = &diag->summary;
    const sbi_sample *num = &sample[SBI_NUMERATOR], *den = &sample[SBI_DENOMINATOR];
    double sum = 0, square = 0, plain = 0, inverse = 0, loss = 0;
    for (int64_t i = 0; i < den->n; i++) {
        const double w = den->weight[i], wr = w * exp(den->log_ratio[i]);
        sum += wr;
        square += wr * wr;
        plain += w * w;
        loss += 0.5 * w * softplus(den->log_ratio[i]);
    }
    for (int64_t i = 0; i < num->n; i++) {
        inverse += num->weight[i] * exp(-num->log_ratio[i]);
        loss += 0.5 * num->weight[i] * softplus(-num->log_ratio[i]);
    }
    double variance = 0, inverse_variance = 0;
    for (int64_t i = 0; i < den->n; i++) {
        const double c = den->weight[i] * (exp(den->log_ratio[i]) - sum);
        variance += c * c;
    }
    for (int64_t i = 0; i < num->n; i++) {
        const double c = num->weight[i] * (exp(-num->log_ratio[i]) - inverse);
        inverse_variance += c * c;
    }
    m->numerator_events = num->n;
    m->denominator_events = den->n;
    m->loss = loss;
    m->normalisation = sum;
    m->normalisation_error = sqrt(variance);
    m->inverse = inverse;
    m->inverse_error = sqrt(inverse_variance);
    m->ess = square > 0 ? sum * sum / square : 0;
    m->ess_fraction = m->ess * plain;
}

static sbi_status diagnose(sbi_diagnostics *diag, const sbi_dataset *data, const sbi_sample sample[2],
                           const sbi_diagnostics_options *o)
{
    const int64_t n = sample[0].n + sample[1].n;
    summarise(diag, sample);
    sbi_keyed *sorted = sbi_alloc_array(diag->ctx, (size_t)n, 2 * sizeof *sorted);
    if (!sorted) return SBI_ERR_NO_MEMORY;
    int64_t k = 0;
    for (uint32_t side = 0; side < 2; side++)
        for (int64_t i = 0; i < sample[side].n; i++, k++)
            sorted[k] = (sbi_keyed){sample[side].log_ratio[i], (uint32_t)i, side};
    sbi_keyed_sort(sorted, sorted + n, (size_t)n);
    sbi_status status = sbi_diagnose_calibration(diag, sample, sorted, n, o->calibration_bins);
    if (status == SBI_OK) status = sbi_diagnose_roc(diag, sample, sorted, n, o->roc_points);
    sbi_free(diag->ctx, sorted);
    SBI_TRY(status);
    return sbi_diagnose_closure(diag, data, sample, o->closure_bins);
}

static sbi_status make_diagnostics(sbi_diagnostics **out, const sbi_dataset *data)
{
    sbi_diagnostics *diag = sbi_alloc_zero(data->ctx, 1, sizeof *diag);
    if (!diag) return SBI_ERR_NO_MEMORY;
    diag->ctx = data->ctx;
    diag->d = data->d;
    diag->summary.features = (int32_t)data->d;
    diag->names = sbi_alloc_zero(data->ctx, (size_t)data->d, sizeof *diag->names);
    diag->closure = sbi_alloc_zero(data->ctx, (size_t)data->d, sizeof *diag->closure);
    int complete = diag->names && diag->closure;
    for (int64_t j = 0; complete && j < data->d; j++)
        complete = (diag->names[j] = sbi_strdup(data->ctx, sbi_dataset_feature_name(data, (size_t)j))) != NULL;
    if (!complete) {
        sbi_diagnostics_destroy(diag);
        return SBI_ERR_NO_MEMORY;
    }
    *out = diag;
    return SBI_OK;
}

/* Ratios from `ens`, or from the arrays by side where it is NULL. */
static sbi_status run(sbi_diagnostics **out, const sbi_ensemble *ens, const sbi_array *const given[2], sbi_dataset *data,
                      const sbi_diagnostics_options *o)
{
    SBI_TRY(sbi_dataset_prepare(data));
    SBI_TRY(sbi_dataset_check_sides(data));
    sbi_sample sample[2] = {{0}, {0}};
    sbi_diagnostics *diag = NULL;
    double spread[2][2] = {{0, 0}, {0, 0}};
    sbi_status status = make_diagnostics(&diag, data);
    for (int32_t side = 0; side < 2 && status == SBI_OK; side++) {
        status = make_sample(data, side, o, &sample[side]);
        if (status != SBI_OK) break;
        status = ens && o->held_out == 2 ? evaluate_folds(&sample[side], ens, data, side, o->correction, spread[side])
                 : ens ? evaluate_ratios(&sample[side], ens, data, side, o->correction, spread[side])
                     : take_ratios(&sample[side], given[side], o->correction);
    }
    if (status == SBI_OK) {
        diag->summary.spread_mean = spread[SBI_DENOMINATOR][0];
        diag->summary.spread_max = spread[SBI_DENOMINATOR][1];
        status = diagnose(diag, data, sample, o);
    }
    free_sample(data->ctx, &sample[0]);
    free_sample(data->ctx, &sample[1]);
    if (status == SBI_OK) {
        *out = diag;
    } else {
        sbi_diagnostics_destroy(diag);
    }
    return status;
}

sbi_status sbi_diagnostics_run(sbi_diagnostics **out, const sbi_ensemble *ens, sbi_dataset *data,
                               const sbi_diagnostics_options *options)
{
    SBI_REQUIRE(out, "sbi_diagnostics_run: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ens && data, "sbi_diagnostics_run: ens or data is NULL");
    sbi_diagnostics_options known;
    SBI_TRY(read_options(&known, options));
    return run(out, ens, NULL, data, &known);
}

sbi_status sbi_diagnostics_compute(sbi_diagnostics **out, sbi_dataset *data, const sbi_array *log_numerator,
                                   const sbi_array *log_denominator, const sbi_diagnostics_options *options)
{
    SBI_REQUIRE(out, "sbi_diagnostics_compute: out is NULL");
    *out = NULL;
    SBI_REQUIRE(data && log_numerator && log_denominator, "sbi_diagnostics_compute: data or a ratio is NULL");
    sbi_diagnostics_options known;
    SBI_TRY(read_options(&known, options));
    const sbi_array *given[2];
    given[SBI_NUMERATOR] = log_numerator;
    given[SBI_DENOMINATOR] = log_denominator;
    for (int side = 0; side < 2; side++) {
        const char *name = side == SBI_NUMERATOR ? "log_numerator" : "log_denominator";
        SBI_TRY(sbi_column_check_shape(given[side], 1, name));
        if (given[side]->shape[0] != data->events[side])
            return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " ratios for %" PRId64 " events", name, given[side]->shape[0],
                            data->events[side]);
        SBI_TRY(sbi_column_check_finite(data->ctx, given[side], name));
    }
    return run(out, NULL, given, data, &known);
}

void sbi_diagnostics_destroy(sbi_diagnostics *diag)
{
    if (!diag) return;
    sbi_context *ctx = diag->ctx;
    for (int64_t j = 0; j < diag->d; j++) {
        if (diag->names) sbi_free(ctx, diag->names[j]);
        if (diag->closure) sbi_free(ctx, diag->closure[j].values);
    }
    sbi_free(ctx, diag->names);
    sbi_free(ctx, diag->closure);
    sbi_free(ctx, diag->calibration.values);
    sbi_free(ctx, diag->roc.values);
    sbi_free(ctx, diag->closure_summary.values);
    sbi_free(ctx, diag);
}
