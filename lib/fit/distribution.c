/* SPDX-License-Identifier: Apache-2.0 */
/* Uncertainties of expected counts. */
#include "sbi/distribution.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fit/constraint.h"

/* Of the scale: differences of fourth order lose about 1e-16 / STEP to rounding and STEP^4 to curvature. */
#define STEP 1e-3

sbi_status sbi_model_prefit(const sbi_model *model, double *theta, double *covariance)
{
    SBI_REQUIRE(model, "sbi_model_prefit: model is NULL");
    const size_t n = sbi_model_n_parameters(model);
    if (covariance) memset(covariance, 0, n * n * sizeof *covariance);
    for (size_t k = 0; k < n; k++) {
        sbi_parameter p;
        sbi_parameter_init(&p);
        SBI_TRY(sbi_model_parameter(model, k, &p));
        const int moves = p.constraint != SBI_CONSTRAINT_NONE && !p.fixed;
        const sbi_constraint c = {p.constraint, 0, p.auxiliary, p.sigma};
        if (theta) theta[k] = moves ? p.auxiliary : p.start;
        if (covariance && moves) covariance[k * n + k] = pow(sbi_constraint_width(&c, p.auxiliary), 2);
    }
    return SBI_OK;
}

/* ---- derivatives --------------------------------------------------------------------------------------------------- */

/* Column k; counts [n_bins] and x [P] are scratch, x equal to theta before and after. */
static sbi_status add_column(const sbi_model *model, size_t channel, size_t k, double step, double *x, double *counts, double *jacobian)
{
    static const double at[4] = {-2, -1, 1, 2}, weight[4] = {1, -8, 8, -1};
    const size_t n = sbi_model_n_parameters(model), n_bins = sbi_model_n_bins(model, channel);
    const double center = x[k];
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < 4 && status == SBI_OK; i++) {
        x[k] = center + at[i] * step;
        status = sbi_model_expected(model, channel, x, counts, NULL);
        for (size_t b = 0; b < n_bins && status == SBI_OK; b++) jacobian[b * n + k] += weight[i] * counts[b] / (12 * step);
    }
    x[k] = center;
    return status;
}

sbi_status sbi_model_expected_jacobian(const sbi_model *model, size_t channel, const double *theta, const double *scale, double *jacobian)
{
    SBI_REQUIRE(model && theta && jacobian, "sbi_model_expected_jacobian: an argument is NULL");
    SBI_TRY(sbi_model_expected(model, channel, theta, NULL, NULL)); /* the checks */
    const size_t n = sbi_model_n_parameters(model), n_bins = sbi_model_n_bins(model, channel);
    for (size_t k = 0; scale && k < n; k++)
        SBI_REQUIRE(scale[k] >= 0 && isfinite(scale[k]), "sbi_model_expected_jacobian: scale %g of %s, expected a finite number >= 0",
                    scale[k], sbi_model_parameter_name(model, k));
    sbi_context *ctx = sbi_model_context(model);
    double *x = sbi_alloc_array(ctx, n + n_bins, sizeof *x);
    if (!x) return SBI_ERR_NO_MEMORY;
    memcpy(x, theta, n * sizeof *x);
    memset(jacobian, 0, n_bins * n * sizeof *jacobian);
    sbi_status status = SBI_OK;
    for (size_t k = 0; k < n && status == SBI_OK; k++) {
        const double size = scale ? scale[k] : fmax(1, fabs(theta[k]));
        /* A step that theta cannot resolve would be no step. */
        if (size > 0) status = add_column(model, channel, k, fmax(STEP * size, 1e-9 * fabs(theta[k])), x, x + n, jacobian);
    }
    sbi_free(ctx, x);
    return status;
}

/* ---- J V J^T ------------------------------------------------------------------------------------------------------- */

typedef struct sums {
    double *error, *counts_covariance, total;
} sums;

/* JV [P] is scratch. */
static void propagate(const double *jacobian, const double *V, size_t n_bins, size_t n, double *JV, sums *out)
{
    for (size_t b = 0; b < n_bins; b++) {
        memset(JV, 0, n * sizeof *JV);
        for (size_t k = 0; k < n; k++) {
            const double j = jacobian[b * n + k];
            for (size_t l = 0; j != 0 && l < n; l++) JV[l] += j * V[k * n + l];
        }
        for (size_t a = 0; a < n_bins; a++) {
            double sum = 0;
            for (size_t l = 0; l < n; l++) sum += JV[l] * jacobian[a * n + l];
            if (out->counts_covariance) out->counts_covariance[b * n_bins + a] = sum;
            if (out->error && a == b) out->error[b] = sqrt(fmax(sum, 0));
            out->total += sum;
        }
    }
}

sbi_status sbi_model_expected_errors(const sbi_model *model, size_t channel, const double *theta, const double *covariance,
                                     double *error, double *counts_covariance, double *total_error)
{
    SBI_REQUIRE(model && theta && covariance, "sbi_model_expected_errors: an argument is NULL");
    SBI_TRY(sbi_model_expected(model, channel, theta, NULL, NULL)); /* the checks */
    const size_t n = sbi_model_n_parameters(model), n_bins = sbi_model_n_bins(model, channel);
    for (size_t k = 0; k < n; k++) {
        const double variance = covariance[k * n + k];
        if (!(variance >= 0) || !isfinite(variance))
            return sbi_fail(SBI_ERR_VALUE, "sbi_model_expected_errors: variance %g of %s, expected a finite number >= 0", variance,
                            sbi_model_parameter_name(model, k));
    }
    sbi_context *ctx = sbi_model_context(model);
    double *scratch = sbi_alloc_array(ctx, n + n_bins * n, sizeof *scratch);
    if (!scratch) return SBI_ERR_NO_MEMORY;
    double *jacobian = scratch + n;
    for (size_t k = 0; k < n; k++) scratch[k] = sqrt(covariance[k * n + k]);
    const sbi_status status = sbi_model_expected_jacobian(model, channel, theta, scratch, jacobian);
    if (status == SBI_OK) {
        sums out = {error, counts_covariance, 0};
        propagate(jacobian, covariance, n_bins, n, scratch, &out);
        if (total_error) *total_error = sqrt(fmax(out.total, 0));
    }
    sbi_free(ctx, scratch);
    return status;
}
