/* SPDX-License-Identifier: Apache-2.0 */
/* Forward tangents along theta and the reverse pass over values and tangents.
 *
 * A layer maps h to y = M f(u) + A with u = gain N(z) + offset and z = W h + b, and a tangent h' to
 *     z' = W h',   N' = r (z' - mean z' - N mean(N z')),   u' = gain N',   y' = D u' + A',
 * D = M f'(u), DD = M f''(u), M the mask of dropout, A what a residual block adds. From G = dL/dy and G' = dL/dy' of each tangent,
 *     dL/du = D G + DD sum u' G',   dL/du' = D G'.
 * Through the normalisation, with V = gain dL/du, V' = gain dL/du', s = mean(N z'), c = mean(N V') and p = mean(V' N'):
 *     dL/dz' = r (V' - mean V' - N c),
 *     dL/dN  = V - r sum (V' s + c z'),   dL/dz = r (dL/dN - mean dL/dN - N mean(N dL/dN)) - r N sum p;
 * the last term is there because r depends on z: dr/dz_k = -r^2 N_k / n. Sums without an index are over tangents. Source: the chain rule,
 * applied to itself (Pearlmutter, Neural Computation 6 (1994) 147). */
#include "net/score.h"

#include <string.h>

#include "base/error.h"

static int64_t padded(int64_t n)
{
    return (n + 15) / 16 * 16;
}

int64_t sbi_score_place(sbi_score *s, int64_t rows, float *memory)
{
    const sbi_mlp *mlp = s->mlp;
    int64_t used = 0, widest = 0;
#define PLACE(pointer, count)                                                                                          \
    do {                                                                                                               \
        if (memory) (pointer) = memory + used;                                                                         \
        used += padded(count);                                                                                         \
    } while (0)
    PLACE(s->xt, s->q * rows * mlp->size[0]);
    for (int32_t l = 0; l < mlp->layers; l++) {
        const int64_t n = rows * mlp->size[l + 1];
        if (mlp->size[l + 1] > widest) widest = mlp->size[l + 1];
        PLACE(s->ht[l], s->q * n);
        PLACE(s->zt[l], s->q * n);
        if (mlp->norm[l]) PLACE(s->nt[l], s->q * n);
        if (sbi_mlp_activation(mlp, l) != SBI_DEVICE_IDENTITY) PLACE(s->dd[l], n);
    }
    for (int side = 0; side < 2; side++) PLACE(s->gt[side], s->q * rows * widest);
    if (mlp->blocks) PLACE(s->blockt, s->q * rows * widest);
#undef PLACE
    return used;
}

void sbi_score_begin(sbi_score *s, int64_t rows)
{
    const int64_t in = s->mlp->size[0], first = in - s->q;
    memset(s->xt, 0, sizeof *s->xt * (size_t)(s->q * rows * in));
    for (int64_t j = 0; j < s->q; j++)
        for (int64_t i = 0; i < rows; i++) s->xt[(j * rows + i) * in + first + j] = s->rate[j];
}

/* ---- forward ---- */

static void normalise_tangent(float *restrict nt, const float *restrict zt, const float *restrict n, float r, int64_t columns)
{
    float mean = 0, along = 0;
    for (int64_t k = 0; k < columns; k++) {
        mean += zt[k];
        along += n[k] * zt[k];
    }
    mean /= (float)columns;
    along /= (float)columns;
    for (int64_t k = 0; k < columns; k++) nt[k] = r * (zt[k] - mean - n[k] * along);
}

/* y' of a row: u' times D where there is an activation, plus A' in a residual block. */
static void activate_tangent(float *restrict ht, const float *ut, const float *gain, const float *d, const float *add, int64_t columns)
{
    for (int64_t k = 0; k < columns; k++) ht[k] = gain ? gain[k] * ut[k] : ut[k];
    if (d)
        for (int64_t k = 0; k < columns; k++) ht[k] *= d[k];
    if (add)
        for (int64_t k = 0; k < columns; k++) ht[k] += add[k];
}

static const float *input_tangent(const sbi_score *s, int32_t l)
{
    return l ? s->ht[l - 1] : s->xt;
}

