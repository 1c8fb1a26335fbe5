/* SPDX-License-Identifier: Apache-2.0 */
/* What training offers beyond the plain network, a case each: trained on the cpu and on a device, in every precision, and compared. For the
 * stand-in and for hardware. */
#ifndef TESTS_CUDA_OPTION_CASES_H
#define TESTS_CUDA_OPTION_CASES_H

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "sbi/train.h"

enum { OPTION_EVENTS = 270, OPTION_FEATURES = 3 };

/* What of the simulator the dataset has. */
enum { OPTION_PLAIN = 0, OPTION_THETA = 1, OPTION_RATIO = 2, OPTION_TARGET = 4, OPTION_CLASSES = 8, OPTION_TRANSFORMS = 16, OPTION_SCORE = 32 };

typedef struct option_case {
    const char *name;
    int data;
    int unsupported; /* on a device */
    void (*set)(sbi_train_options *o);
} option_case;

static inline void option_residual(sbi_train_options *o) { o->depth = 5; o->residual = 2; }
static inline void option_norm(sbi_train_options *o) { o->layer_norm = 1; }
static inline void option_dropout(sbi_train_options *o) { o->dropout = 0.2; }
static inline void option_layers(sbi_train_options *o)
{
    option_residual(o);
    option_norm(o);
    option_dropout(o);
    o->activation = SBI_ACTIVATION_LEAKY_RELU;
    o->leaky_slope = 0.3;
}
static inline void option_relu(sbi_train_options *o) { o->activation = SBI_ACTIVATION_RELU; }
static inline void option_gelu(sbi_train_options *o) { o->activation = SBI_ACTIVATION_GELU; }
static inline void option_tanh(sbi_train_options *o) { o->activation = SBI_ACTIVATION_TANH; }
static inline void option_ema(sbi_train_options *o) { o->averaging = SBI_AVERAGING_EMA; o->averaging_decay = 0.9; o->averaging_start = 1; }
static inline void option_swa(sbi_train_options *o) { o->averaging = SBI_AVERAGING_SWA; o->averaging_start = 2; }
static inline void option_smoothing(sbi_train_options *o) { o->label_smoothing = 0.125; }
static inline void option_unbalanced(sbi_train_options *o) { o->class_balance = 0; }
static inline void option_multiclass(sbi_train_options *o) { o->loss = SBI_LOSS_MULTICLASS; option_smoothing(o); }
static inline void option_regression(sbi_train_options *o) { o->loss = SBI_LOSS_REGRESSION; }
static inline void option_rolr(sbi_train_options *o) { o->loss = SBI_LOSS_ROLR; }
static inline void option_alice(sbi_train_options *o) { o->loss = SBI_LOSS_ALICE; }
static inline void option_rascal(sbi_train_options *o) { o->loss = SBI_LOSS_RASCAL; }
static inline void option_alices(sbi_train_options *o) { o->loss = SBI_LOSS_ALICES; }
static inline void option_cascal(sbi_train_options *o) { o->loss = SBI_LOSS_CASCAL; }
static inline void option_nothing(sbi_train_options *o) { (void)o; }
static inline void option_yeo_johnson(sbi_train_options *o) { o->standardise = SBI_STANDARDISE_YEO_JOHNSON; }
static inline void option_memory(sbi_train_options *o) { o->memory = 1; }
static inline void option_folds(sbi_train_options *o) { o->folds = 3; }
static inline void option_bootstrap(sbi_train_options *o) { o->bootstrap = 1; o->patience = 3; o->schedule = SBI_SCHEDULE_PLATEAU; }
/* Diverges at once; the second attempt has the usual rate, its state and moments zeroed on the device. */
static inline void option_retries(sbi_train_options *o)
{
    o->optimiser = SBI_OPTIMISER_SGD;
    o->learning_rate = 1e6;
    o->clip_norm = 0;
    o->weight_decay = 0;
    o->retries = 2;
    o->retry_factor = 1e-8;
}

