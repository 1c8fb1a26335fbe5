/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a store as files that are never on disk: the same bytes from any number of threads, damage that is found, broken transfers that are not,
 * and a bound on memory; models on them have the bits of models on files. */
#include <pthread.h>

#include "base/memory.h"
#include "base/sha256.h"
#include "column_workspace.h"
#include "contract/temporary_folder.h"
#include "jobs/stream.h"
#include "model/model.h"
#include "support/failing_allocator.h"
#include "support/passing_store.h"
#include "support/run_suite.h"

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())
#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "message: %s", sbi_last_error())
#define NAME "cas/object"
#define BLOCK 16384 /* the smallest */
#define BUFFERS (5 * (262144 + 1024)) /* what a store takes for as many transfers */
enum { LARGEST = 40 * BLOCK };

static sbi_context *ctx;
static char folder[64];
static passing_store passing;
static sbi_store *store;
static unsigned char content[LARGEST];

static void set_up(void)
{
    ctx = cw_context(2);
    make_temporary_folder(folder, sizeof folder);
    passing = (passing_store){0};
    OK(passing_store_open(&store, ctx, folder, NULL, &passing));
    for (size_t i = 0; i < LARGEST; i++) content[i] = (unsigned char)((i * 2654435761u) >> 11);
}

static void tear_down(void)
{
    sbi_store_close(store);
    remove_tree(folder);
    sbi_context_destroy(ctx);
}

/* The object, with `memory` bytes for blocks. */
static sbi_status open_object(sbi_context *c, sbi_store *from, uint64_t size, uint64_t memory, sbi_streams **streams, sbi_random_file *file)
{
    char hex[65];
    sbi_sha256_text(content, size, hex);
    SBI_TRY(sbi_streams_create(streams, c, from, memory, 30));
    sbi_status status = sbi_streams_add(*streams, NAME, hex, size);
    if (status == SBI_OK) status = sbi_streams_open_file(*streams, NAME, file);
    if (status != SBI_OK) sbi_streams_destroy(*streams);
    return status;
}

static void make(uint64_t size, uint64_t memory, sbi_streams **streams, sbi_random_file *file)
{
    OK(sbi_store_put_bytes(store, NAME, content, size, 0));
    OK(open_object(ctx, store, size, memory, streams, file));
}

static void end(sbi_streams *streams, sbi_random_file *file)
{
    file->ops->close(file->self);
    sbi_streams_destroy(streams);
}

static void flip(uint64_t at)
{
    char path[128];
    snprintf(path, sizeof path, "%s/" NAME, folder);
    FILE *f = fopen(path, "r+");
    ck_assert_ptr_nonnull(f);
    fseek(f, (long)at, SEEK_SET);
    const int c = fgetc(f);
    fseek(f, (long)at, SEEK_SET);
    fputc(c ^ 1, f);
    fclose(f);
}

/* ---- bytes --------------------------------------------------------------------------------------------------------- */

START_TEST(any_size_and_place)
{
    static const uint64_t sizes[] = {0, 1, 4095, 4096, 4097, BLOCK - 1, BLOCK, BLOCK + 1, 7 * BLOCK, 30 * BLOCK + 77};
    static const uint64_t memory[] = {1, 4 * BLOCK, 100 * BLOCK};
    static unsigned char got[LARGEST];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t m = 0; m < 3; m++) {
            sbi_streams *streams;
            sbi_random_file file;
            make(sizes[i], memory[m], &streams, &file);
            ck_assert_uint_eq(file.size, sizes[i]);
            const uint64_t head = sizes[i] < 100 ? sizes[i] : 100;
            OK(file.ops->read(file.self, 0, head, got)); /* before it was verified */
            ck_assert_mem_eq(got, content, head);
            OK(file.ops->check(file.self));
            for (uint64_t k = 0; k < 200; k++) {
                const uint64_t at = sizes[i] ? sbi_random_u64(3, i, 2 * k) % sizes[i] : 0;
                const size_t n = sizes[i] ? (size_t)(sbi_random_u64(3, i, 2 * k + 1) % (sizes[i] - at + 1)) : 0;
                if (k % 3 == 0) file.ops->will_need(file.self, at, n);
                if (n > 3 * BLOCK && k % 5) continue;
                OK(file.ops->read(file.self, at, n, got));
                ck_assert_mem_eq(got, content + at, n);
            }
            end(streams, &file);
            make(sizes[i], memory[m], &streams, &file);
            OK(file.ops->load(file.self, sizes[i] / 3, sizes[i] - sizes[i] / 3, got));
            ck_assert_mem_eq(got, content + sizes[i] / 3, sizes[i] - sizes[i] / 3);
            const sbi_streams_use used = sbi_streams_used(streams);
            ck_assert_uint_le(used.bytes, sizes[i] + SBI_STREAM_HEAD); /* once */
            ck_assert_uint_le(used.requests, 2);
            OK(file.ops->read(file.self, 0, sizes[i], got));
            ck_assert_mem_eq(got, content, sizes[i]);
            end(streams, &file);
        }
    }
}
END_TEST

