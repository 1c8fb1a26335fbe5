/* SPDX-License-Identifier: Apache-2.0 */
/* An executor around another one that stages jobs, for the conformance suite, whose specs are no jobs: they are put into the store before the inner
 * executor sees them, so that sbi_job_stage() finds that all is done. */
#ifndef TESTS_SUPPORT_STAGING_EXECUTOR_H
#define TESTS_SUPPORT_STAGING_EXECUTOR_H

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "sbi/store.h"

typedef struct staging_executor {
    sbi_executor *inner;
    sbi_store *store;
} staging_executor;

static inline sbi_status staging_submit(void *self, const sbi_task *tasks, size_t n)
{
    staging_executor *s = self;
    for (size_t i = 0; i < n; i++) {
        char name[128];
        snprintf(name, sizeof name, "jobs/%s/spec.json", tasks[i].key);
        SBI_TRY(sbi_store_put_bytes(s->store, name, tasks[i].spec, tasks[i].spec_size, 0));
    }
    return sbi_executor_submit(s->inner, tasks, n);
}

static inline sbi_status staging_poll(void *self, sbi_task_report *reports, size_t capacity, size_t *n, int32_t timeout_ms)
{
    return sbi_executor_poll(((staging_executor *)self)->inner, reports, capacity, n, timeout_ms);
}

static inline sbi_status staging_fetch(void *self, const char *key, sbi_sink *sink)
{
    return sbi_executor_fetch(((staging_executor *)self)->inner, key, sink);
}

static inline sbi_status staging_log(void *self, const char *key, sbi_sink *sink)
{
    return sbi_executor_log(((staging_executor *)self)->inner, key, sink);
}

static inline sbi_status staging_cancel(void *self, const char *const *keys, size_t n)
{
    return sbi_executor_cancel(((staging_executor *)self)->inner, keys, n);
}

static inline sbi_status staging_release(void *self, const char *const *keys, size_t n)
{
    return sbi_executor_release(((staging_executor *)self)->inner, keys, n);
}

static inline sbi_status staging_capabilities(void *self, sbi_executor_caps *caps)
{
    return sbi_executor_capabilities(((staging_executor *)self)->inner, caps);
}

static inline void staging_close(void *self)
{
    staging_executor *s = self;
    sbi_executor_close(s->inner);
    sbi_store_close(s->store);
    free(s);
}

/* Takes the inner executor and the store, also on failure. */
static inline sbi_status staging_executor_wrap(sbi_executor **out, sbi_context *ctx, sbi_executor *inner, sbi_store *store)
{
    static const sbi_executor_ops ops = {sizeof ops,      SBI_EXECUTOR_ABI, staging_submit,       staging_poll,  staging_fetch,
                                         staging_log,     staging_cancel,   staging_capabilities, staging_close, staging_release};
    staging_executor *s = malloc(sizeof *s);
    if (!s) return SBI_ERR_NO_MEMORY;
    *s = (staging_executor){inner, store};
    sbi_status status = sbi_executor_create(out, ctx, &ops, s);
    if (status != SBI_OK) staging_close(s);
    return status;
}

#endif
