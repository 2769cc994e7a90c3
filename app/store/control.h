/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A link's own commands: the handshake of a new connection (AUTH, SELECT, loading of the Lua
 * scripts, the clock, the schema number, the server's role), and the heartbeat, which is ROLE
 * alone, or with the map of a cluster. The link sends them and brings the replies. */
#ifndef STORE_CONTROL_H
#define STORE_CONTROL_H

#include "app/base/config.h"
#include "app/base/redis_url.h"
#include "app/store/pipeline.h"

enum { CONTROL_SERVER_ID_SIZE = 41, CONTROL_ERROR_SIZE = 400 };

struct control {
    struct arena *arena;      /* memory of the pipeline, reset for each handshake or heartbeat */
    struct pipeline pipeline; /* submitted: not all replies have arrived */
    struct command *role_cmd; /* the last command: ROLE */
    /* Of the handshake: commands that read the schema number (NULL: it is a heartbeat), identify
     * the server (or NULL), and read Redis' clock (or NULL). */
    struct command *schema_cmd, *info_cmd, *time_cmd;
    struct command *mode_cmd;              /* HELLO of a handshake outside of a cluster, or NULL */
    struct command *epoch_cmd, *slots_cmd; /* read the map of a cluster, or NULL */
};

enum control_result {
    CONTROL_GOOD,
    CONTROL_FAILED,       /* an error that may be temporary */
    CONTROL_WRONG_SERVER, /* no master, or it is loading its data; the text names no host or user */
    /* The schema number is one that this program does not know; a new connection would not help. */
    CONTROL_UNUSABLE,
};

/* Prepares a link's own commands (handshake, heartbeat); there are none yet. Returns false when out
 * of memory. */
bool control_init(struct control *control);
/* Frees the memory of the commands. */
void control_release(struct control *control);
/* Replaces the commands by those of a heartbeat, which test whether the server still replies and is
 * the master. with_map: it also reads the map of the cluster. */
void control_make_heartbeat(struct control *control, bool with_map);
/* Replaces the commands by those of a handshake with the settings of config and url. writes_schema:
 * it stores this program's schema number. */
void control_make_handshake(struct control *control, const struct config *config,
                            const struct redis_url *url, bool writes_schema);
/* Checks the replies, which have all arrived. ret_error: why they are not good. */
enum control_result control_check(const struct control *control,
                                  char ret_error[CONTROL_ERROR_SIZE]);
/* To be called after a good handshake. Writes the run_id, which identifies the server and its
 * present run; "" if it was not requested (STORE_WAIT_REPLICAS is 0) or the reply has none. */
void control_server_id(const struct control *control, char ret_id[CONTROL_SERVER_ID_SIZE]);
/* Of a handshake: false if another node of the cluster has the schema number. */
bool control_has_schema(const struct control *control);
/* The reply to CLUSTER SLOTS, which says which node has which slots, and the cluster's epoch at
 * that time, which rises with each failover. To be called when all replies have arrived, good or
 * not. NULL: there is none. */
const redisReply *control_map(const struct control *control, int64_t *ret_epoch);

#endif
