/* SPDX-License-Identifier: Apache-2.0 */
/* Which trials a search consists of. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/random.h"
#include "jobs/search.h"
#include "net/train.h"

/* ---- ranges ---- */

void sbi_search_free_ranges(sbi_context *ctx, sbi_search_range *ranges, size_t n)
{
    for (size_t i = 0; ranges && i < n; i++) {
        sbi_free(ctx, (void *)(uintptr_t)ranges[i].option);
        sbi_free(ctx, (void *)(uintptr_t)ranges[i].values);
    }
    sbi_free(ctx, ranges);
}

static sbi_status check_value(const sbi_search_range *r, const sbi_option_range *allowed, double value)
{
    if (value >= allowed->low && value <= allowed->high && (!allowed->integer || value == floor(value))) return SBI_OK;
    return sbi_fail(SBI_ERR_ARGUMENT, "search: %s: %.17g is not %s%g to %g", r->option, value, allowed->integer ? "a whole number from " : "from ",
                    allowed->low, allowed->high);
}

static sbi_status check_range(const sbi_search_range *r, int32_t method)
{
    sbi_option_range allowed = {0, 0, 0, 0};
    SBI_TRY(sbi_train_options_range(r->option, &allowed));
    if (r->kind == SBI_RANGE_VALUES) {
        SBI_REQUIRE(r->n_values >= 1 && r->values, "search: %s: there are no values", r->option);
        for (uint64_t i = 0; i < r->n_values; i++) SBI_TRY(check_value(r, &allowed, r->values[i]));
        return SBI_OK;
    }
    const int integer = r->kind == SBI_RANGE_INTEGER || r->kind == SBI_RANGE_LOG_INTEGER;
    const int logarithmic = r->kind == SBI_RANGE_LOG || r->kind == SBI_RANGE_LOG_INTEGER;
    SBI_REQUIRE(r->kind >= SBI_RANGE_LINEAR && r->kind <= SBI_RANGE_LOG_INTEGER, "search: %s: kind is %d, expected one of SBI_RANGE_...",
                r->option, (int)r->kind);
    SBI_REQUIRE(isfinite(r->low) && isfinite(r->high) && r->low <= r->high, "search: %s: the range is %g to %g", r->option, r->low, r->high);
    SBI_REQUIRE(!logarithmic || r->low > 0, "search: %s: a logarithmic range begins at %g", r->option, r->low);
    SBI_REQUIRE(integer == allowed.integer, "search: %s takes %s", r->option,
                allowed.integer ? "whole numbers: use an integer range or values" : "real numbers: use a linear or logarithmic range");
    SBI_REQUIRE(r->points >= 0 && r->points <= SBI_SEARCH_MOST_TRIALS, "search: %s: points is %d", r->option, (int)r->points);
    SBI_REQUIRE(method != SBI_SEARCH_GRID || r->points > 0 || r->kind == SBI_RANGE_INTEGER, "search: %s: a grid needs `points` or values",
                r->option);
    SBI_TRY(check_value(r, &allowed, r->low));
    return check_value(r, &allowed, r->high);
}

