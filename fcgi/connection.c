/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Translates between libfcgi and the exchange (one HTTP request with its response): FastCGI
 * parameters and body become struct http_request; struct http_response becomes a FastCGI response.
 * If bytes on a connection are not understood, the connection is closed, because what follows could
 * be taken for a request of another client. */
#include "fcgi/connection.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/base/percent.h"

enum {
    /* bytes of the longest request body that is read from Dapr's sidecar, the same as in nginx's
     * configuration; for other clients the limit is ROUTE_BIG_BODY_MAX */
    SIDECAR_BODY_MAX = 32 << 20,
    RESPONSE_HEAD_SIZE = 1024, /* bytes reserved for the head of a response */
    FCGI_HEADER_SIZE = 8, /* this and the following constants: FastCGI specification, section 8 */
    FCGI_VERSION = 1,
    FCGI_TYPE_BEGIN = 1,
    FCGI_TYPE_END = 3,
    FCGI_TYPE_STDOUT = 6,
    FCGI_END_SIZE = 8,
};

void connection_init(struct connection *connection, int fd)
{
    memset(connection, 0, sizeof(*connection));
    (void)FCGX_InitRequest(&connection->request, /* listening socket: none */ -1, /* flags */ 0);
    connection->request.ipcFd = fd;
    /* FCGX_Accept_r first ends the previous request, though there is none; it would then close the
     * connection if keepConnection were 0 */
    connection->request.keepConnection = 1;
}

/* Closes the descriptor with close(2), because libfcgi would first wait for the web server to close
 * (hazards F5). */
void connection_close(struct connection *connection)
{
    if (connection->request.ipcFd >= 0) {
        (void)close(connection->request.ipcFd);
        connection->request.ipcFd = -1;
        FCGX_Free(&connection->request, /* close */ 0);
    }
    connection->state = CONNECTION_CLOSED;
}

/* Returns true if the first record of a connection is FCGI_BEGIN_REQUEST with a request id other
 * than 0. MSG_PEEK leaves the bytes of the record for libfcgi to read. A management record (id 0)
 * must never reach libfcgi, which overruns its stack on it (hazards F8). */
static bool connection_begins_request(int fd)
{
    unsigned char header[FCGI_HEADER_SIZE];
    ssize_t n = recv(fd, header, sizeof(header), MSG_PEEK);

    return n == FCGI_HEADER_SIZE && header[0] == FCGI_VERSION && header[1] == FCGI_TYPE_BEGIN &&
           (header[2] != 0 || header[3] != 0);
}

/* ---- parameters ---- */

/* The FastCGI parameters of a request. */
struct parameters {
    struct http_request request;
    struct str uri; /* path and query as the client has sent them */
    /* path after normalization, by which nginx has chosen the location */
    struct str normalized_uri;
    struct str length; /* CONTENT_LENGTH; empty: no body */
    struct str passed; /* when nginx passed the request on: seconds.milliseconds since the epoch */
};

/* The FastCGI parameters that are stored, each with its offset in struct parameters. All others are
 * ignored, except two that connection_store_parameter handles itself. nginx sends a repeated header
 * as a repeated parameter. A header marked as unique must not be repeated, because two programs
 * that read the request could use different values (hazards F13). */
