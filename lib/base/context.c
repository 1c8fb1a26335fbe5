/* SPDX-License-Identifier: Apache-2.0 */
#include "base/context.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attach.h"
#include "base/error.h"
#include "base/options.h"
#include "base/pool_internal.h"

/* struct_size of the first release: everything through `reserved_`. */
#define SMALLEST_OPTIONS (4 * sizeof(uint32_t))

void sbi_context_options_init(sbi_context_options *options)
{
    if (!options) return;
    const sbi_context_options defaults = SBI_CONTEXT_OPTIONS_INIT;
    *options = defaults;
}

/* Processors that the cgroup's CPU quota allows (version 2, then 1), rounded up; 0 if there is no quota. */
static int32_t cgroup_processors(void)
{
    double quota = -1, period = 0;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (f) {
        if (fscanf(f, "%lf %lf", &quota, &period) != 2) quota = -1; /* "max 100000" */
        fclose(f);
    } else {
        FILE *q = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "re");
        FILE *p = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "re");
        if (q && p && (fscanf(q, "%lf", &quota) != 1 || fscanf(p, "%lf", &period) != 1)) quota = -1;
        if (q) fclose(q);
        if (p) fclose(p);
    }
    if (quota <= 0 || period <= 0) return 0;
    double processors = quota / period;
    return processors < 1 ? 1 : processors > 4096 ? 4096 : (int32_t)(processors + 0.999);
}

static int32_t available_processors(void)
{
    cpu_set_t set;
    int32_t n = sched_getaffinity(0, sizeof set, &set) == 0 ? (int32_t)CPU_COUNT(&set) : 1;
    int32_t quota = cgroup_processors();
    return quota > 0 && quota < n ? quota : n;
}

static sbi_status check_options(const sbi_context_options *o)
{
    SBI_REQUIRE(o->threads >= 0 && o->threads <= 4096, "sbi_context_options.threads is %d, expected 0 to 4096",
                (int)o->threads);
    SBI_REQUIRE(!o->allocate == !o->release, "sbi_context_options: give both allocate and release, or neither");
    SBI_REQUIRE(o->reserved_ == 0, "sbi_context_options.reserved_ is %d, expected 0", (int)o->reserved_);
    return SBI_OK;
}

sbi_status sbi_context_create(sbi_context **out, const sbi_context_options *options)
{
    SBI_REQUIRE(out, "sbi_context_create: out is NULL");
    *out = NULL;
    sbi_context_options known = SBI_CONTEXT_OPTIONS_INIT;
    SBI_TRY(sbi_options_read(&known, sizeof known, SMALLEST_OPTIONS, options, "sbi_context_options"));
    SBI_TRY(check_options(&known));

    sbi_context *ctx = known.allocate ? known.allocate(known.allocator_user, sizeof *ctx, _Alignof(max_align_t))
                                      : malloc(sizeof *ctx);
    if (!ctx) return sbi_fail(SBI_ERR_NO_MEMORY, "sbi_context_create: out of memory");
    memset(ctx, 0, sizeof *ctx);
    ctx->options = known;
    ctx->threads = known.threads ? known.threads : available_processors();
    int error = pthread_mutex_init(&ctx->callback_lock, NULL);
    if (!error) {
        error = pthread_mutex_init(&ctx->pool_lock, NULL);
        if (error) pthread_mutex_destroy(&ctx->callback_lock);
    }
    if (error) {
        if (known.release)
            known.release(known.allocator_user, ctx, sizeof *ctx);
        else
            free(ctx);
        return sbi_fail_errno(error, "sbi_context_create: pthread_mutex_init");
    }
    *out = ctx;
    return SBI_OK;
}

void sbi_context_destroy(sbi_context *ctx)
{
    if (!ctx) return;
    sbi_pool_destroy(ctx);
    sbi_context_detach_all(ctx);
    pthread_mutex_destroy(&ctx->pool_lock);
    pthread_mutex_destroy(&ctx->callback_lock);
    sbi_context_options o = ctx->options;
    if (o.release)
        o.release(o.allocator_user, ctx, sizeof *ctx);
    else
        free(ctx);
}

void sbi_context_cancel(sbi_context *ctx, int32_t flag)
{
    if (ctx) atomic_store(&ctx->cancel, flag != 0);
}

int32_t sbi_context_threads(const sbi_context *ctx)
{
    return ctx ? ctx->threads : 0;
}
