/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that the caller registered: their evaluation. */
#ifndef SBI_TAPE_FUNCTION_H
#define SBI_TAPE_FUNCTION_H

#include "tape/work.h"

sbi_status sbi_work_applications_create(sbi_tape_work *work);
void sbi_work_applications_destroy(sbi_tape_work *work);

/* Value and the derivatives that the request needs, for an SBI_NODE_APPLY; sets work->outside where the value is +inf. */
sbi_status sbi_work_apply(sbi_tape_work *work, const sbi_scalar_op *op, const sbi_request *request);

/* f, f', f'' of an SBI_NARROW_MAP of a scalar. */
sbi_status sbi_map_scalar(const sbi_tape *tape, const sbi_scalar_op *op, double x, int order, double f[3]);

/* Around a callback, so that a message is known to be its own: keeps the thread's message in `message`
 * [SBI_ERROR_MESSAGE_SIZE] and clears it; puts it back after a success. */
void sbi_callback_begin(char *message);
void sbi_callback_end(const char *message);
/* What a failed callback says, behind the node: its message, if it set one, or its status. */
sbi_status sbi_callback_failed(sbi_status status, const char *where);

#endif
