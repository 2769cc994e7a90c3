/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A link is one connection to Redis: its write and read buffers, the queue of commands whose
 * replies are outstanding, the handshake of a new connection (AUTH, SELECT, loading of the Lua
 * scripts, check of the schema number and of the server's role), and the time limits of the
 * connection itself: of its handshake, and of its silence (commands wait, and no reply arrives).
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

/* bytes of a server's id (40 hexadecimal digits) with the NUL at its end */
enum { LINK_SERVER_ID_SIZE = CONTROL_SERVER_ID_SIZE };

enum link_event {
    LINK_IDLE,   /* nothing to do until the descriptor is ready */
    LINK_REPLY,  /* one command got its reply */
    LINK_READY,  /* all replies to the handshake, or to link_heartbeat, have arrived */
    LINK_BROKEN, /* the connection ended; a new one may work at once */
    /* the server is not a master or is loading its data, and all replies have arrived; by now the
     * address may lead to another server */
    LINK_WRONG_SERVER,
    LINK_UNUSABLE,  /* Redis cannot be used, and a new connection would fail in the same way */
    LINK_TIMED_OUT, /* the handshake took too long, or the link was silent for too long */
};

/* Creates a link without a connection: to `host`, a node of a cluster (copied), or, if host is
 * NULL, to the server that redis_url names. Returns NULL, with the reason in ret_error, when out of
 * memory, when redis_url is malformed, or when a file for TLS cannot be used. config must outlive
 * the link. */
struct link *link_new(const struct config *config, const struct redis_host *host,
                      char ret_error[200]);
void link_free(struct link *link); /* accepts NULL */
/* From the next handshake on, the link stores this program's schema number in Redis (schema.h). */
void link_enable_schema_write(struct link *link);
/* Lets the server be silent for ms milliseconds longer before the connection counts as failed: for
 * programs with commands such as WAIT, by which Redis may be blocked for so long. */
void link_allow_blocking(struct link *link, int ms);

/* Opens a connection and queues its handshake, without waiting for either or for the name server.
 * Returns false on failure, with the reason in link_error(); the link is then closed. */
bool link_open(struct link *link, int64_t now_us);
/* Closes the connection, so that a late reply cannot be mistaken for the reply to another command
 * (hazards H3). Removes the commands of an unfinished handshake or heartbeat from the queue, and
 * returns how many commands that handshake or heartbeat had; 0 if none was unfinished. All other
 * commands without a reply stay in the queue. */
size_t link_close(struct link *link);
bool link_is_open(const struct link *link);
/* Returns whether the handshake is running: its commands (AUTH, SELECT, the loading of the scripts,
 * GET of the schema number, ROLE) were queued, and not all have their replies. */
bool link_in_handshake(const struct link *link);
/* To be called when link_read has returned LINK_READY. Returns the command of the handshake that
 * has read Redis' clock (clock_skew.h); NULL if the latest commands that the link sent of its own
 * accord were a heartbeat (ROLE). */
const struct command *link_time_cmd(const struct link *link);
/* Returns the id of the server's present run, which identifies it among all servers; "" when
 * unknown, because the handshake is not confirmed or STORE_WAIT_REPLICAS is 0. */
const char *link_server_id(const struct link *link);
/* Returns whether the latest handshake has read the schema number (of the format of all records,
 * schema.h); in a cluster only one node has it. */
bool link_has_schema(const struct link *link);
/* Returns whether the latest handshake has found a schema number that this program does not know.
 */
bool link_refuses_schema(const struct link *link);
/* Returns the map of the cluster (reply to CLUSTER SLOTS: which node has which slots) from the
 * latest handshake or heartbeat, even if that failed because the server is a replica. Each map is
 * returned once; NULL when there is no new one. *ret_epoch: the cluster's epoch at that time. The
 * link owns the map, which is valid until the next link_open() or link_heartbeat(). */
const redisReply *link_take_map(struct link *link, int64_t *ret_epoch);
/* Returns true once a reply has shown that the server is not a master or is loading its data
 * (hazards X1). Then no more commands may be sent, and replies that still arrive must not be used,
 * because reads may be outdated. LINK_WRONG_SERVER follows when all replies have arrived, so that
 * the owner knows of each write whether the server refused it. */
bool link_is_wrong_server(const struct link *link);
/* Queues the command ROLE, whose reply shows that the server works and is still a master. Queues
 * nothing while the handshake or an earlier ROLE waits for replies, or when link_is_wrong_server().
 * with_map: also reads the map of the cluster. Returns false when the owner must close the link: it
 * is out of memory, or the sentinels have named another server. */
bool link_heartbeat(struct link *link, bool with_map, int64_t now_us);

/* Appends the command to the write buffer and to the queue. If command->is_redirected, appends the
 * permission to execute it before it (link_send_permission in link.c). Returns false when out of
 * memory: the command is in neither then, but the permission may be in both. */
bool link_send(struct link *link, struct command *command, int64_t now_us);
/* Writes as many bytes of the write buffer as the socket accepts. Returns LINK_IDLE, or an event
 * that ends the connection. Sets submitted_us of the pipelines whose commands were added by
 * link_send() since the last call: their time limit starts now, so that a delay between link_send()
 * and this call does not count. */
enum link_event link_write(struct link *link, int64_t now_us);
/* Reads until the next event. To be called again after LINK_REPLY and LINK_READY, until it returns
 * another event. With LINK_REPLY, *ret_command is no longer in the queue and the caller owns
 * *ret_reply. When Redis replies that it does not know a Lua script, the link sends that script as
 * a whole; this is not an event. */
enum link_event link_read(struct link *link, int64_t now_us, struct command **ret_command,
                          redisReply **ret_reply);
/* For a closed link: removes the oldest command from the queue of commands without a reply and
 * returns it, skipping abandoned ones; NULL when none is left. */
struct command *link_pop_sent(struct link *link);
/* Returns the command at position i < link_sent_count() of the queue, 0 being the oldest. NULL when
 * it is a command of the link's own (of a handshake or heartbeat), or was abandoned by its owner.
 */
struct command *link_sent_at(const struct link *link, size_t i);
/* Abandons the command at position i for its owner. The link does not use the command any more: it
 * reads the reply and discards it. */
void link_abandon(struct link *link, size_t i);

/* Returns the microseconds until a time limit of the connection (of its handshake, or of its
 * silence) is reached, 0 or less when it is; INT64_MAX when no reply is awaited. */
int64_t link_time_left_us(const struct link *link, int64_t now_us);
/* Returns LINK_TIMED_OUT if a time limit of the connection is reached, else LINK_IDLE. Call
 * link_read() first: the reply may have arrived while this process was busy. */
enum link_event link_check_time_limit(struct link *link, int64_t now_us);
/* Returns the microseconds since the oldest command without a reply was written, even if it was
 * abandoned by its owner; 0 when there is none. */
int64_t link_wait_us(const struct link *link, int64_t now_us);

/* Returns the socket or, before there is one, a descriptor that becomes readable when the host name
 * is resolved or a sentinel has replied; -1 when closed. A new connection may get the same
 * descriptor number as the previous one, but it has another link_generation(). */
int link_fd(const struct link *link);
/* Returns a number that changes when the connection is opened or closed, and when its descriptor
 * changes. A caller that has stored it can see whether replies, or the descriptor, belong to a
 * later connection. */
unsigned link_generation(const struct link *link);
/* Returns whether the link must wait until the socket is writable; with TLS this may be necessary
 * even when the write buffer is empty. */
bool link_wants_write(const struct link *link);
/* Returns the number of commands in the queue without a reply, including the link's own and those
 * that were abandoned by their owners. */
size_t link_sent_count(const struct link *link);
/* Returns the number of commands of the handshake or heartbeat that is in progress, with those that
 * have their reply; 0 when none is. */
size_t link_control_count(const struct link *link);
/* Returns why the latest connection failed or ended; "" when none has. */
const char *link_error(const struct link *link);
/* Makes `why` the result of link_error(), for a failure that leaves the connection open. */
void link_record_error(struct link *link, const char *why);
/* Returns the part of link_error() that may be shown to all, because it names no host or user:
 * reasons for which an operator must act or wait (TLS, the sentinels, the server's role or
 * loading). NULL for any other reason. */
const char *link_public_error(const struct link *link);

#endif
