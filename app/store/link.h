/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection to Redis: its write and read buffers, the queue of commands whose replies are
 * outstanding, the handshake of a new connection, and time limits.
 *
 * Redis replies in the order of the commands, so a reply belongs to the oldest command of the
 * queue. A link decides nothing about retries, the circuit or the order of pipelines: its owner
 * (store.c) does, and learns what happened from the return values. After an event that ends the
 * connection the owner calls link_close() and then takes the commands without a reply out of the
 * queue. The link never calls its owner. */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include "app/base/config.h"
#include "app/store/pipeline.h"

struct link;

enum link_event {
    LINK_IDLE,      /* nothing more to do until the descriptor is ready */
    LINK_REPLY,     /* a command got its reply */
    LINK_READY,     /* the handshake, or a PING of link_ping, got all its replies */
    LINK_BROKEN,    /* the connection ended: another one may work at once */
    LINK_UNUSABLE,  /* the peer cannot be used: another connection would fail the same way */
    LINK_TIMED_OUT, /* the oldest command got no reply in time */
};

/* NULL with the reason in ret_error: out of memory, or redis_url is malformed. */
struct link *link_new(const struct config *config, char ret_error[200]);
void link_free(struct link *link); /* accepts NULL */
/* From the next handshake on, writes this program's schema number (schema.h). */
void link_enable_schema_write(struct link *link);
/* Extends the time limit of commands by ms, for commands that Redis may block for so long. */
void link_allow_blocking(struct link *link, int ms);

/* Opens a connection and queues its handshake. False: link_error() says why, nothing is open. */
bool link_open(struct link *link, int64_t now_us);
/* Closes it, so that no late reply can be taken for that of another command (hazards H3). The
 * outstanding commands stay in the queue. Returns how many commands of an unfinished handshake or
 * PING were among them; those are removed. */
size_t link_close(struct link *link);
bool link_is_open(const struct link *link);
/* True until Redis has confirmed AUTH, SELECT and the schema of a new connection. */
bool link_in_handshake(const struct link *link);
/* Queues a PING, unless the handshake or an earlier PING is still outstanding. False: out of
 * memory, and the link must be closed. */
bool link_ping(struct link *link, int64_t now_us);

/* Appends the command to the write buffer and the queue. False: out of memory, nothing appended. */
bool link_send(struct link *link, struct command *command);
/* Writes what the socket accepts. LINK_IDLE, or an event that ends the connection. Time limits
 * start here: what delayed this call is not the fault of Redis. */
enum link_event link_write(struct link *link, int64_t now_us);
/* Reads up to the next event; to be called again until it returns anything but LINK_REPLY and
 * LINK_READY. With LINK_REPLY, *ret_command has left the queue and the caller owns *ret_reply.
 * A script that Redis does not know is sent again as a whole and is no event. */
enum link_event link_read(struct link *link, int64_t now_us, struct command **ret_command,
                          redisReply **ret_reply);
/* Removes the oldest command without a reply, NULL: none. For a closed link. */
struct command *link_pop_sent(struct link *link);

/* Microseconds until the oldest command is timed out, negative if it is; INT64_MAX: no command. */
int64_t link_time_left_us(const struct link *link, int64_t now_us);
/* LINK_TIMED_OUT if the oldest command is timed out, else LINK_IDLE. Call link_read() first: it may
 * be this process that was late, and the reply is there. */
enum link_event link_check_time_limit(struct link *link, int64_t now_us);
/* How long the oldest command has waited since it was written; 0: no command. */
int64_t link_wait_us(const struct link *link, int64_t now_us);
int64_t link_last_reply_us(const struct link *link); /* 0: there was none */

/* The descriptor, -1 when closed. The next connection may get the same number: its
 * generation differs. */
int link_fd(const struct link *link);
unsigned link_generation(const struct link *link);
bool link_wants_write(const struct link *link);
size_t link_sent_count(const struct link *link); /* commands without a reply */
const char *link_error(const struct link *link); /* why the last connection ended; "" at first */

#endif
