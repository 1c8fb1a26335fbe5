/* SPDX-License-Identifier: Apache-2.0 */
/* The per-thread message behind sbi_last_error(). Setting it allocates nothing, so it works when memory is out. */
#ifndef SBI_BASE_ERROR_H
#define SBI_BASE_ERROR_H

#include "sbi/status.h"

#define SBI_ERROR_MESSAGE_SIZE 768

/* Thread-local storage that exists from a thread's start, so that touching it never allocates (the C library ends the
 * process where that fails). It comes out of a reserve of about 1.6 KiB that all libraries loaded at run time share:
 * keep it small. */
#define SBI_THREAD_LOCAL static _Thread_local __attribute__((tls_model("initial-exec")))

/* Sets this thread's message and returns `status`, so that callers write: return sbi_fail(SBI_ERR_SHAPE, "...", ...);
 * The message is one line: what, where, the value. */
sbi_status sbi_fail(sbi_status status, const char *format, ...) SBI_PRINTF(2, 3);

/* The same for a failed system call: appends strerror(errno_value) and picks the status from it
 * (ENOSPC and EDQUOT: NO_SPACE; EACCES, EPERM, EROFS: PERMISSION; ENOENT: NOT_FOUND; ENOMEM: NO_MEMORY; else IO). */
sbi_status sbi_fail_errno(int errno_value, const char *format, ...) SBI_PRINTF(2, 3);

/* Puts "prefix: " before the message that is already there (a file name, a JSON pointer) and returns `status`. */
sbi_status sbi_fail_within(sbi_status status, const char *format, ...) SBI_PRINTF(2, 3);

/* Overwrites the message (used to carry one from a worker thread to the caller's). */
void sbi_error_set_message(const char *message);

/* Whether a task that could not be put into a store failed for the store's or the client's sake, so that the call fails; everything else is about
 * that task alone. */
static inline int sbi_status_is_of_call(sbi_status status)
{
    return status == SBI_ERR_TRANSIENT || status == SBI_ERR_NO_SPACE || status == SBI_ERR_PERMISSION || status == SBI_ERR_NO_MEMORY ||
           status == SBI_ERR_CANCELLED;
}

/* return sbi_try(...) pattern: */
#define SBI_TRY(expression)                                                                                            \
    do {                                                                                                               \
        sbi_status sbi_try_status_ = (expression);                                                                     \
        if (sbi_try_status_ != SBI_OK) return sbi_try_status_;                                                         \
    } while (0)

/* The same where a clean-up label follows: needs a local `sbi_status status`. */
#define SBI_GOTO(expression, label)                                                                                    \
    do {                                                                                                               \
        status = (expression);                                                                                         \
        if (status != SBI_OK) goto label;                                                                              \
    } while (0)

/* For the first lines of every public function: SBI_REQUIRE(ctx, "sbi_x_create: ctx is NULL"). */
#define SBI_REQUIRE(condition, ...)                                                                                    \
    do {                                                                                                               \
        if (!(condition)) return sbi_fail(SBI_ERR_ARGUMENT, __VA_ARGS__);                                              \
    } while (0)

#endif
