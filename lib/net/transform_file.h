/* SPDX-License-Identifier: Apache-2.0 */
/* Transforms in network files. */
#ifndef SBI_NET_TRANSFORM_FILE_H
#define SBI_NET_TRANSFORM_FILE_H

#include "base/sha256.h"
#include "io/npz.h"
#include "net/network.h"

/* Adds two arrays; nothing for NULL. */
sbi_status sbi_transforms_write(const sbi_transforms *t, sbi_npz_writer *w);
/* Adds what counts when evaluating to a digest; nothing for NULL. */
void sbi_transforms_digest(const sbi_transforms *t, sbi_sha256 *h);
/* Gives a network that was just made the transforms of a file, if it has any. */
sbi_status sbi_network_read_transforms(sbi_network *net, const sbi_npz *npz, int64_t features);

#endif
