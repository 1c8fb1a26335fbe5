/* SPDX-License-Identifier: Apache-2.0 */
/* Which Kubernetes cluster, and how to prove to it who one is: a kubeconfig file, or what a pod finds in itself.
 *
 * Source: the Config (v1) and ExecCredential (client.authentication.k8s.io/v1, v1beta1) kinds of Kubernetes. */
#ifndef SBI_GRID_KUBECONFIG_H
#define SBI_GRID_KUBECONFIG_H

#include "grid/http.h"
#include "io/json.h"

typedef struct grid_kubeconfig {
    sbi_context *ctx;
    char *server;    /* https://host:port, without a slash at the end */
    char *namespace_;
    char *ca_file, *cert_file, *key_file, *token_file;
    /* The same as bytes: PEM. Keys and tokens are wiped. */
    char *ca, *cert, *key, *token;
    size_t ca_size, cert_size, key_size;
    json_t *exec; /* the program that gives credentials, or NULL */
    char *folder; /* in which relative paths of the file begin */
    int64_t exec_ms; /* how long the program may take; 0: a minute */
} grid_kubeconfig;

/* Finds and reads: the file `path`; else KUBECONFIG; else, in a pod, its service account; else ~/.kube/config. @param context NULL: the file's
 * current one. grid_kubeconfig_clear() whatever the status. Errors: SBI_ERR_NOT_FOUND, SBI_ERR_FORMAT naming the file and the entry,
 * SBI_ERR_UNSUPPORTED (skipping verification, passwords, auth-provider). */
sbi_status grid_kubeconfig_find(grid_kubeconfig *out, sbi_context *ctx, const char *path, const char *context);
/* The text of a kubeconfig file; `folder` is where it lies. */
sbi_status grid_kubeconfig_parse(grid_kubeconfig *out, sbi_context *ctx, const char *text, size_t size, const char *context, const char *folder,
                                 const char *name);
/* What a pod finds: the server in KUBERNETES_SERVICE_HOST and _PORT, its account's token, ca.crt and namespace in `account`. */
sbi_status grid_kubeconfig_of_pod(grid_kubeconfig *out, sbi_context *ctx, const char *account);
void grid_kubeconfig_clear(grid_kubeconfig *config);

/* Runs the program of `exec`, if there is one, and takes its token or certificate. *expires: ms since 1970, 0: it does not say. */
sbi_status grid_kubeconfig_credentials(grid_kubeconfig *config, int64_t *expires);
/* What the program answered: an ExecCredential. */
sbi_status grid_kubeconfig_take_answer(grid_kubeconfig *config, const char *text, size_t size, const char *name, int64_t *expires);

/* The options of a client for this cluster; pointers into the configuration. */
void grid_kubeconfig_http(const grid_kubeconfig *config, sbi_http_options *out);

#endif
