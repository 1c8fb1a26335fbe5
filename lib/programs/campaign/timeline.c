/* SPDX-License-Identifier: Apache-2.0 */
/* timeline: cores and GPUs in use over time, as asked for by the attempts that ran. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "programs/campaign/campaign.h"

#define ROWS 10

/* One attempt, from when it ran to when it ended. */
typedef struct span {
    int64_t begin, end; /* ms since 1970 */
    double cpus, gpus;
    size_t event; /* that ended it, or, of one that runs, began it */
    int running;
} span;

typedef struct timeline {
    span *spans;
    size_t n;
    int64_t begin, end;
} timeline;

static int ends_attempt(int32_t kind)
{
    return kind == SBI_EVENT_ENDED || kind == SBI_EVENT_FAILED;
}

static void add_span(timeline *t, const sbi_campaign_event *e, size_t event, int64_t begin, int64_t end, int running)
{
    span *s = &t->spans[t->n++];
    s->begin = begin < end ? begin : end;
    s->end = end;
    s->cpus = e->cpus > 0 ? e->cpus : 1;
    s->gpus = e->gpus;
    s->event = event;
    s->running = running;
}

/* The event that began the present attempt of each task, plus one; 0: none runs. */
static int find_spans(const sbi_campaign *c, timeline *t)
{
    const size_t events = sbi_campaign_event_count(c), tasks = sbi_campaign_count(c);
    size_t *started = calloc(tasks + 1, sizeof *started);
    t->spans = calloc(events + 1, sizeof *t->spans);
    if (!started || !t->spans) {
        free(started);
        return 0;
    }
    for (size_t i = 0; i < events; i++) {
        const sbi_campaign_event e = campaign_event(c, i);
        if (i == 0) t->begin = e.time;
        if (e.time > t->end) t->end = e.time;
        if (e.kind == SBI_EVENT_STARTED && !started[e.task]) started[e.task] = i + 1;
        if (e.kind == SBI_EVENT_SUBMITTED || e.kind == SBI_EVENT_RETRIED) started[e.task] = 0;
        if (!ends_attempt(e.kind)) continue;
        /* One whose beginning nobody saw, but which says how long it ran. */
        const int64_t begin = started[e.task] ? campaign_event(c, started[e.task] - 1).time : e.time - (int64_t)(1e3 * e.seconds);
        if (started[e.task] || e.seconds > 0) add_span(t, &e, i, begin, e.time, 0);
        started[e.task] = 0;
    }
    for (size_t i = 0; i < tasks; i++) {
        if (!started[i]) continue;
        const sbi_campaign_event e = campaign_event(c, started[i] - 1);
        add_span(t, &e, started[i] - 1, e.time, t->end, 1);
    }
    for (size_t i = 0; i < t->n; i++) {
        if (t->spans[i].begin < t->begin) t->begin = t->spans[i].begin;
    }
    free(started);
    return 1;
}

/* ---- as JSON --------------------------------------------------------------------------------------------------- */

typedef struct change {
    int64_t time;
    double cpus, gpus;
} change;

static int by_time(const void *a, const void *b)
{
    const change *x = a, *y = b;
    return (x->time > y->time) - (x->time < y->time);
}

/* Where a sum of steps up and down comes to nothing it is to be nothing. */
static double clean(double x)
{
    return x < 1e-9 ? 0 : x;
}

static void print_steps(const timeline *t)
{
    change *changes = calloc(2 * t->n + 1, sizeof *changes);
    double cpus = 0, gpus = 0;
    const char *separator = "";
    if (!changes) return;
    for (size_t i = 0; i < t->n; i++) {
        const span *s = &t->spans[i];
        changes[2 * i] = (change){s->begin, s->cpus, s->gpus};
        changes[2 * i + 1] = (change){s->end, -s->cpus, -s->gpus};
    }
    qsort(changes, 2 * t->n, sizeof *changes, by_time);
    for (size_t i = 0; i < 2 * t->n; i++) {
        cpus += changes[i].cpus;
        gpus += changes[i].gpus;
        if (i + 1 < 2 * t->n && changes[i + 1].time == changes[i].time) continue;
        printf("%s{\"time_ms\":%" PRId64 ",\"cores\":%.6g,\"gpus\":%.6g}", separator, changes[i].time, clean(cpus), clean(gpus));
        separator = ",\n  ";
    }
    free(changes);
}

