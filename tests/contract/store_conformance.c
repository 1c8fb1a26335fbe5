/* SPDX-License-Identifier: Apache-2.0 */
#include "contract/store_conformance.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "support/folder.h"

static const store_factory *factory;
static sbi_context *ctx;
static sbi_store *store;
static char root[64]; /* a folder of names that no other run has */

static void set_up(void)
{
    struct timespec t;
    static unsigned runs;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_msg(factory->open(factory->user, ctx, &store) == SBI_OK, "%s", sbi_last_error());
    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(root, sizeof root, "t%llx.%lx.%u", (unsigned long long)t.tv_sec * 1000000000ull + (unsigned long long)t.tv_nsec, (long)getpid(), runs++);
}

static sbi_status remove_one(void *user, const char *name, const sbi_store_info *info)
{
    (void)info;
    return sbi_store_remove(user, name);
}

static void tear_down(void)
{
    char prefix[80];
    snprintf(prefix, sizeof prefix, "%s/", root);
    sbi_context_cancel(ctx, 0);
    ck_assert_msg(sbi_store_list(store, prefix, remove_one, store) == SBI_OK, "%s", sbi_last_error());
    sbi_store_close(store);
    sbi_context_destroy(ctx);
}

typedef struct name_text {
    char text[200];
} name_text;

static name_text in_root(const char *name)
{
    name_text n;
    snprintf(n.text, sizeof n.text, "%s/%s", root, name);
    return n;
}

#define NAME(x) (in_root(x).text)
#define OK(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())
#define IS(call, expected)                                                                                             \
    do {                                                                                                               \
        sbi_status is_status = (call);                                                                                 \
        ck_assert_msg(is_status == (expected), "%s: %s: %s", #call, sbi_status_name(is_status), sbi_last_error());     \
    } while (0)

/* ---- sinks and sources ----------------------------------------------------------------------------------------- */

typedef struct bytes {
    unsigned char *data;
    size_t size, fail_at;
    sbi_status failure;
} bytes;

static sbi_status collect(void *user, const void *data, size_t size)
{
    bytes *b = user;
    if (b->failure != SBI_OK && b->size + size > b->fail_at) return sbi_error_set(b->failure, "the sink of the test is full");
    b->data = realloc(b->data, b->size + size + 1);
    ck_assert_ptr_nonnull(b->data);
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return SBI_OK;
}

static sbi_status get(const char *name, uint64_t offset, uint64_t length, bytes *b)
{
    sbi_sink sink = {sizeof sink, 0, collect, b};
    memset(b, 0, sizeof *b);
    return sbi_store_get(store, name, offset, length, &sink);
}

static void expect(const char *name, const void *data, size_t size)
{
    bytes b;
    OK(get(name, 0, 0, &b));
    ck_assert_uint_eq(b.size, size);
    if (size) ck_assert_mem_eq(b.data, data, size);
    free(b.data);
}

static unsigned char *pattern(size_t size)
{
    unsigned char *data = malloc(size + 1);
    ck_assert_ptr_nonnull(data);
    uint32_t x = 12345;
    for (size_t i = 0; i < size; i++) data[i] = (unsigned char)((x = x * 1664525u + 1013904223u) >> 24);
    return data;
}

typedef struct bad_source {
    uint64_t given, ends_at;
    sbi_status failure; /* instead of an end */
} bad_source;

static sbi_status bad_read(void *user, void *data, size_t capacity, size_t *got)
{
    bad_source *s = user;
    if (s->given >= s->ends_at) {
        *got = 0;
        return s->failure == SBI_OK ? SBI_OK : sbi_error_set(s->failure, "the source of the test broke");
    }
    *got = capacity < s->ends_at - s->given ? capacity : (size_t)(s->ends_at - s->given);
    memset(data, 'x', *got);
    s->given += *got;
    return SBI_OK;
}

static sbi_status bad_rewind(void *user)
{
    ((bad_source *)user)->given = 0;
    return SBI_OK;
}

/* ---- tests ----------------------------------------------------------------------------------------------------- */

START_TEST(what_is_put_is_got)
{
    static const size_t sizes[] = {0, 1, 1000, 65536, 3000001};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char name[32];
        unsigned char *data = pattern(sizes[i]);
        sbi_store_info info = {.struct_size = sizeof info};
        snprintf(name, sizeof name, "a/b-%zu", sizes[i]);
        OK(sbi_store_put_bytes(store, NAME(name), data, sizes[i], 0));
        expect(NAME(name), data, sizes[i]);
        OK(sbi_store_stat(store, NAME(name), &info));
        ck_assert_uint_eq(info.size, sizes[i]);
        free(data);
    }
}
END_TEST

