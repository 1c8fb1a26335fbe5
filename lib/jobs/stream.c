/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a store as files: the pass that verifies one, and blocks that are fetched later and held against what it saw. */
#include "jobs/stream.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "jobs/attempt.h"
#include "jobs/stream_internal.h"

#define PASSES 2  /* over an object, before its content is called wrong */
#define FETCHES 3 /* of a block */

/* ---- transfers --------------------------------------------------------------------------------------------------- */

typedef struct transfer {
    stream_file *file;
    sbi_status (*take)(void *user, const unsigned char *data, size_t size);
    void *user;
    uint64_t got, size;
} transfer;

static sbi_status take_bytes(void *user, const void *data, size_t size)
{
    transfer *t = user;
    if (atomic_load(&t->file->closing)) return sbi_fail(SBI_ERR_CANCELLED, "%s: is being closed", t->file->name);
    SBI_TRY(sbi_check_cancel(t->file->streams->ctx, t->file->name));
    if (size > t->size - t->got)
        return sbi_fail(SBI_ERR_CHECKSUM, "%s: more than the %llu bytes came that were asked for", t->file->name, (unsigned long long)t->size);
    SBI_TRY(t->take(t->user, data, size));
    t->got += size;
    atomic_fetch_add(&t->file->streams->bytes, size);
    return SBI_OK;
}

