/* SPDX-License-Identifier: Apache-2.0 */
/* A file with a line of JSON for each epoch of a member, which stays consistent with the member's checkpoints. */
#ifndef SBI_NET_EPOCH_LOG_H
#define SBI_NET_EPOCH_LOG_H

#include "net/trainer.h"

typedef struct sbi_epoch_log sbi_epoch_log;

/* What is known of an epoch beside its history. */
typedef struct sbi_epoch_times {
    double seconds;   /* that it took */
    double events;    /* that were trained on in that time */
    double remaining; /* seconds to the end of this run */
} sbi_epoch_times;

/* Opens `folder`/member-0000.jsonl (the folder is made) for a trainer that has read its checkpoint: lines of epochs that are yet to come,
 * and what follows them, are cut off; those of epochs that are missing are written from the history. `folder` NULL: *out is NULL, which
 * the others take. */
sbi_status sbi_epoch_log_open(sbi_epoch_log **out, const sbi_trainer *t, const char *folder);
/* Appends the epoch that has just ended. A disk that is full or fails is a warning; the line comes with the next. */
void sbi_epoch_log_add(sbi_epoch_log *log, const sbi_trainer *t, const sbi_epoch_times *times);
/* Appends where this attempt diverged. */
void sbi_epoch_log_diverged(sbi_epoch_log *log, const sbi_trainer *t, const char *message);
/* What was appended is on the disk. */
void sbi_epoch_log_sync(sbi_epoch_log *log);
void sbi_epoch_log_close(sbi_epoch_log *log);

#endif
