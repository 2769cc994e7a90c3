/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as what a web server sends on a FastCGI connection. What is taken for a request must be
 * whole, and there must not be more requests than were begun: a body is never read as the next one.
 *
 * libfcgi itself dies of management records behind the first record and of lengths that make its
 * own sums overflow (hazards F8, F9); who may connect is trusted with that. What it is known to die
 * of is cut off, so that everything else is seen. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fcgi/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    HEADER = 8,
    BEGIN = 1,
    PARAMETERS_TYPE = 4,
    INPUT = 5,
    INPUT_MAX = 65536,
    PAIR_MAX = 1 << 20,
    REQUESTS_MAX = 64,
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Lengths of names and values in the records' contents, read one byte after the other. */
struct pairs {
    size_t skip;        /* bytes of name and value still to come */
    uint32_t length[2]; /* as far as read */
    int which, bytes;   /* which length, how many bytes of it are still to come */
};

static bool tame_byte(struct pairs *p, uint8_t byte)
{
    if (p->skip > 0) {
        p->skip--;
        return true;
    }
    if (p->bytes == 0) {
        p->length[p->which] = byte & 0x7f;
        p->bytes = byte & 0x80 ? 3 : 0;
    } else {
        p->length[p->which] = p->length[p->which] << 8 | byte;
        p->bytes--;
    }
    if (p->bytes > 0)
        return true;
    p->skip = p->which ? (size_t)p->length[0] + p->length[1] : 0;
    p->which = !p->which;
    return p->length[0] < PAIR_MAX && p->length[1] < PAIR_MAX;
}

static unsigned id_of(const uint8_t *header)
{
    return (unsigned)header[2] << 8 | header[3];
}

/* What is looked at of a connection: the request that is being read, and its parameters. */
struct walk {
    unsigned id; /* 0: none */
    struct pairs pairs;
    size_t begun;
    bool unpadded; /* behind this record libfcgi reads on as if it had no padding */
};

/* False when libfcgi would die of this record. */
static bool tame_record(struct walk *w, const uint8_t *h, size_t content)
{
    w->unpadded = h[1] == PARAMETERS_TYPE && id_of(h) == w->id && content == 0;
    if (h[1] == BEGIN && w->id == 0) {
        *w = (struct walk){.id = id_of(h), .begun = w->begun + 1, .unpadded = true};
    } else if (h[1] == INPUT && content == 0 && id_of(h) == w->id) {
        w->id = 0;
    } else if (h[1] == PARAMETERS_TYPE && id_of(h) == w->id) {
        for (size_t i = 0; i < content; i++) {
            if (!tame_byte(&w->pairs, h[HEADER + i]))
                return false;
        }
    }
    return true;
}

/* How much of the input comes before what libfcgi would die of, and how many requests it begins. */
static size_t tame(const uint8_t *data, size_t size, size_t *ret_begun)
{
    struct walk w = {0};
    size_t at = 0;

    while (at + HEADER <= size) {
        const uint8_t *h = data + at;
        size_t content = (size_t)h[4] << 8 | h[5], there = size - at - HEADER;

        if ((h[0] == 1 && id_of(h) == 0 && at > 0) ||
            !tame_record(&w, h, content < there ? content : there)) {
            size = at;
            break;
        }
        at += HEADER + content + (w.unpadded ? 0 : h[6]);
    }
    *ret_begun = w.begun;
    return size;
}

static int peer_of(const uint8_t *data, size_t size, int *ret_peer)
{
    static const struct timeval timeout = {.tv_usec = 400000};
    int pair[2];

    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    (void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    require(size == 0 || write(pair[1], data, size) == (ssize_t)size);
    require(shutdown(pair[1], SHUT_WR) == 0);
    (void)fcntl(pair[1], F_SETFL, O_NONBLOCK);
    *ret_peer = pair[1];
    return pair[0];
}

static void require_whole(const struct http_request *r, size_t sent)
{
    require(r->body.n <= sent);
    require(r->method >= 0 && r->method < HTTP_METHODS);
    require(r->path.n + r->query.n + r->body.n + r->authorization.n + r->api_token.n <= sent);
    require(!r->body.p || r->body.p[r->body.n] == '\0');
}

static void answer(struct connection *c)
{
    struct jw w;
    struct exchange *x = &c->exchange;

    http_response_init(&x->response, x->arena);
    http_response_json(&x->response, 200, &w);
    jw_str(&w, "path", x->request.path);
    jw_object_end(&w);
    (void)connection_send_response(c, x->request.noncanonical); /* any of the two */
}

static void drain(int peer)
{
    char bytes[4096];

    while (read(peer, bytes, sizeof(bytes)) > 0)
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct connection c;
    static bool ready;
    size_t begun, taken = 0;
    int peer;

    if (!ready)
        ready = setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "20", 1) == 0 && FCGX_Init() == 0;
    if (!ready || size > INPUT_MAX)
        return 0;
    size = tame(data, size, &begun);
    connection_init(&c, peer_of(data, size, &peer));
    while (c.state != CONNECTION_CLOSED && taken < REQUESTS_MAX) {
        struct arena *arena = arena_new(4096, 16 << 20);

        if (connection_read(&c, arena) == CONNECTION_REQUEST) {
            require(++taken <= begun);
            require_whole(&c.exchange.request, size);
            answer(&c);
            drain(peer);
            if (c.state != CONNECTION_CLOSED)
                c.state = CONNECTION_IDLE;
        }
        arena_free(arena);
    }
    connection_close(&c);
    (void)close(peer);
    return 0;
}
