/* SPDX-License-Identifier: Apache-2.0 */
/* The Rucio store on a real Rucio server with two storage elements: the contract, credentials, damage, what is cut off, the reference client. */
#include <dirent.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "contract/store_conformance.h"
#include "grid/grid.h"
#include "grid/md5.h"
#include "grid/rucio.h"
#include "grid/secret.h"
#include "grid/servers.h"
#include "support/folder.h"
#include "support/run_suite.h"

static const char *host, *tls, *storage;
static char run_name[40]; /* names that no other run has: those of Rucio are spent for ever */
static sbi_context *ctx;

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())
#define IS(call, expected)                                                                                             \
    do {                                                                                                               \
        sbi_status is_status = (call);                                                                                 \
        ck_assert_msg(is_status == (expected), "%s: %s: %s", #call, sbi_status_name(is_status), sbi_last_error());     \
    } while (0)

/* `more`: further members, each with a comma before it. */
static sbi_status open_with(sbi_store **out, sbi_context *context, const char *dataset, const char *more)
{
    char url[200], config[3000];
    snprintf(url, sizeof url, "rucio://test/%s", dataset);
    snprintf(config, sizeof config, "{\"host\": \"%s\", \"account\": \"root\", \"schemes\": \"http\", \"backoff_ms\": 20%s}", host, more);
    return sbi_store_open(out, context, url, config);
}

static const char *user_file(const char *name)
{
    static char more[600];
    snprintf(more, sizeof more, ", \"rse\": \"DAV1\", \"user_file\": \"%s/%s\"", storage, name);
    return more;
}

static sbi_status open_suite(void *user, sbi_context *context, sbi_store **out)
{
    (void)user;
    return open_with(out, context, "conformance", user_file("user"));
}

static sbi_store *store;
static rucio *inner; /* what is behind the store */

static char *unique(char *out, const char *name)
{
    static unsigned n;
    snprintf(out, 120, "%s.%d.%u/%s", run_name, (int)getpid(), n++, name);
    return out;
}

static void set_up(void)
{
    OK(sbi_context_create(&ctx, NULL));
    char more[3000];
    const sbi_store_ops *ops;
    void *self;
    snprintf(more, sizeof more, "{\"host\": \"%s\", \"account\": \"root\", \"schemes\": \"http\", \"backoff_ms\": 20, \"retries\": 2%s}", host, user_file("user"));
    OK(grid_rucio_open(NULL, ctx, "rucio://test/faults", more, &ops, &self));
    inner = self;
    OK(sbi_store_create(&store, ctx, ops, self, "rucio://test/faults"));
}

static void tear_down(void)
{
    sbi_store_close(store);
    sbi_context_destroy(ctx);
}

typedef struct bytes {
    unsigned char *data;
    size_t size;
} bytes;

static sbi_status collect(void *user, const void *data, size_t size)
{
    bytes *b = user;
    b->data = realloc(b->data, b->size + size + 1);
    ck_assert_ptr_nonnull(b->data);
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return SBI_OK;
}

static sbi_status get(const char *name, uint64_t offset, bytes *b)
{
    sbi_sink sink = {sizeof sink, 0, collect, b};
    *b = (bytes){0};
    return sbi_store_get(store, name, offset, 0, &sink);
}

static void expect(const char *name, const char *text)
{
    bytes b;
    OK(get(name, 0, &b));
    ck_assert_uint_eq(b.size, strlen(text));
    ck_assert_mem_eq(b.data, text, b.size);
    free(b.data);
}

/* Where a storage element has the object. */
static char *path_of(char *out, const char *element, const char *object)
{
    char name[GRID_RUCIO_NAME_MAX], key[300], hex[33];
    OK(grid_rucio_name(name, "", object));
    snprintf(key, sizeof key, "test:%s", name);
    grid_md5_text(key, strlen(key), hex);
    snprintf(out, 600, "%s/data/%s/test/%.2s/%.2s/%s", storage, element, hex, hex + 2, name);
    return out;
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    ck_assert_msg(f != NULL, "%s", path);
    ck_assert_uint_eq(fwrite(data, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

static void call(const char *method, const char *path, const char *body)
{
    sbi_http_answer a;
    OK(rucio_send(inner, method, path, body, &a));
    sbi_http_answer_clear(&a);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

START_TEST(names)
{
    static const struct {
        const char *object, *before, *file;
    } cases[] = {{"events.npy", "", "events.npy"}, {"cas/sha256/ab/x", "", "cas-_.sha256-_.ab-_.x"}, {"a", "", "0-_0a"}, {".a/b", "", "0-_0.a-_.b"},
                 {"a-_b", "", "a-_-b"}, {"a--_/b", "", "a--_--_.b"}, {"0-_0", "", "0-_-0"}, {"-_", "", "0-_0-_-"}, {"x/y", "user.me.", "user.me.x-_.y"}};
    char file[GRID_RUCIO_NAME_MAX], object[SBI_STORE_NAME_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OK(grid_rucio_name(file, cases[i].before, cases[i].object));
        ck_assert_str_eq(file, cases[i].file);
        ck_assert_msg(grid_rucio_object(object, cases[i].before, file), "%s", file);
        ck_assert_str_eq(object, cases[i].object);
    }
    static const char *const none[] = {"a-_x", "a-_", "0-_0ab", "0-_0", "", "a-_.", "-_.a", "0-_0a-_", "x.tmp"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) ck_assert_msg(!grid_rucio_object(object, "", none[i]), "%s", none[i]);
    ck_assert(!grid_rucio_object(object, "user.me.", "user.you.x"));
    /* All short names of the letters that matter come back, and no two become the same. */
    static const char letters[] = "0-_./a";
    unsigned long tried = 0;
    for (unsigned long n = 0; n < 6ul * 6 * 6 * 6 * 6 * 6 * 6; n++) {
        char name[8];
        unsigned long left = n;
        for (int i = 0; i < 7; i++, left /= 6) name[i] = letters[left % 6];
        name[7] = '\0';
        if (!grid_name_valid(name)) continue;
        OK(grid_rucio_name(file, "", name));
        ck_assert_msg(grid_rucio_object(object, "", file) && strcmp(object, name) == 0, "%s: %s", name, file);
        tried++;
    }
    ck_assert_uint_gt(tried, 100000);
    memset(object, 'a', 251);
    object[251] = '\0';
    IS(grid_rucio_name(file, "", object), SBI_ERR_ARGUMENT);
    object[250] = '\0';
    OK(grid_rucio_name(file, "", object));
}
END_TEST

/* ---- credentials ------------------------------------------------------------------------------------------------ */

static sbi_status try_it(const char *dataset, const char *more)
{
    sbi_store *s;
    char name[120];
    unique(name, "credentials");
    sbi_status status = open_with(&s, ctx, dataset, more);
    if (status != SBI_OK) return status;
    status = sbi_store_put_bytes(s, name, "secure", 6, SBI_STORE_CREATE);
    if (status == SBI_OK) status = sbi_store_remove(s, name);
    sbi_store_close(s);
    return status;
}

START_TEST(credentials)
{
    char more[1500];
    IS(try_it("credentials", user_file("user")), SBI_OK);
    IS(try_it("credentials", user_file("wrong")), SBI_ERR_PERMISSION);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "CannotAuthenticate"));
    IS(try_it("credentials", user_file("nobody")), SBI_ERR_FORMAT);
    IS(try_it("credentials", user_file("missing")), SBI_ERR_NOT_FOUND);
    IS(try_it("credentials", ", \"auth\": \"gss\""), SBI_ERR_ARGUMENT);
    IS(try_it("credentials", ""), SBI_ERR_PERMISSION);
    /* Another machine without TLS is told nothing. */
    sbi_store *s;
    IS(sbi_store_open(&s, ctx, "rucio://test/ds", "{\"host\": \"http://rucio.example.org\", \"account\": \"root\"}"), SBI_ERR_PERMISSION);
    /* From the environment. */
    char line[200];
    snprintf(more, sizeof more, "%s/user", storage);
    FILE *f = fopen(more, "r");
    ck_assert(f && fgets(line, sizeof line, f));
    fclose(f);
    char *colon = strchr(line, ':');
    *colon = '\0';
    setenv("RUCIO_CFG_CLIENT_USERNAME", line, 1);
    setenv("RUCIO_CFG_CLIENT_PASSWORD", colon + 1, 1);
    IS(try_it("credentials", ", \"rse\": \"DAV1\""), SBI_OK);
    unsetenv("RUCIO_CFG_CLIENT_PASSWORD");
    unsetenv("RUCIO_CFG_CLIENT_USERNAME");
    /* X.509, at a server that asks for certificates. */
    const char *format = "{\"host\": \"%s\", \"account\": \"root\", \"auth\": \"x509\", \"schemes\": \"http\", \"rse\": \"DAV1\", \"ca_file\": \"%s/ca.pem\", \"cert_file\": \"%s/%s\"}";
    static const char *const files[] = {"proxy.pem", "server.pem"};
    for (int i = 0; i < 2; i++) {
        char key[1500];
        snprintf(more, sizeof more, format, tls, storage, storage, files[i]);
        if (i == 1) { /* a certificate that is nobody's account */
            snprintf(key, sizeof key, "%.*s, \"key_file\": \"%s/server.key\"}", (int)strlen(more) - 1, more, storage);
            snprintf(more, sizeof more, "%s", key);
        }
        OK(sbi_store_open(&s, ctx, "rucio://test/credentials", more));
        sbi_store_info info = {.struct_size = sizeof info};
        IS(sbi_store_stat(s, "nothing", &info), i ? SBI_ERR_PERMISSION : SBI_ERR_NOT_FOUND);
        sbi_store_close(s);
    }
    /* A token of the user's own goes as it is: this server, which trusts no issuer, takes one that it gave itself. */
    char *token, path[600];
    unsigned serial;
    OK(rucio_token(inner, 0, &token, &serial));
    snprintf(path, sizeof path, "%s/token", storage);
    write_file(path, token, strlen(token));
    sbi_secret_free(ctx, token);
    snprintf(more, sizeof more, ", \"rse\": \"DAV1\", \"auth\": \"oidc\", \"token_file\": \"%s\"", path);
    IS(try_it("credentials", more), SBI_OK);
    write_file(path, "eyJh.bGci.OiJub25l", 18);
    IS(try_it("credentials", more), SBI_ERR_PERMISSION);
}
END_TEST

START_TEST(sessions_are_renewed)
{
    char name[120], first[200];
    sbi_store_info info = {.struct_size = sizeof info};
    IS(sbi_store_stat(store, unique(name, "none"), &info), SBI_ERR_NOT_FOUND);
    const unsigned serial = inner->serial;
    ck_assert_uint_gt(inner->expires_ms, 0);
    snprintf(first, sizeof first, "%s", inner->token);
    IS(sbi_store_stat(store, name, &info), SBI_ERR_NOT_FOUND);
    ck_assert_uint_eq(inner->serial, serial); /* kept */
    /* One that the server does not take any more: once anew. */
    inner->token[strlen(inner->token) - 1] ^= 1;
    IS(sbi_store_stat(store, name, &info), SBI_ERR_NOT_FOUND);
    ck_assert_uint_eq(inner->serial, serial + 1);
    /* One that is about to expire is not used. */
    inner->expires_ms = 1;
    IS(sbi_store_stat(store, name, &info), SBI_ERR_NOT_FOUND);
    ck_assert_uint_eq(inner->serial, serial + 2);
    /* And where no new one comes, that is said. */
    inner->token[strlen(inner->token) - 1] ^= 1;
    inner->password[0] ^= 1;
    IS(sbi_store_stat(store, name, &info), SBI_ERR_PERMISSION);
    ck_assert_ptr_null(strstr(sbi_last_error(), inner->password));
    ck_assert_ptr_null(strstr(sbi_last_error(), inner->token));
}
END_TEST

/* ---- what is not there, what is there already --------------------------------------------------------------------- */

static sbi_status put_into(const char *url, const char *more)
{
    char config[1500];
    sbi_store *s;
    char name[120];
    unique(name, "unknown");
    snprintf(config, sizeof config, "{\"host\": \"%s\", \"account\": \"root\", \"backoff_ms\": 20, \"user_file\": \"%s/user\"%s%s}", host, storage,
             strstr(more, "schemes") ? "" : ", \"schemes\": \"http\"", more);
    sbi_status status = sbi_store_open(&s, ctx, url, config);
    if (status != SBI_OK) return status;
    status = sbi_store_put_bytes(s, name, "x", 1, 0);
    sbi_store_close(s);
    return status;
}

START_TEST(unknown)
{
    bytes b;
    char name[120], dataset[120];
    IS(put_into("rucio://test/unknown", ", \"rse\": \"NOWHERE\""), SBI_ERR_NOT_FOUND);
    IS(put_into("rucio://test/unknown", ", \"rse_expression\": \"NOWHERE\""), SBI_ERR_NOT_FOUND);
    IS(put_into("rucio://test/unknown", ", \"rse_expression\": \"((\""), SBI_ERR_ARGUMENT);
    IS(put_into("rucio://test/unknown", ""), SBI_ERR_ARGUMENT);
    IS(put_into("rucio://nobody/unknown", ", \"rse\": \"DAV1\""), SBI_ERR_NOT_FOUND);
    IS(put_into("rucio://test/unknown", ", \"rse\": \"DAV1\", \"schemes\": \"davs\""), SBI_ERR_UNSUPPORTED);
    IS(put_into("rucio://test", ", \"rse\": \"DAV1\""), SBI_ERR_ARGUMENT);
    IS(put_into("rucio://test/a/b", ", \"rse\": \"DAV1\""), SBI_ERR_ARGUMENT);
    IS(put_into("rucio://test/unknown", ", \"rse\": \"DAV1\", \"password\": \"x\""), SBI_ERR_FORMAT);
    IS(put_into("rucio://test/unknown", ", \"rse_expression\": \"DAV1|DAV2\""), SBI_OK);
    IS(get(unique(name, "nothing"), 0, &b), SBI_ERR_NOT_FOUND);
    ck_assert_uint_eq(b.size, 0);
    /* A file of the scope that is in another dataset is no object here. */
    sbi_store *other;
    snprintf(dataset, sizeof dataset, "other.%s", run_name);
    OK(open_with(&other, ctx, dataset, user_file("user")));
    OK(sbi_store_put_bytes(other, name, "theirs", 6, SBI_STORE_CREATE));
    sbi_store_info info = {.struct_size = sizeof info};
    IS(sbi_store_stat(store, name, &info), SBI_ERR_NOT_FOUND);
    /* The name stands for those bytes in the whole scope; the same bytes are shared. */
    IS(sbi_store_put_bytes(store, name, "ours", 4, 0), SBI_ERR_EXISTS);
    IS(sbi_store_put_bytes(store, name, "mirror", 6, 0), SBI_ERR_EXISTS);
    OK(sbi_store_put_bytes(store, name, "theirs", 6, SBI_STORE_CREATE));
    expect(name, "theirs");
    IS(sbi_store_put_bytes(store, name, "theirs", 6, SBI_STORE_CREATE), SBI_ERR_EXISTS);
    OK(sbi_store_put_bytes(store, name, "theirs", 6, 0));
    IS(sbi_store_put_bytes(store, name, "mirror", 6, 0), SBI_ERR_UNSUPPORTED);
    OK(sbi_store_remove(other, name));
    expect(name, "theirs");
    sbi_store_close(other);
}
END_TEST

/* ---- damage ----------------------------------------------------------------------------------------------------- */

static void register_second(const char *object, const char *text)
{
    char name[GRID_RUCIO_NAME_MAX], body[1500], md5[33], path[600], folder[600];
    OK(grid_rucio_name(name, "", object));
    grid_rucio_file f;
    OK(rucio_lookup(inner, NULL, name, &f));
    memcpy(md5, f.md5, sizeof md5);
    snprintf(body, sizeof body, "{\"rse\": \"DAV2\", \"files\": [{\"scope\": \"test\", \"name\": \"%s\", \"bytes\": %llu, \"adler32\": \"%08x\", \"md5\": \"%s\"}]}", name,
             (unsigned long long)f.size, (unsigned)f.adler32, md5);
    call("POST", "/replicas", body);
    path_of(path, "dav2", object);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    for (char *p = folder + strlen(storage) + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        mkdir(folder, 0777);
    }
    mkdir(folder, 0777);
    write_file(path, text, strlen(text));
}

START_TEST(damaged_replicas)
{
    char name[120], first[600], second[600];
    bytes b;
    OK(sbi_store_put_bytes(store, unique(name, "damaged"), "whole and right", 15, 0));
    path_of(first, "dav1", name);
    path_of(second, "dav2", name);
    register_second(name, "whole and right");
    write_file(first, "whole and wrong", 15);
    for (int i = 0; i < 4; i++) expect(name, "whole and right");
    write_file(first, "whole", 5);
    expect(name, "whole and right");
    ck_assert_int_eq(unlink(first), 0);
    expect(name, "whole and right");
    /* The other one too: an error, and nothing in the sink. */
    write_file(first, "whole and wrong", 15);
    write_file(second, "whole and w-ong", 15);
    IS(get(name, 0, &b), SBI_ERR_CHECKSUM);
    ck_assert_uint_eq(b.size, 0);
    /* Made good. */
    write_file(first, "whole and right", 15);
    expect(name, "whole and right");
    bytes tail;
    OK(get(name, 6, &tail));
    ck_assert_uint_eq(tail.size, 9);
    ck_assert_mem_eq(tail.data, "and right", 9);
    free(tail.data);
}
END_TEST

/* Too large to be held back: the first call finds the damage, the next ones take another replica. */
START_TEST(large_damaged_replica)
{
    const size_t size = ((size_t)33 << 20) + 7;
    char name[120], path[600];
    char *data = malloc(size + 1);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < size; i++) data[i] = (char)('a' + (i * i / 7) % 23);
    data[size] = '\0';
    OK(sbi_store_put_bytes(store, unique(name, "large"), data, size, 0));
    register_second(name, data);
    data[size / 2] ^= 1;
    write_file(path_of(path, "dav1", name), data, size);
    data[size / 2] ^= 1;
    test_folder f = folder_make();
    const test_path out = folder_path(&f, "out");
    OK(sbi_store_get_file(store, name, out.text, NULL));
    FILE *file = fopen(out.text, "rb");
    char *read = malloc(size + 1);
    ck_assert(file && read);
    ck_assert_uint_eq(fread(read, 1, size + 1, file), size);
    fclose(file);
    ck_assert_int_eq(memcmp(read, data, size), 0);
    free(read);
    free(data);
    folder_remove(&f);
}
END_TEST

/* ---- what is cut off -------------------------------------------------------------------------------------------- */

START_TEST(half_finished)
{
    char name[120], file[GRID_RUCIO_NAME_MAX], path[600], upload[620], body[1000];
    sbi_store_info info = {.struct_size = sizeof info};
    bytes b;
    /* Registered, a part of the bytes under the temporary name, then the process was gone. */
    unique(name, "half");
    OK(grid_rucio_name(file, "", name));
    OK(sbi_store_put_bytes(store, name, "the whole text", 14, 0));
    grid_rucio_file f;
    OK(rucio_lookup(inner, NULL, file, &f));
    OK(sbi_store_remove(store, name));
    path_of(path, "dav1", name);
    snprintf(upload, sizeof upload, "%s.rucio.upload", path);
    ck_assert_int_eq(unlink(path), 0);
    write_file(upload, "the wh", 6);
    snprintf(body, sizeof body, "{\"rse\": \"DAV1\", \"files\": [{\"scope\": \"test\", \"name\": \"%s\", \"state\": \"C\"}]}", file);
    call("PUT", "/replicas", body);
    IS(sbi_store_stat(store, name, &info), SBI_ERR_NOT_FOUND);
    IS(get(name, 0, &b), SBI_ERR_NOT_FOUND);
    /* Whoever comes with the same bytes ends it; with others, not. */
    IS(sbi_store_put_bytes(store, name, "another text..", 14, 0), SBI_ERR_EXISTS);
    OK(sbi_store_put_bytes(store, name, "the whole text", 14, SBI_STORE_CREATE));
    expect(name, "the whole text");
    ck_assert_int_ne(access(upload, F_OK), 0);
    /* Everything but the attachment was done: the bytes are not sent again. */
    struct stat before, after;
    ck_assert_int_eq(stat(path, &before), 0);
    OK(sbi_store_remove(store, name));
    OK(sbi_store_put_bytes(store, name, "the whole text", 14, SBI_STORE_CREATE));
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    /* The bytes there are damaged: they are. */
    OK(sbi_store_remove(store, name));
    write_file(path, "the whole mess", 14);
    OK(sbi_store_put_bytes(store, name, "the whole text", 14, SBI_STORE_CREATE));
    expect(name, "the whole text");
}
END_TEST

/* A storage element that takes no files: nothing appears, and once it does, it goes on. */
START_TEST(storage_refuses)
{
    char name[120], path[600], parent[600];
    sbi_store_info info = {.struct_size = sizeof info};
    do { /* a file where the folder is to be, which no other test has made yet */
        unique(name, "refused");
        path_of(path, "dav1", name);
        *strrchr(path, '/') = '\0';
        *strrchr(path, '/') = '\0';
    } while (access(path, F_OK) == 0);
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(path, '/') - path), path);
    mkdir(parent, 0777);
    write_file(path, "", 0);
    ck_assert_int_ne(sbi_store_put_bytes(store, name, "text", 4, 0), SBI_OK);
    IS(sbi_store_stat(store, name, &info), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(unlink(path), 0);
    OK(sbi_store_put_bytes(store, name, "text", 4, 0));
    expect(name, "text");
}
END_TEST

/* ---- a server in trouble ------------------------------------------------------------------------------------------ */

/* Another process holds the database: 500 "database is locked", which passes. It lets go 6 s after it was told to, by when SQLite, which waits for 5 s,
 * has most likely refused once more. */
START_TEST(locked_database)
{
    char name[120], command[1200];
    const char *client = server("SBI_TEST_RUCIO_CLIENT"), *db = server("SBI_TEST_RUCIO_DB");
    test_folder f = folder_make();
    const test_path held = folder_path(&f, "held");
    snprintf(command, sizeof command,
             "%.*s/python -c \"import sqlite3, sys, time; c = sqlite3.connect('%s', timeout=60, isolation_level=None); c.execute('begin exclusive'); "
             "open('%s', 'w').close(); sys.stdin.readline(); time.sleep(6); c.rollback()\"",
             (int)(strrchr(client, '/') - client), client, db, held.text);
    OK(sbi_store_put_bytes(store, unique(name, "before"), "text", 4, 0));
    FILE *holder = popen(command, "w");
    ck_assert_ptr_nonnull(holder);
    for (int i = 0; i < 6000 && access(held.text, F_OK); i++) nanosleep(&(struct timespec){0, 10000000}, NULL);
    ck_assert_int_eq(access(held.text, F_OK), 0);
    inner->retries = 0;
    sbi_store_info info = {.struct_size = sizeof info};
    const sbi_status status = sbi_store_put_bytes(store, unique(name, "during"), "text", 4, 0);
    ck_assert_msg(status == SBI_ERR_TRANSIENT, "%s: %s", sbi_status_name(status), sbi_last_error());
    inner->retries = 8;
    inner->backoff_ms = 500;
    ck_assert(fputc('\n', holder) != EOF && fflush(holder) == 0);
    OK(sbi_store_put_bytes(store, name, "text", 4, 0));
    OK(sbi_store_stat(store, name, &info));
    ck_assert_int_eq(pclose(holder), 0);
    folder_remove(&f);
}
END_TEST

/* ---- the reference client ------------------------------------------------------------------------------------------ */

static void run(const char *format, ...) SBI_PRINTF(1, 2);
/* Its https needs a certificate of the user's, whether or not the storage asks for one. It says 0 of uploads that failed: look at what it did. */
static void run(const char *format, ...)
{
    char command[3000];
    const char *home = server("SBI_TEST_RUCIO_CLIENT_HOME");
    const int n = snprintf(command, sizeof command, "RUCIO_HOME='%s' RUCIO_CONFIG='%s/etc/rucio.cfg' REQUESTS_CA_BUNDLE='%s/ca.pem' X509_USER_PROXY='%s/proxy.pem' '%s' ",
                           home, home, storage, storage, server("SBI_TEST_RUCIO_CLIENT"));
    va_list list;
    va_start(list, format);
    vsnprintf(command + n, sizeof command - (size_t)n, format, list);
    va_end(list);
    const int status = system(command);
    ck_assert_msg(status == 0, "%s: %d", command, status);
}

START_TEST(reference_client)
{
    test_folder f = folder_make();
    const size_t size = 300001;
    char theirs[100], name[120], file[GRID_RUCIO_NAME_MAX];
    unsigned char *data = malloc(size);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < size; i++) data[i] = (unsigned char)(i * 2654435761u >> 13);
    /* What it uploads. */
    snprintf(theirs, sizeof theirs, "theirs.%s.npy", run_name);
    const test_path in = folder_path(&f, theirs), out = folder_path(&f, "out");
    write_file(in.text, data, size);
    run("upload --rse DAV1 --scope test --protocol https '%s' test:faults", in.text);
    bytes b;
    OK(get(theirs, 0, &b));
    ck_assert_uint_eq(b.size, size);
    ck_assert_mem_eq(b.data, data, size);
    free(b.data);
    sbi_store_info info = {.struct_size = sizeof info};
    OK(sbi_store_stat(store, theirs, &info));
    ck_assert(info.size == size && info.has_adler32);
    OK(sbi_store_get_file(store, theirs, out.text, NULL));
    /* What it downloads. */
    data[1] ^= 0x55;
    unique(name, "ours/of_1");
    OK(sbi_store_put_bytes(store, name, data, size, SBI_STORE_CREATE));
    OK(grid_rucio_name(file, "", name));
    run("download --protocol https --dir '%s' 'test:%s'", f.path, file);
    char path[200];
    snprintf(path, sizeof path, "test/%.190s", file);
    const test_path down = folder_path(&f, path);
    FILE *g = fopen(down.text, "rb");
    unsigned char *read = malloc(size + 1);
    ck_assert_msg(g && read, "%s", down.text);
    ck_assert_uint_eq(fread(read, 1, size + 1, g), size);
    fclose(g);
    ck_assert_mem_eq(read, data, size);
    free(read);
    free(data);
    folder_remove(&f);
}
END_TEST

int main(void)
{
    struct timespec t;
    host = server("SBI_TEST_RUCIO");
    tls = server("SBI_TEST_RUCIO_TLS");
    storage = server("SBI_TEST_RUCIO_STORAGE");
    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(run_name, sizeof run_name, "r%llx", (unsigned long long)t.tv_sec * 1000000000ull + (unsigned long long)t.tv_nsec);
    static const store_factory factory = {"store rucio", open_suite, NULL, 0, 1};
    Suite *suite = store_conformance_suite(&factory);
    TCase *c = tcase_create("rucio");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, names);
    tcase_add_test(c, credentials);
    tcase_add_test(c, sessions_are_renewed);
    tcase_add_test(c, unknown);
    tcase_add_test(c, damaged_replicas);
    tcase_add_test(c, large_damaged_replica);
    tcase_add_test(c, half_finished);
    tcase_add_test(c, storage_refuses);
    tcase_add_test(c, locked_database);
    tcase_add_test(c, reference_client);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
