/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a workspace: a status or a model, never a crash. Columns are those of tests/data/model. */
#include "sbi/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sbi_context *ctx;
    if (!ctx && sbi_context_create(&ctx, NULL) != SBI_OK) return 0;
    sbi_model *m;
    if (sbi_model_load_text(&m, ctx, (const char *)data, size, "tests/data/model") == SBI_OK) sbi_model_destroy(m);
    return 0;
}
