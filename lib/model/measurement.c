/* SPDX-License-Identifier: Apache-2.0 */
/* The measurement of a workspace, and the parameters that it, the factors and the modifiers name. */
#include <math.h>
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
    static const char *const known[] = {"name", "inits", "bounds", "auxdata", "sigmas", "factors", "fixed", NULL};
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

/* ---- the parameters of one name ---- */

/* The list of member `key`, one entry for each of n parameters; NULL: not given. */
static sbi_status get_list(const json_t *object, const sbi_json_place *at, const char *key, size_t n, json_t **list)
{
    *list = NULL;
    if (!json_object_get(object, key)) return SBI_OK;
    SBI_TRY(sbi_json_get_array(object, at, key, list));
    sbi_json_place in = sbi_json_member(at, key);
    if (json_array_size(*list) != n)
        return sbi_json_fail(SBI_ERR_SHAPE, &in, "%zu entries for %zu parameter%s", json_array_size(*list), n, n == 1 ? "" : "s");
    return SBI_OK;
}

static sbi_status element(const json_t *list, const sbi_json_place *at, const char *key, size_t j, double *value)
{
    if (!list) return SBI_OK;
    sbi_json_place in = sbi_json_member(at, key), item = sbi_json_item(&in, j);
    return sbi_json_number(json_array_get(list, j), &item, value);
}

static sbi_status read_bounds(const json_t *list, const sbi_json_place *at, size_t j, sbi_parameter *p)
{
    if (!list) return SBI_OK;
    sbi_json_place in = sbi_json_member(at, "bounds"), pair_place = sbi_json_item(&in, j);
    const json_t *pair = json_array_get(list, j);
    if (!json_is_array(pair) || json_array_size(pair) != 2)
        return sbi_json_fail(SBI_ERR_SHAPE, &pair_place, "a pair [lower, upper] expected");
    sbi_json_place lower = sbi_json_item(&pair_place, 0), upper = sbi_json_item(&pair_place, 1);
    SBI_TRY(sbi_json_number(json_array_get(pair, 0), &lower, &p->lower));
    return sbi_json_number(json_array_get(pair, 1), &upper, &p->upper);
}

/* auxdata, sigmas, factors of element j. A Poisson constraint has the auxiliary counts and, as factors, how many a parameter of 1
 * stands for; others have numbers on the parameter's own scale. */
static sbi_status read_constraint(json_t *const list[3], const model_set *s, const sbi_json_place *at, size_t j, sbi_parameter *p)
{
    json_t *auxdata = list[0], *sigmas = list[1], *factors = list[2];
    if (s && s->kind == SET_SHAPESYS) {
        double tau = 1 / (p->sigma * p->sigma), count = tau;
        if (sigmas) return sbi_json_fail(SBI_ERR_FORMAT, at, "a shapesys has \"factors\" and no \"sigmas\"");
        SBI_TRY(element(factors, at, "factors", j, &tau));
        if (!(tau > 0)) return sbi_json_fail(SBI_ERR_VALUE, at, "factor %zu is %g, must be positive", j, tau);
        SBI_TRY(element(auxdata, at, "auxdata", j, &count));
        if (factors) p->sigma = 1 / sqrt(tau);
        if (factors || auxdata) p->auxiliary = count / tau;
        return SBI_OK;
    }
    if (factors) return sbi_json_fail(SBI_ERR_FORMAT, at, "only a shapesys has \"factors\"");
    /* What no modifier constrains is constrained here, but only in full: neither number has a natural default. */
    if (p->constraint == SBI_CONSTRAINT_NONE && (auxdata != NULL) != (sigmas != NULL))
        return sbi_json_fail(SBI_ERR_FORMAT, at, "%s without %s", auxdata ? "auxdata" : "sigmas", auxdata ? "sigmas" : "auxdata");
    if (auxdata && sigmas) p->constraint = SBI_CONSTRAINT_GAUSSIAN;
    SBI_TRY(element(auxdata, at, "auxdata", j, &p->auxiliary));
    return element(sigmas, at, "sigmas", j, &p->sigma);
}

/* Everything a measurement says about n parameters. */
typedef struct settings {
    json_t *inits, *bounds, *constraint[3];
    int has_fixed, fixed;
} settings;

