/* SPDX-License-Identifier: Apache-2.0 */
/* Layers in bf16 against plain C with the same rounding, and trainings with them.
 *
 * Needs a BLAS with products of bf16 matrices: the process's own, or MKL from the file that SBI_TEST_MKL names or from build/venv-mkl
 * (scripts/check-peers.sh BUILD --prepare-mkl). MKL computes them on any processor, slowly where there are no instructions for it. Without
 * such a BLAS only the refusals are tested. */
#include <dlfcn.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/blas.h"
#include "device/device.h"
#include "net/train.h"
#include "support/folder.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static sbi_context *context_of(int32_t threads)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = threads;
    sbi_context *ctx;
    ok(sbi_context_create(&ctx, &o));
    return ctx;
}

/* Before anything asks for the function. */
static void load_mkl(void)
{
    const char *chosen = getenv("SBI_TEST_MKL");
    glob_t found;
    if (chosen) {
        if (!dlopen(chosen, RTLD_NOW | RTLD_GLOBAL)) fprintf(stderr, "SBI_TEST_MKL: %s\n", dlerror());
    } else if (glob("build/venv-mkl/lib/libmkl_rt.so*", 0, NULL, &found) == 0) {
        dlopen(found.gl_pathv[0], RTLD_NOW | RTLD_GLOBAL);
        globfree(&found);
    }
}

/* ---- plain C ---- */

/* The nearest f32 with 8 significant bits, ties to even, by arithmetic. */
static double rounded(float x)
{
    int exponent;
    if (x == 0 || !isfinite(x)) return (double)x;
    const double fraction = frexp((double)x, &exponent);
    return ldexp(nearbyint(ldexp(fraction, 8)), exponent - 8);
}

static float number(uint32_t i)
{
    return (float)sin(12.9898 * (double)(i + 1)) * (i % 7 == 0 ? 3.0f : 0.5f);
}

enum { ROWS = 530, IN = 37, OUT = 251 }; /* several tiles, none of them whole */

static float *numbers(size_t n, uint32_t first)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    for (size_t i = 0; i < n; i++) x[i] = number(first + (uint32_t)i);
    return x;
}

static void near(double x, double expected, double size, const char *what, size_t index)
{
    ck_assert_msg(fabs(x - expected) <= 2e-6 * (1 + size), "%s[%zu] is %.9g, expected %.9g", what, index, x, expected);
}

/* The sum of products and the sum of their sizes. */
static double dot(const float *a, size_t step_a, const float *b, size_t step_b, size_t n, double *size)
{
    double sum = 0;
    *size = 0;
    for (size_t k = 0; k < n; k++) {
        const double term = rounded(a[k * step_a]) * rounded(b[k * step_b]);
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

START_TEST(layers)
{
    sbi_context *ctx = context_of(_i + 1);
    sbi_device device;
    ok(sbi_device_open(&device, ctx, "cpu?precision=bf16&emulated=1"));
    float *x = numbers(ROWS * IN, 1), *w = numbers(OUT * IN, 50000), *b = numbers(OUT, 90000), *y = numbers(ROWS * OUT, 3);
    float *dz = numbers(ROWS * OUT, 7000), *dx = numbers(ROWS * IN, 5), *dw = numbers(OUT * IN, 6), *db = numbers(OUT, 8);
    float *d = numbers(ROWS * IN, 20000), *dw0 = numbers(OUT * IN, 6);
    const sbi_device_forward forward = {.rows = ROWS, .in = IN, .out = OUT, .x = x, .w = w, .b = b, .y = y};
    ok(device.ops->forward(device.self, &forward));
    double size;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < OUT; j++) {
            const double expected = dot(x + i * IN, 1, w + j * IN, 1, IN, &size) + (double)b[j];
            near((double)y[i * OUT + j], expected, size, "y", i * OUT + j);
        }
    const sbi_device_backward backward = {.rows = ROWS, .in = IN, .out = OUT, .dz = dz, .x = x, .w = w, .d = d, .dx = dx, .dw = dw, .db = db,
                                          .accumulate = 1};
    ok(device.ops->backward(device.self, &backward));
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < IN; j++) {
            const double expected = dot(dz + i * OUT, 1, w + j, IN, OUT, &size) * (double)d[i * IN + j];
            near((double)dx[i * IN + j], expected, size * 3, "dx", i * IN + j);
        }
    for (size_t i = 0; i < OUT; i++)
        for (size_t j = 0; j < IN; j++) {
            const double expected = dot(dz + i, OUT, x + j, IN, ROWS, &size) + (double)dw0[i * IN + j];
            near((double)dw[i * IN + j], expected, size, "dw", i * IN + j);
        }
    float *all[] = {x, w, b, y, dz, dx, dw, db, d, dw0};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
    sbi_device_close(&device);
    sbi_context_destroy(ctx);
}
END_TEST

