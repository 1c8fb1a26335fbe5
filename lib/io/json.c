/* SPDX-License-Identifier: Apache-2.0 */
#include "io/json.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

/* jansson reads numbers by the locale's rules and ends the process where the decimal point has more than one byte. So
 * this thread, and no other, reads in the C locale where the host's differs. */
static json_t *load_in_c_locale(const char *text, size_t size, json_error_t *error)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    if (strcmp(nl_langinfo(RADIXCHAR), ".") == 0) return json_loadb(text, size, flags, error);
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain) return NULL;
    locale_t host = uselocale(plain);
    json_t *value = json_loadb(text, size, flags, error);
    uselocale(host);
    freelocale(plain);
    return value;
}

sbi_status sbi_json_parse(json_t **out, const char *text, size_t size, const char *name)
{
    json_error_t error = {.line = 1};
    *out = load_in_c_locale(text, size, &error);
    if (*out) return SBI_OK;
    if (!error.text[0]) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", name);
    if (json_error_code(&error) == json_error_out_of_memory)
        return sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", name);
    return sbi_fail(SBI_ERR_FORMAT, "%s: line %d, column %d: %s", name, error.line, error.column, error.text);
}

sbi_status sbi_json_load(json_t **out, sbi_context *ctx, const char *path)
{
    *out = NULL;
    void *text;
    size_t size;
    SBI_TRY(sbi_file_read(ctx, path, SBI_JSON_LARGEST, &text, &size));
    sbi_status status = sbi_json_parse(out, text, size, path);
    sbi_free(ctx, text);
    return status;
}

sbi_json_place sbi_json_root(const char *document)
{
    sbi_json_place at = {document, ""};
    return at;
}

sbi_json_place sbi_json_member(const sbi_json_place *at, const char *key)
{
    sbi_json_place in = *at;
    size_t used = strlen(in.pointer), left = sizeof in.pointer - used;
    char *p = in.pointer + used;
    if (left > 1) {
        *p++ = '/';
        left--;
    }
    /* RFC 6901: ~ and / are written ~0 and ~1. */
    for (; *key && left > 2; key++) {
        if (*key == '~' || *key == '/') {
            *p++ = '~';
            *p++ = *key == '~' ? '0' : '1';
            left -= 2;
        } else {
            *p++ = *key;
            left--;
        }
    }
    *p = '\0';
    return in;
}

sbi_json_place sbi_json_item(const sbi_json_place *at, size_t index)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", index);
    return sbi_json_member(at, text);
}

sbi_status sbi_json_fail(sbi_status status, const sbi_json_place *at, const char *format, ...)
{
    char message[SBI_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return sbi_fail(status, "%s: %s: %s", at->document, at->pointer[0] ? at->pointer : "/", message);
}

static const char *type_name(json_type type)
{
    switch (type) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    default: return "null";
    }
}

sbi_status sbi_json_expect(const json_t *value, const sbi_json_place *at, json_type type)
{
    if (value && json_typeof(value) == type) return SBI_OK;
    return sbi_json_fail(SBI_ERR_FORMAT, at, "expected %s, found %s", type_name(type),
                         value ? type_name(json_typeof(value)) : "nothing");
}

sbi_status sbi_json_get(const json_t *object, const sbi_json_place *at, const char *key, json_t **out)
{
    SBI_TRY(sbi_json_expect(object, at, JSON_OBJECT));
    *out = json_object_get(object, key);
    return *out ? SBI_OK : sbi_json_fail(SBI_ERR_FORMAT, at, "\"%s\" is missing", key);
}

static sbi_status get_typed(const json_t *object, const sbi_json_place *at, const char *key, json_type type,
                            json_t **out)
{
    SBI_TRY(sbi_json_get(object, at, key, out));
    sbi_json_place in = sbi_json_member(at, key);
    return sbi_json_expect(*out, &in, type);
}

sbi_status sbi_json_get_string(const json_t *object, const sbi_json_place *at, const char *key, const char **out)
{
    json_t *value;
    SBI_TRY(get_typed(object, at, key, JSON_STRING, &value));
    *out = json_string_value(value);
    if (strlen(*out) == json_string_length(value)) return SBI_OK;
    sbi_json_place in = sbi_json_member(at, key);
    return sbi_json_fail(SBI_ERR_FORMAT, &in, "the string contains a NUL");
}

