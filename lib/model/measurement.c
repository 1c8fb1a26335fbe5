/* SPDX-License-Identifier: Apache-2.0 */
/* The measurement of a workspace, and the parameters that it, the factors and the modifiers name. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/workspace.h"

sbi_status sbi_model_placed(sbi_status status, const sbi_json_place *at)
{
    return status == SBI_OK ? SBI_OK
                            : sbi_fail_within(status, "%s%s%s", at->document, at->pointer[0] ? ": " : "", at->pointer);
}

/* ---- the measurement ---- */

static sbi_status check_parameters(const json_t *config, const sbi_json_place *at)
{
    static const char *const known[] = {"name", "inits", "bounds", "auxdata", "sigmas", "fixed", NULL};
    json_t *list = json_object_get(config, "parameters");
    if (!list) return SBI_OK;
    SBI_TRY(sbi_json_get_array(config, at, "parameters", &list));
    sbi_json_place in = sbi_json_member(at, "parameters");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name, *other;
        sbi_json_place item = sbi_json_item(&in, i);
        SBI_TRY(sbi_json_expect(json_array_get(list, i), &item, JSON_OBJECT));
        SBI_TRY(sbi_json_only_keys(json_array_get(list, i), &item, known));
        SBI_TRY(sbi_json_get_string(json_array_get(list, i), &item, "name", &name));
        for (size_t k = 0; k < i; k++) {
            other = json_string_value(json_object_get(json_array_get(list, k), "name"));
            if (other && strcmp(other, name) == 0)
                return sbi_json_fail(SBI_ERR_EXISTS, &item, "parameter %s is listed twice", name);
        }
    }
    return SBI_OK;
}

/* The entry of that name, or the first of all. */
static sbi_status choose(const json_t *list, const char *wanted, const sbi_json_place *at, size_t *chosen)
{
    *chosen = 0;
    if (!wanted) return SBI_OK;
    for (; *chosen < json_array_size(list); (*chosen)++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, *chosen), "name"));
        if (name && strcmp(name, wanted) == 0) return SBI_OK;
    }
    return sbi_json_fail(SBI_ERR_NOT_FOUND, at, "there is no measurement \"%s\"", wanted);
}

