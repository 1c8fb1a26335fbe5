/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/context.h"
#include "base/error.h"

#define LINE_SIZE 1024
#define PROGRESS_INTERVAL_NS 100000000 /* at most ten calls a second for each activity */

void sbi_log(sbi_context *ctx, int32_t level, const char *format, ...)
{
    if (!ctx->options.log || level > ctx->options.log_level) return;
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&ctx->callback_lock);
    ctx->options.log(ctx->options.log_user, level, line);
    pthread_mutex_unlock(&ctx->callback_lock);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Whether the activity may report now. Its slot remembers the last time; a new activity takes the oldest slot. Called
 * with callback_lock held. */
static int progress_due(sbi_context *ctx, const char *stage, int finished)
{
    int64_t now = now_ns();
    struct sbi_progress_slot *slot = &ctx->progress[0];
    for (size_t i = 0; i < SBI_PROGRESS_SLOTS; i++) {
        struct sbi_progress_slot *s = &ctx->progress[i];
        if (strncmp(s->stage, stage, sizeof s->stage - 1) == 0) {
            if (!finished && now - s->last_ns < PROGRESS_INTERVAL_NS) return 0;
            slot = s;
            break;
        }
        if (s->last_ns < slot->last_ns) slot = s;
    }
    snprintf(slot->stage, sizeof slot->stage, "%s", stage);
    slot->last_ns = now;
    return 1;
}

void sbi_progress(sbi_context *ctx, const char *stage, double done, double total, const char *format, ...)
{
    if (!ctx->options.progress) return;
    pthread_mutex_lock(&ctx->callback_lock);
    if (progress_due(ctx, stage, total > 0 && done >= total)) {
        char line[LINE_SIZE];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(line, sizeof line, format, arguments);
        va_end(arguments);
        ctx->options.progress(ctx->options.progress_user, stage, done, total, line);
    }
    pthread_mutex_unlock(&ctx->callback_lock);
}

int sbi_cancelled(sbi_context *ctx)
{
    if (atomic_load_explicit(&ctx->cancel, memory_order_relaxed)) return 1;
    return ctx->options.cancel && ctx->options.cancel(ctx->options.cancel_user) != 0;
}

sbi_status sbi_check_cancel(sbi_context *ctx, const char *what)
{
    return sbi_cancelled(ctx) ? sbi_fail(SBI_ERR_CANCELLED, "%s: cancelled", what) : SBI_OK;
}
