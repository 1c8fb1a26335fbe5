/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "fit/minimiser.h"

sbi_status sbi_fit_point_create(sbi_fit_point **out, sbi_context *ctx, size_t n)
{
    *out = NULL;
    sbi_fit_point *p = sbi_alloc_zero(ctx, 1, sizeof *p);
    if (!p) return SBI_ERR_NO_MEMORY;
    p->n = n;
    p->x = sbi_alloc_zero(ctx, n * (n + 4), sizeof *p->x);
    p->state = sbi_alloc_zero(ctx, n, sizeof *p->state);
    if (!p->x || !p->state) {
        sbi_fit_point_destroy(p, ctx);
        return SBI_ERR_NO_MEMORY;
    }
    p->g = p->x + n;
    p->scale = p->x + 2 * n;
    p->least = p->x + 3 * n;
    p->H = p->x + 4 * n;
    p->f = p->edm = p->smallest = p->largest = p->gradient_norm = NAN;
    *out = p;
    return SBI_OK;
}

void sbi_fit_point_destroy(sbi_fit_point *p, sbi_context *ctx)
{
    if (!p) return;
    sbi_free(ctx, p->x);
    sbi_free(ctx, p->state);
    sbi_free(ctx, p);
}

void sbi_fit_point_copy(sbi_fit_point *to, const sbi_fit_point *from)
{
    size_t n = from->n;
    double *x = to->x, *g = to->g, *H = to->H, *scale = to->scale, *least = to->least;
    int32_t *state = to->state;
    memcpy(x, from->x, n * (n + 4) * sizeof *x); /* x, g, scale, least and H lie in one block */
    memcpy(state, from->state, n * sizeof *state);
    *to = *from;
    to->x = x;
    to->g = g;
    to->H = H;
    to->scale = scale;
    to->least = least;
    to->state = state;
}
