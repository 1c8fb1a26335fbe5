/* SPDX-License-Identifier: Apache-2.0 */
/** @file context.h
 * The context: allocator, threads, log, progress and cancellation. There is no other state in the library.
 *
 * Every handle is made from a context and must be destroyed before it. A context may be used by many threads at once,
 * and a process may have any number of contexts.
 */
#ifndef SBI_CONTEXT_H
#define SBI_CONTEXT_H

#include "status.h"

SBI_BEGIN_DECLS

typedef struct sbi_context sbi_context;

/** Log levels. A message is delivered if its level is at most sbi_context_options.log_level. */
#define SBI_LOG_ERROR 1
#define SBI_LOG_WARNING 2
#define SBI_LOG_INFO 3
#define SBI_LOG_DEBUG 4

/** Receives log lines (no trailing newline). Called from any thread of the library, one call at a time a context. */
typedef void (*sbi_log_fn)(void *user, int32_t level, const char *message);

/** Receives progress: `stage` names the activity ("train", "hessian", ...), done <= total (total 0: unknown), and
 *  detail is a short line such as "epoch 7, loss 0.4312". Called from any thread of the library, one call at a time a
 *  context, at most about ten times a second for each activity, and always once with done == total. */
typedef void (*sbi_progress_fn)(void *user, const char *stage, double done, double total, const char *detail);

/** Asked whether to stop: non-zero cancels. Polled between chunks of work, at most 200 ms of work apart; the call that
 *  is running then returns SBI_ERR_CANCELLED. May be called from any thread of the library. */
typedef int32_t (*sbi_cancel_fn)(void *user);

/** A host's own scheduler. Must call body(arg, i) exactly once for each i in [0, n), in any order, on any threads, and
 *  return when all calls have returned. Results do not depend on the order or on the number of threads. */
typedef void (*sbi_parallel_for_fn)(void *user, size_t n, void (*body)(void *arg, size_t i), void *arg);

/** The allocator. `alignment` is a power of two; memory from allocate is given to release with the same size.
 *  allocate returns NULL when it cannot. Must be thread-safe. */
typedef void *(*sbi_allocate_fn)(void *user, size_t size, size_t alignment);
typedef void (*sbi_release_fn)(void *user, void *memory, size_t size);

typedef struct sbi_context_options {
    uint32_t struct_size; /**< sizeof(sbi_context_options) of the caller. */
    int32_t threads;      /**< Worker threads; 0 (default): the processors this process may use. */
    int32_t log_level;    /**< SBI_LOG_WARNING by default. */
    int32_t reserved_;    /**< Must be zero. */
    sbi_log_fn log;       /**< NULL: messages are dropped. The library never prints. */
    void *log_user;
    sbi_progress_fn progress; /**< NULL: none. */
    void *progress_user;
    sbi_cancel_fn cancel; /**< NULL: never cancelled, but see sbi_context_cancel(). */
    void *cancel_user;
    sbi_parallel_for_fn parallel_for; /**< NULL: the library's own pool of `threads` threads. */
    void *parallel_for_user;
    sbi_allocate_fn allocate; /**< NULL: the C library's. Give both or neither. */
    sbi_release_fn release;
    void *allocator_user;
} sbi_context_options;

#define SBI_CONTEXT_OPTIONS_INIT                                                                                       \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_context_options), 0, SBI_LOG_WARNING, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,  \
            NULL, NULL, NULL                                                                                           \
    }

/** Fills in the defaults; the same values as SBI_CONTEXT_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_context_options_init(sbi_context_options *options);

/** Creates a context. @param[out] out the context, NULL on failure. @param options NULL for defaults; copied.
 *  Errors: SBI_ERR_ARGUMENT, SBI_ERR_ABI (struct_size), SBI_ERR_NO_MEMORY. Threads start at first use. Since: 0.1 */
SBI_API sbi_status sbi_context_create(sbi_context **out, const sbi_context_options *options);

/** Destroys a context and joins its threads; NULL is fine. Every handle made from it must be destroyed before.
 *  Since: 0.1 */
SBI_API void sbi_context_destroy(sbi_context *ctx);

/** Asks everything that runs in this context to stop soon (latency as for sbi_cancel_fn), or, with flag 0, lifts that.
 *  Safe from any thread and from a signal handler. Since: 0.1 */
SBI_API void sbi_context_cancel(sbi_context *ctx, int32_t flag);

/** The number of threads that evaluation uses. Since: 0.1 */
SBI_API int32_t sbi_context_threads(const sbi_context *ctx);

SBI_END_DECLS
#endif
