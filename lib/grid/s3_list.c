/* SPDX-License-Identifier: Apache-2.0 */
/* ListObjectsV2, page by page. */
#include "base/log.h"
#include "base/memory.h"
#include "grid/listing.h"
#include "grid/s3.h"
#include "grid/s3_answers.h"

#define READS 3

static sbi_status fetch_page(grid_s3 *s, const char *prefix, const char *token, grid_s3_page *page)
{
    sbi_text query;
    sbi_http_answer a;
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
    sbi_status status;
    int tries = 0;
    /* What cannot be read may have been damaged on its way. */
    do {
        sbi_http_request r = {.method = "GET"};
        status = grid_s3_send(s, NULL, query.data, &r, NULL, &a);
        if (status == SBI_OK) status = grid_s3_status(s, &a, "(list)");
        if (status == SBI_OK) status = grid_s3_read_page(page, s->ctx, a.body.data, a.body.size, s->prefix, s->bucket);
        sbi_http_answer_clear(&a);
    } while (status == SBI_ERR_FORMAT && ++tries < READS);
    sbi_text_clear(&query);
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