/* ---- trainings ---- */

static sbi_train_options options_of(void)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 64;
    o.epochs = 4;
    o.batch = 256;
    o.precision = SBI_PRECISION_BF16;
    o.device = "cpu?emulated=1";
    return o;
}

static sbi_network *train(int32_t threads, const gaussians *g, const sbi_train_options *o, sbi_context **ctx)
{
    sbi_dataset *data;
    sbi_network *net;
    *ctx = context_of(threads);
    ok(gaussians_dataset(g, *ctx, &data));
    ok(sbi_network_train(&net, data, o));
    sbi_dataset_destroy(data);
    return net;
}

START_TEST(trainings)
{
    gaussians g = gaussians_make(2000, 5, 1.0, 31);
    sbi_train_options o = options_of();
    sbi_context *ctx[4];
    sbi_network *net[4];
    for (int k = 0; k < 3; k++) net[k] = train(k + 1, &g, &o, &ctx[k]);
    o.precision = SBI_PRECISION_F32;
    net[3] = train(1, &g, &o, &ctx[3]);
    for (int k = 1; k < 3; k++) ck_assert_mem_eq(net[0]->params, net[k]->params, (size_t)net[0]->mlp.n * sizeof(float));
    ck_assert_mem_ne(net[0]->params, net[3]->params, (size_t)net[0]->mlp.n * sizeof(float));
    ck_assert_double_eq_tol(net[0]->validation_loss, net[3]->validation_loss, 3e-3);
    ck_assert_double_lt(net[0]->validation_loss, 0.65);
    for (int k = 0; k < 4; k++) {
        sbi_network_destroy(net[k]);
        sbi_context_destroy(ctx[k]);
    }
    gaussians_free(&g);
}
END_TEST

static void refused(const char *device, sbi_status expected, const char *word)
{
    sbi_context *ctx = context_of(1);
    sbi_device opened;
    ck_assert_int_eq(sbi_device_open(&opened, ctx, device), expected);
    ck_assert_msg(strstr(sbi_last_error(), word), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), word);
    ck_assert_ptr_null(opened.ops);
    sbi_context_destroy(ctx);
}

START_TEST(refusals)
{
    refused("cpu?precision=f64", SBI_ERR_ARGUMENT, "precision=f64");
    refused("cpu?", SBI_ERR_ARGUMENT, "expected precision");
    refused("cpu?precision=bf16&", SBI_ERR_ARGUMENT, "expected precision");
    if (!sbi_blas_bf16_name()) {
        refused("cpu?precision=bf16", SBI_ERR_UNSUPPORTED, "cblas_gemm_bf16bf16f32");
        refused("cpu?precision=bf16&emulated=1", SBI_ERR_UNSUPPORTED, "cblas_sbgemm");
    } else if (!sbi_blas_bf16_processor()) {
        refused("cpu?precision=bf16", SBI_ERR_UNSUPPORTED, "the processor has neither AMX nor AVX-512 BF16");
    }
}
END_TEST

/* A processor or BLAS without bf16 ends the training before it begins, by name, and f32 is never taken instead. */
START_TEST(a_training_is_refused)
{
    if (sbi_blas_bf16_name() && sbi_blas_bf16_processor()) return;
    gaussians g = gaussians_make(100, 2, 1.0, 32);
    sbi_context *ctx = context_of(1);
    sbi_dataset *data;
    sbi_network *net;
    sbi_train_options o = options_of();
    o.device = NULL;
    ok(gaussians_dataset(&g, ctx, &data));
    ck_assert_int_eq(sbi_network_train(&net, data, &o), SBI_ERR_UNSUPPORTED);
    ck_assert_ptr_null(net);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "precision bf16"));
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    gaussians_free(&g);
}
END_TEST

int main(void)
{
    load_mkl();
    Suite *suite = suite_create("device: bf16");
    TCase *c = tcase_create("bf16");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, refusals);
    tcase_add_test(c, a_training_is_refused);
    if (sbi_blas_bf16_name()) {
        tcase_add_loop_test(c, layers, 0, 2);
        tcase_add_test(c, trainings);
    } else {
        printf("SKIP: layers in bf16: no BLAS with products of bf16 matrices here (scripts/check-peers.sh BUILD --prepare-mkl fetches one)\n");
    }
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
