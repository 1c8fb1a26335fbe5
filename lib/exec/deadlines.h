/* SPDX-License-Identifier: Apache-2.0 */
/* Times of numbered things, the earliest first: a binary heap in which each knows its place, so that any can be moved or taken out. */
#ifndef SBI_EXEC_DEADLINES_H
#define SBI_EXEC_DEADLINES_H

#include "sbi/context.h"

typedef struct sbi_deadlines {
    sbi_context *ctx;
    double *when;  /* of each thing */
    size_t *place; /* of each in the heap; SIZE_MAX: it has no time */
    size_t *heap;
    size_t n;
} sbi_deadlines;

/* For things 0 to most-1. Nothing else here can fail. */
sbi_status sbi_deadlines_init(sbi_deadlines *d, sbi_context *ctx, size_t most);
void sbi_deadlines_free(sbi_deadlines *d);
void sbi_deadlines_set(sbi_deadlines *d, size_t index, double when);
void sbi_deadlines_remove(sbi_deadlines *d, size_t index); /* nothing if it has none */
/* Takes out the earliest if its time has come; SIZE_MAX: none has. */
size_t sbi_deadlines_take(sbi_deadlines *d, double now);
/* Seconds from now to the earliest, or `most` if that is less. */
double sbi_deadlines_wait(const sbi_deadlines *d, double now, double most);

#endif
