/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces that makers of evaluation and training tasks share. */
#ifndef SBI_JOBS_COLUMNS_H
#define SBI_JOBS_COLUMNS_H

#include "io/json.h"
#include "net/dataset.h"
#include "sbi/columns.h"

/* The options, checked; events_a_task is rounded. */
sbi_status sbi_columns_options_read(sbi_columns_options *known, const sbi_columns_options *user);

/* A path that means the same in another working directory; ensemble.c. NULL: out of memory. */
json_t *sbi_jobs_absolute(const char *path);
/* The "data" of a train_member spec; ensemble.c. NULL: out of memory. */
json_t *sbi_jobs_describe_data(const sbi_dataset *data, const char *sha256);

#endif
