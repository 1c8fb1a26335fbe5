/* SPDX-License-Identifier: Apache-2.0 */
/* A second executor, as unpleasant as the contract allows: it reorders, delays, repeats itself, fails, loses, preempts, and its
 * calls fail in passing after having done half of their work. One thread; what it does follows from its seed. */
#ifndef SBI_TESTS_EXECUTOR_TOY_H
#define SBI_TESTS_EXECUTOR_TOY_H

#include "exec/local.h"

typedef struct toy_options {
    uint64_t seed;
    double trouble;        /* probability that a call fails in passing */
    double loss;           /* probability that an attempt ends LOST, TRANSIENT, PREEMPTED or OUT_OF_MEMORY */
    double silence;        /* probability that an attempt vanishes without a word */
    double corrupt;        /* probability that a fetched result is found damaged (SBI_ERR_CHECKSUM) */
    int out_for_ever;      /* 1: every call fails in passing */
    sbi_local_runner run;
    void *user;
} toy_options;

sbi_status toy_open(sbi_executor **out, sbi_context *ctx, const toy_options *options);

#endif
