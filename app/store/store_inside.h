/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of store/store share: store.c sends and looks after time, store_replies.c
 * receives.
 */
#ifndef STORE_STORE_INSIDE_H
#define STORE_STORE_INSIDE_H

#include "app/store/breaker.h"
#include "app/store/connect.h"
#include "app/store/store.h"

enum { STORE_READ_SIZE = 65536, STORE_ARGV_MAX = ASK_ARGC_MAX + 3 };

/* First in, first out; all zero: empty. */
struct asks_queue {
    struct asks *first, *last;
};

struct store {
    const struct config *config;
    struct store_address address;
    redisContext *connection;     /* non-blocking; NULL: none */
    struct ask *sent, **sent_end; /* in the order in which replies will come */
    struct ask *unsent;           /* the first of them that is still in our own buffer, or NULL */
    size_t sent_count;
    size_t patient_count; /* asks under way that have a patience of their own */
    struct asks_queue done;
    struct breaker breaker;
    struct arena *greeting_arena;
    struct asks greeting; /* what a new connection says first, and the probe: ours alone */
    struct ask *schema;   /* of the greeting; NULL when it only pings */
    bool notes_schema;
    int block_ms;
    struct asks_queue held; /* writes that wait for the greeting to be answered */
    int64_t last_reply_us;
    struct store_counts counts;
    struct reply_bounds bounds;
    bool connected_before;
    unsigned generation;
    char last_error[160];
    struct str argv[STORE_ARGV_MAX]; /* of the command that is being put together */
    char read_buffer[STORE_READ_SIZE];
};

enum loss {
    LOSS_BROKEN,  /* reads may be asked once more */
    LOSS_USELESS, /* what is there does not serve us: no use in asking again at once */
    LOSS_LATE,    /* the same, and no answer at all */
};
/* Gives up the connection, and with it everything that is under way on it. */
void store_lose(struct store *store, int64_t now_us, const char *why, enum loss loss);

/* Puts the command into the connection's buffer, a script as a whole or by its digest. */
bool store_append(struct store *store, const struct ask *ask, bool whole_script);
/* Once the greeting has been answered: what waited for it. */
void store_send_held(struct store *store, int64_t now_us);
/* Those that are sent, in the order in which replies will come. */
void store_push_sent(struct store *store, struct ask *ask);
struct ask *store_pop_sent(struct store *store);
/* The round of a is over. */
void store_end_round(struct store *store, struct asks *a, enum asks_status status);

#endif