typedef struct reader {
    const sbi_random_file *file;
    uint64_t size;
    int number, sequential;
    sbi_status status;
    char why[300];
} reader;

static void *read_on(void *arg)
{
    reader *r = arg;
    unsigned char *got = malloc(3 * BLOCK);
    for (uint64_t k = 0; k < 400 && r->status == SBI_OK; k++) {
        uint64_t at = sbi_random_u64(5, (uint64_t)r->number, 2 * k) % r->size;
        if (r->sequential) at = (k * 5000 + (uint64_t)r->number * 700) % r->size;
        size_t n = 1 + (size_t)(sbi_random_u64(5, (uint64_t)r->number, 2 * k + 1) % (2 * BLOCK));
        if (n > r->size - at) n = (size_t)(r->size - at);
        r->status = r->file->ops->read(r->file->self, at, n, got);
        if (r->status == SBI_OK && memcmp(got, content + at, n) != 0) r->status = SBI_ERR_INTERNAL;
        if (k % 7 == 0) r->file->ops->will_need(r->file->self, at, n);
    }
    if (r->status != SBI_OK) snprintf(r->why, sizeof r->why, "%s", sbi_last_error());
    free(got);
    return NULL;
}

static void read_by_threads(const sbi_random_file *file, uint64_t size, int sequential, sbi_status expected)
{
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    static reader readers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        readers[i] = (reader){file, size, i, sequential, SBI_OK, ""};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        ck_assert_msg(readers[i].status == expected, "%s: %s", sbi_status_name(readers[i].status), readers[i].why);
}

/* Many threads, few blocks, transfers that break off: the same bytes, and no more memory than was allowed. */
START_TEST(threads_share_a_few_blocks)
{
    static const uint64_t blocks[] = {1, 2, 3, 8, 64};
    sbi_streams *streams;
    sbi_random_file file;
    passing.break_every = _i % 2 ? 499 : 0; /* each break costs 0.2 s */
    OK(sbi_store_put_bytes(store, NAME, content, LARGEST, 0));
    const size_t before = sbi_memory_now(ctx);
    make(LARGEST, blocks[_i / 2] * BLOCK, &streams, &file);
    read_by_threads(&file, LARGEST, 0, SBI_OK);
    read_by_threads(&file, LARGEST, 1, SBI_OK);
    const uint64_t slots = blocks[_i / 2] < 2 ? 2 : blocks[_i / 2];
    /* Beside the blocks: this object's tables, and what the folder copies with, in the background and in every thread. */
    ck_assert_uint_le(sbi_memory_now(ctx) - before, slots * (BLOCK + 256) + 40 * 64 + BUFFERS);
    ck_assert_uint_le(sbi_memory_peak(ctx) - before, slots * (BLOCK + 256) + 40 * 64 + 3 * BUFFERS);
    if (blocks[_i / 2] == 64) ck_assert_uint_le(sbi_streams_used(streams).bytes, LARGEST + SBI_STREAM_HEAD + LARGEST); /* all of it fits */
    end(streams, &file);
    ck_assert_uint_eq(sbi_memory_now(ctx), before);
}
END_TEST

/* A sequence of small reads is one pass over the object: no block comes twice. */
START_TEST(a_sequence_of_reads_transfers_the_object_once)
{
    static unsigned char got[1000];
    sbi_streams *streams;
    sbi_random_file file;
    make(LARGEST, 8 * BLOCK, &streams, &file);
    OK(file.ops->check(file.self));
    const uint64_t before = sbi_streams_used(streams).bytes;
    for (uint64_t at = 0; at + 1000 <= LARGEST; at += 1000) {
        OK(file.ops->read(file.self, at, 1000, got));
        ck_assert_mem_eq(got, content + at, 1000);
    }
    ck_assert_uint_le(sbi_streams_used(streams).bytes - before, LARGEST);
    end(streams, &file);
}
END_TEST