static const option_case option_cases[] = {
    {"residual", OPTION_PLAIN, 0, option_residual},
    {"layer_norm", OPTION_PLAIN, 0, option_norm},
    {"dropout", OPTION_PLAIN, 0, option_dropout},
    {"residual, layer_norm, dropout, LeakyReLU", OPTION_PLAIN, 0, option_layers},
    {"ReLU", OPTION_PLAIN, 0, option_relu},
    {"GELU", OPTION_PLAIN, 0, option_gelu},
    {"tanh", OPTION_PLAIN, 0, option_tanh},
    {"EMA", OPTION_PLAIN, 0, option_ema},
    {"SWA", OPTION_PLAIN, 0, option_swa},
    {"label smoothing", OPTION_PLAIN, 0, option_smoothing},
    {"no class balance", OPTION_PLAIN, 0, option_unbalanced},
    {"heads of three classes", OPTION_CLASSES, 0, option_smoothing},
    {"multi-class", OPTION_CLASSES, 0, option_multiclass},
    {"regression", OPTION_TARGET, 0, option_regression},
    {"CARL", OPTION_THETA, 0, option_nothing},
    {"ROLR", OPTION_THETA | OPTION_RATIO, 0, option_rolr},
    {"ALICE", OPTION_THETA | OPTION_RATIO, 0, option_alice},
    {"transforms", OPTION_TRANSFORMS, 0, option_nothing},
    {"Yeo-Johnson", OPTION_PLAIN, 0, option_yeo_johnson},
    {"memory", OPTION_PLAIN, 0, option_memory},
    {"folds", OPTION_PLAIN, 0, option_folds},
    {"bootstrap, patience, plateau", OPTION_PLAIN, 0, option_bootstrap},
    {"retries", OPTION_PLAIN, 0, option_retries},
    {"RASCAL", OPTION_THETA | OPTION_RATIO | OPTION_SCORE, 1, option_rascal},
    {"ALICES", OPTION_THETA | OPTION_RATIO | OPTION_SCORE, 1, option_alices},
    {"CASCAL", OPTION_THETA | OPTION_RATIO | OPTION_SCORE, 1, option_cascal},
};
enum { OPTION_CASES = sizeof option_cases / sizeof *option_cases };

typedef struct option_events {
    double x[3][OPTION_EVENTS][OPTION_FEATURES], theta[3][OPTION_EVENTS], ratio[3][OPTION_EVENTS], score[3][OPTION_EVENTS],
        target[3][OPTION_EVENTS][2];
} option_events;

static inline void option_fill(option_events *e)
{
    for (int32_t c = 0; c < 3; c++) {
        for (int i = 0; i < OPTION_EVENTS; i++) {
            const uint64_t k = (uint64_t)i;
            for (int j = 0; j < OPTION_FEATURES; j++) e->x[c][i][j] = 0.5 * c + sbi_random_normal(3, (uint64_t)(c * 10 + j), k);
            e->x[c][i][2] = floor(fmin(3, fabs(e->x[c][i][2]))); /* a category, for whoever takes it as one */
            e->theta[c][i] = sbi_random_normal(3, (uint64_t)(c * 10 + 4), k);
            e->ratio[c][i] = exp(0.5 * sbi_random_normal(3, (uint64_t)(c * 10 + 5), k));
            e->score[c][i] = e->theta[c][i];
            e->target[c][i][0] = e->x[c][i][0];
            e->target[c][i][1] = e->theta[c][i];
        }
    }
}

static inline sbi_status option_dataset(sbi_dataset **data, sbi_context *ctx, const option_events *e, int what)
{
    static const double categories[] = {0, 1, 2, 3};
    sbi_status status = sbi_dataset_create(data, ctx);
    for (int32_t c = 0; c < (what & OPTION_CLASSES ? 3 : 2) && status == SBI_OK; c++) {
        const sbi_array xa = sbi_array_2d(e->x[c], SBI_F64, OPTION_EVENTS, OPTION_FEATURES), ta = sbi_array_1d(e->theta[c], SBI_F64, OPTION_EVENTS);
        const sbi_array ra = sbi_array_1d(e->ratio[c], SBI_F64, OPTION_EVENTS), sa = sbi_array_1d(e->score[c], SBI_F64, OPTION_EVENTS);
        const sbi_array ya = sbi_array_2d(e->target[c], SBI_F64, OPTION_EVENTS, 2);
        sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
        a.features = &xa;
        if (what & OPTION_THETA) a.theta = &ta;
        if (what & OPTION_RATIO) a.joint_ratio = &ra;
        if (what & OPTION_SCORE) a.score = &sa;
        if (what & OPTION_TARGET) a.target = &ya;
        status = sbi_dataset_add_arrays(*data, c, &a);
    }
    if (status != SBI_OK || !(what & OPTION_TRANSFORMS)) return status;
    status = sbi_dataset_add_transform(*data, 0, SBI_TRANSFORM_SIGNED_LOG, NULL, 0);
    if (status == SBI_OK) status = sbi_dataset_add_transform(*data, 1, SBI_TRANSFORM_YEO_JOHNSON, NULL, 0);
    return status == SBI_OK ? sbi_dataset_add_transform(*data, 2, SBI_TRANSFORM_ONE_HOT, categories, 4) : status;
}

