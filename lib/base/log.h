/* SPDX-License-Identifier: Apache-2.0 */
/* Log, progress and cancellation through the context's callbacks. */
#ifndef SBI_BASE_LOG_H
#define SBI_BASE_LOG_H

#include "sbi/context.h"

void sbi_log(sbi_context *ctx, int32_t level, const char *format, ...) SBI_PRINTF(3, 4);

/* Rate-limited as sbi_progress_fn states; done == total always passes. */
void sbi_progress(sbi_context *ctx, const char *stage, double done, double total, const char *format, ...)
    SBI_PRINTF(5, 6);

/* True if the caller asked to stop: the flag of sbi_context_cancel() or the cancel callback. Cheap enough to call for
 * every chunk of work. */
int sbi_cancelled(sbi_context *ctx);

/* SBI_ERR_CANCELLED with a message naming `what`, or SBI_OK. */
sbi_status sbi_check_cancel(sbi_context *ctx, const char *what);

#endif
