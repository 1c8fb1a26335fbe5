/* SPDX-License-Identifier: Apache-2.0 */
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/blas.h"
#include "base/error.h"
#include "base/memory.h"
#include "fit/fit.h"

static sbi_status singular(const sbi_fit *fit)
{
    return sbi_fail(SBI_ERR_SINGULAR,
                    "sbi_fit: the Hessian is not positive definite: smallest eigenvalue %g, largest %g; see "
                    "sbi_fit_least_curvature()",
                    fit->best->smallest, fit->best->largest);
}

/* V = 2 level S (S H S)^-1 S over the free parameters, by Cholesky. */
sbi_status sbi_fit_update_covariance(sbi_fit *fit)
{
    sbi_fit_point *p = fit->best;
    size_t n = p->n, *list = fit->minimiser->list;
    double *A = fit->minimiser->spectrum.matrix;
    if (!fit->covariance) return SBI_OK; /* nobody has asked for it yet */
    memset(fit->covariance, 0, n * n * sizeof *fit->covariance);
    if (p->curvature != SBI_CURVATURE_EXACT) {
        fit->covariance_status = p->reason == SBI_FIT_ALL_FIXED ? SBI_OK : SBI_ERR_STATE;
        return SBI_OK;
    }
    if (isnan(p->edm)) {
        fit->covariance_status = SBI_ERR_SINGULAR;
        return SBI_OK;
    }
    fit->covariance_status = SBI_OK;
    size_t m = sbi_fit_free_list(n, p->state, list);
    if (m == 0) return SBI_OK;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) A[i * m + j] = p->H[list[i] * n + list[j]] * p->scale[list[i]] * p->scale[list[j]];
    sbi_blas_enter();
    lapack_int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (lapack_int)m, A, (lapack_int)m);
    if (info == 0) info = LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', (lapack_int)m, A, (lapack_int)m);
    sbi_blas_leave();
    if (info != 0) {
        fit->covariance_status = SBI_ERR_SINGULAR;
        return SBI_OK;
    }
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j <= i; j++) {
            /* The lower triangle of a column-major matrix: row i, column j at j m + i. */
            double v = 2 * fit->level * A[j * m + i] * p->scale[list[i]] * p->scale[list[j]];
            fit->covariance[list[i] * n + list[j]] = fit->covariance[list[j] * n + list[i]] = v;
        }
    }
    return SBI_OK;
}

static sbi_status require_covariance(const sbi_fit *fit, const void *out, const char *where)
{
    SBI_REQUIRE(fit, "%s: fit is NULL", where);
    SBI_REQUIRE(out, "%s: the output is NULL", where);
    if (fit->covariance_status == SBI_ERR_SINGULAR) return singular(fit);
    if (fit->covariance_status != SBI_OK) {
        return sbi_fail(SBI_ERR_STATE, "%s: the fit has no Hessian%s", where,
                        sbi_fit_is_light(fit) ? ": truncated Newton forms none; sbi_fit_hessian() does" : "");
    }
    return SBI_OK;
}

sbi_status sbi_fit_error(const sbi_fit *fit, const char *name, double *error)
{
    size_t k;
    SBI_TRY(require_covariance(fit, error, "sbi_fit_error"));
    SBI_TRY(sbi_fit_find(fit, name, "sbi_fit_error", &k));
    *error = sqrt(fit->covariance[k * fit->best->n + k]);
    return SBI_OK;
}

sbi_status sbi_fit_errors(const sbi_fit *fit, double *errors)
{
    SBI_TRY(require_covariance(fit, errors, "sbi_fit_errors"));
    for (size_t k = 0; k < fit->best->n; k++) errors[k] = sqrt(fit->covariance[k * fit->best->n + k]);
    return SBI_OK;
}

sbi_status sbi_fit_covariance(const sbi_fit *fit, double *covariance)
{
    SBI_TRY(require_covariance(fit, covariance, "sbi_fit_covariance"));
    memcpy(covariance, fit->covariance, fit->best->n * fit->best->n * sizeof *covariance);
    return SBI_OK;
}

