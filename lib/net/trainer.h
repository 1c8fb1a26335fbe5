/* SPDX-License-Identifier: Apache-2.0 */
/* A training in progress. Only the files of training look inside. */
#ifndef SBI_NET_TRAINER_H
#define SBI_NET_TRAINER_H

#include "net/loss.h"
#include "net/score.h"
#include "net/train.h"

/* Where training stands, between two batches: with the arrays, all that a checkpoint holds. */
typedef struct sbi_train_state {
    int32_t epoch;       /* from 0; epochs that are complete */
    int32_t best_epoch;  /* from 1; 0: none yet */
    int32_t bad_epochs;  /* since the validation loss was last better */
    int32_t flat_epochs; /* the same for the plateau schedule, counted anew after each drop of the rate */
    int64_t batch;       /* of this epoch, done */
    int64_t step;        /* optimiser steps done */
    int64_t averaged;    /* of which so many are in the average */
    double mu_product;   /* NAdam */
    double plateau_factor, plateau_best;
    double best_loss;       /* what `patience` looks at */
    double best_train_loss; /* of the best epoch */
    double loss_sum;        /* of this epoch so far */
    double norm_max;        /* of this epoch so far */
} sbi_train_state;

/* Where a training diverged. */
typedef struct sbi_divergence {
    int32_t epoch; /* from 1 */
    int32_t reserved;
    int64_t batch; /* from 1 */
} sbi_divergence;

/* Memory in which some rows of a batch go forward and back. */
typedef struct sbi_lane {
    float *memory;
    float *x, *y, *w;             /* gathered rows, labels, weights, */
    float *t;                     /* scores; NULL without */
    float *h[SBI_MLP_MAX_LAYERS]; /* outputs of the layers, the last the logits */
    float *d[SBI_MLP_MAX_LAYERS]; /* derivatives of their activations */
    float *n[SBI_MLP_MAX_LAYERS]; /* normalised rows, and what they were multiplied by; NULL without normalisation */
    float *r[SBI_MLP_MAX_LAYERS];
    float *dz[2];
    float *dh; /* gradient of the output of a residual block, until its input is reached; NULL without blocks */
    float *grads; /* [mlp.n] */
    float *score; /* memory of an sbi_score; NULL without */
} sbi_lane;

#define SBI_MAX_LANES 16
#define SBI_LANE_PARAMETERS SBI_SMALL_PARAMETERS /* networks with more do not use lanes */
#define SBI_MAX_PENDING 64

typedef struct sbi_trainer {
    sbi_context *ctx;
    sbi_dataset *data;
    const sbi_train_options *options;
    int32_t member;
    uint64_t seed; /* of the member */
    sbi_device device;
    sbi_mlp mlp;
    sbi_loss loss;
    const sbi_dataset_pack *pack;
    char checksum[72]; /* of the dataset */

    const float *x;           /* table of all events on the device: inputs */
    float *x_there;           /* the same, or NULL where it is the packed events' */
    float *y, *w;             /* tables of all events on the device: labels [n, loss.columns], weights */
    float *scores;     /* [n, q + 1] of all events, here; NULL without */
    float *score_rate; /* [q] d input / d theta */
    uint32_t *train, *valid;
    int64_t n_train, n_valid, n_batches;
    uint32_t *order; /* of the events of this epoch */
    /* The same on the device, and the events of the batch that runs; on a host device the first two are the host's. */
    uint32_t *order_there, *valid_there, *index;
    /* Where the device has no room for all events, a batch's are brought there: x is [lane_rows, d], rows counted by `count_up`. */
    float *staged;
    uint32_t *count_up;

    float *params, *m, *v, *best; /* [mlp.n] */
    float *average;               /* of params; NULL without averaging */
    float *grads;                 /* [lanes, mlp.n] */
    double *losses; /* of a batch: [lanes, chunks] sums, then the sum of squares of the gradient; n_losses in all */
    int64_t n_losses;
    /* Batches whose losses the host has not looked at: only a host device is waited for after each. */
    double *kept;      /* [SBI_MAX_PENDING, n_losses] on the device; NULL on a host device */
    double *kept_host; /* the same here */
    int64_t pending, pending_rows[SBI_MAX_PENDING];
    void *program[2]; /* of a full batch, forward only and forward and back, where the device can record */
    int32_t ran[2];   /* full batches of each that ran without */
    int64_t page_faults; /* of this process that had to wait for a disk, when last looked */
    int64_t reading_ahead; /* of so many events that follow */
    uint32_t *mask_key; /* [2] on the device: of the dropout of this step; NULL without dropout */
    sbi_lane lanes[SBI_MAX_LANES];
    int32_t in_turn;                  /* 1: lanes run one after another, in the memory of the first */
    int32_t reserved;
    int64_t n_lanes, lane_rows;       /* of a full batch */
    int64_t chunk_rows, n_chunks;     /* a lane goes through its rows in chunks */

    sbi_train_state state;
    double *history; /* [options->epochs, SBI_HISTORY_COLUMNS] */

    int32_t until;   /* epochs at which this run stops */
    int32_t attempt; /* from 0: how often the training diverged and began anew */
    sbi_divergence *diverged; /* [options->retries + 1], of which `attempt` are past; the next one is filled in as it happens */
    int64_t n_fold;  /* events of the fold left out; in `valid`, behind its n_valid */
    double fold_loss; /* mean over them, with the best weights; NaN without folds and until the end */
} sbi_trainer;