/* ---- damage -------------------------------------------------------------------------------------------------------- */

/* One bit of the object in the store, anywhere, from the beginning. */
START_TEST(damage_before_the_first_reading)
{
    const uint64_t size = 5 * BLOCK + 99;
    static const uint64_t places[] = {0, 4095, 4096, BLOCK - 1, 2 * BLOCK, 5 * BLOCK + 98};
    static unsigned char got[6 * BLOCK];
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        for (int how = 0; how < 3; how++) {
            sbi_streams *streams;
            sbi_random_file file;
            OK(sbi_store_put_bytes(store, NAME, content, size, 0));
            flip(places[i]);
            OK(open_object(ctx, store, size, 4 * BLOCK, &streams, &file));
            const sbi_status status = how == 0   ? file.ops->check(file.self)
                                      : how == 1 ? file.ops->load(file.self, 0, size, got)
                                                 : file.ops->read(file.self, BLOCK, BLOCK, got);
            ck_assert_int_eq(status, SBI_ERR_CHECKSUM);
            SAYS("has sha256");
            ck_assert_int_eq(file.ops->read(file.self, 2 * BLOCK, 10, got), SBI_ERR_CHECKSUM);
            end(streams, &file);
        }
    }
}
END_TEST

/* Damage on the way: once, it is made good; again and again, it is said. The head comes with get 1, the pass with 2 and 3. */
START_TEST(damage_on_the_way)
{
    const uint64_t size = 5 * BLOCK;
    static unsigned char got[5 * BLOCK];
    for (int load = 0; load < 2; load++) {
        for (int i = 0; i < 3; i++) {
            static const int from[] = {2, 2, 1}, to[] = {3, 1000, 2};
            sbi_streams *streams;
            sbi_random_file file;
            passing = (passing_store){.inner = passing.inner, .damage_from = from[i], .damage_to = to[i], .damage_at = i == 2 ? 20 : 3 * BLOCK};
            make(size, 4 * BLOCK, &streams, &file);
            const sbi_status status = load ? file.ops->load(file.self, 0, size, got) : file.ops->check(file.self);
            ck_assert_msg(status == (i ? SBI_ERR_CHECKSUM : SBI_OK), "%d: %s", i, sbi_status_name(status));
            if (i == 2) SAYS("first bytes came damaged");
            if (i == 0) {
                if (!load) OK(file.ops->read(file.self, 0, size, got));
                ck_assert_mem_eq(got, content, size);
            }
            end(streams, &file);
        }
    }
}
END_TEST

/* After it was verified: in the object, or on the way. */
START_TEST(damage_later)
{
    const uint64_t size = 20 * BLOCK + 5;
    static unsigned char got[21 * BLOCK];
    for (uint64_t block = 0; block < 21; block++) {
        for (int passing_by = 0; passing_by < 2; passing_by++) {
            sbi_streams *streams;
            sbi_random_file file;
            passing = (passing_store){.inner = passing.inner};
            make(size, 4 * BLOCK, &streams, &file);
            OK(file.ops->check(file.self));
            /* What the pass left in memory goes out. */
            const uint64_t other = block < 10 ? 12 : 2;
            OK(file.ops->read(file.self, other * BLOCK, 7 * BLOCK, got));
            if (passing_by) {
                passing.damage_at = block * BLOCK + 3;
                passing.damage_from = atomic_load(&passing.gets) + 1;
                passing.damage_to = passing.damage_from + 1;
            } else {
                flip(block * BLOCK + 3);
            }
            const sbi_status status = file.ops->read(file.self, block * BLOCK, 5, got);
            ck_assert_msg(status == (passing_by ? SBI_OK : SBI_ERR_CHECKSUM), "block %d: %s: %s", (int)block, sbi_status_name(status), sbi_last_error());
            if (passing_by) ck_assert_mem_eq(got, content + block * BLOCK, 5);
            else SAYS("are not what they were");
            end(streams, &file);
        }
    }
}
END_TEST

