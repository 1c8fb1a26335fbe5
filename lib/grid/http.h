/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client of stores and executors, on libcurl.
 *
 * A client holds what all requests to one service have in common: trust, credentials, patience. Any number of threads may use one at once;
 * each request runs on a connection slot of its own (a curl easy and a multi handle), and slots are kept, so connections are used again.
 *
 * Trust.  Certificates and host names are always verified; there is no switch. A self-signed server is reached by naming its CA. Credentials go over
 *   https, or to this machine (localhost, 127.*, [::1]); else SBI_ERR_PERMISSION, before anything is sent, unless `plain_credentials`.
 * Redirects.  Up to 5 are followed, for GET and HEAD by 301, 302, 303, 307, 308, for PUT by 301, 302, 307, 308; never from https to http. At another
 *   scheme, host or port no credential is sent: no token, password, signature, client certificate, and of the request's own headers only Content-Type and
 *   conditions (If-...).
 * Patience.  What fails in passing (no connection, connection lost, too slow, 408, 425, 429, 500, 502, 503, 504) is tried again `retries` times, after a
 *   back-off that doubles, with jitter; Retry-After is honoured up to `retry_after_most_ms`, a longer one ends the request at once. POST and PATCH are repeated
 *   only with SBI_HTTP_REPEATABLE, or where the server cannot have acted (no connection, 429). A download whose bytes went into a sink goes on behind
 *   the last byte, by Range and If-Match. After the last try the answer is given as it is, of which sbi_http_status() makes SBI_ERR_TRANSIENT;
 *   that is also what a request ends with to which no whole answer came.
 * Cancelling.  The context is asked at most 200 ms apart, also while waiting; SBI_ERR_CANCELLED.
 * Secrets.  The client's copies are wiped when it is closed (libcurl has its own, which it frees unwiped). None appears in messages, and queries of URLs are
 *   left out of messages, since pre-signed ones are secrets.
 */
#ifndef SBI_GRID_HTTP_H
#define SBI_GRID_HTTP_H

#include "base/text.h"
#include "sbi/store.h"

typedef struct sbi_http sbi_http;

typedef struct sbi_http_bytes {
    const void *data;
    size_t size;
} sbi_http_bytes;

/* Zero or NULL means the default. All pointers are borrowed for the call of sbi_http_open(). */
typedef struct sbi_http_options {
    const char *ca_file, *ca_folder; /* besides none: these replace the system's CAs */
    sbi_http_bytes ca;               /* PEM */
    const char *cert_file, *key_file; /* PEM; an X.509 proxy is both */
    sbi_http_bytes cert, key;         /* PEM */
    const char *token_file; /* bearer token: the file's first line, read for each request, since tokens rotate */
    const char *token;
    const char *user, *password;  /* Basic */
    const char *sign;             /* "aws:amz:REGION:s3": SigV4, with user and password as key and secret. The request then brings x-amz-content-sha256 */
    const char *session_token;    /* x-amz-security-token */
    const char *user_agent;
    int32_t connect_ms;           /* 20000 */
    int32_t idle_ms;              /* 60000: no byte either way for so long; a request may have its own */
    int32_t slow_bytes, slow_s;   /* 64 bytes/s on average over 60 s is too slow */
    int32_t retries;              /* 5; -1: none */
    int32_t backoff_ms, backoff_most_ms; /* 200, 10000 */
    int32_t retry_after_most_ms;  /* 60000 */
    int32_t plain_credentials;    /* 1: allow credentials over http to other machines */
} sbi_http_options;

sbi_status sbi_http_open(sbi_http **out, sbi_context *ctx, const sbi_http_options *options);
/* NULL is fine. No request may be running. */
void sbi_http_close(sbi_http *http);

#define SBI_HTTP_REPEATABLE 1u   /* a POST or PATCH that may be repeated */
#define SBI_HTTP_NO_CREDENTIAL 2u /* send none: pre-signed URLs */
#define SBI_HTTP_500_IS_FINAL 4u  /* a 500 is not tried again: the server says 500 for what will stay wrong */
#define SBI_HTTP_HEADERS_MAX 16

typedef struct sbi_http_request {
    const char *method; /* "GET", "HEAD", "PUT", ... */
    const char *url;
    const char *headers[SBI_HTTP_HEADERS_MAX]; /* "Name: value", up to the first NULL */
    /* The body: bytes of memory, or a source of body_size bytes. Neither: none. */
    const void *body;
    sbi_source *source;
    uint64_t body_size;
    uint32_t flags;
    int32_t idle_ms; /* 0: the client's */
    /* Where the body of a 2xx answer goes; other answers' bodies, and all where nothing is given, are kept in the answer, up to `limit` bytes (16 MiB;
     * more is SBI_ERR_FORMAT). */
    sbi_sink *sink;
    uint64_t offset, length; /* of the object, for a sink: the Range to ask for. 0, 0: everything */
    const char *version;     /* ETag that a range must belong to, or NULL: the one of the first answer */
    /* Lines instead (for watches): called for each without its end; a line over `limit` is SBI_ERR_FORMAT. Not repeated once a line came. */
    sbi_status (*line)(void *user, const char *line, size_t size);
    void *line_user;
    size_t limit;
} sbi_http_request;

typedef struct sbi_http_answer {
    int32_t code;     /* of the last answer; 0: none came */
    int32_t tries;    /* how often the request was sent: after more than one, an earlier one may have been acted upon */
    uint64_t written; /* bytes given to the sink */
    sbi_text body;    /* NUL-terminated where size > 0 */
    sbi_text headers; /* of the last answer: "name: value\n", names in small letters */
} sbi_http_answer;

/* Sends a request and waits for its answer. SBI_OK means that an answer came, of any code; sbi_http_status() makes a status of it.
 * answer is initialised here, and cleared by sbi_http_answer_clear() after success and failure. A sink is given only bytes of 2xx answers; if the range that
 * came is not the one asked for: SBI_ERR_FORMAT (a 200 for a range that begins at 0 is fine, and for another one the bytes before it are dropped). */
sbi_status sbi_http_send(sbi_http *http, const sbi_http_request *request, sbi_http_answer *answer);
void sbi_http_answer_clear(sbi_http_answer *answer);

/* The value of a header, name in small letters, into `value`; 0 if there is none or it is too long. */
int sbi_http_header(const sbi_http_answer *answer, const char *name, char *value, size_t size);

/* SBI_OK for 2xx. 401, 403: PERMISSION; 404, 410: NOT_FOUND; 409, 412: EXISTS; 405, 501: UNSUPPORTED; 413, 507: NO_SPACE; 408, 425, 429, 5xx: TRANSIENT;
 * 416: ARGUMENT; else IO. The message has `what`, the code and the beginning of a short text answer. */
sbi_status sbi_http_status(const sbi_http_answer *answer, const char *what);

/* For messages: the URL without its query. Freed by sbi_free(). */
char *sbi_http_shown_url(sbi_context *ctx, const char *url);
/* Whether scheme, host and port of two URLs are the same, in small letters and with the schemes' default ports. */
int sbi_http_same_origin(const char *a, const char *b);
/* Percent-encodes all but [A-Za-z0-9-._~] and, if keep_slash, "/". */
void sbi_http_escape(sbi_text *out, const char *text, int keep_slash);

#endif
