/* SPDX-License-Identifier: Apache-2.0 */
/* Results: files that are whole or absent, or memory where the campaign has no folder. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "exec/campaign_internal.h"
#include "exec/executor.h"

/* A result on its way in: hashed as it passes. */
typedef struct incoming {
    sbi_sha256 hash;
    uint64_t size;
    sbi_file_writer *file; /* or */
    sbi_text *memory;
    sbi_status status; /* of writing, to tell our failures from the executor's */
} incoming;

static sbi_status take_bytes(void *user, const void *data, size_t size)
{
    incoming *in = user;
    if (in->status != SBI_OK || !size) return in->status;
    sbi_sha256_update(&in->hash, data, size);
    in->size += size;
    if (in->file) {
        in->status = sbi_file_writer_write(in->file, data, size);
    } else {
        sbi_text_add(in->memory, data, size);
        in->status = in->memory->status;
    }
    return in->status;
}

static sbi_status open_incoming(sbi_campaign *c, sbi_campaign_task *t, incoming *in)
{
    memset(in, 0, sizeof *in);
    sbi_sha256_init(&in->hash);
    if (!c->folder) {
        sbi_text_clear(&t->result);
        in->memory = &t->result;
        return SBI_OK;
    }
    char *path = sbi_path_join(c->ctx, c->results, t->key);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_file_writer_open(&in->file, c->ctx, path);
    sbi_free(c->ctx, path);
    return status;
}

sbi_status sbi_campaign_store_fetch(sbi_campaign *c, size_t index, sbi_executor *exec, uint64_t *size,
                                    char sha256[SBI_SHA256_HEX_SIZE], int *local)
{
    sbi_campaign_task *t = c->tasks[index];
    incoming in;
    *local = 1;
    SBI_TRY(open_incoming(c, t, &in));
    sbi_sink sink = {(uint32_t)sizeof sink, 0, take_bytes, &in};
    sbi_status status = sbi_executor_fetch(exec, t->key, &sink);
    *local = status == SBI_OK || in.status != SBI_OK;
    if (status == SBI_OK) status = in.status; /* an executor may forget to hand our failure on */
    if (status == SBI_OK && in.file) {
        status = sbi_file_writer_commit_unsynced(in.file);
        in.file = NULL;
    }
    if (status != SBI_OK) {
        sbi_file_writer_abandon(in.file);
        if (in.memory) sbi_text_clear(in.memory);
        return status;
    }
    unsigned char digest[32];
    sbi_sha256_final(&in.hash, digest);
    sbi_sha256_hex(digest, sha256);
    *size = in.size;
    return SBI_OK;
}

sbi_status sbi_campaign_store_sync(const sbi_campaign *c)
{
    return c->folder ? sbi_file_sync_folder(c->results) : SBI_OK;
}

/* ---- what the folder has --------------------------------------------------------------------------------------- */

static sbi_status reconcile_task(sbi_campaign *c, size_t index)
{
    sbi_campaign_task *t = c->tasks[index];
    char *path = sbi_path_join(c->ctx, c->results, t->key);
    if (!path) return SBI_ERR_NO_MEMORY;
    struct stat s;
    int exists = stat(path, &s) == 0 && S_ISREG(s.st_mode);
    sbi_status status = SBI_OK;
    if (t->phase == SBI_PHASE_DONE && (!exists || (uint64_t)s.st_size != t->size)) {
        sbi_log(c->ctx, SBI_LOG_WARNING, "%s: %s; the task is run again", path,
                exists ? "the size is not that in the journal" : "the result has gone");
        unlink(path);
        status = sbi_campaign_record_undone(c, index);
    } else if (t->phase != SBI_PHASE_DONE && exists && t->attempt > 0) {
        /* Renamed into place and therefore whole, but the client died before it could say so. */
        char sha256[SBI_SHA256_HEX_SIZE];
        status = sbi_sha256_file(path, sha256);
        if (status == SBI_OK) status = sbi_campaign_record_done(c, index, (uint64_t)s.st_size, sha256);
    }
    sbi_free(c->ctx, path);
    return status;
}

/* Halves that a killed client left. Nobody else writes here: we hold the lock. */
static void remove_halves(sbi_campaign *c)
{
    DIR *folder = opendir(c->results);
    if (!folder) return;
    for (struct dirent *e = readdir(folder); e; e = readdir(folder)) {
        size_t n = strlen(e->d_name);
        if (n > 4 && strcmp(e->d_name + n - 4, ".tmp") == 0) unlinkat(dirfd(folder), e->d_name, 0);
    }
    closedir(folder);
}

sbi_status sbi_campaign_store_reconcile(sbi_campaign *c)
{
    if (!c->folder) return SBI_OK;
    remove_halves(c);
    for (size_t i = 0; i < c->n_tasks; i++) SBI_TRY(reconcile_task(c, i));
    return SBI_OK;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static sbi_status not_done(const sbi_campaign_task *t)
{
    return sbi_fail(SBI_ERR_STATE, "task %s is not done: %s", t->key, sbi_task_state_name(t->state));
}

sbi_status sbi_campaign_result_size(const sbi_campaign *c, const char *key, uint64_t *size)
{
    size_t index;
    SBI_REQUIRE(size, "sbi_campaign_result_size: size is NULL");
    SBI_TRY(sbi_campaign_index(c, key, &index));
    if (c->tasks[index]->phase != SBI_PHASE_DONE) return not_done(c->tasks[index]);
    *size = c->tasks[index]->size;
    return SBI_OK;
}

static sbi_status check_content(const sbi_campaign_task *t, const char *path, const void *data, size_t size)
{
    char sha256[SBI_SHA256_HEX_SIZE];
    sbi_sha256_text(data, size, sha256);
    if (size == t->size && memcmp(sha256, t->sha256, sizeof sha256) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_CHECKSUM, "%s: sha256 is %s, the journal says %s", path, sha256, t->sha256);
}

/* A result that is not what it was counts as never made. */
static sbi_status disown(sbi_campaign *c, size_t index, const char *path, sbi_status why)
{
    if (c->options.read_only) return why;
    char message[512];
    snprintf(message, sizeof message, "%s", sbi_last_error());
    unlink(path);
    SBI_TRY(sbi_campaign_record_undone(c, index));
    SBI_TRY(sbi_journal_flush(&c->journal, 1));
    return sbi_fail(why, "%s", message);
}

static sbi_status read_result(sbi_campaign *c, size_t index, const char *path, sbi_sink *sink)
{
    sbi_mapping map;
    sbi_status status = sbi_file_map(&map, path);
    if (status == SBI_ERR_NOT_FOUND) return disown(c, index, path, status);
    if (status != SBI_OK) return status;
    status = check_content(c->tasks[index], path, map.data, map.size);
    if (status == SBI_OK)
        status = sbi_sink_write(sink, map.data, map.size);
    else
        status = disown(c, index, path, status);
    sbi_file_unmap(&map);
    return status;
}

sbi_status sbi_campaign_result(sbi_campaign *c, const char *key, sbi_sink *sink)
{
    size_t index;
    SBI_REQUIRE(sink && sink->write, "sbi_campaign_result: there is no sink");
    SBI_TRY(sbi_campaign_index(c, key, &index));
    sbi_campaign_task *t = c->tasks[index];
    if (t->phase != SBI_PHASE_DONE) return not_done(t);
    if (!c->folder) return sbi_sink_write(sink, t->result.data, t->result.size);
    char *path = sbi_path_join(c->ctx, c->results, key);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = read_result(c, index, path, sink);
    sbi_free(c->ctx, path);
    return status;
}
