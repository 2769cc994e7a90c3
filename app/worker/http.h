/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP calls to others, many at a time, by libcurl on the worker's loop. Knows no Dapr. */
#ifndef WORKER_HTTP_H
#define WORKER_HTTP_H

#include <curl/curl.h>
#include <ev.h>

#include "app/base/str.h"

enum { HTTP_EXCERPT_SIZE = 256 };

struct http;

struct http_call {
    /* in; all of it must live until done */
    const char *url;
    const struct curl_slist *headers;
    struct str body;       /* posted; p NULL: a GET */
    long timeout_ms;       /* of all of it */
    const char *protocols; /* NULL: http and https */
    const char *ca_file;   /* NULL: the system's authorities */
    size_t response_max;   /* a longer answer is a failure; 0: any length */
    /* The caller trusts neither the name nor what it stands for: only what address_is_public is
     * connected to, by a connection of its own, whatever the name resolves to. */
    bool public_only;
    /* Looked at when the connection stands and nothing has been sent yet; false calls it off. NULL:
     * no last look. */
    bool (*may_send)(struct http_call *call);
    /* The call is over; it may be begun anew in here. */
    void (*done)(struct http_call *call);
    void *owner;
    /* out */
    CURLcode result;      /* CURLE_OK: there is an answer */
    bool address_refused; /* of public_only */
    long status;
    size_t response_bytes;           /* bytes of the answer so far */
    char excerpt[HTTP_EXCERPT_SIZE]; /* its beginning, NUL-terminated */
    size_t excerpt_n;
    /* own */
    CURL *easy;
};

/* connections: how many to one host at most. NULL without memory. */
struct http *http_new(struct ev_loop *loop, long connections);
void http_free(struct http *http); /* ends what is under way, without telling; takes NULL */
/* False without memory: done is not called then. */
bool http_call_begin(struct http *http, struct http_call *call);
/* Lets go of what a call that is not under way keeps for the next time. */
void http_call_release(struct http_call *call);

#endif
