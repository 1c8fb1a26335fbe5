/* SPDX-License-Identifier: Apache-2.0 */
/* Networks and ensembles: evaluation, files, damaged files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "net/network.h"
#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/run_suite.h"

static sbi_context *ctx;
static test_folder folder;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    folder = folder_make();
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void fails(sbi_status status, sbi_status expected, const char *text)
{
    ck_assert_msg(status == expected, "%s, expected %s", sbi_status_name(status), sbi_status_name(expected));
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

/* A network 3 -> 7 -> 5 -> 1 with fixed random numbers. */
enum { IN = 3, A = 7, B = 5 };
typedef struct numbers {
    double w0[A * IN], b0[A], w1[B * A], b1[B], w2[B], b2[1], shift[IN], scale[IN];
} numbers;

static sbi_status make(sbi_context *own, uint64_t seed, numbers *n, sbi_network **net)
{
    double *p = (double *)n;
    for (size_t i = 0; i < sizeof *n / sizeof *p; i++) p[i] = (double)(float)(0.6 * sbi_random_normal(seed, 0, i));
    for (int j = 0; j < IN; j++) n->scale[j] = 1.5 + n->scale[j] * n->scale[j];
    const sbi_array w[3] = {sbi_array_2d(n->w0, SBI_F64, A, IN), sbi_array_2d(n->w1, SBI_F64, B, A),
                            sbi_array_2d(n->w2, SBI_F64, 1, B)};
    const sbi_array b[3] = {sbi_array_1d(n->b0, SBI_F64, A), sbi_array_1d(n->b1, SBI_F64, B), sbi_array_1d(n->b2, SBI_F64, 1)};
    const sbi_array shift = sbi_array_1d(n->shift, SBI_F64, IN), scale = sbi_array_1d(n->scale, SBI_F64, IN);
    return sbi_network_create(net, own, 3, w, b, SBI_ACTIVATION_TANH, &shift, &scale);
}

static double by_hand(const numbers *n, const double *x)
{
    double a[A], b[B], z = n->b2[0];
    for (int i = 0; i < A; i++) {
        a[i] = n->b0[i];
        for (int j = 0; j < IN; j++) a[i] += n->w0[i * IN + j] * (x[j] - n->shift[j]) * n->scale[j];
        a[i] = tanh(a[i]);
    }
    for (int i = 0; i < B; i++) {
        b[i] = n->b1[i];
        for (int j = 0; j < A; j++) b[i] += n->w1[i * A + j] * a[j];
        z += n->w2[i] * tanh(b[i]);
    }
    return z;
}

START_TEST(evaluation_is_the_formula)
{
    enum { N = 2500 }; /* more than two chunks */
    numbers n;
    sbi_network *net;
    ok(make(ctx, 1, &n, &net));
    double *x = malloc(N * IN * sizeof *x), *z = malloc(N * sizeof *z), *again = malloc(N * sizeof *again);
    for (size_t i = 0; i < N * IN; i++) x[i] = sbi_random_normal(2, 0, i);
    const sbi_array view = sbi_array_2d(x, SBI_F64, N, IN);
    ok(sbi_network_evaluate(net, &view, z));
    for (int i = 0; i < N; i++) ck_assert_double_eq_tol(z[i], by_hand(&n, x + i * IN), 3e-6);
    /* Any layout of the same numbers gives the same bits. */
    double *columns = malloc(N * IN * sizeof *columns);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < IN; j++) columns[j * N + i] = x[i * IN + j];
    sbi_array fortran = sbi_array_2d(columns, SBI_F64, N, IN);
    fortran.strides[0] = sizeof(double);
    fortran.strides[1] = N * (int64_t)sizeof(double);
    ok(sbi_network_evaluate(net, &fortran, again));
    ck_assert_mem_eq(z, again, N * sizeof *z);
    x[1500 * IN + 1] = NAN;
    fails(sbi_network_evaluate(net, &view, z), SBI_ERR_VALUE, "features: row 1500, column 1");
    const sbi_array narrow = sbi_array_2d(x, SBI_F64, 5, IN - 1);
    fails(sbi_network_evaluate(net, &narrow, z), SBI_ERR_SHAPE, "2 columns");
    sbi_network_destroy(net);
    free(x);
    free(z);
    free(again);
    free(columns);
}
END_TEST