/* Ranges of a grid become lists of values. */
static sbi_status list_values(sbi_context *ctx, sbi_search_range *r)
{
    if (r->kind == SBI_RANGE_VALUES) return SBI_OK;
    const int logarithmic = r->kind == SBI_RANGE_LOG || r->kind == SBI_RANGE_LOG_INTEGER;
    const int integer = r->kind == SBI_RANGE_INTEGER || r->kind == SBI_RANGE_LOG_INTEGER;
    const double span = r->high - r->low;
    SBI_REQUIRE(r->points || span < SBI_SEARCH_MOST_TRIALS, "search: %s has more than a hundred thousand values", r->option);
    const size_t n = r->points ? (size_t)r->points : (size_t)span + 1;
    double *values = sbi_alloc_array(ctx, n, sizeof *values);
    if (!values) return SBI_ERR_NO_MEMORY;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const double part = n > 1 ? (double)i / (double)(n - 1) : 0;
        double value = logarithmic ? r->low * pow(r->high / r->low, part) : r->low + part * span;
        if (i == n - 1 && n > 1) value = r->high;
        if (integer) value = round(value);
        if (!kept || value != values[kept - 1]) values[kept++] = value;
    }
    r->values = values;
    r->n_values = kept;
    return SBI_OK;
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Depends on the seed, the option's name and the trial alone: a range that is added changes no other. */
static double draw(const sbi_search_range *r, uint64_t seed, uint64_t trial)
{
    const double u = sbi_random_uniform(sbi_random_derive(seed, r->option, 0), 0, trial);
    switch (r->kind) {
    case SBI_RANGE_VALUES: return r->values[(uint64_t)(u * (double)r->n_values)];
    case SBI_RANGE_LINEAR: return clamp(r->low + u * (r->high - r->low), r->low, r->high);
    case SBI_RANGE_LOG: return clamp(r->low * pow(r->high / r->low, u), r->low, r->high);
    case SBI_RANGE_INTEGER: return clamp(r->low + floor(u * (r->high - r->low + 1)), r->low, r->high);
    default: return clamp(floor(r->low * pow((r->high + 1) / r->low, u)), r->low, r->high);
    }
}

/* ---- options ---- */

void sbi_search_options_init(sbi_search_options *options)
{
    if (!options) return;
    const sbi_search_options defaults = SBI_SEARCH_OPTIONS_INIT;
    *options = defaults;
}

static sbi_status check_options(const sbi_search *s)
{
    const sbi_search_options *o = &s->options;
    SBI_REQUIRE(o->method == SBI_SEARCH_GRID || o->method == SBI_SEARCH_RANDOM, "search: method is %d, expected SBI_SEARCH_GRID or SBI_SEARCH_RANDOM",
                (int)o->method);
    SBI_REQUIRE(o->strategy >= SBI_SEARCH_FULL && o->strategy <= SBI_SEARCH_HYPERBAND,
                "search: strategy is %d, expected SBI_SEARCH_FULL, SBI_SEARCH_HALVING or SBI_SEARCH_HYPERBAND", (int)o->strategy);
    SBI_REQUIRE(o->min_epochs >= 1 && o->min_epochs <= s->base.epochs, "search: min_epochs is %d, expected 1 to %d", (int)o->min_epochs,
                (int)s->base.epochs);
    SBI_REQUIRE(o->reduction >= 1.1 && o->reduction <= 1e6, "search: reduction is %g, expected 1.1 to 1e6", o->reduction);
    SBI_REQUIRE(o->sigmas >= 0 && o->sigmas <= 1e6, "search: sigmas is %g, expected 0 to 1e6", o->sigmas);
    SBI_REQUIRE(o->strategy != SBI_SEARCH_HYPERBAND || o->method == SBI_SEARCH_RANDOM, "search: hyperband needs the random method");
    const int by_count = o->method == SBI_SEARCH_RANDOM && o->strategy != SBI_SEARCH_HYPERBAND;
    SBI_REQUIRE(by_count ? o->trials >= 1 && o->trials <= SBI_SEARCH_MOST_TRIALS : o->trials == 0, "search: trials is %lld, expected %s",
                (long long)o->trials, by_count ? "1 to a hundred thousand" : "0: the number follows");
    SBI_REQUIRE(o->n_ranges >= 1, "search: there are no ranges");
    for (uint64_t i = 0; i < o->n_ranges; i++) {
        SBI_TRY(check_range(&s->ranges[i], o->method));
        for (uint64_t j = 0; j < i; j++)
            SBI_REQUIRE(strcmp(s->ranges[i].option, s->ranges[j].option) != 0, "search: %s has two ranges", s->ranges[i].option);
        SBI_REQUIRE(strcmp(s->ranges[i].option, "epochs") != 0 || o->strategy == SBI_SEARCH_FULL,
                    "search: epochs cannot be searched over with rungs, which are parts of it");
    }
    return SBI_OK;
}

