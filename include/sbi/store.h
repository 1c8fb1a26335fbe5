/* SPDX-License-Identifier: Apache-2.0 */
/** @file store.h
 * Stores: named objects (a folder of files, a bucket, a WebDAV folder, a Rucio scope) through which a submitting program and its workers
 * exchange specs, inputs and results. docs/stores.md has the layout and the kinds.
 *
 * An object appears whole or not at all, and is not changed afterwards (heartbeats are the exception: they are replaced). Names are
 * relative paths of [A-Za-z0-9._-] parts separated by "/", no part "." or ".."; a part that ends in ".tmp" belongs to the store itself, which
 * never lists it. Nor is the name of an object the folder of another one: "a" and "a/b" cannot be in a folder together.
 *
 * Provided: a folder ("/path" or "file:///path"); with libsbi-grid.so, which is loaded when asked for, "s3://bucket/prefix",
 * "http(s)://..." and "dav(s)://..." (WebDAV), "rucio://scope/dataset". Credentials never stand in a URL: docs/stores.md tells where
 * each kind finds them. Everybody can add a kind: fill in sbi_store_ops and call sbi_store_register(); tests/contract/store_conformance.c checks
 * any implementation.
 */
#ifndef SBI_STORE_H
#define SBI_STORE_H

#include "executor.h"

SBI_BEGIN_DECLS

#define SBI_STORE_ABI 1
#define SBI_STORE_NAME_MAX 512

/** Flags of put. */
#define SBI_STORE_CREATE 1u /**< never replace: SBI_ERR_EXISTS if the object is there, whoever was quicker */

/** Gives bytes. read is called any number of times, in order; *got = 0 ends it. rewind starts anew (transfers are tried again). */
typedef struct sbi_source {
    uint32_t struct_size; /**< sizeof(sbi_source) */
    int32_t reserved_;    /**< zero */
    sbi_status (*read)(void *user, void *data, size_t capacity, size_t *got);
    sbi_status (*rewind)(void *user);
    void *user;
} sbi_source;

typedef struct sbi_store_info {
    uint32_t struct_size; /**< sizeof(sbi_store_info), set by the caller */
    int32_t has_adler32;  /**< 1: the store knows the checksum below */
    uint64_t size;        /**< bytes */
    int64_t modified_ms;  /**< since 1970; 0: unknown */
    uint32_t adler32;
    uint32_t reserved_;
} sbi_store_info;

/** The contract. Several threads may call the functions of one store at once. SBI_ERR_TRANSIENT means that the same call may succeed
 *  later; the store has then already tried for a while. Other errors: SBI_ERR_NOT_FOUND, SBI_ERR_PERMISSION, SBI_ERR_NO_SPACE, SBI_ERR_EXISTS,
 *  SBI_ERR_CHECKSUM (bytes damaged on the way, more than once), SBI_ERR_CANCELLED. */
typedef struct sbi_store_ops {
    uint32_t struct_size; /**< sizeof(sbi_store_ops) of the implementation */
    uint32_t abi;         /**< SBI_STORE_ABI it was compiled against */
    /** Bytes [offset, offset + length) into the sink; length 0: to the end. What was given to the sink is right, or a status comes.
     *  SBI_ERR_ARGUMENT: the range ends beyond the object. */
    sbi_status (*get)(void *self, const char *name, uint64_t offset, uint64_t length, sbi_sink *sink);
    sbi_status (*stat)(void *self, const char *name, sbi_store_info *info);
    /** `size` bytes of the source as one object; the source stands at its beginning, and is rewound to read it again. SBI_ERR_ARGUMENT: it ended
     *  early, and nothing appears. */
    sbi_status (*put)(void *self, const char *name, sbi_source *source, uint64_t size, uint32_t flags);
    /** Calls each(user, name, info) for every object whose name starts with `prefix`, in ascending order of names; a status other than SBI_OK
     *  ends it and is returned. */
    sbi_status (*list)(void *self, const char *prefix,
                       sbi_status (*each)(void *user, const char *name, const sbi_store_info *info), void *user);
    /** SBI_OK if there is none. */
    sbi_status (*remove)(void *self, const char *name);
    void (*close)(void *self);
} sbi_store_ops;

typedef struct sbi_store sbi_store;

/** Opens a store. @param[out] out NULL on failure. @param url see above. @param config JSON object text, keys depending on the kind; NULL:
 *  all defaults. Errors: SBI_ERR_NOT_FOUND (no such kind, or its library is missing), SBI_ERR_ABI, SBI_ERR_ARGUMENT, SBI_ERR_FORMAT.
 *  Since: 0.1 */
SBI_API sbi_status sbi_store_open(sbi_store **out, sbi_context *ctx, const char *url, const char *config);
/** Wraps an implementation of one's own; ops are copied; self is closed by sbi_store_close(), not if this call fails. Since: 0.1 */
SBI_API sbi_status sbi_store_create(sbi_store **out, sbi_context *ctx, const sbi_store_ops *ops, void *self, const char *url);
typedef sbi_status (*sbi_store_open_fn)(void *user, sbi_context *ctx, const char *url, const char *config, const sbi_store_ops **ops,
                                        void **self);
/** Gives a kind of store the scheme of its URLs ("s3"). SBI_ERR_EXISTS if it is taken. Since: 0.1 */
SBI_API sbi_status sbi_store_register(sbi_context *ctx, const char *scheme, sbi_store_open_fn open, void *user);
/** Closes a store; NULL is fine. Since: 0.1 */
SBI_API void sbi_store_close(sbi_store *store);
/** The URL it was opened with, without anything secret. Owned by the store. Since: 0.1 */
SBI_API const char *sbi_store_url(const sbi_store *store);

/* The functions of the contract, with names and answers checked. All since 0.1. */
SBI_API sbi_status sbi_store_get(sbi_store *store, const char *name, uint64_t offset, uint64_t length, sbi_sink *sink);
SBI_API sbi_status sbi_store_stat(sbi_store *store, const char *name, sbi_store_info *info);
SBI_API sbi_status sbi_store_put(sbi_store *store, const char *name, sbi_source *source, uint64_t size, uint32_t flags);
SBI_API sbi_status sbi_store_list(sbi_store *store, const char *prefix,
                                  sbi_status (*each)(void *user, const char *name, const sbi_store_info *info), void *user);
SBI_API sbi_status sbi_store_remove(sbi_store *store, const char *name);

/** Puts bytes of memory. Since: 0.1 */
SBI_API sbi_status sbi_store_put_bytes(sbi_store *store, const char *name, const void *data, size_t size, uint32_t flags);
/** Puts a file. Since: 0.1 */
SBI_API sbi_status sbi_store_put_file(sbi_store *store, const char *name, const char *path, uint32_t flags);
/** Brings an object into a file, which appears whole, checked and synced, or not at all; a part that an earlier call left behind
 *  (PATH.part) is gone on from. Two that bring the same file wait for each other; with sha256, a file that is there with that content
 *  stays. @param sha256 64 hex digits, NULL: not checked; content that does not fit is fetched once more from the beginning, then
 *  SBI_ERR_CHECKSUM. Since: 0.1 */
SBI_API sbi_status sbi_store_get_file(sbi_store *store, const char *name, const char *path, const char *sha256);
/** Puts a file under the name of its content, `cas/sha256/ab/cd/HASH`, unless it is there. @param[out] name NUL-terminated. Since: 0.1 */
SBI_API sbi_status sbi_store_put_content(sbi_store *store, const char *path, char name[SBI_STORE_NAME_MAX]);

SBI_END_DECLS
#endif
