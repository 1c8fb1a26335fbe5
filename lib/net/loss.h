/* SPDX-License-Identifier: Apache-2.0 */
/* What a training minimises: the kind of loss on the device, the network's outputs, the labels of the events. */
#ifndef SBI_NET_LOSS_H
#define SBI_NET_LOSS_H

#include "net/dataset.h"
#include "sbi/train.h"

typedef struct sbi_loss {
    int32_t kind;    /* SBI_DEVICE_LOSS_... */
    int32_t score;   /* 1: the squared error of the score is added */
    int32_t classes; /* that the outputs tell apart; 0: a regression */
    int32_t reserved;
    int64_t outputs; /* of the network */
    int64_t columns; /* of the labels */
} sbi_loss;

/* Reads the options and checks that the dataset has what the loss needs: SBI_ERR_VALUE, SBI_ERR_UNSUPPORTED. */
sbi_status sbi_loss_choose(sbi_loss *out, const sbi_dataset *data, const sbi_train_options *options);

/* Labels of all events, [n, columns] in the order of training. @param odds weight of the numerator over that of the denominator, as the loss
 * sees them. */
sbi_status sbi_loss_labels(const sbi_loss *loss, const sbi_dataset *data, const sbi_train_options *options, double odds, float *y);

/* Scores of all events, [n, q + 1]: t and 1, or zeros for events that have no part in the score's error. */
sbi_status sbi_loss_scores(const sbi_dataset *data, float *out);

#endif
