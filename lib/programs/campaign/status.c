/* SPDX-License-Identifier: Apache-2.0 */
/* status: how far a campaign is, stage by stage. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "programs/campaign/campaign.h"

/* Speed is told by the campaign's own clock, from the first submission to what happened last: a look at one that has ended, or was
 * interrupted, tells the same at any time. */
typedef struct speed {
    double elapsed;   /* seconds */
    double rate;      /* tasks done a second; 0: unknown */
    double remaining; /* seconds; negative: unknown */
} speed;

static speed speed_of(const sbi_campaign *c, const sbi_campaign_usage *u)
{
    speed s = {0, 0, -1};
    const size_t n = sbi_campaign_event_count(c);
    if (!n || !u->began) return s;
    s.elapsed = 1e-3 * (double)(campaign_event(c, n - 1).time - u->began);
    if (s.elapsed > 0) s.rate = (double)u->done / s.elapsed;
    if (s.rate > 0) s.remaining = (double)(u->tasks - u->done - u->given_up) / s.rate;
    return s;
}

static void print_members(const sbi_campaign_usage *u)
{
    printf("\"tasks\":%" PRIu64 ",\"done\":%" PRIu64 ",\"running\":%" PRIu64 ",\"waiting\":%" PRIu64 ",\"given_up\":%" PRIu64
           ",\"attempts\":%" PRIu64 ",\"preemptions\":%" PRIu64 ",\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"peak_memory\":%" PRIu64
           ",\"result_bytes\":%" PRIu64 ",\"began_ms\":%" PRId64 ",\"ended_ms\":%" PRId64,
           u->tasks, u->done, u->running, u->waiting, u->given_up, u->attempts, u->preemptions, u->seconds, u->cpu_seconds, u->peak_memory,
           u->result_bytes, u->began, u->ended);
}

static void print_json(const sbi_campaign *c)
{
    const sbi_campaign_usage all = campaign_usage(c, SBI_CAMPAIGN_WHOLE);
    const speed s = speed_of(c, &all);
    const char *separator = "";
    printf("{");
    print_members(&all);
    printf(",\"tasks_per_second\":%.6f,\"remaining_seconds\":", s.rate);
    if (s.remaining >= 0)
        printf("%.3f", s.remaining);
    else
        printf("null");
    printf(",\"stages\":[");
    for (size_t i = 0; i < sbi_campaign_stage_count(c); i++) {
        const sbi_campaign_usage u = campaign_usage(c, i);
        if (!u.tasks) continue;
        printf("%s{\"stage\":", separator);
        campaign_print_json(u.stage);
        printf(",");
        print_members(&u);
        printf("}");
        separator = ",";
    }
    printf("]}\n");
}

static void print_row(const char *name, const sbi_campaign_usage *u)
{
    char work[32], peak[32];
    campaign_print_plain(name);
    for (size_t n = strlen(name); n < 18; n++) putchar(' ');
    printf(" %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %11s %11s\n", u->tasks, u->done, u->running, u->waiting,
           u->given_up, campaign_duration(u->seconds, work, sizeof work), campaign_bytes((double)u->peak_memory, peak, sizeof peak));
}

static void print_bar(const sbi_campaign_usage *u)
{
    const int width = 40, full = u->tasks ? (int)((double)u->done / (double)u->tasks * width) : 0;
    printf("\n[");
    for (int i = 0; i < width; i++) putchar(i < full ? '#' : '.');
    printf("] %.1f %% done\n", u->tasks ? 100 * (double)u->done / (double)u->tasks : 0.0);
}

static void print_table(const sbi_campaign *c)
{
    const sbi_campaign_usage all = campaign_usage(c, SBI_CAMPAIGN_WHOLE);
    const speed s = speed_of(c, &all);
    char text[32];
    size_t named = 0;
    printf("%-18s %8s %8s %8s %8s %8s %11s %11s\n", "stage", "tasks", "done", "running", "waiting", "failed", "work", "peak memory");
    for (size_t i = 0; i < sbi_campaign_stage_count(c); i++) {
        const sbi_campaign_usage u = campaign_usage(c, i);
        if (!u.tasks || (!u.stage[0] && u.tasks == all.tasks)) continue;
        print_row(u.stage[0] ? u.stage : "-", &u);
        named++;
    }
    if (named != 1) print_row("all", &all);
    print_bar(&all);
    printf("attempts   %" PRIu64 ", of them preempted %" PRIu64 "\n", all.attempts, all.preemptions);
    printf("elapsed    %s\n", campaign_duration(s.elapsed, text, sizeof text));
    if (s.rate > 0) printf("rate       %.3g tasks/min\n", 60 * s.rate);
    if (s.remaining > 0) printf("remaining  %s\n", campaign_duration(s.remaining, text, sizeof text));
    printf("results    %s\n", campaign_bytes((double)all.result_bytes, text, sizeof text));
}

static int ended(const sbi_campaign *c)
{
    const sbi_campaign_usage u = campaign_usage(c, SBI_CAMPAIGN_WHOLE);
    return !u.waiting && !u.running;
}

int campaign_status(const campaign_command *command)
{
    const int refresh = command->terminal && !command->once && !command->json;
    for (;;) {
        sbi_campaign *c;
        sbi_status status = campaign_look(command, &c);
        if (status != SBI_OK) return campaign_fail(status);
        if (refresh) printf("\033[H\033[2J"); /* home, clear */
        if (command->json)
            print_json(c);
        else
            print_table(c);
        const int last = !refresh || ended(c);
        sbi_campaign_close(c);
        fflush(stdout);
        if (last || !campaign_wait(command->interval)) return EXIT_SUCCESS;
    }
}
