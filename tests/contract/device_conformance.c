/* SPDX-License-Identifier: Apache-2.0 */
#include "contract/device_conformance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "contract/device_arrays.h"
#include "sbi/network.h"

/* ---- memory ---- */

START_TEST(memory_comes_and_goes)
{
    array a = make(1000, 1);
    float copy[1000];
    memcpy(copy, a.host, sizeof copy);
    memset(a.host, 0, sizeof copy);
    pull(&a);
    ck_assert_mem_eq(a.host, copy, sizeof copy);
    ok(device.ops->zero(device.self, a.there + 0, 10 * sizeof(float)));
    ok(device.ops->synchronise(device.self));
    pull(&a);
    for (int i = 0; i < 10; i++) ck_assert_float_eq(a.host[i], 0.0f);
    ck_assert_mem_eq(a.host + 10, copy + 10, sizeof copy - 10 * sizeof(float));
    drop(&a);
    device.ops->release(device.self, NULL);
}
END_TEST

/* ---- products ---- */

static double element(const float *a, int transpose, int64_t ld, int64_t i, int64_t j)
{
    return (double)(transpose ? a[j * ld + i] : a[i * ld + j]);
}

static void check_gemm(int ta, int tb, int64_t m, int64_t n, int64_t k, int64_t count, float alpha, float beta)
{
    const int64_t rows_a = ta ? k : m, cols_a = ta ? m : k, rows_b = tb ? n : k, cols_b = tb ? k : n;
    const int64_t lda = cols_a + 3, ldb = cols_b + 5, ldc = n + 1;
    array a = make((size_t)(count * rows_a * lda), 1), b = make((size_t)(count * rows_b * ldb), 2);
    array c = make((size_t)(count * m * ldc), 3);
    float *before = malloc(c.n * sizeof(float) + 1);
    memcpy(before, c.host, c.n * sizeof(float));
    const sbi_device_gemm op = {ta, tb, m, n, k, alpha, beta, a.there, b.there, c.there, lda, ldb, ldc, count,
                                rows_a * lda, rows_b * ldb, m * ldc};
    ok(device.ops->gemm(device.self, &op));
    pull(&c);
    for (int64_t item = 0; item < count; item++) {
        for (int64_t i = 0; i < m; i++) {
            for (int64_t j = 0; j < ldc; j++) {
                const size_t at = (size_t)(item * m * ldc + i * ldc + j);
                if (j >= n) { /* what lies between the rows is not ours */
                    ck_assert_float_eq(c.host[at], before[at]);
                    continue;
                }
                double sum = 0;
                for (int64_t l = 0; l < k; l++)
                    sum += element(a.host + item * rows_a * lda, ta, lda, i, l) *
                           element(b.host + item * rows_b * ldb, tb, ldb, l, j);
                near((double)c.host[at], (double)alpha * sum + (double)beta * (double)before[at], sqrt((double)k), "c", at);
            }
        }
    }
    free(before);
    drop(&a);
    drop(&b);
    drop(&c);
}

START_TEST(gemm_plain_and_batched)
{
    static const int64_t shapes[][3] = {{1, 1, 1}, {3, 5, 7}, {16, 16, 16}, {65, 33, 129}, {300, 530, 20}, {513, 17, 64}, {270, 310, 260}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int transpose = 0; transpose < 4; transpose++)
            check_gemm(transpose & 1, transpose >> 1, shapes[s][0], shapes[s][1], shapes[s][2], 1, 1, transpose == 2 ? 1 : 0);
    check_gemm(0, 1, 33, 17, 40, 5, 0.5f, 0);
    check_gemm(1, 0, 20, 31, 9, 3, -1, 2);
}
END_TEST

START_TEST(gemm_does_not_read_an_empty_result)
{
    array a = make(16, 1), b = make(16, 2), c = make(16, 3);
    for (int i = 0; i < 16; i++) c.host[i] = NAN;
    push(&c);
    const sbi_device_gemm op = {0, 0, 4, 4, 4, 1, 0, a.there, b.there, c.there, 4, 4, 4, 1, 0, 0, 0};
    ok(device.ops->gemm(device.self, &op));
    pull(&c);
    for (int i = 0; i < 16; i++) ck_assert(isfinite(c.host[i]));
    drop(&a);
    drop(&b);
    drop(&c);
}
END_TEST

