/* SPDX-License-Identifier: Apache-2.0 */
/* Models and fits on a CUDA device (the stand-in), and columns that are read leaf by leaf. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "cuda/standin_device.h"
#include "sbi/fit.h"
#include "sbi/model.h"
#include "sbi/tape.h"
#include "support/data.h"
#include "support/run_suite.h"

START_TEST(a_fit)
{
    cuda_standin_reset(STANDIN_MEMORY, 1);
    sbi_context *ctx;
    sbi_model *model;
    sbi_fit *host, *device;
    const test_path path = data_path("model/normalised.json");
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_model_load(&model, ctx, path.text), SBI_OK);
    sbi_fit_options options = SBI_FIT_OPTIONS_INIT;
    ck_assert_int_eq(sbi_fit_run(&host, model, &options), SBI_OK);
    options.device = "cuda";
    ck_assert_msg(sbi_fit_run(&device, model, &options) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_gt(cuda_standin_count(CUDA_STANDIN_LAUNCHES), 0);
    double theta[2], error[2];
    for (size_t i = 0; i < sbi_model_n_parameters(model); i++) {
        const char *name = sbi_model_parameter_name(model, i);
        ck_assert_int_eq(sbi_fit_value(host, name, &theta[0]), SBI_OK);
        ck_assert_int_eq(sbi_fit_value(device, name, &theta[1]), SBI_OK);
        ck_assert_int_eq(sbi_fit_error(host, name, &error[0]), SBI_OK);
        ck_assert_int_eq(sbi_fit_error(device, name, &error[1]), SBI_OK);
        ck_assert_double_eq_tol(theta[1], theta[0], 1e-9 * (1 + error[0]));
        ck_assert_double_eq_tol(error[1], error[0], 1e-9 * (1 + error[0]));
    }
    sbi_fit_destroy(host);
    sbi_fit_destroy(device);
    options.device = "cuda:4";
    ck_assert_int_eq(sbi_fit_run(&device, model, &options), SBI_ERR_NOT_FOUND);
    ck_assert_ptr_null(device);
    sbi_model_destroy(model);
    sbi_context_destroy(ctx);
    standin_check_clean();
}
END_TEST

/* ---- columns that are read ---------------------------------------------------------------------------------------- */

#define EVENTS (2048 + 300)
static float columns[4][EVENTS]; /* up_0, down_0, up_1, down_1 */
static double ratio[EVENTS];
static int reads, fail_at;

static sbi_status read_columns(void *self, int64_t first, int64_t count, void *out)
{
    (void)self;
    if (__atomic_add_fetch(&reads, 1, __ATOMIC_RELAXED) == fail_at) return SBI_ERR_NO_SPACE;
    for (int k = 0; k < 4; k++)
        memcpy((float *)out + k * count, columns[k] + first, (size_t)count * sizeof(float));
    return SBI_OK;
}

static sbi_status read_ratio(void *self, int64_t first, int64_t count, void *out)
{
    (void)self;
    memcpy(out, ratio + first, (size_t)count * sizeof(double));
    return SBI_OK;
}

static sbi_tape *record(sbi_context *ctx, int streamed)
{
    sbi_tape *t;
    ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
    const sbi_var alphas[2] = {sbi_tape_param(t, "a"), sbi_tape_param(t, "b")};
    const sbi_events events = sbi_tape_events(t, "data", EVENTS);
    const sbi_array up[2] = {sbi_array_1d(columns[0], SBI_F32, EVENTS), sbi_array_1d(columns[2], SBI_F32, EVENTS)};
    const sbi_array down[2] = {sbi_array_1d(columns[1], SBI_F32, EVENTS), sbi_array_1d(columns[3], SBI_F32, EVENTS)};
    const sbi_array r = sbi_array_1d(ratio, SBI_F64, EVENTS);
    sbi_column_source many = SBI_COLUMN_SOURCE_INIT, one = SBI_COLUMN_SOURCE_INIT;
    many.dtype = SBI_F32;
    many.n_columns = 4;
    many.read = read_columns;
    one.dtype = SBI_F64;
    one.n_columns = 1;
    one.read = read_ratio;
    const sbi_var g = streamed ? sbi_tape_morph_source(t, events, alphas, 2, &many, SBI_INTERP_CODE4, SBI_MORPH_LOG, "g")
                               : sbi_tape_morph(t, events, alphas, 2, up, down, SBI_INTERP_CODE4, SBI_MORPH_LOG);
    const sbi_var c = streamed ? sbi_tape_column_source(t, events, &one, "r") : sbi_tape_column(t, events, &r, "r");
    ck_assert_int_eq(sbi_tape_seal(t, sbi_tape_sum(t, sbi_tape_log(t, sbi_tape_add(t, sbi_tape_mul(t, c, g), c)))), SBI_OK);
    return t;
}

static void hessian_of(const sbi_tape *t, int64_t memory, sbi_status expected, double out[7])
{
    const double theta[2] = {0.4, -1.3};
    sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
    sbi_tape_work *work;
    options.device = "cuda";
    options.device_memory = memory;
    ck_assert_int_eq(sbi_tape_work_create_with(&work, t, &options), SBI_OK);
    ck_assert_int_eq(sbi_tape_hessian(work, theta, out, out + 1, out + 3), expected);
    if (expected == SBI_OK) ck_assert_int_eq(sbi_tape_hessian(work, theta, out, out + 1, out + 3), SBI_OK);
    sbi_tape_work_destroy(work);
}

START_TEST(sources)
{
    sbi_context *ctx;
    double in_memory[7], read[7];
    cuda_standin_reset(STANDIN_MEMORY, 1);
    for (int e = 0; e < EVENTS; e++) {
        ratio[e] = 1.0 + 0.001 * (e % 17);
        for (int k = 0; k < 4; k++)
            columns[k][e] = (float)(0.01 * ((e * 7 + k * 3) % 11) - 0.05);
    }
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    sbi_tape *plain = record(ctx, 0), *streamed = record(ctx, 1);
    hessian_of(plain, 0, SBI_OK, in_memory);
    const int before = reads;
    hessian_of(streamed, 0, SBI_OK, read); /* stays on the device: two leaves, each read once for two evaluations */
    ck_assert_int_eq(reads - before, 2);
    ck_assert_mem_eq(read, in_memory, sizeof read);
    hessian_of(streamed, 1, SBI_OK, read);
    ck_assert_int_eq(reads - before, 6);
    ck_assert_mem_eq(read, in_memory, sizeof read);
    fail_at = reads + 2;
    hessian_of(streamed, 0, SBI_ERR_NO_SPACE, read);
    fail_at = 0;
    sbi_tape_destroy(plain);
    sbi_tape_destroy(streamed);
    sbi_context_destroy(ctx);
    standin_check_clean();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cuda_likelihood_model");
    TCase *c = tcase_create("models");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, a_fit);
    tcase_add_test(c, sources);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    standin_use_plugin();
    return run_suite(suite());
}
