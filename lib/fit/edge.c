/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating where F may have no derivative: on the bounds of square roots. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "fit/minimiser.h"

/* Where F has no derivative on a bound (sqrt at 0), the bound is taken further in by this part of the way to the start, which tells
 * how large the parameter is (of a millionth where it starts there), or of one, or of the bound itself. */
#define BOUND_OFFSET 1e-14

static double offset_of(double bound, double start)
{
    double way = fabs(start - bound);
    return BOUND_OFFSET * fmax(way > 0 ? fmin(way, 1) : 1e-6, fabs(bound));
}

/* Bounds that parameters stand on move inwards, once each; false if there is none left to move. */
static int move_bounds(sbi_minimiser *w, double *x)
{
    int moved = 0;
    for (size_t k = 0; k < w->objective->n; k++) {
        double offset = offset_of(x[k], w->objective->start[k]);
        if (x[k] == w->objective->lower[k] && x[k] + offset < w->upper[k]) {
            w->lower[k] = x[k] = x[k] + offset;
            moved = 1;
        } else if (x[k] == w->objective->upper[k] && x[k] - offset > w->lower[k]) {
            w->upper[k] = x[k] = x[k] - offset;
            moved = 1;
        }
    }
    return moved;
}

/* Whether the point stands on a bound that was moved, from where F falls inwards. The curvature of a function like
 * -sqrt(x) is so large there that the EDM would be tiny: not a place to judge from. */
int sbi_fit_on_falling_edge(const sbi_minimiser *w, const sbi_fit_point *p)
{
    for (size_t k = 0; k < p->n; k++) {
        if (w->fixed[k]) continue;
        if (w->lower[k] > w->objective->lower[k] && p->x[k] <= w->lower[k] && p->g[k] < 0) return 1;
        if (w->upper[k] < w->objective->upper[k] && p->x[k] >= w->upper[k] && p->g[k] > 0) return 1;
    }
    return 0;
}

/* Free parameters on such a bound go inside by `part` of their guessed length. */
static void leave_moved_bounds(sbi_minimiser *w, double *x, double part)
{
    for (size_t k = 0; k < w->objective->n; k++) {
        double inside = part * fmin(sbi_fit_guess_scale(w->objective, k, x[k]), w->upper[k] - w->lower[k]);
        if (w->fixed[k]) continue;
        if (w->lower[k] > w->objective->lower[k] && x[k] <= w->lower[k]) x[k] += inside;
        else if (w->upper[k] < w->objective->upper[k] && x[k] >= w->upper[k]) x[k] -= inside;
    }
}

sbi_status sbi_fit_evaluate(sbi_minimiser *w, double *x, double *f, double *g, double *H)
{
    sbi_status status = sbi_fit_objective_eval(w->objective, x, f, g, H);
    if (status == SBI_ERR_DOMAIN && move_bounds(w, x)) status = sbi_fit_objective_eval(w->objective, x, f, g, H);
    if (status != SBI_ERR_DOMAIN) return status;
    *f = INFINITY;
    w->objective->infinite++;
    return SBI_OK;
}

sbi_status sbi_fit_step_inside(sbi_minimiser *w, sbi_fit_point *p, double *H)
{
    double *edge = w->real, f_edge = p->f;
    size_t n = p->n;
    memcpy(edge, p->x, n * sizeof *edge);
    for (double part = 1e-3; part > 1e-13; part *= 1e-3) {
        memcpy(p->x, edge, n * sizeof *edge);
        leave_moved_bounds(w, p->x, part);
        SBI_TRY(sbi_fit_evaluate(w, p->x, &p->f, p->g, H));
        if (p->f < f_edge && !sbi_fit_on_falling_edge(w, p)) return SBI_OK;
    }
    p->f = INFINITY;
    return SBI_OK;
}