/* ---- layers ---- */

static void check_forward(int32_t activation, int64_t rows, int64_t in, int64_t out, int keep)
{
    array x = make((size_t)(rows * in), 1), w = make((size_t)(out * in), 2), b = make((size_t)out, 3);
    array y = make((size_t)(rows * out), 4), d = make((size_t)(rows * out), 5);
    const sbi_device_forward op = {.rows = rows, .in = in, .out = out, .x = x.there, .w = w.there, .b = b.there, .y = y.there,
                                   .d = keep ? d.there : NULL, .activation = activation, .slope = 0.01f};
    ok(device.ops->forward(device.self, &op));
    pull(&y);
    if (keep) pull(&d);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t o = 0; o < out; o++) {
            double z = (double)b.host[o];
            for (int64_t j = 0; j < in; j++) z += (double)x.host[i * in + j] * (double)w.host[o * in + j];
            const size_t at = (size_t)(i * out + o);
            near((double)y.host[at], activation_value(activation, z), sqrt((double)in), "y", at);
            const int kink = (activation == SBI_ACTIVATION_RELU || activation == SBI_ACTIVATION_LEAKY_RELU) && fabs(z) < 1e-4;
            if (keep && !kink) near((double)d.host[at], activation_slope(activation, z), sqrt((double)in), "d", at);
        }
    }
    drop(&x);
    drop(&w);
    drop(&b);
    drop(&y);
    drop(&d);
}

START_TEST(forward_of_every_activation)
{
    for (int32_t f = SBI_ACTIVATION_SILU; f <= SBI_ACTIVATION_SOFTPLUS; f++) {
        check_forward(f, 5, 3, 70, 1);
        check_forward(f, 300, 17, 33, 1);
        check_forward(f, 7, 130, 1, 1);
        check_forward(f, 40, 8, 19, 0);
    }
}
END_TEST

START_TEST(forward_without_activation)
{
    check_forward(SBI_DEVICE_IDENTITY, 9, 6, 4, 0);
    check_forward(SBI_DEVICE_IDENTITY, 1, 1, 1, 0);
    check_forward(SBI_DEVICE_IDENTITY, 600, 200, 1, 0);
    check_forward(SBI_DEVICE_IDENTITY, 270, 30, 700, 0);
    check_forward(SBI_DEVICE_IDENTITY, 0, 30, 7, 0);
}
END_TEST

/* Values where the formulas could overflow or lose digits. */
START_TEST(activations_far_out)
{
    static const float z[] = {0.0f,  -0.0f, 1e-30f, -1e-30f, 1e-4f, -1e-4f, 20.0f, -20.0f,
                              60.0f, -60.0f, 100.0f, -100.0f, 1e4f,  -1e4f,  1e30f, -1e30f};
    enum { N = sizeof z / sizeof z[0] };
    for (int32_t f = SBI_ACTIVATION_SILU; f <= SBI_ACTIVATION_SOFTPLUS; f++) {
        array x = make(N, 1), w = make(1, 2), b = make(1, 3), y = make(N, 4), d = make(N, 5);
        memcpy(x.host, z, sizeof z);
        w.host[0] = 1;
        b.host[0] = 0;
        push(&x);
        push(&w);
        push(&b);
        const sbi_device_forward op = {.rows = N, .in = 1, .out = 1, .x = x.there, .w = w.there, .b = b.there, .y = y.there, .d = d.there,
                                       .activation = f, .slope = 0.01f};
        ok(device.ops->forward(device.self, &op));
        pull(&y);
        pull(&d);
        for (size_t i = 0; i < N; i++) {
            const double value = activation_value(f, (double)z[i]);
            near((double)y.host[i], value, 1, "y", i);
            const int kink = z[i] == 0 && (f == SBI_ACTIVATION_RELU || f == SBI_ACTIVATION_LEAKY_RELU);
            if (fabsf(z[i]) < 1e4f && !kink) near((double)d.host[i], activation_slope(f, (double)z[i]), 1, "d", i);
            ck_assert(isfinite(d.host[i]));
        }
        drop(&x);
        drop(&w);
        drop(&b);
        drop(&y);
        drop(&d);
    }
}
END_TEST

