/* SPDX-License-Identifier: Apache-2.0 */
/* Job specs and journals: any bytes give a status and leave nothing behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/journal.h"
#include "jobs/job.h"
#include "sbi/campaign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sbi_context *ctx;
static char folder[256], path[272];

static void parse_spec(const uint8_t *data, size_t size)
{
    sbi_job *job;
    char key[SBI_TASK_KEY_MAX + 1];
    sbi_status status = sbi_job_parse(&job, ctx, data, size);
    if ((status == SBI_OK) != (job != NULL)) abort();
    if (status != SBI_OK && !sbi_last_error()[0]) abort();
    if (status == SBI_OK && sbi_job_key(ctx, data, size, key) != SBI_OK) abort();
    sbi_job_free(job);
}

/* The input's lines as records with right checksums, so that their fields are what is tested. */
static void make_journal(const uint8_t *data, size_t size)
{
    sbi_journal j;
    unlink(path);
    if (sbi_journal_open(&j, ctx, path, 0, NULL, NULL) != SBI_OK) return;
    const char *at = (const char *)data, *end = at + size;
    sbi_journal_begin(&j, "campaign");
    sbi_journal_add_u64(&j, 1);
    if (sbi_journal_end(&j) != SBI_OK) abort();
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        sbi_journal_begin(&j, "");
        if (!memchr(at, '\0', (size_t)(stop - at))) sbi_text_add(&j.line, at, (size_t)(stop - at));
        if (sbi_journal_end(&j) != SBI_OK) abort();
        at = stop + 1;
    }
    sbi_journal_flush(&j, 0);
    sbi_journal_close(&j);
}

static void read_campaign(void)
{
    sbi_campaign *c;
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    o.read_only = 1;
    if (sbi_campaign_open(&c, ctx, folder, &o) != SBI_OK) {
        if (c || !sbi_last_error()[0]) abort();
        return;
    }
    for (size_t i = 0; i < sbi_campaign_event_count(c); i++) {
        sbi_campaign_event e = {.struct_size = sizeof e};
        if (sbi_campaign_event_get(c, i, &e) != SBI_OK || e.task >= sbi_campaign_count(c)) abort();
    }
    for (size_t i = 0; i < sbi_campaign_count(c); i++) {
        sbi_campaign_report r = {.struct_size = sizeof r};
        if (sbi_campaign_report_get(c, i, &r) != SBI_OK) abort();
    }
    sbi_campaign_close(c);
}

static void clean_up(void)
{
    sbi_context_destroy(ctx);
    rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!ctx) {
        if (sbi_context_create(&ctx, NULL) != SBI_OK || atexit(clean_up)) abort();
        const char *base = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/sbi-fuzz-XXXXXX", base && base[0] ? base : "/tmp");
        if (!mkdtemp(folder)) abort();
        snprintf(path, sizeof path, "%s/journal", folder);
    }
    parse_spec(data, size);
    make_journal(data, size);
    read_campaign();
    unlink(path);
    return 0;
}
