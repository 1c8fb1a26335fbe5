/* SPDX-License-Identifier: Apache-2.0 */
/* What a task is submitted with: the executor's configuration, and the parameters made of it as prun makes them. */
#ifndef SBI_GRID_PANDA_TASK_H
#define SBI_GRID_PANDA_TASK_H

#include "grid/config.h"

#define PANDA_NAME_SIZE 48 /* "panda-ATTEMPT-" and 24 digits */
#define PANDA_ARRAY_PREFIX "panda-"

/* What the configuration says; strings and JSON are borrowed from it. docs/panda.md has the keys. */
typedef struct panda_options {
    const char *store, *worker_store, *worker, *nickname, *site, *image, *architecture, *processing_type;
    const json_t *store_config, *environment, *task_patch;
    int64_t memory, batch, heartbeat_s, patience_s;
    double cpus, interval_s;
    char store_label[17];
} panda_options;

extern const char *const panda_option_keys[];
sbi_status panda_options_read(panda_options *out, const grid_config *config);

/* What one task is made of, besides. */
typedef struct panda_batch_spec {
    const char *const *keys;
    size_t n;
    int32_t attempt;
    int32_t cores;
    uint64_t memory; /* bytes of one job, 0: no request */
} panda_batch_spec;

/* Follows from store, attempt, resources and keys: the same batch has the same name. The store's list of its keys has it, too. */
void panda_batch_name(const panda_options *o, const panda_batch_spec *batch, char name[PANDA_NAME_SIZE]);
/* "user.NICKNAME.NAME/". Freed by sbi_free(). */
char *panda_task_name(sbi_context *ctx, const panda_options *o, const char *name);
/* The parameters of task/submit. @param sandbox its name in the cache of `source_url`. @param vo may be NULL. */
sbi_status panda_task_parameters(json_t **out, sbi_context *ctx, const panda_options *o, const panda_batch_spec *batch, const char *name, const char *sandbox,
                                 const char *source_url, const char *vo);
/* The program that jobs run, with the arguments NAME ATTEMPT SEQNUMBER. */
sbi_status panda_script(sbi_text *out, const panda_options *o);
#define PANDA_SCRIPT "sbi-run.sh"

#endif
