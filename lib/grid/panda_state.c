/* SPDX-License-Identifier: Apache-2.0 */
/* What the executor "panda" knows of tasks and batches. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "grid/panda.h"

static size_t number_of(const panda *p, const char *key)
{
    const size_t index = sbi_table_find(&p->table, key);
    return index == SBI_TABLE_NONE ? PANDA_NONE : index;
}

panda_task *panda_lookup(const panda *p, const char *key)
{
    const size_t index = number_of(p, key);
    return index == PANDA_NONE ? NULL : p->tasks[index];
}

sbi_status panda_add_task(panda *p, const char *key, panda_task **out)
{
    *out = panda_lookup(p, key);
    if (*out) return SBI_OK;
    panda_task **grown = sbi_alloc_next(p->ctx, p->tasks, p->n_tasks, sizeof *grown);
    if (!grown) return SBI_ERR_NO_MEMORY;
    p->tasks = grown;
    panda_task *t = sbi_alloc_zero(p->ctx, 1, sizeof *t);
    if (!t) return SBI_ERR_NO_MEMORY;
    snprintf(t->key, sizeof t->key, "%s", key);
    t->batch = PANDA_NONE;
    t->report.struct_size = (uint32_t)sizeof t->report;
    snprintf(t->report.key, sizeof t->report.key, "%s", key);
    sbi_status status = sbi_table_insert(&p->table, t->key, p->n_tasks);
    if (status != SBI_OK) {
        sbi_free(p->ctx, t);
        return status;
    }
    p->tasks[p->n_tasks++] = t;
    *out = t;
    return SBI_OK;
}

panda_batch *panda_find_batch(const panda *p, const char *name)
{
    for (size_t i = p->n_batches; i-- > 0;) {
        if (strcmp(p->batches[i]->name, name) == 0) return p->batches[i];
    }
    return NULL;
}

static void belong(panda *p, panda_task *t, size_t batch, size_t index, int32_t attempt)
{
    if (t->batch != PANDA_NONE && p->batches[t->batch]->attempt >= attempt) return; /* it has this attempt, or a newer one, elsewhere */
    t->batch = batch;
    t->index = index;
    t->job = t->killed = t->heard = 0;
    t->phase = PANDA_LIVE;
    t->report = (sbi_task_report){.struct_size = (uint32_t)sizeof t->report, .state = SBI_TASK_PENDING, .attempt = attempt};
    snprintf(t->report.key, sizeof t->report.key, "%s", t->key);
}

sbi_status panda_add_batch(panda *p, const char *name, int64_t id, int32_t attempt, const char *const *keys, size_t n, panda_batch **out)
{
    *out = NULL;
    panda_batch **grown = sbi_alloc_next(p->ctx, p->batches, p->n_batches, sizeof *grown);
    if (!grown) return SBI_ERR_NO_MEMORY;
    p->batches = grown;
    panda_batch *b = sbi_alloc_zero(p->ctx, 1, sizeof *b);
    if (!b) return SBI_ERR_NO_MEMORY;
    snprintf(b->name, sizeof b->name, "%s", name);
    b->id = id;
    b->attempt = attempt;
    b->n = n;
    b->since = sbi_now_ms();
    b->tasks = sbi_alloc_array(p->ctx, n, sizeof *b->tasks);
    sbi_status status = b->tasks ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        panda_task *t;
        status = panda_add_task(p, keys[i], &t);
        if (status == SBI_OK) b->tasks[i] = number_of(p, keys[i]);
    }
    if (status != SBI_OK) {
        sbi_free(p->ctx, b->tasks);
        sbi_free(p->ctx, b);
        return status;
    }
    for (size_t i = 0; i < n; i++) belong(p, p->tasks[b->tasks[i]], p->n_batches, i, attempt);
    p->batches[p->n_batches++] = b;
    *out = b;
    return SBI_OK;
}

panda_task *panda_live(const panda *p, const panda_batch *b, size_t index)
{
    if (index >= b->n) return NULL;
    panda_task *t = p->tasks[b->tasks[index]];
    return t->phase == PANDA_LIVE && t->index == index && t->batch < p->n_batches && p->batches[t->batch] == b ? t : NULL;
}

void panda_end(panda *p, panda_task *t, int32_t state, sbi_status status, const char *message)
{
    (void)p;
    if (t->phase == PANDA_ENDED) return;
    t->phase = PANDA_ENDED;
    t->changed = 1;
    if (t->cancelled && state != SBI_TASK_DONE) {
        state = SBI_TASK_CANCELLED;
        status = SBI_ERR_CANCELLED;
    }
    t->report.state = state;
    t->report.status = state == SBI_TASK_DONE ? SBI_OK : status;
    if (state == SBI_TASK_DONE) t->report.progress = 1;
    if (message && message != t->report.message)
        snprintf(t->report.message, sizeof t->report.message, "%.*s", (int)sizeof t->report.message - 1, message);
}

void panda_free_state(panda *p)
{
    for (size_t i = 0; i < p->n_batches; i++) {
        sbi_free(p->ctx, p->batches[i]->tasks);
        sbi_free(p->ctx, p->batches[i]->jobs);
        sbi_free(p->ctx, p->batches[i]);
    }
    for (size_t i = 0; i < p->n_arrays; i++) sbi_free(p->ctx, p->arrays[i].text);
    for (size_t i = 0; i < p->n_tasks; i++) sbi_free(p->ctx, p->tasks[i]);
    sbi_free(p->ctx, p->arrays);
    sbi_free(p->ctx, p->batches);
    sbi_free(p->ctx, p->tasks);
    sbi_table_free(&p->table);
}
