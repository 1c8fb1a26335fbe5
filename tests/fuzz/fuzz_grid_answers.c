/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what servers and users' files tell: the first byte says to which parser the rest goes. */
#include <string.h>

#include "base/memory.h"
#include "grid/credentials.h"
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
    case 'c':
        if (grid_credentials_parse(&c, ctx, rest, size, "default", "fuzz") == SBI_OK) grid_credentials_wipe(&c, ctx);
        break;
    default:
        if (size >= sizeof text) return 0;
        memcpy(text, rest, size);
        text[size] = '\0';
        grid_webdav_digest(text, &sum);
        grid_date_ms(text);
        grid_webdav_decode(text);
    }
    return 0;
}
