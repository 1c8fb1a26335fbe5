/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fit/minimiser.h"

sbi_status sbi_fit_point_create_light(sbi_fit_point **out, sbi_context *ctx, size_t n)
{
    *out = NULL;
    sbi_fit_point *p = sbi_alloc_zero(ctx, 1, sizeof *p);
    if (!p) return SBI_ERR_NO_MEMORY;
    p->n = n;
    p->x = sbi_alloc_zero(ctx, n, 4 * sizeof *p->x);
    p->state = sbi_alloc_zero(ctx, n, sizeof *p->state);
    if (!p->x || !p->state) {
        sbi_fit_point_destroy(p, ctx);
        return SBI_ERR_NO_MEMORY;
    }
    p->g = p->x + n;
    p->scale = p->x + 2 * n;
    p->least = p->x + 3 * n;
    p->f = p->edm = p->smallest = p->largest = p->gradient_norm = NAN;
    *out = p;
    return SBI_OK;
}

sbi_status sbi_fit_point_create(sbi_fit_point **out, sbi_context *ctx, size_t n)
{
    SBI_TRY(sbi_fit_point_create_light(out, ctx, n));
    sbi_status status = sbi_fit_point_add_matrix(*out, ctx);
    if (status != SBI_OK) {
        sbi_fit_point_destroy(*out, ctx);
        *out = NULL;
    }
    return status;
}

sbi_status sbi_fit_point_add_matrix(sbi_fit_point *p, sbi_context *ctx)
{
    if (!p->H) p->H = sbi_alloc_zero(ctx, p->n, p->n * sizeof *p->H);
    return p->H ? SBI_OK : SBI_ERR_NO_MEMORY;
}

void sbi_fit_point_destroy(sbi_fit_point *p, sbi_context *ctx)
{
    if (!p) return;
    sbi_free(ctx, p->x);
    sbi_free(ctx, p->H);
    sbi_free(ctx, p->state);
    sbi_free(ctx, p);
}

void sbi_fit_point_copy(sbi_fit_point *to, const sbi_fit_point *from)
{
    size_t n = from->n;
    double *x = to->x, *g = to->g, *H = to->H, *scale = to->scale, *least = to->least;
    int32_t *state = to->state;
    memcpy(x, from->x, 4 * n * sizeof *x); /* x, g, scale and least lie in one block */
    if (H && from->H) memcpy(H, from->H, n * n * sizeof *H);
    memcpy(state, from->state, n * sizeof *state);
    *to = *from;
    to->x = x;
    to->g = g;
    to->H = H;
    if (!H || !from->H) to->curvature = SBI_CURVATURE_NONE;
    to->scale = scale;
    to->least = least;
    to->state = state;
}
