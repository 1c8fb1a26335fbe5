/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about ensembles share. */
#ifndef SBI_FIT_ENSEMBLE_H
#define SBI_FIT_ENSEMBLE_H

#include "model/members.h"
#include "sbi/systematics.h"

/* Defaults for what `given` leaves out, then checks. */
sbi_status sbi_ensemble_options_read(sbi_ensemble_options *options, const sbi_ensemble_options *given);

#endif
