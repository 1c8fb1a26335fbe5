/* SPDX-License-Identifier: Apache-2.0 */
/* Results of toys as JSON, and files of them. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "io/npy.h"
#include "jobs/toys.h"

#define VERSION 1
#define MOST_COLUMNS ((size_t)1 << 20)

/* ---- writing ---- */

/* Appends and tells; NULL values are out of memory. */
static int put(json_t *object, const char *key, json_t *value)
{
    return value && json_object_set_new(object, key, value) == 0;
}

static json_t *list_rows(const sbi_toys *t)
{
    json_t *rows = json_array();
    for (size_t i = 0; rows && i < t->n; i++) {
        json_t *row = json_array();
        int bad = !row;
        for (size_t j = 0; !bad && j < t->n_columns; j++) {
            const double x = t->values[i * t->n_columns + j];
            bad = json_array_append_new(row, isfinite(x) ? json_real(x) : json_null());
        }
        if (bad) json_decref(row);
        if (!bad) bad = json_array_append_new(rows, row);
        if (!bad) continue;
        json_decref(rows);
        return NULL;
    }
    return rows;
}

static json_t *list_failed(const sbi_toys *t)
{
    json_t *failed = json_array();
    for (size_t i = 0; failed && i < t->n; i++) {
        if (t->status[i] == 0) continue;
        json_t *one = json_pack("{s:s, s:I, s:i}", "message", sbi_toys_message(t, i), "row", (json_int_t)i, "status", (int)t->status[i]);
        if (one && json_array_append_new(failed, one) == 0) continue;
        json_decref(failed);
        return NULL;
    }
    return failed;
}

static json_t *list_names(const sbi_toys *t)
{
    json_t *names = json_array();
    for (size_t j = 0; names && j < t->n_columns; j++) {
        if (json_array_append_new(names, json_string(t->names[j])) == 0) continue;
        json_decref(names);
        return NULL;
    }
    return names;
}

static json_t *list_numbers(const sbi_toys *t)
{
    json_t *numbers = json_array();
    for (size_t i = 0; numbers && i < t->n; i++) {
        if (json_array_append_new(numbers, json_integer((json_int_t)t->numbers[i])) == 0) continue;
        json_decref(numbers);
        return NULL;
    }
    return numbers;
}

json_t *sbi_toys_to_json(const sbi_toys *t)
{
    json_t *json = json_object();
    if (json && put(json, "columns", list_names(t)) && put(json, "failed", list_failed(t)) && put(json, "numbers", list_numbers(t)) &&
        put(json, "rows", list_rows(t)) && put(json, "version", json_integer(VERSION)))
        return json;
    json_decref(json);
    return NULL;
}

static sbi_status check_path(const sbi_toys *t, const char *path, const char *function)
{
    SBI_REQUIRE(t, "%s: toys is NULL", function);
    SBI_REQUIRE(path && *path, "%s: the path is NULL or empty", function);
    return SBI_OK;
}

sbi_status sbi_toys_write_json(const sbi_toys *t, const char *path)
{
    SBI_TRY(check_path(t, path, "sbi_toys_write_json"));
    json_t *json = sbi_toys_to_json(t);
    if (!json) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", path);
    sbi_text text;
    sbi_text_init(&text, t->ctx);
    sbi_status status = sbi_json_canonical(&text, json);
    if (status == SBI_OK) status = sbi_file_write(t->ctx, path, text.data, text.size);
    sbi_text_clear(&text);
    json_decref(json);
    return status;
}

sbi_status sbi_toys_write_npy(const sbi_toys *t, const char *path)
{
    SBI_TRY(check_path(t, path, "sbi_toys_write_npy"));
    const sbi_array a = sbi_array_2d(t->values, SBI_F64, (int64_t)t->n, (int64_t)t->n_columns);
    return sbi_npy_write(t->ctx, path, &a);
}

/* ---- reading ---- */

static sbi_status read_names(sbi_toys *t, const json_t *names, const sbi_json_place *at)
{
    for (size_t j = 0; j < t->n_columns; j++) {
        const char *name = json_string_value(json_array_get(names, j));
        if (!name || !*name) return sbi_json_fail(SBI_ERR_FORMAT, at, "columns[%zu] is no name", j);
        t->names[j] = sbi_strdup(t->ctx, name);
        if (!t->names[j]) return SBI_ERR_NO_MEMORY;
    }
    return SBI_OK;
}

