/* SPDX-License-Identifier: Apache-2.0 */
/* Nuisance parameters that move the truth in a known way.
 *
 * Nuisance k acts on one truth variable v(k) through a bounded shape |h| <= 1, on the processes of its mask:
 *   g_hi = (1 + e_hi h_hi(z_v)) / (1 + e_hi <h_hi>_p)        g_lo = (1 - e_lo h_lo(z_v)) / (1 - e_lo <h_lo>_p)
 * with <.>_p the exact mean over p_p, so E_p[g] = 1 at alpha = +1 and -1. The rate that the shape alone would change
 * goes into the normalisation: hi = (1 + n_hi) (1 + e_hi <h_hi>_p), lo = (1 - n_lo) (1 - e_lo <h_lo>_p). Hence S, SBI
 * and B, which share e, h and n, stay consistent with one varied |sqrt(mu) A_S + A_B|^2 at alpha = +-1.
 * In between, yields and shapes follow HistFactory's code 4, and a shape is divided by
 *   Z_p(alpha) = E_p[prod_k g_kp(alpha_k)],
 * exact here: one variable a nuisance makes it a sum of products of one-dimensional integrals. */
#ifndef OFFSHELL_SYSTEMATICS_H
#define OFFSHELL_SYSTEMATICS_H

#include <stdint.h>

#include "truth.h"

enum { OFFSHELL_NUISANCES_MAX = 200, OFFSHELL_NAME_SIZE = 24 };
typedef enum offshell_form { OFFSHELL_TILT, OFFSHELL_BUMP, OFFSHELL_PARABOLA, OFFSHELL_WAVE } offshell_form;

typedef struct offshell_side {   /* one direction, hi or lo */
    double centre, width;        /* in t = -1 .. 1 across the domain; for a wave: phase and number of half periods */
    double size;                 /* e, 0 to 0.15; the sign of the direction is not in it */
    double rate;                 /* n */
    double mean[OFFSHELL_PROCESSES];   /* <h>_p */
} offshell_side;

typedef struct offshell_nuisance {
    char name[OFFSHELL_NAME_SIZE];
    int variable;
    offshell_form form;
    uint32_t mask;               /* bit p: acts on process p */
    offshell_side hi, lo;
} offshell_nuisance;

/* The first four have names and fixed shapes; the rest are drawn from the seed. Nuisance k is the same for any count. */
void offshell_nuisances_init(offshell_nuisance *nuisance, int count, uint64_t seed, const offshell_truth *truth);

int offshell_nuisance_acts(const offshell_nuisance *nuisance, int process);
/* g_hi and g_lo at one value of the nuisance's variable; 1 where it does not act. */
void offshell_nuisance_ratio(const offshell_nuisance *nuisance, int process, double z_variable, double *hi, double *lo);
/* Yields at alpha = +1 and -1 over the nominal one. */
void offshell_nuisance_norm(const offshell_nuisance *nuisance, int process, double *hi, double *lo);
/* An upper bound of g over the domain at alpha = direction = +1 or -1. */
double offshell_nuisance_bound(const offshell_nuisance *nuisance, int process, int direction);

/* HistFactory interpolation code 4: polynomial of degree six inside |alpha| < 1, exponential outside; u, d > 0. */
double offshell_code4(double alpha, double u, double d);

typedef struct offshell_rates {          /* everything that alpha does to one process, but for the event's own g */
    double norm[OFFSHELL_PROCESSES];     /* prod_k G_kp(alpha_k) */
    double partition[OFFSHELL_PROCESSES];/* Z_p(alpha) */
    double bound[OFFSHELL_PROCESSES];    /* of prod_k g_kp(alpha_k), over the domain */
} offshell_rates;
void offshell_rates_at(offshell_rates *rates, const offshell_truth *truth, const offshell_nuisance *nuisance, int count,
                       const double *alpha);

#endif
