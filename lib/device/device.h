/* SPDX-License-Identifier: Apache-2.0 */
/* The device contract: what training and evaluating networks need of a processor.
 *
 * A device is a table of functions and a `self`. Memory that an operation reads or writes was allocated by the same device
 * (on a device with SBI_DEVICE_HOST any memory of the process will do); structs and indexes in them are host memory.
 * Operations are in order: each sees what the one before it wrote. They may return before they have run; download() and
 * synchronise() wait, and report what failed meanwhile. Matrices are row-major f32.
 *
 * A device without SBI_DEVICE_HOST lets the host compute addresses (memory + offset), but not look at what is there.
 *
 * Every sum is made in an order that depends on the shapes alone, so a device gives the same bits each time, for any
 * number of threads. Other devices need only agree within rounding. tests/contract/device_conformance.c checks a device.
 */
#ifndef SBI_DEVICE_DEVICE_H
#define SBI_DEVICE_DEVICE_H

#include "sbi/context.h"

#define SBI_DEVICE_ABI 3

/* Flags of sbi_device_ops. */
#define SBI_DEVICE_HOST 1       /* its memory is the process's: pointers may be read and written by the host */
#define SBI_DEVICE_CONCURRENT 2 /* operations on disjoint outputs may be called by several threads at once */

/* Activations: the numbers of sbi/network.h, and none. */
#define SBI_DEVICE_IDENTITY 0

/* C_i = alpha op(A_i) op(B_i) + beta C_i for i in [0, count), with A_i = a + i * stride_a and so on. op(A) is m x k,
 * op(B) is k x n. beta = 0 does not read C. */
typedef struct sbi_device_gemm {
    int32_t transpose_a, transpose_b;
    int64_t m, n, k;
    float alpha, beta;
    const float *a, *b;
    float *c;
    int64_t lda, ldb, ldc;
    int64_t count, stride_a, stride_b, stride_c;
} sbi_device_gemm;

/* A layer forward, Z = X W^T + b. Without normalisation U = Z; with it (gain is not NULL)
 *     N_ij = (Z_ij - mean_i) r_i,   r_i = 1 / sqrt(variance_i + epsilon),   U_ij = gain_j N_ij + offset_j,
 * mean and variance over the columns of row i, the latter divided by their number (arXiv 1607.06450, equations 3 and 4). Then
 *     Y = M f(U) + A,   D = M f'(U),   DD = M f''(U)
 * with A = add (0 where it is NULL), and M = 1 unless there is dropout (mask_key is not NULL):
 *     M_ij = 0 where w_ij < mask_below, else mask_scale,
 * w_ij being word j mod 4 of sbi_philox() with the counter (j / 4, mask_row + i, mask_layer, 0) and the key mask_key[0..1]. The key
 * is memory of the device, so that a recorded program draws anew at each replay. Without an activation there is no dropout, and neither
 * D nor DD is written.
 *
 * A tangent X' along the inputs goes through a layer without normalisation as Z' = X' W^T, Y' = D Z' + A'. From dL/dY and dL/dY',
 *     dL/dZ = D dL/dY + DD Z' dL/dY',   dL/dZ' = D dL/dY',
 *     dW = (dL/dZ)^T X + (dL/dZ')^T X',   dL/dX = (dL/dZ) W,   dL/dX' = (dL/dZ') W.
 * With normalisation Z' first becomes N'_ij = r_i (Z'_ij - mean_j Z'_ij - N_ij mean_j(N_ij Z'_ij)) and U' = gain N' takes its place. */
typedef struct sbi_device_forward {
    int64_t rows, in, out;
    const float *x; /* [rows, in] */
    const float *w; /* [out, in] */
    const float *b; /* [out] */
    float *y;       /* [rows, out]; overlaps neither x nor add */
    float *d;       /* [rows, out], or NULL: not wanted */
    int32_t activation;
    float slope;         /* of LeakyReLU below 0 */
    const float *gain;   /* [out], or NULL: no normalisation */
    const float *offset; /* [out] */
    float *n;            /* [rows, out], or NULL: N is not wanted, and neither is r */
    float *r;            /* [rows] */
    float *dd;           /* [rows, out], or NULL: not wanted */
    const float *add;    /* [rows, out], or NULL */
    const uint32_t *mask_key; /* [2] on the device, or NULL: no dropout */
    int64_t mask_row;         /* number of the first row in its batch */
    uint32_t mask_layer, mask_below;
    float mask_scale, epsilon;
} sbi_device_forward;

