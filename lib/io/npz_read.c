/* SPDX-License-Identifier: Apache-2.0 */
/* Every number in the archive is checked before it is used: a file that lies gives a status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "io/npy.h"
#include "io/npz.h"
#include "io/zip_format.h"

#define MOST_MEMBERS 1000000
/* The best that deflate can do is about 1032 to 1: more is a lie, and would make us allocate what no data fills. */
#define BEST_DEFLATE 1040

typedef struct entry {
    char *name;
    uint32_t crc;
    int32_t method;
    uint64_t stored, size, offset;
} entry;

struct sbi_npz {
    sbi_context *ctx;
    sbi_mapping mapping; /* empty for bytes in memory */
    const unsigned char *data;
    size_t size;
    char *path;
    entry *entries;
    size_t count;
};

static sbi_status malformed(const sbi_npz *z, const char *what)
{
    return sbi_fail(SBI_ERR_FORMAT, "%s: zip archive: %s", z->path, what);
}

/* Finds the directory: its offset and the number of members. */
static sbi_status find_directory(const sbi_npz *z, uint64_t *offset, uint64_t *count)
{
    if (z->size < 22) return malformed(z, "too short");
    size_t lowest = z->size > 22 + 65535 ? z->size - 22 - 65535 : 0, at = z->size - 22;
    while (zip_get(z->data + at, 4) != ZIP_END) {
        if (at-- == lowest) return malformed(z, "its end record is missing; the file is truncated or no archive");
    }
    const unsigned char *end = z->data + at;
    *count = zip_get(end + 10, 2);
    *offset = zip_get(end + 16, 4);
    if (*offset == 0xffffffffu || *count == 0xffffu) {
        if (at < 20 || zip_get(end - 20, 4) != ZIP64_LOCATOR) return malformed(z, "its zip64 locator is missing");
        uint64_t where = zip_get(end - 12, 8);
        if (where > z->size || z->size - where < 56 || zip_get(z->data + where, 4) != ZIP64_END)
            return malformed(z, "its zip64 end record is missing");
        *count = zip_get(z->data + where + 32, 8);
        *offset = zip_get(z->data + where + 48, 8);
    }
    if (*offset > z->size || *count > MOST_MEMBERS || *count > (z->size - *offset) / 46)
        return malformed(z, "its directory lies outside the file");
    return SBI_OK;
}

/* Replaces sizes of 0xffffffff by those of the zip64 field, which holds only the ones that are needed, in this order.
 */
static sbi_status read_zip64(const sbi_npz *z, entry *e, const unsigned char *extra, size_t size)
{
    while (size >= 4) {
        size_t id = zip_get(extra, 2), length = zip_get(extra + 2, 2);
        if (length > size - 4) return malformed(z, "an extra field is too long");
        if (id == ZIP64_FIELD) {
            uint64_t *fields[3] = {&e->size, &e->stored, &e->offset};
            const unsigned char *p = extra + 4, *end = p + length;
            for (int i = 0; i < 3; i++) {
                if (*fields[i] != 0xffffffffu) continue;
                if (end - p < 8) return malformed(z, "a zip64 field is too short");
                *fields[i] = zip_get(p, 8);
                p += 8;
            }
        }
        extra += 4 + length;
        size -= 4 + length;
    }
    return SBI_OK;
}

/* Where the content of a member starts; checks that all of it lies inside the file. */
static sbi_status find_content(const sbi_npz *z, const entry *e, const unsigned char **content)
{
    if (e->offset > z->size || z->size - e->offset < 30 || zip_get(z->data + e->offset, 4) != ZIP_LOCAL)
        return malformed(z, "a member lies outside the file");
    const unsigned char *p = z->data + e->offset;
    uint64_t start = e->offset + 30 + zip_get(p + 26, 2) + zip_get(p + 28, 2);
    if (start > z->size || e->stored > z->size - start) return malformed(z, "a member ends after the file");
    *content = z->data + start;
    return SBI_OK;
}

