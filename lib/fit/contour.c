/* SPDX-License-Identifier: Apache-2.0 */
/* Contours of two parameters: marching squares from cell to cell, with conditional fits where the curve goes and nowhere else; each
 * point is then solved for along the lattice's edge. */
#include "fit/contour.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"

#define GRID 41 /* of the profiles that find the box */

typedef struct curve {
    double *x, *y;
    int32_t *kind;
    size_t count, capacity;
} curve;

struct sbi_contour {
    sbi_context *ctx;
    sbi_contour_info info;
    size_t count, capacity;
    curve *curves;
};

typedef struct tracer {
    sbi_contour *contour;
    sbi_lattice lattice;
    unsigned char *visited; /* [n0 + 2, n1 + 2, 2]: the edges from a node to the right and upwards */
} tracer;

void sbi_contour_options_init(sbi_contour_options *options)
{
    if (!options) return;
    sbi_contour_options defaults = SBI_CONTOUR_OPTIONS_INIT;
    *options = defaults;
}

void sbi_contour_destroy(sbi_contour *contour)
{
    if (!contour) return;
    for (size_t i = 0; i < contour->count; i++) {
        sbi_free(contour->ctx, contour->curves[i].x);
        sbi_free(contour->ctx, contour->curves[i].y);
        sbi_free(contour->ctx, contour->curves[i].kind);
    }
    sbi_free(contour->ctx, contour->curves);
    sbi_free(contour->ctx, contour);
}

static sbi_status grow(sbi_context *ctx, void *array, size_t capacity, size_t size)
{
    void *old, *grown;
    memcpy(&old, array, sizeof old);
    grown = sbi_realloc_array(ctx, old, capacity, size);
    if (!grown) return SBI_ERR_NO_MEMORY;
    memcpy(array, &grown, sizeof grown);
    return SBI_OK;
}

static sbi_status add_point(sbi_context *ctx, curve *c, const double *at, int32_t kind)
{
    /* A corner of the bounds is met twice. */
    if (c->count && c->x[c->count - 1] == at[0] && c->y[c->count - 1] == at[1]) return SBI_OK;
    if (c->count == c->capacity) {
        size_t capacity = c->capacity ? 2 * c->capacity : 64;
        SBI_TRY(grow(ctx, &c->x, capacity, sizeof *c->x));
        SBI_TRY(grow(ctx, &c->y, capacity, sizeof *c->y));
        SBI_TRY(grow(ctx, &c->kind, capacity, sizeof *c->kind));
        c->capacity = capacity;
    }
    c->x[c->count] = at[0];
    c->y[c->count] = at[1];
    c->kind[c->count++] = kind;
    return SBI_OK;
}

static int is_inside(const sbi_profile_node *node)
{
    return node->height <= 0;
}

/* A cell has its lower left node's indices; edges 0 below, 1 right, 2 above, 3 left; corner e starts edge e, counter-clockwise. */
static void corner(size_t i, size_t j, int c, size_t *a, size_t *b)
{
    *a = i + (size_t)(c == 1 || c == 2);
    *b = j + (size_t)(c == 2 || c == 3);
}

static unsigned char *edge_mark(tracer *t, size_t i, size_t j, int edge)
{
    size_t a = i + (size_t)(edge == 1), b = j + (size_t)(edge == 2);
    return t->visited + 2 * (a * (t->lattice.n[1] + 2) + b) + (edge == 1 || edge == 3);
}

/* The point of the curve on an edge of a cell. */
static sbi_status edge_point(tracer *t, size_t i, size_t j, int edge, curve *c)
{
    sbi_lattice *l = &t->lattice;
    size_t a[2], b[2];
    const sbi_profile_node *first, *second;
    corner(i, j, edge, &a[0], &a[1]);
    corner(i, j, (edge + 1) % 4, &b[0], &b[1]);
    SBI_TRY(sbi_lattice_node(l, a[0], a[1], &first));
    SBI_TRY(sbi_lattice_node(l, b[0], b[1], &second));
    if (!is_inside(first)) {
        const sbi_profile_node *swap = first;
        size_t index[2] = {a[0], a[1]};
        first = second;
        second = swap;
        memcpy(a, b, sizeof a);
        memcpy(b, index, sizeof b);
    }
    size_t axis = a[0] != b[0] ? 0 : 1;
    *edge_mark(t, i, j, edge) = 1;
    if (b[axis] == 0 || b[axis] > l->n[axis]) /* the ring: the curve runs along the outermost line */
        return add_point(l->line.fit->ctx, c, first->at, b[axis] == 0 ? l->low_kind[axis] : l->high_kind[axis]);
    sbi_profile_node at;
    int32_t kind;
    SBI_TRY(sbi_profile_crossing(&l->line, axis, first, second, l->params[(a[0] - 1) * l->n[1] + a[1] - 1], &at, &kind));
    return add_point(l->line.fit->ctx, c, at.at, kind);
}

