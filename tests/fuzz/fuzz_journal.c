/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of a campaign, and a configuration of an executor. Bytes as they are, and the same lines with the checksums that they ought to
 * have, so that the records themselves are reached: a status with a message, or a campaign that answers every question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "exec/executor.h"
#include "exec/journal.h"
#include "sbi/campaign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sbi_context *ctx;
static char folder[256], path[300];

static void clean_up(void)
{
    unlink(path);
    rmdir(folder);
    sbi_context_destroy(ctx);
}

static void quiet(void *user, int32_t level, const char *message)
{
    (void)user;
    (void)level;
    (void)message;
}

static void start(void)
{
    const char *base = getenv("TMPDIR");
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.log = quiet;
    snprintf(folder, sizeof folder, "%.200s/sbi-fuzz-XXXXXX", base ? base : "/tmp");
    if (sbi_context_create(&ctx, &o) != SBI_OK || !mkdtemp(folder)) abort();
    snprintf(path, sizeof path, "%s/journal", folder);
    if (atexit(clean_up)) abort();
}

static void ask(const sbi_campaign *c)
{
    const size_t n = sbi_campaign_count(c), events = sbi_campaign_event_count(c), stages = sbi_campaign_stage_count(c);
    uint64_t tasks = 0;
    for (size_t i = 0; i < n; i++) {
        sbi_campaign_report r = {.struct_size = sizeof r};
        if (sbi_campaign_report_get(c, i, &r) != SBI_OK || !r.key[0]) abort();
    }
    for (size_t i = 0; i < events; i++) {
        sbi_campaign_event e = {.struct_size = sizeof e};
        if (sbi_campaign_event_get(c, i, &e) != SBI_OK || e.task >= n || !e.key || !e.stage || !e.host || !e.message) abort();
    }
    for (size_t i = 0; i < stages; i++) {
        sbi_campaign_usage u = {.struct_size = sizeof u};
        if (sbi_campaign_usage_get(c, i, &u) != SBI_OK) abort();
        tasks += u.tasks;
    }
    if (tasks != n) abort();
}

static void open_journal(void)
{
    sbi_campaign *c;
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    o.read_only = 1;
    if (sbi_campaign_open(&c, ctx, folder, &o) != SBI_OK) {
        if (!sbi_last_error()[0] || c) abort();
        return;
    }
    ask(c);
    sbi_campaign_close(c);
}

static void write_bytes(const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
}

static sbi_status ignore(void *user, sbi_journal_fields *fields)
{
    (void)user;
    (void)fields;
    return SBI_OK;
}

/* Each line as the text of a record. */
static void write_records(const uint8_t *data, size_t size)
{
    sbi_journal j;
    unlink(path);
    if (sbi_journal_open(&j, ctx, path, 0, ignore, NULL) != SBI_OK) abort();
    for (size_t begin = 0, i = 0; i <= size; i++) {
        if (i < size && data[i] != '\n' && data[i] != '\0') continue;
        j.line.size = 0;
        sbi_text_add(&j.line, data + begin, i - begin);
        if (i > begin && sbi_journal_end(&j) != SBI_OK) abort();
        begin = i + 1;
    }
    if (sbi_journal_flush(&j, 0) != SBI_OK) abort();
    sbi_journal_close(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!ctx) start();
    write_bytes(data, size);
    open_journal();
    write_records(data, size);
    open_journal();
    char *config = malloc(size + 1);
    sbi_text text;
    int complete;
    if (!config) abort();
    if (size) memcpy(config, data, size);
    config[size] = '\0';
    sbi_text_init(&text, ctx);
    if (sbi_executor_redact(&text, config, &complete) == SBI_OK && (!text.data || strstr(text.data, "-----BEGIN"))) abort();
    sbi_text_clear(&text);
    free(config);
    return 0;
}
