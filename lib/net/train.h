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

/* Trains member `member`; `options` was read and checked. @param checkpoint path or NULL: resumed from if it is there, written
 * every checkpoint_seconds and on cancellation, removed at the end. @param watch NULL: progress goes to the context under the
 * stage "train". Sets data in use; several members may be trained at once from one dataset, each in a thread of its own between
 * sbi_parallel_enter() and sbi_parallel_leave(). */
sbi_status sbi_member_train(sbi_network **out, sbi_context *ctx, sbi_dataset *data, const sbi_train_options *options,
                            int32_t member, const char *checkpoint, const sbi_train_watch *watch);

/* 1 if members of these options are trained faster side by side, each in one thread, than one after the other by all
 * threads: small networks, which wait for each other's threads at each batch, on the cpu. Their bits are the same either way. */
int sbi_member_is_small(const sbi_train_options *options, const sbi_dataset *data);

/* Reads the caller's options over the defaults and checks every one. */
sbi_status sbi_train_options_read(sbi_train_options *known, const sbi_train_options *user);

/* All options but members, campaign and checkpoint_seconds, which do not change a network. NULL when out of memory. */
json_t *sbi_train_options_to_json(const sbi_train_options *options);
/* The other way; every key must be there, none else. Members, campaign and checkpoint_seconds get their defaults. */
sbi_status sbi_train_options_from_json(sbi_train_options *options, const json_t *json, const sbi_json_place *at);

#endif
