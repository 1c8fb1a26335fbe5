/* SPDX-License-Identifier: Apache-2.0 */
/* Training one member: what jobs/ calls, and the parts that training is made of. */
#ifndef SBI_NET_TRAIN_H
#define SBI_NET_TRAIN_H

#include "io/json.h"
#include "net/dataset.h"
#include "net/network.h"
#include "sbi/train.h"

/* Told how far a member is; any value but 0 stops it with SBI_ERR_CANCELLED, after a checkpoint was written. Called after
 * batches, at most about ten times a second, and at the end. */
typedef struct sbi_train_watch {
    int32_t (*tell)(void *user, double fraction, const char *detail);
    void *user;
} sbi_train_watch;

/* How a member's training ended, beside its network; also where it diverged. */
typedef struct sbi_member_report {
    int32_t attempts;    /* begun: 1, and one more for each retry */
    int32_t epoch;       /* complete; where it diverged: the epoch, from 1, in which it did */
    int64_t batch;       /* from 1, where it diverged; else 0 */
    int64_t parameters;
    int32_t best_epoch;
    int32_t reserved;
    double loss, validation_loss; /* of the best epoch */
    double held_out_loss;         /* of the fold that was left out, with the weights of the best epoch; NaN without folds */
} sbi_member_report;

/* What a training does beside training; all zero for nothing. */
typedef struct sbi_member_run {
    const char *checkpoint; /* as for sbi_member_train() */
    const sbi_train_watch *watch;
    const char *epoch_log; /* folder for `member-0000.jsonl`, made if missing */
    const char *state_in;  /* file of a state to go on from, where there is no checkpoint */
    const char *state_out; /* where the state at the end goes */
    int32_t until;         /* stop after so many epochs of options->epochs; 0: all */
    int32_t reserved;
    sbi_member_report *report; /* filled in on success and where the training diverged */
} sbi_member_run;

/* sbi_member_train() with all of it. */
sbi_status sbi_member_train_run(sbi_network **out, sbi_context *ctx, sbi_dataset *data, const sbi_train_options *options,
                                int32_t member, const sbi_member_run *run);

/* Trains member `member`; `options` was read and checked. @param checkpoint path or NULL: resumed from if it is there, written
 * every checkpoint_seconds and on cancellation, removed at the end. @param watch NULL: progress goes to the context under the
 * stage "train". Sets data in use; several members may be trained at once from one dataset, each in a thread of its own between
 * sbi_parallel_enter() and sbi_parallel_leave(). */
sbi_status sbi_member_train(sbi_network **out, sbi_context *ctx, sbi_dataset *data, const sbi_train_options *options,
                            int32_t member, const char *checkpoint, const sbi_train_watch *watch);

/* Networks with more parameters fill a device, or all threads, each by itself. */
#define SBI_SMALL_PARAMETERS 300000

/* What a member's network will be; `hidden` is the number of values of all hidden layers. Fails as training would. */
typedef struct sbi_network_size {
    int64_t inputs, outputs, hidden, parameters;
} sbi_network_size;
sbi_status sbi_member_size(sbi_network_size *size, const sbi_train_options *options, const sbi_dataset *data);

/* 1 if members of these options with so many inputs and outputs are trained faster side by side, each in one thread, than one after the other by all
 * threads: small networks, which wait for each other's threads at each batch, on the cpu. Their bits are the same either way. */
int sbi_member_is_small(const sbi_train_options *options, int64_t inputs, int64_t outputs);
/* The same for members that are trained on these data; 0 also where the loss does not fit them. */
int sbi_members_are_small(const sbi_train_options *options, const sbi_dataset *data);

/* Reads the caller's options over the defaults and checks every one. */
sbi_status sbi_train_options_read(sbi_train_options *known, const sbi_train_options *user);

/* A field that is part of a network's configuration, by name: what it may be. SBI_ERR_NOT_FOUND for others. */
typedef struct sbi_option_range {
    double low, high; /* both included */
    int32_t integer;
    int32_t reserved;
} sbi_option_range;
sbi_status sbi_train_options_range(const char *name, sbi_option_range *range);
/* Its value; NaN for a name that there is not. */
double sbi_train_options_value(const sbi_train_options *options, const char *name);
/* Sets it. SBI_ERR_ARGUMENT names the field and what was expected. */
sbi_status sbi_train_options_set(sbi_train_options *options, const char *name, double value);
/* Checks options that were set so, as sbi_train_options_read() does. */
sbi_status sbi_train_options_check(const sbi_train_options *options);

/* All options but members, campaign and checkpoint_seconds, which do not change a network. NULL when out of memory. */
json_t *sbi_train_options_to_json(const sbi_train_options *options);
/* The other way; every key must be there, none else. Members, campaign and checkpoint_seconds get their defaults. */
sbi_status sbi_train_options_from_json(sbi_train_options *options, const json_t *json, const sbi_json_place *at);

#endif
