/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel loops: every index once, the lowest failure wins, nesting, hosts' schedulers, fork, rounding mode. */
#include <check.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/pool.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

#define N 1000

static sbi_context *context_with(int32_t threads)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = threads;
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_OK);
    return ctx;
}

typedef struct visits {
    sbi_context *ctx;
    atomic_int count[N];
    atomic_int threads_inside, most_inside;
} visits;

static sbi_status visit(void *arg, size_t i)
{
    visits *v = arg;
    atomic_fetch_add(&v->count[i], 1);
    return SBI_OK;
}

START_TEST(every_index_runs_once)
{
    for (int32_t threads = 1; threads <= 5; threads++) {
        sbi_context *ctx = context_with(threads);
        ck_assert_uint_eq(sbi_parallel_workers(ctx), (size_t)threads);
        for (size_t n = 0; n <= N; n = n < 8 ? n + 1 : n * 5) {
            visits *v = calloc(1, sizeof *v);
            ck_assert_int_eq(sbi_parallel_for(ctx, n, visit, v), SBI_OK);
            for (size_t i = 0; i < N; i++) ck_assert_int_eq(v->count[i], i < n);
            free(v);
        }
        sbi_context_destroy(ctx);
    }
}
END_TEST

typedef struct meeting {
    pthread_barrier_t barrier;
    pthread_t thread[3];
} meeting;

static sbi_status meet(void *arg, size_t i)
{
    meeting *m = arg;
    m->thread[i] = pthread_self();
    pthread_barrier_wait(&m->barrier); /* passes only if three threads are here at once */
    return SBI_OK;
}

START_TEST(threads_run_at_once)
{
    sbi_context *ctx = context_with(3);
    meeting m;
    pthread_barrier_init(&m.barrier, NULL, 3);
    for (int again = 0; again < 50; again++) {
        ck_assert_int_eq(sbi_parallel_for(ctx, 3, meet, &m), SBI_OK);
        ck_assert(!pthread_equal(m.thread[0], m.thread[1]));
        ck_assert(!pthread_equal(m.thread[1], m.thread[2]));
        ck_assert(!pthread_equal(m.thread[0], m.thread[2]));
    }
    pthread_barrier_destroy(&m.barrier);
    sbi_context_destroy(ctx);
}
END_TEST

static sbi_status fail_from_100(void *arg, size_t i)
{
    visits *v = arg;
    atomic_fetch_add(&v->count[i], 1);
    if (i < 100) return SBI_OK;
    return sbi_fail(i == 100 ? SBI_ERR_VALUE : SBI_ERR_IO, "index %zu failed", i);
}

static void check_lowest_failure(sbi_context *ctx)
{
    for (int again = 0; again < 100; again++) {
        visits *v = calloc(1, sizeof *v);
        sbi_fail(SBI_ERR_IO, "something older");
        ck_assert_int_eq(sbi_parallel_for(ctx, N, fail_from_100, v), SBI_ERR_VALUE);
        ck_assert_str_eq(sbi_last_error(), "index 100 failed");
        for (size_t i = 0; i <= 100; i++) ck_assert_int_eq(v->count[i], 1);
        free(v);
    }
}

START_TEST(the_lowest_failing_index_reports)
{
    for (int32_t threads = 1; threads <= 4; threads++) {
        sbi_context *ctx = context_with(threads);
        check_lowest_failure(ctx);
        sbi_context_destroy(ctx);
    }
}
END_TEST

/* A host's scheduler: runs backwards, on threads of its own. */
typedef struct host_loop {
    size_t n;
    void (*body)(void *arg, size_t i);
    void *arg;
    atomic_size_t next;
} host_loop;

static void *host_thread(void *arg)
{
    host_loop *h = arg;
    for (size_t i; (i = atomic_fetch_add(&h->next, 1)) < h->n;) h->body(h->arg, h->n - 1 - i);
    return NULL;
}

static void host_parallel_for(void *user, size_t n, void (*body)(void *arg, size_t i), void *arg)
{
    atomic_fetch_add((atomic_int *)user, 1);
    host_loop h = {.n = n, .body = body, .arg = arg};
    pthread_t t[3];
    for (int i = 0; i < 3; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, host_thread, &h), 0);
    for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
}

static sbi_status nested(void *arg, size_t i)
{
    visits *v = arg;
    ck_assert_uint_eq(sbi_parallel_workers(v->ctx), 1);
    (void)i;
    /* On this thread: a second level would deadlock or oversubscribe. */
    int inside = atomic_fetch_add(&v->threads_inside, 1) + 1, most = atomic_load(&v->most_inside);
    while (inside > most && !atomic_compare_exchange_weak(&v->most_inside, &most, inside)) {}
    sbi_status status = sbi_parallel_for(v->ctx, N, visit, v);
    atomic_fetch_sub(&v->threads_inside, 1);
    return status;
}