START_TEST(a_nan_stays_one)
{
    for (int32_t f = SBI_DEVICE_IDENTITY; f <= SBI_ACTIVATION_SOFTPLUS; f++) {
        array x = make(20, 1), w = make(20, 2), b = make(1, 3), y = make(1, 4), d = make(1, 5);
        x.host[7] = NAN;
        push(&x);
        const sbi_device_forward op = {.rows = 1, .in = 20, .out = 1, .x = x.there, .w = w.there, .b = b.there, .y = y.there,
                                       .d = d.there, .activation = f, .slope = 0.01f};
        ok(device.ops->forward(device.self, &op));
        pull(&y);
        ck_assert_msg(isnan(y.host[0]), "activation %d hides a NaN: %g", (int)f, (double)y.host[0]);
        drop(&x);
        drop(&w);
        drop(&b);
        drop(&y);
        drop(&d);
    }
}
END_TEST

static void check_backward(int64_t rows, int64_t in, int64_t out, int accumulate, int data)
{
    array dz = make((size_t)(rows * out), 1), x = make((size_t)(rows * in), 2), w = make((size_t)(out * in), 3);
    array d = make((size_t)(rows * in), 4), dx = make((size_t)(rows * in), 5), dw = make((size_t)(out * in), 6);
    array db = make((size_t)out, 7);
    const sbi_device_backward op = {.rows = rows, .in = in, .out = out, .dz = dz.there, .x = x.there, .w = data ? w.there : NULL,
                                    .d = data ? d.there : NULL, .dx = data ? dx.there : NULL, .dw = dw.there, .db = db.there,
                                    .accumulate = accumulate};
    float *dw0 = malloc(dw.n * sizeof(float)), *db0 = malloc(db.n * sizeof(float));
    memcpy(dw0, dw.host, dw.n * sizeof(float));
    memcpy(db0, db.host, db.n * sizeof(float));
    ok(device.ops->backward(device.self, &op));
    pull(&dw);
    pull(&db);
    if (data) pull(&dx);
    for (int64_t i = 0; data && i < rows; i++) {
        for (int64_t j = 0; j < in; j++) {
            double sum = 0;
            for (int64_t o = 0; o < out; o++) sum += (double)dz.host[i * out + o] * (double)w.host[o * in + j];
            near((double)dx.host[i * in + j], sum * (double)d.host[i * in + j], sqrt((double)out), "dx", (size_t)(i * in + j));
        }
    }
    for (int64_t o = 0; o < out; o++) {
        double bias = accumulate ? (double)db0[o] : 0;
        for (int64_t i = 0; i < rows; i++) bias += (double)dz.host[i * out + o];
        near((double)db.host[o], bias, sqrt((double)rows), "db", (size_t)o);
        for (int64_t j = 0; j < in; j++) {
            double sum = accumulate ? (double)dw0[o * in + j] : 0;
            for (int64_t i = 0; i < rows; i++) sum += (double)dz.host[i * out + o] * (double)x.host[i * in + j];
            near((double)dw.host[o * in + j], sum, sqrt((double)rows), "dw", (size_t)(o * in + j));
        }
    }
    free(dw0);
    free(db0);
    drop(&dz);
    drop(&x);
    drop(&w);
    drop(&d);
    drop(&dx);
    drop(&dw);
    drop(&db);
}

START_TEST(backward)
{
    check_backward(5, 3, 4, 0, 1);
    check_backward(300, 33, 70, 0, 1);
    check_backward(300, 33, 70, 1, 1);
    check_backward(64, 530, 20, 0, 1);
    check_backward(130, 7, 300, 0, 0);
    check_backward(1, 1, 1, 0, 1);
    check_backward(0, 5, 6, 0, 1);
    check_backward(0, 5, 6, 1, 1);
}
END_TEST

START_TEST(backward_from_one_output)
{
    check_backward(300, 100, 1, 0, 1);
    check_backward(300, 67, 1, 1, 1);
    check_backward(9, 600, 1, 0, 1);
    check_backward(9, 600, 1, 0, 0);
}
END_TEST

/* ---- optimisers ---- */