START_TEST(arrays_that_do_not_fit)
{
    static const double w[6] = {1, 2, 3, 4, 5, 6};
    static double bad[6] = {1, 2, 3, 4, 5, 6};
    sbi_network *net;
    sbi_array weights[2] = {sbi_array_2d(w, SBI_F64, 2, 3), sbi_array_2d(w, SBI_F64, 1, 3)};
    sbi_array biases[2] = {sbi_array_1d(w, SBI_F64, 2), sbi_array_1d(w, SBI_F64, 1)};
    ck_assert_int_eq(sbi_network_create(&net, ctx, 2, weights, biases, SBI_ACTIVATION_SILU, NULL, NULL), SBI_ERR_SHAPE);
    ck_assert_ptr_null(net);
    weights[1] = sbi_array_2d(w, SBI_F64, 1, 2);
    ok(sbi_network_create(&net, ctx, 2, weights, biases, SBI_ACTIVATION_SILU, NULL, NULL));
    sbi_network_destroy(net);
    fails(sbi_network_create(&net, ctx, 2, weights, biases, 0, NULL, NULL), SBI_ERR_ARGUMENT, "activation is 0");
    bad[4] = 1e300;
    weights[0] = sbi_array_2d(bad, SBI_F64, 2, 3);
    fails(sbi_network_create(&net, ctx, 2, weights, biases, SBI_ACTIVATION_SILU, NULL, NULL), SBI_ERR_VALUE, "row 1, column 1");
    bad[4] = NAN;
    fails(sbi_network_create(&net, ctx, 2, weights, biases, SBI_ACTIVATION_SILU, NULL, NULL), SBI_ERR_VALUE, "row 1, column 1");
    weights[0] = sbi_array_2d(w, SBI_F64, 2, 3);
    const double zero[3] = {1, 0, 1};
    const sbi_array scale = sbi_array_1d(zero, SBI_F64, 3);
    fails(sbi_network_create(&net, ctx, 2, weights, biases, SBI_ACTIVATION_SILU, NULL, &scale), SBI_ERR_VALUE, "scale: row 1");
    fails(sbi_network_create(&net, ctx, 0, weights, biases, SBI_ACTIVATION_SILU, NULL, NULL), SBI_ERR_ARGUMENT, "0 layers");
}
END_TEST

START_TEST(files_keep_every_bit)
{
    const test_path a = folder_path(&folder, "a.npz"), b = folder_path(&folder, "b.npz");
    numbers n;
    sbi_network *net, *back;
    ok(make(ctx, 3, &n, &net));
    ok(sbi_network_save(net, a.text));
    ok(sbi_network_load(&back, ctx, a.text));
    ck_assert_mem_eq(net->params, back->params, (size_t)net->mlp.n * sizeof(float));
    ck_assert_mem_eq(net->shift, back->shift, IN * sizeof(double));
    ck_assert_mem_eq(net->scale, back->scale, IN * sizeof(double));
    ck_assert_str_eq(sbi_network_feature_name(back, 2), "x2");
    sbi_network_info info = {.struct_size = sizeof info};
    ok(sbi_network_info_get(back, &info));
    ck_assert_int_eq(info.features, IN);
    ck_assert_int_eq(info.layers, 3);
    ck_assert_int_eq(info.width, A);
    ck_assert_int_eq(info.parameters, A * IN + A + B * A + B + B + 1);
    ok(sbi_network_save(back, b.text));
    void *bytes[2];
    size_t size[2];
    ok(sbi_file_read(ctx, a.text, 0, &bytes[0], &size[0]));
    ok(sbi_file_read(ctx, b.text, 0, &bytes[1], &size[1]));
    ck_assert_uint_eq(size[0], size[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], size[0]);
    sbi_free(ctx, bytes[0]);
    sbi_free(ctx, bytes[1]);
    sbi_network_destroy(net);
    sbi_network_destroy(back);
}
END_TEST

START_TEST(damaged_files_are_refused)
{
    const test_path path = folder_path(&folder, "n.npz");
    numbers n;
    sbi_network *net, *back;
    ok(make(ctx, 4, &n, &net));
    ok(sbi_network_save(net, path.text));
    void *bytes;
    size_t size;
    ok(sbi_file_read(ctx, path.text, 0, &bytes, &size));
    unsigned char *copy = malloc(size);
    for (size_t k = 0; k < 900; k++) {
        memcpy(copy, bytes, size);
        size_t length = size;
        if (k < 100) {
            length = size * k / 100;
        } else {
            copy[size * (k - 100) / 800] ^= (unsigned char)(1u << k % 8);
        }
        ok(sbi_file_write(ctx, path.text, copy, length));
        const sbi_status status = sbi_network_load(&back, ctx, path.text);
        if (status != SBI_OK) {
            ck_assert_ptr_null(back);
            ck_assert_ptr_nonnull(strstr(sbi_last_error(), "n.npz"));
        } else { /* a bit that means nothing, for instance a time */
            ck_assert_mem_eq(net->params, back->params, (size_t)net->mlp.n * sizeof(float));
        }
        sbi_network_destroy(back);
    }
    fails(sbi_network_load(&back, ctx, "/no/such/net.npz"), SBI_ERR_NOT_FOUND, "/no/such/net.npz");
    free(copy);
    sbi_free(ctx, bytes);
    sbi_network_destroy(net);
}
END_TEST

