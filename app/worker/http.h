/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP requests to other servers, many at the same time, by libcurl on the event loop of the
 * worker. This file knows nothing of their purpose (publishing events through Dapr, callbacks of
 * batches). */
#ifndef WORKER_HTTP_H
#define WORKER_HTTP_H

#include <curl/curl.h>
#include <ev.h>

#include "app/base/str.h"

/* Bytes of the start of a response that a call retains, with the final NUL. */
enum { HTTP_EXCERPT_SIZE = 256 };

struct http;

/* One HTTP request with its response. */
struct http_call {
    /* Input, set by the caller. What the pointers refer to must live until done is called. */
    const char *url;
    const struct curl_slist *headers;
    struct str body;       /* body of a POST request; p NULL: the request is a GET */
    long timeout_ms;       /* longest time from the start of the call to its end */
    const char *protocols; /* permitted protocols, separated by commas; NULL: http and https */
    const char *ca_file;   /* file of trusted CA certificates; NULL: those of the system */
    size_t response_max;   /* bytes; a longer response body ends the call; 0: no limit */
    /* true for a URL that comes from a client: the call connects only to public addresses
     * (address_is_public), also if the host name resolves to other ones, and its connection is used
     * only once. */
    bool public_only;
    /* Called when the connection is established and nothing was sent yet; returning false cancels
     * the call. May be NULL. */
    bool (*may_send)(struct http_call *call);
    void (*done)(struct http_call *call); /* called when the call is over; may start it again */
    void *owner;                          /* pointer for the caller; http.c does not use it */
    /* Output, valid when done is called. */
    CURLcode result; /* CURLE_OK: a complete response was received */
    /* true: the host has an address that is not public, and because of public_only no connection
     * to that address was made */
    bool address_refused;
    long status;           /* HTTP status of the response; 0: none was received */
    size_t response_bytes; /* bytes of the body that were received, also beyond response_max */
    char excerpt[HTTP_EXCERPT_SIZE]; /* the start of the response's body, NUL-terminated */
    size_t excerpt_n;                /* length of excerpt in bytes, without the NUL */
    /* Internal: the libcurl handle, which the next call of the same struct uses again. A caller
     * that fills in the whole struct again must preserve this field, or release it first
     * (http_call_release). */
    CURL *easy;
};

/* Creates a struct http, with which HTTP calls run on the event loop. connections: how many
 * connections may be open to one host. Returns NULL when out of memory. */
struct http *http_new(struct ev_loop *loop, long connections);
/* Ends running calls without calling their done functions; accepts NULL. Each struct http_call
 * keeps its libcurl handle until http_call_release. */
void http_free(struct http *http);
/* Starts a call. Returns false when out of memory; done is not called in that case. */
bool http_call_begin(struct http *http, struct http_call *call);
/* Appends a header, formatted as by printf, to the list. Returns false when out of memory; the list
 * is unchanged in that case. */
bool http_add_header(struct curl_slist **headers, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Frees the libcurl handle that a call retains for its next start. The call must not be running. */
void http_call_release(struct http_call *call);

#endif
