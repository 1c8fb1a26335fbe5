/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of the data a network was not shown. */
#ifndef SBI_NET_FOLDS_H
#define SBI_NET_FOLDS_H

#include "net/dataset.h"
#include "net/network.h"

typedef struct sbi_network_fold {
    int32_t folds; /* 0: trained without */
    int32_t fold;  /* left out */
    uint64_t seed; /* by which events were given to folds */
} sbi_network_fold;

/* From what the network says of its training. */
sbi_status sbi_network_folds(const sbi_network *net, sbi_network_fold *out);

#endif
