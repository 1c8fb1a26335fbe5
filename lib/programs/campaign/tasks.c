/* SPDX-License-Identifier: Apache-2.0 */
/* tasks: a line a task. cost: what stages used, and what that costs. */
#include <inttypes.h>
#include <stdlib.h>

#include "programs/campaign/campaign.h"

static const char *state_of(const sbi_campaign_report *r)
{
    return r->given_up ? "given up" : sbi_task_state_name(r->state);
}

static void print_task_json(const sbi_campaign_report *r)
{
    printf("{\"key\":\"%s\",\"stage\":", r->key);
    campaign_print_json(r->stage);
    printf(",\"state\":\"%s\",\"attempts\":%d,\"preemptions\":%d,\"progress\":%.4f,\"seconds\":%.6f,\"cpu_seconds\":%.6f", state_of(r),
           (int)r->attempts, (int)r->preemptions, r->progress, r->seconds, r->cpu_seconds);
    printf(",\"peak_memory\":%" PRIu64 ",\"cpus\":%.6g,\"gpus\":%.6g,\"memory\":%" PRIu64 ",\"result_size\":%" PRIu64
           ",\"sha256\":\"%s\",\"added\":%" PRId64 ",\"began\":%" PRId64 ",\"ended\":%" PRId64,
           r->peak_memory, r->cpus, r->gpus, r->memory, r->result_size, r->sha256, r->added, r->began, r->ended);
    printf(",\"host\":");
    campaign_print_json(r->host);
    printf(",\"message\":");
    campaign_print_json(r->message);
    printf("}");
}

static void print_task(const sbi_campaign_report *r)
{
    char memory[32], work[32];
    printf("%-64s ", r->key);
    printf("%-12s %8d %11s %11s  ", state_of(r), (int)r->attempts, campaign_duration(r->seconds, work, sizeof work),
           campaign_bytes((double)r->peak_memory, memory, sizeof memory));
    campaign_print_plain(r->stage[0] ? r->stage : "-");
    printf("  ");
    campaign_print_plain(r->host[0] ? r->host : "-");
    printf("  ");
    campaign_print_plain(r->message);
    printf("\n");
}

int campaign_tasks(const campaign_command *command)
{
    sbi_campaign *c;
    sbi_status status = campaign_look(command, &c);
    if (status != SBI_OK) return campaign_fail(status);
    const size_t n = sbi_campaign_count(c);
    if (command->json)
        printf("[");
    else
        printf("%-64s %-12s %8s %11s %11s  %s\n", "task", "state", "attempts", "work", "peak memory", "stage  host  message");
    for (size_t i = 0; i < n; i++) {
        const sbi_campaign_report r = campaign_report(c, i);
        if (!command->json) {
            print_task(&r);
            continue;
        }
        if (i) printf(",\n ");
        print_task_json(&r);
    }
    if (command->json) printf("]\n");
    sbi_campaign_close(c);
    return EXIT_SUCCESS;
}

/* ---- cost ------------------------------------------------------------------------------------------------------ */

static void print_cost_json(const sbi_campaign_usage *u)
{
    printf("{\"stage\":");
    campaign_print_json(u->stage);
    printf(",\"core_hours\":%.6f,\"gpu_hours\":%.6f,\"gib_hours\":%.6f,\"cpu_hours\":%.6f,\"core_cost\":%.6f,\"gpu_cost\":%.6f,"
           "\"gib_cost\":%.6f,\"cost\":%.6f}",
           u->core_seconds / 3600, u->gpu_seconds / 3600, u->gib_seconds / 3600, u->cpu_seconds / 3600, u->core_cost, u->gpu_cost, u->gib_cost,
           u->cost);
}

static void print_cost(const char *name, const sbi_campaign_usage *u)
{
    campaign_print_plain(name);
    int n = 0;
    while (name[n]) n++;
    for (; n < 18; n++) putchar(' ');
    printf(" %12.3f %12.3f %12.3f %12.2f\n", u->core_seconds / 3600, u->gpu_seconds / 3600, u->gib_seconds / 3600, u->cost);
}

int campaign_cost(const campaign_command *command)
{
    sbi_campaign *c;
    sbi_status status = campaign_look(command, &c);
    if (status != SBI_OK) return campaign_fail(status);
    const sbi_campaign_usage all = campaign_usage(c, SBI_CAMPAIGN_WHOLE);
    const char *separator = "";
    if (command->json) {
        printf("{\"currency\":");
        campaign_print_json(all.currency);
        printf(",\"all\":");
        print_cost_json(&all);
        printf(",\"stages\":[");
    } else {
        printf("%-18s %12s %12s %12s %12s\n", "stage", "core hours", "GPU hours", "GiB hours", all.currency[0] ? all.currency : "cost");
    }
    for (size_t i = 0; i < sbi_campaign_stage_count(c); i++) {
        const sbi_campaign_usage u = campaign_usage(c, i);
        if (!u.tasks) continue;
        if (command->json) {
            printf("%s", separator);
            print_cost_json(&u);
            separator = ",";
        } else {
            print_cost(u.stage[0] ? u.stage : "-", &u);
        }
    }
    if (command->json)
        printf("]}\n");
    else
        print_cost("all", &all);
    sbi_campaign_close(c);
    return EXIT_SUCCESS;
}
