/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/panda_gzip.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"

#define BLOCK 512

static voidpf zlib_alloc(voidpf user, uInt count, uInt size)
{
    return sbi_alloc_array(user, count, size);
}

static void zlib_free(voidpf user, voidpf memory)
{
    sbi_free(user, memory);
}

sbi_status panda_gzip(sbi_text *out, const void *data, size_t size)
{
    z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free, .opaque = out->ctx};
    unsigned char piece[16384];
    int code = size > UINT32_MAX ? Z_BUF_ERROR : deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    if (code != Z_OK) return sbi_fail(code == Z_MEM_ERROR ? SBI_ERR_NO_MEMORY : SBI_ERR_INTERNAL, "gzip: zlib answers %d", code);
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)size;
    do {
        z.next_out = piece;
        z.avail_out = sizeof piece;
        code = deflate(&z, Z_FINISH);
        sbi_text_add(out, piece, sizeof piece - z.avail_out);
    } while (code == Z_OK);
    deflateEnd(&z);
    if (code != Z_STREAM_END) return sbi_fail(SBI_ERR_INTERNAL, "gzip: zlib answers %d", code);
    return out->status;
}

/* A header of POSIX ustar (IEEE 1003.1, pax). */
static void write_header(char *h, const char *name, size_t size)
{
    unsigned sum = 0;
    memset(h, 0, BLOCK);
    snprintf(h, 100, "%s", name);
    snprintf(h + 100, 8, "%07o", 0755u);
    snprintf(h + 108, 8, "%07o", 0u);
    snprintf(h + 116, 8, "%07o", 0u);
    snprintf(h + 124, 12, "%011llo", (unsigned long long)size);
    snprintf(h + 136, 12, "%011o", 0u);
    memset(h + 148, ' ', 8);
    h[156] = '0';
    memcpy(h + 257, "ustar\00000", 8);
    for (size_t i = 0; i < BLOCK; i++) sum += (unsigned char)h[i];
    snprintf(h + 148, 7, "%06o", sum & 0777777u);
}

sbi_status panda_sandbox(sbi_text *out, const char *name, const void *data, size_t size)
{
    static const char zeros[2 * BLOCK];
    char header[BLOCK];
    sbi_text tar;
    sbi_text_init(&tar, out->ctx);
    write_header(header, name, size);
    sbi_text_add(&tar, header, BLOCK);
    sbi_text_add(&tar, data, size);
    sbi_text_add(&tar, zeros, (BLOCK - size % BLOCK) % BLOCK);
    sbi_text_add(&tar, zeros, sizeof zeros);
    sbi_status status = tar.status;
    if (status == SBI_OK) status = panda_gzip(out, tar.data, tar.size);
    sbi_text_clear(&tar);
    return status;
}

uint32_t panda_gzip_crc(const void *gzip, size_t size)
{
    const unsigned char *footer = (const unsigned char *)gzip + size - 8;
    if (size < 18) return 0;
    return (uint32_t)footer[0] | (uint32_t)footer[1] << 8 | (uint32_t)footer[2] << 16 | (uint32_t)footer[3] << 24;
}