/* ---- trials ---- */

static sbi_status count_grid(sbi_search *s)
{
    s->n = 1;
    for (uint64_t i = 0; i < s->options.n_ranges; i++) {
        SBI_TRY(list_values(s->ctx, &s->ranges[i]));
        SBI_REQUIRE(s->ranges[i].n_values <= SBI_SEARCH_MOST_TRIALS / s->n, "search: the grid has more than a hundred thousand trials");
        s->n *= s->ranges[i].n_values;
    }
    return SBI_OK;
}

static void choose_values(const sbi_search *s, size_t trial, double *values)
{
    const uint64_t seed = sbi_random_derive(s->options.seed, "search", 0);
    size_t rest = trial;
    for (size_t i = (size_t)s->options.n_ranges; i-- > 0;) {
        const sbi_search_range *r = &s->ranges[i];
        values[i] = s->options.method == SBI_SEARCH_RANDOM ? draw(r, seed, trial) : r->values[rest % r->n_values];
        if (s->options.method == SBI_SEARCH_GRID) rest /= r->n_values;
    }
}

static sbi_status plan_trial(sbi_search *s, size_t trial)
{
    sbi_search_one *one = &s->trials[trial];
    one->values = s->values + trial * s->options.n_ranges;
    one->members = s->of_members + trial * s->members;
    one->options = s->base;
    one->loss = one->spread = one->score = NAN;
    one->status = SBI_OK;
    choose_values(s, trial, one->values);
    for (uint64_t i = 0; i < s->options.n_ranges; i++)
        SBI_TRY(sbi_train_options_set(&one->options, s->ranges[i].option, one->values[i]));
    sbi_status status = sbi_train_options_check(&one->options);
    if (status == SBI_OK && one->options.folds == 0 && one->options.validation_fraction == 0)
        status = sbi_fail(SBI_ERR_ARGUMENT, "search: validation_fraction and folds are 0: nothing is held out to judge by");
    if (status == SBI_OK) return SBI_OK;
    one->state = SBI_TRIAL_INVALID;
    one->status = status;
    const char *message = sbi_last_error();
    const size_t length = strlen(message);
    memcpy(one->message, message, length < sizeof one->message ? length : sizeof one->message - 1);
    return SBI_OK;
}

static sbi_status plan_trials(sbi_search *s)
{
    s->trials = sbi_alloc_zero(s->ctx, s->n, sizeof *s->trials);
    s->values = sbi_alloc_zero(s->ctx, s->n * (size_t)s->options.n_ranges, sizeof *s->values);
    s->of_members = sbi_alloc_zero(s->ctx, s->n * s->members, sizeof *s->of_members);
    s->order = sbi_alloc_zero(s->ctx, s->n, sizeof *s->order);
    if (!s->trials || !s->values || !s->of_members || !s->order) return SBI_ERR_NO_MEMORY;
    size_t valid = 0;
    for (size_t i = 0; i < s->n; i++) {
        SBI_TRY(plan_trial(s, i));
        valid += s->trials[i].state != SBI_TRIAL_INVALID;
    }
    for (int32_t b = 0; b < s->n_brackets; b++)
        for (size_t i = 0; i < s->brackets[b].n; i++) s->trials[s->brackets[b].first + i].bracket = b;
    sbi_search_rank(s);
    return valid ? SBI_OK : sbi_fail(s->trials[0].status, "search: no trial is possible: %s", s->trials[0].message);
}

