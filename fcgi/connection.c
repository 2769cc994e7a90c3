/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between libfcgi and the exchange: parameters and body become struct http_request, struct
 * http_response becomes a FastCGI response. A connection whose bytes are not understood is closed,
 * never read on: what follows on it could be taken for another client's request. */
#include "fcgi/connection.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BODY_MAX = 4 << 20,
    RESPONSE_HEAD_SIZE = 1024, /* bytes reserved for the head of a response */
    FCGI_HEADER_SIZE = 8,      /* from here on: section 8 of the FastCGI specification */
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

/* Closes the descriptor itself: libfcgi would wait for the peer to close as well (hazards F5). */
void connection_close(struct connection *c)
{
    if (c->request.ipcFd >= 0) {
        (void)close(c->request.ipcFd);
        c->request.ipcFd = -1;
        FCGX_Free(&c->request, 0);
    }
    c->state = CONNECTION_CLOSED;
}

/* The first record of a connection must be FCGI_BEGIN_REQUEST with an id other than 0. libfcgi
 * overruns its stack on management records (hazards F8), so it must never see one. */
static bool connection_begins_request(int fd)
{
    unsigned char header[FCGI_HEADER_SIZE];
    ssize_t n = recv(fd, header, sizeof(header), MSG_PEEK);

    return n == FCGI_HEADER_SIZE && header[0] == FCGI_VERSION && header[1] == FCGI_TYPE_BEGIN &&
           (header[2] != 0 || header[3] != 0);
}

/* ---- parameters ---- */

struct parameters {
    struct http_request request;
    struct str uri;            /* as the client sent it, with the query */
    struct str normalized_uri; /* the path by which nginx chose the location */
    struct str length;
};

/* Where the value of each parameter is stored, as an offset in struct parameters; parameters that
 * are not listed are ignored. nginx sends a repeated header as a repeated parameter: a unique one
 * must not come twice, since two readers of the request could believe different values (hazards
 * F13). */
static const struct {
    struct str name;
    size_t offset;
    bool unique;
} parameter_table[] = {
/* clang-format off */
#define REQUEST(field) offsetof(struct parameters, request.field)
    {STR_INIT("REQUEST_URI"), offsetof(struct parameters, uri), true},
    {STR_INIT("DOCUMENT_URI"), offsetof(struct parameters, normalized_uri), true},
    {STR_INIT("CONTENT_LENGTH"), offsetof(struct parameters, length), true},
    {STR_INIT("CONTENT_TYPE"),                  REQUEST(content_type), true},
    {STR_INIT("HTTP_AUTHORIZATION"),            REQUEST(authorization), true},
    {STR_INIT("REQUEST_ID"),                    REQUEST(request_id), true},
    {STR_INIT("HTTP_TRACEPARENT"),              REQUEST(traceparent), false},
    {STR_INIT("HTTP_TRACESTATE"),               REQUEST(tracestate), false},
    {STR_INIT("HTTP_IDEMPOTENCY_KEY"),          REQUEST(idempotency_key), true},
    {STR_INIT("HTTP_DAPR_API_TOKEN"),           REQUEST(api_token), true},
    {STR_INIT("HTTP_ACCEPT"),                   REQUEST(accept), false},
    {STR_INIT("HTTP_X_EXPERIENCE_API_VERSION"), REQUEST(xapi_version), true},
    {STR_INIT("HTTP_CE_ID"),                    REQUEST(ce_id), true},
    {STR_INIT("HTTP_CE_SOURCE"),                REQUEST(ce_source), true},
    {STR_INIT("HTTP_CE_SPECVERSION"),           REQUEST(ce_specversion), true},
    {STR_INIT("HTTP_CE_TYPE"),                  REQUEST(ce_type), true},
    {STR_INIT("HTTP_CE_SUBJECT"),               REQUEST(ce_subject), true},
    {STR_INIT("HTTP_CE_TIME"),                  REQUEST(ce_time), true},
    {STR_INIT("HTTP_CE_DATACONTENTTYPE"),       REQUEST(ce_datacontenttype), true},
#undef REQUEST
    /* clang-format on */
};
enum { PARAMETERS = sizeof(parameter_table) / sizeof(parameter_table[0]) };

/* Stores one parameter, text being NAME=VALUE. */
static void connection_store_parameter(struct parameters *parameters, const char *text)
{
    struct http_request *r = &parameters->request;
    struct str value = str_of(text), name = str_cut(&value, '=');

    if (str_equal(name, STR("REQUEST_METHOD")))
        r->method = http_method_of(value);
    if (str_equal(name, STR("MASTERY_LISTENER"))) /* set by nginx: which port was connected to */
        r->sidecar = str_equal(value, STR("sidecar"));
    for (size_t i = 0; i < PARAMETERS; i++) {
        struct str *field;

        if (!str_equal(name, parameter_table[i].name))
            continue;
        field = (struct str *)(void *)((char *)parameters + parameter_table[i].offset);
        if (field->p && parameter_table[i].unique)
            r->duplicate_header = true;
        else
            *field = value;
        return;
    }
}

/* The path is nginx's normalized one, by which it has applied limits and access rules. A request
 * that was sent with another form of it is marked, and refused later: two readings of one address
 * could be used to pass one check by the other's reading (hazards N10). */
static void connection_set_path(struct parameters *parameters)
{
    struct http_request *r = &parameters->request;
    struct str query = parameters->uri, path = str_cut(&query, '?');

    r->query = query;
    r->path = parameters->normalized_uri;
    r->noncanonical = !str_equal(path, r->path);
}

/* ---- body ---- */

