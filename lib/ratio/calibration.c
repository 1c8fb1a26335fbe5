/* SPDX-License-Identifier: Apache-2.0 */
/* Calibrations: fitting and applying. */
#include "ratio/calibration.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "io/json.h"
#include "ratio/diagnostics.h"

void sbi_calibration_options_init(sbi_calibration_options *options)
{
    if (!options) return;
    const sbi_calibration_options defaults = SBI_CALIBRATION_OPTIONS_INIT;
    *options = defaults;
}

static sbi_status read_options(sbi_calibration_options *o, const sbi_calibration_options *user)
{
    sbi_calibration_options_init(o);
    SBI_TRY(sbi_options_read(o, sizeof *o, sizeof *o, user, "sbi_calibration_options"));
    SBI_REQUIRE(o->method == SBI_CALIBRATION_ISOTONIC || o->method == SBI_CALIBRATION_HISTOGRAM,
                "sbi_calibration_options.method is %d, expected one of SBI_CALIBRATION_...", (int)o->method);
    SBI_REQUIRE(o->bins >= 1 && o->bins <= 1000000, "sbi_calibration_options.bins is %d, expected 1 to 1000000", (int)o->bins);
    SBI_REQUIRE((o->held_out | 1) == 1, "sbi_calibration_options.held_out is %d, expected 0 or 1", (int)o->held_out);
    SBI_REQUIRE((o->allow_training | 1) == 1, "sbi_calibration_options.allow_training is %d, expected 0 or 1", (int)o->allow_training);
    SBI_REQUIRE((o->normalise | 1) == 1, "sbi_calibration_options.normalise is %d, expected 0 or 1", (int)o->normalise);
    SBI_REQUIRE(o->validation_fraction >= 0 && o->validation_fraction < 1,
                "sbi_calibration_options.validation_fraction is %g, expected at least 0 and below 1", o->validation_fraction);
    return SBI_OK;
}

/* ---- applying ---- */

static double logit(double p)
{
    return log(p) - log1p(-p);
}

double sbi_calibrate(const sbi_calibration *c, double l)
{
    const sbi_knot *k = c->knots, *last = k + c->n - 1;
    if (l <= k->before) return k->after + (l - k->before);
    if (l >= last->before) return last->after + (l - last->before);
    size_t low = 0, high = c->n - 1; /* knots[low] <= l < knots[high] */
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (k[middle].before <= l) low = middle;
        else high = middle;
    }
    const double t = (l - k[low].before) / (k[high].before - k[low].before);
    if (k[low].level == k[high].level) return k[low].after;
    if (c->info.method == SBI_CALIBRATION_HISTOGRAM) return k[low].after + t * (k[high].after - k[low].after);
    return logit(k[low].level + t * (k[high].level - k[low].level)) - c->log_normalisation;
}

sbi_status sbi_calibration_apply(const sbi_calibration *calibration, const double *log_ratio, size_t n, double *calibrated)
{
    SBI_REQUIRE(calibration && (n == 0 || (log_ratio && calibrated)), "sbi_calibration_apply: an argument is NULL");
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(log_ratio[i])) return sbi_fail(SBI_ERR_VALUE, "sbi_calibration_apply: row %zu: ln r is %g", i, log_ratio[i]);
        calibrated[i] = sbi_calibrate(calibration, log_ratio[i]);
    }
    return SBI_OK;
}

sbi_status sbi_calibration_check(const sbi_calibration *calibration, const sbi_ensemble *ens)
{
    const int32_t members = calibration->info.members;
    if (members == 0 || (size_t)members == ens->n) return SBI_OK;
    return sbi_fail(SBI_ERR_ARGUMENT, "calibration: it was fitted for %d members, the ensemble has %zu", (int)members, ens->n);
}

/* ---- which events may be taken ---- */

/* SBI_OK and *trained = 1 if a selection of this dataset contains events that the network was fitted to. */
static sbi_status look_at_training(const sbi_network *net, const char *checksum, const sbi_calibration_options *o, int *trained)
{
    *trained = 0;
    if (!net->training) return SBI_OK;
    json_t *json;
    SBI_TRY(sbi_json_parse(&json, net->training, strlen(net->training), "training"));
    const char *dataset = json_string_value(json_object_get(json, "dataset"));
    const double fraction = json_number_value(json_object_get(json, "validation_fraction"));
    if (dataset && strcmp(dataset, checksum) == 0)
        *trained = !o->held_out || net->seed != o->seed || fraction != o->validation_fraction || !(fraction > 0) ||
                   json_integer_value(json_object_get(json, "folds")) > 0;
    json_decref(json);
    return SBI_OK;
}

