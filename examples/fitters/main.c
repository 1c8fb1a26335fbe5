/* SPDX-License-Identifier: Apache-2.0 */
/* A likelihood of libsbi minimised by others: by the BFGS method, written out below, and by NLopt where the build found it.
 *
 *     fitters workspace.json
 *
 * Fits Asimov data of the workspace with the parameter of interest at one and a half times its start value, from the start values. Prints the minimum of each beside that of sbi_fit_run(), and fails if they differ.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sbi/sbi.h"
#ifdef HAVE_NLOPT
#include <nlopt.h>
#endif

enum { MOST_PARAMETERS = 64, MOST_STEPS = 500 };
#define SAME 1e-5 /* differences of the negative log-likelihood at the minimum */

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, sbi_last_error());
    return 1;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++) sum += a[k] * b[k];
    return sum;
}

/* H <- the inverse Hessian that explains step s and change of the gradient y. */
static void update(double *H, const double *s, const double *y, size_t n)
{
    double Hy[MOST_PARAMETERS];
    const double sy = dot(s, y, n);
    if (!(sy > 0)) return;
    for (size_t i = 0; i < n; i++) Hy[i] = dot(H + i * n, y, n);
    const double c = (1 + dot(y, Hy, n) / sy) / sy;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) H[i * n + j] += c * s[i] * s[j] - (s[i] * Hy[j] + Hy[i] * s[j]) / sy;
}

/* BFGS with halved steps; a step stops well before a bound. +inf, where the likelihood does not exist, is a step too long. */
static sbi_status bfgs(const sbi_objective *f, double *x, double *value)
{
    const size_t n = f->n_params;
    double g[MOST_PARAMETERS], d[MOST_PARAMETERS], s[MOST_PARAMETERS], y[MOST_PARAMETERS], trial[MOST_PARAMETERS];
    double new_g[MOST_PARAMETERS], new_value = 0;
    static double H[MOST_PARAMETERS * MOST_PARAMETERS];
    sbi_status status = f->hessian(f->user, x, value, g, H);
    if (status != SBI_OK) return status;
    for (size_t i = 0; i < n; i++) /* a diagonal start from the exact curvature */
        for (size_t j = 0; j < n; j++)
            H[i * n + j] = i != j || f->fixed[i] ? 0 : 1 / fmax(fabs(H[i * n + i]), 1e-3);
    for (int step = 0; step < MOST_STEPS; step++) {
        for (size_t i = 0; i < n; i++) d[i] = -dot(H + i * n, g, n);
        const double slope = dot(d, g, n);
        if (-slope < 1e-12) break;
        double t = 1;
        for (size_t i = 0; i < n; i++) {
            if (d[i] < 0) t = fmin(t, 0.9 * (f->lower[i] - x[i]) / d[i]);
            if (d[i] > 0) t = fmin(t, 0.9 * (f->upper[i] - x[i]) / d[i]);
        }
        for (;; t /= 2) {
            if (t < 1e-12) return SBI_OK;
            for (size_t i = 0; i < n; i++) trial[i] = x[i] + t * d[i];
            status = f->gradient(f->user, trial, &new_value, new_g);
            if (status != SBI_OK) return status;
            if (new_value <= *value + 1e-4 * t * slope) break;
        }
        for (size_t i = 0; i < n; i++) {
            s[i] = f->fixed[i] ? 0 : trial[i] - x[i];
            y[i] = f->fixed[i] ? 0 : new_g[i] - g[i];
        }
        update(H, s, y, n);
        memcpy(x, trial, n * sizeof *x);
        memcpy(g, new_g, n * sizeof *g);
        *value = new_value;
    }
    return SBI_OK;
}

#ifdef HAVE_NLOPT
typedef struct nlopt_user {
    const sbi_objective *f;
    nlopt_opt opt;
    sbi_status status;
} nlopt_user;

static double for_nlopt(unsigned n, const double *x, double *gradient, void *user)
{
    nlopt_user *u = user;
    double value = 0;
    (void)n;
    u->status = gradient ? u->f->gradient(u->f->user, x, &value, gradient) : u->f->value(u->f->user, x, &value);
    if (u->status != SBI_OK) nlopt_force_stop(u->opt);
    return value;
}

