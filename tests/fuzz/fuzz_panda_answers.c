/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a PanDA server and an OIDC provider say: the first byte says to which reader the rest goes. */
#include <string.h>

#include "base/memory.h"
#include "grid/panda_answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_answer(const char *text, size_t size)
{
    panda_answer a;
    int64_t n;
    int closed;
    if (panda_answer_read(&a, text, size, "fuzz") == SBI_OK) {
        if ((panda_answer_status(&a, "fuzz") == SBI_OK) != a.success) __builtin_trap();
        panda_task_in_message(a.message, &n);
        panda_number(a.data, &n);
        for (size_t i = 0; i < json_array_size(a.data); i++) {
            sbi_task_report r = {.struct_size = sizeof r};
            panda_job_state(json_array_get(a.data, i), &r, &closed);
            if (r.state < SBI_TASK_PENDING || r.state > SBI_TASK_CANCELLED) __builtin_trap();
        }
    }
    panda_answer_clear(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sbi_context *ctx;
    int64_t n;
    char host[40], name[40];
    if (!size || (!ctx && sbi_context_create(&ctx, NULL) != SBI_OK)) return 0;
    char *text = sbi_strndup(ctx, (const char *)data + 1, size - 1);
    if (!text) return 0;
    switch (data[0]) {
    case 'a': read_answer(text, size - 1); break;
    case 't': panda_token_expiry(ctx, text, &n); break;
    case 'f': panda_cache_place(text, host, sizeof host, name, sizeof name); break;
    case 's':
        if (panda_sequence_number(text, "panda-1-", &n) && n <= 0) __builtin_trap();
        break;
    default: panda_task_phase(text);
    }
    sbi_free(ctx, text);
    return 0;
}
