/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the API server of a Kubernetes cluster. */
#ifndef SBI_GRID_KUBE_API_H
#define SBI_GRID_KUBE_API_H

#include "grid/config.h"
#include "grid/kubeconfig.h"

/* One client: for one thread, since credentials of a program are renewed in it. */
typedef struct kube_api {
    sbi_context *ctx;
    const grid_config *options; /* of the HTTP client */
    grid_kubeconfig config;
    sbi_http *http;
    int64_t expires; /* of the credentials, ms since 1970; 0: never */
    int64_t refused; /* since when everything has been answered with 403, by sbi_now_ms(); 0: not */
} kube_api;

/* `kubeconfig` and `context` as in grid_kubeconfig_find(). kube_api_close() whatever the status. */
sbi_status kube_api_open(kube_api *out, sbi_context *ctx, const grid_config *options, const char *kubeconfig, const char *context);
void kube_api_close(kube_api *api);

/* Sends `body` (may be NULL) and gives the answer's object, NULL where it has none. Not 2xx: a status, with the message of the server's Status object;
 * 404 is SBI_ERR_NOT_FOUND, 409 SBI_ERR_EXISTS, 422 SBI_ERR_ARGUMENT. @param out may be NULL. @param metadata 1: only the objects' metadata, of a list. */
sbi_status kube_api_call(kube_api *api, const char *method, const char *path, const json_t *body, int metadata, json_t **out);
/* The text of an answer that is no JSON (logs), into a sink. */
sbi_status kube_api_text(kube_api *api, const char *path, sbi_sink *sink);
/* Follows a watch until it ends, an event a call; each takes the event over. A status of each() ends it and is returned. */
sbi_status kube_api_watch(kube_api *api, const char *path, sbi_status (*each)(void *user, json_t *event), void *user);

/* Every item of a list, page by page; each() borrows it. *version: from where a watch goes on; freed by sbi_free(). May be NULL. */
sbi_status kube_api_list(kube_api *api, const char *path, int metadata, sbi_status (*each)(void *user, const json_t *item), void *user, char **version);

#endif
