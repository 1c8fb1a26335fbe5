/* SPDX-License-Identifier: Apache-2.0 */
/* Registered functions of one number, of a scalar or event by event: recording and evaluation. */
#include <math.h>

#include "base/options.h"
#include "tape/function.h"

void sbi_tape_map_function_init(sbi_tape_map_function *function)
{
    if (!function) return;
    const sbi_tape_map_function defaults = SBI_TAPE_MAP_FUNCTION_INIT;
    *function = defaults;
}

void sbi_tape_maps_clear(sbi_tape *tape)
{
    for (size_t i = 0; i < tape->n_maps; i++) {
        if (tape->maps[i].destroy) tape->maps[i].destroy(tape->maps[i].user);
        sbi_free(tape->ctx, (char *)(uintptr_t)tape->maps[i].name);
    }
    sbi_free(tape->ctx, tape->maps);
}

static sbi_status record_map(sbi_tape *tape, const sbi_tape_map_function *function, sbi_var x, sbi_node *node)
{
    SBI_REQUIRE(function->name && *function->name, "sbi_tape_map: the function's name is %s", function->name ? "empty" : "NULL");
    SBI_REQUIRE(function->evaluate, "sbi_tape_map: evaluate of %s is NULL", function->name);
    SBI_REQUIRE(x >= 0 && (size_t)x < tape->n_nodes, "sbi_tape_map: operand %d of %s is not a node of this tape", x,
                function->name);
    SBI_TRY(sbi_tape_reserve(tape, (void **)&tape->maps, &tape->cap_maps, tape->n_maps, sizeof *tape->maps));
    sbi_tape_map_function f = *function;
    f.name = sbi_strdup(tape->ctx, function->name);
    if (!f.name) return SBI_ERR_NO_MEMORY;
    const sbi_node *operand = &tape->nodes[x];
    *node = (sbi_node){.op = SBI_NARROW_MAP, .a = x, .b = -1, .events = operand->events, .stage = operand->stage};
    node->active = operand->active;
    node->payload = (int32_t)tape->n_maps;
    tape->maps[tape->n_maps++] = f;
    return SBI_OK;
}

sbi_var sbi_tape_map(sbi_tape *tape, const sbi_tape_map_function *function, sbi_var x)
{
    sbi_tape_map_function f = SBI_TAPE_MAP_FUNCTION_INIT;
    sbi_status status = function ? sbi_options_read(&f, sizeof f, sizeof f, function, "sbi_tape_map_function")
                                 : sbi_fail(SBI_ERR_ARGUMENT, "sbi_tape_map: function is NULL");
    if (status != SBI_OK) return tape && !tape->program ? sbi_tape_failed(tape, status) : SBI_VAR_INVALID;
    sbi_node node;
    if (sbi_tape_recording(tape, "sbi_tape_map")) {
        status = record_map(tape, &f, x, &node);
        if (status == SBI_OK) return sbi_tape_append(tape, &node);
        sbi_tape_failed(tape, status);
    }
    if (f.destroy) f.destroy(f.user);
    return SBI_VAR_INVALID;
}

sbi_status sbi_map_scalar(const sbi_tape *tape, const sbi_scalar_op *op, double x, int order, double f[3])
{
    const sbi_tape_map_function *map = &tape->maps[op->payload];
    const int wanted = op->active ? order : 0;
    f[1] = f[2] = 0.0;
    char message[SBI_ERROR_MESSAGE_SIZE];
    sbi_callback_begin(message);
    const sbi_status status = map->evaluate(&x, 1, &f[0], wanted > 0 ? &f[1] : NULL, wanted > 1 ? &f[2] : NULL, map->user);
    if (status == SBI_OK) sbi_callback_end(message);
    if (status == SBI_OK && isinf(f[0]) && f[0] > 0.0) return SBI_OK;
    if (status == SBI_OK && isfinite(f[0]) && isfinite(f[1]) && isfinite(f[2])) return SBI_OK;
    char where[300];
    sbi_node_describe(tape, op->node, where, sizeof where);
    if (status != SBI_OK) return sbi_callback_failed(status, where);
    const int which = !isfinite(f[0]) ? 0 : !isfinite(f[1]) ? 1 : 2;
    static const char *const names[] = {"value", "derivative", "second derivative"};
    return sbi_fail(SBI_ERR_DOMAIN, "%s: the %s is %g at %.17g", where, names[which], f[which], x);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

/* Puts result i back at the i-th event that counts, zero elsewhere; backwards, since it happens in place. */
static void spread(const double *weight, const double *x, size_t n, size_t count, double *row)
{
    for (size_t e = n; e-- > 0;)
        row[e] = weight[e] != 0.0 && isfinite(x[e]) ? row[--count] : 0.0;
}

/* Only events that count are shown to the callback: those of weight zero and padding have arguments that need not make sense. */
void sbi_narrow_map_rows(const sbi_narrow_rows *rows, size_t index, sbi_narrow_faults *faults)
{
    const sbi_narrow_op *op = rows->ops + index;
    const double *x = rows->value[op->a], *w = rows->weight;
    const int order = op->active_a ? rows->order : 0;
    double *f = rows->value[op->out], *packed = rows->aux[op->aux + 2];
    double *f1 = order > 0 ? rows->aux[op->aux] : NULL, *f2 = order > 1 ? rows->aux[op->aux + 1] : NULL;
    int64_t bad = 0, first_bad = -1;
    size_t count = 0;
    if (faults->domain_op >= 0) return;
    for (size_t e = 0; e < rows->n; e++) {
        if (w[e] == 0.0) continue;
        if (isfinite(x[e])) {
            packed[count++] = x[e];
        } else if (!faults->bad_events) { /* else it is a logarithm's doing, and counted there */
            bad++;
            if (first_bad < 0) first_bad = (int64_t)e;
        }
    }
    if (count > 0) {
        char message[SBI_ERROR_MESSAGE_SIZE];
        sbi_callback_begin(message);
        const sbi_status status = op->map.evaluate(packed, count, f, f1, f2, op->map.user);
        if (status != SBI_OK) {
            faults->domain_op = (int32_t)index;
            faults->map_status = status;
            return;
        }
        sbi_callback_end(message);
    }
    spread(w, x, rows->n, count, f);
    if (f1) spread(w, x, rows->n, count, f1);
    if (f2) spread(w, x, rows->n, count, f2);
    for (size_t e = 0; e < rows->n; e++) {
        if (isfinite(f[e]) && (!f1 || isfinite(f1[e])) && (!f2 || isfinite(f2[e]))) continue;
        if (isinf(f[e]) && f[e] > 0.0) {
            bad++;
            if (first_bad < 0 || first_bad > (int64_t)e) first_bad = (int64_t)e;
        } else if (faults->domain_op < 0) {
            faults->domain_op = (int32_t)index;
            faults->domain_event = (int64_t)e;
        }
    }
    if (!bad) return;
    faults->bad_events += bad;
    if (faults->first_bad < 0 || faults->first_bad > first_bad) faults->first_bad = first_bad;
}