/* 486 events for training in batches of 54 (729 of three classes), eleven epochs: about 100 steps. */
static inline sbi_train_options option_hundred_steps(const option_case *c, int32_t optimiser, const char *device)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 16;
    o.epochs = 11;
    o.batch = 54;
    o.optimiser = optimiser;
    o.weight_decay = 1e-3;
    o.clip_norm = 0.5;
    if (optimiser == SBI_OPTIMISER_SGD) o.learning_rate = 0.01;
    o.device = device;
    c->set(&o);
    return o;
}

/* All outputs of the network for the events of a class, [events, outputs]. */
static inline sbi_status option_outputs(sbi_context *ctx, const option_events *e, const option_case *c, const sbi_train_options *o, double *out,
                                        int *outputs)
{
    static double in[OPTION_EVENTS][OPTION_FEATURES + 1];
    sbi_dataset *data = NULL;
    sbi_network *net = NULL;
    sbi_status status = option_dataset(&data, ctx, e, c->data);
    if (status == SBI_OK) status = sbi_network_train(&net, data, o);
    sbi_dataset_destroy(data);
    if (status != SBI_OK) return status;
    const int64_t d = c->data & OPTION_THETA ? OPTION_FEATURES + 1 : OPTION_FEATURES;
    for (int i = 0; i < OPTION_EVENTS; i++) {
        double *row = &in[0][0] + i * d;
        memcpy(row, e->x[1][i], sizeof e->x[1][i]);
        if (d > OPTION_FEATURES) row[OPTION_FEATURES] = e->theta[1][i];
    }
    sbi_network_info info = {.struct_size = sizeof info};
    const sbi_array x = sbi_array_2d(in, SBI_F64, OPTION_EVENTS, d);
    status = sbi_network_info_get(net, &info);
    *outputs = info.outputs;
    if (status == SBI_OK) status = sbi_network_evaluate_all(net, &x, out);
    sbi_network_destroy(net);
    return status;
}

/* The largest difference of an output on the device from that on the cpu, over 1 + its size; a case that is not supported must say so in
 * a line, and gives 0. */
static inline double option_distance(sbi_context *ctx, const option_case *c, int32_t optimiser, const char *device)
{
    static option_events e;
    static double here[3 * OPTION_EVENTS], there[3 * OPTION_EVENTS];
    int outputs = 0;
    double most = 0;
    option_fill(&e);
    sbi_train_options o = option_hundred_steps(c, optimiser, device);
    sbi_status status = option_outputs(ctx, &e, c, &o, there, &outputs);
    if (c->unsupported) {
        ck_assert_msg(status == SBI_ERR_UNSUPPORTED && !strchr(sbi_last_error(), '\n'), "%s: %s", c->name, sbi_last_error());
        return 0;
    }
    ck_assert_msg(status == SBI_OK, "%s: %s", c->name, sbi_last_error());
    o.device = NULL;
    status = option_outputs(ctx, &e, c, &o, here, &outputs);
    ck_assert_msg(status == SBI_OK, "%s: %s", c->name, sbi_last_error());
    for (int i = 0; i < OPTION_EVENTS * outputs; i++) {
        ck_assert_msg(isfinite(here[i]) && isfinite(there[i]), "%s: output %d is %g and %g", c->name, i, here[i], there[i]);
        most = fmax(most, fabs(here[i] - there[i]) / (1 + fabs(here[i])));
    }
    return most;
}

#endif
