/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/context.h"
#include "base/error.h"

/* In front of each block: its total size, which the release hook wants back. A whole alignment unit, so that what
 * follows stays aligned. */
typedef struct block_header {
    size_t total;
    unsigned char fill[SBI_ALIGNMENT - sizeof(size_t)];
} block_header;

static void count(sbi_context *ctx, size_t added)
{
    size_t now = atomic_fetch_add(&ctx->memory_now, added) + added;
    size_t peak = atomic_load(&ctx->memory_peak);
    while (now > peak && !atomic_compare_exchange_weak(&ctx->memory_peak, &peak, now)) {}
}

void *sbi_alloc(sbi_context *ctx, size_t size)
{
    if (size > SIZE_MAX - 2 * SBI_ALIGNMENT) {
        sbi_fail(SBI_ERR_NO_MEMORY, "out of memory: %zu bytes were asked for", size);
        return NULL;
    }
    /* Rounded up, since aligned allocation wants whole units and vector loops may read a whole last unit. */
    size_t total = (sizeof(block_header) + size + SBI_ALIGNMENT - 1) & ~(size_t)(SBI_ALIGNMENT - 1);
    const sbi_context_options *o = &ctx->options;
    block_header *block =
        o->allocate ? o->allocate(o->allocator_user, total, SBI_ALIGNMENT) : aligned_alloc(SBI_ALIGNMENT, total);
    if (!block) {
        sbi_fail(SBI_ERR_NO_MEMORY, "out of memory: %zu bytes were asked for, %zu are in use", size,
                 sbi_memory_now(ctx));
        return NULL;
    }
    if ((uintptr_t)block % SBI_ALIGNMENT) {
        /* Better a message now than a fault in a vector loop later. */
        if (o->release)
            o->release(o->allocator_user, block, total);
        else
            free(block);
        sbi_fail(SBI_ERR_NO_MEMORY, "the allocator of the context ignored the alignment of %d bytes", SBI_ALIGNMENT);
        return NULL;
    }
    block->total = total;
    count(ctx, total);
    return block + 1;
}

/* Of x86 and ARM. Smaller blocks cannot hold one: the advice would only cost a call and split the heap's mapping. */
#define LARGE_PAGE ((uintptr_t)1 << 21)

void sbi_prefer_large_pages(void *block, size_t size)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)block + page - 1) / page * page, last = ((uintptr_t)block + size) / page * page;
    if (last > first && last - first >= LARGE_PAGE) (void)madvise((void *)first, last - first, MADV_HUGEPAGE);
#else
    (void)block;
    (void)size;
#endif
}

void *sbi_alloc_array(sbi_context *ctx, size_t count_, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count_, size, &bytes)) {
        sbi_fail(SBI_ERR_NO_MEMORY, "out of memory: %zu elements of %zu bytes were asked for", count_, size);
        return NULL;
    }
    return sbi_alloc(ctx, bytes);
}

void *sbi_alloc_zero(sbi_context *ctx, size_t count_, size_t size)
{
    void *memory = sbi_alloc_array(ctx, count_, size);
    if (memory) memset(memory, 0, count_ * size);
    return memory;
}

void *sbi_realloc_array(sbi_context *ctx, void *memory, size_t count_, size_t size)
{
    void *fresh = sbi_alloc_array(ctx, count_, size);
    if (!fresh || !memory) return fresh;
    size_t old = ((block_header *)memory - 1)->total - sizeof(block_header);
    memcpy(fresh, memory, old < count_ * size ? old : count_ * size);
    sbi_free(ctx, memory);
    return fresh;
}

void *sbi_alloc_next(sbi_context *ctx, void *memory, size_t n, size_t size)
{
    if (n & (n - 1)) return memory; /* there is room up to the next power of two */
    return sbi_realloc_array(ctx, memory, n ? 2 * n : 1, size);
}

void sbi_free(sbi_context *ctx, void *memory)
{
    if (!memory) return;
    block_header *block = (block_header *)memory - 1;
    size_t total = block->total;
    atomic_fetch_sub(&ctx->memory_now, total);
    if (ctx->options.release)
        ctx->options.release(ctx->options.allocator_user, block, total);
    else
        free(block);
}

char *sbi_strndup(sbi_context *ctx, const char *text, size_t length)
{
    char *copy = sbi_alloc(ctx, length + 1);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *sbi_strdup(sbi_context *ctx, const char *text)
{
    return sbi_strndup(ctx, text, strlen(text));
}

char *sbi_strf(sbi_context *ctx, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : sbi_alloc(ctx, (size_t)length + 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

size_t sbi_memory_now(const sbi_context *ctx)
{
    return atomic_load(&ctx->memory_now);
}

size_t sbi_memory_peak(const sbi_context *ctx)
{
    return atomic_load(&ctx->memory_peak);
}
