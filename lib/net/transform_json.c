/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of steps as JSON, for specs of jobs and ONNX files, and from the arrays of network files. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/transform.h"

json_t *sbi_transforms_to_json(const sbi_transforms *t)
{
    json_t *list = json_array();
    int complete = list != NULL;
    for (size_t i = 0; i < t->n_steps && complete; i++) {
        const sbi_transform_step *s = &t->steps[i];
        json_t *values = json_array();
        for (int64_t k = 0; k < s->n && complete; k++) complete = json_array_append_new(values, json_real(t->values[s->first + k])) == 0;
        json_t *step = json_pack("{s:I, s:s, s:o}", "feature", (json_int_t)s->feature, "kind", sbi_transform_name(s->kind), "values", values);
        complete = complete && json_array_append_new(list, step) == 0;
    }
    if (complete) return list;
    json_decref(list);
    return NULL;
}

static sbi_status read_step(sbi_transforms *t, const json_t *json, const sbi_json_place *at)
{
    static const char *const known[] = {"feature", "kind", "values", NULL};
    const char *name;
    int64_t feature, kind = 0;
    json_t *list;
    SBI_TRY(sbi_json_expect(json, at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(json, at, known));
    SBI_TRY(sbi_json_get_integer(json, at, "feature", &feature));
    SBI_TRY(sbi_json_get_string(json, at, "kind", &name));
    SBI_TRY(sbi_json_get_array(json, at, "values", &list));
    while (sbi_transform_name(kind) && strcmp(sbi_transform_name(kind), name) != 0) kind++;
    if (!sbi_transform_name(kind)) return sbi_json_fail(SBI_ERR_FORMAT, at, "kind is \"%.40s\", which is unknown", name);
    const size_t n = json_array_size(list);
    double *values = sbi_alloc_array(t->ctx, n, sizeof *values);
    if (!values) return SBI_ERR_NO_MEMORY;
    const sbi_json_place in = sbi_json_member(at, "values");
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        const sbi_json_place item = sbi_json_item(&in, i);
        status = sbi_json_number(json_array_get(list, i), &item, &values[i]);
    }
    if (status == SBI_OK) status = sbi_transforms_add(t, feature, kind, values, n);
    sbi_free(t->ctx, values);
    if (status != SBI_ERR_ARGUMENT) return status;
    return sbi_fail_within(SBI_ERR_FORMAT, "%s", at->document);
}

sbi_status sbi_transforms_from_json(sbi_transforms **out, sbi_context *ctx, int64_t features, const json_t *json, const sbi_json_place *at)
{
    *out = NULL;
    sbi_transforms *t;
    SBI_TRY(sbi_json_expect(json, at, JSON_ARRAY));
    SBI_TRY(sbi_transforms_new(&t, ctx, features));
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < json_array_size(json) && status == SBI_OK; i++) {
        const sbi_json_place item = sbi_json_item(at, i);
        status = read_step(t, json_array_get(json, i), &item);
    }
    if (status == SBI_OK) {
        *out = t;
    } else {
        sbi_transforms_free(t);
    }
    return status;
}

static sbi_status add_steps(sbi_transforms *t, const int64_t *steps, size_t n_steps, const double *values, size_t n_values)
{
    for (size_t i = 0; i < n_steps; i++) {
        const int64_t *s = steps + 4 * i;
        if (s[2] < 0 || s[3] < 1 || s[2] > (int64_t)n_values || s[3] > (int64_t)n_values - s[2])
            return sbi_fail(SBI_ERR_FORMAT, "transforms: row %zu: values %" PRId64 " to %" PRId64 " of %zu", i, s[2], s[3], n_values);
        sbi_status status = sbi_transforms_add(t, s[0], s[1], values + s[2], (size_t)s[3]);
        if (status == SBI_ERR_ARGUMENT) return sbi_fail_within(SBI_ERR_FORMAT, "transforms: row %zu", i);
        SBI_TRY(status);
    }
    return sbi_transforms_finish(t);
}

sbi_status sbi_transforms_from_arrays(sbi_transforms **out, sbi_context *ctx, int64_t features, const int64_t *steps, size_t n_steps,
                                      const double *values, size_t n_values)
{
    SBI_TRY(sbi_transforms_new(out, ctx, features));
    sbi_status status = add_steps(*out, steps, n_steps, values, n_values);
    if (status == SBI_OK) return SBI_OK;
    sbi_transforms_free(*out);
    *out = NULL;
    return status;
}
