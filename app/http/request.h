/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP request as the web server handed it over. All texts live in the request's arena. Every
 * byte is untrusted, but that `path` is the path by which nginx chose limits and access. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "app/base/str.h"

enum http_method { GET, HEAD, POST, PUT, DELETE, OPTIONS, OTHER_METHOD, HTTP_METHODS };

struct http_request {
    enum http_method method;
    struct str path;  /* up to '?', normalised; empty: none that begins with a slash */
    struct str query; /* behind '?', still encoded */
    struct str content_type;
    struct str authorization;
    struct str request_id;
    struct str traceparent, tracestate;
    struct str idempotency_key;
    struct str api_token; /* dapr-api-token; set only on the sidecar's own listener */
    struct str accept;
    struct str xapi_version; /* X-Experience-API-Version */
    /* ce-…: the attributes of a CloudEvent whose data is the body; as sent, still encoded */
    struct str ce_id, ce_source, ce_specversion, ce_type, ce_subject, ce_time, ce_datacontenttype;
    struct str body;
    bool noncanonical;     /* the path was not sent as it is: encoded, with dots or more slashes */
    bool sidecar;          /* came by the sidecar's listener */
    bool too_large;        /* the body was not read: it is longer than any route allows */
    bool duplicate_header; /* a header that must stand alone came twice */
};

enum http_method http_method_of(struct str name);
const char *http_method_name(enum http_method method);
/* How much of an Accept header is for exactly this media type: 0 (not named, or refused) to 1. */
double http_accept_quality(struct str accept, struct str media_type);
/* The media type of a Content-Type, without its parameters; in any case of letters. */
bool http_media_type_is(struct str content_type, struct str media_type);

#endif