/* Reads n bytes and the end of the body. The end must be read even of an empty body: only then is
 * the connection ready for the next request (hazards F1). The copy is NUL-terminated. */
static bool connection_read_body(struct connection *c, struct arena *arena, size_t n)
{
    char *body = arena_alloc(arena, n + 1);
    FCGX_Stream *in = c->request.in;
    char extra;

    if (!body || FCGX_GetStr(body, (int)n, in) != (int)n)
        return false;
    body[n] = '\0';
    if (n > 0)
        c->exchange.request.body = (struct str){body, n};
    return FCGX_GetStr(&extra, 1, in) == 0 && FCGX_GetError(in) == 0;
}

/* length: CONTENT_LENGTH, empty if there is no body. A body that is too large is not read: so the
 * connection ends with the response (413). */
static bool connection_accept_body(struct connection *c, struct arena *arena, struct str length)
{
    int64_t n = 0;

    if (length.n > 0 && !str_to_int64(length, 0, INT64_MAX, &n))
        return false;
    if (n <= BODY_MAX)
        return connection_read_body(c, arena, (size_t)n);
    c->exchange.request.too_large = true;
    c->request.keepConnection = 0;
    return true;
}

enum connection_event connection_read(struct connection *c, struct arena *arena)
{
    struct parameters parameters = {.request = {.method = OTHER_METHOD}};
    struct exchange *x = &c->exchange;

    /* to libfcgi, incomplete parameters look complete: only the error shows it (hazards F2) */
    if ((!c->first_record_ok && !connection_begins_request(c->request.ipcFd)) ||
        FCGX_Accept_r(&c->request) != 0 || FCGX_GetError(c->request.in) != 0) {
        connection_close(c);
        return CONNECTION_LOST;
    }
    c->first_record_ok = true;
    for (char **p = c->request.envp; *p; p++)
        connection_store_parameter(&parameters, *p);
    connection_set_path(&parameters);
    *x = (struct exchange){.arena = arena, .connection = c, .request = parameters.request};
    buf_init(&c->response_head, arena);
    (void)buf_reserve(&c->response_head, RESPONSE_HEAD_SIZE);
    if (!connection_accept_body(c, arena, parameters.length)) {
        connection_close(c);
        return CONNECTION_LOST;
    }
    c->state = CONNECTION_BUSY;
    return CONNECTION_REQUEST;
}

/* ---- response ---- */

/* Writes the head in the form of CGI, which nginx parses: "Status:" and headers. Content-Length is
 * sent whenever it is known (complete), so that a response that is cut short is noticed. */
static void connection_write_head(struct buf *head, const struct http_response *r, bool complete)
{
    buf_text(head, "Status: ");
    buf_int(head, r->status);
    buf_char(head, ' ');
    buf_text(head, http_status_reason(r->status));
    if (r->content_type) {
        buf_text(head, "\r\nContent-Type: ");
        buf_text(head, r->content_type);
    }
    if (r->status != 204 && complete) {
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

static bool connection_send_head(struct connection *c, bool complete)
{
    connection_write_head(&c->response_head, &c->exchange.response, complete);
    return !c->response_head.failed &&
           FCGX_PutStr(c->response_head.p, (int)c->response_head.n, c->request.out) >= 0;
}

static bool connection_send_body(struct connection *c)
{
    const struct http_response *r = &c->exchange.response;

    return c->exchange.request.method == HEAD || r->status == 204 ||
           FCGX_PutStr(r->body.p, (int)r->body.n, c->request.out) >= 0;
}

bool connection_send_chunk(struct connection *c)
{
    struct http_response *r = &c->exchange.response;

    if (!r->headers_sent && !connection_send_head(c, false))
        return false;
    r->headers_sent = true;
    if (!connection_send_body(c))
        return false;
    r->body_sent += r->body.n;
    r->body.n = 0;
    return true;
}

/* Ends output and request, sends one byte more and closes. nginx puts a connection aside for its
 * next request unless something follows the end of this one: so the extra byte makes nginx close
 * it, and no request is lost on a connection that is about to be closed (hazards N2). libfcgi
 * cannot send anything after the end; so the records are written here. */
static void connection_end(struct connection *c)
{
    unsigned char high = (unsigned char)(c->request.requestId >> 8);
    unsigned char low = (unsigned char)c->request.requestId;
    /* clang-format off */
    const unsigned char records[3 * FCGI_HEADER_SIZE + 1] = {
        FCGI_VERSION, FCGI_TYPE_STDOUT, high, low, 0, 0, 0, 0,
        FCGI_VERSION, FCGI_TYPE_END, high, low, 0, FCGI_END_SIZE, 0, 0,
    };
    /* clang-format on */

    if (FCGX_FFlush(c->request.out) == 0)
        (void)send(c->request.ipcFd, records, sizeof(records), MSG_NOSIGNAL);
    connection_close(c);
}

bool connection_send_response(struct connection *c, bool last)
{
    struct exchange *x = &c->exchange;

    if (x->response.headers_sent && x->problem.code != PROBLEM_NONE) {
        /* a response that failed after its start: closing shows the client that it is incomplete */
        connection_close(c);
        return false;
    }
    if (!x->response.headers_sent && !connection_send_head(c, true))
        c->request.keepConnection = 0; /* nothing is sent: nginx responds with 502 */
    else
        (void)connection_send_body(c);
    if (last) {
        connection_end(c);
        return false;
    }
    FCGX_Finish_r(&c->request);
    if (c->request.ipcFd < 0)
        c->state = CONNECTION_CLOSED;
    return c->state != CONNECTION_CLOSED;
}
