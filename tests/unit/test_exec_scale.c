/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns of many tasks, a few of which say nothing for long: run, opened again, memory for each task. SBI_CAMPAIGN_TASKS=100000 for more, and then what
 * it took is printed, for docs/campaigns.md; SBI_CAMPAIGN_TOY=1 with the toy executor. */
#include <sys/resource.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "contract/executor_toy.h"
#include "contract/temporary_folder.h"
#include "exec/executor.h"
#include "sbi/campaign.h"

#define LIVE 1000
#define SPEC_SIZE 300

static sbi_context *ctx;
static char folder[64];
static int n_tasks = 3000, measured;

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

typedef struct cost {
    double wall, cpu;
} cost;

static cost now(void)
{
    struct timespec t;
    struct rusage u;
    clock_gettime(CLOCK_MONOTONIC, &t);
    getrusage(RUSAGE_SELF, &u);
    return (cost){(double)t.tv_sec + 1e-9 * (double)t.tv_nsec,
                  (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec)};
}

/* ---- an executor that does no work: what it has is done at the second poll, in the order in which it came -------------- */

typedef struct item {
    char key[SBI_TASK_KEY_MAX + 1];
    int32_t attempt;
    int told; /* that it runs */
} item;

typedef struct queue {
    item *items; /* a ring with room for every task */
    size_t first, n;
    size_t submitted, silent;
    double out_until; /* out of reach till then, on the clock of now() */
} queue;

/* Of every thousandth task the first attempt runs for ever without a word. Not where time is taken. */
static int is_silent(const sbi_task *task)
{
    return !measured && task->attempt == 1 && atoi(task->key + 5) % 1000 == 500;
}

/* One that the campaign took for lost while it waited its turn: a new attempt in its place. */
static item *find(queue *q, const char *key)
{
    for (size_t i = 0; i < q->n; i++) {
        item *t = &q->items[(q->first + i) % (size_t)n_tasks];
        if (strcmp(t->key, key) == 0) return t;
    }
    return NULL;
}

static sbi_status submit(void *self, const sbi_task *tasks, size_t n)
{
    queue *q = self;
    for (size_t i = 0; i < n; i++) {
        q->submitted++;
        if (is_silent(&tasks[i])) {
            q->silent++;
            continue;
        }
        item *t = tasks[i].attempt > 1 ? find(q, tasks[i].key) : NULL;
        if (!t) t = &q->items[(q->first + q->n++) % (size_t)n_tasks];
        snprintf(t->key, sizeof t->key, "%s", tasks[i].key);
        t->attempt = tasks[i].attempt;
        t->told = 0;
    }
    return SBI_OK;
}

static sbi_status poll(void *self, sbi_task_report *reports, size_t capacity, size_t *n, int32_t timeout_ms)
{
    queue *q = self;
    size_t ended = 0;
    if (now().wall < q->out_until) return sbi_fail(SBI_ERR_TRANSIENT, "out of reach");
    for (*n = 0; *n < capacity && *n < q->n; (*n)++) {
        item *t = &q->items[(q->first + *n) % (size_t)n_tasks];
        sbi_task_report *r = &reports[*n];
        snprintf(r->key, sizeof r->key, "%s", t->key);
        snprintf(r->host, sizeof r->host, "node-%d", t->key[5]);
        r->attempt = t->attempt;
        r->state = t->told ? SBI_TASK_DONE : SBI_TASK_RUNNING;
        r->seconds = 1;
        if (t->told && *n == ended) ended++;
        else t->told = 1;
    }
    q->first = (q->first + ended) % (size_t)n_tasks;
    q->n -= ended;
    if (!*n) nanosleep(&(struct timespec){0, timeout_ms > 0 ? 1000000 : 0}, NULL);
    return SBI_OK;
}

static sbi_status fetch(void *self, const char *key, sbi_sink *sink)
{
    (void)self;
    return sbi_sink_write(sink, key, strlen(key));
}

static sbi_status capabilities(void *self, sbi_executor_caps *caps)
{
    (void)self;
    caps->live = LIVE;
    snprintf(caps->name, sizeof caps->name, "queue");
    return SBI_OK;
}

static void leave(void *self)
{
    (void)self;
}

static const sbi_executor_ops ops = {.struct_size = sizeof ops, .abi = SBI_EXECUTOR_ABI, .submit = submit, .poll = poll, .fetch = fetch,
                                     .capabilities = capabilities, .close = leave};

/* ---- what it takes ----------------------------------------------------------------------------------------------- */

static void tell(const char *what, cost since)
{
    if (!measured) return;
    const cost t = now();
    printf("%-28s %8.2f s, %7.2f s of it processor, %7.1f MB\n", what, t.wall - since.wall, t.cpu - since.cpu, 1e-6 * (double)sbi_memory_now(ctx));
    fflush(stdout);
}

