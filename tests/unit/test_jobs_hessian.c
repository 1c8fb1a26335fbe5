/* SPDX-License-Identifier: Apache-2.0 */
/* The Hessian as a campaign: blocks of rows and ranges of events give the bits of one pass whatever the cuts, on any executor, and after a
 * client was killed half way. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/memory.h"
#include "base/random.h"
#include "contract/executor_toy.h"
#include "contract/temporary_folder.h"
#include "exec/local.h"
#include "base/base64.h"
#include "jobs/job.h"
#include "sbi/fit.h"
#include "support/run_suite.h"

enum { EVENTS = 9000, INTEGRATION = 5000, K = 4, P = K + 1, SAMPLES = 2 };

static sbi_context *ctx;
static char folder[64];
static sbi_model *model;
static sbi_fit *fit;
static double here[P * P];

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

static const char *in_folder(const char *name)
{
    static char paths[8][160];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_column(const char *name, size_t n, uint64_t stream, double low, double high)
{
    static double values[EVENTS];
    for (size_t i = 0; i < n; i++) values[i] = low + (high - low) * sbi_random_uniform(3, stream, i);
    sbi_array a = sbi_array_1d(values, SBI_F64, (int64_t)n);
    OK(sbi_npy_write(ctx, in_folder(name), &a));
}

static json_t *make_variation(int s, int k)
{
    char names[4][40];
    static const char *const kinds[4] = {"hi", "lo", "hi_integration", "lo_integration"};
    json_t *data = json_object();
    for (int i = 0; i < 4; i++) {
        snprintf(names[i], sizeof names[i], "s%d_%d_%s.npy", s, k, kinds[i]);
        write_column(names[i], i < 2 ? EVENTS : INTEGRATION, (uint64_t)(100 + 10 * (K * s + k) + i), 0.9, 1.1);
        json_object_set_new(data, kinds[i], json_string(names[i]));
    }
    snprintf(names[0], sizeof names[0], "alpha%d", k);
    return json_pack("{s:s, s:s, s:o}", "name", names[0], "type", "eventsys", "data", data);
}

/* With an integration sample: two stages, and two rounds of tasks. */
static void make_workspace(void)
{
    json_t *samples = json_array();
    write_column("v.npy", INTEGRATION, 1, 0.5, 1.5);
    for (int s = 0; s < SAMPLES; s++) {
        char ratio[40], integration[40];
        snprintf(ratio, sizeof ratio, "r%d.npy", s);
        snprintf(integration, sizeof integration, "r%d_integration.npy", s);
        write_column(ratio, EVENTS, (uint64_t)(10 + s), s ? 0.9 : 0.1, s ? 1.1 : 1.9);
        write_column(integration, INTEGRATION, (uint64_t)(20 + s), s ? 0.9 : 0.1, s ? 1.1 : 1.9);
        json_t *modifiers = json_array();
        for (int k = 0; k < K; k++) json_array_append_new(modifiers, make_variation(s, k));
        json_array_append_new(samples, json_pack("{s:s, s:f, s:s, s:s, s:s, s:o}", "name", s ? "B" : "S", "yield", s ? 5000.0 : 4000.0,
                                                 "factor", s ? "1" : "mu", "ratio", ratio, "ratio_integration", integration,
                                                 "modifiers", modifiers));
    }
    json_t *json = json_pack("{s:[{s:s, s:{}, s:{s:s}, s:o}], s:[{s:s, s:{s:s, s:[{s:s, s:[f], s:[[f, f]]}]}}]}", "channels", "name", "SR",
                             "events", "integration", "weights", "v.npy", "samples", samples, "measurements", "name", "m",
                             "config", "poi", "mu", "parameters", "name", "mu", "inits", 1.0, "bounds", 0.0, 10.0);
    ck_assert_ptr_nonnull(json);
    ck_assert_int_eq(json_dump_file(json, in_folder("workspace.json"), 0), 0);
    json_decref(json);
}

