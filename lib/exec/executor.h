/* SPDX-License-Identifier: Apache-2.0 */
/* What exec/ offers to the other rooms beyond the public headers. */
#ifndef SBI_EXEC_EXECUTOR_H
#define SBI_EXEC_EXECUTOR_H

#include "base/text.h"
#include "sbi/executor.h"

/* Whether `key` is 1 to SBI_TASK_KEY_MAX characters of [a-z0-9-]. */
int sbi_task_key_valid(const char *key);

/* Whether a state is final for its attempt. */
int sbi_task_state_final(int32_t state);

/* Opens an executor that was registered on the context; `built_in` names those that the caller knows besides, for the
 * message of SBI_ERR_NOT_FOUND. */
sbi_status sbi_executor_open_registered(sbi_executor **out, sbi_context *ctx, const char *name, const char *config,
                                        const char *built_in);

/* Keeps in the executor how it was opened, without secrets. config NULL: {}. */
sbi_status sbi_executor_remember(sbi_executor *exec, const char *name, const char *config);
/* The name, or NULL for one that was not opened by name. *complete: nothing was left out of the configuration. */
const char *sbi_executor_recipe(const sbi_executor *exec, const char **config, int *complete);
/* Canonical JSON of a configuration without the members that hold secrets, or may. */
sbi_status sbi_executor_redact(sbi_text *out, const char *config, int *complete);

/* Writes into a sink, with the sink checked. */
sbi_status sbi_sink_write(sbi_sink *sink, const void *data, size_t size);

#endif
