/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP response: status, a few headers, a body, all in the request's arena. X-Request-ID and
 * the constant security headers are nginx's to add (conf/nginx), for its own errors as for our
 * answers. */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "app/base/json_write.h"

enum { RESPONSE_HEADERS_MAX = 12 };

struct http_header {
    const char *name; /* a literal */
    struct str value;
};

struct http_response {
    int status;
    const char *content_type; /* a literal; NULL without a body */
    struct http_header headers[RESPONSE_HEADERS_MAX];
    size_t header_count;
    struct buf body;
    bool streamed; /* the body may go out in pieces, before it is complete and known to be good */
    bool headers_sent; /* the head and some of it are out */
    size_t body_sent;  /* bytes of the body that are out */
};

/* "OK", "Not Found": the reason phrase of a status that the engine answers, "" for others. */
const char *http_status_reason(int status);

void http_response_init(struct http_response *r, struct arena *arena);
/* Drops what was written, for an answer that turned out otherwise. */
void http_response_clear(struct http_response *r);
/* Values with control characters, or one header too many, are bugs of the caller: the header is
 * left out and false returned. value must live as long as the response. */
bool http_response_header(struct http_response *r, const char *name, struct str value);
/* Status 200 .. and a JSON body begun: the writer stands inside the outermost object. */
void http_response_json(struct http_response *r, int status, struct jw *ret_writer);

#endif
