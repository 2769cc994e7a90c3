/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzzes a FastCGI connection with any bytes in place of a web server's. What is read as a request
 * must be complete, and there must not be more requests than the input starts: a body must never be
 * read as the next request (hazards F1).
 *
 * libfcgi itself crashes on management records after the first record, and on lengths whose sum
 * overflows (hazards F8, F9); only the web server can send those, and it is trusted not to. The
 * input is cut before the first such record, so that the fuzzer finds other faults. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fcgi/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    HEADER_SIZE = 8, /* of a record */
    TYPE_BEGIN_REQUEST = 1,
    TYPE_PARAMS = 4,
    TYPE_STDIN = 5,
    INPUT_MAX = 65536,
    LENGTH_MAX = 1 << 20, /* of a parameter's name or value */
    REQUESTS_MAX = 64,
};

static void require_true(bool holds)
{
    if (!holds)
        abort();
}

/* A parser of name-value pairs, fed byte by byte: 1 or 4 bytes for each of two lengths, then name
 * and value. It only finds lengths that are too large. */
struct pair_parser {
    size_t skip;        /* bytes of name and value still to come */
    uint32_t length[2]; /* of name and value, as far as read */
    int index;          /* the length that is being read */
    int missing;        /* bytes of that length still to come */
};

static bool pair_parser_accepts(struct pair_parser *p, uint8_t byte)
{
    if (p->skip > 0) {
        p->skip--;
        return true;
    }
    if (p->missing == 0) {
        p->length[p->index] = byte & 0x7f;
        p->missing = byte & 0x80 ? 3 : 0;
    } else {
        p->length[p->index] = p->length[p->index] << 8 | byte;
        p->missing--;
    }
    if (p->missing > 0)
        return true;
    p->skip = p->index ? (size_t)p->length[0] + p->length[1] : 0;
    p->index = !p->index;
    return p->length[0] < LENGTH_MAX && p->length[1] < LENGTH_MAX;
}

static unsigned record_request_id(const uint8_t *header)
{
    return (unsigned)header[2] << 8 | header[3];
}

/* Follows the records of the input as libfcgi does. */
struct record_parser {
    unsigned request_id; /* of the request that is being read; 0: none */
    struct pair_parser pairs;
    size_t request_count;
    bool ignores_padding; /* libfcgi does not skip the padding of the last record */
};

/* Returns false if libfcgi would crash on this record. content: the bytes of it that are there. */
static bool record_parser_accepts(struct record_parser *r, const uint8_t *header, size_t content)
{
    unsigned id = record_request_id(header), type = header[1];

    r->ignores_padding = type == TYPE_PARAMS && id == r->request_id && content == 0;
    if (type == TYPE_BEGIN_REQUEST && r->request_id == 0) {
        *r = (struct record_parser){
            .request_id = id, .request_count = r->request_count + 1, .ignores_padding = true};
    } else if (type == TYPE_STDIN && content == 0 && id == r->request_id) {
        r->request_id = 0;
    } else if (type == TYPE_PARAMS && id == r->request_id) {
        for (size_t i = 0; i < content; i++) {
            if (!pair_parser_accepts(&r->pairs, header[HEADER_SIZE + i]))
                return false;
        }
    }
    return true;
}

/* Returns the size of the input before the first record on which libfcgi would crash, and the
 * number of requests that start in it. */
static size_t cut_input(const uint8_t *data, size_t size, size_t *ret_request_count)
{
    struct record_parser r = {0};
    size_t at = 0;

    while (at + HEADER_SIZE <= size) {
        const uint8_t *header = data + at;
        size_t content = (size_t)header[4] << 8 | header[5], available = size - at - HEADER_SIZE;
        bool management = header[0] == 1 && record_request_id(header) == 0 && at > 0;

        if (management ||
            !record_parser_accepts(&r, header, content < available ? content : available)) {
            size = at;
            break;
        }
        at += HEADER_SIZE + content + (r.ignores_padding ? 0 : header[6]);
    }
    *ret_request_count = r.request_count;
    return size;
}

/* Returns the engine's end of a socket pair from which the input can be read, then end of file. */
static int connect_peer(const uint8_t *data, size_t size, int *ret_peer)
{
    static const struct timeval timeout = {.tv_usec = 400000};
    int pair[2];

    require_true(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    (void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    require_true(size == 0 || write(pair[1], data, size) == (ssize_t)size);
    require_true(shutdown(pair[1], SHUT_WR) == 0);
    (void)fcntl(pair[1], F_SETFL, O_NONBLOCK);
    *ret_peer = pair[1];
    return pair[0];
}

static void require_complete(const struct http_request *r, size_t sent)
{
    require_true(r->body.n <= sent);
    require_true(r->method >= 0 && r->method < HTTP_METHODS);
    require_true(r->path.n + r->query.n + r->body.n + r->authorization.n + r->api_token.n <= sent);
    require_true(!r->body.p || r->body.p[r->body.n] == '\0');
}

static void send_response(struct connection *c)
{
    struct jw jw;
    struct exchange *x = &c->exchange;

    http_response_init(&x->response, x->arena);
    http_response_json(&x->response, 200, &jw);
    jw_str(&jw, "path", x->request.path);
    jw_object_end(&jw);
    /* any property of the input, so that both ways of ending are tried */
    (void)connection_send_response(c, x->request.noncanonical);
}

static void discard_responses(int peer)
{
    char bytes[4096];

    while (read(peer, bytes, sizeof(bytes)) > 0)
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct connection c;
    static bool ready;
    size_t request_count, read_count = 0;
    int peer;

    if (!ready)
        ready = setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "20", 1) == 0 && FCGX_Init() == 0;
    if (!ready || size > INPUT_MAX)
        return 0;
    size = cut_input(data, size, &request_count);
    connection_init(&c, connect_peer(data, size, &peer));
    while (c.state != CONNECTION_CLOSED && read_count < REQUESTS_MAX) {
        struct arena *arena = arena_new(4096, 16 << 20);

        if (connection_read(&c, arena) == CONNECTION_REQUEST) {
            require_true(++read_count <= request_count);
            require_complete(&c.exchange.request, size);
            send_response(&c);
            discard_responses(peer);
            if (c.state != CONNECTION_CLOSED)
                c.state = CONNECTION_IDLE;
        }
        arena_free(arena);
    }
    connection_close(&c);
    (void)close(peer);
    return 0;
}
