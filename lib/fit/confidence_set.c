/* SPDX-License-Identifier: Apache-2.0 */
/* Confidence sets: the profile on a grid with its slopes, then what lies between neighbours. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/text.h"
#include "fit/crossing.h"
#include "fit/profile.h"

#define MOST_GRID 100000

struct sbi_confidence_set {
    sbi_context *ctx;
    sbi_confidence_set_info info;
    size_t count, capacity;
    sbi_confidence_interval *list;
    sbi_text message;
};

typedef struct seek {
    sbi_profile_line line;
    sbi_confidence_set *set;
    size_t n_grid, n_params;
    double *grid, *nll, *params; /* [n_grid], [n_grid], [n_grid, n_params] */
    sbi_confidence_interval open; /* the interval that is being walked through */
    int is_open;
} seek;

void sbi_confidence_set_options_init(sbi_confidence_set_options *options)
{
    if (!options) return;
    sbi_confidence_set_options defaults = SBI_CONFIDENCE_SET_OPTIONS_INIT;
    *options = defaults;
}

void sbi_confidence_set_destroy(sbi_confidence_set *set)
{
    if (!set) return;
    sbi_free(set->ctx, set->list);
    sbi_text_clear(&set->message);
    sbi_free(set->ctx, set);
}

static double t_of(const seek *s, double height)
{
    return (height + s->line.rise) / s->line.fit->level;
}

static void begin(seek *s, double at, double height, int32_t kind)
{
    memset(&s->open, 0, sizeof s->open);
    s->open.end[0] = s->open.deepest = at;
    s->open.t[0] = s->open.deepest_t = t_of(s, height);
    s->open.kind[0] = kind;
    s->is_open = 1;
}

static sbi_status finish(seek *s, double at, double height, int32_t kind)
{
    sbi_confidence_set *set = s->set;
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? 2 * set->capacity : 4;
        sbi_confidence_interval *list = sbi_realloc_array(set->ctx, set->list, capacity, sizeof *list);
        if (!list) return SBI_ERR_NO_MEMORY;
        set->list = list;
        set->capacity = capacity;
    }
    s->open.end[1] = at;
    s->open.t[1] = t_of(s, height);
    s->open.kind[1] = kind;
    set->list[set->count++] = s->open;
    s->is_open = 0;
    return SBI_OK;
}

static void visit(seek *s, const sbi_profile_node *node)
{
    double t = t_of(s, node->height);
    if (!s->is_open || !(t < s->open.deepest_t)) return;
    s->open.deepest_t = t;
    s->open.deepest = node->at[0];
}

/* The one crossing between neighbours on different sides of the level. */
static sbi_status cross(seek *s, const sbi_profile_node *a, const sbi_profile_node *b, const double *start)
{
    sbi_profile_node at;
    int32_t kind;
    int entering = !(a->height <= 0);
    SBI_TRY(sbi_profile_crossing(&s->line, 0, entering ? b : a, entering ? a : b, start, &at, &kind));
    if (!entering) return finish(s, at.at[0], at.height, kind);
    begin(s, at.at[0], at.height, kind);
    return SBI_OK;
}

/* The highest or lowest that the cubic through both values and slopes gets between them, as a guess of how far the profile does. */
static double extreme_guess(const sbi_profile_node *a, const sbi_profile_node *b, double sign)
{
    double width = b->at[0] - a->at[0], best = sign > 0 ? fmax(a->height, b->height) : fmin(a->height, b->height);
    for (int i = 1; i < 20; i++) {
        double u = i / 20.0, v = 1 - u;
        double h = v * v * (1 + 2 * u) * a->height + u * u * (3 - 2 * u) * b->height +
                   width * u * v * (v * a->slope[0] - u * b->slope[0]);
        best = sign > 0 ? fmax(best, h) : fmin(best, h);
    }
    return best;
}

/* Between neighbours on the same side whose slopes tell of a dip (outside) or a bump (inside) between them: goes to its extreme,
 * until it crosses the level. *found with the point there. */