START_TEST(ranges)
{
    unsigned char *data = pattern(100000);
    bytes b;
    static const uint64_t cases[][2] = {{0, 1}, {0, 100000}, {99999, 1}, {1, 0}, {50000, 0}, {12345, 54321}, {99999, 0}};
    OK(sbi_store_put_bytes(store, NAME("ranged"), data, 100000, 0));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint64_t length = cases[i][1] ? cases[i][1] : 100000 - cases[i][0];
        OK(get(NAME("ranged"), cases[i][0], cases[i][1], &b));
        ck_assert_uint_eq(b.size, length);
        ck_assert_mem_eq(b.data, data + cases[i][0], length);
        free(b.data);
    }
    OK(get(NAME("ranged"), 100000, 0, &b));
    ck_assert_uint_eq(b.size, 0);
    IS(get(NAME("ranged"), 100001, 0, &b), SBI_ERR_ARGUMENT);
    free(b.data);
    IS(get(NAME("ranged"), 99999, 2, &b), SBI_ERR_ARGUMENT);
    free(b.data);
    free(data);
}
END_TEST

START_TEST(what_is_not_there)
{
    bytes b;
    sbi_store_info info = {.struct_size = sizeof info};
    OK(sbi_store_put_bytes(store, NAME("folder/file"), "x", 1, 0));
    IS(get(NAME("nothing"), 0, 0, &b), SBI_ERR_NOT_FOUND);
    ck_assert_uint_eq(b.size, 0);
    IS(get(NAME("no/such/folder"), 0, 0, &b), SBI_ERR_NOT_FOUND);
    IS(sbi_store_stat(store, NAME("nothing"), &info), SBI_ERR_NOT_FOUND);
    IS(sbi_store_stat(store, NAME("folder"), &info), SBI_ERR_NOT_FOUND);
    OK(sbi_store_remove(store, NAME("nothing")));
    OK(sbi_store_remove(store, NAME("folder/file")));
    IS(sbi_store_stat(store, NAME("folder/file"), &info), SBI_ERR_NOT_FOUND);
    OK(sbi_store_remove(store, NAME("folder/file")));
}
END_TEST

START_TEST(replacing)
{
    if (factory->without_replace) return;
    OK(sbi_store_put_bytes(store, NAME("beat"), "first, and long", 15, 0));
    OK(sbi_store_put_bytes(store, NAME("beat"), "second", 6, 0));
    expect(NAME("beat"), "second", 6);
}
END_TEST

START_TEST(created_once)
{
    if (factory->without_create) return;
    OK(sbi_store_put_bytes(store, NAME("jobs/1/result.json"), "mine", 4, SBI_STORE_CREATE));
    IS(sbi_store_put_bytes(store, NAME("jobs/1/result.json"), "yours", 5, SBI_STORE_CREATE), SBI_ERR_EXISTS);
    expect(NAME("jobs/1/result.json"), "mine", 4);
    OK(sbi_store_remove(store, NAME("jobs/1/result.json")));
    if (factory->without_replace) {
        IS(sbi_store_put_bytes(store, NAME("jobs/1/result.json"), "again", 5, SBI_STORE_CREATE), SBI_ERR_EXISTS);
        OK(sbi_store_put_bytes(store, NAME("jobs/1/result.json"), "mine", 4, SBI_STORE_CREATE));
        expect(NAME("jobs/1/result.json"), "mine", 4);
    } else {
        OK(sbi_store_put_bytes(store, NAME("jobs/1/result.json"), "again", 5, SBI_STORE_CREATE));
    }
}
END_TEST

