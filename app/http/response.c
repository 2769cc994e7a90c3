/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Collects the status, the headers and the body of a response. fcgi/connection writes them to
 * nginx. */
#include "app/http/response.h"

/* The statuses that the engine uses, with their reason phrases (RFC 9110, section 15). */
static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

const char *http_status_reason(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "";
}

void http_response_init(struct http_response *response, struct arena *arena)
{
    response->status = 200;
    response->content_type = NULL;
    response->header_count = 0;
    response->streamed = response->headers_sent = false;
    buf_init(&response->body, arena);
}

/* Resets status, headers and body. streamed, headers_sent and body_sent keep their values, because
 * what the client has already received does not change. */
void http_response_clear(struct http_response *response)
{
    response->status = 200;
    response->content_type = NULL;
    response->header_count = 0;
    /* The body keeps its memory. `failed` is reset: a shorter body may fit where the old one failed
     * to grow. */
    response->body.n = 0;
    response->body.failed = false;
}

/* Returns whether the value has no control characters and is not NULL. A line feed in a value would
 * end the line of its header, and the rest of the value would be read as another header. */
static bool is_header_value(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c < 0x20 || c == 0x7f)
            return false;
    }
    return value.p != NULL;
}

bool http_response_header(struct http_response *response, const char *name, struct str value)
{
    if (response->header_count == RESPONSE_HEADERS_MAX || !is_header_value(value))
        return false;
    response->headers[response->header_count++] = (struct http_header){name, value};
    return true;
}

/* Opens the outermost object, because every JSON response is an object. */
void http_response_json(struct http_response *response, int status, struct jw *ret_writer)
{
    response->status = status;
    response->content_type = "application/json";
    *ret_writer = (struct jw){.out = &response->body};
    jw_object(ret_writer, NULL);
}
