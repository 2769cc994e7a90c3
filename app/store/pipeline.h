/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pipeline: the Redis commands that one owner (a request, a job of the worker) sends together.
 * Module after module appends its commands; store_submit() sends them, and when all replies have
 * arrived the owner looks at each command's reply. Commands and replies live in the owner's arena.
 *
 * Running out of memory never shows at the single call: it marks the pipeline as failed, and a
 * failed pipeline is not sent at all (PIPELINE_FAILED). */
#ifndef STORE_PIPELINE_H
#define STORE_PIPELINE_H

#include <hiredis/hiredis.h>

#include "app/base/arena.h"
#include "app/store/script.h"

/* COMMAND_READ changes nothing and may be sent a second time when a connection breaks. */
enum command_kind { COMMAND_READ, COMMAND_WRITE };

enum { COMMAND_ARGC_MAX = 4000 }; /* arguments of one command, its name included */

struct command {
    enum command_kind kind;
    const struct script *script; /* NULL: a plain command, whose name is argv[0] */
    bool loaded;                 /* the whole script was sent, because Redis replied NOSCRIPT */
    int key_count;               /* for a script: the first key_count of argv are keys */
    int argc;
    const struct str *argv;
    redisReply *reply;    /* released with the pipeline's arena; NULL until it has arrived */
    struct command *next; /* in its pipeline */
    struct pipeline *pipeline;
    struct command *next_sent; /* in the link's queue of commands without a reply */
};

enum pipeline_status {
    PIPELINE_OPEN,      /* commands may be added */
    PIPELINE_SUBMITTED, /* the store has it: it must not change, its arena must not be reset */
    PIPELINE_COMPLETE,  /* each command has its reply, which may be an error of Redis */
    PIPELINE_FAILED,    /* replies are missing; whether its writes were executed is unknown */
};

struct pipeline {
    struct arena *arena;
    void *owner; /* not used by the store */
    struct command *first, **last;
    size_t count, reply_count;
    enum pipeline_status status;
    bool failed; /* a command could not be added: out of memory */
    bool has_writes;
    bool retried;                 /* was sent a second time */
    int64_t submitted_us;         /* when its last bytes were written; before that, submitted */
    struct command *replica_wait; /* WAIT, appended to writes by the store */
    struct pipeline *next;        /* in a queue of the store */
};

void pipeline_init(struct pipeline *pipeline, struct arena *arena, void *owner);
/* Empties it for the next commands. Replies stay valid until the arena is reset. */
void pipeline_clear(struct pipeline *pipeline);
/* Moves all commands of `from` to the end of `into`. Both use the same arena. */
void pipeline_join(struct pipeline *into, struct pipeline *from);
/* Adds a command. argv is copied but not the texts, which must stay valid until the pipeline is
 * complete. A text with p NULL counts as out of memory, because arena_printf and its like return
 * such a text then. Never NULL: when out of memory the pipeline is marked as failed and the command
 * returned is a placeholder without a reply. */
struct command *pipeline_add(struct pipeline *pipeline, enum command_kind kind, int argc,
                             const struct str *argv);
/* Adds a call of a script: argv is its keys, all of one cluster slot, then its arguments. */
struct command *pipeline_add_script(struct pipeline *pipeline, const struct script *script,
                                    int keys, int argc, const struct str *argv);
/* The same for a script that writes nothing: a COMMAND_READ. */
struct command *pipeline_add_read_script(struct pipeline *pipeline, const struct script *script,
                                         int keys, int argc, const struct str *argv);

/* A number as decimal text for argv; p NULL when out of memory. */
struct str command_int(struct arena *arena, int64_t value);

#endif
