/* SPDX-License-Identifier: Apache-2.0 */
/* The likelihood on a CUDA device (the stand-in): every operation, events outside a domain, and what fails. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "cuda/standin_device.h"
#include "sbi/tape.h"
#include "support/run_suite.h"
#include "unit/tape_operations.h"

#define EVENTS 40
#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "message: %s", sbi_last_error())

static double column_a[EVENTS], column_b[EVENTS], weights[EVENTS];
static sbi_context *ctx;
static sbi_tape *tape;

static sbi_array column_of(const double *values) { return sbi_array_1d((double *)(uintptr_t)values, SBI_F64, EVENTS); }

static void setup(void)
{
    for (int i = 0; i < EVENTS; i++) {
        column_a[i] = 1 + 0.004 * i;
        column_b[i] = 0.01 * i;
        weights[i] = i == 3 ? 0.0 : 1 + 0.1 * i;
    }
    cuda_standin_reset(STANDIN_MEMORY, 1);
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
}

static void teardown(void)
{
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
}

static sbi_tape_work *work_on(const char *device)
{
    sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
    sbi_tape_work *work;
    options.device = device;
    ck_assert_msg(sbi_tape_work_create_with(&work, tape, &options) == SBI_OK, "%s", sbi_last_error());
    return work;
}

/* sum w f(p a_i, q + b_i) */
static sbi_var record_sum(binary_fn *record)
{
    const sbi_events events = sbi_tape_events(tape, "data", EVENTS);
    const sbi_array a = column_of(column_a), b = column_of(column_b), w = column_of(weights);
    const sbi_var x = sbi_tape_mul(tape, sbi_tape_param(tape, "p"), sbi_tape_column(tape, events, &a, "a"));
    const sbi_var y = sbi_tape_add(tape, sbi_tape_param(tape, "q"), sbi_tape_column(tape, events, &b, "b"));
    return sbi_tape_weighted_sum(tape, sbi_tape_column(tape, events, &w, "weights"), record(tape, x, y));
}

typedef struct evaluated {
    sbi_status status;
    char message[300];
    double value, gradient[2], hessian[4], products[4];
    int64_t bad, first_bad;
} evaluated;

static evaluated evaluate(const char *device, const double *theta)
{
    evaluated e;
    memset(&e, 0, sizeof e);
    sbi_tape_work *work = work_on(device);
    const double V[4] = {1, 0.5, -0.3, 2};
    e.status = sbi_tape_hessian(work, theta, &e.value, e.gradient, e.hessian);
    if (e.status != SBI_OK) snprintf(e.message, sizeof e.message, "%s", sbi_last_error());
    sbi_tape_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(sbi_tape_last_info(work, &info), SBI_OK);
    e.bad = info.bad_events;
    e.first_bad = info.first_bad_event;
    if (e.status == SBI_OK) ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 2, e.products), SBI_OK);
    sbi_tape_work_destroy(work);
    return e;
}

static void close_to(const char *name, const double *a, const double *b, int n)
{
    double scale = 1e-300;
    for (int i = 0; i < n; i++)
        scale = fmax(scale, fabs(b[i]));
    for (int i = 0; i < n; i++)
        ck_assert_msg(fabs(a[i] - b[i]) <= 1e-12 * scale, "%s[%d]: %.17g on the device, %.17g on the processor", name, i, a[i], b[i]);
}

START_TEST(every_operation)
{
    const struct operation *o = &operations[_i];
    if (o->scalar_only) return; /* nothing of it reaches a device */
    ck_assert_int_eq(sbi_tape_seal(tape, record_sum(o->record)), SBI_OK);
    for (int i = 0; i < 4; i++) {
        const double theta[2] = {o->points[i], 0.7};
        const evaluated cpu = evaluate("cpu", theta), device = evaluate("cuda", theta);
        ck_assert_msg(device.status == SBI_OK && cpu.status == SBI_OK, "%s: %s", o->name, device.message);
        close_to(o->name, &device.value, &cpu.value, 1);
        close_to(o->name, device.gradient, cpu.gradient, 2);
        close_to(o->name, device.hessian, cpu.hessian, 4);
        close_to(o->name, device.products, cpu.products, 4);
    }
    standin_check_clean();
}
END_TEST

