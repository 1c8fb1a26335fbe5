/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-signed URLs: signature version 4 in the query. Names need no encoding, since the store contract allows plain characters only. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "grid/hmac.h"
#include "grid/listing.h"
#include "grid/s3.h"
#include "grid/secret.h"

static void signing_key(const grid_s3 *s, const char *day, unsigned char key[32], char *first, size_t first_size)
{
    snprintf(first, first_size, "AWS4%s", s->credentials.secret);
    grid_hmac_sha256(first, strlen(first), day, strlen(day), key);
    grid_hmac_sha256(key, 32, s->region, strlen(s->region), key);
    grid_hmac_sha256(key, 32, "s3", 2, key);
    grid_hmac_sha256(key, 32, "aws4_request", 12, key);
}

static void add_query(sbi_text *q, const grid_s3 *s, const char *day, const char *time, int64_t seconds)
{
    sbi_text_addf(q, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
    sbi_http_escape(q, s->credentials.key, 0);
    sbi_text_addf(q, "%%2F%s%%2F%s%%2Fs3%%2Faws4_request&X-Amz-Date=%s&X-Amz-Expires=%lld", day, s->region, time, (long long)seconds);
    if (s->credentials.session_token) {
        sbi_text_addf(q, "&X-Amz-Security-Token=");
        sbi_http_escape(q, s->credentials.session_token, 0);
    }
    sbi_text_addf(q, "&X-Amz-SignedHeaders=host");
}

sbi_status grid_s3_presign(char **out, grid_s3 *s, const char *method, const char *name, int64_t seconds, int64_t when)
{
    *out = NULL;
    if (seconds < 1 || seconds > 604800) return sbi_fail(SBI_ERR_ARGUMENT, "a pre-signed URL is valid for 1 to 604800 s, not %lld", (long long)seconds);
    if (!grid_name_valid(name)) return sbi_fail(SBI_ERR_ARGUMENT, "\"%.80s\" cannot be the name of an object", name);
    const time_t t = (time_t)when;
    struct tm tm;
    char date[32], day[16], hex[SBI_SHA256_HEX_SIZE], first[512];
    if (!gmtime_r(&t, &tm) || !strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &tm)) return sbi_fail(SBI_ERR_ARGUMENT, "a time beyond the calendar");
    snprintf(day, sizeof day, "%.8s", date);
    const char *host = strstr(s->base, "://") + 3, *path = host + strcspn(host, "/");
    sbi_text query, canonical, string;
    sbi_text_init(&query, s->ctx);
    sbi_text_init(&canonical, s->ctx);
    sbi_text_init(&string, s->ctx);
    add_query(&query, s, day, date, seconds);
    sbi_text_addf(&canonical, "%s\n%s%s\n%s\nhost:%.*s\n\nhost\nUNSIGNED-PAYLOAD", method, path, name, query.data ? query.data : "", (int)(path - host), host);
    sbi_status status = query.status != SBI_OK ? query.status : canonical.status;
    if (status == SBI_OK) {
        unsigned char key[32];
        sbi_sha256_text(canonical.data, canonical.size, hex);
        sbi_text_addf(&string, "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s", date, day, s->region, hex);
        status = string.status;
        signing_key(s, day, key, first, sizeof first);
        if (status == SBI_OK) grid_hmac_sha256(key, 32, string.data, string.size, key);
        sbi_sha256_hex(key, hex);
        explicit_bzero(key, sizeof key);
        explicit_bzero(first, sizeof first);
    }
    if (status == SBI_OK) {
        *out = sbi_strf(s->ctx, "%s%s?%s&X-Amz-Signature=%s", s->base, name, query.data, hex);
        if (!*out) status = SBI_ERR_NO_MEMORY;
    }
    if (query.data) explicit_bzero(query.data, query.size);
    if (canonical.data) explicit_bzero(canonical.data, canonical.size);
    sbi_text_clear(&query);
    sbi_text_clear(&canonical);
    sbi_text_clear(&string);
    return status;
}
