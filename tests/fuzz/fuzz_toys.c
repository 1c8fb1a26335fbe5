/* SPDX-License-Identifier: Apache-2.0 */
/* Results of toys: any JSON gives a status and leaves nothing behind, or a table that is written as what was read. */
#include <stdlib.h>
#include <string.h>

#include "jobs/toys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sbi_context *ctx;

static void clean_up(void)
{
    sbi_context_destroy(ctx);
}

static void write_again(const sbi_toys *t)
{
    sbi_text first, second;
    sbi_toys *again = NULL;
    json_t *json = sbi_toys_to_json(t), *other;
    const sbi_json_place at = sbi_json_root("again");
    sbi_text_init(&first, ctx);
    sbi_text_init(&second, ctx);
    if (!json || sbi_json_canonical(&first, json) != SBI_OK) abort();
    if (sbi_toys_from_json(&again, ctx, json, &at) != SBI_OK) abort();
    other = sbi_toys_to_json(again);
    if (!other || sbi_json_canonical(&second, other) != SBI_OK) abort();
    if (first.size != second.size || memcmp(first.data, second.data, first.size) != 0) abort();
    sbi_text_clear(&first);
    sbi_text_clear(&second);
    json_decref(json);
    json_decref(other);
    sbi_toys_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!ctx && (sbi_context_create(&ctx, NULL) != SBI_OK || atexit(clean_up))) abort();
    json_t *json;
    sbi_toys *t = NULL;
    if (sbi_json_parse(&json, (const char *)data, size, "toys") != SBI_OK) return 0;
    const sbi_json_place at = sbi_json_root("toys");
    const sbi_status status = sbi_toys_from_json(&t, ctx, json, &at);
    if ((status == SBI_OK) != (t != NULL) || (status != SBI_OK && !sbi_last_error()[0])) abort();
    if (t) write_again(t);
    sbi_toys_destroy(t);
    json_decref(json);
    return 0;
}
