/* SPDX-License-Identifier: Apache-2.0 */
/* JSON through jansson: loading with limits, getters whose messages carry the JSON pointer, canonical text. */
#ifndef SBI_IO_JSON_H
#define SBI_IO_JSON_H

#include <jansson.h>

#include "base/text.h"
#include "sbi/context.h"

#define SBI_JSON_LARGEST ((size_t)1 << 30)

/* Parses; `name` stands before the line and column in messages. Duplicate keys and trailing bytes are refused. The
 * result is released by json_decref(). */
sbi_status sbi_json_parse(json_t **out, const char *text, size_t size, const char *name);
sbi_status sbi_json_load(json_t **out, sbi_context *ctx, const char *path);

/* Where a value stands: the document's name and the pointer to it ("/channels/0/name"). A value of its own, so that
 * a reader can step down without allocating; pointers longer than the buffer are cut. */
typedef struct sbi_json_place {
    const char *document;
    char pointer[256];
} sbi_json_place;
sbi_json_place sbi_json_root(const char *document);
sbi_json_place sbi_json_member(const sbi_json_place *at, const char *key);
sbi_json_place sbi_json_item(const sbi_json_place *at, size_t index);
/* "workspace.json: /channels/0/name: <message>" */
sbi_status sbi_json_fail(sbi_status status, const sbi_json_place *at, const char *format, ...) SBI_PRINTF(3, 4);

/* Typed members of an object. A missing member is an error unless the function has `_or`; there `object` may be NULL.
 */
sbi_status sbi_json_get(const json_t *object, const sbi_json_place *at, const char *key, json_t **out);
sbi_status sbi_json_get_string(const json_t *object, const sbi_json_place *at, const char *key, const char **out);
sbi_status sbi_json_get_string_or(const json_t *object, const sbi_json_place *at, const char *key, const char *other,
                                  const char **out);
sbi_status sbi_json_get_number(const json_t *object, const sbi_json_place *at, const char *key, double *out);
sbi_status sbi_json_get_number_or(const json_t *object, const sbi_json_place *at, const char *key, double other,
                                  double *out);
sbi_status sbi_json_get_integer(const json_t *object, const sbi_json_place *at, const char *key, int64_t *out);
sbi_status sbi_json_get_integer_or(const json_t *object, const sbi_json_place *at, const char *key, int64_t other,
                                   int64_t *out);
sbi_status sbi_json_get_bool_or(const json_t *object, const sbi_json_place *at, const char *key, int other, int *out);
sbi_status sbi_json_get_array(const json_t *object, const sbi_json_place *at, const char *key, json_t **out);
sbi_status sbi_json_get_object(const json_t *object, const sbi_json_place *at, const char *key, json_t **out);
/* The value itself must be of a type. */
sbi_status sbi_json_expect(const json_t *value, const sbi_json_place *at, json_type type);
/* A finite number. */
sbi_status sbi_json_number(const json_t *value, const sbi_json_place *at, double *out);
/* Every key of the object must be one of `known` (NULL-terminated). */
sbi_status sbi_json_only_keys(const json_t *object, const sbi_json_place *at, const char *const *known);

/* Canonical text: sorted keys, no white space, shortest decimals of up to 17 digits that read back as the same double.
 */
sbi_status sbi_json_canonical(sbi_text *out, const json_t *value);
/* The same with two spaces of indentation, ending in a newline. */
sbi_status sbi_json_pretty(sbi_text *out, const json_t *value);

#endif
