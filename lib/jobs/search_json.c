/* SPDX-License-Identifier: Apache-2.0 */
/* Searches read from JSON, and the leaderboard written as JSON. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "jobs/search.h"
#include "net/json_values.h"
#include "net/train.h"

#define LARGEST ((size_t)64 << 20)

static const char *const methods[] = {"grid", "random", NULL};                   /* SBI_SEARCH_GRID, ... */
static const char *const strategies[] = {"full", "halving", "hyperband", NULL};  /* SBI_SEARCH_FULL, ... */
static const char *const kinds[] = {"values", "linear", "log", "integer", "log_integer", NULL}; /* SBI_RANGE_VALUES, ... */
static const char *const states[] = {"planned", "done", "stopped", "diverged", "failed", "invalid", NULL}; /* SBI_TRIAL_... */

/* ---- reading ---- */

static sbi_status get_choice(const json_t *json, const sbi_json_place *at, const char *key, const char *const *choices, int32_t *out)
{
    const char *text;
    if (!json_object_get(json, key)) return SBI_OK;
    SBI_TRY(sbi_json_get_string(json, at, key, &text));
    for (int32_t i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) != 0) continue;
        *out = i + 1;
        return SBI_OK;
    }
    return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is \"%.40s\"", key, text);
}

static sbi_status read_list(sbi_context *ctx, const json_t *list, const sbi_json_place *at, double **out, size_t *n)
{
    *n = json_array_size(list);
    if (!*n) return sbi_json_fail(SBI_ERR_FORMAT, at, "is empty");
    *out = sbi_alloc_array(ctx, *n, sizeof **out);
    if (!*out) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < *n; i++) {
        const sbi_json_place item = sbi_json_item(at, i);
        SBI_TRY(sbi_json_number(json_array_get(list, i), &item, &(*out)[i]));
    }
    return SBI_OK;
}