START_TEST(ensembles_come_back_from_their_folder)
{
    const test_path path = folder_path(&folder, "ensemble");
    numbers n;
    sbi_network *net[3];
    sbi_ensemble *ens, *back;
    for (uint64_t m = 0; m < 3; m++) ok(make(ctx, 5 + m, &n, &net[m]));
    ok(sbi_ensemble_create(&ens, ctx, net, 3));
    for (int m = 0; m < 3; m++) sbi_network_destroy(net[m]); /* the ensemble keeps them */
    fails(sbi_ensemble_set_combination(ens, 3), SBI_ERR_ARGUMENT, "combination is 3");
    ok(sbi_ensemble_set_combination(ens, SBI_COMBINE_MEDIAN));
    ok(sbi_ensemble_save(ens, path.text));
    ok(sbi_ensemble_load(&back, ctx, path.text));
    ck_assert_uint_eq(sbi_ensemble_members(back), 3);
    ck_assert_int_eq(sbi_ensemble_combination(back), SBI_COMBINE_MEDIAN);
    for (size_t m = 0; m < 3; m++)
        ck_assert_mem_eq(sbi_ensemble_network(back, m)->params, sbi_ensemble_network(ens, m)->params, 64 * sizeof(float));
    ck_assert_ptr_null(sbi_ensemble_network(back, 3));
    sbi_ensemble_destroy(back);
    const test_path one = folder_path(&folder, "ensemble/member-0001.npz");
    ok(sbi_ensemble_load(&back, ctx, one.text));
    ck_assert_uint_eq(sbi_ensemble_members(back), 1);
    sbi_ensemble_destroy(back);
    ck_assert_int_eq(unlink(one.text), 0);
    fails(sbi_ensemble_load(&back, ctx, path.text), SBI_ERR_NOT_FOUND, "member-0001.npz");
    const test_path index = folder_path(&folder, "ensemble/ensemble.json");
    static const char newer[] = "{\"format\": \"sbi ensemble\", \"version\": 9}";
    ok(sbi_file_write(ctx, index.text, newer, sizeof newer - 1));
    fails(sbi_ensemble_load(&back, ctx, path.text), SBI_ERR_VERSION, "version is 9");
    fails(sbi_ensemble_load(&back, ctx, "/no/such/folder"), SBI_ERR_NOT_FOUND, "/no/such/folder");
    sbi_ensemble_destroy(ens);
}
END_TEST

static sbi_status file_body(sbi_context *own, void *arg)
{
    numbers n;
    sbi_network *net = NULL;
    sbi_ensemble *ens = NULL, *back = NULL;
    static const double x[2 * IN] = {0};
    double z[2];
    const sbi_array view = sbi_array_2d(x, SBI_F64, 2, IN);
    sbi_status status = make(own, 9, &n, &net);
    if (status == SBI_OK) status = sbi_network_evaluate(net, &view, z);
    if (status == SBI_OK) status = sbi_ensemble_create(&ens, own, &net, 1);
    if (status == SBI_OK) status = sbi_ensemble_save(ens, arg);
    if (status == SBI_OK) status = sbi_ensemble_load(&back, own, arg);
    sbi_network_destroy(net);
    sbi_ensemble_destroy(ens);
    sbi_ensemble_destroy(back);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    test_path path = folder_path(&folder, "torture");
    ck_assert_int_gt(torture_allocations(file_body, path.text, 1, 0).requests, 30);
    torture_allocations(file_body, path.text, 2, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net: networks and ensembles");
    TCase *c = tcase_create("networks");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, evaluation_is_the_formula);
    tcase_add_test(c, arrays_that_do_not_fit);
    tcase_add_test(c, files_keep_every_bit);
    tcase_add_test(c, damaged_files_are_refused);
    tcase_add_test(c, ensembles_come_back_from_their_folder);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
