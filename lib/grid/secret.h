/* SPDX-License-Identifier: Apache-2.0 */
/* Text that must not outlive its use. */
#ifndef SBI_GRID_SECRET_H
#define SBI_GRID_SECRET_H

#include "sbi/context.h"

/* Copies; NULL gives NULL with SBI_OK. */
sbi_status sbi_secret_copy(char **out, sbi_context *ctx, const char *text);
/* The first line of a file without its end, at most 64 KiB. SBI_ERR_NOT_FOUND, SBI_ERR_FORMAT: empty, or a control character in it. The message names the
 * file only. */
sbi_status sbi_secret_read_line(char **out, sbi_context *ctx, const char *path);
/* A file with a line USER:PASSWORD; SBI_ERR_FORMAT: without a colon. After a failure both are NULL. */
sbi_status sbi_secret_read_user(char **user, char **password, sbi_context *ctx, const char *path);
/* Wipes and frees; NULL is fine. */
void sbi_secret_free(sbi_context *ctx, char *secret);

#endif