typedef struct racer {
    pthread_t thread;
    char name[200], text[32];
    sbi_status status;
} racer;

static void *race(void *user)
{
    racer *r = user;
    r->status = sbi_store_put_bytes(store, r->name, r->text, strlen(r->text), SBI_STORE_CREATE);
    return NULL;
}

START_TEST(one_of_many_creates)
{
    if (factory->without_create) return;
    for (int round = 0; round < 3; round++) {
        racer racers[8];
        int winner = -1;
        for (int i = 0; i < 8; i++) {
            snprintf(racers[i].name, sizeof racers[i].name, "%s/race/%d", root, round);
            snprintf(racers[i].text, sizeof racers[i].text, "racer %d", i);
            ck_assert_int_eq(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
        }
        for (int i = 0; i < 8; i++) {
            pthread_join(racers[i].thread, NULL);
            if (racers[i].status == SBI_OK) {
                ck_assert_msg(winner < 0, "%d and %d both created", winner, i);
                winner = i;
            } else {
                ck_assert_int_eq(racers[i].status, SBI_ERR_EXISTS);
            }
        }
        ck_assert_int_ge(winner, 0);
        expect(racers[0].name, racers[winner].text, strlen(racers[winner].text));
    }
}
END_TEST

typedef struct listed {
    int count, stop_at;
    char last[SBI_STORE_NAME_MAX];
    char names[64][SBI_STORE_NAME_MAX];
    uint64_t sizes[64];
} listed;

static sbi_status note(void *user, const char *name, const sbi_store_info *info)
{
    listed *l = user;
    ck_assert_msg(strcmp(name, l->last) > 0, "%s after %s", name, l->last);
    snprintf(l->last, sizeof l->last, "%s", name);
    if (l->count < 64) {
        snprintf(l->names[l->count], sizeof l->names[0], "%s", name + strlen(root) + 1);
        l->sizes[l->count] = info->size;
    }
    l->count++;
    return l->stop_at && l->count == l->stop_at ? sbi_error_set(SBI_ERR_CALLBACK, "enough") : SBI_OK;
}

static void expect_listed(const char *prefix, const char *const *names, int n)
{
    listed *l = calloc(1, sizeof *l);
    OK(sbi_store_list(store, NAME(prefix), note, l));
    ck_assert_msg(l->count == n, "\"%s\": %d objects, expected %d", prefix, l->count, n);
    for (int i = 0; i < n; i++) {
        ck_assert_str_eq(l->names[i], names[i]);
        ck_assert_uint_eq(l->sizes[i], strlen(names[i]));
    }
    free(l);
}

START_TEST(listing)
{
    static const char *const names[] = {"a-b", "a.b", "a/1", "a/2/x", "a/2/y", "aa", "b", "jobs/1/spec.json", "jobs/10/spec.json", "jobs/2/spec.json"};
    const int n = sizeof names / sizeof *names;
    for (int i = n; i--;) OK(sbi_store_put_bytes(store, NAME(names[i]), names[i], strlen(names[i]), 0));
    expect_listed("", names, n);
    expect_listed("a", names, 6);
    expect_listed("a/", names + 2, 3);
    expect_listed("a/2", names + 3, 2);
    expect_listed("a/2/x", names + 3, 1);
    expect_listed("jobs/1", names + 7, 2);
    expect_listed("jobs/1/", names + 7, 1);
    expect_listed("none", NULL, 0);
    expect_listed("none/at/all", NULL, 0);
    listed *l = calloc(1, sizeof *l);
    l->stop_at = 2;
    IS(sbi_store_list(store, NAME(""), note, l), SBI_ERR_CALLBACK);
    ck_assert_int_eq(l->count, 2);
    ck_assert_str_eq(sbi_last_error(), "enough");
    free(l);
}
END_TEST

START_TEST(names_are_checked)
{
    static const char *const bad[] = {"", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a b", "a\\b", "a%41", "a\nb", "a?b", "\xc3\xa4", "a.tmp", "a.tmp/b"};
    char longer[SBI_STORE_NAME_MAX + 2];
    bytes b;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        IS(sbi_store_put_bytes(store, bad[i], "x", 1, 0), SBI_ERR_ARGUMENT);
        IS(get(bad[i], 0, 0, &b), SBI_ERR_ARGUMENT);
        IS(sbi_store_remove(store, bad[i]), SBI_ERR_ARGUMENT);
    }
    memset(longer, 'a', sizeof longer);
    longer[SBI_STORE_NAME_MAX] = '\0';
    IS(sbi_store_put_bytes(store, longer, "x", 1, 0), SBI_ERR_ARGUMENT);
}
END_TEST

START_TEST(a_source_that_breaks_leaves_nothing)
{
    static const uint64_t ends[] = {0, 1000, 2999999};
    sbi_store_info info = {.struct_size = sizeof info};
    for (int i = 0; i < 3; i++) {
        bad_source s = {0, ends[i], SBI_OK};
        sbi_source source = {sizeof source, 0, bad_read, bad_rewind, &s};
        IS(sbi_store_put(store, NAME("broken"), &source, 3000000, 0), SBI_ERR_ARGUMENT);
        s = (bad_source){0, ends[i], SBI_ERR_VALUE};
        IS(sbi_store_put(store, NAME("broken"), &source, 3000000, SBI_STORE_CREATE * !factory->without_create), SBI_ERR_VALUE);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), "the source of the test broke"));
        IS(sbi_store_stat(store, NAME("broken"), &info), SBI_ERR_NOT_FOUND);
    }
    expect_listed("broken", NULL, 0);
}
END_TEST