/* From dZ = dL/dZ of the layer above: dW = dZ^T X, db = column sums of dZ, dH = dZ W + A, and dX = dH * D, where D is what the forward
 * pass of the layer below stored (1 where d is NULL) and A is what else depends on X (0 where add is NULL): a residual block adds its
 * input to its output, so what went to dh at its end is add at its beginning. */
typedef struct sbi_device_backward {
    int64_t rows, in, out;
    const float *dz; /* [rows, out] */
    const float *x;  /* [rows, in] */
    const float *w;  /* [out, in] */
    const float *d;  /* [rows, in], or NULL */
    float *dx;       /* [rows, in], or NULL: not wanted, and then w, d, add and dh are not looked at */
    float *dw;       /* [out, in] */
    float *db;       /* [out] */
    int32_t accumulate; /* 1: dw and db are added to */
    int32_t reserved;
    const float *add; /* [rows, in], or NULL */
    float *dh;        /* [rows, in], or NULL: not wanted. It may be add; neither overlaps anything else */
} sbi_device_backward;

/* A normalisation backward, from G = dL/dU with N and r of the forward pass:
 *     dgain_j = sum_i G_ij N_ij,   doffset_j = sum_i G_ij,
 *     dL/dZ_ij = r_i (V_ij - mean_j V_ij - N_ij mean_j(N_ij V_ij)),   V_ij = gain_j G_ij. */
typedef struct sbi_device_norm_backward {
    int64_t rows, columns;
    float *dz;          /* [rows, columns]: G, which becomes dL/dZ */
    const float *n;     /* [rows, columns] */
    const float *r;     /* [rows] */
    const float *gain;  /* [columns] */
    float *dgain, *doffset; /* [columns] */
    int32_t accumulate; /* 1: dgain and doffset are added to */
    int32_t reserved;
} sbi_device_norm_backward;

/* Losses of rows of outputs z with labels y: *loss = sum_i w_i l_i in f64, and dz_ik = scale w_i dl_i/dz_ik. With s = smoothing, K = outputs:
 *   BCE           K = 1: l = ln(1 + exp(z)) - y z, y in [0, 1] (s is not looked at);
 *   SOFTMAX       l = ln sum_k exp(z_k) - (1 - s) z_y - s / K sum_k z_k, y the class, 0 to K - 1;
 *   HEADS         y the class, 0 to K: l = sum_k [ln(1 + exp(z_k)) - v z_k] over all k where y = 0, with v = s / 2, else k = y - 1 alone, with
 *                 v = 1 - s / 2;
 *   SQUARE        l = sum_k (z_k - y_k)^2;
 *   RATIO_SQUARE  K = 1: l = (exp(z) - y)^2 where y > 0, (exp(-z) + y)^2 where y < 0. */
#define SBI_DEVICE_LOSS_BCE 1
#define SBI_DEVICE_LOSS_SOFTMAX 2
#define SBI_DEVICE_LOSS_HEADS 3
#define SBI_DEVICE_LOSS_SQUARE 4
#define SBI_DEVICE_LOSS_RATIO_SQUARE 5
typedef struct sbi_device_loss {
    int32_t kind;
    int32_t reserved;
    int64_t rows, outputs;
    const float *z; /* [rows, outputs] */
    const float *y; /* [rows, outputs] for SQUARE, else [rows] */
    const float *w; /* [rows] */
    float *dz;      /* [rows, outputs], or NULL: not wanted */
    double *loss;
    float scale, smoothing;
} sbi_device_loss;