START_TEST(a_host_scheduler_is_used)
{
    atomic_int calls = 0;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 3;
    o.parallel_for = host_parallel_for;
    o.parallel_for_user = &calls;
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_OK);
    check_lowest_failure(ctx);
    ck_assert_int_eq(calls, 100);
    visits *v = calloc(1, sizeof *v);
    v->ctx = ctx;
    ck_assert_int_eq(sbi_parallel_for(ctx, 20, nested, v), SBI_OK);
    ck_assert_int_eq(calls, 101);
    for (size_t i = 0; i < N; i++) ck_assert_int_eq(v->count[i], 20);
    free(v);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(nested_loops_run_inline)
{
    sbi_context *ctx = context_with(3);
    visits *v = calloc(1, sizeof *v);
    v->ctx = ctx;
    ck_assert_int_eq(sbi_parallel_for(ctx, 20, nested, v), SBI_OK);
    for (size_t i = 0; i < N; i++) ck_assert_int_eq(v->count[i], 20);
    ck_assert_int_le(v->most_inside, 3);
    ck_assert_uint_eq(sbi_parallel_workers(ctx), 3); /* and outside it is 3 again */

    int outer = sbi_parallel_enter();
    ck_assert_uint_eq(sbi_parallel_workers(ctx), 1);
    int inner = sbi_parallel_enter();
    sbi_parallel_leave(inner);
    ck_assert_uint_eq(sbi_parallel_workers(ctx), 1);
    sbi_parallel_leave(outer);
    ck_assert_uint_eq(sbi_parallel_workers(ctx), 3);
    free(v);
    sbi_context_destroy(ctx);
}
END_TEST

static void *caller(void *arg)
{
    visits *v = arg;
    for (int i = 0; i < 20; i++) {
        if (sbi_parallel_for(v->ctx, N, visit, v) != SBI_OK) abort();
    }
    return NULL;
}

START_TEST(many_callers_share_a_pool)
{
    sbi_context *ctx = context_with(3);
    visits *v = calloc(1, sizeof *v);
    v->ctx = ctx;
    pthread_t t[4];
    for (int i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, caller, v), 0);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    for (size_t i = 0; i < N; i++) ck_assert_int_eq(v->count[i], 80);
    free(v);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(a_forked_child_is_not_left_waiting)
{
    sbi_context *ctx = context_with(3);
    visits *v = calloc(1, sizeof *v);
    ck_assert_int_eq(sbi_parallel_for(ctx, N, visit, v), SBI_OK);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        int fine = sbi_parallel_for(ctx, N, visit, v) == SBI_OK;
        for (size_t i = 0; i < N; i++) fine = fine && v->count[i] == 2;
        sbi_context_destroy(ctx);
        _exit(fine ? 0 : 1);
    }
    int result;
    ck_assert_int_eq(waitpid(child, &result, 0), child);
    ck_assert(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    ck_assert_int_eq(v->count[0], 1);
    free(v);
    sbi_context_destroy(ctx);
}
END_TEST

typedef struct environment {
    pthread_barrier_t barrier;
    int rounding[3], blocked[3];
} environment;

static sbi_status look(void *arg, size_t i)
{
    environment *e = arg;
    pthread_barrier_wait(&e->barrier);
    e->rounding[i] = fegetround();
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    e->blocked[i] = sigismember(&set, SIGINT);
    return SBI_OK;
}

START_TEST(helpers_take_the_callers_rounding_and_no_signals)
{
    sbi_context *ctx = context_with(3);
    environment e;
    pthread_barrier_init(&e.barrier, NULL, 3);
    const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TONEAREST};
    for (size_t m = 0; m < 4; m++) {
        fesetround(modes[m]);
        sbi_status status = sbi_parallel_for(ctx, 3, look, &e);
        int after = fegetround();
        fesetround(FE_TONEAREST);
        ck_assert_int_eq(status, SBI_OK);
        ck_assert_int_eq(after, modes[m]);
        for (int i = 0; i < 3; i++) ck_assert_int_eq(e.rounding[i], modes[m]);
        ck_assert_int_eq(e.blocked[0] + e.blocked[1] + e.blocked[2], 2); /* all but the caller */
    }
    pthread_barrier_destroy(&e.barrier);
    sbi_context_destroy(ctx);
}
END_TEST

static sbi_status loop_in(sbi_context *ctx, void *arg)
{
    visits *v = arg;
    memset(v, 0, sizeof *v);
    SBI_TRY(sbi_parallel_for(ctx, N, visit, v));
    for (size_t i = 0; i < N; i++) ck_assert_int_eq(v->count[i], 1);
    return SBI_OK;
}

START_TEST(without_memory_the_caller_works_alone)
{
    visits *v = calloc(1, sizeof *v);
    torture_report r = torture_allocations(loop_in, v, 3, 1);
    ck_assert_int_eq(r.requests, 2); /* the context and the pool */
    ck_assert_int_eq(r.tolerated, 1);
    free(v);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base: pool");
    TCase *tc = tcase_create("pool");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_index_runs_once);
    tcase_add_test(tc, threads_run_at_once);
    tcase_add_test(tc, the_lowest_failing_index_reports);
    tcase_add_test(tc, a_host_scheduler_is_used);
    tcase_add_test(tc, nested_loops_run_inline);
    tcase_add_test(tc, many_callers_share_a_pool);
    tcase_add_test(tc, a_forked_child_is_not_left_waiting);
    tcase_add_test(tc, helpers_take_the_callers_rounding_and_no_signals);
    tcase_add_test(tc, without_memory_the_caller_works_alone);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
