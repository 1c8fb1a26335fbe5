/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/credentials.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "grid/config.h"
#include "grid/secret.h"

#define LARGEST ((size_t)1 << 20)

void grid_credentials_wipe(grid_credentials *c, sbi_context *ctx)
{
    sbi_secret_free(ctx, c->key);
    sbi_secret_free(ctx, c->secret);
    sbi_secret_free(ctx, c->session_token);
    memset(c, 0, sizeof *c);
}

typedef struct span {
    const char *data;
    size_t size;
} span;

static span trim(span s)
{
    while (s.size && strchr(" \t\r", s.data[0]) && s.data[0]) s.data++, s.size--;
    while (s.size && strchr(" \t\r", s.data[s.size - 1]) && s.data[s.size - 1]) s.size--;
    return s;
}

static int is(span s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

static sbi_status take(char **out, sbi_context *ctx, span value, const char *name, unsigned line)
{
    for (size_t i = 0; i < value.size; i++) {
        if ((unsigned char)value.data[i] < 0x21 || (unsigned char)value.data[i] > 0x7e)
            return sbi_fail(SBI_ERR_FORMAT, "%s: line %u: the value has a character that no credential has", name, line);
    }
    sbi_secret_free(ctx, *out);
    *out = value.size ? sbi_strndup(ctx, value.data, value.size) : NULL;
    return value.size && !*out ? SBI_ERR_NO_MEMORY : SBI_OK;
}

static sbi_status read_line(grid_credentials *out, sbi_context *ctx, span line, int *inside, const char *profile, const char *name, unsigned number)
{
    line = trim(line);
    if (!line.size || line.data[0] == '#' || line.data[0] == ';') return SBI_OK;
    if (line.data[0] == '[') {
        if (line.data[line.size - 1] != ']') return sbi_fail(SBI_ERR_FORMAT, "%s: line %u: \"[\" without \"]\"", name, number);
        *inside = is(trim((span){line.data + 1, line.size - 2}), profile);
        return SBI_OK;
    }
    const char *equals = memchr(line.data, '=', line.size);
    if (!equals) return sbi_fail(SBI_ERR_FORMAT, "%s: line %u: neither \"[profile]\" nor \"key = value\"", name, number);
    if (!*inside) return SBI_OK;
    const span key = trim((span){line.data, (size_t)(equals - line.data)});
    const span value = trim((span){equals + 1, line.size - (size_t)(equals - line.data) - 1});
    char **to = is(key, "aws_access_key_id") ? &out->key : is(key, "aws_secret_access_key") ? &out->secret : is(key, "aws_session_token") ? &out->session_token : NULL;
    return to ? take(to, ctx, value, name, number) : SBI_OK;
}

sbi_status grid_credentials_parse(grid_credentials *out, sbi_context *ctx, const char *text, size_t size, const char *profile, const char *name)
{
    memset(out, 0, sizeof *out);
    sbi_status status = SBI_OK;
    int inside = 0;
    unsigned number = 0;
    for (size_t at = 0; at < size && status == SBI_OK;) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t n = end ? (size_t)(end - text) - at : size - at;
        status = read_line(out, ctx, (span){text + at, n}, &inside, profile, name, ++number);
        at += n + 1;
    }
    if (status == SBI_OK && (!out->key || !out->secret))
        status = sbi_fail(SBI_ERR_NOT_FOUND, "%s: profile \"%.60s\" is not there, or has no aws_access_key_id and aws_secret_access_key", name, profile);
    if (status != SBI_OK) grid_credentials_wipe(out, ctx);
    return status;
}

static sbi_status from_file(grid_credentials *out, sbi_context *ctx, const char *path, const char *profile)
{
    char *owned = NULL;
    if (!path) path = grid_environment("AWS_SHARED_CREDENTIALS_FILE");
    if (!path && grid_environment("HOME")) {
        path = owned = sbi_path_join(ctx, grid_environment("HOME"), ".aws/credentials");
        if (!path) return SBI_ERR_NO_MEMORY;
    }
    if (!profile) profile = grid_environment("AWS_PROFILE");
    void *data = NULL;
    size_t size = 0;
    sbi_status status = path ? sbi_file_read(ctx, path, LARGEST, &data, &size) : SBI_ERR_NOT_FOUND;
    if (status == SBI_ERR_NOT_FOUND)
        status = sbi_fail(SBI_ERR_PERMISSION, "S3: no credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor %s", path ? path : "a file");
    else if (status == SBI_OK)
        status = grid_credentials_parse(out, ctx, data, size, profile ? profile : "default", path);
    if (status == SBI_ERR_NOT_FOUND) status = SBI_ERR_PERMISSION;
    if (data) explicit_bzero(data, size);
    sbi_free(ctx, data);
    sbi_free(ctx, owned);
    return status;
}

sbi_status grid_credentials_find(grid_credentials *out, sbi_context *ctx, const char *path, const char *profile)
{
    memset(out, 0, sizeof *out);
    const char *key = grid_environment("AWS_ACCESS_KEY_ID"), *secret = grid_environment("AWS_SECRET_ACCESS_KEY");
    if (path || profile || !key || !secret) return from_file(out, ctx, path, profile);
    sbi_status status = sbi_secret_copy(&out->key, ctx, key);
    if (status == SBI_OK) status = sbi_secret_copy(&out->secret, ctx, secret);
    if (status == SBI_OK) status = sbi_secret_copy(&out->session_token, ctx, grid_environment("AWS_SESSION_TOKEN"));
    if (status != SBI_OK) grid_credentials_wipe(out, ctx);
    return status;
}
