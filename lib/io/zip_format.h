/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the reader and the writer: signatures and fields of the zip format, and zlib's hooks for the context's memory. */
#ifndef SBI_IO_ZIP_FORMAT_H
#define SBI_IO_ZIP_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include <zlib.h>

#include "base/memory.h"

#define ZIP_LOCAL 0x04034b50u
#define ZIP_CENTRAL 0x02014b50u
#define ZIP_END 0x06054b50u
#define ZIP64_END 0x06064b50u
#define ZIP64_LOCATOR 0x07064b50u
#define ZIP64_FIELD 1
#define ZIP_STORE 0
#define ZIP_DEFLATE 8
#define ZIP_LONGEST_NAME 255

static inline void zip_put(unsigned char *p, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes; i++) p[i] = (unsigned char)(value >> (8 * i));
}

static inline uint64_t zip_get(const unsigned char *p, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) value |= (uint64_t)p[i] << (8 * i);
    return value;
}

/* zalloc and zfree of a z_stream whose opaque is the context. */
static inline voidpf zip_alloc(voidpf ctx, uInt count, uInt size)
{
    return sbi_alloc_array(ctx, count, size);
}

static inline void zip_free(voidpf ctx, voidpf memory)
{
    sbi_free(ctx, memory);
}

#endif