static sbi_status check_events(const sbi_ensemble *ens, sbi_dataset *data, const sbi_calibration_options *o, int32_t *on_training)
{
    char checksum[65];
    SBI_TRY(sbi_dataset_checksum(data, checksum));
    for (size_t m = 0; m < ens->n; m++) {
        int trained;
        SBI_TRY(look_at_training(ens->networks[m], checksum, o, &trained));
        if (!trained) continue;
        if (!o->allow_training)
            return sbi_fail(SBI_ERR_STATE,
                            "sbi_calibration_fit: member %zu was trained on some of these events (seed %llu); take those that it kept apart, by "
                            "held_out, seed and validation_fraction, or other ones",
                            m, (unsigned long long)ens->networks[m]->seed);
        *on_training = 1;
    }
    return SBI_OK;
}

/* ---- fitting ---- */

static void sort_events(sbi_calibration_event *events, const sbi_sample sample[2], sbi_keyed *keyed)
{
    const int64_t n = sample[0].n + sample[1].n;
    int64_t k = 0;
    for (uint32_t side = 0; side < 2; side++)
        for (int64_t i = 0; i < sample[side].n; i++, k++) keyed[k] = (sbi_keyed){sample[side].log_ratio[i], (uint32_t)i, side};
    sbi_keyed_sort(keyed, keyed + n, (size_t)n);
    for (int64_t i = 0; i < n; i++)
        events[i] = (sbi_calibration_event){keyed[i].key, 0.5 * sample[keyed[i].side].weight[keyed[i].index], keyed[i].side};
}

/* Knots with 0 < p < 1, and ln r after. */
static sbi_status finish_knots(sbi_calibration *c, int64_t count)
{
    size_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        sbi_knot k = c->knots[i];
        if (c->info.method == SBI_CALIBRATION_ISOTONIC) {
            if (!(k.level > 0 && k.level < 1)) continue;
            k.after = logit(k.level);
        }
        c->knots[n++] = k;
    }
    c->n = n;
    if (n == 0) return sbi_fail(SBI_ERR_VALUE, "calibration: the sides do not overlap in ln r: no range has events of both");
    return SBI_OK;
}

static sbi_status normalise(sbi_calibration *c, const sbi_sample *denominator)
{
    double mean = 0;
    for (int64_t i = 0; i < denominator->n; i++) mean += denominator->weight[i] * exp(sbi_calibrate(c, denominator->log_ratio[i]));
    if (!(mean > 0) || !isfinite(mean)) return sbi_fail(SBI_ERR_VALUE, "calibration: E_denominator[r] is %g", mean);
    c->info.normalisation = mean;
    c->log_normalisation = log(mean);
    for (size_t i = 0; i < c->n; i++) c->knots[i].after -= c->log_normalisation;
    return SBI_OK;
}

static sbi_status fit_knots(sbi_calibration *c, const sbi_sample sample[2], const sbi_calibration_options *o)
{
    const size_t n = (size_t)(sample[0].n + sample[1].n);
    sbi_context *ctx = c->ctx;
    sbi_keyed *keyed = sbi_alloc_array(ctx, n, 2 * sizeof *keyed);
    sbi_calibration_event *events = sbi_alloc_array(ctx, n, sizeof *events);
    c->knots = sbi_alloc_array(ctx, n, 2 * sizeof *c->knots);
    sbi_status status = keyed && events && c->knots ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) {
        int64_t count;
        sort_events(events, sample, keyed);
        if (o->method == SBI_CALIBRATION_ISOTONIC) sbi_isotonic_knots(events, (int64_t)n, c->knots, &count);
        else sbi_histogram_knots(events, (int64_t)n, o->bins, c->knots, &count);
        status = finish_knots(c, count);
    }
    sbi_free(ctx, events);
    sbi_free(ctx, keyed);
    SBI_TRY(status);
    sbi_knot *fewer = sbi_realloc_array(ctx, c->knots, c->n, sizeof *c->knots);
    if (!fewer) return SBI_ERR_NO_MEMORY;
    c->knots = fewer;
    return o->normalise ? normalise(c, &sample[SBI_DENOMINATOR]) : SBI_OK;
}

static sbi_status check_weights(const sbi_sample *s, const sbi_calibration_options *o)
{
    for (int64_t i = 0; i < s->n && o->method == SBI_CALIBRATION_ISOTONIC; i++) {
        if (s->weight[i] < 0)
            return sbi_fail(SBI_ERR_VALUE, "calibration: event %lld has a negative weight, which SBI_CALIBRATION_ISOTONIC cannot take: use "
                            "SBI_CALIBRATION_HISTOGRAM", (long long)s->event[i]);
    }
    return SBI_OK;
}

