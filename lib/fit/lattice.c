/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fit/contour.h"

static const sbi_profile_node ring = {{NAN, NAN}, INFINITY, {NAN, NAN}};

static void add_line(sbi_lattice *l, size_t axis, double at)
{
    double *lines = l->lines[axis];
    size_t i = 0;
    while (i < l->n[axis] && lines[i] < at) i++;
    memmove(lines + i + 1, lines + i, (l->n[axis] - i) * sizeof *lines);
    lines[i] = at;
    l->n[axis]++;
}

/* Drops lines that all but coincide, never the outermost. */
static void thin_out(sbi_lattice *l, size_t axis)
{
    double *lines = l->lines[axis];
    size_t n = l->n[axis], kept = 1;
    double least = 1e-7 * (lines[n - 1] - lines[0]);
    for (size_t i = 1; i < n; i++)
        if (lines[i] - lines[kept - 1] > least) lines[kept++] = lines[i];
    lines[kept - 1] = lines[n - 1];
    l->n[axis] = kept;
}

static sbi_status make_lines(sbi_lattice *l, size_t axis, const sbi_confidence_set *set, size_t cells, const sbi_confidence_seeds *seeds)
{
    size_t count = sbi_confidence_set_n_intervals(set), n_params = l->line.fit->best->n, k = l->line.held[axis];
    sbi_context *ctx = l->line.fit->ctx;
    l->lines[axis] = sbi_alloc_array(ctx, count * (cells + 3) + seeds->count + 2, sizeof(double));
    if (!l->lines[axis]) return SBI_ERR_NO_MEMORY;
    sbi_confidence_set_info info = {.struct_size = sizeof info};
    SBI_TRY(sbi_confidence_set_get_info(set, &info));
    l->low_kind[axis] = l->high_kind[axis] = SBI_END_OF_RANGE;
    for (size_t i = 0; i < count; i++) {
        sbi_confidence_interval v = {.struct_size = sizeof v};
        SBI_TRY(sbi_confidence_set_interval(set, i, &v));
        /* Half a cell beyond a crossing, so that the curve closes inside the lattice; exactly at any other end. */
        double width = (v.end[1] - v.end[0]) / (double)cells, low = v.end[0], high = v.end[1];
        if (v.kind[0] == SBI_END_CROSSING) low = fmax(low - 0.5 * width, info.low);
        if (v.kind[1] == SBI_END_CROSSING) high = fmin(high + 0.5 * width, info.high);
        for (size_t c = 0; c <= cells + 1; c++) add_line(l, axis, low + (high - low) * (double)c / (double)(cells + 1));
        if (i == 0 && v.kind[0] == SBI_END_LIMIT) l->low_kind[axis] = SBI_END_LIMIT;
        if (i + 1 == count && v.kind[1] == SBI_END_LIMIT) l->high_kind[axis] = SBI_END_LIMIT;
    }
    for (size_t i = 0; i < seeds->count; i++) {
        double at = seeds->params[i * n_params + k];
        if (count && at > l->lines[axis][0] && at < l->lines[axis][l->n[axis] - 1]) add_line(l, axis, at);
    }
    if (l->n[axis] >= 2) thin_out(l, axis);
    return SBI_OK;
}

sbi_status sbi_lattice_create(sbi_lattice *l, sbi_fit *fit, const size_t *held, double level, double rise, sbi_confidence_set *const *sets,
                              size_t cells, const sbi_confidence_seeds *seeds)
{
    memset(l, 0, sizeof *l);
    l->line = (sbi_profile_line){fit, {held[0], held[1]}, 2, level, rise};
    for (size_t axis = 0; axis < 2; axis++) SBI_TRY(make_lines(l, axis, sets[axis], cells, seeds));
    size_t total = l->n[0] * l->n[1];
    l->nodes = sbi_alloc_zero(fit->ctx, total, sizeof *l->nodes);
    l->params = sbi_alloc_zero(fit->ctx, total, sizeof *l->params);
    return l->nodes && l->params ? SBI_OK : SBI_ERR_NO_MEMORY;
}

void sbi_lattice_destroy(sbi_lattice *l)
{
    sbi_context *ctx = l->line.fit ? l->line.fit->ctx : NULL;
    for (size_t i = 0; l->params && i < l->n[0] * l->n[1]; i++) sbi_free(ctx, l->params[i]);
    for (size_t axis = 0; axis < 2 && ctx; axis++) sbi_free(ctx, l->lines[axis]);
    if (ctx) sbi_free(ctx, l->params);
    if (ctx) sbi_free(ctx, l->nodes);
}

/* The parameters of the nearest neighbour that has been evaluated and exists, NULL if there is none. */
static const double *neighbour(const sbi_lattice *l, size_t i, size_t j)
{
    for (size_t reach = 1; reach <= 2; reach++) {
        for (size_t a = i > reach ? i - reach : 0; a <= i + reach && a < l->n[0]; a++) {
            for (size_t b = j > reach ? j - reach : 0; b <= j + reach && b < l->n[1]; b++) {
                size_t at = a * l->n[1] + b;
                if (l->params[at] && isfinite(l->nodes[at].height)) return l->params[at];
            }
        }
    }
    return NULL;
}

sbi_status sbi_lattice_node(sbi_lattice *l, size_t i, size_t j, const sbi_profile_node **out)
{
    *out = &ring;
    if (i == 0 || j == 0 || i > l->n[0] || j > l->n[1]) return SBI_OK;
    size_t at = (i - 1) * l->n[1] + (j - 1), n = l->line.fit->best->n;
    *out = &l->nodes[at];
    if (l->params[at]) return SBI_OK;
    double place[2] = {l->lines[0][i - 1], l->lines[1][j - 1]};
    const double *start = neighbour(l, i - 1, j - 1);
    double *keep = sbi_alloc_array(l->line.fit->ctx, n, sizeof *keep);
    if (!keep) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_profile_probe(&l->line, place, start ? start : l->line.fit->best->x, &l->nodes[at]);
    if (status != SBI_OK) {
        sbi_free(l->line.fit->ctx, keep);
        return status;
    }
    memcpy(keep, l->line.fit->inner->x, n * sizeof *keep);
    l->params[at] = keep;
    l->n_failed += isnan(l->nodes[at].height);
    return SBI_OK;
}
