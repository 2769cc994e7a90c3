/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP requests to other servers, many at the same time, by libcurl on the worker's event loop.
 * Knows nothing of Dapr or callbacks. */
#ifndef WORKER_HTTP_H
#define WORKER_HTTP_H

#include <curl/curl.h>
#include <ev.h>

#include "app/base/str.h"

enum { HTTP_EXCERPT_SIZE = 256 };

struct http;

struct http_call {
    /* in; all of it must live until done is called */
    const char *url;
    const struct curl_slist *headers;
    struct str body;       /* of a POST; p NULL: a GET */
    long timeout_ms;       /* from start to end of the call */
    const char *protocols; /* NULL: http and https */
    const char *ca_file;   /* NULL: the certificate authorities of the system */
    size_t response_max;   /* bytes; a longer response ends the call; 0: no limit */
    /* For URLs that come from clients: connects only to public addresses (address_is_public),
     * also if the host name resolves to others, and never uses a connection again. */
    bool public_only;
    /* Called when the connection is established and nothing was sent; false cancels the call. May
     * be NULL. */
    bool (*may_send)(struct http_call *call);
    void (*done)(struct http_call *call); /* the call is over; it may be started again in here */
    void *owner;                          /* of the caller */
    /* out */
    CURLcode result;      /* CURLE_OK: there is a response */
    bool address_refused; /* by public_only */
    long status;          /* HTTP status; 0: none was received */
    size_t response_bytes;
    char excerpt[HTTP_EXCERPT_SIZE]; /* the start of the response's body, NUL-terminated */
    size_t excerpt_n;
    /* internal; a struct that is filled anew must keep it, see http_call_release */
    CURL *easy;
};

/* connections: the most that are opened to one host. Returns NULL without memory. */
struct http *http_new(struct ev_loop *loop, long connections);
/* Ends running calls without calling done; accepts NULL. */
void http_free(struct http *http);
/* Returns false without memory: done is not called then. */
bool http_call_begin(struct http *http, struct http_call *call);
/* Appends a header, formatted as by printf. Returns false without memory; *headers is intact then.
 */
bool http_add_header(struct curl_slist **headers, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Frees what a call that is not running has retained for its next start. */
void http_call_release(struct http_call *call);

#endif
