/* SPDX-License-Identifier: Apache-2.0 */
/* events: everything that happened, in order, and with --follow what happens. */
#include <inttypes.h>
#include <stdlib.h>

#include "programs/campaign/campaign.h"

static void print_json(const sbi_campaign_event *e, size_t seq)
{
    printf("{\"seq\":%zu,\"time_ms\":%" PRId64 ",\"event\":\"%s\",\"key\":\"%s\",\"stage\":", seq, e->time, sbi_campaign_event_name(e->kind),
           e->key);
    campaign_print_json(e->stage);
    printf(",\"attempt\":%d,\"state\":\"%s\",\"host\":", (int)e->attempt, sbi_task_state_name(e->state));
    campaign_print_json(e->host);
    printf(",\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"peak_memory\":%" PRIu64 ",\"cpus\":%.6g,\"gpus\":%.6g,\"memory\":%" PRIu64
           ",\"message\":",
           e->seconds, e->cpu_seconds, e->peak_memory, e->cpus, e->gpus, e->memory);
    campaign_print_json(e->message);
    printf("}\n");
}

static void print_text(const sbi_campaign_event *e)
{
    char when[48], work[32];
    printf("%s %-9s %.16s attempt %d", campaign_time(e->time, when, sizeof when), sbi_campaign_event_name(e->kind), e->key, (int)e->attempt);
    if (e->kind == SBI_EVENT_FAILED) printf(" %s", sbi_task_state_name(e->state));
    if (e->host[0]) {
        printf(" on ");
        campaign_print_plain(e->host);
    }
    if (e->seconds > 0) printf(" after %s", campaign_duration(e->seconds, work, sizeof work));
    if (e->message[0]) {
        printf(": ");
        campaign_print_plain(e->message);
    }
    printf("\n");
}

int campaign_events(const campaign_command *command)
{
    size_t told = 0;
    for (;;) {
        sbi_campaign *c;
        sbi_status status = campaign_look(command, &c);
        if (status != SBI_OK) return campaign_fail(status);
        for (const size_t n = sbi_campaign_event_count(c); told < n; told++) {
            const sbi_campaign_event e = campaign_event(c, told);
            if (command->json)
                print_json(&e, told);
            else
                print_text(&e);
        }
        const sbi_campaign_usage u = campaign_usage(c, SBI_CAMPAIGN_WHOLE);
        sbi_campaign_close(c);
        if (fflush(stdout)) return EXIT_SUCCESS; /* nobody reads any more */
        if (!command->follow || (!u.waiting && !u.running) || !campaign_wait(command->interval)) return EXIT_SUCCESS;
    }
}
