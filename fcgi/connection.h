/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One FastCGI connection of the web server, and the request that is on it. Only this file and
 * main.c use libfcgi. The reactor accepts the connection and gives libfcgi the open descriptor: so
 * libfcgi never accepts, and never blocks there (hazards F3, F4, F6, F7). */
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
    bool watched;             /* false: it became readable while busy; watched again afterwards */
    bool first_record_ok;     /* its first record was checked */
    struct exchange exchange; /* its arena is NULL while there is no request */
    struct buf
        response_head; /* reserved early: an error response needs it when the arena is full */
    struct reactor *reactor;
    struct connection *next, **link; /* in the list of all connections of the process */
};

enum connection_event {
    CONNECTION_REQUEST, /* the exchange has a complete request */
    CONNECTION_LOST,    /* the connection is closed */
};

/* fd: an accepted connection, blocking, with timeouts set; owned from here on. */
void connection_init(struct connection *c, int fd);
/* Reads the request that has started to arrive: parameters and body, up to its end (hazards F1: the
 * rest of a body would be parsed as the next request; F2: an incomplete body looks complete). All
 * memory comes from arena, which must live until the exchange is released. */
enum connection_event connection_read(struct connection *c, struct arena *arena);
/* Sends the response and ends the request. last: closes the connection as well, in a way that makes
 * nginx stop using it. Returns false if the connection is closed, for that or any other reason. */
bool connection_send_response(struct connection *c, bool last);
/* Sends a part of a response that is not complete yet and empties its body. Returns false if the
 * web server no longer accepts it. */
bool connection_send_chunk(struct connection *c);
void connection_close(struct connection *c);

#endif
