/* SPDX-License-Identifier: Apache-2.0 */
/** @file sbi.h
 * All of libsbi. Each header can also be included alone. */
#ifndef SBI_SBI_H
#define SBI_SBI_H

#include "array.h"
#include "calibration.h"
#include "campaign.h"
#include "columns.h"
#include "context.h"
#include "dataset.h"
#include "distribution.h"
#include "executor.h"
#include "fit.h"
#include "interval.h"
#include "job.h"
#include "limit.h"
#include "model.h"
#include "network.h"
#include "neyman.h"
#include "objective.h"
#include "onnx.h"
#include "ratio.h"
#include "search.h"
#include "shard.h"
#include "status.h"
#include "store.h"
#include "systematics.h"
#include "tape.h"
#include "toy.h"
#include "train.h"
#include "variation.h"
#include "version.h"

#endif