START_TEST(cut_off)
{
    static unsigned char got[8 * BLOCK];
    sbi_streams *streams;
    sbi_random_file file;
    make(8 * BLOCK, 4 * BLOCK, &streams, &file);
    passing.short_from = 2;
    ck_assert_int_eq(file.ops->check(file.self), SBI_ERR_CHECKSUM);
    SAYS("bytes came");
    end(streams, &file);
    passing.short_from = 0;
    make(8 * BLOCK, 4 * BLOCK, &streams, &file);
    OK(file.ops->check(file.self));
    OK(sbi_store_put_bytes(store, NAME, content, 100, 0)); /* somebody replaced it */
    ck_assert_int_eq(file.ops->read(file.self, 0, 8 * BLOCK, got), SBI_ERR_CHECKSUM);
    SAYS("has no longer");
    end(streams, &file);
    make(8 * BLOCK, 4 * BLOCK, &streams, &file);
    OK(file.ops->check(file.self));
    OK(sbi_store_remove(store, NAME));
    ck_assert_int_eq(file.ops->read(file.self, 0, 8 * BLOCK, got), SBI_ERR_NOT_FOUND);
    end(streams, &file);
    OK(sbi_store_put_bytes(store, NAME, content, 8 * BLOCK, 0));
}
END_TEST

/* Nobody is left waiting when a read fails, and all hear why. */
START_TEST(threads_hear_of_a_failure)
{
    sbi_streams *streams;
    sbi_random_file file;
    make(LARGEST, 4 * BLOCK, &streams, &file);
    OK(file.ops->check(file.self));
    for (uint64_t block = 0; block < 40; block++) flip(block * BLOCK + 1);
    read_by_threads(&file, LARGEST, 0, SBI_ERR_CHECKSUM);
    end(streams, &file);
}
END_TEST

/* ---- outages and cancellation -------------------------------------------------------------------------------------- */

START_TEST(transfers_that_break_off_are_gone_on_from)
{
    static unsigned char got[LARGEST];
    sbi_streams *streams;
    sbi_random_file file;
    passing.break_every = 2;
    make(LARGEST, 4 * BLOCK, &streams, &file);
    OK(file.ops->check(file.self));
    ck_assert_uint_le(sbi_streams_used(streams).bytes, LARGEST + SBI_STREAM_HEAD);
    OK(file.ops->read(file.self, 0, LARGEST, got));
    ck_assert_mem_eq(got, content, LARGEST);
    end(streams, &file);
}
END_TEST

START_TEST(an_outage_ends)
{
    static unsigned char got[BLOCK];
    char hex[65];
    sbi_streams *streams;
    sbi_random_file file;
    OK(sbi_store_put_bytes(store, NAME, content, LARGEST, 0));
    sbi_sha256_text(content, LARGEST, hex);
    OK(sbi_streams_create(&streams, ctx, store, 4 * BLOCK, 0.5));
    OK(sbi_streams_add(streams, NAME, hex, LARGEST));
    OK(sbi_streams_open_file(streams, NAME, &file));
    passing.break_every = 1;
    ck_assert_int_eq(file.ops->check(file.self), SBI_ERR_TRANSIENT);
    const int gets = atomic_load(&passing.gets);
    ck_assert_int_eq(file.ops->read(file.self, BLOCK, BLOCK, got), SBI_ERR_TRANSIENT); /* said before, not waited for again */
    SAYS("the line broke");
    ck_assert_int_eq(atomic_load(&passing.gets), gets);
    end(streams, &file);
}
END_TEST

/* At every get in turn; afterwards the same file can be read again. */
START_TEST(cancelled_anywhere)
{
    static unsigned char got[6 * BLOCK];
    int stopped = 0;
    for (int at = 1; at < 12; at++) {
        sbi_streams *streams;
        sbi_random_file file;
        passing = (passing_store){.inner = passing.inner};
        make(6 * BLOCK, 2 * BLOCK, &streams, &file);
        passing.cancelled = ctx;
        passing.cancel_at = atomic_load(&passing.gets) + at;
        sbi_status status = file.ops->check(file.self);
        if (status == SBI_OK) status = file.ops->read(file.self, 0, 6 * BLOCK, got);
        ck_assert_msg(status == SBI_OK || status == SBI_ERR_CANCELLED, "%s", sbi_status_name(status));
        stopped += status == SBI_ERR_CANCELLED;
        passing.cancel_at = 0;
        sbi_context_cancel(ctx, 0);
        OK(file.ops->read(file.self, 0, 6 * BLOCK, got));
        ck_assert_mem_eq(got, content, 6 * BLOCK);
        end(streams, &file);
    }
    ck_assert_int_ge(stopped, 2);
}
END_TEST

