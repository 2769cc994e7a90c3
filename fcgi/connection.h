/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One FastCGI connection of the web server, and the request that is on it. Only this file and
 * main.c use libfcgi. The reactor (the event loop) accepts the connection and gives libfcgi the
 * open descriptor. libfcgi therefore never accepts connections itself, which could block (hazards
 * F3, F4, F6, F7). */
#ifndef FCGI_CONNECTION_H
#define FCGI_CONNECTION_H

#include <ev.h>
#include <fcgiapp.h>

#include "app/pipeline/exchange.h"

struct reactor;

enum connection_state {
    CONNECTION_IDLE, /* no request is on the connection */
    /* a request is being read or processed, until dispatch has released its exchange */
    CONNECTION_BUSY,
    CONNECTION_CLOSED, /* the descriptor is closed; the struct is freed later */
};

struct connection {
    ev_io watcher;        /* reports that a request starts to arrive */
    FCGX_Request request; /* state of libfcgi, with the descriptor */
    enum connection_state state;
    /* true: the loop watches the descriptor; false: it became readable while busy, and is watched
     * again when the request has ended */
    bool watched;
    bool first_record_ok;     /* true: the first FastCGI record of the connection was checked */
    struct exchange exchange; /* request and response; arena is NULL while there is no request */
    /* buffer for the head of the response; reserved early, because an error response needs it even
     * when the arena (the memory of the request) is full */
    struct buf response_head;
    struct reactor *reactor;
    /* list of all connections of the process; link points to the pointer to this one */
    struct connection *next, **link;
};

/* The result of connection_read. */
enum connection_event {
    CONNECTION_REQUEST, /* a complete request was read into connection.exchange */
    CONNECTION_LOST,    /* the connection is closed */
};

/* Prepares an accepted connection. fd: its descriptor, in blocking mode with timeouts set; the
 * connection owns it from now on. */
void connection_init(struct connection *connection, int fd);
/* Reads the request that has started to arrive: its parameters and its whole body. Both must be
 * complete: the rest of a body would be parsed as the next request (hazards F1), and libfcgi
 * reports an incomplete body as complete (F2). All memory comes from arena, which must live until
 * the exchange is released. */
enum connection_event connection_read(struct connection *connection, struct arena *arena);
/* Sends the response and ends the request. last = true also closes the connection, in a way that
 * makes nginx not use it for another request. Returns false if the connection is closed
 * afterwards. */
bool connection_send_response(struct connection *connection, bool last);
/* Sends the part of a response that is in its body so far, and empties the body for the next part.
 * Returns false if the web server accepts no more. */
bool connection_send_chunk(struct connection *connection);
/* Closes the descriptor; may be called more than once. The struct is freed by the reactor. */
void connection_close(struct connection *connection);

#endif
