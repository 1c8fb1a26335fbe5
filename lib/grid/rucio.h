/* SPDX-License-Identifier: Apache-2.0 */
/* Datasets of Rucio as stores: an object is a file of the dataset's scope that is attached to the dataset; its bytes lie in WebDAV storage elements.
 *
 * A file of Rucio is immutable, and its name stands for the same bytes for ever. The server never looks at bytes, and takes a second registration of a name
 * with other bytes for success; so whoever puts compares what is registered with what he has. Attaching to the dataset is the moment at which an object
 * appears: it succeeds once.
 *
 * Sessions.  Userpass and X.509 give a token, which is kept, renewed some minutes before it expires, and once when the server refuses it. An OIDC token is the
 * user's own and read from its file for each request. */
#ifndef SBI_GRID_RUCIO_H
#define SBI_GRID_RUCIO_H

#include <pthread.h>

#include "grid/config.h"
#include "grid/rucio_answers.h"
#include "grid/rucio_names.h"

enum { RUCIO_USERPASS, RUCIO_X509, RUCIO_OIDC };

#define RUCIO_SUSPECTS 64

typedef struct rucio {
    sbi_context *ctx;
    sbi_http *http;    /* the server */
    sbi_http *storage; /* storage elements */
    sbi_store *control; /* objects other than cas/; NULL: Rucio has them all */
    int retries, backoff_ms;
    char *scope, *dataset; /* of the URL */
    char *host, *auth_host; /* "https://host:port" */
    char *account;
    char *before;          /* before each file's name */
    char *rse, *rse_expression, *schemes, *rule;
    int64_t lifetime, copies;
    int read_back;

    /* Session. */
    int auth;
    char *user, *password, *token_file;
    pthread_mutex_t lock;
    char *token;
    int64_t expires_ms;
    unsigned serial;       /* of the token */

    /* Found out. */
    char *chosen;          /* the storage element for writing */
    char *suspects[RUCIO_SUSPECTS]; /* replicas that were damaged */
    unsigned suspect_next;
} rucio;

/* ---- session: rucio_session.c */
/* A copy of a valid token, to be freed by sbi_secret_free(), and its serial. `refused`: the serial of one that the server did not take, or 0. */
sbi_status rucio_token(rucio *r, unsigned refused, char **token, unsigned *serial);
/* Whether credentials may go to a server: https, this machine, or what the user allowed. */
sbi_status rucio_may_tell(const char *url, int allowed);

/* ---- requests: rucio_request.c */
/* `path` begins with "/" and is escaped already. The body is JSON or NULL. The answer is cleared by the caller, after success and failure. An answer that is
 * no success is a status, with the class and message that the server gave. */
sbi_status rucio_send(rucio *r, const char *method, const char *path, const char *body, sbi_http_answer *answer);
/* "/dids/SCOPE/NAME" and what follows. NULL: no memory. */
char *rucio_did_path(rucio *r, const char *name, const char *rest);
/* The context's calls are refused after cancelling. Waits a little before another try; 0: cancelled. */
int rucio_wait(rucio *r, int number);

/* ---- storage: rucio_storage.c */
/* Bytes and sum that a storage element has. `adler` NULL: the size only; else the sum is asked for and, where the server does not tell and read_back
 * is set, the file is read. SBI_ERR_NOT_FOUND. */
sbi_status rucio_storage_look(rucio *r, const char *url, uint64_t *size, uint32_t *adler, int *has_adler);
/* Puts through URL.rucio.upload, which is looked at, then moved. */
sbi_status rucio_storage_put(rucio *r, const char *url, sbi_source *source, const grid_rucio_file *file);
/* http(s):// for dav(s)://. */
char *rucio_storage_url(sbi_context *ctx, const char *pfn);

/* ---- the store's functions */
sbi_status rucio_lookup(rucio *r, const char *object, const char *file, grid_rucio_file *out); /* an object's bytes as registered */
sbi_status rucio_get(rucio *r, const char *object, uint64_t offset, uint64_t length, sbi_sink *sink);
sbi_status rucio_put(rucio *r, const char *object, sbi_source *source, uint64_t size, uint32_t flags);

#endif
