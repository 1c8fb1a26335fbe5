/* SPDX-License-Identifier: Apache-2.0 */
/* The client of faults.py: a campaign of N short tasks over the executor "kubernetes", gone on from where an earlier one was killed. Writes every result, in the
 * order of the tasks, to OUT. CONFIG is the executor's, STORE_CONFIG the store's. Exit code 75: the server or the store is out of reach, or a disk is full: start
 * me again.
 * Usage: campaign_kubernetes FOLDER STORE N OUT CONFIG STORE_CONFIG */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "sbi/sbi.h"
#include "support/staging_executor.h"

static sbi_status append(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return ((sbi_text *)user)->status;
}

static sbi_status open_executor(sbi_executor **out, sbi_context *ctx, char **argv)
{
    sbi_executor *inner;
    sbi_store *store;
    SBI_TRY(sbi_executor_open(&inner, ctx, "kubernetes", argv[5]));
    SBI_TRY(sbi_store_open(&store, ctx, argv[2], argv[6]));
    return staging_executor_wrap(out, ctx, inner, store);
}

static sbi_status run(sbi_context *ctx, char **argv)
{
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    sbi_campaign *c;
    sbi_executor *exec;
    const long n = atol(argv[3]);
    char key[32], spec[64];
    o.backoff_seconds = 0.05;
    o.backoff_max_seconds = 2;
    o.max_attempts = 40;
    SBI_TRY(sbi_campaign_open(&c, ctx, argv[1], &o));
    for (long i = 0; i < n; i++) {
        sbi_task t = SBI_TASK_INIT;
        snprintf(key, sizeof key, "task-%ld", i);
        snprintf(spec, sizeof spec, i % 4 ? "echo result of %ld" : "sleep 3000", i);
        t.key = key;
        t.spec = spec;
        t.spec_size = strlen(spec);
        SBI_TRY(sbi_campaign_add(c, &t, NULL, 0, NULL));
    }
    SBI_TRY(open_executor(&exec, ctx, argv));
    SBI_TRY(sbi_campaign_run(c, exec));
    FILE *f = fopen(argv[4], "w");
    if (!f) return sbi_fail(SBI_ERR_IO, "%s", argv[4]);
    for (long i = 0; i < n; i++) {
        sbi_text text;
        sbi_text_init(&text, ctx);
        sbi_sink sink = {sizeof sink, 0, append, &text};
        snprintf(key, sizeof key, "task-%ld", i);
        sbi_status status = sbi_campaign_result(c, key, &sink);
        fprintf(f, "%s %s\n", key, status == SBI_OK && text.data ? text.data : "(no result)");
        sbi_text_clear(&text);
        SBI_TRY(status);
    }
    if (fclose(f)) return sbi_fail(SBI_ERR_IO, "%s", argv[4]);
    sbi_executor_close(exec);
    sbi_campaign_close(c);
    return SBI_OK;
}

int main(int argc, char **argv)
{
    sbi_context *ctx;
    if (argc != 7 || sbi_context_create(&ctx, NULL) != SBI_OK) return 64;
    sbi_status status = run(ctx, argv);
    if (status == SBI_OK) {
        sbi_context_destroy(ctx);
        return 0;
    }
    fprintf(stderr, "campaign_kubernetes: %s: %s\n", sbi_status_name(status), sbi_last_error());
    return status == SBI_ERR_TRANSIENT || status == SBI_ERR_NO_SPACE ? 75 : 1;
}
