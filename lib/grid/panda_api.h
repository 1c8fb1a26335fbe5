/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a PanDA server, api/v1. */
#ifndef SBI_GRID_PANDA_API_H
#define SBI_GRID_PANDA_API_H

#include "grid/config.h"
#include "grid/panda_answers.h"
#include "grid/panda_auth.h"

/* One client: for one thread, since tokens are renewed in it. */
typedef struct panda_api {
    sbi_context *ctx;
    const grid_config *config;
    panda_auth auth;
    sbi_http *http;
    char *base, *cache; /* "https://host:port" of the server, and of its file server */
    char *origin;       /* the header, or NULL */
    int opened;         /* a user may be asked to log in only while it is being opened */
} panda_api;

extern const char *const panda_api_keys[]; /* of the configuration, besides those of panda_auth_keys */

/* Finds server and credentials; logs in, if need be. panda_api_close() whatever the status. */
sbi_status panda_api_open(panda_api *out, sbi_context *ctx, const grid_config *config);
void panda_api_close(panda_api *api);

/* GET or POST of api/v1/`path`. @param query NULL, or "?..." with its values escaped. @param body of a POST. SBI_OK: the server answered, with success or
 * without it: panda_answer_status() tells. 403: PERMISSION, 5xx: TRANSIENT. panda_answer_clear() whatever the status. */
sbi_status panda_api_call(panda_api *api, const char *method, const char *path, const char *query, const json_t *body, panda_answer *out);
/* The same, with success false as a status. */
sbi_status panda_api_expect(panda_api *api, const char *method, const char *path, const char *query, const json_t *body, panda_answer *out);
#define PANDA_FILE_SIZE 128
/* Puts a gzip file into the server's cache under `name`, unless its content is there under another one, which `name` then becomes. *url: the server that it
 * is on, for sourceURL; freed by sbi_free(). */
sbi_status panda_api_upload(panda_api *api, char name[PANDA_FILE_SIZE], const void *gzip, size_t size, char **url);

#endif