START_TEST(a_sink_that_is_full_stops_it)
{
    unsigned char *data = pattern(2000000);
    OK(sbi_store_put_bytes(store, NAME("big"), data, 2000000, 0));
    bytes b = {NULL, 0, 100000, SBI_ERR_NO_SPACE};
    sbi_sink sink = {sizeof sink, 0, collect, &b};
    IS(sbi_store_get(store, NAME("big"), 0, 0, &sink), SBI_ERR_NO_SPACE);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "the sink of the test is full"));
    ck_assert_uint_le(b.size, 100000);
    if (b.size) ck_assert_mem_eq(b.data, data, b.size);
    free(b.data);
    free(data);
}
END_TEST

START_TEST(cancelling)
{
    bytes b;
    OK(sbi_store_put_bytes(store, NAME("there"), "there", 5, 0));
    sbi_context_cancel(ctx, 1);
    IS(get(NAME("there"), 0, 0, &b), SBI_ERR_CANCELLED);
    IS(sbi_store_put_bytes(store, NAME("late"), "late", 4, 0), SBI_ERR_CANCELLED);
    sbi_context_cancel(ctx, 0);
    sbi_store_info info = {.struct_size = sizeof info};
    IS(sbi_store_stat(store, NAME("late"), &info), SBI_ERR_NOT_FOUND);
    expect(NAME("there"), "there", 5);
}
END_TEST