static void open_model(void)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 2;
    OK(sbi_context_create(&ctx, &o));
    if (access(in_folder("workspace.json"), F_OK)) make_workspace();
    OK(sbi_model_load(&model, ctx, in_folder("workspace.json")));
    ck_assert_uint_eq(sbi_model_n_parameters(model), P);
    OK(sbi_fit_run(&fit, model, NULL));
    ck_assert_msg(sbi_fit_reason(fit) < 10, "%s", sbi_fit_message(fit));
}

static void close_model(void)
{
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    sbi_context_destroy(ctx);
}

static void setup(void)
{
    make_temporary_folder(folder, sizeof folder);
    open_model();
    OK(sbi_fit_hessian(fit, NULL, here));
}

static void teardown(void)
{
    close_model();
    remove_tree(folder);
}

/* ---- runs that are counted, and end the process at one of them --------------------------------------------------- */

static size_t results(const char *campaign)
{
    char path[200];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/results", campaign);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) n += strlen(e->d_name) == 64;
    if (d) closedir(d);
    return n;
}

typedef struct counter {
    int runs, last;    /* last: SIGKILL once this many have run and their results are in the folder; 0: never */
    const char *where;
} counter;

static sbi_status counted(void *user, sbi_context *c, const sbi_task *task, sbi_sink *sink)
{
    counter *n = user;
    if (n->last && n->runs == n->last) {
        while (results(n->where) < (size_t)n->last) nanosleep(&(struct timespec){0, 1000000}, NULL);
        kill(getpid(), SIGKILL);
    }
    n->runs++;
    return sbi_job_run_local(NULL, c, task, sink);
}

static sbi_executor *counting(counter *n)
{
    sbi_executor *exec;
    OK(sbi_local_open(&exec, ctx, 1, counted, n));
    return exec;
}

static sbi_hessian_options cuts(int32_t rows, int64_t events, const char *campaign)
{
    sbi_hessian_options o = SBI_HESSIAN_OPTIONS_INIT;
    o.rows_a_task = rows;
    o.events_a_task = events;
    o.campaign = campaign;
    return o;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

START_TEST(every_cut_gives_the_same_bits)
{
    static const struct {
        int32_t rows;
        int64_t events;
        int tasks;
    } cut[] = {{0, 0, 1},     {2, 0, 3},      {0, 1000000, 2}, /* of the integration sample and of the events */
               {0, 1, 3 + 5}, {2, 4096, 3 * (2 + 3)}, {1, 2048, 5 * (3 + 5)}, {3, 6000, 2 * (1 + 2)}};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        double H[P * P], kept[P * P];
        counter n = {0, 0, NULL};
        sbi_executor *exec = counting(&n);
        sbi_hessian_options o = cuts(cut[i].rows, cut[i].events, NULL);
        OK(sbi_fit_hessian_campaign(fit, exec, &o, H));
        ck_assert_mem_eq(H, here, sizeof here);
        ck_assert_int_eq(n.runs, cut[i].tasks);
        OK(sbi_fit_get_hessian(fit, kept));
        ck_assert_mem_eq(kept, here, sizeof here);
        sbi_executor_close(exec);
    }
    double H[P * P];
    OK(sbi_fit_hessian_campaign(fit, NULL, NULL, H));
    ck_assert_mem_eq(H, here, sizeof here);
}
END_TEST

/* Tasks that are lost, reordered and repeated, without the model in memory. */
START_TEST(elsewhere_gives_the_same_bits)
{
    toy_options t = {.seed = 5, .trouble = 0.01, .loss = 0.1, .run = sbi_job_run_local};
    double H[P * P];
    sbi_executor *exec;
    OK(toy_open(&exec, ctx, &t));
    sbi_hessian_options o = cuts(3, 2048, NULL);
    OK(sbi_fit_hessian_campaign(fit, exec, &o, H));
    ck_assert_mem_eq(H, here, sizeof here);
    sbi_executor_close(exec);
}
END_TEST

