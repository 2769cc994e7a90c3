/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pipeline: the Redis commands that one owner (a request, or a job of the worker) sends together.
 * Several modules append their commands; store_submit() sends all of them; when all replies have
 * arrived, each module reads the replies to its commands. Commands and replies are in the owner's
 * arena (memory that is released as a whole).
 *
 * The functions that add commands do not report a lack of memory. They mark the pipeline as failed
 * instead, and a failed pipeline is not sent at all (PIPELINE_FAILED). */
#ifndef STORE_PIPELINE_H
#define STORE_PIPELINE_H

#include <hiredis/hiredis.h>

#include "app/base/arena.h"
#include "app/store/script.h"

/* Whether a command may change data. A COMMAND_READ changes nothing, so it may be sent a second
 * time when a connection breaks. */
enum command_kind { COMMAND_READ, COMMAND_WRITE };

enum { COMMAND_ARGC_MAX = 4000 }; /* arguments of one command, its name included */

struct command {
    enum command_kind kind;
    /* Lua script to call; NULL: a plain command, whose name is argv[0]. */
    const struct script *script;
    bool loaded; /* the whole script was sent, because Redis did not know its digest */
    /* in a cluster: a node has refused the command, and it was sent again. So it was executed after
     * commands that follow it, and a WAIT after it does not count it (replicas.c) */
    bool is_resent;
    bool is_redirected; /* goes to a node to which the slot of its key is being moved */
    int key_count;      /* number of keys at the start of argv; for scripts only */
    int argc;           /* number of texts in argv */
    const struct str *argv;
    /* start of an error reply that is expected and no failure; NULL: none */
    const char *usual_error;
    /* what the module that made the command needs to read the reply, in the arena; NULL: nothing */
    const void *context;
    redisReply *reply;    /* released with the pipeline's arena; NULL until it has arrived */
    struct command *next; /* next command of the same pipeline */
    struct pipeline *pipeline;
};

/* A server of a cluster that has executed writes of a pipeline. The owner waits for the replicas of
 * each such server (replicas.h). server_id: run id of the server (link_server_id); "" when it is
 * unknown. */
struct written {
    char server_id[41];
    struct written *next;
};

enum pipeline_status {
    PIPELINE_OPEN,      /* commands may be added */
    PIPELINE_SUBMITTED, /* the store owns it: it must not change, its arena must not be reset */
    PIPELINE_COMPLETE,  /* each command has its reply, which may be an error of Redis */
    PIPELINE_FAILED,    /* replies are missing; whether its writes were executed is unknown */
};

struct pipeline {
    struct arena *arena;
    void *owner;                   /* context of the owner, which the store does not use */
    struct command *first, **last; /* list of the commands; where to store the next one */
    size_t count, reply_count;     /* number of commands; of replies that have arrived */
    enum pipeline_status status;
    bool failed;     /* a command could not be added for lack of memory */
    bool has_writes; /* at least one command is a COMMAND_WRITE */
    bool retried;    /* true: the pipeline must not be sent again after a lost connection */
    /* the pipeline has no commands, and is completed by store_resume instead of by replies: its
     * owner waits for the result of another pipeline */
    bool is_parked;
    /* set by the owner: in a cluster its commands may be executed in any order */
    bool is_unordered;
    /* monotonic time when it was last written to the socket; before that, when it was submitted */
    int64_t submitted_us;
    /* set when it is complete: number of the connection (store_generation) whose server has
     * replied, which shows the owner whether that is still the present connection */
    unsigned generation;
    /* servers that have executed its writes; set when it is complete; only in a cluster */
    struct written *written;
    /* longest wait for its replies, in microseconds from submitted_us; 0 before it is submitted,
     * when the store sets it */
    int64_t limit_us;
    struct pipeline *next; /* next pipeline in the same queue */
};

/* A first-in, first-out queue of pipelines; zeroed: empty. `last` is only valid while `first` is
 * not NULL. */
struct pipeline_queue {
    struct pipeline *first, *last;
};

/* Adds the pipeline as the newest. */
void pipeline_queue_push(struct pipeline_queue *queue, struct pipeline *pipeline);
/* Removes and returns the oldest pipeline; NULL when the queue is empty. */
struct pipeline *pipeline_queue_pop(struct pipeline_queue *queue);

/* Adds a server to a list of servers that have executed writes, unless it is in the list. server_id
 * (at most 40 bytes) is copied to the arena. Returns false when out of memory. */
bool written_add(struct written **list, struct arena *arena, const char *server_id);
/* Adds copies of all servers of `from` to *list; so a request collects the servers of all its
 * pipelines. Returns false when out of memory. */
bool written_join(struct written **list, struct arena *arena, const struct written *from);

/* Makes an empty pipeline, whose commands and replies will be in the arena. owner: of use only to
 * the caller; NULL: none. */
void pipeline_init(struct pipeline *pipeline, struct arena *arena, void *owner);
/* Returns the microseconds that a submitted pipeline may still wait for its replies; 0 or less when
 * it has waited too long. */
int64_t pipeline_time_left_us(const struct pipeline *pipeline, int64_t now_us);
/* Removes all commands, so that the owner can add new ones. Replies stay valid until the arena is
 * reset. */
void pipeline_clear(struct pipeline *pipeline);
/* Moves all commands of `from` to the end of `into`. Both use the same arena. */
void pipeline_join(struct pipeline *into, struct pipeline *from);
/* Adds a command. The array argv is copied, but its texts are not: they must stay valid until the
 * pipeline is complete. A text with a NULL p counts as lack of memory, because arena_printf and
 * similar functions return such a text when memory is short. Never returns NULL: when out of
 * memory, the pipeline is marked as failed, and the result is a placeholder whose reply is always
 * NULL. */
struct command *pipeline_add(struct pipeline *pipeline, enum command_kind kind, int argc,
                             const struct str *argv);
/* Adds a call of a Lua script as a COMMAND_WRITE. argv begins with `keys` keys, which must all be
 * in one slot of a Redis Cluster; the arguments follow. argc counts both. */
struct command *pipeline_add_script(struct pipeline *pipeline, const struct script *script,
                                    int keys, int argc, const struct str *argv);
/* Adds the call of a Lua script that writes nothing, as a COMMAND_READ; otherwise like
 * pipeline_add_script. */
struct command *pipeline_add_read_script(struct pipeline *pipeline, const struct script *script,
                                         int keys, int argc, const struct str *argv);

/* Returns the decimal text of a number, for argv. Its p is NULL when out of memory. */
struct str command_int(struct arena *arena, int64_t value);

#endif