/* Where a curve that enters a cell by an edge leaves it. In a saddle the middle of the cell decides. */
static sbi_status exit_edge(tracer *t, size_t i, size_t j, int entry, int *out)
{
    const sbi_profile_node *nodes[4];
    int in[4], crossed = 0;
    for (int c = 0; c < 4; c++) {
        size_t a, b;
        corner(i, j, c, &a, &b);
        SBI_TRY(sbi_lattice_node(&t->lattice, a, b, &nodes[c]));
        in[c] = is_inside(nodes[c]);
    }
    for (int e = 0; e < 4; e++) {
        int here = in[e] != in[(e + 1) % 4];
        crossed += here;
        if (here && e != entry) *out = e;
    }
    if (crossed != 4) return SBI_OK;
    sbi_profile_node middle = {{0, 0}, INFINITY, {0, 0}};
    double at[2] = {0.5 * (nodes[0]->at[0] + nodes[2]->at[0]), 0.5 * (nodes[0]->at[1] + nodes[2]->at[1])};
    /* Cells of the ring are no saddles: their outer corners are all outside. */
    SBI_TRY(sbi_profile_probe(&t->lattice.line, at, NULL, &middle));
    /* The curve goes around a corner of the other kind than the middle, by the two edges that meet there. */
    int around = in[entry] != is_inside(&middle) ? entry : (entry + 1) % 4;
    *out = around == entry ? (entry + 3) % 4 : around;
    return SBI_OK;
}

/* Follows the curve that enters cell (i, j) by `entry` with the region on its left, until it is back. */
static sbi_status trace(tracer *t, size_t i, size_t j, int entry)
{
    sbi_contour *out = t->contour;
    if (*edge_mark(t, i, j, entry)) return SBI_OK;
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? 2 * out->capacity : 4;
        SBI_TRY(grow(out->ctx, &out->curves, capacity, sizeof *out->curves));
        out->capacity = capacity;
    }
    curve *c = &out->curves[out->count++];
    memset(c, 0, sizeof *c);
    size_t most = 2 * (t->lattice.n[0] + 2) * (t->lattice.n[1] + 2);
    for (size_t step = 0; step < most && !*edge_mark(t, i, j, entry); step++) {
        SBI_TRY(edge_point(t, i, j, entry, c));
        int leave = entry;
        SBI_TRY(exit_edge(t, i, j, entry, &leave));
        if (leave == 0) j--;
        else if (leave == 1) i++;
        else if (leave == 2) j++;
        else i--;
        entry = (leave + 2) % 4;
    }
    if (c->count > 1 && c->x[0] == c->x[c->count - 1] && c->y[0] == c->y[c->count - 1]) c->count--;
    return SBI_OK;
}

/* The curve through the edge between two neighbours on different sides; a inside. */
static sbi_status trace_between(tracer *t, const size_t *a, const size_t *b)
{
    if (b[0] > a[0]) return trace(t, a[0], a[1], 0);         /* upwards, the region to the left */
    if (b[0] < a[0]) return trace(t, b[0], b[1] - 1, 2);     /* downwards */
    if (b[1] > a[1]) return trace(t, a[0] - 1, a[1], 1);     /* leftwards */
    return trace(t, b[0], b[1], 3);                          /* rightwards */
}

