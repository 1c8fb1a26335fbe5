/* SPDX-License-Identifier: Apache-2.0 */
/* The table of toys' results. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fit/toys.h"

sbi_status sbi_toys_allocate(sbi_toys **out, sbi_context *ctx, size_t n, size_t n_columns)
{
    *out = NULL;
    sbi_toys *t = sbi_alloc_zero(ctx, 1, sizeof *t);
    if (!t) return SBI_ERR_NO_MEMORY;
    t->ctx = ctx;
    t->n = n;
    t->n_columns = n_columns;
    t->names = sbi_alloc_zero(ctx, n_columns, sizeof *t->names);
    t->messages = sbi_alloc_zero(ctx, n, sizeof *t->messages);
    t->numbers = sbi_alloc_zero(ctx, n, sizeof *t->numbers);
    t->status = sbi_alloc_zero(ctx, n, sizeof *t->status);
    size_t cells;
    if (__builtin_mul_overflow(n, n_columns, &cells)) cells = SIZE_MAX;
    t->values = sbi_alloc_array(ctx, cells, sizeof *t->values);
    if (!t->names || !t->messages || !t->numbers || !t->status || !t->values) {
        sbi_toys_destroy(t);
        return SBI_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < cells; i++) t->values[i] = NAN;
    *out = t;
    return SBI_OK;
}

void sbi_toys_destroy(sbi_toys *t)
{
    if (!t) return;
    for (size_t i = 0; t->names && i < t->n_columns; i++) sbi_free(t->ctx, t->names[i]);
    for (size_t i = 0; t->messages && i < t->n; i++) sbi_free(t->ctx, t->messages[i]);
    sbi_free(t->ctx, t->names);
    sbi_free(t->ctx, t->messages);
    sbi_free(t->ctx, t->values);
    sbi_free(t->ctx, t->numbers);
    sbi_free(t->ctx, t->status);
    sbi_free(t->ctx, t);
}

sbi_status sbi_toys_fail_row(sbi_toys *t, size_t row, int32_t status, const char *message)
{
    t->status[row] = status;
    t->messages[row] = sbi_strdup(t->ctx, message);
    return t->messages[row] ? SBI_OK : SBI_ERR_NO_MEMORY;
}

/* ---- columns of a plan ---- */

static sbi_status name_next(sbi_toys *t, size_t *at, const char *prefix, const char *name, size_t index)
{
    t->names[*at] = name ? sbi_strf(t->ctx, "%s%s", prefix, name)
                    : index == SIZE_MAX ? sbi_strdup(t->ctx, prefix) : sbi_strf(t->ctx, "%s_%zu", prefix, index);
    return t->names[(*at)++] ? SBI_OK : SBI_ERR_NO_MEMORY;
}

/* Statistics in the order of their columns. */
static const struct {
    uint32_t flag;
    const char *name;
} tested[] = {{SBI_TOYS_T, "t"}, {SBI_TOYS_TTILDE, "ttilde"}, {SBI_TOYS_Q, "q"}, {SBI_TOYS_QTILDE, "qtilde"}};

static size_t count_columns(const toys_plan *plan)
{
    const uint32_t c = plan->o.compute;
    size_t n = 3 + (c & SBI_TOYS_PARAMETERS ? sbi_model_n_parameters(plan->model) : 0);
    for (size_t i = 0; i < sizeof tested / sizeof *tested; i++) n += c & tested[i].flag ? plan->o.n_tested : 0;
    n += (c & SBI_TOYS_Q0) != 0;
    n += c & SBI_TOYS_INTERVAL ? 2 : 0;
    return n + ((c & SBI_TOYS_LIMIT) != 0) + ((c & SBI_TOYS_SATURATED) != 0);
}

static sbi_status name_columns(sbi_toys *t, const toys_plan *plan)
{
    static const char *const always[] = {"nll", "value", "error"};
    const uint32_t c = plan->o.compute;
    size_t at = 0;
    for (int i = 0; i < 3; i++) SBI_TRY(name_next(t, &at, always[i], NULL, SIZE_MAX));
    for (size_t i = 0; i < sizeof tested / sizeof *tested; i++) {
        for (size_t j = 0; (c & tested[i].flag) && j < plan->o.n_tested; j++) SBI_TRY(name_next(t, &at, tested[i].name, NULL, j));
    }
    if (c & SBI_TOYS_Q0) SBI_TRY(name_next(t, &at, "q0", NULL, SIZE_MAX));
    if (c & SBI_TOYS_INTERVAL) SBI_TRY(name_next(t, &at, "lower", NULL, SIZE_MAX));
    if (c & SBI_TOYS_INTERVAL) SBI_TRY(name_next(t, &at, "upper", NULL, SIZE_MAX));
    if (c & SBI_TOYS_LIMIT) SBI_TRY(name_next(t, &at, "limit", NULL, SIZE_MAX));
    if (c & SBI_TOYS_SATURATED) SBI_TRY(name_next(t, &at, "saturated", NULL, SIZE_MAX));
    for (size_t k = 0; (c & SBI_TOYS_PARAMETERS) && k < sbi_model_n_parameters(plan->model); k++)
        SBI_TRY(name_next(t, &at, "fit:", sbi_model_parameter_name(plan->model, k), 0));
    return SBI_OK;
}

