/* SPDX-License-Identifier: Apache-2.0 */
/* All memory of the library comes from here: the context's allocator, 64-byte aligned. Failures set the message. */
#ifndef SBI_BASE_MEMORY_H
#define SBI_BASE_MEMORY_H

#include "sbi/context.h"

#define SBI_ALIGNMENT 64

/* NULL on failure, with the message set; zero bytes give a valid pointer. Contents undefined. */
void *sbi_alloc(sbi_context *ctx, size_t size);
/* Asks the system for large pages where a block is read from many places at once: fewer of them need translating. A hint. */
void sbi_prefer_large_pages(void *block, size_t size);
/* count * size with the overflow checked. Contents undefined. */
void *sbi_alloc_array(sbi_context *ctx, size_t count, size_t size);
/* The same, zeroed. */
void *sbi_alloc_zero(sbi_context *ctx, size_t count, size_t size);
/* Grows or shrinks, keeping the content; memory may be NULL. On failure the old block stays and NULL is returned. */
void *sbi_realloc_array(sbi_context *ctx, void *memory, size_t count, size_t size);
/* Room for element `n` of an array that grows one by one from NULL, and by this call alone: the block itself, or one twice as long with its
 * content. On failure the old block stays and NULL is returned. */
void *sbi_alloc_next(sbi_context *ctx, void *memory, size_t n, size_t size);
/* NULL is fine. */
void sbi_free(sbi_context *ctx, void *memory);
char *sbi_strdup(sbi_context *ctx, const char *text);
char *sbi_strndup(sbi_context *ctx, const char *text, size_t length);
/* printf into fresh memory. */
char *sbi_strf(sbi_context *ctx, const char *format, ...) SBI_PRINTF(2, 3);

/* Bytes now allocated from this context, and the most there ever were. */
size_t sbi_memory_now(const sbi_context *ctx);
size_t sbi_memory_peak(const sbi_context *ctx);

#endif
