/* SPDX-License-Identifier: Apache-2.0 */
/* Values of pyhf stored by tests/reference/make_pyhf.py, which describes the files, and their comparison with a model. */
#ifndef TESTS_UNIT_PYHF_REFERENCE_H
#define TESTS_UNIT_PYHF_REFERENCE_H

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "io/json.h"
#include "io/npz.h"
#include "sbi/model.h"
#include "support/data.h"

typedef struct pyhf_reference {
    char path[1024];
    json_t *meta;
    size_t n_params, n_points, n_hessians;
    double *start, *lower, *upper; /* [n_params] */
    int32_t *fixed;                /* [n_params] */
    double *points;                /* [n_points, n_params] */
    double *value;                 /* [n_points] */
    double *gradient;              /* [n_points, n_params] */
    double *hessian;               /* [n_hessians, n_params, n_params], of the first points */
} pyhf_reference;

#define ck_ok(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())

/* The elements of an array, to be freed by free(). */
static inline void *pyhf_array(sbi_context *ctx, const sbi_npz *npz, const char *name, int32_t dtype, size_t *rows)
{
    sbi_array a;
    void *memory;
    ck_ok(sbi_npz_read(npz, name, &a, &memory));
    ck_assert_msg(a.dtype == dtype && a.ndim >= 1, "%s", name);
    if (rows) *rows = (size_t)a.shape[0];
    size_t size = sbi_dtype_size(dtype);
    for (int32_t d = 0; d < a.ndim; d++) size *= (size_t)a.shape[d];
    void *out = malloc(size);
    ck_assert(out != NULL && size > 0);
    memcpy(out, a.data, size);
    sbi_free(ctx, memory);
    return out;
}

static inline pyhf_reference pyhf_reference_read(sbi_context *ctx, const char *path)
{
    pyhf_reference r;
    sbi_npz *npz;
    void *text;
    size_t size;
    memset(&r, 0, sizeof r);
    snprintf(r.path, sizeof r.path, "%s", path);
    ck_ok(sbi_npz_open(&npz, ctx, path));
    ck_ok(sbi_npz_read_bytes(npz, "meta.json", &text, &size));
    ck_ok(sbi_json_parse(&r.meta, text, size, path));
    sbi_free(ctx, text);
    r.start = pyhf_array(ctx, npz, "start", SBI_F64, &r.n_params);
    r.lower = pyhf_array(ctx, npz, "lower", SBI_F64, NULL);
    r.upper = pyhf_array(ctx, npz, "upper", SBI_F64, NULL);
    r.fixed = pyhf_array(ctx, npz, "fixed", SBI_I32, NULL);
    r.points = pyhf_array(ctx, npz, "points", SBI_F64, &r.n_points);
    r.value = pyhf_array(ctx, npz, "value", SBI_F64, NULL);
    r.gradient = pyhf_array(ctx, npz, "gradient", SBI_F64, NULL);
    r.hessian = pyhf_array(ctx, npz, "hessian", SBI_F64, &r.n_hessians);
    sbi_npz_close(npz);
    ck_assert_uint_eq(json_array_size(json_object_get(r.meta, "parameters")), r.n_params);
    ck_assert_uint_ge(r.n_points, 4);
    ck_assert(r.n_hessians >= 1 && r.n_hessians <= r.n_points);
    return r;
}

static inline void pyhf_reference_release(pyhf_reference *r)
{
    void *arrays[] = {r->start, r->lower, r->upper, r->fixed, r->points, r->value, r->gradient, r->hessian};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
    json_decref(r->meta);
}

static inline const char *pyhf_text(const pyhf_reference *r, const char *key)
{
    return json_string_value(json_object_get(r->meta, key));
}

static inline const char *pyhf_parameter(const pyhf_reference *r, size_t index)
{
    return json_string_value(json_array_get(json_object_get(r->meta, "parameters"), index));
}

static inline double pyhf_largest(const double *x, size_t n)
{
    double largest = 1;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(x[i]));
    return largest;
}

