/* SPDX-License-Identifier: Apache-2.0 */
/* URLs, headers and statuses: what of HTTP is text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "grid/http.h"

char *sbi_http_shown_url(sbi_context *ctx, const char *url)
{
    return sbi_strndup(ctx, url, strcspn(url, "?#"));
}

typedef struct origin {
    const char *scheme, *host, *port;
    size_t scheme_size, host_size, port_size;
} origin;

static int read_origin(origin *o, const char *url)
{
    const char *colon = strstr(url, "://");
    if (!colon) return 0;
    o->scheme = url;
    o->scheme_size = (size_t)(colon - url);
    const char *host = colon + 3, *end = host + strcspn(host, "/?#"), *at = memchr(host, '@', (size_t)(end - host));
    if (at) host = at + 1;
    const char *close = *host == '[' ? memchr(host, ']', (size_t)(end - host)) : NULL;
    const char *from = close ? close : host, *port = memchr(from, ':', (size_t)(end - from));
    o->host = host;
    o->host_size = (size_t)((port ? port : end) - host);
    const int tls = o->scheme_size == 5 && strncasecmp(url, "https", 5) == 0;
    o->port = port && port + 1 < end ? port + 1 : tls ? "443" : "80";
    o->port_size = port && port + 1 < end ? (size_t)(end - port - 1) : strlen(o->port);
    return o->host_size > 0;
}

static int same(const char *a, size_t a_size, const char *b, size_t b_size)
{
    return a_size == b_size && strncasecmp(a, b, a_size) == 0;
}

int sbi_http_same_origin(const char *a, const char *b)
{
    origin x, y;
    return read_origin(&x, a) && read_origin(&y, b) && same(x.scheme, x.scheme_size, y.scheme, y.scheme_size) &&
           same(x.host, x.host_size, y.host, y.host_size) && same(x.port, x.port_size, y.port, y.port_size);
}

void sbi_http_escape(sbi_text *out, const char *text, int keep_slash)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text; text++) {
        if (strchr(plain, *text) || (keep_slash && *text == '/'))
            sbi_text_add(out, text, 1);
        else
            sbi_text_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

int sbi_http_header(const sbi_http_answer *answer, const char *name, char *value, size_t size)
{
    const size_t length = strlen(name);
    for (const char *line = answer->headers.data; line && *line;) {
        const char *end = strchr(line, '\n');
        if (!end) return 0;
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            while (*line == ' ' || *line == '\t') line++;
            const size_t n = (size_t)(end - line);
            if (n >= size) return 0;
            memcpy(value, line, n);
            value[n] = '\0';
            return 1;
        }
        line = end + 1;
    }
    return 0;
}

static sbi_status status_of(int32_t code)
{
    switch (code) {
    case 401:
    case 403: return SBI_ERR_PERMISSION;
    case 404:
    case 410: return SBI_ERR_NOT_FOUND;
    case 405:
    case 501: return SBI_ERR_UNSUPPORTED;
    case 408:
    case 425:
    case 429: return SBI_ERR_TRANSIENT;
    case 409:
    case 412: return SBI_ERR_EXISTS;
    case 413:
    case 507: return SBI_ERR_NO_SPACE;
    case 416: return SBI_ERR_ARGUMENT;
    default: return code >= 500 && code < 600 ? SBI_ERR_TRANSIENT : SBI_ERR_IO;
    }
}

/* The beginning of an answer that is text; pages of HTML say nothing that the code does not. */
static void excerpt(const sbi_http_answer *answer, char text[200])
{
    text[0] = '\0';
    if (!answer->body.size || answer->body.data[0] == '<') return;
    size_t n = 0;
    for (size_t i = 0; i < answer->body.size && n < 198; i++) {
        const unsigned char c = (unsigned char)answer->body.data[i];
        text[n++] = (char)(c < 0x20 || c == 0x7f ? ' ' : c);
    }
    text[n] = '\0';
}

sbi_status sbi_http_status(const sbi_http_answer *answer, const char *what)
{
    char text[200];
    if (answer->code >= 200 && answer->code < 300) return SBI_OK;
    excerpt(answer, text);
    return sbi_fail(status_of(answer->code), "%s: HTTP %d%s%s", what, (int)answer->code, text[0] ? ": " : "", text);
}
