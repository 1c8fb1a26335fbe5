/* SPDX-License-Identifier: Apache-2.0 */
/* The context's side of the pool. */
#ifndef SBI_BASE_POOL_INTERNAL_H
#define SBI_BASE_POOL_INTERNAL_H

#include "sbi/context.h"

/* Joins the threads, if any were started. */
void sbi_pool_destroy(sbi_context *ctx);

#endif
