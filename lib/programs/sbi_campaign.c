/* SPDX-License-Identifier: Apache-2.0 */
/* sbi-campaign: looks at a campaign while it runs, or afterwards; runs what is left of it. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sbi/sbi.h"

static sbi_context *context; /* for the signal handler, which only sets its cancel flag */

static void stop(int number)
{
    (void)number;
    sbi_context_cancel(context, 1);
}

static void help(FILE *to)
{
    fprintf(to, "usage: sbi-campaign status   FOLDER [--json]\n"
                "       sbi-campaign tasks    FOLDER [--json]\n"
                "       sbi-campaign timeline FOLDER [--json]\n"
                "       sbi-campaign resume   FOLDER [--threads N]\n"
                "\n"
                "  status    how many tasks are in which state, attempts, time and memory used\n"
                "  tasks     the same task by task\n"
                "  timeline  everything that happened, in order\n"
                "  resume    runs on this machine what is not done; its data must be in files\n"
                "\n"
                "The first three only read, and may be used while another client works.\n"
                "Exit codes: 0 success; 1 failure; 2 usage. resume: 3 if tasks were given up.\n");
}

static int fail(sbi_status status)
{
    fprintf(stderr, "sbi-campaign: %s: %s\n", sbi_status_name(status), sbi_last_error());
    return status == SBI_ERR_TASK_FAILED ? 3 : EXIT_FAILURE;
}

/* A JSON string, quotes included. */
static void print_quoted(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 32)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    }
    putchar('"');
}

static sbi_campaign_report report_of(const sbi_campaign *c, size_t i)
{
    sbi_campaign_report r;
    memset(&r, 0, sizeof r);
    r.struct_size = (uint32_t)sizeof r;
    if (sbi_campaign_report_get(c, i, &r) != SBI_OK) exit(fail(SBI_ERR_INTERNAL));
    return r;
}

static const char *state_of(const sbi_campaign_report *r)
{
    return r->given_up ? "given up" : sbi_task_state_name(r->state);
}

typedef struct totals {
    size_t waiting, running, done, given_up;
    int64_t attempts, preemptions;
    double seconds;
    uint64_t peak, bytes;
} totals;

static int show_status(const sbi_campaign *c, int json)
{
    totals t = {0, 0, 0, 0, 0, 0, 0, 0, 0};
    size_t n = sbi_campaign_count(c);
    for (size_t i = 0; i < n; i++) {
        sbi_campaign_report r = report_of(c, i);
        if (r.given_up)
            t.given_up++;
        else if (r.state == SBI_TASK_DONE)
            t.done++;
        else if (r.state == SBI_TASK_RUNNING)
            t.running++;
        else
            t.waiting++;
        t.attempts += r.attempts;
        t.preemptions += r.preemptions;
        t.seconds += r.seconds;
        t.bytes += r.result_size;
        if (r.peak_memory > t.peak) t.peak = r.peak_memory;
    }
    if (json)
        printf("{\"tasks\":%zu,\"done\":%zu,\"running\":%zu,\"waiting\":%zu,\"given_up\":%zu,\"attempts\":%" PRId64
               ",\"preemptions\":%" PRId64 ",\"seconds\":%.3f,\"peak_memory\":%" PRIu64 ",\"result_bytes\":%" PRIu64 "}\n",
               n, t.done, t.running, t.waiting, t.given_up, t.attempts, t.preemptions, t.seconds, t.peak, t.bytes);
    else
        printf("tasks        %zu\ndone         %zu\nrunning      %zu\nwaiting      %zu\ngiven up     %zu\nattempts     %" PRId64
               "\npreemptions  %" PRId64 "\nwork         %.1f s\npeak memory  %.1f MiB\nresults      %.1f MiB\n",
               n, t.done, t.running, t.waiting, t.given_up, t.attempts, t.preemptions, t.seconds, (double)t.peak / 1048576,
               (double)t.bytes / 1048576);
    return EXIT_SUCCESS;
}