static sbi_status read_rows(sbi_toys *t, const json_t *rows, const json_t *numbers, const sbi_json_place *at)
{
    const sbi_json_place list = sbi_json_member(at, "rows"), other = sbi_json_member(at, "numbers");
    for (size_t i = 0; i < t->n; i++) {
        const json_t *row = json_array_get(rows, i), *number = json_array_get(numbers, i);
        sbi_json_place in = sbi_json_item(&list, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0)
            return sbi_json_fail(SBI_ERR_FORMAT, &other, "item %zu is no number of a toy", i);
        t->numbers[i] = json_integer_value(number);
        SBI_TRY(sbi_json_expect(row, &in, JSON_ARRAY));
        if (json_array_size(row) != t->n_columns)
            return sbi_json_fail(SBI_ERR_FORMAT, &in, "%zu values for %zu columns", json_array_size(row), t->n_columns);
        for (size_t j = 0; j < t->n_columns; j++) {
            const json_t *value = json_array_get(row, j);
            if (json_is_null(value)) continue;
            in = sbi_json_item(&list, i);
            in = sbi_json_item(&in, j);
            SBI_TRY(sbi_json_number(value, &in, &t->values[i * t->n_columns + j]));
        }
    }
    return SBI_OK;
}

static sbi_status read_failed(sbi_toys *t, const json_t *failed, const sbi_json_place *at)
{
    static const char *const known[] = {"message", "row", "status", NULL};
    const sbi_json_place list = sbi_json_member(at, "failed");
    for (size_t i = 0; i < json_array_size(failed); i++) {
        const json_t *one = json_array_get(failed, i);
        const sbi_json_place in = sbi_json_item(&list, i);
        const char *message;
        int64_t row, status;
        SBI_TRY(sbi_json_expect(one, &in, JSON_OBJECT));
        SBI_TRY(sbi_json_only_keys(one, &in, known));
        SBI_TRY(sbi_json_get_string(one, &in, "message", &message));
        SBI_TRY(sbi_json_get_integer(one, &in, "row", &row));
        SBI_TRY(sbi_json_get_integer(one, &in, "status", &status));
        if (row < 0 || (uint64_t)row >= t->n || t->status[row] != 0)
            return sbi_json_fail(SBI_ERR_FORMAT, &in, "row is %lld of %zu, or was there before", (long long)row, t->n);
        if (status == 0 || status < -1000 || status > 1000) return sbi_json_fail(SBI_ERR_FORMAT, &in, "status is %lld", (long long)status);
        SBI_TRY(sbi_toys_fail_row(t, (size_t)row, (int32_t)status, message));
    }
    return SBI_OK;
}

sbi_status sbi_toys_from_json(sbi_toys **out, sbi_context *ctx, const json_t *json, const sbi_json_place *at)
{
    static const char *const known[] = {"columns", "failed", "numbers", "rows", "version", NULL};
    json_t *names, *failed, *numbers, *rows;
    int64_t version;
    *out = NULL;
    SBI_TRY(sbi_json_expect(json, at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(json, at, known));
    SBI_TRY(sbi_json_get_integer(json, at, "version", &version));
    if (version != VERSION)
        return sbi_json_fail(SBI_ERR_VERSION, at, "version is %lld, this library reads %d", (long long)version, VERSION);
    SBI_TRY(sbi_json_get_array(json, at, "columns", &names));
    SBI_TRY(sbi_json_get_array(json, at, "failed", &failed));
    SBI_TRY(sbi_json_get_array(json, at, "numbers", &numbers));
    SBI_TRY(sbi_json_get_array(json, at, "rows", &rows));
    const size_t n = json_array_size(rows);
    if (json_array_size(numbers) != n)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "%zu numbers for %zu rows", json_array_size(numbers), n);
    if (json_array_size(names) > MOST_COLUMNS)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "%zu columns", json_array_size(names));
    /* Every cell is there in the text, which is what bounds the memory: rows are checked before a table of them is made. */
    for (size_t i = 0; i < n; i++) {
        if (json_array_size(json_array_get(rows, i)) != json_array_size(names))
            return sbi_json_fail(SBI_ERR_FORMAT, at, "row %zu has not %zu values", i, json_array_size(names));
    }
    sbi_toys *t;
    SBI_TRY(sbi_toys_allocate(&t, ctx, n, json_array_size(names)));
    sbi_status status = read_names(t, names, at);
    if (status == SBI_OK) status = read_rows(t, rows, numbers, at);
    if (status == SBI_OK) status = read_failed(t, failed, at);
    if (status != SBI_OK) {
        sbi_toys_destroy(t);
        return status;
    }
    *out = t;
    return SBI_OK;
}

sbi_status sbi_toys_read_json(sbi_toys **out, sbi_context *ctx, const char *path)
{
    SBI_REQUIRE(out, "sbi_toys_read_json: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && path && *path, "sbi_toys_read_json: ctx is NULL, or path NULL or empty");
    json_t *json;
    SBI_TRY(sbi_json_load(&json, ctx, path));
    const sbi_json_place at = sbi_json_root(path);
    const sbi_status status = sbi_toys_from_json(out, ctx, json, &at);
    json_decref(json);
    return status;
}