sbi_status sbi_score_forward(sbi_score *s, int32_t l, int64_t rows)
{
    const sbi_mlp *mlp = s->mlp;
    const int64_t in = mlp->size[l], out = mlp->size[l + 1], all = s->q * rows;
    const sbi_device_gemm product = {
        .transpose_b = 1,
        .m = all,
        .n = out,
        .k = in,
        .alpha = 1,
        .a = input_tangent(s, l),
        .b = s->params + mlp->w[l],
        .c = s->zt[l],
        .lda = in,
        .ldb = in,
        .ldc = out,
        .count = 1,
    };
    SBI_TRY(s->device->ops->gemm(s->device->self, &product));
    const float *gain = mlp->norm[l] ? s->params + mlp->gain[l] : NULL;
    const float *add = mlp->residual[l] ? input_tangent(s, l + 1 - mlp->residual[l]) : NULL;
    const float *d = sbi_mlp_activation(mlp, l) != SBI_DEVICE_IDENTITY ? s->d[l] : NULL;
    for (int64_t k = 0; k < all; k++) {
        const int64_t i = k % rows;
        const float *ut = s->zt[l] + k * out;
        if (gain) {
            normalise_tangent(s->nt[l] + k * out, ut, s->n[l] + i * out, s->r[l][i], out);
            ut = s->nt[l] + k * out;
        }
        activate_tangent(s->ht[l] + k * out, ut, gain, d ? d + i * out : NULL, add ? add + k * out : NULL, out);
    }
    return SBI_OK;
}

double sbi_score_loss(sbi_score *s, int64_t rows, const float *t, const float *w, double weight, float scale, int back)
{
    const float *score = s->ht[s->mlp->layers - 1];
    double total = 0;
    for (int64_t i = 0; i < rows; i++, t += s->q + 1) {
        double sum = 0;
        for (int64_t j = 0; j < s->q; j++) {
            const double difference = t[s->q] > 0 ? (double)score[j * rows + i] - (double)t[j] : 0;
            sum += difference * difference;
            if (back) s->gt[0][j * rows + i] = (float)(2 * weight * (double)scale * (double)w[i] * difference);
        }
        total += (double)w[i] * sum;
    }
    return weight * total;
}

/* ---- back ---- */

/* G and G' of the output become those of u. */
static void backward_activation(const sbi_score *s, int32_t l, int64_t rows, float *g, float *gt)
{
    const sbi_mlp *mlp = s->mlp;
    const int64_t n = rows * mlp->size[l + 1], out = mlp->size[l + 1];
    if (sbi_mlp_activation(mlp, l) == SBI_DEVICE_IDENTITY) return;
    const float *d = s->d[l], *dd = s->dd[l], *gain = mlp->norm[l] ? s->params + mlp->gain[l] : NULL;
    for (int64_t k = 0; k < n; k++) g[k] *= d[k];
    for (int64_t j = 0; j < s->q; j++) {
        const float *ut = (gain ? s->nt[l] : s->zt[l]) + j * n;
        float *own = gt + j * n;
        for (int64_t i = 0; i < rows; i++) {
            for (int64_t k = 0; k < out; k++) {
                const int64_t at = i * out + k;
                const float u = gain ? gain[k] * ut[at] : ut[at];
                g[at] += dd[at] * u * own[at];
                own[at] *= d[at];
            }
        }
    }
}

/* One row: V to dL/dz and each V' to dL/dz'; `stride` is from one tangent to the next. */
static void backward_norm_row(float *v, float *vt, const float *n, const float *zt, const float *nt, float r, int64_t q, int64_t stride,
                              int64_t columns)
{
    const float count = (float)columns;
    float p = 0;
    for (int64_t j = 0; j < q; j++, vt += stride, zt += stride, nt += stride) {
        float along = 0, c = 0, mean = 0, own = 0;
        for (int64_t k = 0; k < columns; k++) {
            along += n[k] * zt[k];
            c += n[k] * vt[k];
            mean += vt[k];
            own += vt[k] * nt[k];
        }
        along /= count;
        c /= count;
        mean /= count;
        p += own / count;
        for (int64_t k = 0; k < columns; k++) {
            v[k] -= r * (vt[k] * along + c * zt[k]);
            vt[k] = r * (vt[k] - mean - n[k] * c);
        }
    }
    float mean = 0, along = 0;
    for (int64_t k = 0; k < columns; k++) {
        mean += v[k];
        along += n[k] * v[k];
    }
    mean /= count;
    along /= count;
    for (int64_t k = 0; k < columns; k++) v[k] = r * (v[k] - mean - n[k] * (along + p));
}