/* Whether a member of an object (or of no object at all) is there. */
static sbi_status has_member(const json_t *object, const sbi_json_place *at, const char *key, int *there)
{
    *there = 0;
    if (!object) return SBI_OK;
    SBI_TRY(sbi_json_expect(object, at, JSON_OBJECT));
    *there = json_object_get(object, key) != NULL;
    return SBI_OK;
}

sbi_status sbi_json_get_string_or(const json_t *object, const sbi_json_place *at, const char *key, const char *other,
                                  const char **out)
{
    int there;
    *out = other;
    SBI_TRY(has_member(object, at, key, &there));
    return there ? sbi_json_get_string(object, at, key, out) : SBI_OK;
}

sbi_status sbi_json_number(const json_t *value, const sbi_json_place *at, double *out)
{
    if (!json_is_number(value)) return sbi_json_expect(value, at, JSON_REAL);
    *out = json_number_value(value);
    return isfinite(*out) ? SBI_OK : sbi_json_fail(SBI_ERR_VALUE, at, "value is %g", *out);
}

sbi_status sbi_json_get_number(const json_t *object, const sbi_json_place *at, const char *key, double *out)
{
    json_t *value;
    SBI_TRY(sbi_json_get(object, at, key, &value));
    sbi_json_place in = sbi_json_member(at, key);
    return sbi_json_number(value, &in, out);
}

sbi_status sbi_json_get_number_or(const json_t *object, const sbi_json_place *at, const char *key, double other,
                                  double *out)
{
    int there;
    *out = other;
    SBI_TRY(has_member(object, at, key, &there));
    return there ? sbi_json_get_number(object, at, key, out) : SBI_OK;
}

sbi_status sbi_json_get_integer(const json_t *object, const sbi_json_place *at, const char *key, int64_t *out)
{
    json_t *value;
    SBI_TRY(sbi_json_get(object, at, key, &value));
    sbi_json_place in = sbi_json_member(at, key);
    if (json_is_real(value))
        return sbi_json_fail(SBI_ERR_FORMAT, &in, "expected an integer, found %g", json_real_value(value));
    if (!json_is_integer(value))
        return sbi_json_fail(SBI_ERR_FORMAT, &in, "expected an integer, found %s", type_name(json_typeof(value)));
    *out = json_integer_value(value);
    return SBI_OK;
}

sbi_status sbi_json_get_integer_or(const json_t *object, const sbi_json_place *at, const char *key, int64_t other,
                                   int64_t *out)
{
    int there;
    *out = other;
    SBI_TRY(has_member(object, at, key, &there));
    return there ? sbi_json_get_integer(object, at, key, out) : SBI_OK;
}

sbi_status sbi_json_get_bool_or(const json_t *object, const sbi_json_place *at, const char *key, int other, int *out)
{
    int there;
    *out = other;
    SBI_TRY(has_member(object, at, key, &there));
    if (!there) return SBI_OK;
    const json_t *value = json_object_get(object, key);
    sbi_json_place in = sbi_json_member(at, key);
    if (!json_is_boolean(value)) return sbi_json_expect(value, &in, JSON_TRUE);
    *out = json_is_true(value);
    return SBI_OK;
}

sbi_status sbi_json_get_array(const json_t *object, const sbi_json_place *at, const char *key, json_t **out)
{
    return get_typed(object, at, key, JSON_ARRAY, out);
}

sbi_status sbi_json_get_object(const json_t *object, const sbi_json_place *at, const char *key, json_t **out)
{
    return get_typed(object, at, key, JSON_OBJECT, out);
}

sbi_status sbi_json_only_keys(const json_t *object, const sbi_json_place *at, const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *const *k = known;
        while (*k && strcmp(*k, key) != 0) k++;
        if (!*k) return sbi_json_fail(SBI_ERR_FORMAT, at, "unknown key \"%s\"", key);
    }
    return SBI_OK;
}