static void check_update(int sgd, int averaged)
{
    enum { N = 40000 };
    array p = make(N, 1), g = make(N, 2), m = make(N, 3), v = make(N, 4), mean = make(N, 5);
    for (int i = 0; i < N; i++) v.host[i] *= v.host[i];
    push(&v);
    const sbi_device_update op = {.n = N - 3, .p = p.there, .g = g.there, .m = m.there, .v = sgd ? NULL : v.there,
                                  .grad_scale = 0.5f, .decay = 0.125f, .shrink = 0.25f, .beta1 = 0.875f, .beta2 = 0.75f,
                                  .epsilon = 1e-3f, .step_m = 0.5f, .step_g = 0.0625f, .v_scale = 2.0f,
                                  .part = 0.25f, .average = averaged ? mean.there : NULL};
    float *mean0 = malloc(N * sizeof(float));
    memcpy(mean0, mean.host, N * sizeof(float));
    float *p0 = malloc(N * sizeof(float)), *m0 = malloc(N * sizeof(float)), *v0 = malloc(N * sizeof(float));
    memcpy(p0, p.host, N * sizeof(float));
    memcpy(m0, m.host, N * sizeof(float));
    memcpy(v0, v.host, N * sizeof(float));
    ok(device.ops->update(device.self, &op));
    pull(&p);
    pull(&m);
    pull(&v);
    pull(&mean);
    for (size_t i = 0; i < N; i++) {
        double pi = (double)p0[i], mi = (double)m0[i], vi = (double)v0[i];
        if (i < N - 3) {
            const double gi = 0.5 * (double)g.host[i] + 0.125 * pi;
            mi = 0.875 * mi + (sgd ? gi : 0.125 * gi);
            if (!sgd) vi = 0.75 * vi + 0.25 * gi * gi;
            pi = 0.75 * pi - (sgd ? 0.0625 * mi : (0.5 * mi + 0.0625 * gi) / (sqrt(2 * vi) + 1e-3));
        }
        near((double)p.host[i], pi, 1, "p", i);
        near((double)m.host[i], mi, 1, "m", i);
        near((double)v.host[i], vi, 1, "v", i);
        const double mix = averaged && i < N - 3 ? 0.25 * pi + 0.75 * (double)mean0[i] : (double)mean0[i];
        near((double)mean.host[i], mix, 1, "average", i);
    }
    free(mean0);
    free(p0);
    free(m0);
    free(v0);
    drop(&p);
    drop(&g);
    drop(&m);
    drop(&v);
    drop(&mean);
}

START_TEST(optimiser_steps)
{
    check_update(1, 0);
    check_update(0, 0);
    check_update(1, 1);
    check_update(0, 1);
}
END_TEST

/* ---- gather and sums ---- */

START_TEST(gathered_rows)
{
    enum { TABLE = 900, ROWS = 700 };
    for (int64_t columns = 1; columns < 40; columns += 6) {
        array table = make((size_t)(TABLE * columns), 1), out = make((size_t)(ROWS * columns), 2);
        uint32_t index[ROWS];
        for (int i = 0; i < ROWS; i++) index[i] = (uint32_t)(sbi_random_u64(3, 0, (uint64_t)i) % TABLE);
        index[0] = TABLE - 1;
        void *there = NULL;
        ok(device.ops->allocate(device.self, &there, sizeof index));
        ok(device.ops->upload(device.self, there, index, sizeof index));
        ok(device.ops->gather(device.self, out.there, table.there, there, ROWS, columns));
        pull(&out);
        for (int i = 0; i < ROWS; i++)
            ck_assert_mem_eq(out.host + i * columns, table.host + (size_t)index[i] * (size_t)columns,
                             (size_t)columns * sizeof(float));
        device.ops->release(device.self, there);
        drop(&table);
        drop(&out);
    }
}
END_TEST

