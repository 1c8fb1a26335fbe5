/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/webdav_answers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "grid/xml.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int grid_webdav_decode(char *text)
{
    char *to = text;
    for (; *text; text++) {
        if (*text != '%') {
            *to++ = *text;
            continue;
        }
        const int high = hex_digit(text[1]), low = high < 0 ? -1 : hex_digit(text[2]);
        if (low < 0 || (high == 0 && low == 0)) return 0;
        *to++ = (char)(high << 4 | low);
        text += 2;
    }
    *to = '\0';
    return 1;
}

int grid_webdav_digest(const char *header, uint32_t *adler32)
{
    for (const char *p = header; *p; p++) {
        if (strncasecmp(p, "adler32=", 8) != 0 || (p != header && p[-1] != ',' && p[-1] != ' ')) continue;
        p += 8;
        const size_t n = strspn(p, "0123456789abcdefABCDEF");
        if (!n || n > 8 || (p[n] && p[n] != ',' && p[n] != ' ')) return 0;
        *adler32 = (uint32_t)strtoul(p, NULL, 16);
        return 1;
    }
    return 0;
}

typedef struct reader {
    sbi_context *ctx;
    grid_listing *files, *folders;
    const char *base, *name;
    char *href;
    sbi_store_info info;
    int folder, has_size;
} reader;

static sbi_status take(reader *r)
{
    char *path = r->href;
    if (!path) return sbi_fail(SBI_ERR_FORMAT, "%s: a response without href", r->name);
    if (path[0] != '/') { /* a whole URL: its path */
        char *host = strstr(path, "://");
        path = host ? strchr(host + 3, '/') : NULL;
    }
    if (!path || !grid_webdav_decode(path)) return sbi_fail(SBI_ERR_FORMAT, "%s: an href is malformed", r->name);
    const size_t n = strlen(r->base);
    const int is_base = strncmp(path, r->base, n - 1) == 0 && (path[n - 1] == '\0' || path[n] == '\0');
    if (!is_base && strncmp(path, r->base, n) != 0) return SBI_OK;
    path += is_base ? strlen(path) : n;
    const size_t length = strlen(path);
    if (length && path[length - 1] == '/') {
        path[length - 1] = '\0';
        r->folder = 1;
    }
    if (is_base) r->folder = 1;
    if (!r->folder && !r->has_size) return sbi_fail(SBI_ERR_FORMAT, "%s: a file without getcontentlength", r->name);
    return grid_listing_add(r->folder ? r->folders : r->files, path, &r->info);
}

static sbi_status read_element(void *user, const char *path, const char *text)
{
    reader *r = user;
    static const char root[] = "multistatus/response";
    if (strncmp(path, root, sizeof root - 1) != 0) return SBI_OK;
    path += sizeof root - 1;
    if (strcmp(path, "/href") == 0) {
        sbi_free(r->ctx, r->href);
        const size_t space = strspn(text, " \t\r\n");
        r->href = sbi_strndup(r->ctx, text + space, strcspn(text + space, " \t\r\n"));
        return r->href ? SBI_OK : SBI_ERR_NO_MEMORY;
    }
    if (strcmp(path, "/propstat/prop/getcontentlength") == 0 && text[0]) {
        r->has_size = grid_read_size(text, &r->info.size);
        return r->has_size ? SBI_OK : sbi_fail(SBI_ERR_FORMAT, "%s: getcontentlength is \"%.40s\"", r->name, text);
    }
    if (strcmp(path, "/propstat/prop/getlastmodified") == 0) r->info.modified_ms = grid_date_ms(text);
    if (strcmp(path, "/propstat/prop/resourcetype/collection") == 0) r->folder = 1;
    if (path[0]) return SBI_OK;
    const sbi_status status = take(r);
    sbi_free(r->ctx, r->href);
    r->href = NULL;
    memset(&r->info, 0, sizeof r->info);
    r->folder = r->has_size = 0;
    return status;
}

sbi_status grid_webdav_read(grid_listing *files, grid_listing *folders, const char *data, size_t size, const char *base, const char *name)
{
    reader r = {.ctx = files->ctx, .files = files, .folders = folders, .base = base, .name = name};
    const sbi_status status = grid_xml_read(r.ctx, data, size, name, read_element, &r);
    sbi_free(r.ctx, r.href);
    return status;
}
