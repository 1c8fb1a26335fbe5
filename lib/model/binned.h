/* SPDX-License-Identifier: Apache-2.0 */
/* The binned channels of a model and its constraints as one function of the parameters, compiled into flat arrays:
 *
 *     nu_sb    = (n_sb + sum_k delta_kb(alpha_k)) prod_m f_m(theta) prod_g gamma_gb        samples s, bins b
 *     lambda_b = sum_s nu_sb
 *     NLL      = sum_b [lambda_b - n_b ln lambda_b + ln Gamma(n_b + 1)] + constraints
 *
 * delta by interpolation code 4p, f a parameter itself or a normsys by code 4. Sources: CERN-OPEN-2012-016; pyhf. */
#ifndef SBI_MODEL_BINNED_H
#define SBI_MODEL_BINNED_H

#include "model/model.h"

/* Evaluations of one tape by more threads than this at once ask for memory. */
#define BINNED_POOL 32

/* delta of a unit variation at alpha: (hi - nominal) cu + (nominal - lo) cd, and derivatives. */
typedef struct binned_alpha {
    double up[3], down[3];
} binned_alpha;

/* 1 + sum_n a_n alpha^n inside [-1, 1], exponentials outside. */
typedef struct binned_normsys {
    double a[6];
    double ln_high, ln_low;
} binned_normsys;

/* Scalar factors are numbered within their channel: those of a sample follow one another, parameters before normsys. */
typedef struct binned_sample {
    uint32_t n_linear, n_normsys, n_histosys, n_gammas;
    uint32_t scalar;   /* the first of scalar_parameters, scalar_locals */
    uint32_t normsys;  /* the first of normsys */
    uint32_t histosys; /* the first of histosys_alphas, histosys_locals */
    uint32_t gamma;    /* the first of gammas */
    size_t data;       /* nominal [n_bins], then hi - nominal and nominal - lo [n_histosys, 2, n_bins] */
} binned_sample;

typedef struct binned_channel {
    size_t index; /* in the model */
    size_t n_bins;
    size_t observed;             /* in data: [n_bins] */
    uint32_t sample, n_samples;
    uint32_t scalar, n_scalars;  /* of all its samples */
    uint32_t local, n_locals;    /* parameters that act on all bins, ascending */
    uint32_t n_groups, padding_; /* rows of parameters that act on one bin each */
    size_t group;                /* in group_parameters: [n_groups, n_bins] */
} binned_channel;

typedef struct binned_constraint {
    uint32_t parameter;
    int32_t kind;
    double center, sigma;
} binned_constraint;

typedef struct binned_work binned_work;

typedef struct sbi_binned {
    sbi_context *ctx;
    size_t n_parameters;
    double constant; /* ln Gamma and normalisations */
    binned_channel *channels;
    binned_sample *samples;
    binned_constraint *constraints;
    binned_normsys *normsys;
    uint32_t *scalar_parameters, *scalar_locals;
    uint32_t *histosys_alphas, *histosys_locals;
    uint32_t *gammas;           /* group of the channel */
    uint32_t *alpha_parameters; /* of histosys */
    uint32_t *local_parameters;
    uint32_t *group_parameters;
    double *data;
    size_t n_channels, n_constraints, n_alphas;
    /* The largest of any channel. */
    size_t most_bins, most_samples, most_cells /* samples times bins */, most_scalars, most_locals, most_jacobian;
    _Atomic(binned_work *) pool[BINNED_POOL];
} sbi_binned;

/* Scratch memory of one evaluation. */
struct binned_work {
    binned_alpha *alphas;    /* [n_alphas] */
    double *f, *f1, *f2;     /* [most_scalars] a factor and its derivatives */
    double *first;           /* [most_scalars] derivative of the sample's product of scalar factors by each of them */
    double *ratio;           /* [most_scalars] f1 / f where f is not zero */
    double *base;            /* [most_cells] n_sb + sum_k delta_kb */
    double *gamma;           /* [most_cells] product over the bin's own factors */
    double *product;         /* [most_samples] product of the scalar factors */
    double *lambda, *w, *z;  /* [most_bins] expected; first and second derivative of the bin's term by it */
    double *jacobian;        /* [most_bins, most_locals + most_groups] */
    double *matrix;          /* [most_locals, most_locals] */
    uint32_t *zeros;         /* [most_scalars] factors of one sample too small to divide by */
};

/* Compiles; `constants`: keep what does not depend on a parameter. */
sbi_status sbi_binned_create(sbi_binned **out, const sbi_model *m, int constants);
void sbi_binned_destroy(void *binned);

/* An sbi_tape_function_fn of all parameters of the model. */
sbi_status sbi_binned_evaluate(const double *x, size_t n, double *value, double *gradient, double *hessian, void *binned);
/* lambda [n_bins] of a channel, and nu [n_samples, n_bins]; each may be NULL. */
sbi_status sbi_binned_expected(const sbi_binned *b, size_t channel, const double *x, double *total, double *samples);

/* ---- between binned_evaluate.c and binned_derivatives.c ---- */

sbi_status sbi_binned_take(const sbi_binned *b, binned_work **out);
void sbi_binned_give(const sbi_binned *b, binned_work *w);
binned_work *sbi_binned_work_create(const sbi_binned *b);
/* Product of scalar factors of a sample with up to two of them replaced by a derivative. */
typedef struct binned_product {
    double nonzero; /* product of those that are not too small to divide by */
    uint32_t n_zeros;
} binned_product;
binned_product sbi_binned_split(const binned_sample *s, uint32_t first, binned_work *w);
double sbi_binned_leave_one(const binned_product *p, const binned_work *w, uint32_t k);
/* Adds a channel's part to the upper triangle of the Hessian; needs what evaluating the channel left in w. */
void sbi_binned_add_hessian(const sbi_binned *b, const binned_channel *c, const double *x, binned_work *w, double *hessian);

#endif
