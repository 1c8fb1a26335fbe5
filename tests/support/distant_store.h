/* SPDX-License-Identifier: Apache-2.0 */
/* A store that behaves as one elsewhere does: its objects are no files to the library (though a folder holds them), and calls fail in passing. */
#ifndef TESTS_SUPPORT_DISTANT_STORE_H
#define TESTS_SUPPORT_DISTANT_STORE_H

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sbi/store.h"

typedef struct distant_store {
    sbi_store *folder;
    atomic_int calls, failed;
    int fail_every;        /* every n-th call gives SBI_ERR_TRANSIENT; 0: none */
    atomic_int committed;  /* objects called result.json that were created */
    const char *full;      /* putting an object whose name begins so gives SBI_ERR_NO_SPACE */
    const char *cancel_at; /* cancels `cancelled` once an object whose name ends so was put */
    sbi_context *cancelled;
} distant_store;

static inline sbi_status distant_call(distant_store *d)
{
    const int call = atomic_fetch_add(&d->calls, 1) + 1;
    if (!d->fail_every || call % d->fail_every) return SBI_OK;
    atomic_fetch_add(&d->failed, 1);
    return sbi_fail(SBI_ERR_TRANSIENT, "distant store: call %d failed in passing", call);
}

static inline int distant_ends(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static inline sbi_status distant_get(void *self, const char *name, uint64_t offset, uint64_t length, sbi_sink *sink)
{
    SBI_TRY(distant_call(self));
    return sbi_store_get(((distant_store *)self)->folder, name, offset, length, sink);
}

static inline sbi_status distant_stat(void *self, const char *name, sbi_store_info *info)
{
    SBI_TRY(distant_call(self));
    return sbi_store_stat(((distant_store *)self)->folder, name, info);
}

static inline sbi_status distant_put(void *self, const char *name, sbi_source *source, uint64_t size, uint32_t flags)
{
    distant_store *d = self;
    SBI_TRY(distant_call(d));
    if (d->full && strncmp(name, d->full, strlen(d->full)) == 0) return sbi_fail(SBI_ERR_NO_SPACE, "%s: no space left", name);
    sbi_status status = sbi_store_put(d->folder, name, source, size, flags);
    if (status == SBI_OK && distant_ends(name, "/result.json")) atomic_fetch_add(&d->committed, 1);
    if (status == SBI_OK && d->cancel_at && distant_ends(name, d->cancel_at)) {
        d->cancel_at = NULL;
        sbi_context_cancel(d->cancelled, 1);
    }
    return status;
}

static inline sbi_status distant_list(void *self, const char *prefix,
                                      sbi_status (*each)(void *user, const char *name, const sbi_store_info *info), void *user)
{
    SBI_TRY(distant_call(self));
    return sbi_store_list(((distant_store *)self)->folder, prefix, each, user);
}

static inline sbi_status distant_remove(void *self, const char *name)
{
    SBI_TRY(distant_call(self));
    return sbi_store_remove(((distant_store *)self)->folder, name);
}

static inline void distant_close(void *self)
{
    sbi_store_close(((distant_store *)self)->folder);
}

/* `d` must outlive the store. */
static inline sbi_status distant_store_open(sbi_store **out, sbi_context *ctx, const char *folder, distant_store *d)
{
    static const sbi_store_ops ops = {sizeof ops,   SBI_STORE_ABI, distant_get,    distant_stat,
                                      distant_put,  distant_list,  distant_remove, distant_close};
    *out = NULL;
    SBI_TRY(sbi_store_open(&d->folder, ctx, folder, NULL));
    sbi_status status = sbi_store_create(out, ctx, &ops, d, "distant://test");
    if (status != SBI_OK) sbi_store_close(d->folder);
    return status;
}

#endif
