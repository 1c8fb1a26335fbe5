/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of WebDAV servers (RFC 4918) as stores. An object is put under a temporary name, looked at, and moved to its own; Overwrite: F is what makes
 * "never replace" hold. */
#include <stdio.h>
#include <string.h>

#include "base/adler32.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/config.h"
#include "grid/grid.h"
#include "grid/secret.h"
#include "grid/webdav_answers.h"

#define PROPERTIES                                                                                                     \
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/>"      \
    "<getlastmodified/></prop></propfind>"

typedef struct webdav {
    sbi_context *ctx;
    sbi_http *http;
    char *base; /* "https://host/path/" */
    char *path; /* "/path/", decoded */
} webdav;

static sbi_status send_request(webdav *w, const char *name, sbi_http_request *r, sbi_http_answer *a)
{
    memset(a, 0, sizeof *a);
    char *url = sbi_strf(w->ctx, "%s%s", w->base, name);
    if (!url) return SBI_ERR_NO_MEMORY;
    r->url = url;
    const sbi_status status = sbi_http_send(w->http, r, a);
    sbi_free(w->ctx, url);
    return status;
}

static sbi_status status_of(webdav *w, const sbi_http_answer *a, const char *name)
{
    if (a->code >= 200 && a->code < 300) return SBI_OK;
    const sbi_status status = sbi_http_status(a, name);
    return sbi_fail(status == SBI_ERR_EXISTS && a->code == 409 ? SBI_ERR_IO : status, "%s%s: HTTP %d", w->base, name, (int)a->code);
}

/* ---- properties ------------------------------------------------------------------------------------------------ */

/* SBI_ERR_NOT_FOUND leaves both lists as they were. */
static sbi_status properties(webdav *w, const char *name, const char *depth, grid_listing *files, grid_listing *folders)
{
    sbi_http_answer a;
    sbi_http_request r = {.method = "PROPFIND", .headers = {depth, "Content-Type: application/xml"}, .body = PROPERTIES,
                          .body_size = sizeof PROPERTIES - 1, .limit = (size_t)256 << 20};
    sbi_status status = send_request(w, name, &r, &a);
    if (status == SBI_OK) status = status_of(w, &a, name);
    if (status == SBI_OK && a.code != 207) status = sbi_fail(SBI_ERR_FORMAT, "%s%s: PROPFIND gave HTTP %d, expected 207", w->base, name, (int)a.code);
    if (status == SBI_OK) status = grid_webdav_read(files, folders, a.body.data, a.body.size, w->path, name);
    sbi_http_answer_clear(&a);
    return status;
}

static sbi_status stat_any(webdav *w, const char *name, sbi_store_info *info)
{
    grid_listing files = {.ctx = w->ctx}, folders = {.ctx = w->ctx};
    sbi_status status = properties(w, name, "Depth: 0", &files, &folders);
    if (status == SBI_OK) {
        status = SBI_ERR_NOT_FOUND;
        for (size_t i = 0; i < files.count; i++) {
            if (strcmp(files.items[i].name, name) != 0) continue;
            *info = files.items[i].info;
            status = SBI_OK;
        }
        if (status != SBI_OK) sbi_fail(status, "%s%s: there is no such object", w->base, name);
    }
    grid_listing_clear(&files);
    grid_listing_clear(&folders);
    return status;
}

static sbi_status webdav_stat(void *self, const char *name, sbi_store_info *info)
{
    return stat_any(self, name, info);
}

/* ---- get ------------------------------------------------------------------------------------------------------- */

typedef struct summing {
    sbi_sink *to;
    uint32_t adler;
} summing;

static sbi_status sum_on(void *user, const void *data, size_t size)
{
    summing *h = user;
    h->adler = sbi_adler32(h->adler, data, size);
    return h->to->write(h->to->user, data, size);
}

static sbi_status webdav_get(void *self, const char *name, uint64_t offset, uint64_t length, sbi_sink *sink)
{
    webdav *w = self;
    sbi_http_answer a;
    char digest[256];
    uint32_t expected;
    summing h = {sink, SBI_ADLER32_INIT};
    sbi_sink through = {sizeof through, 0, sum_on, &h};
    sbi_http_request r = {.method = "GET", .sink = &through, .offset = offset, .length = length, .headers = {"Want-Digest: adler32"}};
    sbi_status status = send_request(w, name, &r, &a);
    if (status == SBI_OK && a.code == 416 && a.written == 0) {
        sbi_store_info info = {.struct_size = sizeof info};
        sbi_http_answer_clear(&a);
        SBI_TRY(stat_any(w, name, &info));
        return grid_refused_range(&info, offset, length, w->base, name);
    }
    if (status == SBI_OK) status = status_of(w, &a, name);
    if (status == SBI_OK && length && a.written < length)
        status = sbi_fail(SBI_ERR_ARGUMENT, "%s%s: %llu bytes from %llu were asked for, and only %llu came", w->base, name, (unsigned long long)length,
                          (unsigned long long)offset, (unsigned long long)a.written);
    if (status == SBI_OK && !offset && !length && sbi_http_header(&a, "digest", digest, sizeof digest) && grid_webdav_digest(digest, &expected) &&
        expected != h.adler)
        status = sbi_fail(SBI_ERR_CHECKSUM, "%s%s: has adler32 %08x, the server tells of %08x", w->base, name, (unsigned)h.adler, (unsigned)expected);
    sbi_http_answer_clear(&a);
    return status;
}

