/* SPDX-License-Identifier: Apache-2.0 */
/* An executor of one's own: tasks as array jobs of Slurm, by its commands. Only public headers of libsbi are used. */
#ifndef SLURM_EXECUTOR_H
#define SLURM_EXECUTOR_H

#include "sbi/sbi.h"

/* Gives the executor the name "slurm" in this context. Its configuration: {"store": URL that all nodes reach (needed), "worker": program on the
 * nodes ("sbi-worker"), "options": [more options of sbatch], "interval": seconds between questions to Slurm (5), "patience": seconds for which
 * Slurm may say nothing of a job that is not done (60)}. */
sbi_status slurm_register(sbi_context *ctx);

/* ---- command.c: programs by name, without a shell ---- */

typedef struct slurm_command {
    char *words[512]; /* owned; NULL at the end */
    int n;
} slurm_command;

/* Adds a word, as printf. More than fit make the command fail. */
void slurm_word(slurm_command *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Runs it and forgets its words. *output is what it printed, to be freed, NULL on failure. SBI_ERR_TRANSIENT: it is not there, or says that it
 * failed: Slurm's controller comes and goes. */
sbi_status slurm_run(slurm_command *c, char **output);

/* ---- state.c: what Slurm says ---- */

/* The state of a task from a word of squeue or sacct and sacct's "CODE:SIGNAL" (NULL: none). *code is the exit code, -1 if it says nothing. */
int32_t slurm_state(const char *word, const char *exit_code, int *code);

#endif
