/* SPDX-License-Identifier: Apache-2.0 */
/* Two normal distributions of unit width whose means differ by `shift` in the first of d features, so that
 * ln r(x) = shift x_0 - shift^2 / 2. */
#ifndef TESTS_SUPPORT_GAUSSIANS_H
#define TESTS_SUPPORT_GAUSSIANS_H

#include <check.h>
#include <stdlib.h>

#include "base/random.h"
#include "sbi/dataset.h"

typedef struct gaussians {
    float *x[2]; /* [n, d] of each side */
    int64_t n, d;
    double shift;
} gaussians;

static inline gaussians gaussians_make(int64_t n, int64_t d, double shift, uint64_t seed)
{
    gaussians g = {{NULL, NULL}, n, d, shift};
    for (int side = 0; side < 2; side++) {
        g.x[side] = malloc((size_t)(n * d) * sizeof(float));
        ck_assert_ptr_nonnull(g.x[side]);
        for (int64_t k = 0; k < n * d; k++)
            g.x[side][k] = (float)(sbi_random_normal(seed, (uint64_t)side, (uint64_t)k) + (side == 1 && k % d == 0 ? shift : 0));
    }
    return g;
}

static inline void gaussians_free(gaussians *g)
{
    free(g->x[0]);
    free(g->x[1]);
}

static inline double gaussians_log_ratio(const gaussians *g, int side, int64_t i)
{
    return g->shift * (double)g->x[side][i * g->d] - 0.5 * g->shift * g->shift;
}

static inline sbi_status gaussians_dataset(const gaussians *g, sbi_context *ctx, sbi_dataset **out)
{
    sbi_status status = sbi_dataset_create(out, ctx);
    for (int32_t side = 0; side < 2 && status == SBI_OK; side++) {
        const sbi_array x = sbi_array_2d(g->x[side], SBI_F32, g->n, g->d);
        status = sbi_dataset_add_array(*out, side, &x, NULL);
    }
    if (status != SBI_OK) {
        sbi_dataset_destroy(*out);
        *out = NULL;
    }
    return status;
}

#endif