/* One step of an optimiser on n values, with g' = grad_scale g + decay p (decay p only where it is coupled):
 *   SGD    m = beta1 m + g';                                p -= step_g m
 *   others m = beta1 m + (1 - beta1) g'; v = beta2 v + (1 - beta2) g'^2;
 *          p -= (step_m m + step_g g') / (sqrt(v v_scale) + epsilon)
 * before which, where it is decoupled, p *= 1 - shrink. With average (not NULL), at last average = (1 - part) average + part p, so that
 * part = 1 makes it a copy. With squares, the sum of squares of the whole gradient, grad_scale is
 * multiplied by clip / sqrt(squares) where 0 < clip < sqrt(squares), and where that is not finite the step changes nothing. (It is
 * read by the device when the step runs, so that the caller need not wait for it.) The caller turns rates and bias corrections into the steps, so Adam,
 * AdamW and NAdam are one kernel. */
typedef struct sbi_device_update {
    int64_t n;
    float *p;       /* [n] */
    const float *g; /* [n] */
    float *m, *v;   /* [n]; v NULL selects SGD */
    const double *squares; /* memory of the device, or NULL */
    double clip;
    float grad_scale, decay, shrink;
    float beta1, beta2, epsilon;
    float step_m, step_g, v_scale;
    float part;     /* of p in the average */
    float *average; /* [n], or NULL: none */
} sbi_device_update;

typedef struct sbi_device_ops {
    uint32_t struct_size, abi;
    uint32_t flags;
    uint32_t reserved;
    const char *name;

    /* 64-byte aligned, contents undefined; release(NULL) is fine. */
    sbi_status (*allocate)(void *self, void **out, size_t bytes);
    void (*release)(void *self, void *memory);
    sbi_status (*upload)(void *self, void *device, const void *host, size_t bytes);
    sbi_status (*download)(void *self, void *host, const void *device, size_t bytes);
    /* From memory of the device to memory of the device; they do not overlap. */
    sbi_status (*copy)(void *self, void *to, const void *from, size_t bytes);
    sbi_status (*zero)(void *self, void *device, size_t bytes);
    sbi_status (*synchronise)(void *self);
    /* What may still be allocated; SIZE_MAX where nobody knows. */
    sbi_status (*available)(void *self, size_t *bytes);

    sbi_status (*gemm)(void *self, const sbi_device_gemm *op);
    sbi_status (*forward)(void *self, const sbi_device_forward *op);
    sbi_status (*backward)(void *self, const sbi_device_backward *op);
    sbi_status (*norm_backward)(void *self, const sbi_device_norm_backward *op);
    sbi_status (*loss)(void *self, const sbi_device_loss *op);
    sbi_status (*update)(void *self, const sbi_device_update *op);
    /* out[i, :] = table[index[i], :]; index is memory of the device. */
    sbi_status (*gather)(void *self, float *out, const float *table, const uint32_t *index, int64_t rows, int64_t columns);
    /* out[j] = sum_i parts[i, j]; out may be the first part. */
    sbi_status (*sum_parts)(void *self, float *out, const float *parts, int64_t count, int64_t n);
    /* *out = sum_j x_j^2 in f64. */
    sbi_status (*sum_squares)(void *self, double *out, const float *x, int64_t n);

    /* All four or none (NULL). From record() to recorded(), operations are noted instead of run, all but allocate, release, upload,
     * download, synchronise and available, which are not allowed there. replay() runs what was noted, with the same addresses.
     * recorded() is called after a failure too, and then gives a NULL program. What is recorded was run once before, so that scratch
     * memory has its size. */
    sbi_status (*record)(void *self);
    sbi_status (*recorded)(void *self, void **program);
    sbi_status (*replay)(void *self, void *program);
    void (*forget)(void *self, void *program);

    void (*close)(void *self);
} sbi_device_ops;

typedef struct sbi_device {
    const sbi_device_ops *ops;
    void *self;
    sbi_context *ctx;
} sbi_device;

/* Opens a device by name: "cpu" (also NULL), "cpu?precision=bf16", "cuda", "cuda:1", "cuda:0?precision=tf32". What is not "cpu" is a plugin: plugin.h. */
sbi_status sbi_device_open(sbi_device *out, sbi_context *ctx, const char *name);
/* 1 if that is the one in the library, with or without options; NULL is. */
int sbi_device_is_cpu(const char *name);
/* Checks a table (ABI, size, no missing function) before it is used: SBI_ERR_ABI or SBI_ERR_ARGUMENT. */
sbi_status sbi_device_check(const sbi_device_ops *ops);
void sbi_device_close(sbi_device *device);

#endif
