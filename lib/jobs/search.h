/* SPDX-License-Identifier: Apache-2.0 */
/* A search of hyper-parameters, as its files share it. */
#ifndef SBI_JOBS_SEARCH_H
#define SBI_JOBS_SEARCH_H

#include "io/json.h"
#include "jobs/job.h"
#include "sbi/campaign.h"
#include "sbi/search.h"

#define SBI_SEARCH_MOST_RUNGS 64
#define SBI_SEARCH_MOST_TRIALS 100000
#define SBI_SEARCH_MOST_TRAININGS 1000000 /* of all members */

/* A member of a trial after its last rung. */
typedef struct sbi_search_member {
    char key[SBI_TASK_KEY_MAX + 1]; /* of the task of its last rung; empty before */
    int32_t attempts, epochs, best_epoch;
    int32_t diverged_epoch; /* 0: it did not */
    int64_t diverged_batch, parameters;
    double loss, validation_loss, held_out_loss;
} sbi_search_member;

typedef struct sbi_search_one {
    sbi_train_options options; /* strings are the search's */
    double *values;            /* [n_ranges] */
    sbi_search_member *members; /* [members] */
    char *folder;              /* for checkpoints and epoch logs, or NULL */
    sbi_job_attachment attachment;
    int32_t state, bracket, rungs, epochs;
    int32_t rank;
    sbi_status status; /* why it failed */
    double loss, spread, score, seconds;
    char message[256];
} sbi_search_one;

/* Trials [first, first + n) that begin together at one of the rungs. */
typedef struct sbi_search_bracket {
    size_t first, n;
    int32_t rung;
    int32_t reserved;
} sbi_search_bracket;

struct sbi_search {
    sbi_context *ctx;
    sbi_train_options base;
    char *campaign_folder, *device, *epoch_log; /* those of base */
    sbi_search_options options; /* its ranges are these: */
    sbi_search_range *ranges;
    size_t n, members;
    sbi_search_one *trials; /* [n] */
    double *values;         /* [n, n_ranges] */
    sbi_search_member *of_members; /* [n, members] */
    int32_t n_rungs, n_brackets;
    int32_t rungs[SBI_SEARCH_MOST_RUNGS]; /* epochs */
    sbi_search_bracket brackets[SBI_SEARCH_MOST_RUNGS];
    const sbi_search_one **order; /* [n]: trials from the best */
    sbi_campaign *campaign;
    char *scratch; /* folder for states where the campaign has none */
    json_t *described; /* the data */
};

/* search_plan.c */
/* Takes the ranges, which were allocated from ctx with names and values, also on failure. */
sbi_status sbi_search_plan(sbi_search **out, sbi_context *ctx, const sbi_train_options *base, const sbi_search_options *options,
                           sbi_search_range *ranges);
void sbi_search_free_ranges(sbi_context *ctx, sbi_search_range *ranges, size_t n);

/* search_rungs.c */
/* Sets rungs, brackets and the number of trials. */
sbi_status sbi_search_make_rungs(sbi_search *s);
/* How many of a bracket's trials are in its k-th rung, from 0. */
size_t sbi_search_quota(const sbi_search *s, const sbi_search_bracket *b, int32_t k);
/* Loss, spread and score of a trial from its members; its state if one diverged. */
void sbi_search_judge(const sbi_search *s, sbi_search_one *one);
/* After rung k of a bracket: the best go on, the others are stopped. */
sbi_status sbi_search_promote(sbi_search *s, const sbi_search_bracket *b, int32_t k);
/* Sets order and ranks. */
void sbi_search_rank(sbi_search *s);

/* search_job.c */
/* What the job of a trial's member left: trial.json of its result. */
sbi_status sbi_search_read_result(sbi_context *ctx, const void *data, size_t size, const char *name, sbi_search_member *m, char message[256]);

/* search_run.c */
sbi_status sbi_search_read_network(const sbi_search *s, size_t trial, size_t member, sbi_network **out);

#endif