/* Bytes [offset, offset + t->size) into t->take. What came before a failure in passing is not asked for again. */
static sbi_status get(transfer *t, uint64_t offset, double seconds)
{
    sbi_streams *s = t->file->streams;
    sbi_sink sink = {(uint32_t)sizeof sink, 0, take_bytes, t};
    sbi_outage outage = {0, 0};
    sbi_status status = SBI_OK;
    do {
        if (t->got == t->size) return SBI_OK;
        const uint64_t begin = offset + t->got;
        /* To the end, where that is meant: some stores check a whole object themselves. */
        const uint64_t length = offset + t->size == t->file->size ? 0 : t->size - t->got;
        atomic_fetch_add(&s->requests, 1);
        status = sbi_store_get(s->store, t->file->object, begin, length, &sink);
        if (offset + t->got > begin) outage = (sbi_outage){0, 0}; /* something came */
    } while (sbi_outage_again(s->ctx, &outage, seconds, status));
    if (status == SBI_ERR_ARGUMENT) /* the range ended beyond the object */
        return sbi_fail(SBI_ERR_CHECKSUM, "%s: has no longer the %llu bytes that it had", t->file->name, (unsigned long long)t->file->size);
    if (status == SBI_OK && t->got < t->size)
        return sbi_fail(SBI_ERR_CHECKSUM, "%s: %llu bytes came, %llu were asked for", t->file->name, (unsigned long long)t->got,
                        (unsigned long long)t->size);
    return status;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

typedef struct scatter {
    stream_file *file;
    uint64_t block;
    size_t used; /* of it */
} scatter;

static sbi_status take_blocks(void *user, const unsigned char *data, size_t size)
{
    scatter *to = user;
    while (size) {
        const size_t whole = stream_block_size(to->file, to->block), n = whole - to->used < size ? whole - to->used : size;
        memcpy(to->file->at[to->block]->data + to->used, data, n);
        data += n;
        size -= n;
        to->used += n;
        if (to->used < whole) continue;
        to->used = 0;
        to->block++;
    }
    return SBI_OK;
}

static void hash_block(const unsigned char *data, size_t size, unsigned char out[STREAM_HASH_SIZE])
{
    sbi_sha256 h;
    unsigned char digest[32];
    sbi_sha256_init(&h);
    sbi_sha256_update(&h, data, size);
    sbi_sha256_final(&h, digest);
    memcpy(out, digest, STREAM_HASH_SIZE);
}

static sbi_status check_blocks(const stream_file *f, uint64_t first, size_t n)
{
    unsigned char hash[STREAM_HASH_SIZE];
    for (uint64_t b = first; b < first + n; b++) {
        hash_block(f->at[b]->data, stream_block_size(f, b), hash);
        if (memcmp(hash, f->hashes[b], sizeof hash) != 0)
            return sbi_fail(SBI_ERR_CHECKSUM, "%s: the %zu bytes at %llu are not what they were when the whole was verified", f->name,
                            stream_block_size(f, b), (unsigned long long)(b * f->streams->block));
    }
    return SBI_OK;
}

sbi_status sbi_stream_fetch(stream_file *f, uint64_t first, size_t n, double seconds)
{
    const uint64_t begin = first * f->streams->block, end = (first + n - 1) * f->streams->block + stream_block_size(f, first + n - 1);
    sbi_status status = SBI_OK;
    for (int i = 0; i < FETCHES; i++) {
        scatter to = {f, first, 0};
        transfer t = {f, take_blocks, &to, 0, end - begin};
        status = get(&t, begin, seconds);
        if (status == SBI_OK) status = check_blocks(f, first, n);
        if (status != SBI_ERR_CHECKSUM) break;
    }
    return status;
}

/* ---- the pass ---------------------------------------------------------------------------------------------------- */

typedef struct pass {
    stream_file *file;
    sbi_sha256 whole, block;
    uint64_t at;
    stream_slot *slot; /* of the block that comes; NULL: it is not kept */
    int begun;         /* a part of it was seen */
    int head_differs;
    /* A load: what goes out, and no hashes. */
    int load;
    uint64_t offset;
    size_t size;
    unsigned char *out;
} pass;

static void take_load(const pass *p, const unsigned char *data, size_t size)
{
    const uint64_t first = p->at > p->offset ? p->at : p->offset;
    const uint64_t end = p->at + size < p->offset + p->size ? p->at + size : p->offset + p->size;
    if (first < end) memcpy(p->out + (first - p->offset), data + (first - p->at), (size_t)(end - first));
}

static void end_block(pass *p, uint64_t block)
{
    unsigned char digest[32];
    sbi_sha256_final(&p->block, digest);
    memcpy(p->file->hashes[block], digest, STREAM_HASH_SIZE);
    if (p->slot) sbi_stream_cache_keep(p->file, p->slot);
    p->slot = NULL;
    p->begun = 0;
}

static void take_hashes(pass *p, const unsigned char *data, size_t size)
{
    stream_file *f = p->file;
    for (uint64_t at = p->at; size;) {
        const uint64_t block = at / f->streams->block;
        const size_t within = (size_t)(at % f->streams->block), left = stream_block_size(f, block) - within, n = left < size ? left : size;
        if (!p->begun) {
            p->begun = 1;
            p->slot = sbi_stream_cache_take(f, block);
            sbi_sha256_init(&p->block);
        }
        sbi_sha256_update(&p->block, data, n);
        if (p->slot) memcpy(p->slot->data + within, data, n);
        at += n;
        data += n;
        size -= n;
        if (n == left) end_block(p, block);
    }
}

static sbi_status take_pass(void *user, const unsigned char *data, size_t size)
{
    pass *p = user;
    stream_file *f = p->file;
    sbi_sha256_update(&p->whole, data, size);
    if (p->at < SBI_STREAM_HEAD) {
        const size_t n = SBI_STREAM_HEAD - p->at < size ? (size_t)(SBI_STREAM_HEAD - p->at) : size;
        p->head_differs |= memcmp(data, f->head + p->at, n) != 0;
    }
    if (p->load) take_load(p, data, size);
    else take_hashes(p, data, size);
    p->at += size;
    sbi_progress(f->streams->ctx, "inputs", (double)p->at, 0, "%s", f->object);
    return SBI_OK;
}

static sbi_status pass_once(stream_file *f, const pass *as)
{
    pass p = *as;
    transfer t = {f, take_pass, &p, 0, f->size};
    char hex[SBI_SHA256_HEX_SIZE];
    unsigned char digest[32];
    sbi_sha256_init(&p.whole);
    SBI_TRY(get(&t, 0, f->streams->outage_seconds));
    sbi_sha256_final(&p.whole, digest);
    sbi_sha256_hex(digest, hex);
    if (strcmp(hex, f->sha256) != 0) return sbi_fail(SBI_ERR_CHECKSUM, "%s: has sha256 %s, expected %s", f->name, hex, f->sha256);
    return p.head_differs ? sbi_fail(SBI_ERR_CHECKSUM, "%s: its first bytes came damaged", f->name) : SBI_OK;
}

static sbi_status pass_over(stream_file *f, const pass *as)
{
    SBI_TRY(sbi_stream_cache_failed(f->streams));
    sbi_status status = SBI_OK;
    for (int i = 0; i < PASSES; i++) {
        status = pass_once(f, as);
        if (status != SBI_OK) sbi_stream_cache_forget(f);
        if (status != SBI_ERR_CHECKSUM) break;
    }
    if (status != SBI_OK) sbi_stream_cache_fail(f->streams, status);
    return status;
}

static sbi_status verify(stream_file *f)
{
    if (atomic_load(&f->verified)) return SBI_OK;
    const pass p = {.file = f};
    if (!f->at) f->at = sbi_alloc_zero(f->streams->ctx, (size_t)f->blocks, sizeof *f->at);
    if (!f->hashes) f->hashes = sbi_alloc_array(f->streams->ctx, (size_t)f->blocks, sizeof *f->hashes);
    if (!f->at || !f->hashes) return SBI_ERR_NO_MEMORY;
    SBI_TRY(pass_over(f, &p));
    atomic_store(&f->verified, 1);
    return SBI_OK;
}

/* ---- as a file --------------------------------------------------------------------------------------------------- */

static sbi_status stream_check(void *self)
{
    stream_file *f = self;
    pthread_mutex_lock(&f->pass);
    const sbi_status status = verify(f);
    pthread_mutex_unlock(&f->pass);
    return status;
}

static sbi_status stream_read(void *self, uint64_t offset, size_t size, void *out)
{
    stream_file *f = self;
    if (!atomic_load(&f->verified)) {
        if (offset + size <= SBI_STREAM_HEAD) {
            memcpy(out, f->head + offset, size);
            return SBI_OK;
        }
        SBI_TRY(stream_check(f));
    }
    return sbi_stream_cache_read(f, offset, size, out);
}

static sbi_status stream_load(void *self, uint64_t offset, size_t size, void *out)
{
    stream_file *f = self;
    if (atomic_load(&f->verified)) return sbi_stream_cache_read(f, offset, size, out);
    const pass p = {.file = f, .load = 1, .offset = offset, .size = size, .out = out};
    return pass_over(f, &p);
}

static void stream_will_need(void *self, uint64_t offset, size_t size)
{
    sbi_stream_cache_will_need(self, offset, size);
}

static void stream_close(void *self)
{
    stream_file *f = self;
    sbi_context *ctx = f->streams->ctx;
    sbi_stream_cache_forget(f);
    pthread_mutex_destroy(&f->pass);
    sbi_free(ctx, f->at);
    sbi_free(ctx, f->hashes);
    sbi_free(ctx, f->object);
    sbi_free(ctx, f->name);
    sbi_free(ctx, f);
}

typedef struct head {
    unsigned char *to;
} head;

static sbi_status take_head(void *user, const unsigned char *data, size_t size)
{
    head *h = user;
    memcpy(h->to, data, size);
    h->to += size;
    return SBI_OK;
}

static sbi_status read_head(stream_file *f)
{
    head h = {f->head};
    transfer t = {f, take_head, &h, 0, f->size < SBI_STREAM_HEAD ? f->size : SBI_STREAM_HEAD};
    return get(&t, 0, f->streams->outage_seconds);
}

sbi_status sbi_streams_open_file(sbi_streams *s, const char *name, sbi_random_file *out)
{
    static const sbi_random_file_ops ops = {stream_read, stream_load, stream_check, stream_will_need, NULL, stream_close};
    const json_t *object = json_object_get(s->objects, name);
    if (!object) return sbi_fail(SBI_ERR_INTERNAL, "%s: is not an object that is streamed", name);
    if (!s->block) sbi_stream_cache_begin(s);
    stream_file *f = sbi_alloc_zero(s->ctx, 1, sizeof *f);
    if (!f) return SBI_ERR_NO_MEMORY;
    f->streams = s;
    pthread_mutex_init(&f->pass, NULL);
    snprintf(f->sha256, sizeof f->sha256, "%s", json_string_value(json_array_get(object, 0)));
    f->size = (uint64_t)json_integer_value(json_array_get(object, 1));
    f->blocks = (f->size + s->block - 1) / s->block;
    f->object = sbi_strdup(s->ctx, name);
    f->name = sbi_strf(s->ctx, "%s/%s", sbi_store_url(s->store), name);
    sbi_status status = f->object && f->name ? read_head(f) : SBI_ERR_NO_MEMORY;
    if (status != SBI_OK) {
        stream_close(f);
        return status;
    }
    *out = (sbi_random_file){&ops, f, f->name, f->size};
    return SBI_OK;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

sbi_status sbi_streams_create(sbi_streams **out, sbi_context *ctx, sbi_store *store, uint64_t memory, double outage_seconds)
{
    *out = NULL;
    sbi_streams *s = sbi_alloc_zero(ctx, 1, sizeof *s);
    json_t *objects = json_object();
    if (!s || !objects) {
        sbi_free(ctx, s);
        json_decref(objects);
        return sbi_fail(SBI_ERR_NO_MEMORY, "streams: out of memory");
    }
    s->ctx = ctx;
    s->store = store;
    s->memory = memory;
    s->outage_seconds = outage_seconds;
    s->objects = objects;
    sbi_stream_cache_init(s);
    *out = s;
    return SBI_OK;
}

void sbi_streams_destroy(sbi_streams *s)
{
    if (!s) return;
    sbi_stream_cache_destroy(s);
    json_decref(s->objects);
    sbi_free(s->ctx, s);
}

sbi_status sbi_streams_add(sbi_streams *s, const char *name, const char *sha256, uint64_t size)
{
    if (s->block) return sbi_fail(SBI_ERR_INTERNAL, "%s: comes after the first was opened", name);
    if (size > INT64_MAX) return sbi_fail(SBI_ERR_FORMAT, "%s: %llu bytes", name, (unsigned long long)size);
    if (size > s->largest) s->largest = size;
    if (json_object_set_new(s->objects, name, json_pack("[s, I]", sha256, (json_int_t)size)) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_NO_MEMORY, "streams: out of memory");
}

int sbi_streams_have(const sbi_streams *s, const char *name)
{
    return s && json_object_get(s->objects, name) != NULL;
}

sbi_streams_use sbi_streams_used(const sbi_streams *s)
{
    return (sbi_streams_use){atomic_load(&s->bytes), atomic_load(&s->requests)};
}