/* From a node inside to all four sides until the region ends there. */
static sbi_status look_around(tracer *t, size_t i, size_t j)
{
    static const int way[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
    const sbi_profile_node *node;
    SBI_TRY(sbi_lattice_node(&t->lattice, i, j, &node));
    if (!is_inside(node)) return SBI_OK;
    for (int w = 0; w < 4; w++) {
        size_t a[2] = {i, j}, b[2];
        for (;;) {
            b[0] = a[0] + (size_t)way[w][0];
            b[1] = a[1] + (size_t)way[w][1];
            SBI_TRY(sbi_lattice_node(&t->lattice, b[0], b[1], &node));
            if (!is_inside(node)) break;
            memcpy(a, b, sizeof a);
        }
        SBI_TRY(trace_between(t, a, b));
    }
    return SBI_OK;
}

static size_t nearest_line(const sbi_lattice *l, size_t axis, double at)
{
    size_t best = 0;
    for (size_t i = 1; i < l->n[axis]; i++)
        if (fabs(l->lines[axis][i] - at) < fabs(l->lines[axis][best] - at)) best = i;
    return best + 1;
}

static sbi_status scan(tracer *t)
{
    sbi_lattice *l = &t->lattice;
    const sbi_profile_node *node, *other;
    for (size_t i = 1; i <= l->n[0]; i++)
        for (size_t j = 1; j <= l->n[1]; j++) SBI_TRY(sbi_lattice_node(l, i, j, &node));
    for (size_t i = 1; i <= l->n[0]; i++) {
        for (size_t j = 1; j <= l->n[1]; j++) {
            SBI_TRY(sbi_lattice_node(l, i, j, &node));
            if (!is_inside(node)) continue;
            size_t a[2] = {i, j};
            for (int w = 0; w < 4; w++) {
                size_t b[2] = {i + (size_t)(w == 0) - (size_t)(w == 1), j + (size_t)(w == 2) - (size_t)(w == 3)};
                SBI_TRY(sbi_lattice_node(l, b[0], b[1], &other));
                if (!is_inside(other)) SBI_TRY(trace_between(t, a, b));
            }
        }
    }
    return SBI_OK;
}

static sbi_status follow(tracer *t, sbi_fit *fit, const size_t *held, const sbi_contour_options *o, sbi_confidence_set *const *sets,
                         const sbi_confidence_seeds *seeds)
{
    sbi_lattice *l = &t->lattice;
    sbi_contour_info *info = &t->contour->info;
    double rise = info->delta_t * fit->level;
    SBI_TRY(sbi_lattice_create(l, fit, held, info->nll_min + rise, rise, sets, (size_t)o->n_grid, seeds));
    if (l->n[0] < 2 || l->n[1] < 2) return SBI_OK; /* nothing is that low */
    t->visited = sbi_alloc_zero(fit->ctx, (l->n[0] + 2) * (l->n[1] + 2), 2);
    if (!t->visited) return SBI_ERR_NO_MEMORY;
    sbi_fit_point_copy(fit->inner, fit->best);
    for (size_t i = 0; i < seeds->count; i++) {
        const double *x = seeds->params + i * fit->best->n;
        SBI_TRY(look_around(t, nearest_line(l, 0, x[held[0]]), nearest_line(l, 1, x[held[1]])));
    }
    if (o->flags & SBI_CONTOUR_SCAN) SBI_TRY(scan(t));
    info->n_failed += l->n_failed;
    return SBI_OK;
}

/* Minima of both profiles and of the fit's starts. */
static sbi_status join_seeds(sbi_fit *fit, const sbi_confidence_seeds *parts, sbi_confidence_seeds *out)
{
    size_t n = fit->best->n, starts = fit->minima.count + 1;
    out->params = sbi_alloc_array(fit->ctx, parts[0].count + parts[1].count + starts, n * sizeof *out->params);
    if (!out->params) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < starts; i++) {
        const double *x = i ? fit->minima.list[i - 1].x : fit->best->x;
        memcpy(out->params + out->count++ * n, x, n * sizeof *x);
    }
    for (size_t part = 0; part < 2; part++) {
        for (size_t i = 0; i < parts[part].count; i++)
            memcpy(out->params + out->count++ * n, parts[part].params + i * n, n * sizeof *out->params);
    }
    return SBI_OK;
}

static sbi_status run(sbi_contour *contour, sbi_fit *fit, const size_t *held, const sbi_contour_options *o)
{
    sbi_confidence_set *sets[2] = {NULL, NULL};
    sbi_confidence_seeds parts[2] = {{NULL, 0}, {NULL, 0}}, seeds = {NULL, 0};
    tracer t = {0};
    t.contour = contour;
    sbi_status status = SBI_OK;
    double nll_min = NAN;
    /* The second set follows branches that the first one knows, and the other way round; a deeper minimum counts for both. */
    for (int round = 0; round < 3 && status == SBI_OK; round++) {
        int axis = round % 2;
        sbi_confidence_set_info info = {.struct_size = sizeof info};
        sbi_confidence_set_destroy(sets[axis]);
        sbi_free(fit->ctx, parts[axis].params);
        parts[axis] = (sbi_confidence_seeds){NULL, 0};
        status = sbi_confidence_set_seek(&sets[axis], fit, held[axis], contour->info.delta_t, o->low[axis], o->high[axis], GRID, nll_min,
                                         &parts[1 - axis], &parts[axis]);
        if (status == SBI_OK) status = sbi_confidence_set_get_info(sets[axis], &info);
        if (status != SBI_OK) break;
        contour->info.n_failed += info.n_failed;
        contour->info.deeper |= info.deeper;
        if (round == 1 && info.nll_min == nll_min && parts[1].count <= 1) break;
        nll_min = info.nll_min;
    }
    contour->info.nll_min = nll_min;
    if (status == SBI_OK) status = join_seeds(fit, parts, &seeds);
    if (status == SBI_OK) status = follow(&t, fit, held, o, sets, &seeds);
    sbi_lattice_destroy(&t.lattice);
    sbi_free(fit->ctx, t.visited);
    for (int axis = 0; axis < 2; axis++) {
        sbi_confidence_set_destroy(sets[axis]);
        sbi_free(fit->ctx, parts[axis].params);
    }
    sbi_free(fit->ctx, seeds.params);
    return status;
}