START_TEST(sums)
{
    enum { PARTS = 5, N = 20011 };
    array parts = make(PARTS * N, 1), out = make(N, 2);
    ok(device.ops->sum_parts(device.self, out.there, parts.there, PARTS, N));
    pull(&out);
    for (size_t j = 0; j < N; j++) {
        double sum = 0;
        for (size_t i = 0; i < PARTS; i++) sum += (double)parts.host[i * N + j];
        near((double)out.host[j], sum, 1, "sum", j);
    }
    ok(device.ops->sum_parts(device.self, parts.there, parts.there, PARTS, N)); /* in place: the same bits */
    pull(&parts);
    ck_assert_mem_eq(parts.host, out.host, N * sizeof(float));

    void *there = NULL;
    ok(device.ops->allocate(device.self, &there, sizeof(double)));
    ok(device.ops->sum_squares(device.self, there, out.there, N));
    double got, sum = 0;
    ok(device.ops->download(device.self, &got, there, sizeof got));
    for (size_t j = 0; j < N; j++) sum += (double)out.host[j] * (double)out.host[j];
    ck_assert_double_le(fabs(got - sum), 1e-12 * sum);
    device.ops->release(device.self, there);
    drop(&parts);
    drop(&out);
}
END_TEST

/* ---- the same bits each time ---- */

START_TEST(repeated_operations_give_the_same_bits)
{
    enum { ROWS = 700, IN = 300, OUT = 520 };
    array x = make(ROWS * IN, 1), w = make(OUT * IN, 2), b = make(OUT, 3), dz = make(ROWS * OUT, 4), d = make(ROWS * IN, 5);
    array y = make(ROWS * OUT, 6), dx = make(ROWS * IN, 7), dw = make(OUT * IN, 8), db = make(OUT, 9);
    array *outputs[] = {&y, &dx, &dw, &db};
    float *first[4];
    for (int round = 0; round < 3; round++) {
        const sbi_device_forward f = {.rows = ROWS, .in = IN, .out = OUT, .x = x.there, .w = w.there, .b = b.there, .y = y.there,
                                      .activation = SBI_ACTIVATION_SILU};
        const sbi_device_backward g = {.rows = ROWS, .in = IN, .out = OUT, .dz = dz.there, .x = x.there, .w = w.there, .d = d.there,
                                       .dx = dx.there, .dw = dw.there, .db = db.there};
        ok(device.ops->forward(device.self, &f));
        ok(device.ops->backward(device.self, &g));
        for (int k = 0; k < 4; k++) {
            pull(outputs[k]);
            const size_t bytes = outputs[k]->n * sizeof(float);
            if (round == 0) {
                first[k] = malloc(bytes);
                memcpy(first[k], outputs[k]->host, bytes);
            }
            ck_assert_mem_eq(first[k], outputs[k]->host, bytes);
        }
    }
    for (int k = 0; k < 4; k++) {
        free(first[k]);
        drop(outputs[k]);
    }
    drop(&x);
    drop(&w);
    drop(&b);
    drop(&dz);
    drop(&d);
}
END_TEST

START_TEST(a_broken_table_is_refused)
{
    sbi_device_ops ops = *device.ops;
    ops.abi++;
    ck_assert_int_eq(sbi_device_check(&ops), SBI_ERR_ABI);
    ops = *device.ops;
    ops.struct_size -= 8;
    ck_assert_int_eq(sbi_device_check(&ops), SBI_ERR_ABI);
    ops = *device.ops;
    ops.gather = NULL;
    ck_assert_int_eq(sbi_device_check(&ops), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_device_check(NULL), SBI_ERR_ARGUMENT);
}
END_TEST

void device_conformance(Suite *suite, const device_under_test *chosen)
{
    under_test = chosen;
    TCase *c = tcase_create(chosen->name);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, memory_comes_and_goes);
    tcase_add_test(c, gemm_plain_and_batched);
    tcase_add_test(c, gemm_does_not_read_an_empty_result);
    tcase_add_test(c, forward_of_every_activation);
    tcase_add_test(c, forward_without_activation);
    tcase_add_test(c, activations_far_out);
    tcase_add_test(c, a_nan_stays_one);
    tcase_add_test(c, backward);
    tcase_add_test(c, backward_from_one_output);
    tcase_add_test(c, optimiser_steps);
    tcase_add_test(c, gathered_rows);
    tcase_add_test(c, sums);
    tcase_add_test(c, repeated_operations_give_the_same_bits);
    tcase_add_test(c, a_broken_table_is_refused);
    suite_add_tcase(suite, c);
    device_layers(suite, chosen);
    device_losses(suite, chosen);
}