/* Parameters, their start values, bounds and fixed flags by name; at[i] becomes the model's index of pyhf's i-th. */
static inline void pyhf_compare_parameters(const sbi_model *m, const pyhf_reference *r, size_t *at)
{
    for (size_t i = 0; i < r->n_params; i++) {
        const char *name = pyhf_parameter(r, i);
        sbi_parameter p;
        sbi_parameter_init(&p);
        ck_assert_msg(sbi_model_parameter_index(m, name, &at[i]) == SBI_OK, "%s: %s", r->path, sbi_last_error());
        ck_ok(sbi_model_parameter(m, at[i], &p));
        ck_assert_msg(p.start == r->start[i] && p.lower == r->lower[i] && p.upper == r->upper[i] && !p.fixed == !r->fixed[i],
                      "%s: %s: start %g in [%g, %g], fixed %d; pyhf: %g in [%g, %g], fixed %d", r->path, name, p.start,
                      p.lower, p.upper, p.fixed, r->start[i], r->lower[i], r->upper[i], r->fixed[i]);
    }
}

#define PYHF_VALUE 1e-10    /* relative to the NLL, or to one */
#define PYHF_GRADIENT 1e-9  /* relative to the largest element, or to one */
#define PYHF_HESSIAN 1e-9

/* Parameters, then value, gradient and Hessian at every point. */
static inline void pyhf_compare(const sbi_model *m, const pyhf_reference *r)
{
    const size_t n = r->n_params;
    ck_assert_msg(sbi_model_n_parameters(m) == n, "%s: %zu parameters, pyhf has %zu", r->path, sbi_model_n_parameters(m), n);
    size_t *at = malloc(n * sizeof *at);
    double *theta = malloc(n * sizeof *theta), *gradient = malloc(n * sizeof *gradient), *again = malloc(n * sizeof *again),
           *hessian = malloc(n * n * sizeof *hessian), *row = malloc(n * sizeof *row);
    ck_assert(at && theta && gradient && again && hessian && row);
    pyhf_compare_parameters(m, r, at);
    sbi_model_work *work;
    ck_ok(sbi_model_work_create(&work, m));
    double first = 0;
    for (size_t k = 0; k < r->n_points; k++) {
        const double expected = r->value[k], *g = r->gradient + k * n;
        double value, value_again;
        for (size_t i = 0; i < n; i++) theta[at[i]] = r->points[k * n + i];
        ck_ok(sbi_model_hessian(work, theta, &value, gradient, hessian));
        ck_ok(sbi_model_nll(work, theta, &value_again, again));
        ck_assert(value == value_again && memcmp(gradient, again, n * sizeof *again) == 0);
        if (k == 0) first = value;
        const double scale = fmax(1, fmax(fabs(expected), fabs(r->value[0])));
        ck_assert_msg(fabs((value - first) - (expected - r->value[0])) <= PYHF_VALUE * scale,
                      "%s: point %zu: NLL - NLL of point 0 is %.17g, pyhf %.17g", r->path, k, value - first, expected - r->value[0]);
        ck_assert_msg(fabs(value - expected) <= PYHF_VALUE * scale, "%s: point %zu: NLL %.17g, pyhf %.17g", r->path, k, value,
                      expected);
        const double largest = pyhf_largest(g, n);
        for (size_t i = 0; i < n; i++)
            ck_assert_msg(fabs(gradient[at[i]] - g[i]) <= PYHF_GRADIENT * largest,
                          "%s: point %zu: derivative by %s is %.17g, pyhf %.17g (largest %g)", r->path, k, pyhf_parameter(r, i),
                          gradient[at[i]], g[i], largest);
        if (k >= r->n_hessians) continue;
        const double *H = r->hessian + k * n * n, most = pyhf_largest(H, n * n);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                ck_assert_msg(fabs(hessian[at[i] * n + at[j]] - H[i * n + j]) <= PYHF_HESSIAN * most,
                              "%s: point %zu: second derivative by %s and %s is %.17g, pyhf %.17g (largest %g)", r->path, k,
                              pyhf_parameter(r, i), pyhf_parameter(r, j), hessian[at[i] * n + at[j]], H[i * n + j], most);
        for (size_t i = 0; i < n; i += 1 + n / 4) {
            ck_ok(sbi_model_hessian_rows(work, theta, i, 1, row));
            ck_assert_mem_eq(row, hessian + i * n, n * sizeof *row);
        }
    }
    sbi_model_work_destroy(work);
    free(at);
    free(theta);
    free(gradient);
    free(again);
    free(hessian);
    free(row);
}

#endif
