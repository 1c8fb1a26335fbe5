/* SPDX-License-Identifier: Apache-2.0 */
/* Members of an ensemble over devices: so many side by side on each, and those of a device that is lost go on on another. */
#ifndef SBI_NET_MEMBER_DEVICES_H
#define SBI_NET_MEMBER_DEVICES_H

#include "net/train.h"

typedef struct sbi_member_devices sbi_member_devices;

/* 1 if a device's name stands for several. */
int sbi_member_devices_are_several(const char *device);
/* Over what sbi_train_options.device names: one device, or a list of them. No more than `each` members at once on a device. */
sbi_status sbi_member_devices_open(sbi_member_devices **out, sbi_context *ctx, const char *device, int32_t each);
void sbi_member_devices_close(sbi_member_devices *devices);
int32_t sbi_member_devices_count(const sbi_member_devices *devices);
/* Sets `each`, before members are trained. */
void sbi_member_devices_limit(sbi_member_devices *devices, int32_t each);

/* How many members of these options are trained fastest side by side on each device, from 1 to SBI_MEMBERS_A_DEVICE: 1 for networks that fill
 * one, else as many as certainly fit in half of its free memory, so that each is trained as it would be alone. Opens every device, and fails
 * as that does. */
#define SBI_MEMBERS_A_DEVICE 8
sbi_status sbi_member_devices_together(int32_t *each, const sbi_member_devices *devices, const sbi_train_options *options, sbi_dataset *data);

/* Trains a member on the device that has the fewest, waiting for a place. If the device fails (SBI_ERR_TRANSIENT) it gets no member any more,
 * and this one goes on elsewhere, from its checkpoint if it has one, else from the start; the status is the last device's where none is
 * left. devices NULL: one of the member's own. May be called by several threads at once. */
sbi_status sbi_member_train_on(sbi_network **out, sbi_context *ctx, sbi_dataset *data, const sbi_train_options *options, int32_t member,
                               const sbi_member_run *run, sbi_member_devices *devices);

#endif
