/* SPDX-License-Identifier: Apache-2.0 */
/* What stores share beyond the public header. */
#ifndef SBI_EXEC_STORE_H
#define SBI_EXEC_STORE_H

#include "sbi/store.h"

/* Whether `name` is 1 to SBI_STORE_NAME_MAX - 1 characters: parts of [A-Za-z0-9._-] between single slashes, none "." or "..", none ending in
 * ".tmp". */
int sbi_store_name_valid(const char *name);
/* Whether a prefix can begin a name: the empty one can. */
int sbi_store_prefix_valid(const char *prefix);

/* The context that a store was made from. */
sbi_context *sbi_store_context(const sbi_store *store);

/* Opens the folder of "/path" or "file:///path". */
sbi_status sbi_store_folder_open(sbi_store **out, sbi_context *ctx, const char *url, const char *config);

#endif
