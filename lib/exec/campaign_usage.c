/* SPDX-License-Identifier: Apache-2.0 */
/* Totals of stages, and what they cost. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "exec/campaign_internal.h"

size_t sbi_campaign_stage_count(const sbi_campaign *c)
{
    return c ? c->stages.n : 0;
}

static double gib(uint64_t bytes)
{
    return (double)bytes / 1073741824.0;
}

static void add_task(sbi_campaign_usage *u, const sbi_campaign_task *t)
{
    const double seconds = t->seconds + t->running;
    u->tasks++;
    if (t->phase == SBI_PHASE_DONE)
        u->done++;
    else if (t->phase == SBI_PHASE_GIVEN_UP)
        u->given_up++;
    else if (t->state == SBI_TASK_RUNNING)
        u->running++;
    else
        u->waiting++;
    u->attempts += (uint64_t)t->attempt;
    u->preemptions += (uint64_t)t->preemptions;
    if (t->phase == SBI_PHASE_DONE) u->result_bytes += t->size;
    if (t->peak > u->peak_memory) u->peak_memory = t->peak;
    u->seconds += seconds;
    u->cpu_seconds += t->cpu_seconds;
    u->core_seconds += seconds * (t->cpus > 0 ? t->cpus : 1);
    u->gpu_seconds += seconds * t->gpus;
    u->gib_seconds += t->gib_seconds + t->running * gib(t->memory);
    if (t->began && (!u->began || t->began < u->began)) u->began = t->began;
    if (t->ended > u->ended) u->ended = t->ended;
}

sbi_status sbi_campaign_usage_get(const sbi_campaign *c, size_t stage, sbi_campaign_usage *usage)
{
    SBI_REQUIRE(c && usage, "sbi_campaign_usage_get: an argument is NULL");
    SBI_REQUIRE(stage == SBI_CAMPAIGN_WHOLE || stage < c->stages.n, "sbi_campaign_usage_get: stage is %zu, there are %zu", stage,
                c->stages.n);
    sbi_campaign_usage u;
    memset(&u, 0, sizeof u);
    for (size_t i = 0; i < c->n_tasks; i++) {
        if (stage == SBI_CAMPAIGN_WHOLE || c->tasks[i]->stage == stage) add_task(&u, c->tasks[i]);
    }
    const sbi_campaign_prices *p = &c->prices;
    u.core_cost = p->core_hour * u.core_seconds / 3600;
    u.gpu_cost = p->gpu_hour * u.gpu_seconds / 3600;
    u.gib_cost = p->gib_hour * u.gib_seconds / 3600;
    u.cost = u.core_cost + u.gpu_cost + u.gib_cost;
    if (stage != SBI_CAMPAIGN_WHOLE) snprintf(u.stage, sizeof u.stage, "%s", c->stages.words[stage]);
    memcpy(u.currency, p->currency, sizeof u.currency);
    return sbi_campaign_hand_over(usage, &u, sizeof u, sizeof u, "sbi_campaign_usage");
}