/* ---- put ------------------------------------------------------------------------------------------------------- */

/* The sum of what goes out, to be held against what the server has. */
typedef struct outgoing {
    sbi_source *from;
    uint32_t adler;
} outgoing;

static sbi_status read_out(void *user, void *data, size_t capacity, size_t *got)
{
    outgoing *o = user;
    SBI_TRY(o->from->read(o->from->user, data, capacity, got));
    if (*got <= capacity) o->adler = sbi_adler32(o->adler, data, *got);
    return SBI_OK;
}

static sbi_status rewind_out(void *user)
{
    outgoing *o = user;
    o->adler = SBI_ADLER32_INIT;
    return o->from->rewind(o->from->user);
}

static sbi_status make_folders(webdav *w, const char *name)
{
    char folder[SBI_STORE_NAME_MAX + 64];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        sbi_http_answer a;
        sbi_http_request r = {.method = "MKCOL"};
        snprintf(folder, sizeof folder, "%.*s/", (int)(slash - name), name);
        sbi_status status = send_request(w, folder, &r, &a);
        if (status == SBI_OK && a.code != 405 && a.code != 409 && a.code != 301) status = status_of(w, &a, folder); /* it is there, maybe since a moment ago */
        sbi_http_answer_clear(&a);
        SBI_TRY(status);
    }
    return SBI_OK;
}

static sbi_status upload(webdav *w, const char *name, sbi_source *source, uint64_t size)
{
    for (int made = 0;; made = 1) {
        sbi_http_answer a;
        sbi_http_request r = {.method = "PUT", .source = source, .body_size = size, .headers = {"Content-Type: application/octet-stream"},
                              .flags = made ? 0 : SBI_HTTP_500_IS_FINAL};
        sbi_status status = send_request(w, name, &r, &a);
        /* A folder that is missing: 409 by the book, 404 or 500 elsewhere (nginx). */
        const int again = status == SBI_OK && (a.code == 404 || a.code == 409 || a.code == 500) && !made && strchr(name, '/');
        if (status == SBI_OK && !again) status = status_of(w, &a, name);
        sbi_http_answer_clear(&a);
        if (!again) return status;
        SBI_TRY(make_folders(w, name));
        SBI_TRY(source->rewind(source->user));
    }
}

/* What the server has under the temporary name is what was sent, as far as it tells. */
static sbi_status check_uploaded(webdav *w, const char *name, uint64_t size, uint32_t adler)
{
    char digest[256], length[32];
    uint32_t there;
    uint64_t bytes;
    sbi_http_answer a;
    sbi_http_request r = {.method = "HEAD", .headers = {"Want-Digest: adler32"}};
    sbi_status status = send_request(w, name, &r, &a);
    if (status == SBI_OK) status = status_of(w, &a, name);
    if (status == SBI_OK && sbi_http_header(&a, "content-length", length, sizeof length) && grid_read_size(length, &bytes) && bytes != size)
        status = sbi_fail(SBI_ERR_CHECKSUM, "%s%s: %llu bytes were sent, the server has %llu", w->base, name, (unsigned long long)size,
                          (unsigned long long)bytes);
    if (status == SBI_OK && sbi_http_header(&a, "digest", digest, sizeof digest) && grid_webdav_digest(digest, &there) && there != adler)
        status = sbi_fail(SBI_ERR_CHECKSUM, "%s%s: adler32 %08x was sent, the server has %08x", w->base, name, (unsigned)adler, (unsigned)there);
    sbi_http_answer_clear(&a);
    return status;
}

static int exists(webdav *w, const char *name)
{
    sbi_store_info info = {.struct_size = sizeof info};
    return stat_any(w, name, &info) == SBI_OK;
}

