/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of store/store share: store.c sends and looks after time, store_replies.c
 * receives.
 */
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

#include "app/store/breaker.h"
#include "app/store/connect.h"
#include "app/store/store.h"

enum { STORE_READ_SIZE = 65536, STORE_ARGV_MAX = COMMAND_ARGC_MAX + 3 };

/* First in, first out; all zero: empty. */
struct pipeline_queue {
    struct pipeline *first, *last;
};

struct store {
    const struct config *config;
    struct store_address address;
    redisContext *connection;         /* non-blocking; NULL: none */
    struct command *sent, **sent_end; /* in the order in which replies will come */
    struct command
        *first_unwritten; /* the first of them that is still in our own buffer, or NULL */
    size_t sent_count;
    size_t timeout_count; /* asks under way that have a patience of their own */
    struct pipeline_queue done;
    struct breaker breaker;
    struct arena *handshake_arena;
    struct pipeline handshake;  /* what a new connection says first, and the probe: ours alone */
    struct command *schema_cmd; /* of the greeting; NULL when it only pings */
    bool writes_schema;
    int block_ms;
    struct pipeline_queue deferred; /* writes that wait for the greeting to be answered */
    int64_t last_reply_us;
    struct store_counts counts;
    struct reply_bounds bounds;
    bool connected_before;
    unsigned generation;
    char last_error[160];
    struct str argv[STORE_ARGV_MAX]; /* of the command that is being put together */
    char read_buffer[STORE_READ_SIZE];
};

enum disconnect_reason {
    DISCONNECT_BROKEN,    /* reads may be asked once more */
    DISCONNECT_UNUSABLE,  /* what is there does not serve us: no use in asking again at once */
    DISCONNECT_TIMED_OUT, /* the same, and no answer at all */
};
/* Gives up the connection, and with it everything that is under way on it. */
void store_disconnect(struct store *store, int64_t now_us, const char *why,
                      enum disconnect_reason loss);

/* Puts the command into the connection's buffer, a script as a whole or by its digest. */
bool store_append_command(struct store *store, const struct command *command, bool whole_script);
/* Once the greeting has been answered: what waited for it. */
void store_send_deferred(struct store *store, int64_t now_us);
/* Those that are sent, in the order in which replies will come. */
void store_push_sent(struct store *store, struct command *command);
struct command *store_pop_sent(struct store *store);
/* The round of a is over. */
void store_finish_pipeline(struct store *store, struct pipeline *a, enum pipeline_status status);

#endif
