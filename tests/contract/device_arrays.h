/* SPDX-License-Identifier: Apache-2.0 */
/* What the suites of devices share: the device in work, arrays here and there, activations in double precision. */
#ifndef TESTS_CONTRACT_DEVICE_ARRAYS_H
#define TESTS_CONTRACT_DEVICE_ARRAYS_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "contract/device_conformance.h"
#include "sbi/network.h"

static const device_under_test *under_test;
static sbi_context *ctx;
static sbi_device device;

static inline void set_up(void)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = 2;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    ck_assert_int_eq(under_test->open(&device, ctx), SBI_OK);
    ck_assert_int_eq(sbi_device_check(device.ops), SBI_OK);
}

static inline void tear_down(void)
{
    sbi_device_close(&device);
    sbi_context_destroy(ctx);
    if (under_test->closed) under_test->closed();
}

/* ---- arrays here and there ---- */

typedef struct array {
    float *host, *there;
    size_t n;
} array;

static inline void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static inline void push(const array *a)
{
    ok(device.ops->upload(device.self, a->there, a->host, a->n * sizeof(float)));
}

static inline void pull(const array *a)
{
    ok(device.ops->download(device.self, a->host, a->there, a->n * sizeof(float)));
}

/* Normal numbers, the same for the same stream. */
static inline array make(size_t n, uint64_t stream)
{
    array a = {malloc((n + 1) * sizeof(float)), NULL, n};
    void *there = NULL;
    ok(device.ops->allocate(device.self, &there, (n + 1) * sizeof(float)));
    ck_assert_uint_eq((uintptr_t)there % 64, 0);
    a.there = there;
    for (size_t i = 0; i < n; i++) a.host[i] = (float)sbi_random_normal(11, stream, i);
    push(&a);
    return a;
}

static inline void drop(array *a)
{
    device.ops->release(device.self, a->there);
    free(a->host);
}

/* |x - expected| against the tolerance for numbers of the size of `scale`. */
static inline void near(double x, double expected, double scale, const char *what, size_t index)
{
    const double allowed = under_test->tolerance * (scale + fabs(expected));
    ck_assert_msg(fabs(x - expected) <= allowed, "%s[%zu] is %.9g, expected %.9g (allowed %.1e)", what, index, x, expected,
                  allowed);
}

static inline double activation_value(int32_t f, double z)
{
    switch (f) {
    case SBI_ACTIVATION_SILU: return z / (1 + exp(-z));
    case SBI_ACTIVATION_RELU: return z > 0 ? z : 0;
    case SBI_ACTIVATION_LEAKY_RELU: return z > 0 ? z : 0.01 * z;
    case SBI_ACTIVATION_TANH: return tanh(z);
    case SBI_ACTIVATION_GELU: return 0.5 * z * erfc(-z / sqrt(2));
    case SBI_ACTIVATION_SOFTPLUS: return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
    default: return z;
    }
}

/* By central differences of the function above, which the values were checked against; kinks are stated. */
static inline double activation_slope(int32_t f, double z)
{
    if (f == SBI_ACTIVATION_RELU) return z > 0;
    if (f == SBI_ACTIVATION_LEAKY_RELU) return z > 0 ? 1 : 0.01;
    const double h = 1e-5;
    return (activation_value(f, z + h) - activation_value(f, z - h)) / (2 * h);
}

#endif