static const struct {
    struct str name;
    size_t offset;
    bool unique;
} parameter_table[] = {
/* clang-format off */
#define REQUEST(field) offsetof(struct parameters, request.field)
    {STR_INIT("REQUEST_URI"), offsetof(struct parameters, uri), true},
    {STR_INIT("DOCUMENT_URI"), offsetof(struct parameters, normalized_uri), true},
    {STR_INIT("MASTERY_PASSED"), offsetof(struct parameters, passed), true},
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
    {STR_INIT("HTTP_WEBHOOK_REQUEST_ORIGIN"),   REQUEST(webhook_origin), true},
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

/* Stores one parameter; text is NAME=VALUE. Of a unique parameter the first value stays, and a
 * second one marks the request (duplicate_header), which is refused later. Of other parameters the
 * last value stays. A linear search is enough for a table of about 20 rows. */
static void connection_store_parameter(struct parameters *parameters, const char *text)
{
    struct http_request *request = &parameters->request;
    struct str value = str_of(text), name = str_cut(&value, '=');

    if (str_equal(name, STR("REQUEST_METHOD")))
        request->method = http_method_of(value);
    /* set by nginx: the listener to which the client has connected, public or sidecar */
    if (str_equal(name, STR("MASTERY_LISTENER")))
        request->sidecar = str_equal(value, STR("sidecar"));
    for (size_t i = 0; i < PARAMETERS; i++) {
        struct str *field;

        if (!str_equal(name, parameter_table[i].name))
            continue;
        field = (struct str *)(void *)((char *)parameters + parameter_table[i].offset);
        if (field->p && parameter_table[i].unique)
            request->duplicate_header = true;
        else
            *field = value;
        return;
    }
}

/* Returns whether the path that was sent is the normalized one, except that the characters
 * may_be_encoded may be percent-encoded in it: ids contain them, and some clients encode them. */
static bool path_is_same(struct str sent, struct str normalized)
{
    static const struct str may_be_encoded = STR_INIT("@:|+=~");
    char decoded[3];
    size_t i = 0, n;

    for (size_t k = 0; k < normalized.n; k++) {
        if (i < sent.n && sent.p[i] == normalized.p[k]) {
            i++;
            continue;
        }
        if (i + 3 > sent.n || sent.p[i] != '%' ||
            !percent_decode((struct str){sent.p + i, 3}, /* plus_is_space */ false, decoded, &n) ||
            decoded[0] != normalized.p[k] ||
            !memchr(may_be_encoded.p, decoded[0], may_be_encoded.n))
            return false;
        i += 3;
    }
    return i == sent.n;
}

/* Sets path and query of the request. nginx has applied its limits and access rules to the
 * normalized path. A request whose path was sent in another form keeps that form, is marked
 * (noncanonical), and is refused later: one form could pass a check that only the other form should
 * pass (hazards N10). */
static void connection_set_path(struct parameters *parameters)
{
    struct http_request *request = &parameters->request;
    struct str query = parameters->uri, path = str_cut(&query, '?');

    request->query = query;
    request->noncanonical = !path_is_same(path, parameters->normalized_uri);
    request->path = request->noncanonical ? path : parameters->normalized_uri;
}

/* Parses a time that nginx has written, such as "1764435000.123" (seconds since the epoch). Returns
 * milliseconds, or 0 if the text has another form. The limit of the seconds only avoids an
 * overflow. */
static int64_t connection_parse_time(struct str text)
{
    struct str rest = text, seconds = str_cut(&rest, '.');
    int64_t ms;

    if (rest.n != 3 || !str_to_int64(seconds, 0, INT32_MAX * INT64_C(1000), &ms))
        return 0;
    for (size_t i = 0; i < rest.n; i++) { /* str_to_int64 accepts no zero before other digits */
        if (rest.p[i] < '0' || rest.p[i] > '9')
            return 0;
        ms = ms * 10 + (rest.p[i] - '0');
    }
    return ms;
}

/* ---- body ---- */

/* Reads the body of n bytes and its end into the arena, with a NUL after it. The end must be read
 * even if n is 0, because libfcgi is only then ready for the next request (hazards F1). Returns
 * false if the body is shorter or longer, or when out of memory. */
static bool connection_read_body(struct connection *connection, struct arena *arena, size_t n)
{
    char *body = arena_alloc(arena, n + 1);
    FCGX_Stream *in = connection->request.in;
    char extra;

    if (!body || FCGX_GetStr(body, (int)n, in) != (int)n)
        return false;
    body[n] = '\0';
    if (n > 0)
        connection->exchange.request.body = (struct str){body, n};
    return FCGX_GetStr(&extra, 1, in) == 0 && FCGX_GetError(in) == 0;
}

/* Reads the body. `length` is its length as the client has announced it; empty: there is no body. A
 * body over the listener's limit is not read: the request is marked (too_large, status 413), and
 * the connection is closed after the response, since the unread body is still on it. Returns false
 * if the body cannot be read. */
static bool connection_accept_body(struct connection *connection, struct arena *arena,
                                   struct str length)
{
    int64_t n = 0;

    if (length.n > 0 && !str_to_int64(length, 0, INT64_MAX, &n))
        return false;
    if (n <= (connection->exchange.request.sidecar ? SIDECAR_BODY_MAX : ROUTE_BIG_BODY_MAX))
        return connection_read_body(connection, arena, (size_t)n);
    connection->exchange.request.too_large = true;
    connection->request.keepConnection = 0;
    return true;
}

/* Accepts the request through libfcgi and reads its parameters, then its body. Any error closes the
 * connection and returns CONNECTION_LOST. */
enum connection_event connection_read(struct connection *connection, struct arena *arena)
{
    struct parameters parameters = {.request = {.method = OTHER_METHOD}};
    struct exchange *x = &connection->exchange;

    /* FCGX_Accept_r also succeeds with incomplete parameters; then only FCGX_GetError reports it
     * (hazards F2) */
    if ((!connection->first_record_ok && !connection_begins_request(connection->request.ipcFd)) ||
        FCGX_Accept_r(&connection->request) != 0 || FCGX_GetError(connection->request.in) != 0) {
        connection_close(connection);
        return CONNECTION_LOST;
    }
    connection->first_record_ok = true;
    for (char **p = connection->request.envp; *p; p++)
        connection_store_parameter(&parameters, *p);
    connection_set_path(&parameters);
    parameters.request.passed_ms = connection_parse_time(parameters.passed);
    *x = (struct exchange){.arena = arena, .connection = connection, .request = parameters.request};
    buf_init(&connection->response_head, arena);
    (void)buf_reserve(&connection->response_head, RESPONSE_HEAD_SIZE);
    if (!connection_accept_body(connection, arena, parameters.length)) {
        connection_close(connection);
        return CONNECTION_LOST;
    }
    connection->state = CONNECTION_BUSY;
    return CONNECTION_REQUEST;
}

/* ---- response ---- */

/* Writes the head of a response (what comes before its body) in the form of CGI, which nginx
 * parses: the line "Status:" and the headers. complete: the response has its whole body, so
 * Content-Length is sent (but not with 204), by which the client notices a response that was cut
 * off; false: the body follows in parts. */
static void connection_write_head(struct buf *head, const struct http_response *response,
                                  bool complete)
{
    buf_text(head, "Status: ");
    buf_int(head, response->status);
    buf_char(head, ' ');
    buf_text(head, http_status_reason(response->status));
    if (response->content_type) {
        buf_text(head, "\r\nContent-Type: ");
        buf_text(head, response->content_type);
    }
    if (response->status != 204 && complete) {
        buf_text(head, "\r\nContent-Length: ");
        buf_int(head, (int64_t)response->body.n);
    }
    for (size_t i = 0; i < response->header_count; i++) {
        buf_text(head, "\r\n");
        buf_text(head, response->headers[i].name);
        buf_text(head, ": ");
        buf_str(head, response->headers[i].value);
    }
    buf_text(head, "\r\n\r\n");
}

/* Sends the status and the headers. complete: the whole body is known. Returns false when out of
 * memory or if the web server accepts no more. */
static bool connection_send_head(struct connection *connection, bool complete)
{
    connection_write_head(&connection->response_head, &connection->exchange.response, complete);
    return !connection->response_head.failed &&
           FCGX_PutStr(connection->response_head.p, (int)connection->response_head.n,
                       connection->request.out) >= 0;
}

/* Sends the body of the response; a request with the method HEAD and status 204 have none. Returns
 * false if the web server accepts no more. */
static bool connection_send_body(struct connection *connection)
{
    const struct http_response *response = &connection->exchange.response;

    return connection->exchange.request.method == HEAD || response->status == 204 ||
           FCGX_PutStr(response->body.p, (int)response->body.n, connection->request.out) >= 0;
}

/* Sends the headers before the first chunk, without Content-Length, because the length of the body
 * is not known yet. Then sends the chunk and empties the body, which keeps its memory. */
bool connection_send_chunk(struct connection *connection)
{
    struct http_response *response = &connection->exchange.response;

    if (!response->headers_sent && !connection_send_head(connection, /* complete */ false))
        return false;
    response->headers_sent = true;
    if (!connection_send_body(connection))
        return false;
    response->body_sent += response->body.n;
    response->body.n = 0;
    return true;
}

/* Ends the request, sends one extra byte, and closes the connection. nginx keeps a connection for
 * its next request unless bytes follow the end of the current one. The extra byte therefore makes
 * nginx close the connection, so that it cannot lose a request on a connection that is about to be
 * closed (hazards N2). The last FastCGI records are written here, because libfcgi cannot send
 * anything after the end of a request. */
static void connection_end(struct connection *connection)
{
    unsigned char high = (unsigned char)(connection->request.requestId >> 8);
    unsigned char low = (unsigned char)connection->request.requestId;
    /* end of the stream STDOUT; end of the request, whose 8 bytes 0 mean success; extra byte */
    /* clang-format off */
    const unsigned char records[3 * FCGI_HEADER_SIZE + 1] = {
        FCGI_VERSION, FCGI_TYPE_STDOUT, high, low, 0, 0, 0, 0,
        FCGI_VERSION, FCGI_TYPE_END, high, low, 0, FCGI_END_SIZE, 0, 0,
    };
    /* clang-format on */

    if (FCGX_FFlush(connection->request.out) == 0)
        (void)send(connection->request.ipcFd, records, sizeof(records), MSG_NOSIGNAL);
    connection_close(connection);
}

/* Sends the rest of the response, then ends the request. The connection stays open for another
 * request unless `last` is true or an error has occurred. */
bool connection_send_response(struct connection *connection, bool last)
{
    struct exchange *x = &connection->exchange;

    if (x->response.headers_sent && x->problem.code != PROBLEM_NONE) {
        /* the exchange failed after a part of the response was sent: closing shows that it is
         * incomplete */
        connection_close(connection);
        return false;
    }
    if (!x->response.headers_sent && !connection_send_head(connection, /* complete */ true))
        connection->request.keepConnection = 0; /* no head was sent: nginx responds with 502 */
    else
        /* after an error, FCGX_Finish_r closes the connection */
        (void)connection_send_body(connection);
    if (last) {
        connection_end(connection);
        return false;
    }
    FCGX_Finish_r(&connection->request);
    if (connection->request.ipcFd < 0)
        connection->state = CONNECTION_CLOSED;
    return connection->state != CONNECTION_CLOSED;
}
