/* SPDX-License-Identifier: Apache-2.0 */
#include "base/attach.h"

#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/memory.h"

struct sbi_attachment {
    struct sbi_attachment *next;
    char *name;
    void *value;
};

/* The list is short and only grows, so entries stay valid without the lock. */
static struct sbi_attachment *find(struct sbi_attachment *first, const char *name)
{
    while (first && strcmp(first->name, name) != 0) first = first->next;
    return first;
}

static void release(sbi_context *ctx, struct sbi_attachment *a)
{
    if (!a) return;
    sbi_free(ctx, a->name);
    sbi_free(ctx, a->value);
    sbi_free(ctx, a);
}

static struct sbi_attachment *make(sbi_context *ctx, const char *name, const void *value, size_t size)
{
    struct sbi_attachment *a = sbi_alloc_zero(ctx, 1, sizeof *a);
    if (!a) return NULL;
    a->name = sbi_strdup(ctx, name);
    a->value = sbi_alloc(ctx, size);
    if (!a->name || !a->value) {
        release(ctx, a);
        return NULL;
    }
    memcpy(a->value, value, size);
    return a;
}

sbi_status sbi_context_attach(sbi_context *ctx, const char *name, const void *value, size_t size)
{
    struct sbi_attachment *a = make(ctx, name, value, size);
    if (!a) return SBI_ERR_NO_MEMORY;
    pthread_mutex_lock(&ctx->pool_lock);
    struct sbi_attachment **end = &ctx->attachments;
    int taken = find(ctx->attachments, name) != NULL;
    while (*end) end = &(*end)->next;
    if (!taken) *end = a;
    pthread_mutex_unlock(&ctx->pool_lock);
    if (!taken) return SBI_OK;
    release(ctx, a);
    return sbi_fail(SBI_ERR_EXISTS, "%s: the name is taken", name);
}

const void *sbi_context_attached(sbi_context *ctx, const char *name)
{
    pthread_mutex_lock(&ctx->pool_lock);
    struct sbi_attachment *a = find(ctx->attachments, name);
    pthread_mutex_unlock(&ctx->pool_lock);
    return a ? a->value : NULL;
}

void sbi_context_each_attached(sbi_context *ctx, const char *prefix, void (*visit)(void *user, const char *name),
                               void *user)
{
    pthread_mutex_lock(&ctx->pool_lock);
    for (struct sbi_attachment *a = ctx->attachments; a; a = a->next) {
        if (strncmp(a->name, prefix, strlen(prefix)) == 0) visit(user, a->name);
    }
    pthread_mutex_unlock(&ctx->pool_lock);
}

void sbi_context_detach_all(sbi_context *ctx)
{
    while (ctx->attachments) {
        struct sbi_attachment *a = ctx->attachments;
        ctx->attachments = a->next;
        release(ctx, a);
    }
}