static sbi_status check_entry(const sbi_npz *z, const entry *e, uint64_t flags)
{
    if (flags & 1) return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: %s is encrypted", z->path, e->name);
    if (e->method != ZIP_STORE && e->method != ZIP_DEFLATE)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: %s: compression method %d", z->path, e->name, (int)e->method);
    if (e->method == ZIP_STORE ? e->size != e->stored : e->size / BEST_DEFLATE > e->stored)
        return sbi_fail(SBI_ERR_FORMAT, "%s: %s: %llu bytes cannot come from %llu", z->path, e->name,
                        (unsigned long long)e->size, (unsigned long long)e->stored);
    const unsigned char *content;
    return find_content(z, e, &content);
}

static sbi_status read_directory(sbi_npz *z)
{
    uint64_t offset = 0, count = 0;
    SBI_TRY(find_directory(z, &offset, &count));
    z->entries = sbi_alloc_zero(z->ctx, count, sizeof *z->entries);
    if (!z->entries) return SBI_ERR_NO_MEMORY;
    for (uint64_t i = 0; i < count; i++) {
        const unsigned char *p = z->data + offset;
        if (z->size - offset < 46 || zip_get(p, 4) != ZIP_CENTRAL) return malformed(z, "its directory is damaged");
        size_t name = zip_get(p + 28, 2), extra = zip_get(p + 30, 2), comment = zip_get(p + 32, 2);
        if (z->size - offset - 46 < name + extra + comment) return malformed(z, "its directory is truncated");
        entry *e = &z->entries[z->count];
        e->method = (int32_t)zip_get(p + 10, 2);
        e->crc = (uint32_t)zip_get(p + 16, 4);
        e->stored = zip_get(p + 20, 4);
        e->size = zip_get(p + 24, 4);
        e->offset = zip_get(p + 42, 4);
        if (memchr(p + 46, 0, name)) return malformed(z, "a name contains a NUL");
        if (!(e->name = sbi_strndup(z->ctx, (const char *)p + 46, name))) return SBI_ERR_NO_MEMORY;
        z->count++;
        SBI_TRY(read_zip64(z, e, p + 46 + name, extra));
        SBI_TRY(check_entry(z, e, zip_get(p + 8, 2)));
        offset += 46 + name + extra + comment;
    }
    return SBI_OK;
}

static int by_offset(const void *a, const void *b)
{
    uint64_t x = (*(const entry *const *)a)->offset, y = (*(const entry *const *)b)->offset;
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const entry *const *)a)->name, (*(const entry *const *)b)->name);
}

/* Members that share bytes make small files expand without end, and two of one name mean different things to different
 * readers: neither comes from an honest writer. */
static sbi_status check_distinct(const sbi_npz *z)
{
    const entry **sorted = sbi_alloc_array(z->ctx, z->count, sizeof *sorted);
    if (!sorted) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < z->count; i++) sorted[i] = &z->entries[i];
    sbi_status status = SBI_OK;
    if (z->count > 1) qsort(sorted, z->count, sizeof *sorted, by_offset);
    for (size_t i = 1; i < z->count && status == SBI_OK; i++) {
        const unsigned char *content;
        status = find_content(z, sorted[i - 1], &content);
        if (status == SBI_OK && (uint64_t)(content - z->data) + sorted[i - 1]->stored > sorted[i]->offset)
            status = sbi_fail(SBI_ERR_FORMAT, "%s: zip archive: %s and %s overlap", z->path, sorted[i - 1]->name,
                              sorted[i]->name);
    }
    if (z->count > 1) qsort(sorted, z->count, sizeof *sorted, by_name);
    for (size_t i = 1; i < z->count && status == SBI_OK; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            status = sbi_fail(SBI_ERR_FORMAT, "%s: zip archive: %s comes twice", z->path, sorted[i]->name);
    }
    sbi_free(z->ctx, sorted);
    return status;
}

