/* SPDX-License-Identifier: Apache-2.0 */
/* Files of jobs: where they are, whether they are the right ones, and how they get out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "jobs/job.h"

char *sbi_job_path(sbi_context *ctx, const sbi_job_place *place, const char *path)
{
    return place->root ? sbi_path_join(ctx, place->root, path) : sbi_strdup(ctx, path);
}

sbi_status sbi_job_open_columns(sbi_column_file **out, sbi_context *ctx, const sbi_job_place *place, const char *path)
{
    *out = NULL;
    if (sbi_streams_have(place->streams, path)) {
        sbi_random_file file;
        SBI_TRY(sbi_streams_open_file(place->streams, path, &file));
        return sbi_column_file_open_on(out, ctx, &file);
    }
    char *here = sbi_job_path(ctx, place, path);
    sbi_status status = here ? sbi_column_file_open(out, ctx, here) : SBI_ERR_NO_MEMORY;
    sbi_free(ctx, here);
    return status;
}

sbi_status sbi_job_verify_file(const char *path, const char *sha256)
{
    char hex[SBI_SHA256_HEX_SIZE];
    SBI_TRY(sbi_sha256_file(path, hex));
    if (strcmp(hex, sha256) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_CHECKSUM, "%s: sha256 is %s, the job says %s", path, hex, sha256);
}

sbi_status sbi_job_scratch(sbi_context *ctx, char **folder, char **path, const char *name)
{
    const char *base = getenv("TMPDIR");
    *path = NULL;
    *folder = sbi_path_join(ctx, base && *base ? base : "/tmp", "sbi-job-XXXXXX");
    if (!*folder) return SBI_ERR_NO_MEMORY;
    if (!mkdtemp(*folder)) {
        sbi_status status = sbi_fail_errno(errno, "%s", *folder);
        sbi_free(ctx, *folder);
        *folder = NULL;
        return status;
    }
    *path = sbi_path_join(ctx, *folder, name);
    if (*path) return SBI_OK;
    sbi_job_scratch_remove(ctx, *folder, NULL);
    *folder = NULL;
    return SBI_ERR_NO_MEMORY;
}

void sbi_job_scratch_remove(sbi_context *ctx, char *folder, char *path)
{
    if (path) unlink(path);
    if (folder) rmdir(folder);
    sbi_free(ctx, path);
    sbi_free(ctx, folder);
}

sbi_status sbi_job_send_file(const char *path, sbi_sink *sink)
{
    sbi_mapping map;
    SBI_TRY(sbi_file_map(&map, path));
    sbi_status status = map.size ? sink->write(sink->user, map.data, map.size) : SBI_OK;
    sbi_file_unmap(&map);
    return status;
}
