/* SPDX-License-Identifier: Apache-2.0 */
/* Creating tapes; parameters, constants, event sets, and the questions about them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tape/program.h"
#include "tape/record.h"
#include "tape/source.h"

sbi_status sbi_tape_create(sbi_tape **out, sbi_context *ctx)
{
    SBI_REQUIRE(out, "sbi_tape_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx, "sbi_tape_create: ctx is NULL");
    sbi_tape *tape = sbi_alloc_zero(ctx, 1, sizeof *tape);
    if (!tape) return SBI_ERR_NO_MEMORY;
    tape->ctx = ctx;
    *out = tape;
    return SBI_OK;
}

void sbi_tape_destroy(sbi_tape *tape)
{
    if (!tape) return;
    sbi_context *ctx = tape->ctx;
    sbi_program_destroy(ctx, tape->program);
    for (size_t i = 0; i < tape->n_params; i++)
        sbi_free(ctx, tape->param_names[i]);
    for (size_t i = 0; i < tape->n_event_sets; i++)
        sbi_free(ctx, tape->event_sets[i].name);
    for (size_t i = 0; i < tape->n_columns; i++)
        sbi_free(ctx, tape->columns[i].name);
    for (size_t i = 0; i < tape->n_morphs; i++) {
        sbi_free(ctx, tape->morphs[i].alphas);
        sbi_free(ctx, tape->morphs[i].columns);
        sbi_free(ctx, tape->morphs[i].up);
        sbi_free(ctx, tape->morphs[i].ranges);
    }
    for (size_t i = 0; i < tape->n_sources; i++) {
        sbi_source_destroy(&tape->sources[i]);
        sbi_free(ctx, tape->sources[i].name);
    }
    sbi_free(ctx, tape->sources);
    sbi_tape_applications_clear(tape);
    sbi_tape_maps_clear(tape);
    sbi_free(ctx, tape->nodes);
    sbi_free(ctx, tape->param_names);
    sbi_free(ctx, tape->param_nodes);
    sbi_free(ctx, tape->param_hash);
    sbi_free(ctx, tape->event_sets);
    sbi_free(ctx, tape->columns);
    sbi_free(ctx, tape->morphs);
    sbi_free(ctx, tape->interpolations);
    sbi_free(ctx, tape);
}

sbi_var sbi_tape_failed(sbi_tape *tape, sbi_status status)
{
    if (tape->status == SBI_OK) {
        tape->status = status;
        snprintf(tape->message, sizeof tape->message, "%s", sbi_last_error());
    }
    return SBI_VAR_INVALID;
}

int sbi_tape_recording(sbi_tape *tape, const char *function)
{
    if (!tape) {
        sbi_fail(SBI_ERR_ARGUMENT, "%s: tape is NULL", function);
        return 0;
    }
    if (tape->program) { /* a sealed tape is immutable, so the failure is not kept */
        sbi_fail(SBI_ERR_STATE, "%s: the tape is sealed", function);
        return 0;
    }
    if (tape->status != SBI_OK) {
        sbi_error_set_message(tape->message);
        return 0;
    }
    return 1;
}

int sbi_tape_operand(sbi_tape *tape, sbi_var v, const char *function)
{
    if (v >= 0 && (size_t)v < tape->n_nodes) return 1;
    sbi_tape_failed(tape, sbi_fail(SBI_ERR_ARGUMENT, "%s: operand %d is not a node of this tape", function, v));
    return 0;
}

sbi_status sbi_tape_reserve(sbi_tape *tape, void **items, size_t *capacity, size_t n, size_t size)
{
    if (n < *capacity) return SBI_OK;
    size_t wanted = *capacity ? 2 * *capacity : 16;
    void *grown = sbi_realloc_array(tape->ctx, *items, wanted, size);
    if (!grown) return SBI_ERR_NO_MEMORY;
    *items = grown;
    *capacity = wanted;
    return SBI_OK;
}

#define RESERVE(tape, list, cap, n) sbi_tape_reserve(tape, (void **)&(tape)->list, &(tape)->cap, n, sizeof *(tape)->list)

sbi_var sbi_tape_append(sbi_tape *tape, const sbi_node *node)
{
    sbi_status status = RESERVE(tape, nodes, cap_nodes, tape->n_nodes);
    if (status == SBI_OK && tape->n_nodes >= INT32_MAX - 1)
        status = sbi_fail(SBI_ERR_UNSUPPORTED, "a tape holds at most 2^31 nodes");
    if (status != SBI_OK) return sbi_tape_failed(tape, status);
    tape->nodes[tape->n_nodes] = *node;
    return (sbi_var)tape->n_nodes++;
}

/* ---- parameters ------------------------------------------------------------------------------------------------ */

static size_t hash_of(const char *name)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return (size_t)(h ^ (h >> 32));
}

/* The slot of a name in the hash: where it is, or where it would go. */
static size_t hash_slot(const sbi_tape *tape, const char *name)
{
    size_t i = hash_of(name) & (tape->cap_hash - 1);
    while (tape->param_hash[i] && strcmp(tape->param_names[tape->param_hash[i] - 1], name) != 0)
        i = (i + 1) & (tape->cap_hash - 1);
    return i;
}

