/* SPDX-License-Identifier: Apache-2.0 */
/* What a job's store tells: heartbeats, commit records, lists of inputs, and the file of a worker process. Any bytes give a status, nothing stays
 * behind, and what was read can be written and read again. */
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "jobs/processes.h"
#include "jobs/records.h"
#include "jobs/staged.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sbi_context *ctx;

static void clean_up(void)
{
    sbi_context_destroy(ctx);
}

static void check(sbi_status status)
{
    if (status != SBI_OK && !sbi_last_error()[0]) abort();
}

static void read_heartbeat(const char *text, size_t size)
{
    sbi_heartbeat beat, again;
    sbi_text written;
    const sbi_status status = sbi_heartbeat_read(&beat, text, size, "heartbeat.json");
    check(status);
    if (status != SBI_OK) return;
    if (memchr(beat.message, '\0', sizeof beat.message) == NULL || memchr(beat.host, '\0', sizeof beat.host) == NULL) abort();
    if (beat.exit_code > 255 || !(beat.progress >= 0 && beat.progress <= 1)) abort();
    sbi_text_init(&written, ctx);
    if (sbi_heartbeat_write(&written, &beat) != SBI_OK) abort();
    if (sbi_heartbeat_read(&again, written.data, written.size, "again") != SBI_OK) abort();
    if (again.exit_code != beat.exit_code || again.time_ms != beat.time_ms || again.peak_memory != beat.peak_memory) abort();
    sbi_text_clear(&written);
}

static void read_commit(const char *text, size_t size)
{
    sbi_commit commit, again;
    sbi_text written;
    const sbi_status status = sbi_commit_read(&commit, text, size, "result.json");
    check(status);
    if (status != SBI_OK) return;
    if (strlen(commit.sha256) != 64) abort();
    sbi_text_init(&written, ctx);
    /* Keys and UUIDs that are cut inside a character are none that a worker wrote, and need not be writable. */
    if (sbi_commit_write(&written, &commit) == SBI_OK) {
        if (sbi_commit_read(&again, written.data, written.size, "again") != SBI_OK) abort();
        if (strcmp(again.sha256, commit.sha256) != 0 || again.size != commit.size) abort();
    }
    sbi_text_clear(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!ctx && (sbi_context_create(&ctx, NULL) != SBI_OK || atexit(clean_up))) abort();
    const char *text = size ? (const char *)data : "";
    json_t *list;
    sbi_process_record process;
    read_heartbeat(text, size);
    read_commit(text, size);
    const sbi_status status = sbi_staged_read(&list, text, size, "inputs");
    check(status);
    if ((status == SBI_OK) != (list != NULL)) abort();
    json_decref(list);
    sbi_process_parse(&process, text, size);
    if (process.pid == 1 || process.pid < 0 || process.exit_code > 255 || process.exit_code < -1) abort();
    return 0;
}
