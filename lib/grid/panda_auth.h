/* SPDX-License-Identifier: Apache-2.0 */
/* Who a client of PanDA is: an ID token from the environment, a file or an OIDC provider, or an X.509 proxy. docs/panda.md. */
#ifndef SBI_GRID_PANDA_AUTH_H
#define SBI_GRID_PANDA_AUTH_H

#include "grid/config.h"

typedef struct panda_auth {
    sbi_context *ctx;
    const grid_config *config;
    const char *base;       /* "https://host:port" of the server */
    const char *vo;         /* NULL: none is said */
    const char *token_file; /* read anew for each request, or NULL */
    const char *proxy;      /* certificate and key, or NULL */
    char *token;            /* of the environment or the provider, or NULL */
    int oidc;               /* 1: the token comes from a provider, and is renewed */
    int interactive;        /* 1: a login may be asked of the user */
    int64_t expires;        /* of that token, seconds since 1970 */
    char *cache;            /* PANDA_CONFIG_ROOT/.token */
} panda_auth;

extern const char *const panda_auth_keys[]; /* of the configuration */

/* What the configuration and the environment say; sends nothing. `base` is borrowed. panda_auth_clear() whatever the status. */
sbi_status panda_auth_find(panda_auth *out, sbi_context *ctx, const grid_config *config, const char *base);
/* A token that is good for 5 minutes and more, where one comes from a provider: from the cache, by its refresh token, or by a login of the user, who is told
 * by a warning in the log where to go, and waited for; only if `may_ask`. SBI_ERR_PERMISSION: no login. *changed: there is another token than before. */
sbi_status panda_auth_renew(panda_auth *auth, int may_ask, int *changed);
void panda_auth_http(const panda_auth *auth, sbi_http_options *out);
void panda_auth_clear(panda_auth *auth);

#endif
