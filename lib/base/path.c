/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

int sbi_path_exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}

static sbi_status make_one(const char *path)
{
    struct stat s;
    if (mkdir(path, 0777) == 0) return SBI_OK;
    int error = errno;
    if (error == EEXIST && stat(path, &s) == 0 && S_ISDIR(s.st_mode)) return SBI_OK;
    return sbi_fail_errno(error == EEXIST ? ENOTDIR : error, "%s: cannot be made a folder", path);
}

sbi_status sbi_path_make_folder(sbi_context *ctx, const char *path)
{
    char *part = sbi_strdup(ctx, path);
    if (!part) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (char *slash = part + 1; *part && status == SBI_OK && (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (!sbi_path_exists(part)) status = make_one(part);
        *slash = '/';
    }
    if (status == SBI_OK) status = make_one(path);
    sbi_free(ctx, part);
    return status;
}

char *sbi_path_join(sbi_context *ctx, const char *folder, const char *name)
{
    if (name[0] == '/' || folder[0] == '\0') return sbi_strdup(ctx, name);
    const char *separator = folder[strlen(folder) - 1] == '/' ? "" : "/";
    return sbi_strf(ctx, "%s%s%s", folder, separator, name);
}

char *sbi_path_folder(sbi_context *ctx, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return sbi_strdup(ctx, ".");
    return sbi_strndup(ctx, path, slash == path ? 1 : (size_t)(slash - path));
}
