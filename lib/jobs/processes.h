/* SPDX-License-Identifier: Apache-2.0 */
/* The executor "processes": worker processes of this machine over a store that is a folder. How a task is put into the store is injected. */
#ifndef SBI_JOBS_PROCESSES_H
#define SBI_JOBS_PROCESSES_H

#include "base/text.h"
#include "sbi/job.h"

typedef sbi_status (*sbi_stage_fn)(sbi_context *ctx, sbi_store *store, const sbi_task *task);

typedef struct sbi_processes_options {
    int64_t processes; /* at a time */
    int64_t threads;   /* of each */
    int64_t memory;    /* bytes each may use; 0: what the worker finds */
    int64_t heartbeat; /* seconds */
    int survives;
    int temporary; /* the store is to be removed at the end */
    char *store;   /* folder */
    char *worker;  /* program */
} sbi_processes_options;

/* Reads the configuration and finds what it does not say; sbi_processes_options_clear() whatever the status. */
sbi_status sbi_processes_configure(sbi_processes_options *out, sbi_context *ctx, const char *config);
void sbi_processes_options_clear(sbi_context *ctx, sbi_processes_options *o);

sbi_status sbi_processes_open(sbi_executor **out, sbi_context *ctx, const char *config, sbi_stage_fn stage);

/* ---- process.c: one worker process, known by the file that its supervisor keeps locked ---- */

typedef struct sbi_process_record {
    int32_t attempt;
    int32_t pid;       /* of the process group; 0: the file says nothing */
    int32_t exit_code; /* 128 + signal of one that was killed; -1: not known */
    int32_t oom;       /* killed for want of memory */
    int32_t signal_;
} sbi_process_record;

/* Any bytes are taken: what is no record reads as one that says nothing. */
void sbi_process_parse(sbi_process_record *out, const char *text, size_t size);
/* What the file says, and whether the process lives. */
int sbi_process_look(const char *path, sbi_process_record *out);
/* Starts argv[0]; its output goes to the end of the file `output`. */
sbi_status sbi_process_start(char *const *argv, const char *output, int32_t *pid);

#endif
