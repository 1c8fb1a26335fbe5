/* SPDX-License-Identifier: Apache-2.0 */
/* The truth: densities of off-shell gg -> (H* ->) ZZ -> 4l in six variables, in closed form.
 *
 *   z = (ln(m_4l / 220 GeV), cos theta_1, cos theta_2, cos theta*, phi, ln(p_T / GeV))
 *
 * Two helicity states h = L, T add incoherently; within one, signal and box amplitudes interfere:
 *   |A_S|^2 = nu_S sum_h a_h prod_v s_hv(z_v)          |A_B|^2 = nu_B sum_h b_h prod_v b_hv(z_v)
 *   |A_S + A_B|^2 = |A_S|^2 + |A_B|^2 + sum_h 2 cos(delta_h) |A_S,h| |A_B,h|,      cos(delta_h) < 0
 * so every process density is a short sum of products of one-dimensional functions, and every integral a
 * product of one-dimensional quadratures. */
#ifndef OFFSHELL_TRUTH_H
#define OFFSHELL_TRUTH_H

#include <stddef.h>

#include "counter.h"
#include "sbi/status.h"

enum { OFFSHELL_TRUTH_DIM = 6 };
enum { OFFSHELL_MASS, OFFSHELL_COS1, OFFSHELL_COS2, OFFSHELL_COS_STAR, OFFSHELL_PHI, OFFSHELL_JET };
/* The processes of the positive rewriting, in the order of every table and column of the example. */
enum { OFFSHELL_S, OFFSHELL_SBI, OFFSHELL_B, OFFSHELL_NI, OFFSHELL_PROCESSES };
/* Product terms: signal, box and qq background in each helicity state, and the two interference terms. */
enum {
    OFFSHELL_SL, OFFSHELL_ST, OFFSHELL_BL, OFFSHELL_BT, OFFSHELL_NL, OFFSHELL_NT, OFFSHELL_XL, OFFSHELL_XT,
    OFFSHELL_TERMS
};
enum { OFFSHELL_DIRECT_TERMS = 6, OFFSHELL_NODES = 384, OFFSHELL_CDF_BINS = 512 };

/* One product term: the shape of each one-dimensional factor, and what makes it integrate to one. */
typedef struct offshell_shape {
    double slope, threshold;     /* mass: exp(-slope u) (1 + threshold exp(-((m - 350) / 70)^2)) */
    double longitudinal;         /* decay angles: 3/4 (1 - c^2) if 1, 3/8 (1 + c^2) if 0 */
    double forward;              /* cos theta*: 1 / (1 - forward c^2) */
    double phi1, phi2;           /* 1 + phi1 cos(phi) + phi2 cos(2 phi) */
    double jet_mean, jet_width;  /* Gaussian in ln p_T, cut to the domain */
    double scale[OFFSHELL_TRUTH_DIM];
} offshell_shape;

typedef struct offshell_inverse {    /* a cumulative distribution and its slope on a uniform grid */
    double cdf[OFFSHELL_CDF_BINS + 1], density[OFFSHELL_CDF_BINS + 1];
} offshell_inverse;

typedef struct offshell_truth {
    double yield[OFFSHELL_PROCESSES];                                  /* nu_p at mu = 1 */
    double interference;                                               /* nu_I, negative */
    double coefficient[OFFSHELL_PROCESSES][OFFSHELL_TERMS];            /* p_p = sum_c coefficient prod_v phi_cv */
    double integral[OFFSHELL_TERMS][OFFSHELL_TRUTH_DIM];               /* one for the direct terms */
    double node[OFFSHELL_TRUTH_DIM][OFFSHELL_NODES];                   /* quadrature on each variable */
    double weight[OFFSHELL_TRUTH_DIM][OFFSHELL_NODES];
    double factor[OFFSHELL_TERMS][OFFSHELL_TRUTH_DIM][OFFSHELL_NODES]; /* phi_cv at the nodes */
    offshell_shape shape[OFFSHELL_DIRECT_TERMS];
    offshell_inverse inverse[OFFSHELL_DIRECT_TERMS][OFFSHELL_TRUTH_DIM];
} offshell_truth;

extern const double offshell_domain[OFFSHELL_TRUTH_DIM][2];
extern const char *const offshell_process_name[OFFSHELL_PROCESSES];
extern const char *const offshell_truth_name[OFFSHELL_TRUTH_DIM];

/* Normalises every term for yields nu_S, nu_B, nu_NI (expected events; finite and positive). Fills about 0.7 MB. */
sbi_status offshell_truth_init(offshell_truth *truth, double yield_s, double yield_b, double yield_ni);

/* p_p(z) for the four processes; z inside the domain. */
void offshell_truth_density(const offshell_truth *truth, const double z[OFFSHELL_TRUTH_DIM],
                            double density[OFFSHELL_PROCESSES]);

/* One event of a process. SBI by rejection from S and B: with destructive interference their sum is a bound. */
void offshell_truth_sample(const offshell_truth *truth, int process, offshell_stream *stream,
                           double z[OFFSHELL_TRUTH_DIM]);

/* sum_c coefficient[p][c] prod_v I_cv, with I_cv = integral but for one variable, where it is `replaced`[c]. */
double offshell_truth_expectation(const offshell_truth *truth, int process, int variable,
                                  const double replaced[OFFSHELL_TERMS]);

#endif