/* Every tenth needs the one before it, the last one all others. */
static void add_all(sbi_campaign *c)
{
    char (*keys)[32] = calloc((size_t)n_tasks, sizeof *keys), spec[SPEC_SIZE + 1];
    const char **all = calloc((size_t)n_tasks, sizeof *all);
    ck_assert(keys && all);
    for (int i = 0; i < n_tasks; i++) {
        char *key = keys[i];
        all[i] = key;
        snprintf(key, sizeof keys[i], "task-%d", i);
        snprintf(spec, sizeof spec, "echo %0*d", SPEC_SIZE - 5, i);
        sbi_task t = SBI_TASK_INIT;
        t.key = key;
        t.spec = spec;
        t.spec_size = SPEC_SIZE;
        t.stage = "many";
        const size_t needs = i == n_tasks - 1 ? (size_t)i : i % 10 == 9;
        OK(sbi_campaign_add(c, &t, all + i - needs, needs, NULL));
    }
    free(keys);
    free(all);
}

static void assert_done(sbi_campaign *c)
{
    sbi_campaign_usage u = {.struct_size = sizeof u};
    ck_assert_uint_eq(sbi_campaign_count(c), (size_t)n_tasks);
    OK(sbi_campaign_usage_get(c, SBI_CAMPAIGN_WHOLE, &u));
    ck_assert_uint_eq(u.done, (size_t)n_tasks);
}

static void many(sbi_executor *exec, const char *where)
{
    sbi_campaign *c;
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    o.backoff_seconds = 0.001;
    o.backoff_max_seconds = 0.01;
    o.silence_seconds = measured ? 60 : 2;
    o.task_seconds = 3600;
    cost begin = now();
    OK(sbi_campaign_open(&c, ctx, where, &o));
    add_all(c);
    tell("added", begin);
    begin = now();
    OK(sbi_campaign_run(c, exec));
    tell("run", begin);
    assert_done(c);
    sbi_campaign_close(c);
    if (!where) return;
    begin = now();
    o.read_only = 1;
    OK(sbi_campaign_open(&c, ctx, where, &o));
    tell("opened again", begin);
    assert_done(c);
    sbi_campaign_close(c);
    o.read_only = 0;
    begin = now();
    OK(sbi_campaign_open(&c, ctx, where, &o));
    OK(sbi_campaign_run(c, exec));
    tell("opened, nothing left to do", begin);
    sbi_campaign_close(c);
}

static void with_the_queue(const char *where)
{
    static queue q;
    sbi_executor *exec;
    q = (queue){.items = calloc((size_t)n_tasks, sizeof *q.items)};
    ck_assert_ptr_nonnull(q.items);
    OK(sbi_executor_create(&exec, ctx, &ops, &q));
    many(exec, where);
    sbi_executor_close(exec);
    free(q.items);
    ck_assert_uint_eq(q.silent, measured ? 0 : (size_t)(n_tasks + 499) / 1000);
    ck_assert_uint_ge(q.submitted, (size_t)n_tasks + q.silent); /* once more where nothing was heard, be it that the machine is busy */
}

static sbi_status repeat(void *user, sbi_context *task_ctx, const sbi_task *task, sbi_sink *sink)
{
    (void)user;
    (void)task_ctx;
    return sbi_sink_write(sink, task->spec, task->spec_size);
}

static void with_the_toy(const char *where)
{
    sbi_executor *exec;
    toy_options calm = {.seed = 3, .run = repeat};
    OK(toy_open(&exec, ctx, &calm));
    many(exec, where);
    sbi_executor_close(exec);
}

static void run(const char *where)
{
    if (getenv("SBI_CAMPAIGN_TOY"))
        with_the_toy(where);
    else
        with_the_queue(where);
}

START_TEST(in_memory) { run(NULL); }
END_TEST
START_TEST(in_a_folder) { run(folder); }
END_TEST

/* An executor that is out of reach for longer than a task may be silent: nothing is lost by that. */
START_TEST(silence_while_out_of_reach)
{
    queue q = {.items = calloc((size_t)n_tasks, sizeof *q.items), .out_until = now().wall + 0.3};
    sbi_executor *exec;
    sbi_campaign *c;
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    o.backoff_seconds = o.backoff_max_seconds = 0.01;
    o.silence_seconds = 0.02;
    ck_assert_ptr_nonnull(q.items);
    OK(sbi_executor_create(&exec, ctx, &ops, &q));
    OK(sbi_campaign_open(&c, ctx, NULL, &o));
    n_tasks = 20;
    add_all(c);
    OK(sbi_campaign_run(c, exec));
    ck_assert_uint_eq(q.submitted, 20);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
    free(q.items);
}
END_TEST

static void setup(void)
{
    const char *tasks = getenv("SBI_CAMPAIGN_TASKS");
    measured = tasks != NULL;
    if (tasks) n_tasks = atoi(tasks);
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    make_temporary_folder(folder, sizeof folder);
}

static void teardown(void)
{
    ck_assert_uint_eq(sbi_memory_now(ctx), 0);
    remove_tree(folder);
    sbi_context_destroy(ctx);
}

int main(void)
{
    Suite *suite = suite_create("exec: many tasks");
    TCase *tc = tcase_create("many");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, in_memory);
    tcase_add_test(tc, in_a_folder);
    if (!getenv("SBI_CAMPAIGN_TASKS")) tcase_add_test(tc, silence_while_out_of_reach);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
