/* SPDX-License-Identifier: Apache-2.0 */
/* The problem of tests/reference/torch_net.py, and trainings that start from its first parameters. */
#ifndef TESTS_UNIT_TORCH_START_H
#define TESTS_UNIT_TORCH_START_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "net/train.h"
#include "reference/torch_net_values.h"
#include "support/folder.h"
#include "support/run_suite.h"
#include "support/train_from.h"

static sbi_context *ctx;
static sbi_dataset *data;
static test_folder folder;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_dataset_create(&data, ctx), SBI_OK);
    const int64_t n0 = TORCH_DENOMINATORS, n1 = TORCH_EVENTS - TORCH_DENOMINATORS;
    const sbi_array x0 = sbi_array_2d(torch_x, SBI_F64, n0, TORCH_FEATURES), w0 = sbi_array_1d(torch_w, SBI_F64, n0);
    const sbi_array x1 = sbi_array_2d(torch_x + n0 * TORCH_FEATURES, SBI_F64, n1, TORCH_FEATURES);
    const sbi_array w1 = sbi_array_1d(torch_w + n0, SBI_F64, n1);
    ck_assert_int_eq(sbi_dataset_add_array(data, SBI_DENOMINATOR, &x0, &w0), SBI_OK);
    ck_assert_int_eq(sbi_dataset_add_array(data, SBI_NUMERATOR, &x1, &w1), SBI_OK);
    folder = folder_make();
}

static void tear_down(void)
{
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

static sbi_train_options options_of(void)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = TORCH_DEPTH;
    o.width = TORCH_WIDTH;
    o.batch = TORCH_EVENTS;
    o.validation_fraction = 0;
    o.standardise = SBI_STANDARDISE_NONE;
    o.schedule = SBI_SCHEDULE_CONSTANT;
    return o;
}

/* The reference's order of parameters in the library's flat array. */
static void spread(const sbi_mlp *mlp, const double *from, float *to)
{
    size_t k = 0;
    for (int32_t l = 0; l < mlp->layers; l++)
        for (int64_t i = 0; i < mlp->size[l] * mlp->size[l + 1]; i++) to[mlp->w[l] + i] = (float)from[k++];
    for (int32_t l = 0; l < mlp->layers; l++)
        for (int64_t i = 0; i < mlp->size[l + 1]; i++) to[mlp->b[l] + i] = (float)from[k++];
    ck_assert_int_eq((int64_t)k, mlp->parameters);
}

static sbi_network *train_from_start(const sbi_train_options *options, const double *first)
{
    sbi_mlp mlp = {.layers = TORCH_DEPTH + 1, .activation = options->activation, .size = {TORCH_FEATURES}};
    for (int l = 1; l <= TORCH_DEPTH; l++) mlp.size[l] = TORCH_WIDTH;
    mlp.size[TORCH_DEPTH + 1] = 1;
    train_ok(sbi_mlp_finish(&mlp));
    float params[512] = {0};
    ck_assert_int_le(mlp.n, 512);
    spread(&mlp, first, params);
    return train_from(ctx, data, options, &folder, params, mlp.n);
}

static void near(double x, double expected, double tolerance, const char *what, size_t index)
{
    ck_assert_msg(fabs(x - expected) <= tolerance * (1 + fabs(expected)), "%s[%zu] is %.9g, expected %.9g", what, index, x,
                  expected);
}

#endif
