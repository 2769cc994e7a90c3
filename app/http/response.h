/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP response: status, a few headers and a body, all in the arena (the memory of the
 * request). nginx adds X-Request-ID and the constant security headers (conf/nginx), because the
 * errors that nginx itself makes need them too. */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "app/base/json_write.h"

enum { RESPONSE_HEADERS_MAX = 12 };

struct http_header {
    const char *name; /* a string literal */
    struct str value;
};

struct http_response {
    int status;
    const char *content_type; /* media type, a string literal; NULL without a body */
    struct http_header headers[RESPONSE_HEADERS_MAX];
    size_t header_count;
    struct buf body;
    bool streamed;     /* the body may be sent in chunks before it is complete */
    bool headers_sent; /* status and headers of a streamed response were sent and cannot change */
    size_t body_sent;  /* number of bytes of the body that were sent and removed from it */
};

/* Returns the reason phrase of a status that the engine uses ("OK", "Not Found"); "" for others. */
const char *http_status_reason(int status);

/* Sets the response to status 200 without headers and body. The body grows in the arena. */
void http_response_init(struct http_response *response, struct arena *arena);
/* Discards status, headers and body, so that another response can be written. */
void http_response_clear(struct http_response *response);
/* Adds a header. Returns false and adds nothing when the value has control characters or is NULL,
 * and when there are RESPONSE_HEADERS_MAX already. value must live as long as the response. */
bool http_response_header(struct http_response *response, const char *name, struct str value);
/* Sets the status and begins a JSON body: the caller writes members and ends the outermost object.
 */
void http_response_json(struct http_response *response, int status, struct jw *ret_writer);

#endif
