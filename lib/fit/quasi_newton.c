/* SPDX-License-Identifier: Apache-2.0 */
/* Curvature from gradients. The symmetric rank-one update keeps what is known of directions that were not visited and may
 * become indefinite, which the trust region handles; started from a nearby Hessian it converges in a few gradients.
 * Source: Conn, Gould and Toint, Math. Prog. 50 (1991) 177. */
#include <math.h>

#include "base/error.h"
#include "fit/minimiser.h"

void sbi_fit_rank_one_update(size_t n, double *H, const double *s, const double *y, const double *scale, double *r)
{
    double product = 0, residual = 0, length = 0;
    for (size_t i = 0; i < n; i++) {
        double sum = y[i];
        for (size_t j = 0; j < n; j++) sum -= H[i * n + j] * s[j];
        r[i] = sum;
    }
    for (size_t i = 0; i < n; i++) {
        product += r[i] * s[i];
        residual += r[i] * scale[i] * r[i] * scale[i];
        length += s[i] / scale[i] * s[i] / scale[i];
    }
    if (!isfinite(product) || fabs(product) <= 1e-8 * sqrt(residual * length)) return;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) H[i * n + j] += r[i] * r[j] / product;
}

double sbi_fit_guess_scale(const sbi_fit_objective *o, size_t k, double x)
{
    if (o->sigma[k] > 0) return o->sigma[k];
    double scale = fmax(fabs(x), 1), range = o->upper[k] - o->lower[k];
    return isfinite(range) && range > 0 ? fmin(scale, 0.1 * range) : scale;
}

/* The gradient at x_k + h, or at the nearest place towards x where F exists; *h is the displacement that was used, 0 if there
 * is none. */
static sbi_status displaced_gradient(sbi_minimiser *w, sbi_fit_point *point, size_t k, double *h, double *g)
{
    double x = point->x[k], f = INFINITY;
    for (int attempt = 0; attempt < 6; attempt++, *h *= 0.03) {
        double to = x + *h;
        if (to > w->upper[k]) to = w->upper[k];
        if (to < w->lower[k]) to = w->lower[k];
        if (to == x) break;
        point->x[k] = to;
        sbi_status status = sbi_fit_objective_eval(w->objective, point->x, &f, g, NULL);
        point->x[k] = x;
        if (status == SBI_ERR_DOMAIN) continue;
        if (status != SBI_OK) return status;
        if (f < INFINITY) {
            *h = to - x;
            return SBI_OK;
        }
    }
    *h = 0;
    return SBI_OK;
}

/* Column k of the Hessian into `column`; with size h0 of the displacement. False in *found if F exists on neither side. False in *even
 * if the two sides tell of curvatures that have nothing to do with each other. */
static sbi_status difference_column(sbi_minimiser *w, int central, sbi_fit_point *point, size_t k, double h0,
                                    double *column, int *found, int *even)
{
    size_t n = point->n;
    double *above = w->real, *below = w->real + n, up = h0, down = -h0;
    SBI_TRY(displaced_gradient(w, point, k, &up, above));
    if (central || up == 0) SBI_TRY(displaced_gradient(w, point, k, &down, below));
    else down = 0;
    *found = up != 0 || down != 0;
    *even = 1;
    if (up != 0 && down != 0) {
        double dp = (above[k] - point->g[k]) / up, dm = (below[k] - point->g[k]) / down;
        *even = fabs(dp - dm) <= 0.5 * fmax(fabs(dp), fabs(dm));
    }
    for (size_t j = 0; j < n; j++) {
        double dp = up != 0 ? (above[j] - point->g[j]) / up : 0, dm = down != 0 ? (below[j] - point->g[j]) / down : 0;
        /* Unequal displacements are weighted so that the second order cancels. */
        column[j] = up != 0 && down != 0 ? (dp * -down + dm * up) / (up - down) : dp + dm;
    }
    return SBI_OK;
}

sbi_status sbi_fit_difference_hessian(sbi_minimiser *w, double level, int central, sbi_fit_point *point)
{
    size_t n = point->n;
    double *column = w->real + 2 * n;
    int complete = 1;
    for (size_t k = 0; k < n; k++) {
        if (w->fixed[k]) {
            for (size_t j = 0; j < n; j++) point->H[k * n + j] = 0;
            continue;
        }
        double guess = sbi_fit_guess_scale(w->objective, k, point->x[k]);
        double scale = point->curvature != SBI_CURVATURE_NONE && point->H[k * n + k] > 0
                           ? sqrt(2 * level / point->H[k * n + k])
                           : 0.1 * guess;
        scale = fmax(scale, 1e-7 * fabs(point->x[k])); /* less would drown in rounding */
        int found = 0, even;
        double ceiling = guess;
        for (int attempt = 0; attempt < 12; attempt++) {
            SBI_TRY(difference_column(w, central, point, k, 1e-3 * scale, column, &found, &even));
            double curvature = fabs(column[k]), better = curvature > 0 ? sqrt(2 * level / curvature) : 1000 * scale;
            if (!even) ceiling = better = 0.03 * scale; /* something else begins within this distance */
            if (!found || (even && better > 0.01 * scale && better < 100 * scale)) break;
            /* The displacement was far from a thousandth of a standard deviation. Not all the way at once: where F is an
             * exponential, what was seen far out says nothing of here. */
            double next = fmin(fmax(better, 1e-3 * scale), 1e3 * scale);
            if (next > ceiling || 1e-3 * next < 1e-12 * fabs(point->x[k])) break;
            scale = next;
        }
        if (!found) {
            complete = 0;
            for (size_t j = 0; j < n; j++) column[j] = 0;
            column[k] = 2 * level / (scale * scale);
        }
        for (size_t j = 0; j < n; j++) point->H[k * n + j] = column[j];
    }
    for (size_t k = 0; k < n; k++) {
        for (size_t j = 0; j < k; j++) {
            double mean = 0.5 * (point->H[k * n + j] + point->H[j * n + k]);
            if (w->fixed[j] || w->fixed[k]) mean = 0;
            point->H[k * n + j] = point->H[j * n + k] = mean;
        }
    }
    point->curvature = !central ? SBI_CURVATURE_GUESS : complete ? SBI_CURVATURE_EXACT : SBI_CURVATURE_NONE;
    return SBI_OK;
}
