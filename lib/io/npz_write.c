/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "io/npy.h"
#include "io/npz.h"
#include "io/zip_format.h"

#define BLOCK 65536
/* 1 January 1980, the earliest date that zip knows. */
#define ZIP_DATE 0x0021

typedef struct member {
    char *name;
    uint32_t crc;
    uint64_t stored, size, offset;
} member;

struct sbi_npz_writer {
    sbi_context *ctx;
    char *path;
    sbi_file_writer *file;
    int32_t level;
    sbi_status failed; /* the first failure: half a member must not be committed */
    member *members;
    size_t count, capacity;
    unsigned char block[BLOCK];
};

void sbi_npz_writer_abandon(sbi_npz_writer *w)
{
    if (!w) return;
    sbi_file_writer_abandon(w->file);
    for (size_t i = 0; i < w->count; i++) sbi_free(w->ctx, w->members[i].name);
    sbi_free(w->ctx, w->members);
    sbi_free(w->ctx, w->path);
    sbi_free(w->ctx, w);
}

sbi_status sbi_npz_writer_open(sbi_npz_writer **out, sbi_context *ctx, const char *path, int32_t level)
{
    *out = NULL;
    SBI_REQUIRE(level >= 0 && level <= 9, "%s: compression level %d", path, (int)level);
    sbi_npz_writer *w = sbi_alloc_zero(ctx, 1, sizeof *w);
    if (!w) return SBI_ERR_NO_MEMORY;
    w->ctx = ctx;
    w->level = level;
    sbi_status status = SBI_ERR_NO_MEMORY;
    if (!(w->path = sbi_strdup(ctx, path))) goto fail;
    SBI_GOTO(sbi_file_writer_open(&w->file, ctx, path), fail);
    *out = w;
    return SBI_OK;
fail:
    sbi_npz_writer_abandon(w);
    return status;
}

/* Bit 11: the name is UTF-8. */
static uint64_t flags_of(const member *m)
{
    for (const char *c = m->name; *c; c++) {
        if (*c & 0x80) return 1u << 11;
    }
    return 0;
}

/* The local header. Its sizes stand in a zip64 field of fixed place, so that they can be patched once they are known.
 */
static size_t local_header(unsigned char *p, const member *m, int32_t level)
{
    size_t length = strlen(m->name);
    zip_put(p, 4, ZIP_LOCAL);
    zip_put(p + 4, 2, 45);
    zip_put(p + 6, 2, flags_of(m));
    zip_put(p + 8, 2, level ? ZIP_DEFLATE : ZIP_STORE);
    zip_put(p + 10, 2, 0);
    zip_put(p + 12, 2, ZIP_DATE);
    zip_put(p + 14, 4, m->crc);
    zip_put(p + 18, 4, 0xffffffffu);
    zip_put(p + 22, 4, 0xffffffffu);
    zip_put(p + 26, 2, length);
    zip_put(p + 28, 2, 20);
    memcpy(p + 30, m->name, length);
    p += 30 + length;
    zip_put(p, 2, ZIP64_FIELD);
    zip_put(p + 2, 2, 16);
    zip_put(p + 4, 8, m->size);
    zip_put(p + 12, 8, m->stored);
    return 30 + length + 20;
}

static sbi_status add_member(sbi_npz_writer *w, const char *name, const char *suffix)
{
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 16;
        member *grown = sbi_realloc_array(w->ctx, w->members, capacity, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        w->members = grown;
        w->capacity = capacity;
    }
    member m = {.name = sbi_strf(w->ctx, "%s%s", name, suffix), .offset = sbi_file_writer_size(w->file)};
    if (!m.name) return SBI_ERR_NO_MEMORY;
    w->members[w->count++] = m;
    if (strlen(m.name) > ZIP_LONGEST_NAME) return sbi_fail(SBI_ERR_ARGUMENT, "%s: member name too long", w->path);
    for (size_t i = 0; i + 1 < w->count; i++) {
        if (strcmp(w->members[i].name, m.name) == 0)
            return sbi_fail(SBI_ERR_ARGUMENT, "%s: member %s comes twice", w->path, m.name);
    }
    return SBI_OK;
}

static sbi_status put_content(sbi_npz_writer *w, member *m, z_stream *z, const void *data, size_t size, int last)
{
    const unsigned char *p = data;
    m->size += size;
    do {
        uInt part = size > (1u << 30) ? 1u << 30 : (uInt)size;
        if (part) m->crc = (uint32_t)crc32(m->crc, p, part); /* of NULL it would start anew */
        size -= part;
        if (!w->level) {
            SBI_TRY(sbi_file_writer_write(w->file, p, part));
            m->stored += part;
        } else {
            z->next_in = (Bytef *)(uintptr_t)p;
            z->avail_in = part;
            int result;
            do {
                z->next_out = w->block;
                z->avail_out = BLOCK;
                result = deflate(z, last && !size ? Z_FINISH : Z_NO_FLUSH);
                if (result == Z_STREAM_ERROR) return sbi_fail(SBI_ERR_INTERNAL, "%s: deflate", w->path);
                size_t made = BLOCK - z->avail_out;
                SBI_TRY(sbi_file_writer_write(w->file, w->block, made));
                m->stored += made;
            } while (z->avail_out == 0);
        }
        p += part;
    } while (size);
    return SBI_OK;
}