static sbi_status fit(sbi_calibration *c, sbi_dataset *data, const sbi_calibration_options *o, const sbi_sample_source *source)
{
    const sbi_sample_choice choice = {o->held_out ? SBI_SAMPLE_HELD_OUT : SBI_SAMPLE_ALL, 0, o->seed, o->validation_fraction, 0};
    sbi_sample sample[2] = {{0}, {0}};
    sbi_status status = SBI_OK;
    for (int32_t side = 0; side < 2 && status == SBI_OK; side++) {
        status = sbi_sample_choose(&sample[side], data, side, &choice, "calibration", 0);
        if (status == SBI_OK) status = check_weights(&sample[side], o);
        if (status == SBI_OK) status = sbi_sample_fill(&sample[side], data, side, source, "calibration");
    }
    c->info.numerator_events = sample[SBI_NUMERATOR].n;
    c->info.denominator_events = sample[SBI_DENOMINATOR].n;
    if (status == SBI_OK) status = fit_knots(c, sample, o);
    sbi_sample_free(c->ctx, &sample[0]);
    sbi_sample_free(c->ctx, &sample[1]);
    return status;
}

/* *on_training and members go into what is made. */
static sbi_status make(sbi_calibration **out, sbi_dataset *data, const sbi_calibration_options *o, const sbi_sample_source *source,
                       int32_t on_training)
{
    SBI_TRY(sbi_dataset_prepare(data));
    SBI_TRY(sbi_dataset_check_sides(data));
    sbi_calibration *c = sbi_alloc_zero(data->ctx, 1, sizeof *c);
    if (!c) return SBI_ERR_NO_MEMORY;
    c->ctx = data->ctx;
    c->info.method = o->method;
    c->info.on_training = on_training;
    c->info.members = source->ens ? (int32_t)source->ens->n : 0;
    c->info.normalisation = 1;
    sbi_status status = fit(c, data, o, source);
    if (status != SBI_OK) {
        sbi_calibration_destroy(c);
        return status;
    }
    *out = c;
    return SBI_OK;
}

sbi_status sbi_calibration_fit(sbi_calibration **out, const sbi_ensemble *ens, sbi_dataset *data, const sbi_calibration_options *options)
{
    SBI_REQUIRE(out, "sbi_calibration_fit: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ens && data, "sbi_calibration_fit: ens or data is NULL");
    sbi_calibration_options known;
    int32_t on_training = 0;
    SBI_TRY(read_options(&known, options));
    SBI_TRY(check_events(ens, data, &known, &on_training));
    const sbi_sample_source source = {.ens = ens, .correction = 1, .member = -1, .device = known.device};
    return make(out, data, &known, &source, on_training);
}

sbi_status sbi_calibration_fit_ratios(sbi_calibration **out, sbi_dataset *data, const sbi_array *log_numerator,
                                      const sbi_array *log_denominator, const sbi_calibration_options *options)
{
    SBI_REQUIRE(out, "sbi_calibration_fit_ratios: out is NULL");
    *out = NULL;
    SBI_REQUIRE(data && log_numerator && log_denominator, "sbi_calibration_fit_ratios: data or a ratio is NULL");
    sbi_calibration_options known;
    SBI_TRY(read_options(&known, options));
    sbi_sample_source source = {.correction = 1, .member = -1};
    source.given[SBI_NUMERATOR] = log_numerator;
    source.given[SBI_DENOMINATOR] = log_denominator;
    SBI_TRY(sbi_sample_check_given(data, source.given));
    return make(out, data, &known, &source, 0);
}

void sbi_calibration_destroy(sbi_calibration *c)
{
    if (!c) return;
    sbi_free(c->ctx, c->knots);
    sbi_free(c->ctx, c);
}

sbi_status sbi_calibration_knots(const sbi_calibration *c, sbi_array *knots)
{
    SBI_REQUIRE(c && knots, "sbi_calibration_knots: calibration or knots is NULL");
    *knots = sbi_array_2d(c->knots, SBI_F64, (int64_t)c->n, 3);
    return SBI_OK;
}

sbi_status sbi_calibration_info_get(const sbi_calibration *c, sbi_calibration_info *info)
{
    SBI_REQUIRE(c && info, "sbi_calibration_info_get: calibration or info is NULL");
    const uint32_t size = info->struct_size;
    if (size < sizeof(uint32_t) || size > 4096)
        return sbi_fail(SBI_ERR_ABI, "sbi_calibration_info_get: struct_size is %u", (unsigned)size);
    sbi_calibration_info full = c->info;
    full.struct_size = size;
    if (size > sizeof full) memset((char *)info + sizeof full, 0, size - sizeof full);
    memcpy(info, &full, size < sizeof full ? size : sizeof full);
    return SBI_OK;
}
