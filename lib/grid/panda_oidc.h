/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of an OIDC provider: the device authorization grant (RFC 8628), refresh tokens (RFC 6749, 6), and the file that keeps them. */
#ifndef SBI_GRID_PANDA_OIDC_H
#define SBI_GRID_PANDA_OIDC_H

#include "grid/config.h"

typedef struct panda_oidc {
    sbi_context *ctx;
    sbi_http *http;
    char *client, *secret, *audience; /* secret and audience may be NULL */
    char *token_url, *device_url;
    int wlcg, reserved; /* its tokens have the profile of WLCG: groups are a scope of their own */
} panda_oidc;

/* Asks the PanDA server who its provider is (/auth/VO_auth_config.json), and the provider for its addresses. panda_oidc_close() whatever the status. */
sbi_status panda_oidc_open(panda_oidc *out, sbi_context *ctx, const grid_config *config, const char *base, const char *vo);
void panda_oidc_close(panda_oidc *oidc);
/* Another ID token for *refresh, which is replaced where the provider gives a new one. SBI_ERR_PERMISSION: the provider refuses it. Tokens are freed by
 * sbi_secret_free(). */
sbi_status panda_oidc_refresh(panda_oidc *oidc, char **token, char **refresh);
/* Tells the user by a warning in the log where to log in with which code, and waits for it. SBI_ERR_PERMISSION: refused, or too late. *refresh may be NULL
 * after it. */
sbi_status panda_oidc_login(panda_oidc *oidc, char **token, char **refresh);

/* The file of tokens, JSON {"id_token", "refresh_token"}, mode 0600. Either may come out NULL. SBI_ERR_NOT_FOUND, SBI_ERR_FORMAT. */
sbi_status panda_token_read(sbi_context *ctx, const char *path, char **token, char **refresh);
sbi_status panda_token_write(sbi_context *ctx, const char *path, const char *token, const char *refresh);

#endif
