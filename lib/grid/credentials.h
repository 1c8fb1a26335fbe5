/* SPDX-License-Identifier: Apache-2.0 */
/* Where S3's credentials come from: the environment, else the shared credentials file. */
#ifndef SBI_GRID_CREDENTIALS_H
#define SBI_GRID_CREDENTIALS_H

#include "sbi/context.h"

typedef struct grid_credentials {
    char *key, *secret, *session_token; /* session_token may be NULL */
} grid_credentials;

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; else `profile` (AWS_PROFILE, "default") of the file `path`
 * (AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials). NULL picks what is in parentheses. SBI_ERR_PERMISSION: none there. */
sbi_status grid_credentials_find(grid_credentials *out, sbi_context *ctx, const char *path, const char *profile);
/* The text of such a file: "[profile]" lines and "key = value" lines; "#" and ";" begin comments. SBI_ERR_NOT_FOUND: no such profile, or one without keys. */
sbi_status grid_credentials_parse(grid_credentials *out, sbi_context *ctx, const char *text, size_t size, const char *profile, const char *name);
void grid_credentials_wipe(grid_credentials *c, sbi_context *ctx);

#endif