static sbi_status look_between(seek *s, const sbi_profile_node *left, const sbi_profile_node *right, const double *start,
                               sbi_profile_node *out, int *found)
{
    double sign = left->height <= 0 ? 1 : -1; /* of the slope at the left, where there is an extreme */
    sbi_profile_node a = *left, b = *right;
    *found = 0;
    if (!isfinite(a.height) || !isfinite(b.height) || !(sign * a.slope[0] > 0) || !(sign * b.slope[0] < 0)) return SBI_OK;
    /* A parabola between them would have to come near the level at least. */
    if (sign * extreme_guess(&a, &b, sign) < -0.5 * s->line.rise) return SBI_OK;
    for (int i = 0; i < 30 && b.at[0] - a.at[0] > 1e-6 * (right->at[0] - left->at[0]); i++) {
        double width = b.at[0] - a.at[0], u = a.slope[0] / (a.slope[0] - b.slope[0]);
        double at[2] = {a.at[0] + width * (i % 3 == 2 ? 0.5 : fmin(fmax(u, 0.02), 0.98)), 0};
        SBI_TRY(sbi_profile_probe(&s->line, at, i == 0 ? start : NULL, out));
        if (isnan(out->height)) return SBI_OK;
        if ((sign > 0 && out->height > 0) || (sign < 0 && out->height <= 0)) {
            *found = 1;
            return SBI_OK;
        }
        if (fabs(out->slope[0]) * width < 1e-4 * s->line.rise && i > 2) return SBI_OK;
        if (sign * out->slope[0] > 0) a = *out;
        else b = *out;
    }
    return SBI_OK;
}

static sbi_status node_at(seek *s, size_t i, sbi_profile_node *out)
{
    double f = s->nll[i], *g = s->line.fit->inner->g;
    out->at[0] = s->grid[i];
    out->at[1] = 0;
    out->height = isnan(f) ? NAN : f - s->line.level;
    out->slope[0] = out->slope[1] = NAN;
    if (!isfinite(f)) return SBI_OK;
    sbi_status status = sbi_fit_objective_eval(s->line.fit->objective, s->params + i * s->n_params, &f, g, NULL);
    if (status == SBI_OK && f < INFINITY) out->slope[0] = g[s->line.held[0]];
    return status == SBI_ERR_DOMAIN ? SBI_OK : status;
}

static int32_t range_kind(const seek *s, double at)
{
    const sbi_fit_objective *o = s->line.fit->objective;
    size_t k = s->line.held[0];
    return at <= o->lower[k] || at >= o->upper[k] ? SBI_END_LIMIT : SBI_END_OF_RANGE;
}

/* From left to right through all neighbours. */
static sbi_status walk(seek *s)
{
    sbi_profile_node a, b, between;
    SBI_TRY(node_at(s, 0, &a));
    s->set->info.n_failed += isnan(a.height);
    if (a.height <= 0) begin(s, a.at[0], a.height, range_kind(s, a.at[0]));
    for (size_t i = 1; i < s->n_grid; i++, a = b) {
        int found;
        SBI_TRY(node_at(s, i, &b));
        s->set->info.n_failed += isnan(b.height);
        const double *start = s->params + (a.height <= 0 || !(b.height <= 0) ? i - 1 : i) * s->n_params;
        visit(s, &a);
        if ((a.height <= 0) != (b.height <= 0)) {
            SBI_TRY(cross(s, &a, &b, start));
            continue;
        }
        SBI_TRY(look_between(s, &a, &b, start, &between, &found));
        if (!found) continue;
        SBI_TRY(cross(s, &a, &between, start));
        visit(s, &between);
        SBI_TRY(cross(s, &between, &b, between.height <= 0 ? NULL : s->params + i * s->n_params));
    }
    visit(s, &a);
    return s->is_open ? finish(s, a.at[0], a.height, range_kind(s, a.at[0])) : SBI_OK;
}

/* Evenly spaced points with those of the minima that are known put in between, so that none of them is missed. */
static void fill_grid(seek *s, size_t k, size_t n_grid, double from, double to)
{
    const sbi_fit *fit = s->line.fit;
    for (size_t i = 0; i < n_grid; i++) s->grid[i] = i + 1 == n_grid ? to : from + (to - from) * ((double)i / (double)(n_grid - 1));
    s->n_grid = n_grid;
    for (size_t m = 0; m <= fit->minima.count; m++) {
        double x = m < fit->minima.count ? fit->minima.list[m].x[k] : fit->best->x[k];
        size_t at = 0;
        if (!(x > from && x < to)) continue;
        while (s->grid[at] < x) at++;
        if (s->grid[at] - x < 1e-9 * (to - from) || x - s->grid[at - 1] < 1e-9 * (to - from)) continue;
        memmove(s->grid + at + 1, s->grid + at, (s->n_grid - at) * sizeof *s->grid);
        s->grid[at] = x;
        s->n_grid++;
    }
    for (size_t i = 1; i < s->n_grid; i++) s->set->info.spacing = fmax(s->set->info.spacing, s->grid[i] - s->grid[i - 1]);
}

