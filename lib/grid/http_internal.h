/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTP client share. */
#ifndef SBI_GRID_HTTP_INTERNAL_H
#define SBI_GRID_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>

#include "grid/http.h"

/* A place for one request at a time; its connections stay open. */
typedef struct http_slot {
    struct http_slot *next;
    CURL *easy;
    CURLM *multi;
} http_slot;

struct sbi_http {
    sbi_context *ctx;
    sbi_http_options options; /* its pointers lead to copies */
    pthread_mutex_t lock;
    http_slot *idle;
    size_t idle_count;
};

/* A request on its way. */
typedef struct http_transfer {
    sbi_http *http;
    const sbi_http_request *request;
    sbi_http_answer *answer;
    http_slot *slot;
    const char *url;   /* where it goes now */
    int foreign;       /* was sent on to another origin: no credentials */
    int body_touched;  /* the body is to be rewound before it is sent again */
    uint64_t body_at;
    char etag[256];    /* of the object whose first bytes are in the sink */

    /* Of one answer. */
    sbi_status status; /* what a callback failed with */
    int finished;      /* all bytes that were asked for are there, though more come */
    int body_began;
    uint64_t skip;     /* bytes to drop before those asked for */
    uint64_t expected; /* bytes to the sink from this answer; UINT64_MAX: unknown */
    uint64_t received; /* of them */
    int line_given;
    sbi_text line;     /* of which the end has not come */
    int64_t last_ms;   /* when something moved */
} http_transfer;

/* Whether sending the request twice does no harm. */
int sbi_http_repeatable(const sbi_http_request *request);
/* Sends once and waits. *code: libcurl's. A status: what a callback failed with, cancellation, no memory; else SBI_OK with the code to be looked at. */
sbi_status sbi_http_transfer_once(http_transfer *t, CURLcode *code);

#endif
