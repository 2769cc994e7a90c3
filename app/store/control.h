/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands that a link (a connection to Redis) sends for itself: the handshake of a new
 * connection (AUTH, SELECT, loading of the Lua scripts, the clock, the schema number, the server's
 * role), and the heartbeat: ROLE and, when needed, the map of a cluster. This file makes the
 * commands and checks their replies; the link sends them. */
#ifndef STORE_CONTROL_H
#define STORE_CONTROL_H

#include "app/base/config.h"
#include "app/base/redis_url.h"
#include "app/store/pipeline.h"

enum { CONTROL_SERVER_ID_SIZE = 41, CONTROL_ERROR_SIZE = 400 };

struct control {
    struct arena *arena;      /* memory of the pipeline, reset for each handshake or heartbeat */
    struct pipeline pipeline; /* its status is PIPELINE_SUBMITTED until all replies have arrived */
    struct command *role_cmd; /* the last command: ROLE */
    /* Commands of a handshake that read the schema number (NULL in a heartbeat), the server's id
     * (or NULL) and Redis' clock (or NULL). */
    struct command *schema_cmd, *info_cmd, *time_cmd;
    struct command *mode_cmd;              /* HELLO of a handshake outside of a cluster, or NULL */
    struct command *epoch_cmd, *slots_cmd; /* read the map of a cluster, or NULL */
};

enum control_result {
    CONTROL_GOOD,
    CONTROL_FAILED, /* an error that may be temporary */
    /* not a master, or still loading its data; the error text names no host or user */
    CONTROL_WRONG_SERVER,
    /* the schema number is unknown to this program; a new connection would not help */
    CONTROL_UNUSABLE,
};

/* Initializes the struct, without commands. Returns false when out of memory. */
bool control_init(struct control *control);
/* Frees the memory of the commands. */
void control_release(struct control *control);
/* Replaces the commands by those of a heartbeat, which test whether the server still replies and is
 * the master. with_map: also read the map of the cluster. */
void control_make_heartbeat(struct control *control, bool with_map);
/* Replaces the commands by those of a handshake with the settings of config and url. writes_schema:
 * also store this program's schema number. */
void control_make_handshake(struct control *control, const struct config *config,
                            const struct redis_url *url, bool writes_schema);
/* Checks the replies to a handshake or heartbeat, which must all have arrived. Unless the result is
 * CONTROL_GOOD, ret_error receives the reason. */
enum control_result control_check(const struct control *control,
                                  char ret_error[CONTROL_ERROR_SIZE]);
/* Writes the run_id, which identifies the server and its present run, after a successful handshake;
 * "" if it was not requested (STORE_WAIT_REPLICAS is 0) or the reply has none. */
void control_server_id(const struct control *control, char ret_id[CONTROL_SERVER_ID_SIZE]);
/* Returns whether this server has the schema number (of the format of all records), after a
 * handshake; false if another node of the cluster has it. */
bool control_has_schema(const struct control *control);
/* Returns the reply to CLUSTER SLOTS, which says which node has which slots; NULL when there is
 * none. *ret_epoch: the cluster's epoch at that time, which rises with each failover. To be called
 * when all replies have arrived, even if some are errors. */
const redisReply *control_map(const struct control *control, int64_t *ret_epoch);

#endif
