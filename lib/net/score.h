/* SPDX-License-Identifier: Apache-2.0 */
/* Losses with a score: the derivatives of the output along theta go forward beside the values (one tangent an element of theta), and the
 * reverse pass goes over both. */
#ifndef SBI_NET_SCORE_H
#define SBI_NET_SCORE_H

#include "net/network.h"

/* What it takes from the pass over the values, and its own memory. Tangents are [q, rows, ...]; memory is the host's. */
typedef struct sbi_score {
    const sbi_mlp *mlp;
    const sbi_device *device;
    const float *params;
    const float *rate; /* [q] derivative of an input along its element of theta; theta is the last q inputs */
    int64_t q;
    /* The caller's, of the pass over the values. */
    float *x;                     /* [rows, inputs] */
    float *h[SBI_MLP_MAX_LAYERS]; /* outputs of the layers, */
    float *d[SBI_MLP_MAX_LAYERS]; /* first derivatives of activations, dropout inside, */
    float *n[SBI_MLP_MAX_LAYERS]; /* normalised rows, */
    float *r[SBI_MLP_MAX_LAYERS]; /* and what they were multiplied by */
    float *g[2];                  /* gradients of a layer's output */
    float *block;                 /* the same at the end of a residual block */
    /* Set by sbi_score_place(). */
    float *dd[SBI_MLP_MAX_LAYERS]; /* second derivatives of activations, to be filled in by the pass over the values */
    float *xt;                     /* tangents of the inputs, */
    float *ht[SBI_MLP_MAX_LAYERS]; /* of the outputs, */
    float *zt[SBI_MLP_MAX_LAYERS]; /* of W h + b, */
    float *nt[SBI_MLP_MAX_LAYERS]; /* of normalised rows */
    float *gt[2];                  /* gradients of the tangents of a layer's output */
    float *blockt;                 /* the same at the end of a residual block */
} sbi_score;

/* Sets the pointers that are the score's own, from a block of memory, or with NULL gives its length in floats. */
int64_t sbi_score_place(sbi_score *s, int64_t rows, float *memory);
/* Tangents of the inputs; they are the same for all rows. */
void sbi_score_begin(sbi_score *s, int64_t rows);
/* After the values went forward through layer l. */
sbi_status sbi_score_forward(sbi_score *s, int32_t l, int64_t rows);
/* weight scale sum_i w_i [i has a score] sum_j (t_ij - dz_i/dtheta_j)^2, without the scale; with `back` its gradient, scaled, in gt[0].
 * @param t [rows, q + 1] as sbi_loss_scores() gives it. */
double sbi_score_loss(sbi_score *s, int64_t rows, const float *t, const float *w, double weight, float scale, int back);
/* From g[0] and gt[0], gradients of the output and its tangents, all gradients of parameters. */
sbi_status sbi_score_backward(sbi_score *s, int64_t rows, float *grads, int32_t accumulate);

#endif
