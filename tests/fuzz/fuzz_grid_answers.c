/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what servers and users' files tell: the first byte says to which parser the rest goes. */
#include <string.h>

#include "base/memory.h"
#include "grid/credentials.h"
#include "grid/rucio_answers.h"
#include "grid/rucio_names.h"
#include "grid/s3_answers.h"
#include "grid/webdav_answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sbi_status look(void *user, const char *name, const sbi_store_info *info)
{
    const char **last = user;
    if (!grid_name_valid(name) || !info) __builtin_trap();
    if (*last && strcmp(*last, name) >= 0) __builtin_trap();
    *last = name;
    return SBI_OK;
}

static void read_webdav(sbi_context *ctx, const char *text, size_t size)
{
    grid_listing files = {.ctx = ctx}, folders = {.ctx = ctx};
    const char *last = NULL;
    if (grid_webdav_read(&files, &folders, text, size, "/store/", "fuzz") == SBI_OK) grid_listing_visit(&files, "", look, &last);
    grid_listing_clear(&files);
    grid_listing_clear(&folders);
}

static void read_page(sbi_context *ctx, const char *text, size_t size)
{
    grid_s3_page page;
    const char *last = NULL;
    if (grid_s3_read_page(&page, ctx, text, size, "p/", "fuzz") != SBI_OK) return;
    grid_listing_visit(&page.listing, "", look, &last);
    grid_s3_page_clear(&page);
}

static void read_upload(sbi_context *ctx, const char *text, size_t size)
{
    grid_s3_parts parts = {.ctx = ctx};
    char *id = NULL;
    grid_s3_read_parts(&parts, text, size, "fuzz");
    grid_s3_parts_clear(&parts);
    grid_s3_read_uploads(&id, ctx, text, size, "p/key", "fuzz");
    sbi_free(ctx, id);
    grid_s3_read_one(&id, ctx, text, size, "InitiateMultipartUploadResult/UploadId", "fuzz");
    sbi_free(ctx, id);
}

/* Everything that Rucio answers, read as everything else. */
static void read_rucio(sbi_context *ctx, const char *text, size_t size)
{
    grid_rucio_replicas replicas = {.ctx = ctx};
    grid_listing files = {.ctx = ctx}, rses = {.ctx = ctx};
    grid_rucio_file file;
    grid_rucio_error error;
    const char *last = NULL;
    char *pfn = NULL;
    int member;
    if (grid_rucio_read_replicas(&replicas, text, size, "test", "f", "fuzz") == SBI_OK) {
        for (size_t i = 1; i < replicas.count; i++)
            if (replicas.items[i].priority < replicas.items[i - 1].priority) __builtin_trap();
    }
    grid_rucio_replicas_clear(&replicas);
    grid_rucio_read_meta(&file, text, size, "fuzz");
    grid_rucio_read_parents(&member, text, size, "test", "ds", "fuzz");
    if (grid_rucio_read_content(&files, text, size, "test", "", "fuzz") == SBI_OK) grid_listing_visit(&files, "", look, &last);
    grid_listing_clear(&files);
    grid_rucio_read_rses(&rses, text, size, "fuzz");
    grid_listing_clear(&rses);
    grid_rucio_read_pfn(&pfn, ctx, text, size, "test", "f", "fuzz");
    sbi_free(ctx, pfn);
    grid_rucio_read_error(&error, text, size);
    if (grid_rucio_status(500, &error) == SBI_OK || strchr(error.message, '\n')) __builtin_trap();
}

/* A name that means an object is the one name of that object. */
static void read_name(const char *name)
{
    char object[SBI_STORE_NAME_MAX], again[GRID_RUCIO_NAME_MAX];
    if (!grid_rucio_object(object, "", name)) return;
    if (!grid_name_valid(object) || grid_rucio_name(again, "", object) != SBI_OK || strcmp(again, name) != 0) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sbi_context *ctx;
    grid_credentials c;
    char text[256];
    uint32_t sum;
    if (!size || (!ctx && sbi_context_create(&ctx, NULL) != SBI_OK)) return 0;
    const char *rest = (const char *)data + 1;
    size--;
    switch (data[0]) {
    case 'w': read_webdav(ctx, rest, size); break;
    case 'l': read_page(ctx, rest, size); break;
    case 'u': read_upload(ctx, rest, size); break;
    case 'r': read_rucio(ctx, rest, size); break;
    case 'c':
        if (grid_credentials_parse(&c, ctx, rest, size, "default", "fuzz") == SBI_OK) grid_credentials_wipe(&c, ctx);
        break;
    default:
        if (size >= sizeof text) return 0;
        memcpy(text, rest, size);
        text[size] = '\0';
        read_name(text);
        grid_webdav_digest(text, &sum);
        grid_date_ms(text);
        grid_webdav_decode(text);
    }
    return 0;
}
