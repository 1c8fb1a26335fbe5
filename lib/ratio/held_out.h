/* SPDX-License-Identifier: Apache-2.0 */
/* Ratios of events from the members that did not see them. */
#ifndef SBI_RATIO_HELD_OUT_H
#define SBI_RATIO_HELD_OUT_H

#include "ratio/ratio.h"
#include "sbi/dataset.h"

/* For every event of a side, in the dtype and form of `o`. @param spread may be NULL. SBI_ERR_STATE where the members have no folds, not
 * the same ones, or not all of them. */
sbi_status sbi_held_out_ratios(const sbi_ensemble *ens, const sbi_dataset *data, int32_t side, const sbi_ratio_options *o, void *ratio,
                               void *spread);

#endif
