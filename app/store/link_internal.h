/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The struct that the files of the link share. link.c sends commands and receives replies,
 * link_state.c reports the state of the connection. */
#ifndef STORE_LINK_INTERNAL_H
#define STORE_LINK_INTERNAL_H

#include "app/base/redis_url.h"
#include "app/store/endpoint.h"
#include "app/store/link.h"
#include "app/store/reply_builder.h"
#include "app/store/sent_queue.h"

enum {
    LINK_READ_SIZE = 65536, /* bytes of read_buffer */
    /* A script call begins with EVALSHA, digest and number of keys. */
    LINK_ARGV_MAX = COMMAND_ARGC_MAX + 3,
};

struct link {
    const struct config *config;
    struct redis_url address;
    struct endpoint *endpoint;    /* finds and connects the server */
    redisContext *context;        /* reader and write buffer of hiredis; NULL: closed */
    struct reply_builder builder; /* builds the replies that the reader of context parses */
    struct arena *scrap;          /* memory for a reply that no command is waiting for */
    struct sent_queue sent;       /* commands without a reply */
    struct control control;       /* the link's own commands: those of a handshake, or a ROLE */
    char server_id[LINK_SERVER_ID_SIZE]; /* identity of the server; "": not known */
    bool is_confirmed;                   /* the handshake of the connection has succeeded */
    /* the latest failure is that the server is not a master or is loading its data; `error` has its
     * words */
    bool wrong_server;
    bool writes_schema;  /* the handshake stores this program's schema number */
    bool has_schema;     /* the latest handshake has read the schema number (schema.h) */
    bool refuses_schema; /* the number that was read is unknown to this program */
    /* the map of the slots in `control` was not returned by link_take_map yet */
    bool has_new_map;
    int block_ms;                   /* added to the longest silence, in milliseconds */
    int64_t last_reply_us;          /* time of the latest reply; 0: none yet */
    unsigned generation;            /* number that changes whenever the link is opened or closed */
    char error[CONTROL_ERROR_SIZE]; /* why the latest connection failed or ended */
    /* The part of `error` that may be shown to all, because it names no host or user; NULL: none.
     */
    const char *public_error;
    struct str argv[LINK_ARGV_MAX]; /* arguments of the command that link_send encodes */
    size_t read_n, fed_n;           /* bytes in read_buffer; bytes of them that the parser has */
    /* false: the latest read emptied the transport, so another read would return nothing */
    bool may_read;
    char read_buffer[LINK_READ_SIZE];
};

/* Returns whether the connection is open but has no socket yet, because the address of the server
 * is not known yet. */
bool link_is_resolving(const struct link *link);

#endif
