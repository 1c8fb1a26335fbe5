/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as JSON: what parses is written canonically, and that text parses to the same text again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value;
    if (sbi_json_parse(&value, (const char *)data, size, "fuzz.json") != SBI_OK) return 0;
    sbi_context *ctx;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 1;
    if (sbi_context_create(&ctx, &o) != SBI_OK) abort();
    sbi_text canonical, pretty, again;
    sbi_text_init(&canonical, ctx);
    sbi_text_init(&pretty, ctx);
    sbi_text_init(&again, ctx);
    if (sbi_json_canonical(&canonical, value) != SBI_OK || sbi_json_pretty(&pretty, value) != SBI_OK) abort();
    json_t *back;
    if (sbi_json_parse(&back, pretty.data, pretty.size, "pretty") != SBI_OK) abort();
    if (sbi_json_canonical(&again, back) != SBI_OK) abort();
    if (again.size != canonical.size || memcmp(again.data, canonical.data, again.size) != 0) abort();
    sbi_text_clear(&again);
    sbi_text_clear(&pretty);
    sbi_text_clear(&canonical);
    json_decref(back);
    json_decref(value);
    if (sbi_memory_now(ctx) != 0) abort();
    sbi_context_destroy(ctx);
    return 0;
}
