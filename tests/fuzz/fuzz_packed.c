/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a packed store: loaded as a model, in memory and streamed, and evaluated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sbi/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sbi_context *ctx;
static char folder[256], path[272];

static void start(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/sbi-fuzz-XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(folder)) abort();
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 1;
    if (sbi_context_create(&ctx, &o) != SBI_OK) abort();
    static const double ones[20] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const sbi_array a = sbi_array_1d(ones, SBI_F64, 20);
    snprintf(path, sizeof path, "%s/r.npy", folder);
    if (sbi_npy_write(ctx, path, &a) != SBI_OK) abort();
    snprintf(path, sizeof path, "%s/store.npy", folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char workspace[] =
        "{\"channels\": [{\"name\": \"SR\", \"eventsys\": {\"file\": \"store.npy\", \"events\": 20, \"samples\": [\"S\"], \"parameters\": "
        "[\"a\"], \"storage\": \"log\"}, \"samples\": [{\"name\": \"S\", \"yield\": 20, \"ratio\": \"r.npy\", \"modifiers\": [{\"name\": \"a\", "
        "\"type\": \"eventsys\", \"data\": null}]}]}], \"version\": \"1.0.0\"}";
    if (!ctx) start();
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
    double value[2] = {0, 0};
    sbi_status status[2];
    for (int streamed = 0; streamed < 2; streamed++) {
        sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
        if (streamed) options.column_memory = 0;
        sbi_model *m;
        sbi_model_work *work = NULL;
        const double theta = 0.7;
        status[streamed] = sbi_model_load_text_with(&m, ctx, workspace, sizeof workspace - 1, folder, &options);
        if (status[streamed] != SBI_OK && !sbi_last_error()[0]) abort();
        if (status[streamed] == SBI_OK) status[streamed] = sbi_model_work_create(&work, m);
        if (status[streamed] == SBI_OK) status[streamed] = sbi_model_nll(work, &theta, &value[streamed], NULL);
        sbi_model_work_destroy(work);
        sbi_model_destroy(m);
    }
    if (status[0] != status[1] || memcmp(&value[0], &value[1], sizeof value[0]) != 0) abort();
    return 0;
}