START_TEST(a_killed_client_resumes)
{
    enum { TASKS = 3 * (3 + 5) };
    char where[160];
    for (int last = 2; last < TASKS; last += 9) { /* in the first stage, and in the second */
        snprintf(where, sizeof where, "%s/campaign%d", folder, last);
        sbi_hessian_options o = cuts(2, 2048, where);
        close_model(); /* a process of its own makes its own threads */
        fflush(stdout);
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
            counter n = {0, last, where};
            open_model();
            sbi_executor *exec = counting(&n);
            sbi_fit_hessian_campaign(fit, exec, &o, NULL);
            _exit(3); /* it was to be killed */
        }
        int how;
        ck_assert_int_eq(waitpid(pid, &how, 0), pid);
        ck_assert_msg(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL, "client ended with %d", how);
        const size_t done = results(where);
        ck_assert_uint_eq(done, (size_t)last);

        open_model();
        counter n = {0, 0, NULL};
        sbi_hessian_options others[2] = {cuts(5, 4096, where), cuts(2, 0, where)};
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(sbi_fit_hessian_campaign(fit, NULL, &others[i], NULL), SBI_ERR_STATE);
            ck_assert_ptr_nonnull(strstr(sbi_last_error(), "of other cuts"));
        }
        double H[P * P];
        sbi_executor *exec = counting(&n);
        OK(sbi_fit_hessian_campaign(fit, exec, &o, H));
        ck_assert_mem_eq(H, here, sizeof here);
        ck_assert_int_eq(n.runs, TASKS - (int)done); /* finished work is not repeated */
        ck_assert_uint_eq(results(where), TASKS);
        OK(sbi_fit_hessian_campaign(fit, exec, &o, H)); /* and once more: nothing runs */
        ck_assert_mem_eq(H, here, sizeof here);
        ck_assert_int_eq(n.runs, TASKS - (int)done);
        o = cuts(5, 4096, where); /* other cuts in the same folder */
        OK(sbi_fit_hessian_campaign(fit, exec, &o, H));
        ck_assert_mem_eq(H, here, sizeof here);
        sbi_executor_close(exec);
    }
}
END_TEST

static sbi_status refuse(void *user, sbi_context *c, const sbi_task *task, sbi_sink *sink)
{
    (void)user, (void)c, (void)task, (void)sink;
    return SBI_ERR_INTERNAL;
}

static sbi_status flat(void *user, const double *x, double *f, double *g)
{
    (void)user;
    *f = x[0] * x[0];
    g[0] = 2 * x[0];
    return SBI_OK;
}

START_TEST(bad_input)
{
    double H[P * P];
    sbi_hessian_options o = SBI_HESSIAN_OPTIONS_INIT, same;
    memset(&same, 0xff, sizeof same);
    sbi_hessian_options_init(&same);
    ck_assert_mem_eq(&o, &same, sizeof o);
    ck_assert_int_eq(sbi_fit_hessian_campaign(NULL, NULL, NULL, H), SBI_ERR_ARGUMENT);
    o.rows_a_task = -1;
    ck_assert_int_eq(sbi_fit_hessian_campaign(fit, NULL, &o, H), SBI_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "rows_a_task is -1"));
    o = cuts(0, -5, NULL);
    ck_assert_int_eq(sbi_fit_hessian_campaign(fit, NULL, &o, H), SBI_ERR_ARGUMENT);
    o = cuts(0, 2048, NULL);
    sbi_executor *exec;
    OK(sbi_local_open(&exec, ctx, 1, refuse, NULL));
    ck_assert_int_eq(sbi_fit_hessian_campaign(fit, exec, &o, H), SBI_ERR_INTERNAL);
    sbi_executor_close(exec);
    const double start = 1;
    sbi_objective objective = SBI_OBJECTIVE_INIT;
    objective.n_params = 1;
    objective.start = &start;
    objective.gradient = flat;
    sbi_fit *plain;
    OK(sbi_fit_run_objective(&plain, ctx, &objective, NULL));
    ck_assert_int_eq(sbi_fit_hessian_campaign(plain, NULL, NULL, H), SBI_ERR_UNSUPPORTED);
    sbi_fit_destroy(plain);
}
END_TEST

