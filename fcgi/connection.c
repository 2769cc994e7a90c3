/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fcgi/connection.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BODY_MAX = 4 << 20,
    HEAD_ROOM = 1024,
    FCGI_HEADER_SIZE = 8,
    FCGI_VERSION = 1,
    FCGI_TYPE_BEGIN = 1,
    FCGI_TYPE_END = 3,
    FCGI_TYPE_STDOUT = 6,
    FCGI_END_SIZE = 8,
};

void connection_init(struct connection *c, int fd)
{
    memset(c, 0, sizeof(*c));
    (void)FCGX_InitRequest(&c->request, -1, 0);
    c->request.ipcFd = fd;
    c->request.keepConnection = 1;
}

/* Not by libfcgi, which would wait for the peer to close as well (hazards F5): nothing is owed. */
void connection_close(struct connection *c)
{
    if (c->request.ipcFd >= 0) {
        (void)close(c->request.ipcFd);
        c->request.ipcFd = -1;
        FCGX_Free(&c->request, 0);
    }
    c->state = CONNECTION_CLOSED;
}

/* The first record of a connection must begin a request. libfcgi overruns its stack on management
 * records (hazards F8), so nothing else is let through to it. */
static bool begins_a_request(int fd)
{
    unsigned char header[FCGI_HEADER_SIZE];
    ssize_t n = recv(fd, header, sizeof(header), MSG_PEEK);

    return n == FCGI_HEADER_SIZE && header[0] == FCGI_VERSION && header[1] == FCGI_TYPE_BEGIN &&
           (header[2] != 0 || header[3] != 0);
}

/* ---- parameters ---- */

struct parameters {
    struct str uri, normalised_uri, length;
};

static const struct {
    struct str name;
    size_t into; /* offset in struct http_request; in struct parameters where `own` */
    bool own;
    bool alone; /* a header that must not come twice (hazards F13) */
} parameter_table[] = {
    /* clang-format off */
    {STR_INIT("REQUEST_URI"),            offsetof(struct parameters, uri), true, true},
    {STR_INIT("DOCUMENT_URI"),           offsetof(struct parameters, normalised_uri), true, true},
    {STR_INIT("CONTENT_LENGTH"),         offsetof(struct parameters, length), true, true},
    {STR_INIT("CONTENT_TYPE"),           offsetof(struct http_request, content_type), false, true},
    {STR_INIT("HTTP_AUTHORIZATION"),     offsetof(struct http_request, authorization), false, true},
    {STR_INIT("REQUEST_ID"),             offsetof(struct http_request, request_id), false, true},
    {STR_INIT("HTTP_TRACEPARENT"),       offsetof(struct http_request, traceparent), false, false},
    {STR_INIT("HTTP_TRACESTATE"),        offsetof(struct http_request, tracestate), false, false},
    {STR_INIT("HTTP_IDEMPOTENCY_KEY"),   offsetof(struct http_request, idempotency_key), false, true},
    {STR_INIT("HTTP_DAPR_API_TOKEN"),    offsetof(struct http_request, api_token), false, true},
    {STR_INIT("HTTP_ACCEPT"),            offsetof(struct http_request, accept), false, false},
    {STR_INIT("HTTP_X_EXPERIENCE_API_VERSION"), offsetof(struct http_request, xapi_version), false, true},
    {STR_INIT("HTTP_CE_ID"),             offsetof(struct http_request, ce_id), false, true},
    {STR_INIT("HTTP_CE_SOURCE"),         offsetof(struct http_request, ce_source), false, true},
    {STR_INIT("HTTP_CE_SPECVERSION"),    offsetof(struct http_request, ce_specversion), false, true},
    {STR_INIT("HTTP_CE_TYPE"),           offsetof(struct http_request, ce_type), false, true},
    {STR_INIT("HTTP_CE_SUBJECT"),        offsetof(struct http_request, ce_subject), false, true},
    {STR_INIT("HTTP_CE_TIME"),           offsetof(struct http_request, ce_time), false, true},
    {STR_INIT("HTTP_CE_DATACONTENTTYPE"), offsetof(struct http_request, ce_datacontenttype), false, true},
    /* clang-format on */
};
enum { PARAMETERS = sizeof(parameter_table) / sizeof(parameter_table[0]) };

/* Where the value of the parameter belongs; NULL: nobody asks for it. */
static struct str *place_of(struct str name, struct http_request *r, struct parameters *own,
                            bool *ret_alone)
{
    for (size_t i = 0; i < PARAMETERS; i++) {
        char *base = parameter_table[i].own ? (char *)own : (char *)r;

        if (!str_equal(name, parameter_table[i].name))
            continue;
        *ret_alone = parameter_table[i].alone;
        return (struct str *)(void *)(base + parameter_table[i].into);
    }
    return NULL;
}

static void take_parameter(struct http_request *r, struct parameters *own, const char *text)
{
    struct str value = str_of(text), name = str_cut(&value, '=');
    bool alone = false;
    struct str *place;

    if (str_equal(name, STR("REQUEST_METHOD"))) {
        r->method = http_method_of(value);
        return;
    }
    if (str_equal(name, STR("MASTERY_LISTENER"))) {
        r->sidecar = str_equal(value, STR("sidecar"));
        return;
    }
    place = place_of(name, r, own, &alone);
    if (!place)
        return;
    if (place->p && alone)
        r->duplicate_header = true;
    else
        *place = value;
}

/* The path counts by which nginx chose the location. One that was sent in another form is marked:
 * two readings of one address could be played against each other (hazards N10). */
static void take_path(struct http_request *r, const struct parameters *own)
{
    struct str rest = own->uri, path = str_cut(&rest, '?');

    r->query = rest;
    r->path = own->normalised_uri;
    r->noncanonical = !str_equal(path, r->path);
}

