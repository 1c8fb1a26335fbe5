/* SPDX-License-Identifier: Apache-2.0 */
/* Small named values that belong to a context, for instance executors that a user registered. */
#ifndef SBI_BASE_ATTACH_H
#define SBI_BASE_ATTACH_H

#include "sbi/context.h"

/* Copies `size` bytes under a name; they are freed with the context. SBI_ERR_EXISTS if the name is taken. */
sbi_status sbi_context_attach(sbi_context *ctx, const char *name, const void *value, size_t size);

/* The value of a name, valid as long as the context; NULL if there is none. */
const void *sbi_context_attached(sbi_context *ctx, const char *name);

/* Calls visit for each name that starts with `prefix`, the oldest first. */
void sbi_context_each_attached(sbi_context *ctx, const char *prefix, void (*visit)(void *user, const char *name),
                               void *user);

/* Frees all of them; called by sbi_context_destroy(). */
void sbi_context_detach_all(sbi_context *ctx);

#endif
