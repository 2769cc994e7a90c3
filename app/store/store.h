/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way to Redis. Nobody waits here: what a request (or a job of the worker) wants to know in one
 * round is a struct pipeline; submitting it appends its commands to the connection's output,
 * flushing sends everything of a turn in one write, and when the replies of an asks are all there
 * it comes back from store_next_done. Replies arrive in the order of the commands, so a command
 * submitted later sees the effects of those before it.
 *
 * When a round is late (STORE_ROUND_TIMEOUT_MS) or the connection breaks, the connection is thrown
 * away with everything that might still arrive on it (hazards H2, H3). Reads that were lost with a
 * broken connection are asked once more on a new one; writes, whose outcome is unknown, and
 * everything that timed out fail with PIPELINE_FAILED. The circuit breaker then refuses at once, so
 * that nothing waits for a store that is not there, and lets a probe through now and then. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <hiredis/hiredis.h>

#include "app/base/arena.h"
#include "app/base/config.h"
#include "app/store/script.h"

struct store;

enum command_kind { COMMAND_READ, COMMAND_WRITE };

enum { COMMAND_ARGC_MAX = 4000 }; /* texts of one command */

struct command {
    enum command_kind kind;
    const struct script *script; /* NULL: a plain command */
    bool loaded;                 /* the script's text has been sent: Redis did not know it */
    int key_count;               /* of a script: so many of argv are keys, all in one slot */
    int argc;
    struct str *argv;
    redisReply *reply;    /* owned by the arena of the asks; NULL until answered */
    struct command *next; /* in its asks */
    struct pipeline *pipeline;
    struct command *next_sent; /* in the store's queue of what is under way */
};

enum pipeline_status {
    PIPELINE_OPEN,      /* being filled, nothing submitted */
    PIPELINE_SUBMITTED, /* submitted */
    PIPELINE_COMPLETE,
    PIPELINE_TIMED_OUT, /* patience is over; comes back a second time, and only then may be released
                         */
    PIPELINE_FAILED,    /* the store is away: replies are missing, a write's outcome is unknown */
};

struct pipeline {
    struct arena *arena;
    void *owner; /* the submitter's own */
    struct command *first, **last;
    size_t count, reply_count;
    enum pipeline_status status;
    bool failed; /* an ask could not be noted for want of memory */
    bool has_writes;
    bool retried;       /* already asked once more */
    int64_t timeout_us; /* 0: the store's round timeout. Else come back as PIPELINE_TIMED_OUT after
                           this long */
    int64_t submitted_us;         /* when it was sent; until then, when it was handed over */
    bool abandoned;               /* late, and still under way in the store */
    bool queued;                  /* in the store's queue of what is done */
    struct command *replica_wait; /* the store's own WAIT for replicas behind writes */
    struct pipeline *next;        /* the store's queue of what is done */
};

void pipeline_init(struct pipeline *a, struct arena *arena, void *owner);
/* For the next round: forgets the asks; replies stay alive until the arena is reset. */
void pipeline_clear(struct pipeline *a);
/* Hands all of `from` over to be asked with the rest of `into`; from is empty then. Both live in
 * the same arena. */
void pipeline_join(struct pipeline *into, struct pipeline *from);
/* Notes a command. argv is copied shallowly: the texts must live until the answer. The first key
 * must be argv[1]. Never NULL: without memory a dead ask is returned and the asks marked failed; so
 * they are when a text has p NULL, which is how arena_printf and its like say the same. */
struct command *pipeline_add(struct pipeline *a, enum command_kind kind, int argc,
                             const struct str *argv);
/* Runs a script: argv is its keys, then its arguments. A Redis that does not know it is taught. */
struct command *pipeline_add_script(struct pipeline *a, const struct script *script, int keys,
                                    int argc, const struct str *argv);
/* One that only reads: asked once more when its connection breaks, as a read is. */
struct command *pipeline_add_read_script(struct pipeline *a, const struct script *script, int keys,
                                         int argc, const struct str *argv);

enum store_state { STORE_CLOSED_CIRCUIT, STORE_OPEN_CIRCUIT, STORE_HALF_OPEN_CIRCUIT };

/* What became of commands since the last look, by kind. */
struct store_counts {
    uint64_t ok[2], errors[2], timeouts[2], unavailable[2]; /* index: enum command_kind */
    uint64_t reconnects;
};

struct store *store_new(const struct config *config, char ret_error[200]);
void store_free(struct store *store);
/* For those who write: each new connection notes our schema (schema.h), before it is used. */
void store_enable_schema_write(struct store *store);
/* Its rounds hold commands that Redis lets wait for so long: they may take that much longer. */
void store_allow_blocking(struct store *store, int ms);

/* Hands over; from here on the store owns a->status. Comes back through store_next_done, in the
 * worst case at once. */
void store_submit(struct store *store, struct pipeline *a, int64_t now_us);
/* Sends what was submitted. */
void store_flush(struct store *store, int64_t now_us);
/* The descriptor to watch, -1 when there is none. It belongs to the connection of this generation:
 * the next one may get the same number. */
int store_fd(const struct store *store);
unsigned store_generation(const struct store *store);
bool store_wants_write(const struct store *store);
/* Reads what is there. Call when the descriptor is readable (or writable, when it wants that). */
void store_on_ready(struct store *store, int64_t now_us);
/* Looks after deadlines, probes and the heartbeat. Returns the time in us until it must be called
 * again; 0: some asks are done. */
int64_t store_tick(struct store *store, int64_t now_us);
/* The next asks whose round is over, or NULL. */
struct pipeline *store_next_done(struct store *store);

enum store_state store_circuit(const struct store *store, uint64_t *ret_failures,
                               int64_t *ret_opened_at_ms);
bool store_connected(const struct store *store);
size_t store_sent_count(const struct store *store);      /* commands sent and not answered */
const char *store_last_error(const struct store *store); /* why the last connection was lost */
/* Gives the counts and starts them anew. */
void store_consume_counts(struct store *store, struct store_counts *ret);

/* For programs that may wait (mastery-ctl): submits, waits, returns whether it was answered. */
bool store_wait(struct store *store, struct pipeline *a);

#endif
