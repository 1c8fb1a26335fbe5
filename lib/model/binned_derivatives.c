/* SPDX-License-Identifier: Apache-2.0 */
/* The Hessian of binned channels. With w = 1 - n / lambda and z = n / lambda^2,
 *
 *     H = sum_b z_b grad lambda_b grad lambda_b^T + sum_b w_b sum_s Hessian of nu_sb
 *
 * Parameters that act on every bin make one dense matrix for the channel, filled without looking up where it goes; those of
 * single bins go straight to their places, which are few. */
#include <math.h>
#include <string.h>

#include "model/binned.h"

/* Adds the derivative by parameters p and q, once for each order in which the pair arises: a pair of different terms that
 * are one parameter counts twice. */
static void add_pair(double *hessian, size_t n, size_t p, size_t q, int same_term, double value)
{
    if (p == q && !same_term) value *= 2;
    hessian[p <= q ? p * n + q : q * n + p] += value;
}

/* Second derivative of the product of scalar factors by two different ones. */
static double leave_two(const binned_product *p, const binned_work *w, uint32_t k, uint32_t l)
{
    double value = p->nonzero;
    int found_k = 0, found_l = 0;
    for (uint32_t i = 0; i < p->n_zeros; i++) {
        const uint32_t zero = w->zeros[i];
        found_k |= zero == k;
        found_l |= zero == l;
        value *= zero == k || zero == l ? w->f1[zero] : w->f[zero];
    }
    if (!found_k) value *= w->ratio[k];
    if (!found_l) value *= w->ratio[l];
    return value;
}

/* The same by one factor twice. */
static double leave_twice(const binned_product *p, const binned_work *w, uint32_t k)
{
    double value = p->nonzero;
    int found = 0;
    for (uint32_t i = 0; i < p->n_zeros; i++) {
        found |= w->zeros[i] == k;
        value *= w->zeros[i] == k ? w->f2[k] : w->f[w->zeros[i]];
    }
    return found ? value : value * w->f2[k] / w->f[k];
}

/* Product over a bin's own factors but `left` and `other`. */
static double leave_gammas(const sbi_binned *b, const binned_channel *c, const binned_sample *s, const double *x, size_t bin, uint32_t left,
                           uint32_t other)
{
    double product = 1;
    for (uint32_t k = 0; k < s->n_gammas; k++) {
        if (k != left && k != other) product *= x[b->group_parameters[c->group + b->gammas[s->gamma + k] * c->n_bins + bin]];
    }
    return product;
}

/* First derivatives of lambda_b, a row for each bin: parameters of all bins, then the groups. Fills w->first too. */
static void add_rows(const sbi_binned *b, const binned_channel *c, const double *x, uint32_t i, binned_work *w)
{
    const binned_sample *s = &b->samples[c->sample + i];
    const uint32_t scalar = s->scalar - c->scalar, n_scalars = s->n_linear + s->n_normsys;
    const size_t n = c->n_bins, width = c->n_locals + c->n_groups;
    const double *base = w->base + i * n, *gamma = w->gamma + i * n, *data = b->data + s->data + n;
    for (uint32_t k = 0; k < n_scalars; k++) {
        double *column = w->jacobian + b->scalar_locals[s->scalar + k];
        for (size_t j = 0; j < n; j++) column[j * width] += w->first[scalar + k] * base[j] * gamma[j];
    }
    for (uint32_t k = 0; k < s->n_histosys; k++, data += 2 * n) {
        const binned_alpha *a = &w->alphas[b->histosys_alphas[s->histosys + k]];
        double *column = w->jacobian + b->histosys_locals[s->histosys + k];
        for (size_t j = 0; j < n; j++)
            column[j * width] += w->product[i] * gamma[j] * (a->up[1] * data[j] + a->down[1] * data[n + j]);
    }
    for (uint32_t k = 0; k < s->n_gammas; k++) {
        double *column = w->jacobian + c->n_locals + b->gammas[s->gamma + k];
        for (size_t j = 0; j < n; j++) column[j * width] += w->product[i] * base[j] * leave_gammas(b, c, s, x, j, k, k);
    }
}

/* Second derivatives of one sample by parameters of all bins. */
static void add_sample(const sbi_binned *b, const binned_channel *c, uint32_t i, const binned_product *split, binned_work *w)
{
    const binned_sample *s = &b->samples[c->sample + i];
    const uint32_t scalar = s->scalar - c->scalar, n_scalars = s->n_linear + s->n_normsys;
    const uint32_t *locals = b->scalar_locals + s->scalar;
    const size_t n = c->n_bins, m = c->n_locals;
    const double *base = w->base + i * n, *gamma = w->gamma + i * n, *data = b->data + s->data + n;
    double total = 0;
    for (size_t j = 0; j < n; j++) total += w->w[j] * gamma[j] * base[j];
    for (uint32_t k = 0; k < n_scalars; k++) {
        add_pair(w->matrix, m, locals[k], locals[k], 1, total * leave_twice(split, w, scalar + k));
        for (uint32_t l = k + 1; l < n_scalars; l++)
            add_pair(w->matrix, m, locals[k], locals[l], 0, total * leave_two(split, w, scalar + k, scalar + l));
    }
    for (uint32_t e = 0; e < s->n_histosys; e++, data += 2 * n) {
        const binned_alpha *a = &w->alphas[b->histosys_alphas[s->histosys + e]];
        const uint32_t local = b->histosys_locals[s->histosys + e];
        double up = 0, down = 0;
        for (size_t j = 0; j < n; j++) {
            const double weight = w->w[j] * gamma[j];
            up += weight * data[j];
            down += weight * data[n + j];
        }
        const double slope = a->up[1] * up + a->down[1] * down;
        add_pair(w->matrix, m, local, local, 1, w->product[i] * (a->up[2] * up + a->down[2] * down));
        for (uint32_t k = 0; k < n_scalars; k++) add_pair(w->matrix, m, local, locals[k], 0, slope * w->first[scalar + k]);
    }
}

