/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *sbi_base64_encode(sbi_context *ctx, const void *bytes, size_t size)
{
    const unsigned char *in = bytes;
    if (size > SIZE_MAX / 2) return NULL;
    char *out = sbi_alloc(ctx, (size + 2) / 3 * 4 + 1), *at = out;
    if (!out) return NULL;
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const uint32_t word = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        *at++ = digits[word >> 18];
        *at++ = digits[word >> 12 & 63];
        *at++ = left > 1 ? digits[word >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[word & 63] : '=';
    }
    *at = 0;
    return out;
}

/* 0 to 63, or 64 for what is no digit. */
static uint32_t value_of(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (uint32_t)(at - digits) : 64;
}

static sbi_status malformed(void)
{
    return sbi_fail(SBI_ERR_FORMAT, "base64 is malformed");
}

sbi_status sbi_base64_decode(sbi_context *ctx, const char *text, void **bytes, size_t *size)
{
    const size_t length = strlen(text);
    size_t padding = 0;
    *bytes = NULL;
    *size = 0;
    if (length % 4) return malformed();
    while (padding < 2 && length > padding && text[length - 1 - padding] == '=') padding++;
    unsigned char *out = sbi_alloc(ctx, length / 4 * 3), *at = out;
    if (!out) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < length; i += 4) {
        const size_t digits_here = i + 4 == length ? 4 - padding : 4;
        uint32_t word = 0, wrong = 0;
        for (size_t k = 0; k < 4; k++) {
            const uint32_t v = k < digits_here ? value_of(text[i + k]) : 0;
            wrong |= v & 64;
            word = word << 6 | (v & 63);
        }
        wrong |= word & (digits_here == 4 ? 0 : digits_here == 3 ? 0xff : 0xffff); /* bits that would be lost */
        if (wrong) {
            sbi_free(ctx, out);
            return malformed();
        }
        *at++ = (unsigned char)(word >> 16);
        if (digits_here > 2) *at++ = (unsigned char)(word >> 8);
        if (digits_here > 3) *at++ = (unsigned char)word;
    }
    *bytes = out;
    *size = (size_t)(at - out);
    return SBI_OK;
}