static sbi_status with_nlopt(const sbi_objective *f, double *x, double *value)
{
    const unsigned n = (unsigned)f->n_params;
    double lower[MOST_PARAMETERS], upper[MOST_PARAMETERS];
    nlopt_user u = {f, nlopt_create(NLOPT_LD_SLSQP, n), SBI_OK};
    if (!u.opt) return SBI_ERR_NO_MEMORY;
    for (unsigned k = 0; k < n; k++) {
        /* mu - sqrt(mu) has no derivative at the bound itself. */
        lower[k] = f->fixed[k] ? f->start[k] : f->lower[k] + 1e-6;
        upper[k] = f->fixed[k] ? f->start[k] : f->upper[k];
    }
    nlopt_set_lower_bounds(u.opt, lower);
    nlopt_set_upper_bounds(u.opt, upper);
    nlopt_set_min_objective(u.opt, for_nlopt, &u);
    nlopt_set_ftol_abs(u.opt, 1e-9);
    nlopt_set_maxeval(u.opt, 1000);
    const nlopt_result result = nlopt_optimize(u.opt, x, value);
    if (result < 0 && result != NLOPT_ROUNDOFF_LIMITED) fprintf(stderr, "nlopt: %s\n", nlopt_result_to_string(result));
    nlopt_destroy(u.opt);
    return u.status;
}
#endif

static int compare(const char *name, const sbi_objective *f, const double *x, double value, double best)
{
    printf("%-12s NLL %.9f", name, value);
    for (size_t k = 0; k < f->n_params; k++) printf("  %s %.5f", f->names[k], x[k]);
    printf("\n");
    if (fabs(value - best) <= SAME) return 0;
    fprintf(stderr, "%s: the minimum differs by %g\n", name, value - best);
    return 1;
}

int main(int argc, char **argv)
{
    sbi_context *ctx = NULL;
    sbi_model *loaded = NULL, *model = NULL;
    sbi_fit *fit = NULL;
    const sbi_objective *f = NULL;
    double x[MOST_PARAMETERS], best = 0, value = 0;
    int bad = 1;
    if (argc != 2) {
        fprintf(stderr, "usage: fitters workspace.json\n");
        return 2;
    }
    if (sbi_context_create(&ctx, NULL) != SBI_OK || sbi_model_load(&loaded, ctx, argv[1]) != SBI_OK) {
        fail("loading");
        goto done;
    }
    size_t poi;
    if (sbi_model_n_parameters(loaded) > MOST_PARAMETERS) {
        fprintf(stderr, "%zu parameters, room for %d\n", sbi_model_n_parameters(loaded), MOST_PARAMETERS);
        goto done;
    }
    if (!sbi_model_poi(loaded) || sbi_model_parameter_index(loaded, sbi_model_poi(loaded), &poi) != SBI_OK ||
        sbi_model_start(loaded, x) != SBI_OK) {
        fail("parameter of interest");
        goto done;
    }
    x[poi] *= 1.5;
    if (sbi_model_asimov(&model, loaded, x) != SBI_OK) {
        fail("Asimov data");
        goto done;
    }
    if (sbi_objective_from_model(&f, model, NULL) != SBI_OK) {
        fail("functions");
        goto done;
    }
    if (sbi_fit_run(&fit, model, NULL) != SBI_OK || sbi_fit_values(fit, x) != SBI_OK ||
        f->value(f->user, x, &best) != SBI_OK) {
        fail("fit");
        goto done;
    }
    bad = compare("libsbi", f, x, best, best);

    memcpy(x, f->start, f->n_params * sizeof *x);
    bad |= bfgs(f, x, &value) == SBI_OK ? compare("BFGS", f, x, value, best) : fail("BFGS");
#ifdef HAVE_NLOPT
    memcpy(x, f->start, f->n_params * sizeof *x);
    bad |= with_nlopt(f, x, &value) == SBI_OK ? compare("NLopt", f, x, value, best) : fail("NLopt");
#else
    printf("NLopt        skipped: not found when this was built\n");
#endif
done:
    sbi_fit_destroy(fit);
    sbi_objective_destroy(f);
    sbi_model_destroy(model);
    sbi_model_destroy(loaded);
    sbi_context_destroy(ctx);
    return bad;
}
