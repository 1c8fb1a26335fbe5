/* SPDX-License-Identifier: Apache-2.0 */
/* One row of the covariance by conjugate gradients. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fit/truncated_step.h"
#include "fit/fit.h"

#define ROW_TOLERANCE 1e-8 /* of the residual, in units of the scales */

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* s->step = (S H S)^-1 e_k over the free parameters. */
static sbi_status solve(sbi_products *s, size_t k, const char *name)
{
    size_t n = s->p->n, free_count = 0;
    double *x = s->step, *r = s->rest, *d = s->d, *Hd = s->Hd;
    memset(x, 0, n * sizeof *x);
    memset(r, 0, n * sizeof *r);
    r[k] = 1;
    memcpy(d, r, n * sizeof *d);
    for (size_t i = 0; i < n; i++) free_count += s->p->state[i] == SBI_FIT_FREE;
    double rr = 1;
    for (size_t i = 0; i < 10 * free_count + 100; i++) {
        SBI_TRY(sbi_products_apply(s, d, Hd));
        double curvature = dot(d, Hd, n), t = rr / curvature;
        if (!(curvature > 0) || !isfinite(t))
            return sbi_fail(SBI_ERR_SINGULAR, "sbi_fit_covariance_row: %s: the Hessian is not positive definite: curvature %g", name,
                            curvature);
        for (size_t j = 0; j < n; j++) {
            x[j] += t * d[j];
            r[j] -= t * Hd[j];
        }
        double next = dot(r, r, n);
        if (sqrt(next) < ROW_TOLERANCE) return SBI_OK;
        for (size_t j = 0; j < n; j++) d[j] = r[j] + next / rr * d[j];
        rr = next;
    }
    return sbi_fail(SBI_ERR_DIVERGED, "sbi_fit_covariance_row: %s: conjugate gradients end with a residual of %g", name, sqrt(rr));
}

sbi_status sbi_fit_covariance_row(sbi_fit *fit, const char *name, double *row)
{
    size_t k;
    SBI_REQUIRE(fit && row, "sbi_fit_covariance_row: fit or row is NULL");
    SBI_TRY(sbi_fit_find(fit, name, "sbi_fit_covariance_row", &k));
    sbi_fit_point *p = fit->best;
    size_t n = p->n;
    if (p->state[k] != SBI_FIT_FREE) {
        return sbi_fail(SBI_ERR_STATE, "sbi_fit_covariance_row: %s is %s", name,
                        p->state[k] == SBI_FIT_FIXED ? "fixed" : "at its limit");
    }
    if (fit->covariance_status == SBI_OK) {
        memcpy(row, fit->covariance + k * n, n * sizeof *row);
        return SBI_OK;
    }
    SBI_TRY(sbi_fit_require_converged(fit, "sbi_fit_covariance_row"));
    if (!fit->objective->f.hvp)
        return sbi_fail(SBI_ERR_STATE, "sbi_fit_covariance_row: the fit has no Hessian, and the objective no hvp()");
    sbi_products s;
    SBI_TRY(sbi_products_create(&s, fit->minimiser, p));
    SBI_TRY(solve(&s, k, name));
    for (size_t j = 0; j < n; j++) row[j] = 2 * fit->level * s.step[j] * p->scale[j] * p->scale[k];
    return SBI_OK;
}
