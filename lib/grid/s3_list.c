/* SPDX-License-Identifier: Apache-2.0 */
/* ListObjectsV2, page by page. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/listing.h"
#include "grid/s3.h"
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

static sbi_status fetch_page(grid_s3 *s, const char *prefix, const char *token, grid_s3_page *page)
{
    sbi_text query;
    sbi_http_answer a;
    sbi_http_request r = {.method = "GET"};
    sbi_text_init(&query, s->ctx);
    if (token) {
        sbi_text_addf(&query, "continuation-token=");
        sbi_http_escape(&query, token, 0);
        sbi_text_addf(&query, "&");
    }
    sbi_text_addf(&query, "list-type=2&prefix=");
    sbi_http_escape(&query, s->prefix, 0);
    sbi_http_escape(&query, prefix, 0);
    if (query.status != SBI_OK) {
        sbi_text_clear(&query);
        return SBI_ERR_NO_MEMORY;
    }
    sbi_status status = grid_s3_send(s, NULL, query.data, &r, NULL, &a);
    sbi_text_clear(&query);
    if (status == SBI_OK) status = grid_s3_status(s, &a, "(list)");
    if (status == SBI_OK) status = grid_s3_read_page(page, s->ctx, a.body.data, a.body.size, s->prefix, s->bucket);
    sbi_http_answer_clear(&a);
    return status;
}

sbi_status grid_s3_list(void *self, const char *prefix, sbi_status (*each)(void *user, const char *name, const sbi_store_info *info), void *user)
{
    grid_s3 *s = self;
    char *token = NULL;
    sbi_status status;
    int more;
    do {
        grid_s3_page page;
        status = sbi_check_cancel(s->ctx, s->bucket);
        if (status == SBI_OK) status = fetch_page(s, prefix, token, &page);
        if (status != SBI_OK) break;
        sbi_free(s->ctx, token);
        token = page.token;
        page.token = NULL;
        more = page.truncated;
        status = grid_listing_visit(&page.listing, prefix, each, user);
        grid_s3_page_clear(&page);
    } while (status == SBI_OK && more);
    sbi_free(s->ctx, token);
    return status;
}
