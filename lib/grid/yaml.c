/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/error.h"

#define DEEPEST 64

typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    const char *name;
} reader;

static sbi_status fail(const reader *r, const char *what)
{
    return sbi_fail(SBI_ERR_FORMAT, "%s: line %zu: %s", r->name, r->event.start_mark.line + 1, what);
}

static sbi_status next(reader *r)
{
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event)) return SBI_OK;
    memset(&r->event, 0, sizeof r->event);
    if (r->parser.error == YAML_MEMORY_ERROR) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", r->name);
    return sbi_fail(SBI_ERR_FORMAT, "%s: line %zu: %s", r->name, r->parser.problem_mark.line + 1,
                    r->parser.problem ? r->parser.problem : "malformed");
}

static json_t *scalar(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        if (strcmp(text, "true") == 0) return json_true();
        if (strcmp(text, "false") == 0) return json_false();
        if (!*text || strcmp(text, "null") == 0 || strcmp(text, "~") == 0) return json_null();
    }
    return json_stringn(text, event->data.scalar.length); /* NULL where it is not UTF-8 */
}

static sbi_status read_value(reader *r, int depth, json_t **out);

static sbi_status read_sequence(reader *r, int depth, json_t *array)
{
    for (;;) {
        json_t *item = NULL;
        SBI_TRY(next(r));
        if (r->event.type == YAML_SEQUENCE_END_EVENT) return SBI_OK;
        SBI_TRY(read_value(r, depth, &item));
        if (json_array_append_new(array, item)) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", r->name);
    }
}

static sbi_status read_mapping(reader *r, int depth, json_t *object)
{
    for (;;) {
        json_t *value = NULL;
        SBI_TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT) return SBI_OK;
        if (r->event.type != YAML_SCALAR_EVENT) return fail(r, "a key that is no scalar");
        json_t *key = json_stringn((const char *)r->event.data.scalar.value, r->event.data.scalar.length);
        if (!key) return fail(r, "a key that is not UTF-8");
        sbi_status status = json_object_get(object, json_string_value(key)) ? fail(r, "a key that is there already") : next(r);
        if (status == SBI_OK) status = read_value(r, depth, &value);
        if (status == SBI_OK && json_object_set_new(object, json_string_value(key), value))
            status = sbi_fail(SBI_ERR_FORMAT, "%s: a key with a NUL in it, or out of memory", r->name);
        json_decref(key);
        SBI_TRY(status);
    }
}

/* The value that the current event begins. */
static sbi_status read_value(reader *r, int depth, json_t **out)
{
    *out = NULL;
    if (depth == DEEPEST) return fail(r, "more than 64 levels");
    if (r->event.type == YAML_SCALAR_EVENT) {
        *out = scalar(&r->event);
        return *out ? SBI_OK : fail(r, "a text that is not UTF-8");
    }
    if (r->event.type == YAML_ALIAS_EVENT) return fail(r, "aliases are not allowed");
    const int array = r->event.type == YAML_SEQUENCE_START_EVENT;
    if (!array && r->event.type != YAML_MAPPING_START_EVENT) return fail(r, "a value is missing");
    json_t *value = array ? json_array() : json_object();
    if (!value) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", r->name);
    sbi_status status = array ? read_sequence(r, depth + 1, value) : read_mapping(r, depth + 1, value);
    if (status != SBI_OK) {
        json_decref(value);
        return status;
    }
    *out = value;
    return SBI_OK;
}

static sbi_status read_document(reader *r, json_t **out)
{
    SBI_TRY(next(r)); /* the stream begins */
    SBI_TRY(next(r));
    if (r->event.type == YAML_STREAM_END_EVENT) {
        *out = json_null();
        return SBI_OK;
    }
    SBI_TRY(next(r)); /* past the beginning of the document */
    SBI_TRY(read_value(r, 0, out));
    SBI_TRY(next(r)); /* the document ends */
    SBI_TRY(next(r));
    return r->event.type == YAML_STREAM_END_EVENT ? SBI_OK : fail(r, "a second document");
}

sbi_status grid_yaml_parse(json_t **out, const char *text, size_t size, const char *name)
{
    reader r;
    memset(&r, 0, sizeof r);
    r.name = name;
    *out = NULL;
    if (!yaml_parser_initialize(&r.parser)) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", name);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    sbi_status status = read_document(&r, out);
    if (status != SBI_OK) {
        json_decref(*out);
        *out = NULL;
    }
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return status;
}
