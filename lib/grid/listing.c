/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/listing.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"
#include "base/memory.h"

sbi_status grid_listing_add(grid_listing *l, const char *name, const sbi_store_info *info)
{
    if (l->count == l->capacity) {
        const size_t capacity = l->capacity ? 2 * l->capacity : 64;
        grid_listed *grown = sbi_realloc_array(l->ctx, l->items, capacity, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        l->items = grown;
        l->capacity = capacity;
    }
    char *copy = sbi_strdup(l->ctx, name);
    if (!copy) return SBI_ERR_NO_MEMORY;
    l->items[l->count] = (grid_listed){copy, *info};
    l->items[l->count++].info.struct_size = (uint32_t)sizeof *info;
    return SBI_OK;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const grid_listed *)a)->name, ((const grid_listed *)b)->name);
}

sbi_status grid_listing_visit(grid_listing *l, const char *prefix, sbi_status (*each)(void *user, const char *name, const sbi_store_info *info),
                              void *user)
{
    if (l->count) qsort(l->items, l->count, sizeof *l->items, compare);
    for (size_t i = 0; i < l->count; i++) {
        const char *name = l->items[i].name;
        if (strncmp(name, prefix, strlen(prefix)) != 0 || !grid_name_valid(name)) continue;
        if (i && strcmp(name, l->items[i - 1].name) == 0) continue;
        SBI_TRY(each(user, name, &l->items[i].info));
    }
    return SBI_OK;
}

void grid_listing_clear(grid_listing *l)
{
    for (size_t i = 0; i < l->count; i++) sbi_free(l->ctx, l->items[i].name);
    sbi_free(l->ctx, l->items);
    l->items = NULL;
    l->count = l->capacity = 0;
}

sbi_status grid_refused_range(const sbi_store_info *info, uint64_t offset, uint64_t length, const char *base, const char *name)
{
    if (offset > info->size || length > info->size - offset)
        return sbi_fail(SBI_ERR_ARGUMENT, "%s%s: bytes [%llu, %llu) of %llu were asked for", base, name, (unsigned long long)offset,
                        (unsigned long long)(offset + length), (unsigned long long)info->size);
    return offset == info->size ? SBI_OK : sbi_fail(SBI_ERR_TRANSIENT, "%s%s: a range that is there was refused", base, name);
}

int grid_name_valid(const char *name)
{
    const size_t length = strnlen(name, SBI_STORE_NAME_MAX);
    if (!length || length == SBI_STORE_NAME_MAX) return 0;
    for (;;) {
        const size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
        if (!n || (name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.'))) || (n >= 4 && memcmp(name + n - 4, ".tmp", 4) == 0)) return 0;
        if (!name[n]) return 1;
        if (name[n] != '/') return 0;
        name += n + 1;
    }
}

/* Days from 1970-01-01 of the Gregorian calendar, by years that begin in March. */
static int64_t days(int year, int month, int day)
{
    const int64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

int64_t grid_date_ms(const char *text)
{
    int year, month, day, hour, minute, used = 0;
    double second;
    if (strnlen(text, 40) < 40 && sscanf(text, "%4d-%2d-%2dT%2d:%2d:%lfZ%n", &year, &month, &day, &hour, &minute, &second, &used) == 6 && used &&
        year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 &&
        second < 61)
        return ((days(year, month, day) * 24 + hour) * 60 + minute) * 60000 + (int64_t)(second * 1000);
    const time_t t = strnlen(text, 100) < 100 ? curl_getdate(text, NULL) : -1;
    return t > 0 ? (int64_t)t * 1000 : 0;
}

int grid_read_size(const char *text, uint64_t *out)
{
    const size_t n = strspn(text, "0123456789");
    if (!n || text[n] || n > 18) return 0;
    *out = strtoull(text, NULL, 10);
    return 1;
}

sbi_status grid_unique(char out[33])
{
    unsigned char bytes[16];
    ssize_t n;
    do {
        n = getrandom(bytes, sizeof bytes, 0);
    } while (n < 0 && errno == EINTR);
    if (n != sizeof bytes) return sbi_fail_errno(n < 0 ? errno : EIO, "getrandom");
    for (int i = 0; i < 16; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return SBI_OK;
}
