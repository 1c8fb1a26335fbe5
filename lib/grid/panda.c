/* SPDX-License-Identifier: Apache-2.0 */
/* The executor "panda": tasks as jobs of tasks of PanDA, inputs and results through a store. docs/panda.md.
 *
 * Everything happens in the calling thread. All that has to outlive the client is on the server and in the store: the keys of a batch are in a list whose
 * name is in the name of PanDA's task. */
#include "grid/panda.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/grid.h"

#define SLICE_MS 50  /* between looks at whether the caller cancelled */
#define LOOK_MS 250  /* between looks at the heartbeat of one task that runs */

static sbi_status executor_submit(void *self, const sbi_task *tasks, size_t n)
{
    return panda_submit(self, tasks, n);
}

/* ---- poll ------------------------------------------------------------------------------------------------------ */

static size_t collect(panda *p, sbi_task_report *reports, size_t capacity)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_tasks && n < capacity; i++) {
        panda_task *t = p->tasks[i];
        if (!t->changed || !t->wanted || t->phase == PANDA_KNOWN) continue;
        t->changed = 0;
        reports[n++] = t->report;
    }
    return n;
}

/* One heartbeat of one task that runs, in turn. A result that is there ends it long before PanDA has moved its log. */
static void look_at_one(panda *p)
{
    const int64_t now = sbi_now_ms();
    for (size_t i = 0; i < p->n_tasks; i++) {
        panda_task *t = p->tasks[(p->next_look + i) % p->n_tasks];
        if (t->phase != PANDA_LIVE || !t->wanted || t->report.state != SBI_TASK_RUNNING || now - t->looked < 1000 * p->o.heartbeat_s) continue;
        sbi_task_report report = {.struct_size = (uint32_t)sizeof report};
        int64_t heard;
        p->next_look = (p->next_look + i + 1) % p->n_tasks;
        t->looked = now;
        if (sbi_job_look(p->ctx, p->store, t->key, &report, &heard) != SBI_OK) return;
        if (report.state != SBI_TASK_DONE && (report.state != SBI_TASK_RUNNING || heard == t->heard)) return;
        report.attempt = t->report.attempt;
        t->report = report;
        t->heard = heard;
        t->changed = 1;
        if (report.state == SBI_TASK_DONE) panda_end(p, t, SBI_TASK_DONE, SBI_OK, NULL);
        return;
    }
}

static sbi_status executor_poll(void *self, sbi_task_report *reports, size_t capacity, size_t *n, int32_t timeout_ms)
{
    panda *p = self;
    const int64_t end = sbi_now_ms() + timeout_ms, interval = (int64_t)(1000 * p->o.interval_s);
    int64_t looked = sbi_now_ms();
    for (;;) {
        *n = collect(p, reports, capacity);
        const int64_t now = sbi_now_ms();
        if (*n) return SBI_OK;
        if (now - p->asked >= interval) {
            SBI_TRY(panda_ask(p));
            *n = collect(p, reports, capacity);
        }
        if (*n || now >= end) return SBI_OK;
        SBI_TRY(sbi_check_cancel(p->ctx, "panda"));
        const int64_t rest = end - now < SLICE_MS ? end - now : SLICE_MS;
        const struct timespec slice = {0, rest * 1000000};
        nanosleep(&slice, NULL);
        if (now - looked > LOOK_MS) {
            looked = now;
            look_at_one(p);
        }
    }
}

/* ---- results --------------------------------------------------------------------------------------------------- */

static sbi_status executor_fetch(void *self, const char *key, sbi_sink *sink)
{
    panda *p = self;
    const panda_task *t = panda_lookup(p, key);
    if (!t || t->report.state != SBI_TASK_DONE) return sbi_fail(SBI_ERR_NOT_FOUND, "task %s: there is no result", key);
    return sbi_job_fetch(p->ctx, p->store, key, sink);
}

static sbi_status executor_log(void *self, const char *key, sbi_sink *sink)
{
    panda *p = self;
    if (!panda_lookup(p, key)) return sbi_fail(SBI_ERR_NOT_FOUND, "task %s is not known", key);
    return sbi_job_log(p->ctx, p->store, key, sink);
}

static sbi_status executor_cancel(void *self, const char *const *keys, size_t n)
{
    return panda_cancel(self, keys, n);
}

static sbi_status executor_capabilities(void *self, sbi_executor_caps *caps)
{
    const panda *p = self;
    caps->survives = 1;
    caps->has_log = 1;
    caps->has_cancel = 1;
    caps->stages = 1;
    caps->batch = (uint64_t)p->o.batch;
    snprintf(caps->name, sizeof caps->name, "panda");
    return SBI_OK;
}

/* ---- opening and closing --------------------------------------------------------------------------------------- */

static void executor_close(void *self)
{
    panda *p = self;
    panda_free_state(p);
    panda_api_close(&p->api);
    sbi_store_close(p->store);
    sbi_free(p->ctx, p->sandbox_url);
    grid_config_clear(&p->config);
    sbi_free(p->ctx, p);
}

static const sbi_executor_ops panda_ops = {
    .struct_size = sizeof(sbi_executor_ops),
    .abi = SBI_EXECUTOR_ABI,
    .submit = executor_submit,
    .poll = executor_poll,
    .fetch = executor_fetch,
    .log = executor_log,
    .cancel = executor_cancel,
    .capabilities = executor_capabilities,
    .close = executor_close,
};

static sbi_status open_store(panda *p)
{
    sbi_text text;
    if (!p->o.store_config) return sbi_store_open(&p->store, p->ctx, p->o.store, NULL);
    sbi_text_init(&text, p->ctx);
    sbi_status status = sbi_json_canonical(&text, p->o.store_config);
    if (status == SBI_OK) status = sbi_store_open(&p->store, p->ctx, p->o.store, text.data);
    sbi_text_clear(&text);
    return status;
}

static sbi_status set_up(panda *p, const char *config)
{
    const char *const *const lists[] = {panda_option_keys, panda_api_keys, panda_auth_keys};
    const char *keys[48];
    size_t n = 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (size_t j = 0; lists[i][j] && n < sizeof keys / sizeof *keys - 1; j++) keys[n++] = lists[i][j];
    }
    keys[n] = NULL;
    SBI_TRY(grid_config_read(&p->config, config, "executor \"panda\"", keys));
    SBI_TRY(panda_options_read(&p->o, &p->config));
    SBI_TRY(open_store(p));
    return panda_api_open(&p->api, p->ctx, &p->config);
}

sbi_status grid_panda_open(void *user, sbi_context *ctx, const char *config, const sbi_executor_ops **ops, void **self)
{
    (void)user;
    panda *p = sbi_alloc_zero(ctx, 1, sizeof *p);
    if (!p) return SBI_ERR_NO_MEMORY;
    p->ctx = ctx;
    sbi_table_init(&p->table, ctx);
    sbi_status status = set_up(p, config);
    if (status != SBI_OK) {
        executor_close(p);
        return status;
    }
    *ops = &panda_ops;
    *self = p;
    return SBI_OK;
}
