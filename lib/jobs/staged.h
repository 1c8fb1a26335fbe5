/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the objects that an input with several files was put into a store as: `inputs/HASH.json`, made once, after its objects. They are
 * how staging knows that everything is there, and how a worker finds the files that a workspace names. */
#ifndef SBI_JOBS_STAGED_H
#define SBI_JOBS_STAGED_H

#include "jobs/job.h"
#include "jobs/records.h"

#define SBI_STAGED_NAME_SIZE 96
#define SBI_STAGED_LARGEST ((size_t)64 << 20)

/* Of a data set, by its content checksum; of a workspace, by its own checksum and that of its columns. */
void sbi_staged_data_name(char out[SBI_STAGED_NAME_SIZE], const char *data_sha256);
void sbi_staged_workspace_name(char out[SBI_STAGED_NAME_SIZE], const char *sha256, const char *columns_sha256);

/* {"parts": [...]} of a data set, {"files": {name: object}} of a workspace; checked. SBI_ERR_NOT_FOUND: not staged. */
sbi_status sbi_staged_get(json_t **out, sbi_context *ctx, sbi_store *store, const char *name);
/* Reads such a list. */
sbi_status sbi_staged_read(json_t **out, const char *text, size_t size, const char *name);

/* The parts of the data set that a spec is to name instead of its own; a new reference. */
sbi_status sbi_stage_data(json_t **parts, sbi_context *ctx, sbi_store *store, const sbi_job *job, const sbi_job_attachment *attachment);
/* The workspace, its files and their list. */
sbi_status sbi_stage_workspace(sbi_context *ctx, sbi_store *store, const sbi_job *job);
/* A file whose hash the spec says. @param[out] name of the object. */
sbi_status sbi_stage_file(sbi_store *store, const sbi_job_file *file, char name[SBI_CONTENT_NAME_SIZE]);

#endif