sbi_status sbi_fit_correlation(const sbi_fit *fit, double *correlation)
{
    SBI_TRY(require_covariance(fit, correlation, "sbi_fit_correlation"));
    size_t n = fit->best->n;
    const double *V = fit->covariance;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double norm = sqrt(V[i * n + i] * V[j * n + j]);
            correlation[i * n + j] = i == j ? 1 : norm > 0 ? V[i * n + j] / norm : 0;
        }
    }
    return SBI_OK;
}

sbi_status sbi_fit_global_correlations(const sbi_fit *fit, double *rho)
{
    SBI_TRY(require_covariance(fit, rho, "sbi_fit_global_correlations"));
    const sbi_fit_point *p = fit->best;
    for (size_t k = 0; k < p->n; k++) {
        rho[k] = 0;
        if (p->state[k] != SBI_FIT_FREE) continue;
        double product = fit->covariance[k * p->n + k] * p->H[k * p->n + k] / (2 * fit->level);
        rho[k] = product > 1 ? sqrt(1 - 1 / product) : 0;
    }
    return SBI_OK;
}

sbi_status sbi_fit_get_hessian(const sbi_fit *fit, double *hessian)
{
    SBI_REQUIRE(fit && hessian, "sbi_fit_get_hessian: fit or hessian is NULL");
    if (fit->best->curvature != SBI_CURVATURE_EXACT) {
        return sbi_fail(SBI_ERR_STATE, "sbi_fit_get_hessian: the fit has no Hessian");
    }
    memcpy(hessian, fit->best->H, fit->best->n * fit->best->n * sizeof *hessian);
    return SBI_OK;
}

sbi_status sbi_fit_set_hessian(sbi_fit *fit, const double *hessian)
{
    SBI_REQUIRE(fit && hessian, "sbi_fit_set_hessian: fit or hessian is NULL");
    sbi_fit_point *p = fit->best;
    size_t n = p->n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double a = hessian[i * n + j], b = hessian[j * n + i];
            if (!isfinite(a)) return sbi_fail(SBI_ERR_VALUE, "sbi_fit_set_hessian: row %zu, column %zu is %g", i, j, a);
            double size = sqrt(fabs(hessian[i * n + i] * hessian[j * n + j]));
            if (fabs(a - b) > 1e-9 * fmax(size, fmax(fabs(a), fabs(b)))) {
                return sbi_fail(SBI_ERR_SHAPE, "sbi_fit_set_hessian: not symmetric: [%zu, %zu] is %.17g, but [%zu, %zu] is %.17g",
                                i, j, a, j, i, b);
            }
        }
    }
    if (p->reason == SBI_FIT_ALL_FIXED) return SBI_OK;
    SBI_TRY(sbi_fit_add_matrices(fit));
    memcpy(p->H, hessian, n * n * sizeof *p->H);
    p->curvature = SBI_CURVATURE_EXACT;
    int32_t reason = p->reason;
    SBI_TRY(sbi_fit_reassess(fit));
    int was_stationary = reason < 10 || reason == SBI_FIT_INDEFINITE_HESSIAN;
    if (was_stationary) {
        int limited = 0;
        for (size_t k = 0; k < n; k++) limited |= p->state[k] >= SBI_FIT_AT_LOWER;
        if (isnan(p->edm)) p->reason = SBI_FIT_INDEFINITE_HESSIAN;
        else if (!(p->edm < sbi_fit_settings(fit).goal)) p->reason = SBI_FIT_NO_PROGRESS;
        else p->reason = limited ? SBI_FIT_AT_LIMIT : SBI_FIT_CONVERGED;
    }
    SBI_TRY(sbi_fit_update_covariance(fit));
    sbi_fit_write_message(fit);
    return SBI_OK;
}

sbi_status sbi_fit_least_curvature(const sbi_fit *fit, double *eigenvalue, double *direction)
{
    SBI_REQUIRE(fit && eigenvalue, "sbi_fit_least_curvature: fit or eigenvalue is NULL");
    if (isnan(fit->best->smallest) && fit->best->curvature != SBI_CURVATURE_EXACT) {
        return sbi_fail(SBI_ERR_STATE, "sbi_fit_least_curvature: the fit has no Hessian");
    }
    *eigenvalue = fit->best->smallest;
    if (direction) memcpy(direction, fit->best->least, fit->best->n * sizeof *direction);
    return SBI_OK;
}