sbi_status sbi_model_read_measurement(model_reader *r, const json_t *workspace, const sbi_json_place *root)
{
    static const char *const known[] = {"name", "config", NULL}, *const known_config[] = {"poi", "parameters", NULL};
    json_t *list = NULL;
    sbi_json_place in = sbi_json_member(root, "measurements");
    if (json_object_get(workspace, "measurements")) SBI_TRY(sbi_json_get_array(workspace, root, "measurements", &list));
    size_t chosen;
    SBI_TRY(choose(list, r->options.measurement, &in, &chosen));
    if (chosen >= json_array_size(list)) return SBI_OK;
    const json_t *measurement = json_array_get(list, chosen);
    sbi_json_place at = sbi_json_item(&in, chosen);
    SBI_TRY(sbi_json_expect(measurement, &at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(measurement, &at, known));
    SBI_TRY(sbi_json_get_object(measurement, &at, "config", &r->config));
    r->config_place = sbi_json_member(&at, "config");
    SBI_TRY(sbi_json_only_keys(r->config, &r->config_place, known_config));
    return check_parameters(r->config, &r->config_place);
}

/* ---- one parameter ---- */

/* A single number inside a one-element list, as pyhf writes inits, auxdata and sigmas. */
static sbi_status single(const json_t *object, const sbi_json_place *at, const char *key, double *value)
{
    json_t *list;
    if (!json_object_get(object, key)) return SBI_OK;
    SBI_TRY(sbi_json_get_array(object, at, key, &list));
    sbi_json_place in = sbi_json_member(at, key), first = sbi_json_item(&in, 0);
    if (json_array_size(list) != 1)
        return sbi_json_fail(SBI_ERR_SHAPE, &in, "one number expected, %zu found", json_array_size(list));
    return sbi_json_number(json_array_get(list, 0), &first, value);
}

static sbi_status read_bounds(const json_t *object, const sbi_json_place *at, sbi_parameter *p)
{
    json_t *list;
    if (!json_object_get(object, "bounds")) return SBI_OK;
    SBI_TRY(sbi_json_get_array(object, at, "bounds", &list));
    sbi_json_place in = sbi_json_member(at, "bounds"), pair_place = sbi_json_item(&in, 0);
    const json_t *pair = json_array_get(list, 0);
    if (json_array_size(list) != 1 || !json_is_array(pair) || json_array_size(pair) != 2)
        return sbi_json_fail(SBI_ERR_SHAPE, &in, "one pair [lower, upper] expected");
    sbi_json_place lower = sbi_json_item(&pair_place, 0), upper = sbi_json_item(&pair_place, 1);
    SBI_TRY(sbi_json_number(json_array_get(pair, 0), &lower, &p->lower));
    return sbi_json_number(json_array_get(pair, 1), &upper, &p->upper);
}

static sbi_status read_settings(const json_t *entry, const sbi_json_place *at, sbi_parameter *p)
{
    int auxiliary = json_object_get(entry, "auxdata") != NULL, sigma = json_object_get(entry, "sigmas") != NULL, fixed;
    /* What no modifier constrains is constrained here, but only in full: neither number has a natural default. */
    if (p->constraint == SBI_CONSTRAINT_NONE && auxiliary != sigma)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "%s without %s", auxiliary ? "auxdata" : "sigmas",
                             auxiliary ? "sigmas" : "auxdata");
    if (auxiliary && sigma) p->constraint = SBI_CONSTRAINT_GAUSSIAN;
    SBI_TRY(single(entry, at, "inits", &p->start));
    SBI_TRY(single(entry, at, "auxdata", &p->auxiliary));
    SBI_TRY(single(entry, at, "sigmas", &p->sigma));
    SBI_TRY(read_bounds(entry, at, p));
    SBI_TRY(sbi_json_get_bool_or(entry, at, "fixed", 0, &fixed));
    p->fixed = fixed;
    return SBI_OK;
}

/* The entry of measurements[].config.parameters for `name`, or NULL. */
static const json_t *configured(const model_reader *r, const char *name, sbi_json_place *at)
{
    json_t *list = r->config ? json_object_get(r->config, "parameters") : NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) != 0) continue;
        sbi_json_place in = sbi_json_member(&r->config_place, "parameters");
        *at = sbi_json_item(&in, i);
        return entry;
    }
    return NULL;
}

static sbi_status add_parameter(model_reader *r, const char *name, int constrained, const sbi_json_place *where)
{
    if (sbi_model_find_parameter(r->model, name, strlen(name)) >= 0) return SBI_OK;
    sbi_parameter p;
    sbi_parameter_init(&p);
    if (!constrained) {
        p.constraint = SBI_CONSTRAINT_NONE;
        p.start = 1;
        p.lower = 0;
        p.upper = 10;
    }
    sbi_json_place at = *where;
    const json_t *entry = configured(r, name, &at);
    if (entry) SBI_TRY(read_settings(entry, &at, &p));
    return sbi_model_placed(sbi_model_add_parameter(r->model, name, &p), &at);
}

/* ---- all of them ---- */

/* What a modifier's parameter is: constrained, free, or an error. */
static sbi_status modifier_kind(const char *type, const sbi_json_place *at, int *constrained)
{
    *constrained = strcmp(type, "normsys") == 0 || strcmp(type, "eventsys") == 0;
    if (*constrained || strcmp(type, "normfactor") == 0) return SBI_OK;
    static const char *const binned[] = {"histosys", "shapesys", "shapefactor", "staterror", "lumi"};
    for (size_t i = 0; i < sizeof binned / sizeof binned[0]; i++) {
        if (strcmp(type, binned[i]) == 0)
            return sbi_json_fail(SBI_ERR_UNSUPPORTED, at, "modifier type \"%s\" needs a binned channel", type);
    }
    return sbi_json_fail(SBI_ERR_FORMAT, at, "unknown modifier type \"%s\"", type);
}

