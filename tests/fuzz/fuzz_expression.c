/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a factor expression; one that parses must record without a crash. */
#include <string.h>

#include "model/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t lookup(void *user, const char *name, size_t length)
{
    (void)user;
    return length == 2 && memcmp(name, "mu", 2) == 0 ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sbi_context *ctx;
    if (!ctx && sbi_context_create(&ctx, NULL) != SBI_OK) return 0;
    char text[512];
    if (size >= sizeof text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    sbi_expression *e;
    if (sbi_expression_parse(&e, ctx, text, lookup, NULL) != SBI_OK) return 0;
    sbi_tape *tape;
    if (sbi_tape_create(&tape, ctx) == SBI_OK) {
        sbi_var mu = sbi_tape_param(tape, "mu");
        sbi_tape_seal(tape, sbi_expression_record(e, tape, &mu));
        sbi_tape_destroy(tape);
    }
    sbi_expression_destroy(e);
    return 0;
}
