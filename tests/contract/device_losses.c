/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of a device, against their formulae in double precision. */
#include "contract/device_arrays.h"

static double softplus(double z)
{
    return fmax(z, 0) + log1p(exp(-fabs(z)));
}

static double logistic(double z)
{
    return 1 / (1 + exp(-z));
}

/* l of a row in f64, and its derivatives. */
static double loss_of_row(const sbi_device_loss *op, const float *z, const float *y, double *dz)
{
    const int64_t outputs = op->outputs;
    const double s = (double)op->smoothing;
    double sum = 0, l = 0;
    for (int64_t k = 0; k < outputs; k++) {
        const double zk = (double)z[k];
        const int own = op->kind == SBI_DEVICE_LOSS_SOFTMAX ? k == (int64_t)y[0] : k + 1 == (int64_t)y[0];
        const double v = own ? 1 - s / 2 : s / 2;
        if (op->kind == SBI_DEVICE_LOSS_BCE) {
            l += softplus(zk) - (double)y[0] * zk;
            dz[k] = logistic(zk) - (double)y[0];
        } else if (op->kind == SBI_DEVICE_LOSS_HEADS) {
            const int seen = own || y[0] == 0;
            l += seen ? softplus(zk) - v * zk : 0;
            dz[k] = seen ? logistic(zk) - v : 0;
        } else if (op->kind == SBI_DEVICE_LOSS_SQUARE) {
            l += (zk - (double)y[k]) * (zk - (double)y[k]);
            dz[k] = 2 * (zk - (double)y[k]);
        } else if (op->kind == SBI_DEVICE_LOSS_RATIO_SQUARE) {
            const double sign = y[0] < 0 ? -1 : 1, e = exp(sign * zk), r = fabs((double)y[0]);
            l += (e - r) * (e - r);
            dz[k] = 2 * (e - r) * e * sign;
        } else {
            const double share = (own ? 1 - s : 0) + s / (double)outputs;
            l -= share * zk;
            dz[k] = -share;
            sum += exp(zk - (double)z[0]);
        }
    }
    if (op->kind != SBI_DEVICE_LOSS_SOFTMAX) return l;
    for (int64_t k = 0; k < outputs; k++) dz[k] += exp((double)z[k] - (double)z[0]) / sum;
    return l + (double)z[0] + log(sum);
}

static void check_loss(int32_t kind, int outputs, float smoothing)
{
    enum { N = 1500 };
    const int columns = kind == SBI_DEVICE_LOSS_SQUARE ? outputs : 1;
    const float wide = kind == SBI_DEVICE_LOSS_RATIO_SQUARE ? 3.0f : 30.0f;
    array z = make((size_t)(N * outputs), 1), y = make((size_t)(N * columns), 2), w = make(N, 3), dz = make((size_t)(N * outputs), 4);
    for (int i = 0; i < N * outputs; i++) z.host[i] *= i % 7 == 0 ? wide : 2.0f;
    for (int i = 0; i < N; i++) {
        if (kind == SBI_DEVICE_LOSS_BCE) y.host[i] = i % 3 == 0 ? 1.0f : i % 3 == 1 ? 0.0f : 0.25f;
        if (kind == SBI_DEVICE_LOSS_SOFTMAX) y.host[i] = (float)(i % outputs);
        if (kind == SBI_DEVICE_LOSS_HEADS) y.host[i] = (float)(i % (outputs + 1));
    }
    if (kind != SBI_DEVICE_LOSS_RATIO_SQUARE) {
        z.host[0] = 95;
        z.host[1] = -95;
    }
    push(&z);
    push(&y);
    void *loss = NULL;
    ok(device.ops->allocate(device.self, &loss, sizeof(double)));
    const sbi_device_loss op = {kind, 0, N, outputs, z.there, y.there, w.there, dz.there, loss, 0.25f, smoothing};
    ok(device.ops->loss(device.self, &op));
    pull(&dz);
    double got, sum = 0, size = 0;
    ok(device.ops->download(device.self, &got, loss, sizeof got));
    for (int i = 0; i < N; i++) {
        double expected[8];
        const double wi = (double)w.host[i], l = wi * loss_of_row(&op, z.host + i * outputs, y.host + i * columns, expected);
        sum += l;
        size += fabs(l);
        for (int k = 0; k < outputs; k++)
            near((double)dz.host[i * outputs + k], 0.25 * wi * expected[k], 1 + fabs(wi), "dz", (size_t)(i * outputs + k));
    }
    near(got, sum, 30 + size, "loss", (size_t)kind);
    sbi_device_loss without = op;
    without.dz = NULL;
    ok(device.ops->loss(device.self, &without));
    double again;
    ok(device.ops->download(device.self, &again, loss, sizeof again));
    ck_assert_double_eq(again, got);
    device.ops->release(device.self, loss);
    drop(&z);
    drop(&y);
    drop(&w);
    drop(&dz);
}

START_TEST(losses)
{
    check_loss(SBI_DEVICE_LOSS_BCE, 1, 0);
    check_loss(SBI_DEVICE_LOSS_SOFTMAX, 2, 0);
    check_loss(SBI_DEVICE_LOSS_SOFTMAX, 7, 0.25f);
    check_loss(SBI_DEVICE_LOSS_HEADS, 2, 0);
    check_loss(SBI_DEVICE_LOSS_HEADS, 5, 0.25f);
    check_loss(SBI_DEVICE_LOSS_SQUARE, 1, 0);
    check_loss(SBI_DEVICE_LOSS_SQUARE, 3, 0);
    check_loss(SBI_DEVICE_LOSS_RATIO_SQUARE, 1, 0);
}
END_TEST

/* A NaN among the outputs shows in the loss, whatever the kind. */
START_TEST(a_nan_shows_in_the_loss)
{
    static const float z[3] = {1, NAN, 2}, y[3] = {1, 1, 1}, w[3] = {1, 1, 1};
    array za = make(3, 1), ya = make(3, 2), wa = make(3, 3);
    memcpy(za.host, z, sizeof z);
    memcpy(ya.host, y, sizeof y);
    memcpy(wa.host, w, sizeof w);
    push(&za);
    push(&ya);
    push(&wa);
    void *loss = NULL;
    ok(device.ops->allocate(device.self, &loss, sizeof(double)));
    for (int32_t kind = SBI_DEVICE_LOSS_BCE; kind <= SBI_DEVICE_LOSS_RATIO_SQUARE; kind++) {
        const int three = kind == SBI_DEVICE_LOSS_SOFTMAX || kind == SBI_DEVICE_LOSS_SQUARE;
        const sbi_device_loss op = {kind, 0, three ? 1 : 3, three ? 3 : 1, za.there, ya.there, wa.there, NULL, loss, 1, 0};
        double got;
        ok(device.ops->loss(device.self, &op));
        ok(device.ops->download(device.self, &got, loss, sizeof got));
        ck_assert_msg(isnan(got), "kind %d: %g", (int)kind, got);
    }
    device.ops->release(device.self, loss);
    drop(&za);
    drop(&ya);
    drop(&wa);
}
END_TEST

void device_losses(Suite *suite, const device_under_test *chosen)
{
    under_test = chosen;
    TCase *c = tcase_create("losses");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, losses);
    tcase_add_test(c, a_nan_shows_in_the_loss);
    suite_add_tcase(suite, c);
}