static sbi_status add_modifier_parameters(model_reader *r, const json_t *sample, const sbi_json_place *at)
{
    static const char *const known[] = {"name", "type", "data", NULL};
    json_t *list;
    if (!json_object_get(sample, "modifiers")) return SBI_OK;
    SBI_TRY(sbi_json_get_array(sample, at, "modifiers", &list));
    sbi_json_place in = sbi_json_member(at, "modifiers");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *modifier = json_array_get(list, i);
        sbi_json_place item = sbi_json_item(&in, i);
        const char *name, *type;
        int constrained;
        SBI_TRY(sbi_json_expect(modifier, &item, JSON_OBJECT));
        SBI_TRY(sbi_json_only_keys(modifier, &item, known));
        SBI_TRY(sbi_json_get_string(modifier, &item, "name", &name));
        SBI_TRY(sbi_json_get_string(modifier, &item, "type", &type));
        SBI_TRY(modifier_kind(type, &item, &constrained));
        SBI_TRY(add_parameter(r, name, constrained, &item));
    }
    return SBI_OK;
}

/* Whether some normsys or eventsys uses the parameter, which decides its defaults wherever it is named first. */
static int is_constrained(const json_t *channels, const char *name)
{
    for (size_t c = 0; c < json_array_size(channels); c++) {
        const json_t *samples = json_object_get(json_array_get(channels, c), "samples");
        for (size_t s = 0; s < json_array_size(samples); s++) {
            const json_t *modifiers = json_object_get(json_array_get(samples, s), "modifiers");
            for (size_t m = 0; m < json_array_size(modifiers); m++) {
                const json_t *modifier = json_array_get(modifiers, m);
                const char *own = json_string_value(json_object_get(modifier, "name"));
                const char *type = json_string_value(json_object_get(modifier, "type"));
                if (own && type && strcmp(own, name) == 0 && strcmp(type, "normfactor") != 0) return 1;
            }
        }
    }
    return 0;
}

static sbi_status add_measured_parameters(model_reader *r, const json_t *channels, const sbi_json_place *root)
{
    const char *poi = r->options.poi;
    if (!poi && r->config) SBI_TRY(sbi_json_get_string_or(r->config, &r->config_place, "poi", "", &poi));
    if (poi && *poi) SBI_TRY(add_parameter(r, poi, is_constrained(channels, poi), r->config ? &r->config_place : root));
    json_t *list = r->config ? json_object_get(r->config, "parameters") : NULL;
    sbi_json_place in = sbi_json_member(&r->config_place, "parameters");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, i), "name"));
        sbi_json_place at = sbi_json_item(&in, i);
        SBI_TRY(add_parameter(r, name, is_constrained(channels, name), &at));
    }
    return poi && *poi ? sbi_model_set_poi(r->model, poi) : SBI_OK;
}

sbi_status sbi_model_read_parameters(model_reader *r, const json_t *channels, const sbi_json_place *root)
{
    SBI_TRY(add_measured_parameters(r, channels, root));
    sbi_json_place in = sbi_json_member(root, "channels");
    for (size_t c = 0; c < json_array_size(channels); c++) {
        sbi_json_place at = sbi_json_item(&in, c), samples_place = sbi_json_member(&at, "samples");
        const json_t *samples = json_object_get(json_array_get(channels, c), "samples");
        for (size_t s = 0; s < json_array_size(samples); s++) {
            sbi_json_place item = sbi_json_item(&samples_place, s);
            SBI_TRY(add_modifier_parameters(r, json_array_get(samples, s), &item));
        }
    }
    return SBI_OK;
}
