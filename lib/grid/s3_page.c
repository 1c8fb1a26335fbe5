/* SPDX-License-Identifier: Apache-2.0 */
/* The XML of ListObjectsV2. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grid/s3_answers.h"
#include "grid/xml.h"

typedef struct page_reader {
    grid_s3_page *page;
    const char *name, *prefix; /* keys begin with the prefix, names follow it */
    char *key;
    sbi_store_info info;
} page_reader;

static sbi_status read_element(void *user, const char *path, const char *text)
{
    page_reader *r = user;
    sbi_context *ctx = r->page->listing.ctx;
    static const char root[] = "ListBucketResult/";
    if (strncmp(path, root, sizeof root - 1) != 0) return SBI_OK;
    path += sizeof root - 1;
    if (strcmp(path, "IsTruncated") == 0) {
        r->page->truncated = strcmp(text, "true") == 0;
    } else if (strcmp(path, "NextContinuationToken") == 0) {
        sbi_free(ctx, r->page->token);
        r->page->token = sbi_strdup(ctx, text);
        return r->page->token ? SBI_OK : SBI_ERR_NO_MEMORY;
    } else if (strcmp(path, "Contents/Key") == 0) {
        sbi_free(ctx, r->key);
        r->key = sbi_strdup(ctx, text);
        return r->key ? SBI_OK : SBI_ERR_NO_MEMORY;
    } else if (strcmp(path, "Contents/Size") == 0) {
        if (!grid_read_size(text, &r->info.size)) return sbi_fail(SBI_ERR_FORMAT, "%s: a Size is \"%.40s\"", r->name, text);
    } else if (strcmp(path, "Contents/LastModified") == 0) {
        r->info.modified_ms = grid_date_ms(text);
    } else if (strcmp(path, "Contents") == 0) {
        sbi_status status = SBI_OK;
        const size_t n = strlen(r->prefix);
        if (!r->key) return sbi_fail(SBI_ERR_FORMAT, "%s: Contents without a Key", r->name);
        if (strncmp(r->key, r->prefix, n) == 0) status = grid_listing_add(&r->page->listing, r->key + n, &r->info);
        sbi_free(ctx, r->key);
        r->key = NULL;
        memset(&r->info, 0, sizeof r->info);
        return status;
    }
    return SBI_OK;
}

sbi_status grid_s3_read_page(grid_s3_page *page, sbi_context *ctx, const char *data, size_t size, const char *prefix, const char *name)
{
    *page = (grid_s3_page){.listing = {.ctx = ctx}};
    page_reader r = {.page = page, .name = name, .prefix = prefix};
    sbi_status status = grid_xml_read(ctx, data, size, name, read_element, &r);
    if (status == SBI_OK && page->truncated && (!page->token || !page->token[0]))
        status = sbi_fail(SBI_ERR_FORMAT, "%s: the listing is truncated and has no NextContinuationToken", name);
    sbi_free(ctx, r.key);
    if (status != SBI_OK) grid_s3_page_clear(page);
    return status;
}

void grid_s3_page_clear(grid_s3_page *page)
{
    sbi_free(page->listing.ctx, page->token);
    page->token = NULL;
    grid_listing_clear(&page->listing);
}
