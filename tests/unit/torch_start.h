/* SPDX-License-Identifier: Apache-2.0 */
/* Training from the first parameters of tests/reference/torch_net.py.
 *
 * A training starts from given parameters by way of a checkpoint: one is made by cancelling before the first batch, and written again
 * with other parameters. */
#ifndef TESTS_UNIT_TORCH_START_H
#define TESTS_UNIT_TORCH_START_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "io/npz.h"
#include "net/train.h"
#include "reference/torch_net_values.h"
#include "support/folder.h"
#include "support/run_suite.h"

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

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
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

/* Copies a checkpoint with other parameters. */
static void replace_params(const char *from, const char *to, const float *params, int64_t n)
{
    sbi_npz *npz;
    sbi_npz_writer *w;
    ok(sbi_npz_open(&npz, ctx, from));
    ok(sbi_npz_writer_open(&w, ctx, to, 0));
    for (size_t i = 0; i < sbi_npz_count(npz); i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", sbi_npz_name(npz, i));
        char *dot = strstr(name, ".npy");
        void *memory;
        sbi_array view;
        size_t size;
        if (!dot) {
            ok(sbi_npz_read_bytes(npz, name, &memory, &size));
            ok(sbi_npz_writer_add_bytes(w, name, memory, size));
        } else {
            *dot = 0;
            ok(sbi_npz_read(npz, name, &view, &memory));
            const sbi_array other = sbi_array_1d(params, SBI_F32, n);
            ok(sbi_npz_writer_add(w, name, strcmp(name, "params") == 0 ? &other : &view));
        }
        sbi_free(ctx, memory);
    }
    ok(sbi_npz_writer_commit(w));
    sbi_npz_close(npz);
}

/* A checkpoint before the first batch: the context is cancelled from the start, once the dataset was read. */
static void checkpoint_at_start(const sbi_train_options *o, const char *path)
{
    const sbi_dataset_pack *pack;
    char hex[65];
    ok(sbi_dataset_pack_get(data, o->standardise, &pack));
    ok(sbi_dataset_checksum(data, hex));
    sbi_context_cancel(ctx, 1);
    sbi_network *net;
    ck_assert_int_eq(sbi_member_train(&net, ctx, data, o, 0, path, NULL), SBI_ERR_CANCELLED);
    sbi_context_cancel(ctx, 0);
}

static sbi_network *train_from(const sbi_train_options *options, const double *first)
{
    sbi_train_options o;
    ok(sbi_train_options_read(&o, options));
    const test_path a = folder_path(&folder, "start.npz"), b = folder_path(&folder, "first.npz");
    checkpoint_at_start(&o, a.text);
    sbi_mlp mlp = {.layers = TORCH_DEPTH + 1, .activation = o.activation, .size = {TORCH_FEATURES}};
    for (int l = 1; l <= TORCH_DEPTH; l++) mlp.size[l] = TORCH_WIDTH;
    mlp.size[TORCH_DEPTH + 1] = 1;
    ok(sbi_mlp_finish(&mlp));
    float params[512] = {0};
    ck_assert_int_le(mlp.n, 512);
    spread(&mlp, first, params);
    replace_params(a.text, b.text, params, mlp.n);
    ck_assert_int_eq(unlink(a.text), 0);
    sbi_network *net;
    ok(sbi_member_train(&net, ctx, data, &o, 0, b.text, NULL));
    return net;
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

static void near(double x, double expected, double tolerance, const char *what, size_t index)
{
    ck_assert_msg(fabs(x - expected) <= tolerance * (1 + fabs(expected)), "%s[%zu] is %.9g, expected %.9g", what, index, x,
                  expected);
}

#endif