/* {"log": [low, high], "points": 5} */
static sbi_status read_interval(sbi_context *ctx, const json_t *json, const sbi_json_place *at, sbi_search_range *r)
{
    static const char *const known[] = {"linear", "log", "integer", "log_integer", "points", NULL};
    int64_t points;
    SBI_TRY(sbi_json_expect(json, at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(json, at, known));
    SBI_TRY(sbi_json_get_integer_or(json, at, "points", 0, &points));
    if (points < 0 || points > SBI_SEARCH_MOST_TRIALS) return sbi_json_fail(SBI_ERR_FORMAT, at, "points is %lld", (long long)points);
    r->points = (int32_t)points;
    for (int32_t k = SBI_RANGE_LINEAR; k <= SBI_RANGE_LOG_INTEGER; k++) {
        const char *name = kinds[k - 1];
        json_t *list;
        double *ends = NULL;
        size_t n;
        if (!json_object_get(json, name)) continue;
        if (r->kind) return sbi_json_fail(SBI_ERR_FORMAT, at, "has \"%s\" and \"%s\"", kinds[r->kind - 1], name);
        SBI_TRY(sbi_json_get_array(json, at, name, &list));
        const sbi_json_place in = sbi_json_member(at, name);
        sbi_status status = read_list(ctx, list, &in, &ends, &n);
        if (status == SBI_OK && n != 2) status = sbi_json_fail(SBI_ERR_FORMAT, &in, "has %zu numbers, expected [low, high]", n);
        if (status == SBI_OK) {
            r->low = ends[0];
            r->high = ends[1];
            r->kind = k;
        }
        sbi_free(ctx, ends);
        SBI_TRY(status);
    }
    return r->kind ? SBI_OK : sbi_json_fail(SBI_ERR_FORMAT, at, "has none of \"linear\", \"log\", \"integer\" and \"log_integer\"");
}

static sbi_status read_range(sbi_context *ctx, const char *name, const json_t *json, const sbi_json_place *at, sbi_search_range *r)
{
    double *values = NULL;
    size_t n = 0;
    if (!(r->option = sbi_strdup(ctx, name))) return SBI_ERR_NO_MEMORY;
    if (!json_is_array(json)) return read_interval(ctx, json, at, r);
    r->kind = SBI_RANGE_VALUES;
    sbi_status status = read_list(ctx, json, at, &values, &n);
    r->values = values;
    r->n_values = n;
    return status;
}

static sbi_status read_ranges(sbi_search_range **out, uint64_t *n, sbi_context *ctx, json_t *json, const sbi_json_place *at)
{
    json_t *space, *value;
    const char *name;
    size_t i = 0;
    SBI_TRY(sbi_json_get_object(json, at, "space", &space));
    const sbi_json_place in = sbi_json_member(at, "space");
    const size_t count = json_object_size(space);
    if (count < 1 || count > 1000) return sbi_json_fail(SBI_ERR_FORMAT, &in, "has %zu options, expected 1 to 1000", count);
    sbi_search_range *ranges = sbi_alloc_zero(ctx, count, sizeof *ranges);
    sbi_status status = ranges ? SBI_OK : SBI_ERR_NO_MEMORY;
    json_object_foreach(space, name, value)
    {
        if (status != SBI_OK) break;
        const sbi_json_place item = sbi_json_member(&in, name);
        status = read_range(ctx, name, value, &item, &ranges[i++]);
    }
    if (status != SBI_OK) {
        sbi_search_free_ranges(ctx, ranges, count);
        return status;
    }
    *out = ranges;
    *n = count;
    return SBI_OK;
}

static sbi_status read_options(sbi_search_options *o, const json_t *json, const sbi_json_place *at)
{
    static const char *const known[] = {"method", "strategy", "trials", "seed", "min_epochs", "reduction", "sigmas", "space", NULL};
    int64_t min_epochs, seed;
    SBI_TRY(sbi_json_expect(json, at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(json, at, known));
    SBI_TRY(get_choice(json, at, "method", methods, &o->method));
    SBI_TRY(get_choice(json, at, "strategy", strategies, &o->strategy));
    SBI_TRY(sbi_json_get_integer_or(json, at, "trials", o->trials, &o->trials));
    SBI_TRY(sbi_json_get_integer_or(json, at, "min_epochs", o->min_epochs, &min_epochs));
    if (min_epochs < 1 || min_epochs > INT32_MAX) return sbi_json_fail(SBI_ERR_FORMAT, at, "min_epochs is %lld", (long long)min_epochs);
    SBI_TRY(sbi_json_get_number_or(json, at, "reduction", o->reduction, &o->reduction));
    SBI_TRY(sbi_json_get_number_or(json, at, "sigmas", o->sigmas, &o->sigmas));
    o->min_epochs = (int32_t)min_epochs;
    if (json_is_string(json_object_get(json, "seed"))) return sbi_json_get_u64(json, at, "seed", &o->seed);
    SBI_TRY(sbi_json_get_integer_or(json, at, "seed", (int64_t)o->seed, &seed));
    if (seed < 0) return sbi_json_fail(SBI_ERR_FORMAT, at, "seed is %lld, expected 0 or more", (long long)seed);
    o->seed = (uint64_t)seed;
    return SBI_OK;
}

static sbi_status parse(sbi_search **out, sbi_context *ctx, const sbi_train_options *base, const char *text, size_t size, const char *name)
{
    json_t *json;
    sbi_search_options o = SBI_SEARCH_OPTIONS_INIT;
    sbi_search_range *ranges = NULL;
    const sbi_json_place at = sbi_json_root(name);
    SBI_TRY(sbi_json_parse(&json, text, size, name));
    sbi_status status = read_options(&o, json, &at);
    if (status == SBI_OK) status = read_ranges(&ranges, &o.n_ranges, ctx, json, &at);
    json_decref(json);
    SBI_TRY(status);
    return sbi_search_plan(out, ctx, base, &o, ranges);
}

sbi_status sbi_search_parse(sbi_search **out, sbi_context *ctx, const sbi_train_options *base, const char *text, size_t size)
{
    SBI_REQUIRE(out, "sbi_search_parse: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && (text || !size), "sbi_search_parse: ctx or text is NULL");
    return parse(out, ctx, base, text, size, "search");
}

sbi_status sbi_search_load(sbi_search **out, sbi_context *ctx, const sbi_train_options *base, const char *path)
{
    SBI_REQUIRE(out, "sbi_search_load: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && path, "sbi_search_load: ctx or path is NULL");
    void *text;
    size_t size;
    SBI_TRY(sbi_file_read(ctx, path, LARGEST, &text, &size));
    sbi_status status = parse(out, ctx, base, text, size, path);
    sbi_free(ctx, text);
    return status;
}

/* ---- the leaderboard ---- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* Whole numbers as such. */
static json_t *value_of(const sbi_search_range *r, double value)
{
    sbi_option_range allowed = {0, 0, 0, 0};
    if (sbi_train_options_range(r->option, &allowed) == SBI_OK && allowed.integer) return json_integer((json_int_t)value);
    return json_real(value);
}

static json_t *member_to_json(const sbi_search_member *m)
{
    json_t *json = json_pack("{s:i, s:i, s:i, s:o, s:o, s:o}", "attempts", (int)m->attempts, "epochs", (int)m->epochs, "best_epoch",
                             (int)m->best_epoch, "loss", number(m->loss), "validation_loss", number(m->validation_loss), "held_out_loss",
                             number(m->held_out_loss));
    if (!json || !m->diverged_epoch) return json;
    json_object_set_new(json, "diverged", json_pack("{s:i, s:I}", "epoch", (int)m->diverged_epoch, "batch", (json_int_t)m->diverged_batch));
    return json;
}

static json_t *trial_to_json(const sbi_search *s, const sbi_search_one *one)
{
    json_t *values = json_object(), *members = json_array();
    for (uint64_t i = 0; values && i < s->options.n_ranges; i++)
        json_object_set_new(values, s->ranges[i].option, value_of(&s->ranges[i], one->values[i]));
    for (size_t m = 0; members && one->rungs && m < s->members; m++) json_array_append_new(members, member_to_json(&one->members[m]));
    return json_pack("{s:i, s:I, s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:i, s:I, s:o, s:s, s:o}", "rank", (int)one->rank, "trial",
                     (json_int_t)(one - s->trials), "state", states[one->state], "options", values, "loss", number(one->loss), "spread",
                     number(one->spread), "score", number(one->score), "bracket", (int)one->bracket, "rungs", (int)one->rungs, "epochs",
                     (int)one->epochs, "parameters", (json_int_t)one->members[0].parameters, "seconds", json_real(one->seconds), "message",
                     one->message, "members", members);
}

static json_t *search_to_json(const sbi_search *s)
{
    json_t *rungs = json_array(), *trials = json_array(), *base = sbi_train_options_to_json(&s->base);
    for (int32_t i = 0; rungs && i < s->n_rungs; i++) json_array_append_new(rungs, json_integer(s->rungs[i]));
    int complete = rungs && trials && base;
    for (size_t i = 0; complete && i < s->n; i++) complete = json_array_append_new(trials, trial_to_json(s, s->order[i])) == 0;
    if (!complete) {
        json_decref(rungs);
        json_decref(trials);
        json_decref(base);
        return NULL;
    }
    return json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:o, s:i, s:o, s:o, s:o}", "format", "sbi leaderboard", "version", 1, "method",
                     methods[s->options.method - 1], "strategy", strategies[s->options.strategy - 1], "seed",
                     sbi_json_from_u64(s->options.seed), "reduction", json_real(s->options.reduction), "sigmas", json_real(s->options.sigmas),
                     "members", (int)s->members, "rungs", rungs, "base", base, "trials", trials);
}

sbi_status sbi_search_write(const sbi_search *s, const char *path)
{
    SBI_REQUIRE(s && path, "sbi_search_write: search or path is NULL");
    json_t *json = search_to_json(s);
    if (!json) return sbi_fail(SBI_ERR_NO_MEMORY, "search: out of memory for the leaderboard");
    sbi_text text;
    sbi_text_init(&text, s->ctx);
    sbi_status status = sbi_json_pretty(&text, json);
    json_decref(json);
    if (status == SBI_OK) status = sbi_file_write(s->ctx, path, text.data, text.size);
    sbi_text_clear(&text);
    return status;
}