static sbi_status move(webdav *w, const char *from, const char *to, uint32_t flags)
{
    char *destination = sbi_strf(w->ctx, "Destination: %s%s", w->base, to);
    if (!destination) return SBI_ERR_NO_MEMORY;
    sbi_http_answer a;
    sbi_http_request r = {.method = "MOVE", .headers = {destination, flags & SBI_STORE_CREATE ? "Overwrite: F" : "Overwrite: T"}};
    sbi_status status = send_request(w, from, &r, &a);
    if (status == SBI_OK) {
        status = status_of(w, &a, to);
        /* After an answer was lost: if the temporary name is gone, then that try moved it, since nobody else knows the name. */
        if (a.tries > 1 && (a.code == 404 || a.code == 412 || a.code == 409) && !exists(w, from) && exists(w, to)) status = SBI_OK;
    }
    sbi_http_answer_clear(&a);
    sbi_free(w->ctx, destination);
    return status;
}

static sbi_status webdav_remove(void *self, const char *name)
{
    webdav *w = self;
    sbi_http_answer a;
    sbi_http_request r = {.method = "DELETE"};
    sbi_status status = send_request(w, name, &r, &a);
    if (status == SBI_OK && a.code != 404 && a.code != 410) status = status_of(w, &a, name);
    sbi_http_answer_clear(&a);
    return status;
}

static sbi_status webdav_put(void *self, const char *name, sbi_source *source, uint64_t size, uint32_t flags)
{
    webdav *w = self;
    char unique[33], temporary[SBI_STORE_NAME_MAX + 48], message[SBI_ERROR_MESSAGE_SIZE];
    if (flags & SBI_STORE_CREATE && exists(w, name)) return sbi_fail(SBI_ERR_EXISTS, "%s%s: exists", w->base, name);
    SBI_TRY(grid_unique(unique));
    snprintf(temporary, sizeof temporary, "%s.%s.tmp", name, unique);
    outgoing o = {source, SBI_ADLER32_INIT};
    sbi_source through = {sizeof through, 0, read_out, rewind_out, &o};
    sbi_status status = upload(w, temporary, &through, size);
    if (status == SBI_OK) status = check_uploaded(w, temporary, size, o.adler);
    if (status == SBI_OK) status = move(w, temporary, name, flags);
    if (status == SBI_OK) return SBI_OK;
    snprintf(message, sizeof message, "%.*s", (int)sizeof message - 1, sbi_last_error());
    if (webdav_remove(w, temporary) != SBI_OK) sbi_log(w->ctx, SBI_LOG_WARNING, "%s%s: stays behind: %s", w->base, temporary, sbi_last_error());
    return sbi_error_set(status, message);
}

/* ---- list ------------------------------------------------------------------------------------------------------ */

/* Adds what is directly in `folder` ("" or without a slash at the end), of what the server told. */
static sbi_status keep_children(const grid_listing *from, grid_listing *to, const char *folder)
{
    const size_t n = strlen(folder);
    for (size_t i = 0; i < from->count; i++) {
        const char *name = from->items[i].name;
        if (n && (strncmp(name, folder, n) != 0 || name[n] != '/')) continue;
        const char *rest = name + n + (n > 0);
        if (!*rest || strchr(rest, '/') || !grid_name_valid(name)) continue;
        SBI_TRY(grid_listing_add(to, name, &from->items[i].info));
    }
    return SBI_OK;
}

/* Whether names under the folder can begin with the prefix. */
static int on_the_way(const char *folder, const char *prefix)
{
    const size_t n = strlen(folder), m = strlen(prefix);
    if (m <= n) return strncmp(folder, prefix, m) == 0;
    return strncmp(folder, prefix, n) == 0 && (n == 0 || prefix[n] == '/');
}

static sbi_status visit_folder(webdav *w, const char *folder, const char *prefix, grid_listing *files, grid_listing *todo)
{
    char name[SBI_STORE_NAME_MAX + 1];
    grid_listing found = {.ctx = w->ctx}, inner = {.ctx = w->ctx}, children = {.ctx = w->ctx};
    snprintf(name, sizeof name, "%s%s", folder, folder[0] ? "/" : "");
    sbi_status status = sbi_check_cancel(w->ctx, w->base);
    if (status == SBI_OK) status = properties(w, name, "Depth: 1", &found, &inner);
    if (status == SBI_OK) status = keep_children(&found, files, folder);
    if (status == SBI_OK) status = keep_children(&inner, &children, folder);
    for (size_t i = 0; i < children.count && status == SBI_OK; i++) {
        if (on_the_way(children.items[i].name, prefix)) status = grid_listing_add(todo, children.items[i].name, &children.items[i].info);
    }
    grid_listing_clear(&found);
    grid_listing_clear(&inner);
    grid_listing_clear(&children);
    return status == SBI_ERR_NOT_FOUND ? SBI_OK : status; /* gone meanwhile, or never there */
}