static sbi_status open_and_read(sbi_context *c, void *arg)
{
    static unsigned char got[6 * BLOCK];
    const int *how = arg;
    static passing_store own;
    sbi_store *from;
    sbi_streams *streams;
    sbi_random_file file;
    own = (passing_store){0};
    SBI_TRY(passing_store_open(&from, c, folder, NULL, &own));
    sbi_status status = open_object(c, from, 6 * BLOCK, 4 * BLOCK, &streams, &file);
    if (status == SBI_OK) {
        status = *how ? file.ops->load(file.self, 100, 5 * BLOCK, got) : file.ops->check(file.self);
        if (status == SBI_OK) status = file.ops->read(file.self, 0, 6 * BLOCK, got);
        if (status == SBI_OK) ck_assert_mem_eq(got, content, 6 * BLOCK);
        if (status == SBI_OK) file.ops->will_need(file.self, BLOCK, 2 * BLOCK);
        end(streams, &file);
    }
    sbi_store_close(from);
    return status;
}

START_TEST(every_allocation_fails)
{
    OK(sbi_store_put_bytes(store, NAME, content, 6 * BLOCK, 0));
    for (int how = 0; how < 2; how++) {
        ck_assert_int_gt(torture_allocations(open_and_read, &how, 1, 0).requests, 10);
        ck_assert_int_gt(torture_allocations(open_and_read, &how, 1, 1).requests, 10);
    }
}
END_TEST

/* ---- models -------------------------------------------------------------------------------------------------------- */

typedef struct catalogue {
    sbi_streams *streams;
} catalogue;

static void object_name(char out[128], const char *name)
{
    snprintf(out, 128, "cas/%.100s", name);
}

static sbi_status open_column(void *user, sbi_context *c, const char *name, sbi_column_file **out)
{
    char object[128];
    sbi_random_file file;
    object_name(object, name);
    SBI_TRY(sbi_streams_open_file(((catalogue *)user)->streams, object, &file));
    return sbi_column_file_open_on(out, c, &file);
}

/* Every .npy of the workspace's folder. */
static void put_columns(const column_workspace *w, sbi_store *to, sbi_streams *streams)
{
    DIR *d = opendir(w->folder.path);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        char object[128], hex[65];
        struct stat s;
        if (!strstr(e->d_name, ".npy")) continue;
        const test_path p = folder_path(&w->folder, e->d_name);
        object_name(object, e->d_name);
        OK(sbi_sha256_file(p.text, hex));
        ck_assert_int_eq(stat(p.text, &s), 0);
        OK(sbi_store_put_file(to, object, p.text, 0));
        OK(sbi_streams_add(streams, object, hex, (uint64_t)s.st_size));
    }
    closedir(d);
}

static void ask(const column_workspace *w, const char *path, int32_t threads, uint64_t column_memory, uint64_t blocks, cw_answers *answers)
{
    sbi_context *own = cw_context(threads);
    catalogue c = {NULL};
    sbi_store *from;
    passing_store way = {.break_every = 301};
    sbi_model *m;
    sbi_workspace_options o = SBI_WORKSPACE_OPTIONS_INIT;
    o.column_memory = column_memory;
    OK(passing_store_open(&from, own, folder, NULL, &way));
    OK(sbi_streams_create(&c.streams, own, from, blocks * BLOCK, 30));
    put_columns(w, from, c.streams);
    const sbi_model_files files = {open_column, &c};
    OK(sbi_model_load_files(&m, own, path, &o, &files));
    OK(cw_ask(m, answers));
    sbi_model_destroy(m);
    sbi_streams_destroy(c.streams);
    sbi_store_close(from);
    sbi_context_destroy(own);
}

static void expect_same(const column_workspace *w, const char *path, const cw_answers *want)
{
    static const uint64_t memory[] = {0, 150000, SBI_COLUMN_MEMORY_DEFAULT}, blocks[] = {2, 12, 400};
    for (int32_t threads = 1; threads <= 3; threads += 2) {
        for (size_t i = 0; i < 3; i++) {
            cw_answers got;
            ask(w, path, threads, memory[i], blocks[(i + (size_t)threads) % 3], &got);
            ck_assert_msg(memcmp(want, &got, sizeof got) == 0, "%d threads, %llu bytes: value %.17g, not %.17g", threads,
                          (unsigned long long)memory[i], got.value, want->value);
        }
    }
}

