/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator: events with features, and the exact density ratios that a network would have to learn.
 *
 *   nu(mu) p(x|mu) = (mu - sqrt(mu)) nu_S p_S + sqrt(mu) nu_SBI p_SBI + (1 - sqrt(mu)) nu_B p_B + nu_NI p_NI
 *   p_ref          = (p_S + p_SBI + p_B + p_NI) / 4,   r_p = p_p / p_ref <= 4
 *
 * Event i of a sample is a function of (options, sample, i) alone: fill any range, in any order, from any thread. A
 * simulator and a point are immutable once made and may be shared between threads. Plain C and libm: no libsbi. */
#ifndef OFFSHELL_SIMULATE_H
#define OFFSHELL_SIMULATE_H

#include <stddef.h>
#include <stdint.h>

#include "mixing.h"
#include "sbi/status.h"
#include "systematics.h"
#include "truth.h"

typedef struct offshell_options {
    uint64_t seed;                        /* of the mixing, of the drawn nuisances and of every sample */
    int32_t nuisances;                    /* 0 to OFFSHELL_NUISANCES_MAX */
    double yield_s, yield_b, yield_ni;    /* expected events at mu = 1, luminosity = 1 */
    double luminosity;                    /* multiplies the yields */
} offshell_options;
#define OFFSHELL_OPTIONS_INIT {20260101u, 4, 180.0, 470.0, 700.0, 1.0}

typedef struct offshell_simulator offshell_simulator;
sbi_status offshell_create(offshell_simulator **out, const offshell_options *options);
void offshell_destroy(offshell_simulator *simulator);

/* What the simulator is made of: yields, nuisances (names, masks, normalisations), mixing. Borrowed. */
const offshell_truth *offshell_truth_of(const offshell_simulator *simulator);
const offshell_mixing *offshell_mixing_of(const offshell_simulator *simulator);
int offshell_nuisance_count(const offshell_simulator *simulator);
const offshell_nuisance *offshell_nuisance_of(const offshell_simulator *simulator, int k);   /* NULL out of range */

/* A point of parameter space: mu >= 0 and alpha [nuisances], NULL for zeros. Holds yields, Z_p(alpha) and the bounds
 * that sampling needs, so making one costs milliseconds and using it costs nothing. */
typedef struct offshell_point offshell_point;
sbi_status offshell_point_create(offshell_point **out, const offshell_simulator *simulator, double mu,
                                 const double *alpha);
void offshell_point_destroy(offshell_point *point);
/* nu_p(mu, alpha) with its sign (mu - sqrt(mu) and 1 - sqrt(mu) may be negative), and Z_p(alpha). */
double offshell_point_yield(const offshell_point *point, int process);
double offshell_point_partition(const offshell_point *point, int process);
double offshell_point_total(const offshell_point *point);   /* sum_p nu_p */

typedef enum offshell_kind {
    OFFSHELL_PROCESS,             /* from p_p, weight 1 */
    OFFSHELL_VARIATION,           /* from p_p g at alpha_k = direction, by rejection, weight 1 */
    OFFSHELL_VARIATION_WEIGHTED,  /* from p_p, weight g: mean 1 */
    OFFSHELL_REFERENCE,           /* from p_ref, weight 1 */
    OFFSHELL_OBSERVED,            /* from the mixture at `point`, weight 1; offshell_observed_count() events make a toy */
    OFFSHELL_ASIMOV               /* from p_ref, weight lambda / (n p_ref): sums to nu at `point`, needs `total` */
} offshell_kind;

typedef struct offshell_sample {
    offshell_kind kind;
    int32_t process, nuisance, direction;   /* where the kind uses them; direction +1 or -1 */
    uint64_t number;                        /* independent repetitions: training and test halves, toys 0, 1, 2 ... */
    uint64_t total;                         /* OFFSHELL_ASIMOV: events n of the whole sample */
    const offshell_point *point;            /* OFFSHELL_OBSERVED and OFFSHELL_ASIMOV; borrowed */
} offshell_sample;

typedef struct offshell_columns {           /* any may be NULL; each for the range that is filled */
    float *features;                        /* [count][OFFSHELL_FEATURES] */
    double *truth;                          /* [count][OFFSHELL_TRUTH_DIM] */
    double *weight;                         /* [count] */
    double *ratio[OFFSHELL_PROCESSES];      /* r_p, [count] */
    int32_t *process;                       /* [count] the process whose generator made the event */
} offshell_columns;

/* Events first .. first + count - 1 of a sample. SBI_ERR_ARGUMENT for a sample that does not exist, SBI_ERR_DOMAIN
 * where the point has no positive density to sample (every rate zero). */
sbi_status offshell_fill(const offshell_simulator *simulator, const offshell_sample *sample, uint64_t first,
                         size_t count, const offshell_columns *columns);

/* Poisson number of events of toy `number` at the point. */
uint64_t offshell_observed_count(const offshell_simulator *simulator, const offshell_point *point, uint64_t number);

/* r_p for given truth [count][6]; ratio[p] may be NULL. */
void offshell_ratios(const offshell_simulator *simulator, const double *truth, size_t count,
                     double *const ratio[OFFSHELL_PROCESSES]);
/* g_hi and g_lo of one nuisance on one process for given truth, [count] each, either may be NULL. */
sbi_status offshell_variation_ratios(const offshell_simulator *simulator, int process, int nuisance,
                                     const double *truth, size_t count, double *hi, double *lo);
/* The truth [count][6] behind given features [count][12]: float features give it back to better than 2e-5. */
void offshell_truth_from_features(const offshell_simulator *simulator, const float *features, size_t count,
                                  double *truth);
/* lambda(x) / p_ref(x) = sum_p nu_p r_p prod_k g_kp / Z_p at the point, [count]. */
void offshell_intensity(const offshell_simulator *simulator, const offshell_point *point, const double *truth,
                        size_t count, double *intensity);

#endif