static sbi_status hash_grow(sbi_tape *tape)
{
    if (2 * (tape->n_params + 1) <= tape->cap_hash) return SBI_OK;
    size_t capacity = tape->cap_hash ? 2 * tape->cap_hash : 64;
    int32_t *fresh = sbi_alloc_zero(tape->ctx, capacity, sizeof *fresh);
    if (!fresh) return SBI_ERR_NO_MEMORY;
    sbi_free(tape->ctx, tape->param_hash);
    tape->param_hash = fresh;
    tape->cap_hash = capacity;
    for (size_t i = 0; i < tape->n_params; i++)
        tape->param_hash[hash_slot(tape, tape->param_names[i])] = (int32_t)i + 1;
    return SBI_OK;
}

sbi_var sbi_tape_param(sbi_tape *tape, const char *name)
{
    if (!sbi_tape_recording(tape, "sbi_tape_param")) return SBI_VAR_INVALID;
    if (!name || !*name)
        return sbi_tape_failed(tape, sbi_fail(SBI_ERR_ARGUMENT, "sbi_tape_param: name is %s", name ? "empty" : "NULL"));
    sbi_status status = hash_grow(tape);
    if (status != SBI_OK) return sbi_tape_failed(tape, status);
    size_t slot = hash_slot(tape, name);
    if (tape->param_hash[slot]) return tape->param_nodes[tape->param_hash[slot] - 1];
    size_t cap_nodes = tape->cap_params;
    status = sbi_tape_reserve(tape, (void **)&tape->param_nodes, &cap_nodes, tape->n_params, sizeof(int32_t));
    if (status == SBI_OK) status = RESERVE(tape, param_names, cap_params, tape->n_params);
    char *copy = status == SBI_OK ? sbi_strdup(tape->ctx, name) : NULL;
    if (!copy) return sbi_tape_failed(tape, SBI_ERR_NO_MEMORY);
    sbi_node node = {.op = SBI_NODE_PARAM, .a = -1, .b = -1, .events = -1, .active = 1};
    node.payload = (int32_t)tape->n_params;
    sbi_var v = sbi_tape_append(tape, &node);
    if (v < 0) {
        sbi_free(tape->ctx, copy);
        return v;
    }
    tape->param_names[tape->n_params] = copy;
    tape->param_nodes[tape->n_params] = v;
    tape->param_hash[slot] = (int32_t)++tape->n_params;
    return v;
}

size_t sbi_tape_n_params(const sbi_tape *tape) { return tape ? tape->n_params : 0; }

const char *sbi_tape_param_name(const sbi_tape *tape, size_t index)
{
    return tape && index < tape->n_params ? tape->param_names[index] : NULL;
}

sbi_status sbi_tape_param_index(const sbi_tape *tape, const char *name, size_t *index)
{
    SBI_REQUIRE(tape && name && index, "sbi_tape_param_index: tape, name or index is NULL");
    if (tape->n_params) {
        size_t slot = hash_slot(tape, name);
        if (tape->param_hash[slot]) {
            *index = (size_t)tape->param_hash[slot] - 1;
            return SBI_OK;
        }
    }
    return sbi_fail(SBI_ERR_NOT_FOUND, "no parameter is named \"%s\"", name);
}

/* ---- constants and event sets ---------------------------------------------------------------------------------- */

sbi_var sbi_tape_constant(sbi_tape *tape, double value)
{
    if (!sbi_tape_recording(tape, "sbi_tape_constant")) return SBI_VAR_INVALID;
    if (!isfinite(value))
        return sbi_tape_failed(tape, sbi_fail(SBI_ERR_VALUE, "sbi_tape_constant: the value is %g", value));
    sbi_node node = {.op = SBI_NODE_CONSTANT, .a = -1, .b = -1, .events = -1, .value = value};
    return sbi_tape_append(tape, &node);
}

sbi_events sbi_tape_events(sbi_tape *tape, const char *name, int64_t n)
{
    if (!sbi_tape_recording(tape, "sbi_tape_events")) return SBI_VAR_INVALID;
    if (!name) return sbi_tape_failed(tape, sbi_fail(SBI_ERR_ARGUMENT, "sbi_tape_events: name is NULL"));
    if (n < 0)
        return sbi_tape_failed(
            tape, sbi_fail(SBI_ERR_ARGUMENT, "sbi_tape_events: \"%s\" has %lld events", name, (long long)n));
    sbi_status status = RESERVE(tape, event_sets, cap_event_sets, tape->n_event_sets);
    char *copy = status == SBI_OK ? sbi_strdup(tape->ctx, name) : NULL;
    if (!copy) return sbi_tape_failed(tape, SBI_ERR_NO_MEMORY);
    tape->event_sets[tape->n_event_sets] = (sbi_event_set){copy, n};
    return (sbi_events)tape->n_event_sets++;
}

sbi_status sbi_tape_status(const sbi_tape *tape)
{
    SBI_REQUIRE(tape, "sbi_tape_status: tape is NULL");
    if (tape->status != SBI_OK) sbi_error_set_message(tape->message);
    return tape->status;
}
