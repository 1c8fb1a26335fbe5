/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/staged.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"

void sbi_staged_data_name(char out[SBI_STAGED_NAME_SIZE], const char *data_sha256)
{
    snprintf(out, SBI_STAGED_NAME_SIZE, "inputs/%.64s.json", data_sha256);
}

void sbi_staged_workspace_name(char out[SBI_STAGED_NAME_SIZE], const char *sha256, const char *columns_sha256)
{
    char both[160], hex[SBI_SHA256_HEX_SIZE];
    snprintf(both, sizeof both, "workspace %.64s %.64s", sha256, columns_sha256);
    sbi_sha256_text(both, strlen(both), hex);
    snprintf(out, SBI_STAGED_NAME_SIZE, "inputs/%s.json", hex);
}

/* Only names of contents: nothing that leads out of the store. */
static sbi_status check_object(const json_t *value, const sbi_json_place *at)
{
    const char *text = json_string_value(value);
    if (text && sbi_content_hash(text)) return SBI_OK;
    return sbi_json_fail(SBI_ERR_FORMAT, at, "is not the name of a content");
}

static sbi_status check_parts(const json_t *parts, const sbi_json_place *at)
{
    SBI_TRY(sbi_json_expect(parts, at, JSON_ARRAY));
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const sbi_json_place in = sbi_json_item(at, i), features = sbi_json_member(&in, "features"), weights = sbi_json_member(&in, "weights");
        const json_t *part = json_array_get(parts, i), *w = json_object_get(part, "weights");
        SBI_TRY(sbi_json_expect(part, &in, JSON_OBJECT));
        SBI_TRY(check_object(json_object_get(part, "features"), &features));
        if (w) SBI_TRY(check_object(w, &weights));
    }
    return SBI_OK;
}

static sbi_status check_files(json_t *files, const sbi_json_place *at)
{
    const char *name;
    json_t *value;
    SBI_TRY(sbi_json_expect(files, at, JSON_OBJECT));
    json_object_foreach(files, name, value) {
        const sbi_json_place in = sbi_json_member(at, name);
        SBI_TRY(check_object(value, &in));
    }
    return SBI_OK;
}

static sbi_status check(const json_t *json, const sbi_json_place *at)
{
    const sbi_json_place parts = sbi_json_member(at, "parts"), files = sbi_json_member(at, "files");
    SBI_TRY(sbi_json_expect(json, at, JSON_OBJECT));
    json_t *p = json_object_get(json, "parts"), *f = json_object_get(json, "files");
    if (!p == !f) return sbi_json_fail(SBI_ERR_FORMAT, at, "expected either parts or files");
    return p ? check_parts(p, &parts) : check_files(f, &files);
}

sbi_status sbi_staged_read(json_t **out, const char *text, size_t size, const char *name)
{
    *out = NULL;
    json_t *json;
    const sbi_json_place at = sbi_json_root(name);
    SBI_TRY(sbi_json_parse(&json, text, size, name));
    sbi_status status = check(json, &at);
    if (status != SBI_OK) {
        json_decref(json);
        return status;
    }
    *out = json;
    return SBI_OK;
}

sbi_status sbi_staged_get(json_t **out, sbi_context *ctx, sbi_store *store, const char *name)
{
    sbi_text text;
    *out = NULL;
    sbi_text_init(&text, ctx);
    sbi_status status = sbi_object_read(store, name, SBI_STAGED_LARGEST, &text);
    if (status == SBI_OK) status = sbi_staged_read(out, text.data ? text.data : "", text.size, name);
    sbi_text_clear(&text);
    return status;
}