sbi_status sbi_toys_table(sbi_toys **out, sbi_context *ctx, const toys_plan *plan, int64_t first, size_t n)
{
    sbi_toys *t;
    SBI_TRY(sbi_toys_allocate(&t, ctx, n, count_columns(plan)));
    for (size_t i = 0; i < n; i++) t->numbers[i] = first + (int64_t)i;
    const sbi_status status = name_columns(t, plan);
    if (status != SBI_OK) {
        sbi_toys_destroy(t);
        *out = NULL;
        return status;
    }
    *out = t;
    return SBI_OK;
}

/* ---- questions ---- */

size_t sbi_toys_count(const sbi_toys *t)
{
    return t ? t->n : 0;
}

size_t sbi_toys_n_failed(const sbi_toys *t)
{
    size_t failed = 0;
    for (size_t i = 0; t && i < t->n; i++) failed += t->status[i] != 0;
    return failed;
}

size_t sbi_toys_n_columns(const sbi_toys *t)
{
    return t ? t->n_columns : 0;
}

const char *sbi_toys_column_name(const sbi_toys *t, size_t column)
{
    return t && column < t->n_columns ? t->names[column] : NULL;
}

const double *sbi_toys_values(const sbi_toys *t)
{
    return t ? t->values : NULL;
}

sbi_status sbi_toys_find(const sbi_toys *t, const char *name, size_t *column)
{
    for (*column = 0; *column < t->n_columns; ++*column) {
        if (strcmp(t->names[*column], name) == 0) return SBI_OK;
    }
    return sbi_fail(SBI_ERR_NOT_FOUND, "toys: there is no column \"%s\"", name);
}

sbi_status sbi_toys_column(const sbi_toys *t, const char *name, double *values)
{
    SBI_REQUIRE(t && name && values, "sbi_toys_column: an argument is NULL");
    size_t column;
    SBI_TRY(sbi_toys_find(t, name, &column));
    for (size_t i = 0; i < t->n; i++) values[i] = t->values[i * t->n_columns + column];
    return SBI_OK;
}

int64_t sbi_toys_number(const sbi_toys *t, size_t row)
{
    return t && row < t->n ? t->numbers[row] : -1;
}

int32_t sbi_toys_status(const sbi_toys *t, size_t row)
{
    return t && row < t->n ? t->status[row] : SBI_ERR_ARGUMENT;
}

const char *sbi_toys_message(const sbi_toys *t, size_t row)
{
    return t && row < t->n && t->messages[row] ? t->messages[row] : "";
}

/* ---- two tables ---- */

static sbi_status append(sbi_toys *to, size_t at, const sbi_toys *from)
{
    for (size_t i = 0; i < from->n; i++) {
        memcpy(to->values + (at + i) * to->n_columns, from->values + i * from->n_columns, to->n_columns * sizeof *to->values);
        to->numbers[at + i] = from->numbers[i];
        to->status[at + i] = from->status[i];
        if (from->messages[i]) SBI_TRY(sbi_toys_fail_row(to, at + i, from->status[i], from->messages[i]));
    }
    return SBI_OK;
}

sbi_status sbi_toys_concatenate(sbi_toys **out, const sbi_toys *a, const sbi_toys *b)
{
    SBI_REQUIRE(out, "sbi_toys_concatenate: out is NULL");
    *out = NULL;
    SBI_REQUIRE(a && b, "sbi_toys_concatenate: a or b is NULL");
    if (a->n_columns != b->n_columns)
        return sbi_fail(SBI_ERR_SHAPE, "sbi_toys_concatenate: %zu columns and %zu columns", a->n_columns, b->n_columns);
    for (size_t i = 0; i < a->n_columns; i++) {
        if (strcmp(a->names[i], b->names[i]) != 0)
            return sbi_fail(SBI_ERR_SHAPE, "sbi_toys_concatenate: column %zu is \"%s\" and \"%s\"", i, a->names[i], b->names[i]);
    }
    sbi_toys *t;
    SBI_TRY(sbi_toys_allocate(&t, a->ctx, a->n + b->n, a->n_columns));
    sbi_status status = append(t, 0, a);
    if (status == SBI_OK) status = append(t, a->n, b);
    for (size_t i = 0; i < a->n_columns && status == SBI_OK; i++) {
        t->names[i] = sbi_strdup(t->ctx, a->names[i]);
        if (!t->names[i]) status = SBI_ERR_NO_MEMORY;
    }
    if (status != SBI_OK) {
        sbi_toys_destroy(t);
        return status;
    }
    *out = t;
    return SBI_OK;
}