static sbi_status copy_base(sbi_search *s, const sbi_train_options *base)
{
    SBI_TRY(sbi_train_options_read(&s->base, base));
    if (s->base.campaign && !(s->campaign_folder = sbi_strdup(s->ctx, s->base.campaign))) return SBI_ERR_NO_MEMORY;
    if (s->base.device && !(s->device = sbi_strdup(s->ctx, s->base.device))) return SBI_ERR_NO_MEMORY;
    if (s->base.epoch_log && !(s->epoch_log = sbi_strdup(s->ctx, s->base.epoch_log))) return SBI_ERR_NO_MEMORY;
    s->base.campaign = s->base.epoch_log = NULL;
    s->base.device = s->device;
    s->members = (size_t)s->base.members;
    return SBI_OK;
}

static sbi_status plan(sbi_search *s, const sbi_train_options *base)
{
    SBI_TRY(copy_base(s, base));
    SBI_TRY(check_options(s));
    if (s->options.method == SBI_SEARCH_GRID) SBI_TRY(count_grid(s));
    SBI_TRY(sbi_search_make_rungs(s));
    SBI_REQUIRE(s->members <= SBI_SEARCH_MOST_TRAININGS / s->n, "search: %zu trials of %zu members are more than a million trainings", s->n, s->members);
    return plan_trials(s);
}

sbi_status sbi_search_plan(sbi_search **out, sbi_context *ctx, const sbi_train_options *base, const sbi_search_options *options,
                           sbi_search_range *ranges)
{
    *out = NULL;
    sbi_search *s = sbi_alloc_zero(ctx, 1, sizeof *s);
    if (!s) {
        sbi_search_free_ranges(ctx, ranges, (size_t)options->n_ranges);
        return SBI_ERR_NO_MEMORY;
    }
    s->ctx = ctx;
    s->options = *options;
    s->options.ranges = s->ranges = ranges;
    sbi_status status = plan(s, base);
    if (status == SBI_OK) {
        *out = s;
    } else {
        sbi_search_destroy(s);
    }
    return status;
}

/* ---- from the caller's struct ---- */

static sbi_status copy_ranges(sbi_search_range **out, sbi_context *ctx, const sbi_search_options *o)
{
    const size_t n = (size_t)o->n_ranges;
    sbi_search_range *copy = sbi_alloc_zero(ctx, n, sizeof *copy);
    sbi_status status = copy ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        const sbi_search_range *r = &o->ranges[i];
        if (!r->option) status = sbi_fail(SBI_ERR_ARGUMENT, "search: range %zu: option is NULL", i);
        if (status != SBI_OK) break;
        copy[i] = *r;
        copy[i].values = NULL;
        if (!(copy[i].option = sbi_strdup(ctx, r->option))) status = SBI_ERR_NO_MEMORY;
        if (status != SBI_OK || r->kind != SBI_RANGE_VALUES || !r->values) continue;
        double *values = sbi_alloc_array(ctx, (size_t)r->n_values, sizeof *values);
        if (!values) status = SBI_ERR_NO_MEMORY;
        if (values) memcpy(values, r->values, (size_t)r->n_values * sizeof *values);
        copy[i].values = values;
    }
    if (status != SBI_OK) {
        sbi_search_free_ranges(ctx, copy, n);
        return status;
    }
    *out = copy;
    return SBI_OK;
}

sbi_status sbi_search_create(sbi_search **out, sbi_context *ctx, const sbi_train_options *base, const sbi_search_options *options)
{
    SBI_REQUIRE(out, "sbi_search_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && options, "sbi_search_create: ctx or options is NULL");
    sbi_search_options known = SBI_SEARCH_OPTIONS_INIT;
    SBI_TRY(sbi_options_read(&known, sizeof known, sizeof known, options, "sbi_search_options"));
    SBI_REQUIRE(known.n_ranges <= 1000, "sbi_search_create: n_ranges is %llu, expected 1 to 1000", (unsigned long long)known.n_ranges);
    SBI_REQUIRE(known.ranges || known.n_ranges == 0, "sbi_search_create: ranges is NULL");
    sbi_search_range *ranges;
    SBI_TRY(copy_ranges(&ranges, ctx, &known));
    return sbi_search_plan(out, ctx, base, &known, ranges);
}