/* Follows the lowest point of the profile down if it is below the fit, so that t counts from a minimum. */
static sbi_status find_reference(seek *s, double nll_min)
{
    sbi_fit *fit = s->line.fit;
    double reference = fmin(fit->best->f, isnan(nll_min) ? INFINITY : nll_min), slack = sbi_fit_settings(fit).goal;
    size_t lowest = 0;
    for (size_t i = 1; i < s->n_grid; i++)
        if (s->nll[i] < s->nll[lowest] || isnan(s->nll[lowest])) lowest = i;
    if (s->nll[lowest] < reference - slack) {
        memcpy(fit->inner->x, s->params + lowest * s->n_params, s->n_params * sizeof *fit->inner->x);
        SBI_TRY(sbi_fit_local(fit, fit->inner));
        reference = fmin(s->nll[lowest], fit->inner->reason < 10 ? fit->inner->f : INFINITY);
        sbi_fit_point_copy(fit->inner, fit->best);
    }
    s->set->info.deeper = reference < fit->best->f - slack;
    s->set->info.nll_min = reference;
    s->line.level = reference + s->line.rise;
    return SBI_OK;
}

/* The deepest point of each interval, and the grid's own minima inside. */
static sbi_status collect_seeds(seek *s, sbi_confidence_seeds *seeds)
{
    const sbi_confidence_set *set = s->set;
    size_t bytes = s->n_params * sizeof(double);
    if (!seeds) return SBI_OK;
    seeds->params = sbi_alloc_array(set->ctx, s->n_grid + set->count, bytes);
    if (!seeds->params) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < s->n_grid; i++) {
        if (!(s->nll[i] <= s->line.level)) continue;
        if ((i > 0 && s->nll[i - 1] < s->nll[i]) || (i + 1 < s->n_grid && s->nll[i + 1] < s->nll[i])) continue;
        memcpy(seeds->params + seeds->count++ * s->n_params, s->params + i * s->n_params, bytes);
    }
    for (size_t v = 0; v < set->count; v++) {
        double at[2] = {set->list[v].deepest, 0};
        sbi_profile_node node;
        size_t near = 0;
        for (size_t i = 1; i < s->n_grid; i++)
            if (s->nll[i] < INFINITY && fabs(s->grid[i] - at[0]) < fabs(s->grid[near] - at[0])) near = i;
        if (s->grid[near] == at[0]) continue; /* the grid's own */
        SBI_TRY(sbi_profile_probe(&s->line, at, s->params + near * s->n_params, &node));
        if (node.height <= 0) memcpy(seeds->params + seeds->count++ * s->n_params, s->line.fit->inner->x, bytes);
    }
    return SBI_OK;
}

static const char *const kind_names[4] = {"", "", " (a limit)", " (end of the range)"};

static sbi_status write_message(const seek *s)
{
    sbi_confidence_set *set = s->set;
    const sbi_confidence_set_info *info = &set->info;
    sbi_text *m = &set->message;
    sbi_text_addf(m, "%s: t <= %.4g: ", s->line.fit->objective->names[s->line.held[0]], info->delta_t);
    if (set->count == 0) sbi_text_addf(m, "nothing");
    for (size_t i = 0; i < set->count; i++) {
        const sbi_confidence_interval *v = &set->list[i];
        sbi_text_addf(m, "%s[%.6g%s, %.6g%s]", i ? ", " : "", v->end[0], kind_names[v->kind[0]], v->end[1], kind_names[v->kind[1]]);
    }
    sbi_text_addf(m, "; intervals and gaps narrower than the grid's %.3g within [%.6g, %.6g] may have been missed", info->spacing,
                  info->low, info->high);
    if (info->n_failed) sbi_text_addf(m, "; %d of %zu conditional fits did not converge", (int)info->n_failed, s->n_grid);
    if (info->deeper) sbi_text_addf(m, "; F_min = %.9g is deeper than the fit's %.9g", info->nll_min, s->line.fit->best->f);
    return m->status;
}

/* A profile that starts at the best fit may not see the branch of another minimum. */
static sbi_status follow_branches(seek *s, size_t k, const sbi_confidence_seeds *others)
{
    sbi_fit *fit = s->line.fit;
    for (size_t i = 1; i < fit->minima.count; i++)
        SBI_TRY(sbi_fit_profile_branch(fit, k, s->grid, s->n_grid, fit->minima.list[i].x, s->nll, s->params));
    for (size_t i = 0; others && i < others->count; i++)
        SBI_TRY(sbi_fit_profile_branch(fit, k, s->grid, s->n_grid, others->params + i * s->n_params, s->nll, s->params));
    return SBI_OK;
}

