/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/secret.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

#define LARGEST ((size_t)1 << 16)

sbi_status sbi_secret_copy(char **out, sbi_context *ctx, const char *text)
{
    *out = text ? sbi_strdup(ctx, text) : NULL;
    return text && !*out ? SBI_ERR_NO_MEMORY : SBI_OK;
}

sbi_status sbi_secret_read_line(char **out, sbi_context *ctx, const char *path)
{
    void *data;
    size_t size;
    *out = NULL;
    SBI_TRY(sbi_file_read(ctx, path, LARGEST, &data, &size));
    char *text = data;
    const size_t length = strcspn(text, "\r\n");
    sbi_status status = SBI_OK;
    if (length == 0) status = sbi_fail(SBI_ERR_FORMAT, "%s: is empty", path);
    for (size_t i = 0; i < length && status == SBI_OK; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) status = sbi_fail(SBI_ERR_FORMAT, "%s: has a control character", path);
    }
    if (status == SBI_OK) {
        *out = sbi_strndup(ctx, text, length);
        if (!*out) status = SBI_ERR_NO_MEMORY;
    }
    explicit_bzero(data, size);
    sbi_free(ctx, data);
    return status;
}

sbi_status sbi_secret_read_user(char **user, char **password, sbi_context *ctx, const char *path)
{
    *password = NULL;
    SBI_TRY(sbi_secret_read_line(user, ctx, path));
    char *colon = strchr(*user, ':');
    sbi_status status = colon ? sbi_secret_copy(password, ctx, colon + 1) : sbi_fail(SBI_ERR_FORMAT, "%s: expected a line USER:PASSWORD", path);
    if (status == SBI_OK) {
        explicit_bzero(colon, strlen(colon));
        return SBI_OK;
    }
    sbi_secret_free(ctx, *user);
    *user = NULL;
    return status;
}

void sbi_secret_free(sbi_context *ctx, char *secret)
{
    if (!secret) return;
    explicit_bzero(secret, strlen(secret));
    sbi_free(ctx, secret);
}
