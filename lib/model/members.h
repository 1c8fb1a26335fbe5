/* SPDX-License-Identifier: Apache-2.0 */
/* The ratios that the members of an ensemble give, as arrays [events, members]. */
#ifndef SBI_MODEL_MEMBERS_H
#define SBI_MODEL_MEMBERS_H

#include "sbi/array.h"
#include "sbi/context.h"

/* SBI_ERR_SHAPE unless there are `n` rows (-1: any number) and `count` members (0: any number from 2 on). */
sbi_status sbi_members_check(const sbi_array *members, const char *name, int64_t n, size_t count);

/* Rows [first, first + n) of member m as ln r (`log`) or r; `logarithms`: what the array holds. SBI_ERR_VALUE names row and member. */
sbi_status sbi_members_read(const sbi_array *members, int32_t logarithms, int32_t log, const char *name, size_t m, int64_t first, int64_t n,
                            double *out);

#endif