/* Second derivatives of one sample by a bin's own parameters, with all others. */
static void add_bins(const sbi_binned *b, const binned_channel *c, const double *x, uint32_t i, const binned_work *w, double *hessian)
{
    const binned_sample *s = &b->samples[c->sample + i];
    const uint32_t scalar = s->scalar - c->scalar, n_scalars = s->n_linear + s->n_normsys;
    const size_t n = c->n_bins, size = b->n_parameters;
    const uint32_t *groups = b->group_parameters + c->group;
    for (uint32_t g = 0; g < s->n_gammas; g++) {
        const uint32_t *own = groups + b->gammas[s->gamma + g] * n;
        for (size_t j = 0; j < n; j++) {
            const double weight = w->w[j] * leave_gammas(b, c, s, x, j, g, g), base = w->base[i * n + j];
            for (uint32_t k = 0; k < n_scalars; k++)
                add_pair(hessian, size, own[j], b->scalar_parameters[s->scalar + k], 0, weight * base * w->first[scalar + k]);
            const double *data = b->data + s->data + n;
            for (uint32_t e = 0; e < s->n_histosys; e++, data += 2 * n) {
                const uint32_t alpha = b->histosys_alphas[s->histosys + e];
                const double slope = w->alphas[alpha].up[1] * data[j] + w->alphas[alpha].down[1] * data[n + j];
                add_pair(hessian, size, own[j], b->alpha_parameters[alpha], 0, weight * w->product[i] * slope);
            }
            for (uint32_t h = g + 1; h < s->n_gammas; h++)
                add_pair(hessian, size, own[j], groups[b->gammas[s->gamma + h] * n + j], 0,
                         w->w[j] * w->product[i] * base * leave_gammas(b, c, s, x, j, g, h));
        }
    }
}

/* z_b grad lambda_b grad lambda_b^T. */
static void add_squares(const sbi_binned *b, const binned_channel *c, binned_work *w, double *hessian)
{
    const size_t n = c->n_bins, m = c->n_locals, width = m + c->n_groups;
    const uint32_t *locals = b->local_parameters + c->local;
    for (size_t j = 0; j < n; j++) {
        const double *row = w->jacobian + j * width;
        if (w->z[j] == 0) continue;
        for (size_t k = 0; k < m; k++) {
            const double scale = w->z[j] * row[k];
            if (scale == 0) continue;
            for (size_t l = k; l < m; l++) w->matrix[k * m + l] += scale * row[l];
        }
        for (size_t g = 0; g < c->n_groups; g++) {
            const double scale = w->z[j] * row[m + g];
            const size_t own = b->group_parameters[c->group + g * n + j];
            if (scale == 0) continue;
            for (size_t k = 0; k < m; k++) add_pair(hessian, b->n_parameters, own, locals[k], 0, scale * row[k]);
            for (size_t h = g; h < c->n_groups; h++)
                add_pair(hessian, b->n_parameters, own, b->group_parameters[c->group + h * n + j], h == g, scale * row[m + h]);
        }
    }
}

void sbi_binned_add_hessian(const sbi_binned *b, const binned_channel *c, const double *x, binned_work *w, double *hessian)
{
    const size_t m = c->n_locals;
    memset(w->matrix, 0, m * m * sizeof *w->matrix);
    memset(w->jacobian, 0, c->n_bins * (m + c->n_groups) * sizeof *w->jacobian);
    for (uint32_t i = 0; i < c->n_samples; i++) {
        const binned_sample *s = &b->samples[c->sample + i];
        const uint32_t scalar = s->scalar - c->scalar;
        const binned_product split = sbi_binned_split(s, scalar, w);
        for (uint32_t k = scalar; k < scalar + s->n_linear + s->n_normsys; k++) w->first[k] = sbi_binned_leave_one(&split, w, k);
        add_rows(b, c, x, i, w);
        add_sample(b, c, i, &split, w);
        add_bins(b, c, x, i, w, hessian);
    }
    add_squares(b, c, w, hessian);
    const uint32_t *locals = b->local_parameters + c->local;
    for (size_t k = 0; k < m; k++) {
        for (size_t l = k; l < m; l++) hessian[locals[k] * b->n_parameters + locals[l]] += w->matrix[k * m + l];
    }
}
