/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer for building text and messages; an allocation failure is kept and reported at the end. */
#ifndef SBI_BASE_TEXT_H
#define SBI_BASE_TEXT_H

#include "sbi/context.h"

typedef struct sbi_text {
    sbi_context *ctx;
    char *data; /* always NUL-terminated once anything was added */
    size_t size;
    size_t capacity;
    sbi_status status;
} sbi_text;

void sbi_text_init(sbi_text *t, sbi_context *ctx);
void sbi_text_add(sbi_text *t, const void *data, size_t size);
void sbi_text_addf(sbi_text *t, const char *format, ...) SBI_PRINTF(2, 3);
/* Frees the content and starts anew. */
void sbi_text_clear(sbi_text *t);

#endif
