/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/executor.h"

#include <stdio.h>
#include <string.h>

#include "base/attach.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "exec/grid_plugin.h"

struct sbi_executor {
    sbi_context *ctx;
    sbi_executor_ops ops;
    void *self;
    char *name, *config; /* how it was opened, NULL: not by name */
    int complete;
};

const char *sbi_task_state_name(int32_t state)
{
    switch (state) {
    case SBI_TASK_PENDING: return "pending";
    case SBI_TASK_RUNNING: return "running";
    case SBI_TASK_DONE: return "done";
    case SBI_TASK_FAILED: return "failed";
    case SBI_TASK_LOST: return "lost";
    case SBI_TASK_TRANSIENT: return "transient failure";
    case SBI_TASK_PREEMPTED: return "preempted";
    case SBI_TASK_OUT_OF_MEMORY: return "out of memory";
    case SBI_TASK_REJECTED: return "rejected";
    case SBI_TASK_CANCELLED: return "cancelled";
    default: return "unknown";
    }
}

int sbi_task_state_final(int32_t state)
{
    return state >= SBI_TASK_DONE && state <= SBI_TASK_CANCELLED;
}

int sbi_task_key_valid(const char *key)
{
    size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n > 0 && n <= SBI_TASK_KEY_MAX && key[n] == '\0';
}

