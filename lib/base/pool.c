/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/context.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool_internal.h"

/* One loop in flight. Lives on the caller's stack; helpers leave it before the caller returns. */
typedef struct loop {
    sbi_parallel_body body;
    void *arg;
    size_t n;
    atomic_size_t next;
    atomic_size_t failed_index; /* the lowest so far, n if none; written under the lock, read without */
    fenv_t rounding;            /* the caller's floating-point environment: bodies compute the same in any thread */
    pthread_mutex_t lock;
    sbi_status status;
    char message[SBI_ERROR_MESSAGE_SIZE];
} loop;

typedef struct sbi_pool {
    pid_t process; /* after a fork the child has no helpers */
    pthread_mutex_t lock;
    pthread_cond_t work; /* a loop was posted, or the pool stops */
    pthread_cond_t idle; /* a helper left the loop */
    loop *current;
    uint64_t generation;
    size_t inside; /* helpers in the current loop */
    int stop;
    pthread_mutex_t one_caller; /* loops of several callers come one after another */
    size_t n_threads;
    pthread_t threads[];
} sbi_pool;

/* Set while this thread runs a body: loops inside it run inline. */
SBI_THREAD_LOCAL int inside_body;

/* An index is left out only if a lower one failed. So the lowest failing index of all always runs, and the status and
 * message do not depend on threads or order. */
static void run_index(loop *l, size_t i)
{
    if (i > atomic_load_explicit(&l->failed_index, memory_order_relaxed)) return;
    sbi_status status = l->body(l->arg, i);
    if (status == SBI_OK) return;
    pthread_mutex_lock(&l->lock);
    if (i < atomic_load_explicit(&l->failed_index, memory_order_relaxed)) {
        l->status = status;
        atomic_store_explicit(&l->failed_index, i, memory_order_relaxed);
        memcpy(l->message, sbi_last_error(), strlen(sbi_last_error()) + 1);
    }
    pthread_mutex_unlock(&l->lock);
}

static void run_indexes(loop *l)
{
    int outer = inside_body;
    inside_body = 1;
    for (;;) {
        size_t i = atomic_fetch_add(&l->next, 1);
        if (i >= l->n || i > atomic_load_explicit(&l->failed_index, memory_order_relaxed)) break;
        run_index(l, i);
    }
    inside_body = outer;
}

static void *helper_main(void *arg)
{
    sbi_pool *pool = arg;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && (!pool->current || pool->generation == seen)) pthread_cond_wait(&pool->work, &pool->lock);
        if (pool->stop) break;
        seen = pool->generation;
        loop *l = pool->current;
        pool->inside++;
        pthread_mutex_unlock(&pool->lock);
        fesetenv(&l->rounding);
        run_indexes(l);
        pthread_mutex_lock(&pool->lock);
        if (--pool->inside == 0) pthread_cond_broadcast(&pool->idle);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void stop_threads(sbi_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stop = 1;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->n_threads; i++) pthread_join(pool->threads[i], NULL);
    pthread_mutex_destroy(&pool->one_caller);
    pthread_cond_destroy(&pool->idle);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
}

/* Signals are for the host's threads. */
static void start_threads(sbi_pool *pool, size_t wanted)
{
    sigset_t all, outer;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &outer)) return;
    while (pool->n_threads < wanted && !pthread_create(&pool->threads[pool->n_threads], NULL, helper_main, pool))
        pool->n_threads++;
    pthread_sigmask(SIG_SETMASK, &outer, NULL);
}

/* The pool, started at first use; NULL where it cannot be had (loops then run in the caller alone). */
static sbi_pool *get_pool(sbi_context *ctx)
{
    pthread_mutex_lock(&ctx->pool_lock);
    sbi_pool *pool = ctx->pool;
    size_t wanted = (size_t)ctx->threads - 1;
    if (!pool && (pool = sbi_alloc_zero(ctx, 1, sizeof *pool + wanted * sizeof pool->threads[0]))) {
        pool->process = getpid();
        pthread_mutex_init(&pool->lock, NULL);
        pthread_mutex_init(&pool->one_caller, NULL);
        pthread_cond_init(&pool->work, NULL);
        pthread_cond_init(&pool->idle, NULL);
        start_threads(pool, wanted);
        ctx->pool = pool;
    }
    pthread_mutex_unlock(&ctx->pool_lock);
    return pool && pool->process == getpid() ? pool : NULL;
}

void sbi_pool_destroy(sbi_context *ctx)
{
    if (!ctx->pool) return;
    if (ctx->pool->process == getpid()) stop_threads(ctx->pool);
    sbi_free(ctx, ctx->pool);
    ctx->pool = NULL;
}

static void host_body(void *arg, size_t i)
{
    loop *l = arg;
    int outer = inside_body;
    inside_body = 1;
    run_index(l, i);
    inside_body = outer;
}

static void run_in_pool(sbi_pool *pool, loop *l)
{
    pthread_mutex_lock(&pool->one_caller);
    pthread_mutex_lock(&pool->lock);
    pool->current = l;
    pool->generation++;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    run_indexes(l);
    pthread_mutex_lock(&pool->lock);
    pool->current = NULL; /* helpers that have not woken find nothing */
    while (pool->inside) pthread_cond_wait(&pool->idle, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&pool->one_caller);
}

int sbi_parallel_inline(const sbi_context *ctx)
{
    return inside_body || (ctx->threads == 1 && !ctx->options.parallel_for);
}

sbi_status sbi_parallel_for(sbi_context *ctx, size_t n, sbi_parallel_body body, void *arg)
{
    if (n <= 1 || sbi_parallel_inline(ctx)) {
        for (size_t i = 0; i < n; i++) SBI_TRY(body(arg, i));
        return SBI_OK;
    }
    loop l = {.body = body, .arg = arg, .n = n, .status = SBI_OK};
    atomic_init(&l.failed_index, n);
    fegetenv(&l.rounding);
    int error = pthread_mutex_init(&l.lock, NULL);
    if (error) return sbi_fail_errno(error, "pthread_mutex_init");
    sbi_pool *pool = ctx->options.parallel_for ? NULL : get_pool(ctx);
    if (ctx->options.parallel_for)
        ctx->options.parallel_for(ctx->options.parallel_for_user, n, host_body, &l);
    else if (pool)
        run_in_pool(pool, &l);
    else
        run_indexes(&l);
    pthread_mutex_destroy(&l.lock);
    if (l.status != SBI_OK) sbi_error_set_message(l.message);
    return l.status;
}

size_t sbi_parallel_workers(const sbi_context *ctx)
{
    return inside_body ? 1 : (size_t)ctx->threads;
}

int sbi_parallel_enter(void)
{
    int outer = inside_body;
    inside_body = 1;
    return outer;
}

void sbi_parallel_leave(int outer)
{
    inside_body = outer;
}