START_TEST(bytes_in_specs)
{
    static const char *const wrong[] = {"A", "AA=", "====", "A===", "AB==", "AAB=", "AA*=", "A=AA", "AA==AAAA"};
    unsigned char bytes[40];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(37 * i + 200);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        void *back;
        size_t size;
        char *text = sbi_base64_encode(ctx, bytes, n);
        ck_assert_uint_eq(strlen(text), (n + 2) / 3 * 4);
        OK(sbi_base64_decode(ctx, text, &back, &size));
        ck_assert_uint_eq(size, n);
        ck_assert_int_eq(memcmp(back, bytes, n), 0);
        sbi_free(ctx, back);
        sbi_free(ctx, text);
    }
    char *text = sbi_base64_encode(ctx, "Man", 2);
    ck_assert_str_eq(text, "TWE=");
    sbi_free(ctx, text);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        void *back;
        size_t size;
        ck_assert_msg(sbi_base64_decode(ctx, wrong[i], &back, &size) == SBI_ERR_FORMAT, "%s", wrong[i]);
        ck_assert_ptr_null(back);
    }
}
END_TEST

START_TEST(specs_of_shards)
{
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SPEC(rest) "{\"count\":1,\"fingerprint\":\"" HASH "\",\"first\":0,\"job\":\"hessian_shard\",\"theta\":[1,2],\"version\":1," rest "}"
    static const char good[] = SPEC("\"earlier\":\"TWE=\",\"events\":7,\"first_event\":2048,\"pass\":1");
    static const struct {
        const char *spec, *says;
    } bad[] = {{SPEC("\"earlier\":\"TWE\",\"events\":7,\"first_event\":0,\"pass\":0"), "earlier is not base64"},
               {SPEC("\"events\":0,\"first_event\":0,\"pass\":0"), "events is 0"},
               {SPEC("\"events\":1,\"first_event\":-1,\"pass\":0"), "first_event is -1"},
               {SPEC("\"events\":9223372036854775807,\"first_event\":1,\"pass\":0"), "events is 9223372036854775807"},
               {SPEC("\"events\":1,\"first_event\":0,\"pass\":-1"), "pass is -1"},
               {SPEC("\"events\":1,\"first_event\":0"), "pass"},
               {SPEC("\"events\":1,\"first_event\":0,\"pass\":0,\"rows\":3"), "rows"}};
    sbi_job *job;
    OK(sbi_job_parse(&job, ctx, good, sizeof good - 1));
    ck_assert_int_eq(job->kind, SBI_JOB_HESSIAN_SHARD);
    ck_assert_uint_eq(job->earlier_size, 2);
    ck_assert_mem_eq(job->earlier, "Ma", 2);
    ck_assert(job->pass == 1 && job->first_event == 2048 && job->events == 7 && job->first == 0 && job->count == 1);
    sbi_job_free(job);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(sbi_job_parse(&job, ctx, bad[i].spec, strlen(bad[i].spec)), SBI_ERR_FORMAT);
        ck_assert_msg(strstr(sbi_last_error(), bad[i].says), "'%s' lacks '%s'", sbi_last_error(), bad[i].says);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs: Hessian");
    TCase *tc = tcase_create("campaign");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, every_cut_gives_the_same_bits);
    tcase_add_test(tc, elsewhere_gives_the_same_bits);
    tcase_add_test(tc, a_killed_client_resumes);
    tcase_add_test(tc, bad_input);
    tcase_add_test(tc, bytes_in_specs);
    tcase_add_test(tc, specs_of_shards);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
