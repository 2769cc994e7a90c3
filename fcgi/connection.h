/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One FastCGI connection of the web server, and the request that is on it. Only this file and main
 * know libfcgi. The connection is accepted by the reactor and handed to libfcgi as an open one
 * (architecture section 3): libfcgi never accepts, so it never blocks there (hazards F3, F4, F6,
 * F7). */
#ifndef FCGI_CONNECTION_H
#define FCGI_CONNECTION_H

#include <ev.h>
#include <fcgiapp.h>

#include "app/pipeline/exchange.h"

struct reactor;

enum connection_state {
    CONNECTION_IDLE, /* no request on it */
    CONNECTION_BUSY, /* from a request until its exchange is released */
    CONNECTION_CLOSED,
};

struct connection {
    ev_io watcher;
    FCGX_Request request;
    enum connection_state state;
    bool watched; /* not while a busy connection has shown an event: it is looked at afterwards */
    bool first_record_ok;     /* its first record has been looked at */
    struct exchange exchange; /* its arena is NULL while there is no request */
    struct buf response_head; /* of the answer; has room even when the arena is full */
    struct reactor *reactor;
    struct connection *next, **link; /* all connections of the process */
};

enum connection_event {
    CONNECTION_REQUEST, /* the exchange holds a whole request */
    CONNECTION_LOST,    /* the connection is closed */
};

/* fd is the accepted connection, blocking, with timeouts set. */
void connection_init(struct connection *c, int fd);
/* Reads the request that has begun to arrive: parameters and the whole body, to its end (hazards
 * F1: bytes left on a kept connection would be read as the next request; F2: a body counts only
 * whole). arena: of the request. */
enum connection_event connection_read(struct connection *c, struct arena *arena);
/* Sends the exchange's response and ends the request; last: and the connection, in such a way that
 * nginx does not count on it any more. False: it is closed, as it is when the peer did not take the
 * answer. */
bool connection_send_response(struct connection *c, bool last);
/* A piece of an answer that is not complete yet; false when the web server does not take it. */
bool connection_send_chunk(struct connection *c);
void connection_close(struct connection *c);

#endif