static int show_tasks(const sbi_campaign *c, int json)
{
    size_t n = sbi_campaign_count(c);
    if (json)
        printf("[");
    else
        printf("%-64s %-12s %8s %10s %10s  %s\n", "task", "state", "attempts", "seconds", "MiB", "message");
    for (size_t i = 0; i < n; i++) {
        sbi_campaign_report r = report_of(c, i);
        if (!json) {
            printf("%-64s %-12s %8d %10.2f %10.1f  %s\n", r.key, state_of(&r), (int)r.attempts, r.seconds,
                   (double)r.peak_memory / 1048576, r.message);
            continue;
        }
        printf("%s{\"key\":\"%s\",\"state\":\"%s\",\"attempts\":%d,\"preemptions\":%d,\"seconds\":%.6f,\"peak_memory\":%" PRIu64
               ",\"result_size\":%" PRIu64 ",\"sha256\":\"%s\",\"added\":%" PRId64 ",\"began\":%" PRId64 ",\"ended\":%" PRId64,
               i ? ",\n " : "", r.key, state_of(&r), (int)r.attempts, (int)r.preemptions, r.seconds, r.peak_memory,
               r.result_size, r.sha256, r.added, r.began, r.ended);
        printf(",\"host\":");
        print_quoted(r.host);
        printf(",\"message\":");
        print_quoted(r.message);
        printf("}");
    }
    if (json) printf("]\n");
    return EXIT_SUCCESS;
}

static int show_timeline(const sbi_campaign *c, int json)
{
    size_t n = sbi_campaign_event_count(c);
    if (json) printf("[");
    for (size_t i = 0; i < n; i++) {
        sbi_campaign_event e;
        memset(&e, 0, sizeof e);
        e.struct_size = (uint32_t)sizeof e;
        sbi_status status = sbi_campaign_event_get(c, i, &e);
        if (status != SBI_OK) return fail(status);
        sbi_campaign_report r = report_of(c, (size_t)e.task);
        const char *what = e.state == SBI_TASK_PENDING ? "submitted" : sbi_task_state_name(e.state);
        char when[32] = "";
        time_t seconds = (time_t)(e.time / 1000);
        struct tm tm;
        if (json)
            printf("%s{\"time\":%" PRId64 ",\"key\":\"%s\",\"event\":\"%s\",\"attempt\":%d,\"seconds\":%.6f,\"peak_memory\":%" PRIu64
                   "}",
                   i ? ",\n " : "", e.time, r.key, what, (int)e.attempt, e.seconds, e.peak_memory);
        else if (gmtime_r(&seconds, &tm) && strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm))
            printf("%s.%03dZ %.12s attempt %d %s\n", when, (int)(e.time % 1000), r.key, (int)e.attempt, what);
    }
    if (json) printf("]\n");
    return EXIT_SUCCESS;
}

static int look(const char *what, const char *folder, int json)
{
    sbi_campaign *c;
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    o.read_only = 1;
    sbi_status status = sbi_campaign_open(&c, context, folder, &o);
    if (status != SBI_OK) return fail(status);
    int code = strcmp(what, "status") == 0  ? show_status(c, json)
               : strcmp(what, "tasks") == 0 ? show_tasks(c, json)
                                            : show_timeline(c, json);
    sbi_campaign_close(c);
    return code;
}

static int resume(const char *folder)
{
    sbi_campaign *c = NULL;
    sbi_executor *exec = NULL;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = stop;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sbi_status status = sbi_campaign_open(&c, context, folder, NULL);
    if (status == SBI_OK) status = sbi_executor_open(&exec, context, "local", NULL);
    if (status == SBI_OK) status = sbi_campaign_run(c, exec);
    int code = status == SBI_OK ? EXIT_SUCCESS : fail(status);
    sbi_executor_close(exec);
    sbi_campaign_close(c);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    return code;
}

static void print_progress(void *user, const char *stage, double done, double total, const char *detail)
{
    (void)user;
    fprintf(stderr, "%s: %.1f of %.0f: %s\n", stage, done, total, detail);
}

int main(int argc, char **argv)
{
    static const char *const actions[] = {"status", "tasks", "timeline", "resume"};
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    int json = 0, known = 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        help(stdout);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("sbi-campaign %s\n%s\n", sbi_version_string(), sbi_build_info());
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; argc >= 3 && i < sizeof actions / sizeof *actions; i++) known |= strcmp(actions[i], argv[1]) == 0;
    for (int i = 3; i < argc && known; i++) {
        if (strcmp(argv[i], "--json") == 0 && strcmp(argv[1], "resume") != 0)
            json = 1;
        else if (strcmp(argv[i], "--threads") == 0 && strcmp(argv[1], "resume") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0)
            options.threads = atoi(argv[++i]);
        else
            known = 0;
    }
    if (!known) {
        help(stderr);
        return 2;
    }
    int running = strcmp(argv[1], "resume") == 0;
    if (running) options.progress = print_progress;
    sbi_status status = sbi_context_create(&context, &options);
    if (status != SBI_OK) return fail(status);
    int code = running ? resume(argv[2]) : look(argv[1], argv[2], json);
    sbi_context_destroy(context);
    return code;
}
