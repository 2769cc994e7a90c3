/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The masters of a Redis Cluster that this process knows, and the slots of each. */
#ifndef STORE_MEMBERS_H
#define STORE_MEMBERS_H

#include "app/base/redis_url.h"
#include "app/store/node.h"
#include "app/store/slots.h"

/* A node of the cluster. Until the map is known, the nodes of REDIS_URL are members too. */
struct member {
    struct redis_host host;
    struct node *node; /* NULL: this element of the table is free */
    bool serves;       /* the node has slots */
    /* what members_watch.c has registered: which connection, and whether it waits for writing */
    unsigned watched_generation;
    bool watched_write;
};

enum { MEMBERS_MAX = 256 }; /* most nodes in the table */

/* The table of the nodes, and the map: which of them has which slots. */
struct members {
    const struct config *config;
    const struct redis_url *url;
    struct clock_skew *clock;
    /* Settings for nodes that are added later. writes_schema: a handshake stores this program's
     * schema number (schema.h). block_ms: milliseconds for which commands may block a connection.
     */
    bool writes_schema;
    int block_ms;
    struct member each[MEMBERS_MAX];
    size_t count;          /* elements of `each` that were ever used; some may be free again */
    uint16_t owner[SLOTS]; /* of each slot: 1 + index in `each` of its member; 0: none */
    bool has_map;          /* `owner` is known */
    int64_t epoch; /* epoch of the map: a number that rises with each change of the cluster */
    size_t next;   /* index in `each` at which members_next_master() starts to search */
};

/* Frees the nodes. */
void members_release(struct members *members);
/* Returns the member with this address, which is added if there is none. Returns NULL, with the
 * reason in ret_error, when out of memory or when there are too many. */
struct member *members_find(struct members *members, const struct redis_host *host,
                            char ret_error[200]);
/* Adds the nodes of REDIS_URL, through which the cluster is found, unless they are members already.
 * Any map then counts as newer than the present one, because a cluster that was created again may
 * begin with a lower epoch. Returns false, with the reason in ret_error, when not even one of the
 * nodes is a member afterwards. */
bool members_add_seeds(struct members *members, char ret_error[200]);
/* Returns the member that has the slot; NULL when none has. */
const struct member *members_owner(const struct members *members, int slot);
/* Returns a member that has slots, if possible one that has shown that it is a master now; NULL
 * when no member has slots. */
const struct member *members_any(const struct members *members);
/* Returns the member at index i among those with slots; NULL when there are fewer. */
const struct member *members_serving(const struct members *members, size_t i);
/* Returns a member that is a master now, with or without slots: another one at each call, so that
 * all of them are queried; NULL when there is none. */
const struct member *members_next_master(struct members *members);
/* Returns the number of members with slots before this one, or of all of them when member is NULL.
 */
size_t members_position(const struct members *members, const struct member *member);
/* Returns whether at least one member has shown that it is a master, and its circuit is closed. */
bool members_have_master(const struct members *members);
/* Returns the number of members with slots that are masters and reply now. */
size_t members_usable(const struct members *members, int64_t now_us);
/* Returns a member that cannot be used, preferably one with slots; NULL when all can be used. */
const struct member *members_troubled(const struct members *members);
/* Returns the worst state of the members' circuit breakers: of those with slots once the map is
 * known, before of all. *ret_failures: the most failures in a row of one of them.
 * *ret_opened_at_ms: when a breaker in the worst state opened (epoch ms); 0: all are closed. */
enum store_state members_circuit(const struct members *members, uint64_t *ret_failures,
                                 int64_t *ret_opened_at_ms);
/* Applies the maps that nodes have sent since the last call, except those older than the present
 * map. Frees members that have no slots any more and no work. */
void members_take_maps(struct members *members);

/* What a node replies about where a command belongs; *ret is that of members_redirect. */
enum redirection {
    REDIRECTION_NONE,  /* the reply is no redirection */
    REDIRECTION_MOVED, /* *ret has the slot from now on */
    REDIRECTION_ONCE,  /* only *ret may execute the command, and only once (is_redirected) */
    REDIRECTION_LATER, /* no node can execute it at present */
};
/* Parses the reply of the node `from` to a command. REDIRECTION_MOVED also changes the map. *ret:
 * the member that must execute the command; NULL for REDIRECTION_NONE and REDIRECTION_LATER. */
enum redirection members_redirect(struct members *members, const struct member *from,
                                  const redisReply *reply, const struct member **ret);

#endif