static sbi_status run(seek *s, size_t k, size_t n_grid, double from, double to, double nll_min, const sbi_confidence_seeds *others,
                      sbi_confidence_seeds *seeds)
{
    sbi_fit *fit = s->line.fit;
    size_t room = n_grid + fit->minima.count + 1;
    s->n_params = fit->best->n;
    s->grid = sbi_alloc_array(fit->ctx, room, 2 * sizeof *s->grid);
    s->params = sbi_alloc_array(fit->ctx, room, s->n_params * sizeof *s->params);
    if (!s->grid || !s->params) return SBI_ERR_NO_MEMORY;
    s->nll = s->grid + room;
    fill_grid(s, k, n_grid, from, to);
    SBI_TRY(sbi_fit_profile_index(fit, k, s->grid, s->n_grid, s->nll, s->params));
    SBI_TRY(follow_branches(s, k, others));
    sbi_fit_point_copy(fit->inner, fit->best);
    SBI_TRY(find_reference(s, nll_min));
    SBI_TRY(walk(s));
    SBI_TRY(collect_seeds(s, seeds));
    s->set->info.n_intervals = (int32_t)s->set->count;
    return write_message(s);
}

sbi_status sbi_confidence_set_seek(sbi_confidence_set **out, sbi_fit *fit, size_t k, double delta_t, double from, double to,
                                   size_t n_grid, double nll_min, const sbi_confidence_seeds *others, sbi_confidence_seeds *seeds)
{
    *out = NULL;
    sbi_confidence_set *set = sbi_alloc_zero(fit->ctx, 1, sizeof *set);
    if (!set) return SBI_ERR_NO_MEMORY;
    set->ctx = fit->ctx;
    sbi_text_init(&set->message, fit->ctx);
    set->info.delta_t = delta_t;
    set->info.low = from;
    set->info.high = to;
    seek s = {0};
    s.set = set;
    s.line.fit = fit;
    s.line.held[0] = k;
    s.line.n_held = 1;
    s.line.rise = delta_t * fit->level;
    sbi_status status = run(&s, k, n_grid, from, to, nll_min, others, seeds);
    sbi_free(fit->ctx, s.grid);
    sbi_free(fit->ctx, s.params);
    if (status != SBI_OK) {
        sbi_confidence_set_destroy(set);
        if (seeds) sbi_free(fit->ctx, seeds->params);
        if (seeds) memset(seeds, 0, sizeof *seeds);
        return status;
    }
    *out = set;
    return SBI_OK;
}

sbi_status sbi_confidence_set_find(sbi_confidence_set **out, sbi_fit *fit, const char *name,
                                   const sbi_confidence_set_options *options)
{
    const char *where = "sbi_confidence_set_find";
    SBI_REQUIRE(out, "%s: out is NULL", where);
    *out = NULL;
    SBI_REQUIRE(fit, "%s: fit is NULL", where);
    sbi_confidence_set_options o;
    sbi_confidence_set_options_init(&o);
    SBI_TRY(sbi_options_read(&o, sizeof o, sizeof o, options, "sbi_confidence_set_options"));
    SBI_REQUIRE(o.n_grid >= 3 && o.n_grid <= MOST_GRID, "%s: n_grid is %d, expected 3 to %d", where, (int)o.n_grid, MOST_GRID);
    size_t k;
    double delta_t;
    SBI_TRY(sbi_fit_find(fit, name, where, &k));
    SBI_TRY(sbi_delta_t(o.cl, o.delta_t, 1, where, &delta_t));
    SBI_TRY(sbi_profile_range(fit, k, delta_t * fit->level, where, &o.low, &o.high));
    return sbi_confidence_set_seek(out, fit, k, delta_t, o.low, o.high, (size_t)o.n_grid, NAN, NULL, NULL);
}

size_t sbi_confidence_set_n_intervals(const sbi_confidence_set *set)
{
    return set ? set->count : 0;
}

const char *sbi_confidence_set_message(const sbi_confidence_set *set)
{
    return set ? set->message.data : "";
}

sbi_status sbi_confidence_set_interval(const sbi_confidence_set *set, size_t index, sbi_confidence_interval *interval)
{
    SBI_REQUIRE(set && interval, "sbi_confidence_set_interval: set or interval is NULL");
    uint32_t size = interval->struct_size;
    if (size < sizeof *interval) {
        return sbi_fail(SBI_ERR_ABI, "sbi_confidence_interval: struct_size is %u, expected at least %zu", (unsigned)size,
                        sizeof *interval);
    }
    SBI_REQUIRE(index < set->count, "sbi_confidence_set_interval: index is %zu, but the set has %zu", index, set->count);
    *interval = set->list[index];
    interval->struct_size = size;
    return SBI_OK;
}

sbi_status sbi_confidence_set_get_info(const sbi_confidence_set *set, sbi_confidence_set_info *info)
{
    SBI_REQUIRE(set && info, "sbi_confidence_set_get_info: set or info is NULL");
    uint32_t size = info->struct_size;
    if (size < sizeof *info) {
        return sbi_fail(SBI_ERR_ABI, "sbi_confidence_set_info: struct_size is %u, expected at least %zu", (unsigned)size, sizeof *info);
    }
    *info = set->info;
    info->struct_size = size;
    return SBI_OK;
}