static sbi_status get_settings(const json_t *entry, const sbi_json_place *at, size_t n, settings *out)
{
    *out = (settings){0};
    SBI_TRY(get_list(entry, at, "inits", n, &out->inits));
    SBI_TRY(get_list(entry, at, "bounds", n, &out->bounds));
    SBI_TRY(get_list(entry, at, "auxdata", n, &out->constraint[0]));
    SBI_TRY(get_list(entry, at, "sigmas", n, &out->constraint[1]));
    SBI_TRY(get_list(entry, at, "factors", n, &out->constraint[2]));
    out->has_fixed = json_object_get(entry, "fixed") != NULL;
    return sbi_json_get_bool_or(entry, at, "fixed", 0, &out->fixed);
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

static sbi_status add_one(model_reader *r, const char *name, const model_set *s, size_t j, const settings *given, const sbi_json_place *at)
{
    sbi_parameter p;
    char bin_name[512];
    sbi_model_set_default(s, j, &p);
    SBI_TRY(element(given->inits, at, "inits", j, &p.start));
    SBI_TRY(read_constraint(given->constraint, s, at, j, &p));
    if (s && s->kind == SET_LUMI) {
        if (isnan(p.sigma))
            return sbi_json_fail(SBI_ERR_FORMAT, at, "\"%s\" is a lumi modifier: its measurement must give auxdata and sigmas", name);
        if (!given->inits) p.start = p.auxiliary;
        if (!given->bounds) p.upper = 10 * p.auxiliary;
    }
    SBI_TRY(read_bounds(given->bounds, at, j, &p));
    if (given->has_fixed) p.fixed = given->fixed;
    if (sbi_model_set_is_list(s)) {
        if ((size_t)snprintf(bin_name, sizeof bin_name, "%s[%zu]", name, j) >= sizeof bin_name)
            return sbi_json_fail(SBI_ERR_VALUE, at, "the name \"%s\" is too long", name);
        name = bin_name;
    }
    return sbi_model_placed(sbi_model_add_parameter(r->model, name, &p), at);
}

static sbi_status add_parameters(model_reader *r, const char *name, const sbi_json_place *where)
{
    model_set *s = sbi_model_find_set(r, name);
    if (s ? s->added : sbi_model_find_parameter(r->model, name, strlen(name)) >= 0) return SBI_OK;
    const size_t n = s ? s->n : 1;
    settings given = {0};
    sbi_json_place at = *where;
    const json_t *entry = configured(r, name, &at);
    if (entry) SBI_TRY(get_settings(entry, &at, n, &given));
    if (s) {
        s->added = 1;
        s->first = sbi_model_n_parameters(r->model);
    }
    for (size_t j = 0; j < n; j++) SBI_TRY(add_one(r, name, s, j, &given, &at));
    return SBI_OK;
}

/* ---- all of them ---- */

static int all_binned(const model_reader *r)
{
    for (size_t c = 0; c < r->n_channels; c++) {
        if (!r->channel_bins[c]) return 0;
    }
    return 1;
}

/* Without unbinned channels there are no factor expressions, and what no modifier uses is nowhere: such entries are left out, as pyhf
 * does, and such a parameter of interest is an error. */
static sbi_status add_measured_parameters(model_reader *r, const sbi_json_place *root)
{
    const char *poi = r->options.poi;
    const int only_modifiers = all_binned(r);
    const sbi_json_place *poi_place = r->config ? &r->config_place : root;
    if (!poi && r->config) SBI_TRY(sbi_json_get_string_or(r->config, &r->config_place, "poi", "", &poi));
    if (poi && *poi) {
        if (only_modifiers && !sbi_model_find_set(r, poi))
            return sbi_json_fail(SBI_ERR_NOT_FOUND, poi_place,
                                 "no modifier has the parameter of interest \"%s\"; without one: poi \"\" of sbi_workspace_options", poi);
        if (sbi_model_set_is_list(sbi_model_find_set(r, poi)))
            return sbi_json_fail(SBI_ERR_UNSUPPORTED, poi_place, "the parameter of interest \"%s\" is a list, one for each bin", poi);
        SBI_TRY(add_parameters(r, poi, poi_place));
    }
    json_t *list = r->config ? json_object_get(r->config, "parameters") : NULL;
    sbi_json_place in = sbi_json_member(&r->config_place, "parameters");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, i), "name"));
        sbi_json_place at = sbi_json_item(&in, i);
        if (only_modifiers && !sbi_model_find_set(r, name)) continue;
        SBI_TRY(add_parameters(r, name, &at));
    }
    return poi && *poi ? sbi_model_set_poi(r->model, poi) : SBI_OK;
}

sbi_status sbi_model_read_parameters(model_reader *r, const sbi_json_place *root)
{
    SBI_TRY(add_measured_parameters(r, root));
    for (size_t i = 0; i < r->n_sets; i++) SBI_TRY(add_parameters(r, r->sets[i].name, &r->sets[i].at));
    return SBI_OK;
}