/* attempts.c: divergence, and beginning anew with a lower rate. */
sbi_status sbi_attempts_make(sbi_trainer *t);
/* The schedule's rate at this point of this attempt. */
double sbi_trainer_rate(const sbi_trainer *t, const sbi_train_state *at);
/* Adds what there was to meta.json of a checkpoint, and reads it; a checkpoint without it is one of the first attempt. */
sbi_status sbi_attempts_to_json(const sbi_trainer *t, json_t *meta);
sbi_status sbi_attempts_from_json(sbi_trainer *t, const json_t *meta, const sbi_json_place *at);

/* folds.c */
/* Mean loss over the fold that was left out, with the best weights, which take the place of t->params. NaN without folds. */
sbi_status sbi_trainer_fold_loss(sbi_trainer *t, double *loss);

/* events.c: which events are trained on, with which weights; the order of an epoch. */
sbi_status sbi_trainer_prepare_events(sbi_trainer *t);
sbi_status sbi_trainer_shuffle(sbi_trainer *t);

/* read_ahead.c: asks the system for the events that come next in a list, where packed events lie in a file and did not stay in memory. */
void sbi_trainer_read_ahead(sbi_trainer *t, const uint32_t *list, int64_t next, int64_t n);

/* step.c */
sbi_status sbi_trainer_make_lanes(sbi_trainer *t);
void sbi_trainer_free_lanes(sbi_trainer *t);
/* Forward and back over `rows` events of the epoch's order; leaves the gradient of the mean loss in t->grads, and one batch more
 * pending: its losses and the norm of its gradient are read by sbi_trainer_settle(). */
sbi_status sbi_trainer_gradient(sbi_trainer *t, int64_t first, int64_t rows);
/* Forward only, over validation events; the sum of their losses. */
sbi_status sbi_trainer_loss(sbi_trainer *t, int64_t first, int64_t rows, double *loss);

/* pending.c */
/* Reads what is pending into loss_sum and norm_max of the state; SBI_ERR_DIVERGED names the first batch with a NaN or infinity. */
sbi_status sbi_trainer_settle(sbi_trainer *t);
sbi_status sbi_trainer_diverged(sbi_trainer *t, int64_t batch, const char *what, double value);
/* The sum of the losses of a batch, in order, from `losses` as a pass left them. */
double sbi_trainer_sum_losses(const sbi_trainer *t, const double *losses, int64_t rows);

/* optimiser.c */
/* One step with the gradient that is in t->grads, clipped by the norm that is behind t->losses, and what it adds to the average. */
sbi_status sbi_trainer_update(sbi_trainer *t, double rate);
/* The parameters that validation and the result use. Where there is no average yet its place has the parameters as they are. */
float *sbi_trainer_judged(const sbi_trainer *t);
sbi_status sbi_trainer_prepare_average(sbi_trainer *t);
double sbi_schedule_rate(const sbi_train_options *o, const sbi_train_state *s, int64_t n_batches);

/* checkpoint.c */
sbi_status sbi_checkpoint_save(sbi_trainer *t, const char *path);
/* The same where training can go on without: a full or failing disk is a warning, and the next checkpoint is tried at its time. */
sbi_status sbi_checkpoint_try(sbi_trainer *t, const char *path);
/* SBI_ERR_NOT_FOUND if there is no file. */
sbi_status sbi_checkpoint_load(sbi_trainer *t, const char *path);

#endif