static sbi_var log_of_difference(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_log(t, sbi_tape_sub(t, a, b)); }
static sbi_var inverse_of_difference(sbi_tape *t, sbi_var a, sbi_var b)
{
    return sbi_tape_div(t, sbi_tape_constant(t, 1), sbi_tape_sub(t, b, a));
}

START_TEST(infinite_value)
{
    ck_assert_int_eq(sbi_tape_seal(tape, record_sum(log_of_difference)), SBI_OK);
    const double theta[2] = {1.0, 0.9}; /* 1 + 0.004 i - 0.9 - 0.01 i <= 0 from event 17 on */
    const evaluated cpu = evaluate("cpu", theta), device = evaluate("cuda", theta);
    ck_assert_int_eq(cpu.bad, EVENTS - 17);
    ck_assert_int_eq(device.status, SBI_OK);
    ck_assert_int_eq(device.bad, cpu.bad);
    ck_assert_int_eq(device.first_bad, cpu.first_bad);
    ck_assert(isinf(device.value) && device.value > 0);
    for (int i = 0; i < 4; i++)
        ck_assert(isnan(device.hessian[i]));
}
END_TEST

START_TEST(outside_the_domain)
{
    ck_assert_int_eq(sbi_tape_seal(tape, record_sum(inverse_of_difference)), SBI_OK);
    const double theta[2] = {1.0, 1.0 - 0.006 * 5}; /* a_5 = b_5 */
    column_a[5] = column_b[5] + theta[1];
    const evaluated cpu = evaluate("cpu", theta), device = evaluate("cuda", theta);
    ck_assert_int_eq(cpu.status, SBI_ERR_DOMAIN);
    ck_assert_int_eq(device.status, SBI_ERR_DOMAIN);
    ck_assert_str_eq(device.message, cpu.message);
    weights[5] = 0.0; /* then it does not matter */
    ck_assert_int_eq(evaluate("cuda", theta).status, SBI_OK);
    standin_check_clean();
}
END_TEST

/* An additive factor that is zero: no derivative there. */
START_TEST(vanishing_factor)
{
    double up[EVENTS], down[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        up[i] = 1.1;
        down[i] = 0.9;
    }
    up[7] = 0.5; /* 1 + 2 (0.5 - 1) = 0 */
    const sbi_events events = sbi_tape_events(tape, "data", EVENTS);
    const sbi_array u = column_of(up), d = column_of(down), w = column_of(weights);
    const sbi_var alphas[1] = {sbi_tape_param(tape, "p")};
    sbi_tape_param(tape, "q");
    const sbi_var g = sbi_tape_morph(tape, events, alphas, 1, &u, &d, SBI_INTERP_CODE0, SBI_MORPH_RATIO);
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_weighted_sum(tape, sbi_tape_column(tape, events, &w, "w"), g)), SBI_OK);
    const double theta[2] = {2.0, 0.0};
    const evaluated cpu = evaluate("cpu", theta), device = evaluate("cuda", theta);
    ck_assert_int_eq(device.status, SBI_ERR_DOMAIN);
    ck_assert_str_eq(device.message, cpu.message);
    double value, expected;
    sbi_tape_work *work = work_on("cuda"), *host = work_on(NULL);
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_eval(host, theta, &expected, NULL), SBI_OK);
    close_to("value", &value, &expected, 1);
    sbi_tape_work_destroy(work);
    sbi_tape_work_destroy(host);
}
END_TEST

/* A dot product of columns, and an alpha that is a factor of its own too. */
START_TEST(dot_products)
{
    const sbi_events events = sbi_tape_events(tape, "data", EVENTS);
    const sbi_array a = column_of(column_a), b = column_of(column_b), w = column_of(weights);
    const sbi_var x[2] = {sbi_tape_param(tape, "p"), sbi_tape_param(tape, "q")};
    const sbi_var columns[2] = {sbi_tape_column(tape, events, &a, "a"), sbi_tape_column(tape, events, &b, "b")};
    const sbi_var product = sbi_tape_mul(tape, sbi_tape_exp(tape, sbi_tape_dot(tape, x, columns, 2)), sbi_tape_mul(tape, x[0], columns[1]));
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_weighted_sum(tape, sbi_tape_column(tape, events, &w, "w"), product)), SBI_OK);
    const double theta[2] = {0.4, -0.9};
    const evaluated cpu = evaluate("cpu", theta), device = evaluate("cuda", theta);
    close_to("value", &device.value, &cpu.value, 1);
    close_to("gradient", device.gradient, cpu.gradient, 2);
    close_to("hessian", device.hessian, cpu.hessian, 4);
    close_to("products", device.products, cpu.products, 4);
    standin_check_clean();
}
END_TEST

