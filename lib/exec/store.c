/* SPDX-License-Identifier: Apache-2.0 */
/* Opening stores, and the contract's functions with names and answers checked. */
#include "exec/store.h"

#include <string.h>

#include "base/attach.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "exec/grid_plugin.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define PREFIX "store/"
#define SCHEME_MAX 32

struct sbi_store {
    sbi_context *ctx;
    sbi_store_ops ops;
    void *self;
    char *url;
};

/* ---- names ----------------------------------------------------------------------------------------------------- */

static int part_valid(const char *part, size_t length)
{
    if (length == 0 || (part[0] == '.' && (length == 1 || (length == 2 && part[1] == '.')))) return 0;
    return length < 4 || memcmp(part + length - 4, ".tmp", 4) != 0;
}

int sbi_store_name_valid(const char *name)
{
    size_t length = strnlen(name, SBI_STORE_NAME_MAX);
    if (length == 0 || length >= SBI_STORE_NAME_MAX) return 0;
    for (;;) {
        size_t part = strspn(name, LETTERS);
        if (!part_valid(name, part)) return 0;
        if (!name[part]) return 1;
        if (name[part] != '/') return 0;
        name += part + 1;
    }
}

int sbi_store_prefix_valid(const char *prefix)
{
    size_t length = strnlen(prefix, SBI_STORE_NAME_MAX);
    if (length >= SBI_STORE_NAME_MAX || strspn(prefix, LETTERS "/") != length || prefix[0] == '/') return 0;
    /* Whole parts must be ones that a name can have. */
    for (const char *slash; (slash = strchr(prefix, '/')); prefix = slash + 1) {
        if (!part_valid(prefix, (size_t)(slash - prefix))) return 0;
    }
    return 1;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

sbi_status sbi_store_create(sbi_store **out, sbi_context *ctx, const sbi_store_ops *ops, void *self, const char *url)
{
    SBI_REQUIRE(out, "sbi_store_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx, "sbi_store_create: ctx is NULL");
    SBI_REQUIRE(ops, "sbi_store_create: ops is NULL");
    SBI_REQUIRE(url, "sbi_store_create: url is NULL");
    if (ops->struct_size < sizeof *ops)
        return sbi_fail(SBI_ERR_ABI, "sbi_store_ops: struct_size is %u, expected %zu or more", (unsigned)ops->struct_size, sizeof *ops);
    if (ops->abi != SBI_STORE_ABI)
        return sbi_fail(SBI_ERR_ABI, "sbi_store_ops: abi is %u, this library speaks %u", (unsigned)ops->abi, (unsigned)SBI_STORE_ABI);
    SBI_REQUIRE(ops->get && ops->stat && ops->put && ops->list && ops->remove && ops->close, "sbi_store_ops: a function is NULL");
    sbi_store *store = sbi_alloc_zero(ctx, 1, sizeof *store);
    char *copy = sbi_strdup(ctx, url);
    if (!store || !copy) {
        sbi_free(ctx, store);
        sbi_free(ctx, copy);
        return SBI_ERR_NO_MEMORY;
    }
    *store = (sbi_store){ctx, *ops, self, copy};
    *out = store;
    return SBI_OK;
}

void sbi_store_close(sbi_store *store)
{
    if (!store) return;
    store->ops.close(store->self);
    sbi_free(store->ctx, store->url);
    sbi_free(store->ctx, store);
}

const char *sbi_store_url(const sbi_store *store)
{
    return store ? store->url : "";
}

sbi_context *sbi_store_context(const sbi_store *store)
{
    return store->ctx;
}

typedef struct registration {
    sbi_store_open_fn open;
    void *user;
} registration;

/* Length of a URL's scheme, 0 if it has none: small letters, digits, "+", "-", "." (RFC 3986, section 3.1), then "://". */
static size_t scheme_length(const char *url)
{
    size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
    return n < SCHEME_MAX && strncmp(url + n, "://", 3) == 0 ? n : 0;
}

sbi_status sbi_store_register(sbi_context *ctx, const char *scheme, sbi_store_open_fn open, void *user)
{
    SBI_REQUIRE(ctx, "sbi_store_register: ctx is NULL");
    SBI_REQUIRE(scheme && *scheme, "sbi_store_register: the scheme is NULL or empty");
    SBI_REQUIRE(open, "sbi_store_register: open is NULL");
    size_t n = strspn(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
    SBI_REQUIRE(n < SCHEME_MAX && !scheme[n], "sbi_store_register: the scheme \"%.40s\" is not 1 to %d of [a-z0-9+.-]", scheme, SCHEME_MAX - 1);
    if (strcmp(scheme, "file") == 0) return sbi_fail(SBI_ERR_EXISTS, "store \"file\": the scheme is taken");
    char *full = sbi_strf(ctx, PREFIX "%s", scheme);
    if (!full) return SBI_ERR_NO_MEMORY;
    registration r = {open, user};
    sbi_status status = sbi_context_attach(ctx, full, &r, sizeof r);
    sbi_free(ctx, full);
    return status;
}

/* Credentials in a URL would end up in logs. */
static int has_user(const char *authority)
{
    return memchr(authority, '@', strcspn(authority, "/?#")) != NULL;
}

static sbi_status find(registration *r, sbi_context *ctx, const char *scheme)
{
    char *full = sbi_strf(ctx, PREFIX "%s", scheme);
    if (!full) return SBI_ERR_NO_MEMORY;
    const registration *known = sbi_context_attached(ctx, full);
    sbi_free(ctx, full);
    if (known) {
        *r = *known;
        return SBI_OK;
    }
    const sbi_grid_plugin *plugin;
    sbi_status status = sbi_grid_plugin_load(&plugin, ctx);
    if (status != SBI_OK) return sbi_fail_within(status, "store \"%s\"", scheme);
    *r = (registration){plugin->store(scheme), NULL};
    return r->open ? SBI_OK : sbi_fail(SBI_ERR_NOT_FOUND, "store \"%s\": there is no such kind", scheme);
}

sbi_status sbi_store_open(sbi_store **out, sbi_context *ctx, const char *url, const char *config)
{
    SBI_REQUIRE(out, "sbi_store_open: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx, "sbi_store_open: ctx is NULL");
    SBI_REQUIRE(url, "sbi_store_open: url is NULL");
    if (url[0] == '/' || strncmp(url, "file://", 7) == 0) return sbi_store_folder_open(out, ctx, url, config);
    const size_t n = scheme_length(url);
    SBI_REQUIRE(n, "store: \"%.60s\" is neither an absolute path nor a URL", has_user(url) ? "(not shown)" : url);
    SBI_REQUIRE(!has_user(url + n + 3), "store: the URL holds a user's name or password; docs/stores.md tells where they go instead");
    char scheme[SCHEME_MAX];
    memcpy(scheme, url, n);
    scheme[n] = '\0';
    registration r;
    SBI_TRY(find(&r, ctx, scheme));
    const sbi_store_ops *ops = NULL;
    void *self = NULL;
    SBI_TRY(r.open(r.user, ctx, url, config, &ops, &self));
    sbi_status status = sbi_store_create(out, ctx, ops, self, url);
    if (status != SBI_OK && ops && ops->close) ops->close(self);
    return status;
}

/* ---- the contract's functions ---------------------------------------------------------------------------------- */

static sbi_status check_name(const char *function, const sbi_store *store, const char *name)
{
    SBI_REQUIRE(store, "%s: store is NULL", function);
    SBI_REQUIRE(name, "%s: name is NULL", function);
    SBI_REQUIRE(sbi_store_name_valid(name), "%s: \"%.80s\" cannot be the name of an object", store->url, name);
    return SBI_OK;
}

sbi_status sbi_store_get(sbi_store *store, const char *name, uint64_t offset, uint64_t length, sbi_sink *sink)
{
    SBI_TRY(check_name("sbi_store_get", store, name));
    SBI_REQUIRE(sink && sink->write, "sbi_store_get: there is no sink");
    if (sink->struct_size < sizeof *sink)
        return sbi_fail(SBI_ERR_ABI, "sbi_sink: struct_size is %u, expected %zu", (unsigned)sink->struct_size, sizeof *sink);
    SBI_REQUIRE(length <= UINT64_MAX - offset, "%s: %s: offset + length is beyond 64 bits", store->url, name);
    return store->ops.get(store->self, name, offset, length, sink);
}

sbi_status sbi_store_stat(sbi_store *store, const char *name, sbi_store_info *info)
{
    SBI_TRY(check_name("sbi_store_stat", store, name));
    SBI_REQUIRE(info, "sbi_store_stat: info is NULL");
    if (info->struct_size < sizeof *info)
        return sbi_fail(SBI_ERR_ABI, "sbi_store_info: struct_size is %u, expected %zu", (unsigned)info->struct_size, sizeof *info);
    memset(info, 0, sizeof *info);
    info->struct_size = (uint32_t)sizeof *info;
    return store->ops.stat(store->self, name, info);
}

sbi_status sbi_store_put(sbi_store *store, const char *name, sbi_source *source, uint64_t size, uint32_t flags)
{
    SBI_TRY(check_name("sbi_store_put", store, name));
    SBI_REQUIRE(source && source->read && source->rewind, "sbi_store_put: there is no source, or a function of it is NULL");
    if (source->struct_size < sizeof *source)
        return sbi_fail(SBI_ERR_ABI, "sbi_source: struct_size is %u, expected %zu", (unsigned)source->struct_size, sizeof *source);
    SBI_REQUIRE(!(flags & ~SBI_STORE_CREATE), "sbi_store_put: flags are 0x%x", (unsigned)flags);
    SBI_REQUIRE(size <= INT64_MAX, "%s: %s: size is beyond 63 bits", store->url, name);
    return store->ops.put(store->self, name, source, size, flags);
}

/* Holds what an implementation lists against the contract. */
typedef struct listing {
    const char *url, *prefix;
    sbi_status (*each)(void *user, const char *name, const sbi_store_info *info);
    void *user;
    char last[SBI_STORE_NAME_MAX];
} listing;

static sbi_status check_listed(void *user, const char *name, const sbi_store_info *info)
{
    listing *l = user;
    if (!name || !info || !sbi_store_name_valid(name) || strncmp(name, l->prefix, strlen(l->prefix)) != 0)
        return sbi_fail(SBI_ERR_CALLBACK, "%s: \"%.80s\" was listed for the prefix \"%s\"", l->url, name ? name : "(null)", l->prefix);
    if (strcmp(name, l->last) <= 0)
        return sbi_fail(SBI_ERR_CALLBACK, "%s: \"%.80s\" was listed after \"%.80s\"", l->url, name, l->last);
    const size_t n = strnlen(name, sizeof l->last - 1);
    memcpy(l->last, name, n);
    l->last[n] = '\0';
    return l->each(l->user, name, info);
}

sbi_status sbi_store_list(sbi_store *store, const char *prefix, sbi_status (*each)(void *user, const char *name, const sbi_store_info *info),
                          void *user)
{
    SBI_REQUIRE(store, "sbi_store_list: store is NULL");
    SBI_REQUIRE(each, "sbi_store_list: each is NULL");
    listing l = {store->url, prefix ? prefix : "", each, user, ""};
    SBI_REQUIRE(sbi_store_prefix_valid(l.prefix), "%s: \"%.80s\" cannot begin a name", store->url, l.prefix);
    return store->ops.list(store->self, l.prefix, check_listed, &l);
}

sbi_status sbi_store_remove(sbi_store *store, const char *name)
{
    SBI_TRY(check_name("sbi_store_remove", store, name));
    return store->ops.remove(store->self, name);
}