static void print_json(const sbi_campaign *c, const timeline *t)
{
    printf("{\"begin_ms\":%" PRId64 ",\"end_ms\":%" PRId64 ",\"attempts\":[", t->begin, t->end);
    for (size_t i = 0; i < t->n; i++) {
        const span *s = &t->spans[i];
        const sbi_campaign_event e = campaign_event(c, s->event);
        printf("%s{\"key\":\"%s\",\"stage\":", i ? ",\n  " : "", e.key);
        campaign_print_json(e.stage);
        printf(",\"attempt\":%d,\"state\":\"%s\",\"host\":", (int)e.attempt, sbi_task_state_name(e.state));
        campaign_print_json(e.host);
        printf(",\"begin_ms\":%" PRId64 ",\"end_ms\":%" PRId64 ",\"cpus\":%.6g,\"gpus\":%.6g,\"cpu_seconds\":%.6f,\"peak_memory\":%" PRIu64 "}",
               s->begin, s->end, s->cpus, s->gpus, e.cpu_seconds, e.peak_memory);
    }
    printf("],\n \"steps\":[");
    print_steps(t);
    printf("]}\n");
}

/* ---- as a chart ------------------------------------------------------------------------------------------------ */

/* Mean use in each column. */
static void fill_columns(const timeline *t, double *columns, int n, int gpus)
{
    const double length = (double)(t->end - t->begin) / n;
    for (int i = 0; i < n; i++) columns[i] = 0;
    for (size_t k = 0; k < t->n && length > 0; k++) {
        const span *s = &t->spans[k];
        const double begin = (double)(s->begin - t->begin) / length, end = (double)(s->end - t->begin) / length;
        for (int i = (int)begin; i < n && i < end; i++) {
            const double low = begin > i ? begin : i, high = end < i + 1 ? end : i + 1;
            columns[i] += (high - low) * (gpus ? s->gpus : s->cpus);
        }
    }
}

static void print_chart(const timeline *t, const char *title, int width, int gpus)
{
    const int n = width - 10 > 10 ? width - 10 : 10;
    double *columns = calloc((size_t)n, sizeof *columns), top = 0;
    char text[32];
    if (!columns) return;
    fill_columns(t, columns, n, gpus);
    for (int i = 0; i < n; i++) top = columns[i] > top ? columns[i] : top;
    printf("%s\n", title);
    for (int row = ROWS; row > 0; row--) {
        const double level = top * (row - 0.5) / ROWS;
        if (row == ROWS || row == ROWS / 2)
            printf("%8.4g |", top * row / ROWS);
        else
            printf("         |");
        int last = -1;
        for (int i = 0; i < n; i++) last = columns[i] > level ? i : last;
        for (int i = 0; i <= last; i++) putchar(columns[i] > level ? '#' : ' ');
        putchar('\n');
    }
    printf("       0 +");
    for (int i = 0; i < n; i++) putchar('-');
    printf("\n          0%*s\n", n - 1, campaign_duration(1e-3 * (double)(t->end - t->begin), text, sizeof text));
    free(columns);
}

static int print_charts(const timeline *t, int width)
{
    double gpus = 0;
    char when[48];
    for (size_t i = 0; i < t->n; i++) gpus += t->spans[i].gpus;
    if (!t->n) {
        printf("nothing has run yet\n");
        return EXIT_SUCCESS;
    }
    print_chart(t, "cores in use", width, 0);
    if (gpus > 0) print_chart(t, "GPUs in use", width, 1);
    printf("from %s\n", campaign_time(t->begin, when, sizeof when));
    return EXIT_SUCCESS;
}

/* ---- as a picture ---------------------------------------------------------------------------------------------- */

/* Python draws it, from the JSON on its standard input. */
static int draw(const sbi_campaign *c, const timeline *t, const char *png)
{
    int ends[2], how;
    const char *python = getenv("SBI_PYTHON");
    if (pipe(ends)) return campaign_fail(sbi_error_set(SBI_ERR_IO, "timeline: no pipe"));
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp(python ? python : "python3", python ? python : "python3", "-c",
               "import sys; from sbi.plots.resources import main; sys.exit(main())", png, (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    if (pid < 0 || dup2(ends[1], STDOUT_FILENO) < 0) {
        close(ends[1]);
        return campaign_fail(sbi_error_set(SBI_ERR_IO, "timeline: no process can be started"));
    }
    close(ends[1]);
    print_json(c, t);
    fclose(stdout);
    if (waitpid(pid, &how, 0) == pid && WIFEXITED(how) && WEXITSTATUS(how) == 0) return EXIT_SUCCESS;
    return campaign_fail(sbi_error_set(SBI_ERR_IO, "timeline: the picture could not be drawn by Python; are the package sbi and matplotlib installed?"));
}

int campaign_timeline(const campaign_command *command)
{
    sbi_campaign *c;
    timeline t = {NULL, 0, 0, 0};
    int code = EXIT_SUCCESS;
    sbi_status status = campaign_look(command, &c);
    if (status != SBI_OK) return campaign_fail(status);
    if (!find_spans(c, &t))
        code = campaign_fail(sbi_error_set(SBI_ERR_NO_MEMORY, "timeline: out of memory"));
    else if (command->png)
        code = draw(c, &t, command->png);
    else if (command->json)
        print_json(c, &t);
    else
        code = print_charts(&t, command->width);
    free(t.spans);
    sbi_campaign_close(c);
    return code;
}
