/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The masters of a Redis Cluster that this process knows, and which slots each of them has. */
#ifndef STORE_MEMBERS_H
#define STORE_MEMBERS_H

#include "app/base/redis_url.h"
#include "app/store/node.h"
#include "app/store/slots.h"

/* A node of the cluster. Those of REDIS_URL are members too, until the map is known. */
struct member {
    struct redis_host host;
    struct node *node; /* NULL: this place in the table is free */
    bool serves;       /* it has slots */
    /* What members_watch.c has registered: the connection and whether to wait for writing. */
    unsigned watched_generation;
    bool watched_write;
};

enum { MEMBERS_MAX = 256 };

/* The table of the nodes, and the map: which of them has which slots. */
struct members {
    const struct config *config;
    const struct redis_url *url;
    struct clock_skew *clock;
    /* Settings for nodes that are added later: whether a handshake stores this program's schema
     * number (schema.h); milliseconds that Redis may block a connection. */
    bool writes_schema;
    int block_ms;
    struct member each[MEMBERS_MAX];
    size_t count;          /* places of `each` that were ever used; some may be free again */
    uint16_t owner[SLOTS]; /* 1 + index of the member; 0: none */
    bool has_map;
    int64_t epoch; /* of the map */
    size_t next;   /* position in `each` of the member that members_next_master() looks at first */
};

/* Frees the nodes. */
void members_release(struct members *members);
/* Returns the member with this address, which is added if there is none. NULL with the reason in
 * ret_error: out of memory, or too many. */
struct member *members_find(struct members *members, const struct redis_host *host,
                            char ret_error[200]);
/* Adds the nodes of REDIS_URL, to find the cluster by them. Any map counts as newer than the
 * present one then: a cluster that was made again may begin with a lower epoch. False with the
 * reason in ret_error if not even one could be added. */
bool members_add_seeds(struct members *members, char ret_error[200]);
/* The member that has the slot; NULL: none. */
const struct member *members_owner(const struct members *members, int slot);
/* A member that has slots, if possible one to which there is a connection; NULL: there is none. */
const struct member *members_any(const struct members *members);
/* The member with slots at position i of them; NULL: there are not so many. */
const struct member *members_serving(const struct members *members, size_t i);
/* A member that is a master now, with or without slots, another one each time so that all are
 * queried; NULL: there is none. */
const struct member *members_next_master(struct members *members);
/* How many members with slots are before this one; NULL: how many there are. */
size_t members_position(const struct members *members, const struct member *member);
/* Whether any member can be used now. */
bool members_have_master(const struct members *members);
/* How many members with slots are masters and reply now. */
size_t members_usable(const struct members *members, int64_t now_us);
/* A member that cannot be used, one with slots if there is such a one; NULL: all can be. */
const struct member *members_troubled(const struct members *members);
/* The worst state of the circuits, of the members with slots once the map is known, else of all. */
enum store_state members_circuit(const struct members *members, uint64_t *ret_failures,
                                 int64_t *ret_opened_at_ms);
/* Takes the maps that nodes have sent since the last call. A map older than the present one is left
 * out. Frees members that have no slots any more and nothing to do. */
void members_take_maps(struct members *members);

/* Where a node says that a command belongs. */
enum redirection {
    REDIRECTION_NONE,  /* the reply is no redirection */
    REDIRECTION_MOVED, /* *ret has the slot from now on */
    REDIRECTION_ONCE,  /* *ret executes the command, once (is_redirected) */
    REDIRECTION_LATER, /* no node executes it now */
};
/* Parses a reply of `from`. With REDIRECTION_MOVED the map is changed. */
enum redirection members_redirect(struct members *members, const struct member *from,
                                  const redisReply *reply, const struct member **ret);

#endif
