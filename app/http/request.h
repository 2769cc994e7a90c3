/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP request as nginx passed it on. All texts live in the request's arena. Every byte is
 * untrusted client text, except that nginx chose limits and access by `path`. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "app/base/str.h"

enum http_method { GET, HEAD, POST, PUT, DELETE, OPTIONS, OTHER_METHOD, HTTP_METHODS };

struct http_request {
    enum http_method method;
    struct str path;  /* without query, normalised by nginx; empty: it did not begin with a slash */
    struct str query; /* the part after '?', still encoded */
    struct str content_type;
    struct str authorization;
    struct str request_id;
    struct str traceparent, tracestate;
    struct str idempotency_key;
    struct str api_token; /* dapr-api-token; set only on the sidecar's own listener */
    struct str accept;
    struct str xapi_version; /* X-Experience-API-Version */
    /* ce-... headers: attributes of a CloudEvent whose data is the body; still encoded */
    struct str ce_id, ce_source, ce_specversion, ce_type, ce_subject, ce_time, ce_datacontenttype;
    struct str body;
    bool noncanonical;     /* the client sent another form of path: encoded, with dots or slashes */
    bool sidecar;          /* came in by the sidecar's listener */
    bool too_large;        /* the body was not read: it is longer than any route allows */
    bool duplicate_header; /* a header that may occur once came twice */
};

/* OTHER_METHOD for an unknown name; names are case-sensitive. */
enum http_method http_method_of(struct str name);
const char *http_method_name(enum http_method method);
/* The q value that an Accept header gives exactly this media type, 0 to 1; 0 when it is not named.
 */
double http_accept_quality(struct str accept, struct str media_type);
/* Compares the media type of a Content-Type, without its parameters and without case. */
bool http_media_type_is(struct str content_type, struct str media_type);

#endif