static sbi_status open_any(sbi_npz **out, sbi_context *ctx, const void *data, size_t size, const char *name, int map)
{
    *out = NULL;
    sbi_npz *z = sbi_alloc_zero(ctx, 1, sizeof *z);
    if (!z) return SBI_ERR_NO_MEMORY;
    z->ctx = ctx;
    z->data = data;
    z->size = size;
    sbi_status status = SBI_ERR_NO_MEMORY;
    if (!(z->path = sbi_strdup(ctx, name))) goto fail;
    if (map) {
        SBI_GOTO(sbi_file_map(&z->mapping, name), fail);
        z->data = z->mapping.data;
        z->size = z->mapping.size;
    }
    SBI_GOTO(read_directory(z), fail);
    SBI_GOTO(check_distinct(z), fail);
    *out = z;
    return SBI_OK;
fail:
    sbi_npz_close(z);
    return status;
}

sbi_status sbi_npz_open(sbi_npz **out, sbi_context *ctx, const char *path)
{
    return open_any(out, ctx, NULL, 0, path, 1);
}

sbi_status sbi_npz_open_memory(sbi_npz **out, sbi_context *ctx, const void *data, size_t size, const char *name)
{
    return open_any(out, ctx, data, size, name, 0);
}

void sbi_npz_close(sbi_npz *npz)
{
    if (!npz) return;
    for (size_t i = 0; i < npz->count; i++) sbi_free(npz->ctx, npz->entries[i].name);
    sbi_free(npz->ctx, npz->entries);
    sbi_file_unmap(&npz->mapping);
    sbi_free(npz->ctx, npz->path);
    sbi_free(npz->ctx, npz);
}

size_t sbi_npz_count(const sbi_npz *npz)
{
    return npz->count;
}

uint64_t sbi_npz_most_bytes(const sbi_npz *npz)
{
    return BEST_DEFLATE * (uint64_t)npz->size;
}

const char *sbi_npz_name(const sbi_npz *npz, size_t index)
{
    return index < npz->count ? npz->entries[index].name : NULL;
}

static sbi_status inflate_member(const sbi_npz *z, const entry *e, const unsigned char *content, unsigned char *out)
{
    z_stream s = {.zalloc = zip_alloc, .zfree = zip_free, .opaque = z->ctx};
    if (inflateInit2(&s, -MAX_WBITS) != Z_OK) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: inflate: out of memory", z->path);
    uint64_t in = e->stored, room = e->size;
    s.next_in = (Bytef *)(uintptr_t)content;
    s.next_out = out;
    int result = Z_OK;
    while (result == Z_OK) {
        uInt give = in > (1u << 30) ? 1u << 30 : (uInt)in, take = room > (1u << 30) ? 1u << 30 : (uInt)room;
        s.avail_in = give;
        s.avail_out = take;
        result = inflate(&s, Z_NO_FLUSH);
        in -= give - s.avail_in;
        room -= take - s.avail_out;
        if (result == Z_BUF_ERROR || (give == s.avail_in && take == s.avail_out)) break;
    }
    inflateEnd(&s);
    if (result == Z_MEM_ERROR) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: inflate: out of memory", z->path);
    if (result != Z_STREAM_END || room)
        return sbi_fail(SBI_ERR_FORMAT, "%s: %s: damaged, or of another size than stated", z->path, e->name);
    return SBI_OK;
}

static sbi_status read_entry(const sbi_npz *z, const entry *e, void **memory)
{
    const unsigned char *content;
    SBI_TRY(find_content(z, e, &content));
    unsigned char *out = sbi_alloc(z->ctx, e->size + 1);
    if (!out) return sbi_fail_within(SBI_ERR_NO_MEMORY, "%s: %s", z->path, e->name);
    sbi_status status = SBI_OK;
    if (e->method == ZIP_STORE)
        memcpy(out, content, e->size);
    else
        status = inflate_member(z, e, content, out);
    if (status == SBI_OK && (uint32_t)crc32_z(0, out, e->size) != e->crc)
        status = sbi_fail(SBI_ERR_CHECKSUM, "%s: %s: the CRC does not match the content", z->path, e->name);
    if (status != SBI_OK) {
        sbi_free(z->ctx, out);
        return status;
    }
    out[e->size] = 0;
    *memory = out;
    return SBI_OK;
}