/* ---- files ----------------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

static void expect_file(const char *path, const void *data, size_t size)
{
    struct stat s;
    unsigned char *read = malloc(size + 1);
    ck_assert_int_eq(stat(path, &s), 0);
    ck_assert_uint_eq((size_t)s.st_size, size);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fread(read, 1, size, f), size);
    fclose(f);
    ck_assert_mem_eq(read, data, size);
    free(read);
}

START_TEST(files)
{
    test_folder f = folder_make();
    const test_path in = folder_path(&f, "in"), out = folder_path(&f, "out"), part = folder_path(&f, "out.part");
    unsigned char *data = pattern(1500000);
    char name[SBI_STORE_NAME_MAX], again[SBI_STORE_NAME_MAX];
    write_file(in.text, data, 1500000);
    OK(sbi_store_put_content(store, in.text, name));
    OK(sbi_store_put_content(store, in.text, again));
    ck_assert_str_eq(name, again);
    ck_assert_int_eq(strncmp(name, "cas/sha256/", 11), 0);
    const char *hash = name + strlen("cas/sha256/ab/cd/");
    ck_assert_uint_eq(strlen(hash), 64);
    OK(sbi_store_get_file(store, name, out.text, hash));
    expect_file(out.text, data, 1500000);
    /* From where an earlier call stopped. */
    remove(out.text);
    write_file(part.text, data, 1000000);
    OK(sbi_store_get_file(store, name, out.text, hash));
    expect_file(out.text, data, 1500000);
    ck_assert_int_ne(access(part.text, F_OK), 0);
    /* A part that is of something else. */
    remove(out.text);
    write_file(part.text, "something else altogether", 25);
    OK(sbi_store_get_file(store, name, out.text, hash));
    expect_file(out.text, data, 1500000);
    /* Content that is not what was asked for. */
    remove(out.text);
    char wrong[65];
    memset(wrong, '0', 64);
    wrong[64] = '\0';
    IS(sbi_store_get_file(store, name, out.text, wrong), SBI_ERR_CHECKSUM);
    ck_assert_int_ne(access(out.text, F_OK), 0);
    ck_assert_int_ne(access(part.text, F_OK), 0);
    OK(sbi_store_put_file(store, NAME("file"), in.text, 0));
    expect(NAME("file"), data, 1500000);
    IS(sbi_store_put_file(store, NAME("file2"), "/no/such/file", 0), SBI_ERR_NOT_FOUND);
    OK(sbi_store_remove(store, name));
    free(data);
    folder_remove(&f);
}
END_TEST

typedef struct worker {
    pthread_t thread;
    int number, bad;
} worker;

static void *work(void *user)
{
    worker *w = user;
    for (int i = 0; i < 5 && !w->bad; i++) {
        char name[128], text[64];
        bytes b;
        snprintf(name, sizeof name, "%s/w%d/%d", root, w->number, i);
        snprintf(text, sizeof text, "%d of %d", i, w->number);
        w->bad = sbi_store_put_bytes(store, name, text, strlen(text), 0) != SBI_OK || get(name, 0, 0, &b) != SBI_OK || b.size != strlen(text) ||
                 memcmp(b.data, text, b.size) != 0;
        free(b.data);
    }
    return NULL;
}

START_TEST(several_threads)
{
    worker workers[6];
    for (int i = 0; i < 6; i++) {
        workers[i] = (worker){.number = i};
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(workers[i].thread, NULL);
        ck_assert_msg(!workers[i].bad, "thread %d", i);
    }
    listed *l = calloc(1, sizeof *l);
    OK(sbi_store_list(store, NAME("w"), note, l));
    ck_assert_int_eq(l->count, 30);
    free(l);
}
END_TEST

Suite *store_conformance_suite(const store_factory *f)
{
    factory = f;
    Suite *suite = suite_create(f->name);
    TCase *t = tcase_create("conformance");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, what_is_put_is_got);
    tcase_add_test(t, ranges);
    tcase_add_test(t, what_is_not_there);
    tcase_add_test(t, replacing);
    tcase_add_test(t, created_once);
    tcase_add_test(t, one_of_many_creates);
    tcase_add_test(t, listing);
    tcase_add_test(t, names_are_checked);
    tcase_add_test(t, a_source_that_breaks_leaves_nothing);
    tcase_add_test(t, a_sink_that_is_full_stops_it);
    tcase_add_test(t, cancelling);
    tcase_add_test(t, files);
    tcase_add_test(t, several_threads);
    suite_add_tcase(suite, t);
    return suite;
}
