/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A link is one connection to Redis: its write and read buffers, the queue of commands whose
 * replies are outstanding, the handshake of a new connection (AUTH, SELECT, loading of the Lua
 * scripts, check of the schema number and of the server's role), and the time limits of the
 * connection itself: of its handshake, and for its silence (commands wait, and no reply comes).
 *
 * Redis replies in the order of the commands, so a reply belongs to the oldest command of the
 * queue. A link does not decide about retries, the circuit breaker or the order of pipelines. Its
 * owner (node.c) decides, by the events that the functions return. After an event that ends the
 * connection the owner calls link_close() and then removes the commands without a reply from the
 * queue. The link never calls its owner. */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include "app/base/config.h"
#include "app/store/control.h"
#include "app/store/pipeline.h"

struct link;

enum { LINK_SERVER_ID_SIZE = CONTROL_SERVER_ID_SIZE };

enum link_event {
    LINK_IDLE,   /* nothing to do until the descriptor is ready */
    LINK_REPLY,  /* one command got its reply */
    LINK_READY,  /* all replies to the handshake, or to link_heartbeat, have arrived */
    LINK_BROKEN, /* the connection ended; a new one may work at once */
    /* The server said that it is no master or is loading its data, and all replies have arrived.
     * The address may lead to another server by now. */
    LINK_WRONG_SERVER,
    LINK_UNUSABLE,  /* Redis cannot be used: a new connection would fail in the same way */
    LINK_TIMED_OUT, /* the handshake took too long, or the link was silent for too long */
};

/* Creates a closed link to the server that redis_url names, or to the node `host` of the cluster.
 * NULL with the reason in ret_error: out of memory, redis_url is malformed, or a file for TLS
 * cannot be used. config must outlive the link. */
struct link *link_new(const struct config *config, const struct redis_host *host,
                      char ret_error[200]);
void link_free(struct link *link); /* accepts NULL */
/* From the next handshake on, the link stores this program's schema number in Redis (schema.h). */
void link_enable_schema_write(struct link *link);
/* Extends the longest silence by ms, for commands that Redis may block for so long. */
void link_allow_blocking(struct link *link, int ms);

/* Opens a connection and queues its handshake, without waiting for either, nor for the name server.
 * False: nothing is open, and link_error() has the reason. */
bool link_open(struct link *link, int64_t now_us);
/* Closes the connection, so that a late reply cannot be read as the reply to another command
 * (hazards H3). Commands of an unfinished handshake or heartbeat are removed from the queue, and
 * the number of all commands of it is returned, 0 if none was unfinished. All other commands
 * without a reply stay in the queue. */
size_t link_close(struct link *link);
bool link_is_open(const struct link *link);
/* True until Redis has confirmed AUTH, SELECT, the schema and its role of master on a new
 * connection. */
bool link_in_handshake(const struct link *link);
/* The command of the handshake that read Redis' clock (clock_skew.h), with its reply after
 * LINK_READY; NULL: the latest commands of the link were no handshake. */
const struct command *link_time_cmd(const struct link *link);
/* Identifies the server of the connection among all servers, and its present run. "": not known,
 * since the handshake is not confirmed or STORE_WAIT_REPLICAS is 0. */
const char *link_server_id(const struct link *link);
/* Whether the present connection has read the schema number, which in a cluster one node has. */
bool link_has_schema(const struct link *link);
/* Whether the latest connection has found a schema number that this program does not know. */
bool link_refuses_schema(const struct link *link);
/* Returns the map of the cluster (reply to CLUSTER SLOTS: which node has which slots) that the
 * latest handshake or heartbeat has brought, even one that failed since the server is a replica.
 * Each map is returned once; NULL: there is no new one. *ret_epoch: the cluster's epoch at that
 * time. The link owns the map, which is valid until the next link_open() or link_heartbeat(). */
const redisReply *link_take_map(struct link *link, int64_t *ret_epoch);
/* True once a reply has shown that the server is no master or is loading its data (hazards X1). No
 * more commands may be sent, and replies that still arrive must not be used: reads may be old. The
 * event LINK_WRONG_SERVER follows when all have arrived, so that the owner knows of each write
 * whether the server refused it. */
bool link_is_wrong_server(const struct link *link);
/* with_map: the heartbeat reads the map of the cluster too.
 * Queues a ROLE, which shows that the server replies and is still a master, unless the handshake or
 * an earlier ROLE has no reply yet, or link_is_wrong_server(). False: the owner must close the
 * link; it is out of memory, or the sentinels have named another server. */
bool link_heartbeat(struct link *link, bool with_map, int64_t now_us);

/* Appends the command to the write buffer and to the queue, if command->is_redirected after the
 * permission to execute it. False: out of memory; the command is in neither, but the permission may
 * be in both. */
bool link_send(struct link *link, struct command *command, int64_t now_us);
/* Writes as many bytes of the write buffer as the socket accepts. Returns LINK_IDLE, or an event
 * that ends the connection. Sets submitted_us of the pipelines whose commands link_send() has added
 * since the last call: their time limit starts here, so that a delay between link_send() and this
 * call does not count. */
enum link_event link_write(struct link *link, int64_t now_us);
/* Reads until the next event. To be called again after LINK_REPLY and LINK_READY, until it returns
 * another event. With LINK_REPLY, *ret_command is no longer in the queue and the caller owns
 * *ret_reply. When Redis replies that it does not know a Lua script, the link sends that script as
 * a whole; this is not an event. */
enum link_event link_read(struct link *link, int64_t now_us, struct command **ret_command,
                          redisReply **ret_reply);
/* Removes the oldest command from the queue of commands without a reply and returns it; NULL: no
 * owner waits for a reply any more. For a closed link. */
struct command *link_pop_sent(struct link *link);
/* The command at position i < link_sent_count() of the queue, 0 being the oldest. NULL: it is the
 * link's own, or its owner has given up. */
struct command *link_sent_at(const struct link *link, size_t i);
/* The owner of the command at position i gives up. The link does not use the command any more: it
 * reads the reply and discards it. */
void link_abandon(struct link *link, size_t i);

/* Microseconds until a time limit of the connection is reached, 0 or negative when it is;
 * INT64_MAX: nothing waits for a reply. */
int64_t link_time_left_us(const struct link *link, int64_t now_us);
/* LINK_TIMED_OUT if a time limit of the connection is reached, else LINK_IDLE. Call link_read()
 * first: the reply may have arrived while this process was busy. */
enum link_event link_check_time_limit(struct link *link, int64_t now_us);
/* Microseconds since the oldest command without a reply was written, even if its owner has given
 * up; 0: there is none. */
int64_t link_wait_us(const struct link *link, int64_t now_us);

/* link_fd: the socket; before it is there, a descriptor that becomes readable when the host name is
 * resolved or a sentinel has replied; -1 when closed. A new connection may get the same descriptor
 * number as the one before it; the generation differs for each connection. */
int link_fd(const struct link *link);
/* Number of the connection, another one after each opening and closing. A caller that stored the
 * earlier number sees by it that replies, or the descriptor, are of another connection. */
unsigned link_generation(const struct link *link);
/* Whether the socket must become writable before the link can go on; with TLS that may be so with
 * an empty buffer. */
bool link_wants_write(const struct link *link);
/* Number of commands that were given to link_send() and have no reply yet, the link's own and those
 * whose owner has given up among them. */
size_t link_sent_count(const struct link *link);
/* Why the latest connection failed or ended; "" before. */
const char *link_error(const struct link *link);
/* Records a reason that leaves the connection open. */
void link_record_error(struct link *link, const char *why);
/* The reason of link_error() if an operator has to do something, or wait: TLS, the sentinels, the
 * server's role, or it is loading its data; else NULL. Anybody may read it: it names no host or
 * user. */
const char *link_public_error(const struct link *link);

#endif