static sbi_status find_entry(const sbi_npz *z, const char *name, const char *suffix, const entry **out)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < z->count; i++) {
        const char *n = z->entries[i].name;
        if (strncmp(n, name, length) == 0 && strcmp(n + length, suffix) == 0) {
            *out = &z->entries[i];
            return SBI_OK;
        }
    }
    return sbi_fail(SBI_ERR_NOT_FOUND, "%s: there is no %s%s in it", z->path, name, suffix);
}

sbi_status sbi_npz_read_bytes(const sbi_npz *npz, const char *name, void **memory, size_t *size)
{
    *memory = NULL;
    *size = 0;
    const entry *e;
    SBI_TRY(find_entry(npz, name, "", &e));
    SBI_TRY(read_entry(npz, e, memory));
    *size = e->size;
    return SBI_OK;
}

sbi_status sbi_npz_read(const sbi_npz *npz, const char *name, sbi_array *view, void **memory)
{
    *memory = NULL;
    const entry *e;
    SBI_TRY(find_entry(npz, name, ".npy", &e));
    SBI_TRY(read_entry(npz, e, memory));
    sbi_npy_header h;
    sbi_status status = sbi_npy_header_parse(&h, *memory, e->size, e->name);
    if (status != SBI_OK) {
        status = sbi_fail_within(status, "%s", npz->path);
    } else if (e->size - h.data_offset < h.data_size) {
        status = sbi_fail(SBI_ERR_FORMAT, "%s: %s: %zu bytes of data expected, %zu found", npz->path, e->name,
                          h.data_size, (size_t)e->size - h.data_offset);
    }
    if (status != SBI_OK) {
        sbi_free(npz->ctx, *memory);
        *memory = NULL;
        return status;
    }
    /* Headers are padded so that the data is aligned, but other writers need not have done so. */
    size_t offset = h.data_offset;
    if (offset % SBI_ALIGNMENT) {
        memmove(*memory, (unsigned char *)*memory + offset, h.data_size);
        offset = 0;
    }
    *view = sbi_npy_header_view(&h, (unsigned char *)*memory + offset);
    return SBI_OK;
}

typedef struct shape_text {
    char text[160];
} shape_text;

/* "f4 [3, 4]" */
static shape_text describe(int32_t dtype, int32_t ndim, const int64_t *shape)
{
    static const char *const names[] = {"?", "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"};
    shape_text out;
    int used = snprintf(out.text, sizeof out.text, "%s [", names[dtype >= SBI_F16 && dtype <= SBI_U64 ? dtype : 0]);
    for (int i = 0; i < ndim && used < (int)sizeof out.text; i++)
        used += snprintf(out.text + used, sizeof out.text - (size_t)used, "%s%lld", i ? ", " : "", (long long)shape[i]);
    if (used < (int)sizeof out.text) snprintf(out.text + used, sizeof out.text - (size_t)used, "]");
    return out;
}

sbi_status sbi_npz_read_into(const sbi_npz *npz, const char *name, int32_t dtype, int32_t ndim, const int64_t *shape,
                             void *out)
{
    sbi_array view;
    void *memory;
    SBI_TRY(sbi_npz_read(npz, name, &view, &memory));
    int same = view.dtype == dtype && view.ndim == ndim, ordered = 1;
    size_t size = sbi_dtype_size(dtype);
    for (int i = ndim - 1; i >= 0 && same; i--) {
        same = view.shape[i] == shape[i];
        ordered = ordered && (shape[i] <= 1 || view.strides[i] == (int64_t)size);
        size *= (size_t)shape[i]; /* the array is in memory: it does not overflow */
    }
    sbi_status status = SBI_OK;
    if (!same) {
        shape_text found = describe(view.dtype, view.ndim, view.shape), wanted = describe(dtype, ndim, shape);
        status = sbi_fail(SBI_ERR_SHAPE, "%s: %s.npy: %s expected, %s found", npz->path, name, wanted.text, found.text);
    } else if (size && !ordered) {
        status = sbi_fail(SBI_ERR_SHAPE, "%s: %s.npy is in Fortran order", npz->path, name);
    } else if (size) {
        memcpy(out, view.data, size);
    }
    sbi_free(npz->ctx, memory);
    return status;
}