static sbi_status webdav_list(void *self, const char *prefix, sbi_status (*each)(void *user, const char *name, const sbi_store_info *info), void *user)
{
    webdav *w = self;
    grid_listing files = {.ctx = w->ctx}, todo = {.ctx = w->ctx};
    char first[SBI_STORE_NAME_MAX] = "";
    const char *slash = strrchr(prefix, '/');
    if (slash) snprintf(first, sizeof first, "%.*s", (int)(slash - prefix), prefix);
    const sbi_store_info none = {.struct_size = sizeof none};
    sbi_status status = grid_listing_add(&todo, first, &none);
    for (size_t i = 0; i < todo.count && status == SBI_OK; i++) {
        char folder[SBI_STORE_NAME_MAX];
        snprintf(folder, sizeof folder, "%s", todo.items[i].name); /* the list grows meanwhile */
        status = visit_folder(w, folder, prefix, &files, &todo);
    }
    if (status == SBI_OK) status = grid_listing_visit(&files, prefix, each, user);
    grid_listing_clear(&files);
    grid_listing_clear(&todo);
    return status;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static void webdav_close(void *self)
{
    webdav *w = self;
    sbi_http_close(w->http);
    sbi_free(w->ctx, w->base);
    sbi_free(w->ctx, w->path);
    sbi_free(w->ctx, w);
}

static sbi_status read_url(webdav *w, const char *url)
{
    const char *rest = strstr(url, "://") + 3;
    const int tls = strncmp(url, "https:", 6) == 0 || strncmp(url, "davs:", 5) == 0;
    if (strpbrk(url, "?# \r\n") || rest[0] == '/' || !rest[0]) return sbi_fail(SBI_ERR_ARGUMENT, "%.200s: expected scheme://host/folder", url);
    size_t n = strlen(rest);
    while (n && rest[n - 1] == '/') n--;
    w->base = sbi_strf(w->ctx, "%s://%.*s/", tls ? "https" : "http", (int)n, rest);
    if (!w->base) return SBI_ERR_NO_MEMORY;
    const char *path = strchr(strstr(w->base, "://") + 3, '/');
    w->path = sbi_strdup(w->ctx, path);
    if (!w->path) return SBI_ERR_NO_MEMORY;
    return grid_webdav_decode(w->path) ? SBI_OK : sbi_fail(SBI_ERR_ARGUMENT, "%.200s: a %%XX is malformed", url);
}

/* What the configuration leaves open is taken from where grid tools look; not for plain http, over which nothing secret goes. */
static void from_environment(sbi_http_options *o, const webdav *w)
{
    if (strncmp(w->base, "https:", 6) != 0) return;
    if (!o->token_file && !o->user) {
        o->token_file = grid_environment("BEARER_TOKEN_FILE");
        if (!o->token_file) o->token = grid_environment("BEARER_TOKEN");
    }
    if (!o->cert_file && !o->token_file && !o->token && !o->user) o->cert_file = grid_environment("X509_USER_PROXY");
    if (!o->ca_file && !o->ca_folder) o->ca_folder = grid_environment("X509_CERT_DIR");
}

static sbi_status configure(webdav *w, const grid_config *c, const char *url)
{
    sbi_http_options o = {0};
    const char *user_file;
    char *user = NULL, *password = NULL;
    SBI_TRY(read_url(w, url));
    SBI_TRY(grid_config_http(c, &o));
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "user_file", NULL, &user_file));
    if (user_file) SBI_TRY(sbi_secret_read_user(&user, &password, w->ctx, user_file));
    o.user = user;
    o.password = password;
    from_environment(&o, w);
    const sbi_status status = sbi_http_open(&w->http, w->ctx, &o);
    sbi_secret_free(w->ctx, user);
    sbi_secret_free(w->ctx, password);
    return status;
}

static const sbi_store_ops webdav_ops = {
    .struct_size = sizeof webdav_ops,
    .abi = SBI_STORE_ABI,
    .get = webdav_get,
    .stat = webdav_stat,
    .put = webdav_put,
    .list = webdav_list,
    .remove = webdav_remove,
    .close = webdav_close,
};

sbi_status grid_webdav_open(void *user, sbi_context *ctx, const char *url, const char *config, const sbi_store_ops **ops, void **self)
{
    static const char *const own[] = {"user_file", NULL};
    grid_config c;
    (void)user;
    SBI_TRY(grid_config_read(&c, config, "store \"webdav\"", own));
    webdav *w = sbi_alloc_zero(ctx, 1, sizeof *w);
    sbi_status status = SBI_ERR_NO_MEMORY;
    if (w) {
        w->ctx = ctx;
        status = configure(w, &c, url);
        if (status != SBI_OK) webdav_close(w);
    }
    grid_config_clear(&c);
    if (status != SBI_OK) return status;
    *ops = &webdav_ops;
    *self = w;
    return SBI_OK;
}
