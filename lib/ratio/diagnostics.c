/* SPDX-License-Identifier: Apache-2.0 */
#include "ratio/diagnostics.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "io/column.h"

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
    SBI_REQUIRE(o->training_events >= 0, "sbi_diagnostics_options.training_events is %lld, expected 0 or more",
                (long long)o->training_events);
    SBI_REQUIRE(o->member >= -1, "sbi_diagnostics_options.member is %d, expected -1 or a member", (int)o->member);
    SBI_REQUIRE(o->reserved2_ == 0, "sbi_diagnostics_options.reserved2_ is %d, expected 0", (int)o->reserved2_);
    SBI_REQUIRE(!o->calibration || o->correction == 1, "sbi_diagnostics_options: calibration and correction %g exclude each other",
                o->correction);
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

static sbi_status diagnose_sorted(sbi_diagnostics *diag, const sbi_sample sample[2], const sbi_diagnostics_options *o)
{
    const int64_t n = sample[0].n + sample[1].n;
    sbi_keyed *sorted = sbi_alloc_array(diag->ctx, (size_t)n, 2 * sizeof *sorted);
    if (!sorted) return SBI_ERR_NO_MEMORY;
    int64_t k = 0;
    for (uint32_t side = 0; side < 2; side++)
        for (int64_t i = 0; i < sample[side].n; i++, k++)
            sorted[k] = (sbi_keyed){sample[side].log_ratio[i], (uint32_t)i, side};
    sbi_keyed_sort(sorted, sorted + n, (size_t)n);
    sbi_status status = sbi_diagnose_calibration(diag, sample, sorted, n, o->calibration_bins);
    if (status == SBI_OK) status = sbi_diagnose_roc(diag, sample, sorted, n, o->roc_points);
    if (status == SBI_OK) status = sbi_diagnose_tails(diag, sample, sorted, n);
    sbi_free(diag->ctx, sorted);
    return status;
}

static sbi_status diagnose(sbi_diagnostics *diag, const sbi_dataset *data, const sbi_sample sample[2],
                           const sbi_diagnostics_options *o)
{
    summarise(diag, sample);
    SBI_TRY(diagnose_sorted(diag, sample, o));
    SBI_TRY(sbi_diagnose_shares(diag, &sample[SBI_DENOMINATOR]));
    if (sample[SBI_DENOMINATOR].spread) SBI_TRY(sbi_diagnose_spread(diag, &sample[SBI_DENOMINATOR]));
    return sbi_diagnose_closure(diag, data, sample, o->closure_bins);
}

static sbi_status make_diagnostics(sbi_diagnostics **out, const sbi_dataset *data)
{
    sbi_diagnostics *diag = sbi_alloc_zero(data->ctx, 1, sizeof *diag);
    if (!diag) return SBI_ERR_NO_MEMORY;
    diag->ctx = data->ctx;
    diag->d = data->d;
    diag->summary.features = (int32_t)data->d;
    diag->summary.ks_numerator = diag->summary.ks_numerator_p = diag->summary.ks_denominator = diag->summary.ks_denominator_p = NAN;
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

/* The same networks on events that they were fitted to. */
static sbi_status compare_training(sbi_diagnostics *diag, const sbi_dataset *data, const sbi_sample held_out[2],
                                   const sbi_diagnostics_options *o, const sbi_sample_source *source)
{
    const sbi_sample_choice choice = {SBI_SAMPLE_TRAINING, 0, o->seed, o->validation_fraction, o->training_events};
    sbi_sample_source plain = *source;
    sbi_sample trained[2] = {{0}, {0}};
    sbi_status status = SBI_OK;
    plain.spread = 0;
    for (int32_t side = 0; side < 2 && status == SBI_OK; side++) {
        status = sbi_sample_choose(&trained[side], data, side, &choice, "diagnostics", 1);
        if (status == SBI_OK) status = sbi_sample_fill(&trained[side], data, side, &plain, "diagnostics");
    }
    if (status == SBI_OK && trained[0].n && trained[1].n) status = sbi_diagnose_overtraining(diag, held_out, trained);
    sbi_sample_free(data->ctx, &trained[0]);
    sbi_sample_free(data->ctx, &trained[1]);
    return status;
}

static sbi_status fill_diagnostics(sbi_diagnostics *diag, const sbi_dataset *data, sbi_sample sample[2],
                                   const sbi_diagnostics_options *o, const sbi_sample_source *source)
{
    const sbi_sample_choice choice = {o->held_out == 1 ? SBI_SAMPLE_HELD_OUT : SBI_SAMPLE_ALL, 0, o->seed, o->validation_fraction, 0};
    for (int32_t side = 0; side < 2; side++) {
        SBI_TRY(sbi_sample_choose(&sample[side], data, side, &choice, "diagnostics", 0));
        SBI_TRY(sbi_sample_fill(&sample[side], data, side, source, "diagnostics"));
    }
    SBI_TRY(diagnose(diag, data, sample, o));
    if (o->held_out == 1 && o->training_events) return compare_training(diag, data, sample, o, source);
    return SBI_OK;
}

static sbi_status run(sbi_diagnostics **out, sbi_dataset *data, const sbi_diagnostics_options *o, const sbi_sample_source *source)
{
    SBI_TRY(sbi_dataset_prepare(data));
    SBI_TRY(sbi_dataset_check_sides(data));
    sbi_sample sample[2] = {{0}, {0}};
    sbi_diagnostics *diag = NULL;
    SBI_TRY(make_diagnostics(&diag, data));
    sbi_status status = fill_diagnostics(diag, data, sample, o, source);
    sbi_sample_free(data->ctx, &sample[0]);
    sbi_sample_free(data->ctx, &sample[1]);
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
    SBI_REQUIRE(known.member < (int64_t)ens->n, "sbi_diagnostics_options.member is %d of %zu members", (int)known.member, ens->n);
    SBI_REQUIRE(known.held_out != 2 || known.member < 0, "sbi_diagnostics_options: a member alone did not leave out every fold (held_out 2)");
    if (known.calibration && known.member < 0) SBI_TRY(sbi_calibration_check(known.calibration, ens));
    const sbi_sample_source source = {
        .ens = ens,
        .calibration = known.member < 0 ? known.calibration : NULL,
        .correction = known.correction,
        .member = known.member,
        .spread = known.member < 0,
        .folds = known.held_out == 2,
    };
    return run(out, data, &known, &source);
}

sbi_status sbi_diagnostics_compute(sbi_diagnostics **out, sbi_dataset *data, const sbi_array *log_numerator,
                                   const sbi_array *log_denominator, const sbi_diagnostics_options *options)
{
    SBI_REQUIRE(out, "sbi_diagnostics_compute: out is NULL");
    *out = NULL;
    SBI_REQUIRE(data && log_numerator && log_denominator, "sbi_diagnostics_compute: data or a ratio is NULL");
    sbi_diagnostics_options known;
    SBI_TRY(read_options(&known, options));
    sbi_sample_source source = {.correction = known.correction, .member = -1};
    source.given[SBI_NUMERATOR] = log_numerator;
    source.given[SBI_DENOMINATOR] = log_denominator;
    SBI_TRY(sbi_sample_check_given(data, source.given));
    return run(out, data, &known, &source);
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
    sbi_free(ctx, diag->tails.values);
    sbi_free(ctx, diag->shares.values);
    sbi_free(ctx, diag->scores.values);
    sbi_free(ctx, diag->spread.values);
    sbi_free(ctx, diag);
}
