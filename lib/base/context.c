/* SPDX-License-Identifier: Apache-2.0 */
#include "base/context.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/attach.h"
#include "base/error.h"
#include "base/options.h"
#include "base/pool_internal.h"
#include "base/processors.h"

/* struct_size of the first release: everything through `reserved_`. */
#define SMALLEST_OPTIONS (4 * sizeof(uint32_t))

void sbi_context_options_init(sbi_context_options *options)
{
    if (!options) return;
    const sbi_context_options defaults = SBI_CONTEXT_OPTIONS_INIT;
    *options = defaults;
}

static sbi_status check_options(const sbi_context_options *o)
{
    SBI_REQUIRE(o->threads >= 0 && o->threads <= 4096, "sbi_context_options.threads is %d, expected 0 to 4096",
                (int)o->threads);
    SBI_REQUIRE(!o->allocate == !o->release, "sbi_context_options: give both allocate and release, or neither");
    SBI_REQUIRE(o->reserved_ == 0, "sbi_context_options.reserved_ is %d, expected 0", (int)o->reserved_);
    return SBI_OK;
}

/* Recursive, so that a callback may call functions that log or report progress themselves. */
static int make_callback_lock(sbi_context *ctx)
{
    pthread_mutexattr_t recursive;
    int error = pthread_mutexattr_init(&recursive);
    if (error) return error;
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    error = pthread_mutex_init(&ctx->callback_lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    return error;
}

sbi_status sbi_context_create(sbi_context **out, const sbi_context_options *options)
{
    SBI_REQUIRE(out, "sbi_context_create: out is NULL");
    *out = NULL;
    sbi_context_options known = SBI_CONTEXT_OPTIONS_INIT;
    SBI_TRY(sbi_options_read(&known, sizeof known, SMALLEST_OPTIONS, options, "sbi_context_options"));
    SBI_TRY(check_options(&known));

    sbi_context *ctx =
        known.allocate ? known.allocate(known.allocator_user, sizeof *ctx, _Alignof(max_align_t)) : malloc(sizeof *ctx);
    if (!ctx) return sbi_fail(SBI_ERR_NO_MEMORY, "sbi_context_create: out of memory");
    memset(ctx, 0, sizeof *ctx);
    ctx->options = known;
    ctx->threads = known.threads ? known.threads : sbi_processors();
    int error = make_callback_lock(ctx);
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
