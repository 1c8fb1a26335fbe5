/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel loops over the context's threads or the host's scheduler. */
#ifndef SBI_BASE_POOL_H
#define SBI_BASE_POOL_H

#include "sbi/context.h"

/* Runs body(arg, i) once for each i in [0, n) and waits. Returns SBI_OK or the status of the lowest failing index, with
 * that call's message carried to this thread; indexes above a failing one may be left out, lower ones never are.
 * A call from inside a body runs in the calling thread (no oversubscription, no deadlock).
 *
 * For work with scratch memory the pattern is one index a worker, and a shared counter inside:
 *     sbi_parallel_for(ctx, workers, worker_body, arg);   // worker i owns scratch[i], takes chunks by atomic fetch-add
 */
typedef sbi_status (*sbi_parallel_body)(void *arg, size_t i);
sbi_status sbi_parallel_for(sbi_context *ctx, size_t n, sbi_parallel_body body, void *arg);

/* Workers worth starting: sbi_context_threads(), or 1 inside a body. */
size_t sbi_parallel_workers(const sbi_context *ctx);

/* Whether a loop would run inline, in the calling thread, index by index: its indexes may then share what each would need for itself. */
int sbi_parallel_inline(const sbi_context *ctx);

/* Between enter and leave, loops of this thread run inline, as inside a body: for threads that are themselves one of
 * several doing whole pieces of work. enter returns what leave wants. */
int sbi_parallel_enter(void);
void sbi_parallel_leave(int outer);

#endif