START_TEST(models_have_the_same_bits)
{
    static const int32_t dtypes[] = {SBI_F16, SBI_F32, SBI_F64};
    const int32_t dtype = dtypes[_i % 3], storage = _i % 2;
    const column_workspace w = cw_make(ctx, 3 * 2048 + 77, _i / 3 ? 2 * 2048 + 100 : 0, dtype, storage, 0);
    cw_answers want;
    sbi_model *m;
    OK(cw_load(&m, ctx, w.path.text, SBI_COLUMN_MEMORY_DEFAULT));
    OK(cw_ask(m, &want));
    sbi_model_destroy(m);
    expect_same(&w, w.path.text, &want);
    sbi_pack_options options = SBI_PACK_OPTIONS_INIT;
    options.dtype = dtype;
    options.storage = storage;
    const test_path packed = folder_path(&w.folder, "packed.json");
    OK(sbi_workspace_pack(ctx, w.path.text, packed.text, &options));
    expect_same(&w, packed.text, &want);
    folder_remove(&w.folder);
}
END_TEST

/* What fits memory comes once, verified. */
START_TEST(columns_that_are_held_come_once)
{
    const column_workspace w = cw_make(ctx, 3 * 2048, 0, SBI_F64, SBI_MORPH_RATIO, 0);
    catalogue c = {NULL};
    sbi_model *m;
    cw_answers answers;
    uint64_t all = 0;
    OK(sbi_streams_create(&c.streams, ctx, store, 4 * BLOCK, 30));
    put_columns(&w, store, c.streams);
    const sbi_model_files files = {open_column, &c};
    OK(sbi_model_load_files(&m, ctx, w.path.text, NULL, &files));
    for (size_t i = 0; i < m->n_files; i++) all += sbi_column_file_header(m->files[i].file)->data_size + sbi_column_file_header(m->files[i].file)->data_offset;
    ck_assert_uint_le(sbi_streams_used(c.streams).bytes, all + m->n_files * SBI_STREAM_HEAD);
    const uint64_t loaded = sbi_streams_used(c.streams).bytes;
    OK(cw_ask(m, &answers));
    ck_assert_uint_eq(sbi_streams_used(c.streams).bytes, loaded);
    sbi_model_destroy(m);
    sbi_streams_destroy(c.streams);
    folder_remove(&w.folder);
}
END_TEST

/* A header that came damaged is a checksum that is wrong, whatever the bytes now say. */
START_TEST(damaged_headers)
{
    const column_workspace w = cw_make(ctx, 2048, 0, SBI_F64, SBI_MORPH_RATIO, 0);
    sbi_store_info info = {.struct_size = sizeof info};
    for (uint64_t at = 0; at < 128; at++) {
        catalogue c = {NULL};
        char hex[65];
        sbi_column_file *file;
        double values[2048];
        const test_path p = folder_path(&w.folder, "w.npy");
        OK(sbi_sha256_file(p.text, hex));
        OK(sbi_store_put_file(store, NAME, p.text, 0));
        OK(sbi_store_stat(store, NAME, &info));
        flip(at);
        OK(sbi_streams_create(&c.streams, ctx, store, 4 * BLOCK, 30));
        OK(sbi_streams_add(c.streams, NAME, hex, info.size));
        sbi_random_file random;
        OK(sbi_streams_open_file(c.streams, NAME, &random));
        sbi_status status = sbi_column_file_open_on(&file, ctx, &random);
        if (status == SBI_OK) {
            status = at % 2 && sbi_column_file_header(file)->data_size <= sizeof values ? sbi_column_file_read_all(file, values) : sbi_column_file_check(file);
            sbi_column_file_close(file);
        }
        ck_assert_msg(status == SBI_ERR_CHECKSUM, "byte %d: %s: %s", (int)at, sbi_status_name(status), sbi_last_error());
        sbi_streams_destroy(c.streams);
    }
    folder_remove(&w.folder);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("jobs: streams");
    TCase *t = tcase_create("streams");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, any_size_and_place);
    tcase_add_loop_test(t, threads_share_a_few_blocks, 0, 10);
    tcase_add_test(t, a_sequence_of_reads_transfers_the_object_once);
    tcase_add_test(t, damage_before_the_first_reading);
    tcase_add_test(t, damage_on_the_way);
    tcase_add_test(t, damage_later);
    tcase_add_test(t, cut_off);
    tcase_add_test(t, threads_hear_of_a_failure);
    tcase_add_test(t, transfers_that_break_off_are_gone_on_from);
    tcase_add_test(t, an_outage_ends);
    tcase_add_test(t, cancelled_anywhere);
    tcase_add_test(t, every_allocation_fails);
    tcase_add_loop_test(t, models_have_the_same_bits, 0, 6);
    tcase_add_test(t, columns_that_are_held_come_once);
    tcase_add_test(t, damaged_headers);
    suite_add_tcase(s, t);
    return run_suite(s);
}
