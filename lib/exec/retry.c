/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that decides whether, when and how a task is tried again. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/sha256.h"
#include "exec/campaign_internal.h"

double sbi_retry_wait(const sbi_campaign_options *options, const char *key, int32_t n)
{
    double wait = options->backoff_seconds;
    for (int32_t i = 1; i < n && wait < options->backoff_max_seconds; i++) wait *= 2;
    if (wait > options->backoff_max_seconds) wait = options->backoff_max_seconds;
    /* Tasks that failed together (a file server went away) must not come back together; yet a wait can be reproduced. */
    unsigned char digest[32];
    sbi_sha256 h;
    sbi_sha256_init(&h);
    sbi_sha256_update(&h, key, strlen(key));
    sbi_sha256_final(&h, digest);
    uint64_t seed;
    memcpy(&seed, digest, sizeof seed);
    return wait * (0.5 + 0.5 * sbi_random_uniform(seed, 0, (uint64_t)n));
}

/* Twice what it had or used, up to the cap; false if it had the cap already. */
static int more_memory(const sbi_campaign_options *options, const sbi_task_report *report, uint64_t *memory)
{
    uint64_t cap = options->memory_cap, had = *memory;
    if (cap && had >= cap) return 0;
    if (report->peak_memory > had) had = report->peak_memory;
    *memory = had > UINT64_MAX / 2 ? UINT64_MAX : 2 * had;
    if (cap && *memory > cap) *memory = cap;
    return 1;
}

sbi_retry_verdict sbi_retry_decide(const sbi_campaign_options *options, const sbi_task_report *report, int32_t failures,
                                   int32_t preemptions, uint64_t memory)
{
    sbi_retry_verdict v = {0, 0, 0, memory};
    switch (report->state) {
    case SBI_TASK_LOST:
    case SBI_TASK_TRANSIENT: v.again = 1; break;
    case SBI_TASK_OUT_OF_MEMORY: v.again = more_memory(options, report, &v.memory); break;
    case SBI_TASK_PREEMPTED:
        /* Nobody's fault, and the work so far is kept: at once, and not counted as a failure. */
        v.preempted = 1;
        v.again = preemptions < options->max_preemptions;
        return v;
    default: return v; /* FAILED and REJECTED would be so again; CANCELLED was wanted */
    }
    if (failures + 1 >= options->max_attempts) v.again = 0;
    v.wait = sbi_retry_wait(options, report->key, failures + 1);
    return v;
}
