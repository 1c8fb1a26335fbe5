/* SPDX-License-Identifier: Apache-2.0 */
/* The off-shell model with exact ratios, from the simulator's columns. */
#ifndef TESTS_PHYSICS_OFFSHELL_MODEL_H
#define TESTS_PHYSICS_OFFSHELL_MODEL_H

#include "offshell_higgs/curve.h"

#include <check.h>
#include <stdlib.h>

#include "sbi/model.h"

enum { P = OFFSHELL_PROCESSES, K = 4 };
static const double MU_LOW = 1e-3;
static const char *const factor[P] = {"mu - sqrt(mu)", "sqrt(mu)", "1 - sqrt(mu)", NULL};

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())

/* Exact columns of a sample: r_p, and g_pk at alpha = +1 and -1. */
typedef struct columns {
    size_t n;
    double *weight, *ratio[P], *high[P][K], *low[P][K];
} columns;

static inline offshell_simulator *make_simulator(double luminosity)
{
    offshell_options options = OFFSHELL_OPTIONS_INIT;
    offshell_simulator *simulator;
    options.luminosity = luminosity;
    options.nuisances = K;
    ck_assert_int_eq(offshell_create(&simulator, &options), SBI_OK);
    return simulator;
}

static inline double *array(size_t n)
{
    double *a = malloc((n ? n : 1) * sizeof *a);
    ck_assert_ptr_nonnull(a);
    return a;
}

static inline columns make_columns(const offshell_simulator *simulator, const offshell_sample *sample, size_t n)
{
    columns c = {.n = n, .weight = array(n)};
    double *truth = array(n * OFFSHELL_TRUTH_DIM);
    offshell_columns fill = {.truth = truth, .weight = c.weight};
    for (int p = 0; p < P; p++) fill.ratio[p] = c.ratio[p] = array(n);
    ck_assert_int_eq(offshell_fill(simulator, sample, 0, n, &fill), SBI_OK);
    for (int p = 0; p < P; p++) {
        for (int k = 0; k < K; k++) {
            if (!offshell_nuisance_acts(offshell_nuisance_of(simulator, k), p)) continue;
            c.high[p][k] = array(n);
            c.low[p][k] = array(n);
            ck_assert_int_eq(offshell_variation_ratios(simulator, p, k, truth, n, c.high[p][k], c.low[p][k]), SBI_OK);
        }
    }
    free(truth);
    return c;
}

static inline void free_columns(columns *c)
{
    free(c->weight);
    for (int p = 0; p < P; p++) {
        free(c->ratio[p]);
        for (int k = 0; k < K; k++) {
            free(c->high[p][k]);
            free(c->low[p][k]);
        }
    }
}

/* v_j = 1 / n over events of the reference. */
static inline columns make_integration(const offshell_simulator *simulator, size_t n)
{
    columns c = make_columns(simulator, &(offshell_sample){.kind = OFFSHELL_REFERENCE, .number = 1}, n);
    for (size_t i = 0; i < c.n; i++) c.weight[i] = 1.0 / (double)c.n;
    return c;
}

static inline columns make_toy(const offshell_simulator *simulator, const offshell_point *point, uint64_t number)
{
    size_t n = (size_t)offshell_observed_count(simulator, point, number);
    return make_columns(simulator, &(offshell_sample){.kind = OFFSHELL_OBSERVED, .point = point, .number = number}, n);
}

static inline sbi_array view(const double *data, const columns *c)
{
    return sbi_array_1d(data, SBI_F64, (int64_t)c->n);
}

/* The model with all K nuisances, or, `plain`, with mu alone; auxiliary[k] is what alpha_k was measured to be, NULL for 0. */
static inline sbi_model *make_model(sbi_context *ctx, const offshell_simulator *simulator, const columns *data,
                                    const columns *integration, const double *auxiliary, int plain)
{
    sbi_model *model;
    sbi_parameter mu, alpha;
    OK(sbi_model_create(&model, ctx));
    sbi_parameter_init(&mu);
    mu.constraint = SBI_CONSTRAINT_NONE;
    mu.start = 1.0;
    mu.lower = MU_LOW;
    mu.upper = 10.0;
    OK(sbi_model_add_parameter(model, "mu", &mu));
    OK(sbi_model_set_poi(model, "mu"));
    for (int k = 0; k < K && !plain; k++) {
        sbi_parameter_init(&alpha);
        alpha.auxiliary = auxiliary ? auxiliary[k] : 0.0;
        OK(sbi_model_add_parameter(model, offshell_nuisance_of(simulator, k)->name, &alpha));
    }
    size_t channel, sample;
    sbi_array w = view(data->weight, data), v = view(integration->weight, integration);
    OK(sbi_model_add_channel(model, "signal_region", (int64_t)data->n, &w, &v, 0, &channel));
    for (int p = 0; p < P; p++) {
        sbi_array r = view(data->ratio[p], data), s = view(integration->ratio[p], integration);
        OK(sbi_model_add_sample(model, channel, offshell_process_name[p], offshell_truth_of(simulator)->yield[p], factor[p], &r,
                                &s, &sample));
        for (int k = 0; k < K && !plain; k++) {
            const offshell_nuisance *nuisance = offshell_nuisance_of(simulator, k);
            double high, low;
            if (!data->high[p][k]) continue;
            offshell_nuisance_norm(nuisance, p, &high, &low);
            OK(sbi_model_add_normsys(model, channel, sample, nuisance->name, high, low));
            sbi_array a = view(data->high[p][k], data), b = view(data->low[p][k], data);
            sbi_array c = view(integration->high[p][k], integration), d = view(integration->low[p][k], integration);
            OK(sbi_model_add_eventsys(model, channel, sample, nuisance->name, &a, &b, &c, &d, SBI_MORPH_RATIO));
        }
    }
    OK(sbi_model_seal(model));
    return model;
}

/* Auxiliary measurement k of a toy: standard normal. */
static inline void draw_auxiliary(uint64_t toy, double *auxiliary)
{
    offshell_stream stream = offshell_stream_open(UINT64_C(0x617578), toy);
    for (int k = 0; k < K; k += 2) offshell_normal_pair(&stream, auxiliary + k);
}

#endif
