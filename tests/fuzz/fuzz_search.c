/* SPDX-License-Identifier: Apache-2.0 */
/* Searches as JSON: any text gives a status with a message and leaves nothing behind, or a plan whose trials all have options that may be trained,
 * or say why not, and the same plan when it is read again. */
#include <stdlib.h>
#include <string.h>

#include "sbi/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sbi_context *ctx;

static void clean_up(void)
{
    sbi_context_destroy(ctx);
}

static void check_trial(const sbi_search *s, const sbi_search *again, size_t index)
{
    sbi_search_trial t = {.struct_size = (uint32_t)sizeof t};
    sbi_train_options a = {.struct_size = (uint32_t)sizeof a}, b = a;
    if (sbi_search_trial_get(s, index, &t) != SBI_OK || sbi_search_trial_options(s, index, &a) != SBI_OK) abort();
    if (sbi_search_trial_options(again, index, &b) != SBI_OK || memcmp(&a, &b, sizeof a) != 0) abort();
    if (t.state != SBI_TRIAL_PLANNED && (t.state != SBI_TRIAL_INVALID || !t.message[0])) abort();
    if (t.rank < 0 || (size_t)t.rank >= sbi_search_trials(s)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!ctx && (sbi_context_create(&ctx, NULL) != SBI_OK || atexit(clean_up))) abort();
    sbi_search *s = NULL, *again = NULL;
    sbi_train_options base = SBI_TRAIN_OPTIONS_INIT;
    base.epochs = 27;
    const sbi_status status = sbi_search_parse(&s, ctx, &base, (const char *)data, size);
    if ((status == SBI_OK) != (s != NULL) || (status != SBI_OK && !sbi_last_error()[0])) abort();
    if (!s) return 0;
    if (sbi_search_parse(&again, ctx, &base, (const char *)data, size) != SBI_OK || sbi_search_trials(again) != sbi_search_trials(s)) abort();
    const size_t n = sbi_search_trials(s);
    for (size_t i = 0; i < n && i < 50; i++) check_trial(s, again, i);
    check_trial(s, again, n - 1);
    sbi_search_destroy(s);
    sbi_search_destroy(again);
    return 0;
}
