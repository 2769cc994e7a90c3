/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP request as nginx passed it on. All texts are in the arena (the memory of the request).
 * They come from the client and are not to be trusted. nginx has selected rate limit and access by
 * the normalised path. A text that the request does not have is empty, with p NULL. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "app/base/str.h"

enum http_method { GET, HEAD, POST, PUT, DELETE, OPTIONS, OTHER_METHOD, HTTP_METHODS };

struct http_request {
    enum http_method method;
    /* path without the query; normalised, or as it was sent if it is noncanonical */
    struct str path;
    struct str query; /* the part after '?', still encoded */
    struct str content_type;
    struct str authorization;
    struct str request_id;
    struct str traceparent, tracestate;
    struct str idempotency_key;
    struct str api_token; /* dapr-api-token; set only on the sidecar's own listener */
    struct str accept;
    struct str xapi_version;   /* X-Experience-API-Version: xAPI version that the client uses */
    struct str webhook_origin; /* WebHook-Request-Origin: host that wants to send CloudEvents */
    /* ce-... headers: attributes of a CloudEvent whose data is the body; still encoded */
    struct str ce_id, ce_source, ce_specversion, ce_type, ce_subject, ce_time, ce_datacontenttype;
    struct str body;
    /* time at which nginx passed the request on, since the epoch; 0: not known */
    int64_t passed_ms;
    bool noncanonical;     /* nginx normalised dots, double slashes or encoded characters, other
                            * than those of ids that may be encoded (@ : | + = ~) */
    bool sidecar;          /* the request came by the listening socket of Dapr's sidecar */
    bool too_large;        /* the body was not read, because it is longer than any route allows */
    bool duplicate_header; /* the client sent a header twice that may occur once */
};

/* Returns the method with this name, in upper case; OTHER_METHOD for an unknown name. */
enum http_method http_method_of(struct str name);
/* Returns the name of the method in upper case, "OTHER" for an unknown one. */
const char *http_method_name(enum http_method method);
/* Returns the q value (0 to 1) that an Accept header gives to exactly this media type; 0 when the
 * header does not name it. */
double http_accept_quality(struct str accept, struct str media_type);
/* Returns whether a Content-Type header has this media type, in upper or lower case and with any
 * parameters. */
bool http_media_type_is(struct str content_type, struct str media_type);

#endif
