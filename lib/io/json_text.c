/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON. Not jansson's writer, since task names are hashes of this text and must not follow its versions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/json.h"

/* What jansson reads at most, so that what was read can be written. */
#define DEEPEST 2048

static void add_string(sbi_text *out, const char *s, size_t length)
{
    sbi_text_add(out, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            sbi_text_addf(out, "\\%c", c);
        else if (c < 0x20)
            sbi_text_addf(out, "\\u%04x", c);
        else
            sbi_text_add(out, &s[i], 1);
    }
    sbi_text_add(out, "\"", 1);
}

static void add_real(sbi_text *out, double v)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    /* A host may run in a locale whose decimal point is something else, even of several bytes. */
    size_t digits_end = strspn(text, "+-0123456789"), point_end = digits_end;
    while (text[point_end] && !strchr("+-0123456789e", text[point_end])) point_end++;
    if (point_end > digits_end) {
        text[digits_end] = '.';
        memmove(text + digits_end + 1, text + point_end, strlen(text + point_end) + 1);
    }
    sbi_text_addf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void new_line(sbi_text *out, int indent, int depth)
{
    if (indent) sbi_text_addf(out, "\n%*s", indent * depth, "");
}

static sbi_status add_value(sbi_text *out, const json_t *value, int indent, int depth);

static sbi_status add_object(sbi_text *out, const json_t *object, int indent, int depth)
{
    size_t n = json_object_size(object), i = 0;
    const char **keys = sbi_alloc_array(out->ctx, n, sizeof *keys);
    if (!keys) return SBI_ERR_NO_MEMORY;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) keys[i++] = key;
    qsort(keys, n, sizeof *keys, compare_keys);
    sbi_text_add(out, "{", 1);
    sbi_status status = SBI_OK;
    for (i = 0; i < n && status == SBI_OK; i++) {
        if (i) sbi_text_add(out, ",", 1);
        new_line(out, indent, depth + 1);
        add_string(out, keys[i], strlen(keys[i]));
        sbi_text_add(out, ": ", indent ? 2 : 1);
        status = add_value(out, json_object_get(object, keys[i]), indent, depth + 1);
    }
    if (n) new_line(out, indent, depth);
    sbi_text_add(out, "}", 1);
    sbi_free(out->ctx, keys);
    return status;
}

static sbi_status add_array(sbi_text *out, const json_t *array, int indent, int depth)
{
    size_t n = json_array_size(array);
    /* Rows of numbers stay on one line even in indented text. */
    int flat = 1;
    for (size_t i = 0; i < n && flat; i++) {
        const json_t *item = json_array_get(array, i);
        flat = !json_is_object(item) && !json_is_array(item);
    }
    int inner = flat ? 0 : indent;
    sbi_text_add(out, "[", 1);
    for (size_t i = 0; i < n; i++) {
        if (i) sbi_text_add(out, ", ", indent && flat ? 2 : 1);
        new_line(out, inner, depth + 1);
        SBI_TRY(add_value(out, json_array_get(array, i), indent, depth + 1));
    }
    if (n) new_line(out, inner, depth);
    sbi_text_add(out, "]", 1);
    return SBI_OK;
}

static sbi_status add_value(sbi_text *out, const json_t *value, int indent, int depth)
{
    if (depth > DEEPEST) return sbi_fail(SBI_ERR_FORMAT, "JSON nested over %d levels", DEEPEST);
    switch (json_typeof(value)) {
    case JSON_OBJECT: return add_object(out, value, indent, depth);
    case JSON_ARRAY: return add_array(out, value, indent, depth);
    case JSON_STRING: add_string(out, json_string_value(value), json_string_length(value)); break;
    case JSON_INTEGER: sbi_text_addf(out, "%lld", (long long)json_integer_value(value)); break;
    case JSON_REAL: add_real(out, json_real_value(value)); break;
    case JSON_TRUE: sbi_text_add(out, "true", 4); break;
    case JSON_FALSE: sbi_text_add(out, "false", 5); break;
    case JSON_NULL: sbi_text_add(out, "null", 4); break;
    }
    return SBI_OK;
}

static sbi_status add_document(sbi_text *out, const json_t *value, int indent)
{
    SBI_REQUIRE(value, "JSON: nothing to write");
    SBI_TRY(add_value(out, value, indent, 0));
    if (indent) sbi_text_add(out, "\n", 1);
    return out->status;
}

sbi_status sbi_json_canonical(sbi_text *out, const json_t *value)
{
    return add_document(out, value, 0);
}

sbi_status sbi_json_pretty(sbi_text *out, const json_t *value)
{
    return add_document(out, value, 2);
}