static sbi_status read_options(sbi_contour_options *o, const sbi_contour_options *given, sbi_fit *fit, const char *x, const char *y,
                               size_t *held, double *delta_t)
{
    const char *where = "sbi_contour_find";
    sbi_contour_options_init(o);
    SBI_TRY(sbi_options_read(o, sizeof *o, sizeof *o, given, "sbi_contour_options"));
    SBI_REQUIRE(o->n_grid >= 4 && o->n_grid <= 1000, "%s: n_grid is %d, expected 4 to 1000", where, (int)o->n_grid);
    SBI_REQUIRE(!(o->flags & ~SBI_CONTOUR_SCAN), "%s: flags are 0x%x", where, (unsigned)o->flags);
    SBI_TRY(sbi_fit_find(fit, x, where, &held[0]));
    SBI_TRY(sbi_fit_find(fit, y, where, &held[1]));
    SBI_REQUIRE(held[0] != held[1], "%s: both parameters are %s", where, x);
    SBI_TRY(sbi_delta_t(o->cl, o->delta_t, 2, where, delta_t));
    for (int axis = 0; axis < 2; axis++)
        SBI_TRY(sbi_profile_range(fit, held[axis], *delta_t * fit->level, where, &o->low[axis], &o->high[axis]));
    return SBI_OK;
}

sbi_status sbi_contour_find(sbi_contour **out, sbi_fit *fit, const char *x, const char *y, const sbi_contour_options *options)
{
    SBI_REQUIRE(out, "sbi_contour_find: out is NULL");
    *out = NULL;
    SBI_REQUIRE(fit, "sbi_contour_find: fit is NULL");
    sbi_contour_options o;
    size_t held[2];
    double delta_t;
    int64_t before = sbi_fit_objective_evaluations(fit->objective);
    SBI_TRY(read_options(&o, options, fit, x, y, held, &delta_t));
    sbi_contour *contour = sbi_alloc_zero(fit->ctx, 1, sizeof *contour);
    if (!contour) return SBI_ERR_NO_MEMORY;
    contour->ctx = fit->ctx;
    contour->info.delta_t = delta_t;
    sbi_status status = run(contour, fit, held, &o);
    if (status != SBI_OK) {
        sbi_contour_destroy(contour);
        return status;
    }
    contour->info.n_curves = (int32_t)contour->count;
    contour->info.evaluations = sbi_fit_objective_evaluations(fit->objective) - before;
    *out = contour;
    return SBI_OK;
}

size_t sbi_contour_n_curves(const sbi_contour *contour)
{
    return contour ? contour->count : 0;
}

size_t sbi_contour_n_points(const sbi_contour *contour, size_t index)
{
    return contour && index < contour->count ? contour->curves[index].count : 0;
}

sbi_status sbi_contour_points(const sbi_contour *contour, size_t index, double *x, double *y, int32_t *kind)
{
    SBI_REQUIRE(contour && x && y, "sbi_contour_points: contour, x or y is NULL");
    SBI_REQUIRE(index < contour->count, "sbi_contour_points: curve is %zu, but the contour has %zu", index, contour->count);
    const curve *c = &contour->curves[index];
    memcpy(x, c->x, c->count * sizeof *x);
    memcpy(y, c->y, c->count * sizeof *y);
    if (kind) memcpy(kind, c->kind, c->count * sizeof *kind);
    return SBI_OK;
}

sbi_status sbi_contour_get_info(const sbi_contour *contour, sbi_contour_info *info)
{
    SBI_REQUIRE(contour && info, "sbi_contour_get_info: contour or info is NULL");
    uint32_t size = info->struct_size;
    if (size < sizeof *info) {
        return sbi_fail(SBI_ERR_ABI, "sbi_contour_info: struct_size is %u, expected at least %zu", (unsigned)size, sizeof *info);
    }
    *info = contour->info;
    info->struct_size = size;
    return SBI_OK;
}