/* ---- body ---- */

static bool read_body(struct connection *c, struct arena *arena, size_t n)
{
    struct http_request *r = &c->exchange.request;
    char *body = arena_alloc(arena, n + 1);

    if (!body || FCGX_GetStr(body, (int)n, c->request.in) != (int)n)
        return false;
    body[n] = '\0';
    r->body = (struct str){body, n};
    return true;
}

/* To its end, though nothing more may come: only then is the connection free for the next request.
 */
static bool at_end(struct connection *c)
{
    char one;

    return FCGX_GetStr(&one, 1, c->request.in) == 0 && FCGX_GetError(c->request.in) == 0;
}

static bool take_body(struct connection *c, struct arena *arena, struct str length)
{
    int64_t n = 0;

    if (length.n > 0 && !str_to_int64(length, 0, INT64_MAX, &n))
        return false;
    if (n > BODY_MAX) {
        c->exchange.request.too_large = true;
        c->request.keepConnection = 0;
        return true;
    }
    return (n == 0 || read_body(c, arena, (size_t)n)) && at_end(c);
}

enum connection_event connection_read(struct connection *c, struct arena *arena)
{
    struct parameters own = {0};
    struct exchange *x = &c->exchange;

    /* parameters that were cut short look whole to libfcgi: only the error tells (hazards F2) */
    if ((!c->first_record_ok && !begins_a_request(c->request.ipcFd)) ||
        FCGX_Accept_r(&c->request) != 0 || FCGX_GetError(c->request.in) != 0) {
        connection_close(c);
        return CONNECTION_LOST;
    }
    c->first_record_ok = true;
    memset(x, 0, sizeof(*x));
    x->arena = arena;
    x->connection = c;
    buf_init(&c->response_head, arena);
    (void)buf_reserve(&c->response_head, HEAD_ROOM);
    x->request.method = OTHER_METHOD;
    for (char **p = c->request.envp; *p; p++)
        take_parameter(&x->request, &own, *p);
    take_path(&x->request, &own);
    if (!take_body(c, arena, own.length)) {
        connection_close(c);
        return CONNECTION_LOST;
    }
    c->state = CONNECTION_BUSY;
    return CONNECTION_REQUEST;
}

/* ---- answer ---- */

/* whole: the body is complete. */
static void write_head(struct buf *head, const struct http_response *r, bool whole)
{
    buf_text(head, "Status: ");
    buf_int(head, r->status);
    buf_char(head, ' ');
    buf_text(head, http_status_reason(r->status));
    if (r->content_type) {
        buf_text(head, "\r\nContent-Type: ");
        buf_text(head, r->content_type);
    }
    if (r->status != 204 && whole) {
        buf_text(head, "\r\nContent-Length: ");
        buf_int(head, (int64_t)r->body.n);
    }
    for (size_t i = 0; i < r->header_count; i++) {
        buf_text(head, "\r\n");
        buf_text(head, r->headers[i].name);
        buf_text(head, ": ");
        buf_str(head, r->headers[i].value);
    }
    buf_text(head, "\r\n\r\n");
}

static bool put_head(struct connection *c, bool whole)
{
    write_head(&c->response_head, &c->exchange.response, whole);
    return !c->response_head.failed &&
           FCGX_PutStr(c->response_head.p, (int)c->response_head.n, c->request.out) >= 0;
}

static bool put_body(struct connection *c)
{
    const struct http_response *r = &c->exchange.response;

    return c->exchange.request.method == HEAD || r->status == 204 ||
           FCGX_PutStr(r->body.p, (int)r->body.n, c->request.out) >= 0;
}

bool connection_send_chunk(struct connection *c)
{
    struct http_response *r = &c->exchange.response;

    if (!r->headers_sent && !put_head(c, false))
        return false;
    r->headers_sent = true;
    if (!put_body(c))
        return false;
    r->body_sent += r->body.n;
    r->body.n = 0;
    return true;
}

/* The end of output and of the request, and a byte more. nginx keeps a connection for its next
 * request unless more has come behind the end of this one: only so can it be closed without a
 * moment in which that request is already on its way (hazards N2). libfcgi would end with the end.
 */
static void end_connection(struct connection *c)
{
    unsigned char high = (unsigned char)(c->request.requestId >> 8);
    unsigned char low = (unsigned char)c->request.requestId;
    /* clang-format off */
    const unsigned char end[3 * FCGI_HEADER_SIZE + 1] = {
        FCGI_VERSION, FCGI_TYPE_STDOUT, high, low, 0, 0, 0, 0,
        FCGI_VERSION, FCGI_TYPE_END, high, low, 0, FCGI_END_SIZE, 0, 0,
    };
    /* clang-format on */

    if (FCGX_FFlush(c->request.out) == 0)
        (void)send(c->request.ipcFd, end, sizeof(end), MSG_NOSIGNAL);
    connection_close(c);
}

bool connection_send_response(struct connection *c, bool last)
{
    struct exchange *x = &c->exchange;

    if (x->response.headers_sent && x->problem.code != PROBLEM_NONE) {
        connection_close(c); /* cut short, so that nobody takes what is there for all */
        return false;
    }
    if (!x->response.headers_sent && !put_head(c, true))
        c->request.keepConnection = 0; /* nothing is sent: nginx answers 502 */
    else
        (void)put_body(c);
    if (last) {
        end_connection(c);
        return false;
    }
    FCGX_Finish_r(&c->request);
    if (c->request.ipcFd < 0)
        c->state = CONNECTION_CLOSED;
    return c->state != CONNECTION_CLOSED;
}
