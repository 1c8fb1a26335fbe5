/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a .npz archive: every member is read or refused, no lie makes us allocate beyond what deflate could
 * give, and nothing leaks. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/npz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_member(sbi_context *ctx, const sbi_npz *z, size_t i)
{
    void *memory;
    size_t n;
    const char *stored = sbi_npz_name(z, i);
    if (sbi_npz_read_bytes(z, stored, &memory, &n) == SBI_OK && ((char *)memory)[n] != '\0') abort();
    sbi_free(ctx, memory);
    size_t length = strlen(stored);
    if (length < 4 || strcmp(stored + length - 4, ".npy") != 0) return;
    char *name = sbi_strndup(ctx, stored, length - 4);
    sbi_array a;
    if (name && sbi_npz_read(z, name, &a, &memory) == SBI_OK) {
        if ((uintptr_t)a.data % SBI_ALIGNMENT) abort();
        sbi_free(ctx, memory);
    }
    sbi_free(ctx, name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sbi_context *ctx;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 1;
    if (sbi_context_create(&ctx, &o) != SBI_OK) abort();
    sbi_npz *z;
    if (sbi_npz_open_memory(&z, ctx, data, size, "fuzz.npz") == SBI_OK) {
        for (size_t i = 0; i < sbi_npz_count(z); i++) read_member(ctx, z, i);
        sbi_npz_close(z);
    }
    if (sbi_memory_now(ctx) != 0) abort();
    if (sbi_memory_peak(ctx) > 2200 * (size + 1) + (1 << 20)) abort();
    sbi_context_destroy(ctx);
    return 0;
}
