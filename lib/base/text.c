/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

void sbi_text_init(sbi_text *t, sbi_context *ctx)
{
    memset(t, 0, sizeof *t);
    t->ctx = ctx;
}

/* Room for `more` bytes and the NUL. */
static int reserve(sbi_text *t, size_t more)
{
    if (t->status != SBI_OK) return 0;
    if (t->capacity - t->size > more) return 1;
    if (more > SIZE_MAX / 4 || t->size > SIZE_MAX / 4) {
        t->status = sbi_fail(SBI_ERR_NO_MEMORY, "out of memory: a text of %zu + %zu bytes", t->size, more);
        return 0;
    }
    size_t capacity = t->capacity ? t->capacity : 256;
    while (capacity - t->size <= more) capacity *= 2;
    char *grown = sbi_realloc_array(t->ctx, t->data, capacity, 1);
    if (!grown) {
        t->status = SBI_ERR_NO_MEMORY;
        return 0;
    }
    t->data = grown;
    t->capacity = capacity;
    return 1;
}

void sbi_text_add(sbi_text *t, const void *data, size_t size)
{
    if (!reserve(t, size)) return;
    if (size) memcpy(t->data + t->size, data, size);
    t->size += size;
    t->data[t->size] = '\0';
}

void sbi_text_addf(sbi_text *t, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        if (t->status == SBI_OK) t->status = sbi_fail(SBI_ERR_INTERNAL, "a text could not be formatted: %s", format);
    } else if (reserve(t, (size_t)length)) {
        vsnprintf(t->data + t->size, (size_t)length + 1, format, again);
        t->size += (size_t)length;
    }
    va_end(again);
}

void sbi_text_clear(sbi_text *t)
{
    sbi_free(t->ctx, t->data);
    sbi_text_init(t, t->ctx);
}
