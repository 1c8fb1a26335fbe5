/* SPDX-License-Identifier: Apache-2.0 */
/* What a calibration holds. */
#ifndef SBI_RATIO_CALIBRATION_H
#define SBI_RATIO_CALIBRATION_H

#include "sbi/calibration.h"

/* A knot: ln r before, p or the bin's ln(N / D), ln r after. */
typedef struct sbi_knot {
    double before, level, after;
} sbi_knot;

struct sbi_calibration {
    sbi_context *ctx;
    sbi_knot *knots; /* [n], n >= 1, before strictly rising */
    size_t n;
    sbi_calibration_info info;
    double log_normalisation; /* already taken from `after` */
};

/* SBI_ERR_ARGUMENT if it was fitted for an ensemble of another size. */
sbi_status sbi_calibration_check(const sbi_calibration *calibration, const sbi_ensemble *ens);
/* sbi_calibration_load() from the bytes of a file; `name` is used in messages. */
sbi_status sbi_calibration_load_memory(sbi_calibration **out, sbi_context *ctx, const void *data, size_t size, const char *name);
/* One value. */
double sbi_calibrate(const sbi_calibration *calibration, double log_ratio);

/* An event of a fit: ln r, weight (half of its side's sums to 1/2), side. */
typedef struct sbi_calibration_event {
    double log_ratio, weight;
    int64_t side;
} sbi_calibration_event;

/* Knots from n events sorted by ln r, in `knots` with room for 2 n; without `after`. *count: how many. */
void sbi_isotonic_knots(const sbi_calibration_event *events, int64_t n, sbi_knot *knots, int64_t *count);
/* The same from `bins` bins of about the same weight. */
void sbi_histogram_knots(const sbi_calibration_event *events, int64_t n, int64_t bins, sbi_knot *knots, int64_t *count);

#endif