static sbi_status write_unguarded(sbi_npz_writer *w, const char *name, const char *suffix, const void *head,
                                  size_t head_size, const void *data, size_t size)
{
    SBI_TRY(add_member(w, name, suffix));
    member *m = &w->members[w->count - 1];
    unsigned char header[30 + ZIP_LONGEST_NAME + 20];
    SBI_TRY(sbi_file_writer_write(w->file, header, local_header(header, m, w->level)));
    z_stream z = {.zalloc = zip_alloc, .zfree = zip_free, .opaque = w->ctx};
    if (w->level && deflateInit2(&z, w->level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return sbi_fail(SBI_ERR_NO_MEMORY, "%s: deflate: out of memory", w->path);
    sbi_status status = head_size ? put_content(w, m, &z, head, head_size, 0) : SBI_OK;
    if (status == SBI_OK) status = put_content(w, m, &z, data, size, 1);
    if (w->level) deflateEnd(&z);
    SBI_TRY(status);
    size_t n = local_header(header, m, w->level);
    return sbi_file_writer_patch(w->file, m->offset, header, n);
}

static sbi_status write_member(sbi_npz_writer *w, const char *name, const char *suffix, const void *head,
                               size_t head_size, const void *data, size_t size)
{
    if (w->failed != SBI_OK) return sbi_fail(w->failed, "%s: writing it failed before", w->path);
    return w->failed = write_unguarded(w, name, suffix, head, head_size, data, size);
}

sbi_status sbi_npz_writer_add(sbi_npz_writer *w, const char *name, const sbi_array *array)
{
    unsigned char header[SBI_NPY_HEADER_SIZE];
    SBI_TRY(sbi_npy_header_make(header, array->dtype, array->ndim, array->shape));
    size_t size = sbi_dtype_size(array->dtype);
    int empty = 0;
    for (int i = array->ndim - 1; i >= 0; i--) empty |= array->shape[i] == 0;
    for (int i = array->ndim - 1; i >= 0 && !empty; i--) {
        if (array->shape[i] > 1 && array->strides[i] != (int64_t)size)
            return sbi_fail(SBI_ERR_SHAPE, "%s: %s is not C-contiguous", w->path, name);
        if (array->shape[i] < 0 || __builtin_mul_overflow(size, (size_t)array->shape[i], &size))
            return sbi_fail(SBI_ERR_SHAPE, "%s: %s: the shape overflows", w->path, name);
    }
    if (empty) size = 0;
    SBI_REQUIRE(array->data || !size, "%s: %s: the array's data is NULL", w->path, name);
    return write_member(w, name, ".npy", header, sizeof header, array->data, size);
}

sbi_status sbi_npz_writer_add_bytes(sbi_npz_writer *w, const char *name, const void *data, size_t size)
{
    return write_member(w, name, "", NULL, 0, data, size);
}

static sbi_status write_directory(sbi_npz_writer *w)
{
    uint64_t start = sbi_file_writer_size(w->file);
    for (size_t i = 0; i < w->count; i++) {
        const member *m = &w->members[i];
        size_t length = strlen(m->name);
        unsigned char p[46 + ZIP_LONGEST_NAME + 28];
        memset(p, 0, sizeof p);
        zip_put(p, 4, ZIP_CENTRAL);
        zip_put(p + 4, 2, 45);
        zip_put(p + 6, 2, 45);
        zip_put(p + 8, 2, flags_of(m));
        zip_put(p + 10, 2, w->level ? ZIP_DEFLATE : ZIP_STORE);
        zip_put(p + 14, 2, ZIP_DATE);
        zip_put(p + 16, 4, m->crc);
        zip_put(p + 20, 4, 0xffffffffu);
        zip_put(p + 24, 4, 0xffffffffu);
        zip_put(p + 28, 2, length);
        zip_put(p + 30, 2, 28);
        zip_put(p + 42, 4, 0xffffffffu);
        memcpy(p + 46, m->name, length);
        unsigned char *extra = p + 46 + length;
        zip_put(extra, 2, ZIP64_FIELD);
        zip_put(extra + 2, 2, 24);
        zip_put(extra + 4, 8, m->size);
        zip_put(extra + 12, 8, m->stored);
        zip_put(extra + 20, 8, m->offset);
        SBI_TRY(sbi_file_writer_write(w->file, p, 46 + length + 28));
    }
    uint64_t end = sbi_file_writer_size(w->file);
    unsigned char tail[56 + 20 + 22];
    memset(tail, 0, sizeof tail);
    zip_put(tail, 4, ZIP64_END);
    zip_put(tail + 4, 8, 44);
    zip_put(tail + 12, 2, 45);
    zip_put(tail + 14, 2, 45);
    zip_put(tail + 24, 8, w->count);
    zip_put(tail + 32, 8, w->count);
    zip_put(tail + 40, 8, end - start);
    zip_put(tail + 48, 8, start);
    zip_put(tail + 56, 4, ZIP64_LOCATOR);
    zip_put(tail + 64, 8, end);
    zip_put(tail + 72, 4, 1);
    zip_put(tail + 76, 4, ZIP_END);
    zip_put(tail + 84, 2, 0xffffu);
    zip_put(tail + 86, 2, 0xffffu);
    zip_put(tail + 88, 4, 0xffffffffu);
    zip_put(tail + 92, 4, 0xffffffffu);
    return sbi_file_writer_write(w->file, tail, sizeof tail);
}

sbi_status sbi_npz_writer_commit(sbi_npz_writer *w)
{
    sbi_status status = w->failed != SBI_OK ? sbi_fail(w->failed, "%s: not committed, since writing it failed", w->path)
                                            : write_directory(w);
    if (status == SBI_OK) {
        status = sbi_file_writer_commit(w->file);
        w->file = NULL;
    }
    sbi_npz_writer_abandon(w);
    return status;
}