sbi_status sbi_sink_write(sbi_sink *sink, const void *data, size_t size)
{
    return size ? sink->write(sink->user, data, size) : SBI_OK;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

/* Everything up to `close` was there in ABI 1 from the start. */
#define SMALLEST_OPS (offsetof(sbi_executor_ops, close) + sizeof(void (*)(void *)))

sbi_status sbi_executor_create(sbi_executor **out, sbi_context *ctx, const sbi_executor_ops *ops, void *self)
{
    SBI_REQUIRE(out, "sbi_executor_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx, "sbi_executor_create: ctx is NULL");
    SBI_REQUIRE(ops, "sbi_executor_create: ops is NULL");
    if (ops->struct_size < SMALLEST_OPS)
        return sbi_fail(SBI_ERR_ABI, "sbi_executor_ops: struct_size is %u, expected %zu or more",
                        (unsigned)ops->struct_size, SMALLEST_OPS);
    if (ops->abi != SBI_EXECUTOR_ABI)
        return sbi_fail(SBI_ERR_ABI, "sbi_executor_ops: abi is %u, this library speaks %u", (unsigned)ops->abi,
                        (unsigned)SBI_EXECUTOR_ABI);
    SBI_REQUIRE(ops->submit && ops->poll && ops->fetch && ops->capabilities && ops->close,
                "sbi_executor_ops: submit, poll, fetch, capabilities and close must not be NULL");
    sbi_executor *exec = sbi_alloc_zero(ctx, 1, sizeof *exec);
    if (!exec) return SBI_ERR_NO_MEMORY;
    exec->ctx = ctx;
    memcpy(&exec->ops, ops, ops->struct_size < sizeof exec->ops ? ops->struct_size : sizeof exec->ops);
    exec->self = self;
    *out = exec;
    return SBI_OK;
}

void sbi_executor_close(sbi_executor *exec)
{
    if (!exec) return;
    exec->ops.close(exec->self);
    sbi_free(exec->ctx, exec->name);
    sbi_free(exec->ctx, exec->config);
    sbi_free(exec->ctx, exec);
}

sbi_status sbi_executor_remember(sbi_executor *exec, const char *name, const char *config)
{
    sbi_text text;
    sbi_text_init(&text, exec->ctx);
    sbi_status status = sbi_executor_redact(&text, config ? config : "{}", &exec->complete);
    if (status == SBI_OK) {
        exec->name = sbi_strdup(exec->ctx, name);
        exec->config = sbi_strdup(exec->ctx, text.data);
        if (!exec->name || !exec->config) status = SBI_ERR_NO_MEMORY;
    }
    sbi_text_clear(&text);
    return status;
}

const char *sbi_executor_recipe(const sbi_executor *exec, const char **config, int *complete)
{
    *config = exec->config;
    *complete = exec->complete;
    return exec->name;
}

typedef struct registration {
    sbi_executor_open_fn open;
    void *user;
} registration;

#define PREFIX "executor/"

sbi_status sbi_executor_register(sbi_context *ctx, const char *name, sbi_executor_open_fn open, void *user)
{
    SBI_REQUIRE(ctx, "sbi_executor_register: ctx is NULL");
    SBI_REQUIRE(name && *name, "sbi_executor_register: the name is NULL or empty");
    SBI_REQUIRE(open, "sbi_executor_register: open is NULL");
    if (strcmp(name, "local") == 0 || strcmp(name, "processes") == 0)
        return sbi_fail(SBI_ERR_EXISTS, "executor \"%s\": the name is taken", name);
    char *full = sbi_strf(ctx, PREFIX "%s", name);
    if (!full) return SBI_ERR_NO_MEMORY;
    registration r = {open, user};
    sbi_status status = sbi_context_attach(ctx, full, &r, sizeof r);
    sbi_free(ctx, full);
    return status;
}

static void add_name(void *user, const char *name)
{
    sbi_text_addf(user, ", \"%s\"", name + strlen(PREFIX));
}

static sbi_status unknown_name(sbi_context *ctx, const char *name, const char *built_in)
{
    sbi_text names;
    sbi_text_init(&names, ctx);
    sbi_text_addf(&names, "%s", built_in);
    sbi_context_each_attached(ctx, PREFIX, add_name, &names);
    sbi_status status = names.status;
    const sbi_grid_plugin *plugin;
    char why[SBI_ERROR_MESSAGE_SIZE] = "";
    if (sbi_grid_plugin_load(&plugin, ctx) != SBI_OK) snprintf(why, sizeof why, " (and %s)", sbi_last_error());
    if (status == SBI_OK)
        status = sbi_fail(SBI_ERR_NOT_FOUND, "no executor is called \"%s\"; there are: %s%s", name, names.data, why);
    sbi_text_clear(&names);
    return status;
}

/* NULL where the library for grids is missing or does not know it; unknown_name() tells why. */
static sbi_executor_open_fn open_of_grid(sbi_context *ctx, const char *name)
{
    const sbi_grid_plugin *plugin;
    return sbi_grid_plugin_load(&plugin, ctx) == SBI_OK ? plugin->executor(name) : NULL;
}

sbi_status sbi_executor_open_registered(sbi_executor **out, sbi_context *ctx, const char *name, const char *config,
                                        const char *built_in)
{
    char *full = sbi_strf(ctx, PREFIX "%s", name);
    if (!full) return SBI_ERR_NO_MEMORY;
    const registration *r = sbi_context_attached(ctx, full);
    sbi_free(ctx, full);
    const sbi_executor_open_fn open = r ? r->open : open_of_grid(ctx, name);
    if (!open) return unknown_name(ctx, name, built_in);
    const sbi_executor_ops *ops = NULL;
    void *self = NULL;
    SBI_TRY(open(r ? r->user : NULL, ctx, config, &ops, &self));
    sbi_status status = sbi_executor_create(out, ctx, ops, self);
    if (status != SBI_OK && ops && ops->close) ops->close(self);
    return status;
}

/* ---- the contract's functions ---------------------------------------------------------------------------------- */

sbi_status sbi_executor_submit(sbi_executor *exec, const sbi_task *tasks, size_t n)
{
    SBI_REQUIRE(exec, "sbi_executor_submit: exec is NULL");
    SBI_REQUIRE(tasks || !n, "sbi_executor_submit: tasks is NULL");
    for (size_t i = 0; i < n; i++) {
        const sbi_task *t = &tasks[i];
        if (t->struct_size != sizeof *t)
            return sbi_fail(SBI_ERR_ABI, "sbi_task: struct_size is %u, expected %zu", (unsigned)t->struct_size, sizeof *t);
        SBI_REQUIRE(t->key && sbi_task_key_valid(t->key),
                    "task %zu: the key \"%.80s\" is not 1 to 64 characters of [a-z0-9-]", i, t->key ? t->key : "");
        SBI_REQUIRE(t->spec || !t->spec_size, "task %s: spec is NULL but spec_size is %zu", t->key, t->spec_size);
        SBI_REQUIRE(t->attempt >= 1, "task %s: attempt is %d, expected 1 or more", t->key, (int)t->attempt);
    }
    return n ? exec->ops.submit(exec->self, tasks, n) : SBI_OK;
}

/* What comes from somebody else's code is made safe to read: texts end, numbers are in range. */
static sbi_status check_report(sbi_task_report *r)
{
    r->key[sizeof r->key - 1] = r->host[sizeof r->host - 1] = r->message[sizeof r->message - 1] = '\0';
    if (!sbi_task_key_valid(r->key)) return sbi_fail(SBI_ERR_CALLBACK, "executor: poll reported the key \"%s\"", r->key);
    if (r->state != SBI_TASK_PENDING && r->state != SBI_TASK_RUNNING && !sbi_task_state_final(r->state))
        return sbi_fail(SBI_ERR_CALLBACK, "executor: poll reported state %d of task %s", (int)r->state, r->key);
    if (!(r->progress >= 0)) r->progress = 0;
    if (r->progress > 1) r->progress = 1;
    if (!(r->seconds >= 0) || r->seconds > 1e12) r->seconds = 0;
    if (!(r->cpu_seconds >= 0) || r->cpu_seconds > 1e12) r->cpu_seconds = 0;
    return SBI_OK;
}

sbi_status sbi_executor_poll(sbi_executor *exec, sbi_task_report *reports, size_t capacity, size_t *n, int32_t timeout_ms)
{
    SBI_REQUIRE(n, "sbi_executor_poll: n is NULL");
    *n = 0;
    SBI_REQUIRE(exec, "sbi_executor_poll: exec is NULL");
    SBI_REQUIRE(reports && capacity, "sbi_executor_poll: no room for reports");
    SBI_REQUIRE(timeout_ms >= 0, "sbi_executor_poll: timeout_ms is %d", (int)timeout_ms);
    memset(reports, 0, capacity * sizeof *reports);
    for (size_t i = 0; i < capacity; i++) reports[i].struct_size = (uint32_t)sizeof *reports;
    size_t got = 0;
    SBI_TRY(exec->ops.poll(exec->self, reports, capacity, &got, timeout_ms));
    if (got > capacity)
        return sbi_fail(SBI_ERR_CALLBACK, "executor: poll wrote %zu reports, there was room for %zu", got, capacity);
    for (size_t i = 0; i < got; i++) SBI_TRY(check_report(&reports[i]));
    *n = got;
    return SBI_OK;
}

static sbi_status check_sink(const char *function, const sbi_executor *exec, const char *key, const sbi_sink *sink)
{
    SBI_REQUIRE(exec, "%s: exec is NULL", function);
    SBI_REQUIRE(key, "%s: key is NULL", function);
    SBI_REQUIRE(sink && sink->write, "%s: there is no sink", function);
    if (sink->struct_size < sizeof *sink)
        return sbi_fail(SBI_ERR_ABI, "sbi_sink: struct_size is %u, expected %zu", (unsigned)sink->struct_size, sizeof *sink);
    return SBI_OK;
}

sbi_status sbi_executor_fetch(sbi_executor *exec, const char *key, sbi_sink *sink)
{
    SBI_TRY(check_sink("sbi_executor_fetch", exec, key, sink));
    return exec->ops.fetch(exec->self, key, sink);
}

sbi_status sbi_executor_log(sbi_executor *exec, const char *key, sbi_sink *sink)
{
    SBI_TRY(check_sink("sbi_executor_log", exec, key, sink));
    if (!exec->ops.log) return sbi_fail(SBI_ERR_UNSUPPORTED, "this executor keeps no logs");
    return exec->ops.log(exec->self, key, sink);
}

sbi_status sbi_executor_cancel(sbi_executor *exec, const char *const *keys, size_t n)
{
    SBI_REQUIRE(exec, "sbi_executor_cancel: exec is NULL");
    SBI_REQUIRE(keys || !n, "sbi_executor_cancel: keys is NULL");
    if (!exec->ops.cancel) return sbi_fail(SBI_ERR_UNSUPPORTED, "this executor cannot cancel tasks");
    return n ? exec->ops.cancel(exec->self, keys, n) : SBI_OK;
}

sbi_status sbi_executor_release(sbi_executor *exec, const char *const *keys, size_t n)
{
    SBI_REQUIRE(exec, "sbi_executor_release: exec is NULL");
    SBI_REQUIRE(keys || !n, "sbi_executor_release: keys is NULL");
    return n && exec->ops.release ? exec->ops.release(exec->self, keys, n) : SBI_OK;
}

sbi_status sbi_executor_capabilities(sbi_executor *exec, sbi_executor_caps *caps)
{
    SBI_REQUIRE(exec, "sbi_executor_capabilities: exec is NULL");
    SBI_REQUIRE(caps, "sbi_executor_capabilities: caps is NULL");
    if (caps->struct_size < sizeof *caps)
        return sbi_fail(SBI_ERR_ABI, "sbi_executor_caps: struct_size is %u, expected %zu", (unsigned)caps->struct_size,
                        sizeof *caps);
    memset(caps, 0, sizeof *caps);
    caps->struct_size = (uint32_t)sizeof *caps;
    SBI_TRY(exec->ops.capabilities(exec->self, caps));
    caps->name[sizeof caps->name - 1] = '\0';
    return SBI_OK;
}