/* ---- failures --------------------------------------------------------------------------------------------------- */

/* Whatever fails has a status, leaves handles that can be destroyed, and leaves a workspace that works when it has passed. */
static void fail_in_turn(int what, int most)
{
    ck_assert_int_eq(sbi_tape_seal(tape, record_sum(log_of_difference)), SBI_OK);
    const double theta[2] = {2.0, 0.7};
    const evaluated good = evaluate("cuda", theta);
    int failures = 0;
    for (int k = 1; k <= most; k++) {
        cuda_standin_reset(STANDIN_MEMORY, 1);
        sbi_tape_work *work = work_on("cuda");
        double value, gradient[2], hessian[4];
        cuda_standin_fail(what, k);
        const sbi_status status = sbi_tape_hessian(work, theta, &value, gradient, hessian);
        if (status != SBI_OK) {
            failures++;
            ck_assert_msg(strstr(sbi_last_error(), "cuda") != NULL, "message: %s", sbi_last_error());
            ck_assert_int_eq(status, what == CUDA_STANDIN_ALLOCATION ? SBI_ERR_NO_MEMORY : SBI_ERR_TRANSIENT);
        } else {
            ck_assert_mem_eq(hessian, good.hessian, sizeof hessian);
        }
        if (what != CUDA_STANDIN_LOSS) {
            cuda_standin_fail(what, 0);
            ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, gradient, hessian), SBI_OK);
            ck_assert_mem_eq(hessian, good.hessian, sizeof hessian);
        }
        sbi_tape_work_destroy(work);
        if (what != CUDA_STANDIN_LOSS) ck_assert_int_eq(cuda_standin_count(CUDA_STANDIN_ALLOCATED), 0);
    }
    ck_assert_int_gt(failures, 2);
}

START_TEST(no_memory) { fail_in_turn(CUDA_STANDIN_ALLOCATION, 10); }
END_TEST
START_TEST(launches_fail) { fail_in_turn(CUDA_STANDIN_LAUNCH, 12); }
END_TEST
START_TEST(lost_device) { fail_in_turn(CUDA_STANDIN_LOSS, 20); }
END_TEST

START_TEST(which_device)
{
    ck_assert_int_eq(sbi_tape_seal(tape, record_sum(log_of_difference)), SBI_OK);
    sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
    sbi_tape_work *work;
    options.device = "cuda:1";
    ck_assert_int_eq(sbi_tape_work_create_with(&work, tape, &options), SBI_ERR_NOT_FOUND);
    ck_assert_ptr_null(work);
    options.device = "cuda:x";
    ck_assert_int_eq(sbi_tape_work_create_with(&work, tape, &options), SBI_ERR_ARGUMENT);
    options.device = "nothing";
    ck_assert_int_eq(sbi_tape_work_create_with(&work, tape, &options), SBI_ERR_NOT_FOUND);
    SAYS("nothing");
    cuda_standin_set_driver(-1);
    options.device = "cuda";
    ck_assert_int_eq(sbi_tape_work_create_with(&work, tape, &options), SBI_ERR_NOT_FOUND);
    SAYS("driver");
    cuda_standin_reset(STANDIN_MEMORY, 2);
    options.device = "cuda:1";
    ck_assert_int_eq(sbi_tape_work_create_with(&work, tape, &options), SBI_OK);
    sbi_tape_work_destroy(work);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cuda_likelihood_faults");
    TCase *c = tcase_create("operations");
    tcase_set_timeout(c, 300);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, every_operation, 0, N_OPERATIONS);
    tcase_add_test(c, infinite_value);
    tcase_add_test(c, outside_the_domain);
    tcase_add_test(c, vanishing_factor);
    tcase_add_test(c, dot_products);
    tcase_add_test(c, no_memory);
    tcase_add_test(c, launches_fail);
    tcase_add_test(c, lost_device);
    tcase_add_test(c, which_device);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    standin_use_plugin();
    return run_suite(suite());
}