/* G and G' of u become those of z. */
static void backward_norm(const sbi_score *s, int32_t l, int64_t rows, float *g, float *gt, float *grads, int32_t accumulate)
{
    const sbi_mlp *mlp = s->mlp;
    const int64_t out = mlp->size[l + 1], n = rows * out;
    const float *gain = s->params + mlp->gain[l];
    float *dgain = grads + mlp->gain[l], *doffset = grads + mlp->offset[l];
    if (!accumulate) {
        memset(dgain, 0, sizeof *dgain * (size_t)out);
        memset(doffset, 0, sizeof *doffset * (size_t)out);
    }
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t k = 0; k < out; k++) {
            const int64_t at = i * out + k;
            float sum = g[at] * s->n[l][at];
            for (int64_t j = 0; j < s->q; j++) {
                sum += gt[j * n + at] * s->nt[l][j * n + at];
                gt[j * n + at] *= gain[k];
            }
            dgain[k] += sum;
            doffset[k] += g[at];
            g[at] *= gain[k];
        }
        backward_norm_row(g + i * out, gt + i * out, s->n[l] + i * out, s->zt[l] + i * out, s->nt[l] + i * out, s->r[l][i], s->q, n, out);
    }
}

/* dW = G^T X, added to where `add`. */
static sbi_status weight_gradient(const sbi_score *s, int32_t l, int64_t rows, const float *g, const float *x, float *dw, int32_t add)
{
    const int64_t in = s->mlp->size[l], out = s->mlp->size[l + 1];
    const sbi_device_gemm product = {
        .transpose_a = 1,
        .m = out,
        .n = in,
        .k = rows,
        .alpha = 1,
        .beta = add ? 1.0f : 0.0f,
        .a = g,
        .b = x,
        .c = dw,
        .lda = out,
        .ldb = in,
        .ldc = in,
        .count = 1,
    };
    return s->device->ops->gemm(s->device->self, &product);
}

/* dX = G W. */
static sbi_status input_gradient(const sbi_score *s, int32_t l, int64_t rows, const float *g, float *dx)
{
    const int64_t in = s->mlp->size[l], out = s->mlp->size[l + 1];
    const sbi_device_gemm product = {
        .m = rows,
        .n = in,
        .k = out,
        .alpha = 1,
        .a = g,
        .b = s->params + s->mlp->w[l],
        .c = dx,
        .lda = out,
        .ldb = in,
        .ldc = in,
        .count = 1,
    };
    return s->device->ops->gemm(s->device->self, &product);
}

static void bias_gradient(float *db, const float *g, int64_t rows, int64_t out, int32_t accumulate)
{
    if (!accumulate) memset(db, 0, sizeof *db * (size_t)out);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < out; k++) db[k] += g[i * out + k];
}

static void add_to(float *restrict x, const float *restrict y, int64_t n)
{
    for (int64_t k = 0; k < n; k++) x[k] += y[k];
}

sbi_status sbi_score_backward(sbi_score *s, int64_t rows, float *grads, int32_t accumulate)
{
    const sbi_mlp *mlp = s->mlp;
    for (int32_t l = mlp->layers - 1, side = 0; l >= 0; l--, side = !side) {
        const int64_t in = mlp->size[l], out = mlp->size[l + 1], all = s->q * rows;
        float *g = s->g[side], *gt = s->gt[side];
        if (mlp->residual[l]) {
            memcpy(s->block, g, sizeof *g * (size_t)(rows * out));
            memcpy(s->blockt, gt, sizeof *gt * (size_t)(all * out));
        }
        backward_activation(s, l, rows, g, gt);
        if (mlp->norm[l]) backward_norm(s, l, rows, g, gt, grads, accumulate);
        SBI_TRY(weight_gradient(s, l, rows, g, l ? s->h[l - 1] : s->x, grads + mlp->w[l], accumulate));
        SBI_TRY(weight_gradient(s, l, all, gt, input_tangent(s, l), grads + mlp->w[l], 1));
        bias_gradient(grads + mlp->b[l], g, rows, out, accumulate);
        if (l == 0) break;
        SBI_TRY(input_gradient(s, l, rows, g, s->g[!side]));
        SBI_TRY(input_gradient(s, l, all, gt, s->gt[!side]));
        if (!sbi_mlp_block_begins(mlp, l)) continue;
        add_to(s->g[!side], s->block, rows * in);
        add_to(s->gt[!side], s->blockt, all * in);
    }
    return SBI_OK;
}
