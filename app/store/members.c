/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The map of the cluster (which node has which slots) is the reply to CLUSTER SLOTS, which is sent
 * to each node in the handshake and when a map is needed, together with CLUSTER INFO for the epoch.
 * A node that was cut off has an old map. Of two maps, the one that came with the higher epoch is
 * later: the cluster's epoch rises with each failover and each slot that is moved. */
#include "app/store/members.h"

#include <stdio.h>
#include <string.h>

#include "app/store/reply.h"

void members_release(struct members *members)
{
    for (size_t i = 0; i < members->count; i++)
        node_free(members->each[i].node);
    members->count = 0;
}

/* ---- the table ---- */

/* Returns whether the member has this address; false for a free element of the table. */
static bool member_is_at(const struct member *member, const struct redis_host *host)
{
    return member->node && member->host.port == host->port &&
           strcmp(member->host.name, host->name) == 0;
}

/* Makes a node in a free element of the table. Returns NULL, with the reason in ret_error, when the
 * table is full or memory is short. */
static struct member *members_add(struct members *members, const struct redis_host *host,
                                  char ret_error[200])
{
    size_t i = 0;
    struct member *member;

    while (i < members->count && members->each[i].node)
        i++;
    if (i == MEMBERS_MAX) {
        (void)snprintf(ret_error, 200, "the Redis Cluster has more than %d masters", MEMBERS_MAX);
        return NULL;
    }
    member = &members->each[i];
    *member = (struct member){.host = *host};
    member->node = node_new(members->config, host, members->clock, ret_error);
    if (!member->node)
        return NULL;
    if (members->writes_schema)
        node_enable_schema_write(member->node);
    node_allow_blocking(member->node, members->block_ms);
    if (i == members->count)
        members->count++;
    return member;
}

struct member *members_find(struct members *members, const struct redis_host *host,
                            char ret_error[200])
{
    for (size_t i = 0; i < members->count; i++) {
        if (member_is_at(&members->each[i], host))
            return &members->each[i];
    }
    return members_add(members, host, ret_error);
}

bool members_add_seeds(struct members *members, char ret_error[200])
{
    bool added = false;

    members->epoch = 0;
    for (size_t i = 0; i < members->url->host_count; i++)
        added = members_find(members, &members->url->hosts[i], ret_error) || added;
    return added;
}

const struct member *members_owner(const struct members *members, int slot)
{
    return members->owner[slot] > 0 ? &members->each[members->owner[slot] - 1] : NULL;
}

const struct member *members_serving(const struct members *members, size_t i)
{
    for (size_t k = 0; k < members->count; k++) {
        if (members->each[k].serves && i-- == 0)
            return &members->each[k];
    }
    return NULL;
}

const struct member *members_any(const struct members *members)
{
    const struct member *found = members_serving(members, 0), *member;

    for (size_t i = 0; (member = members_serving(members, i)); i++) {
        if (node_has_master(member->node))
            return member;
    }
    return found;
}

const struct member *members_next_master(struct members *members)
{
    for (size_t tried = 0; tried < members->count; tried++) {
        const struct member *member = &members->each[members->next++ % members->count];

        if (member->node && node_has_master(member->node))
            return member;
    }
    return NULL;
}

bool members_have_master(const struct members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        if (members->each[i].node && node_has_master(members->each[i].node))
            return true;
    }
    return false;
}

size_t members_position(const struct members *members, const struct member *member)
{
    size_t at = 0;

    for (size_t i = 0; i < members->count && &members->each[i] != member; i++)
        at += members->each[i].serves;
    return at;
}

size_t members_usable(const struct members *members, int64_t now_us)
{
    size_t n = 0;

    for (size_t i = 0; i < members->count; i++) {
        const struct member *member = &members->each[i];

        n += member->serves && node_has_master(member->node) &&
             node_responsive(member->node, now_us);
    }
    return n;
}

const struct member *members_troubled(const struct members *members)
{
    const struct member *found = NULL;

    for (size_t i = 0; i < members->count; i++) {
        const struct member *member = &members->each[i];

        if (member->node && !node_has_master(member->node) && (!found || member->serves))
            found = member;
    }
    return found;
}

enum store_state members_circuit(const struct members *members, uint64_t *ret_failures,
                                 int64_t *ret_opened_at_ms)
{
    enum store_state worst = STORE_CLOSED_CIRCUIT;

    *ret_failures = 0;
    *ret_opened_at_ms = 0;
    for (size_t i = 0; i < members->count; i++) {
        const struct member *member = &members->each[i];
        uint64_t failures;
        int64_t opened_at_ms;
        enum store_state state;

        if (!member->node || (members->has_map && !member->serves))
            continue;
        state = node_circuit(member->node, &failures, &opened_at_ms);
        if (failures > *ret_failures)
            *ret_failures = failures;
        if (state == STORE_CLOSED_CIRCUIT || worst == STORE_OPEN_CIRCUIT)
            continue;
        worst = state;
        *ret_opened_at_ms = opened_at_ms;
    }
    return worst;
}

/* ---- addresses in replies ---- */

/* Parses the address of a node. A node that does not know an address, or must hide it, replies
 * an empty name or "?": the address is then the one by which `from` is reached. */
static bool members_parse_host(struct str name, int64_t port, const struct member *from,
                               struct redis_host *ret)
{
    *ret = (struct redis_host){.port = (int)port};
    if (name.n == 0 || str_equal(name, STR("?")))
        name = str_of(from->host.name);
    if (name.n >= sizeof(ret->name))
        return false;
    memcpy(ret->name, name.p, name.n);
    return true;
}

/* Parses the master of a slot range in the reply of the node `from` to CLUSTER SLOTS: [name, port,
 * id, ...]. The name may be nil, for which members_parse_host uses the name of `from`. */
static bool members_parse_master(const redisReply *reply, const struct member *from,
                                 struct redis_host *ret)
{
    struct str name = {"", 0};
    int64_t port;

    if (reply_text(reply_at(reply, 0), &name) == REPLY_ERROR ||
        reply_int(reply_at(reply, 1), &port) != REPLY_OK || port < 1 || port > 65535)
        return false;
    return members_parse_host(name, port, from, ret);
}

/* ---- the map ---- */

/* Assigns the slots of a range, [first, last, master, replica ...], to its master. A range that
 * cannot be read, or whose master has no room in the table, stays without one. */
static void members_apply_range(struct members *members, const struct member *from,
                                const redisReply *range)
{
    struct redis_host host;
    struct member *member;
    char ignored[200];
    int64_t first, last;

    if (reply_int(reply_at(range, 0), &first) != REPLY_OK ||
        reply_int(reply_at(range, 1), &last) != REPLY_OK || first < 0 || last >= SLOTS ||
        !members_parse_master(reply_at(range, 2), from, &host))
        return;
    member = members_find(members, &host, ignored);
    if (!member)
        return;
    member->serves = true;
    for (int64_t slot = first; slot <= last; slot++)
        members->owner[slot] = (uint16_t)(member - members->each + 1);
}

/* Replaces the map by the reply of the node `from` to CLUSTER SLOTS, unless it is older than the
 * present map. epoch: that of the cluster when the node replied. A reply without ranges is ignored:
 * that node does not belong to the cluster yet. */
static void members_apply(struct members *members, const struct member *from,
                          const redisReply *reply, int64_t epoch)
{
    if (epoch < members->epoch || reply->elements == 0)
        return;
    members->epoch = epoch;
    members->has_map = true;
    memset(members->owner, 0, sizeof(members->owner));
    for (size_t i = 0; i < members->count; i++)
        members->each[i].serves = false;
    for (size_t i = 0; i < reply->elements; i++)
        members_apply_range(members, from, reply_at(reply, i));
}

/* Frees the nodes that have no slots and no work. One of them may be about to get a slot, so that
 * other nodes redirect single commands to it (REDIRECTION_ONCE): the next such command adds it
 * again. */
static void members_free_idle(struct members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        struct member *member = &members->each[i];

        if (member->serves || !member->node || !node_is_idle(member->node))
            continue;
        node_free(member->node);
        *member = (struct member){.node = NULL};
    }
}

void members_take_maps(struct members *members)
{
    bool has_changed = false;
    const redisReply *reply;
    int64_t epoch;

    for (size_t i = 0; i < members->count; i++) {
        const struct member *member = &members->each[i];

        if (!member->node || !(reply = node_take_map(member->node, &epoch)))
            continue;
        members_apply(members, member, reply, epoch);
        has_changed = true;
    }
    if (has_changed && members->has_map)
        members_free_idle(members);
}

/* ---- redirections ---- */

/* Parses "MOVED 3999 127.0.0.1:6381", or the reply for REDIRECTION_ONCE, which has the same form:
 * slot, host and port. Without a host, that of `from`, the node that has replied, is used. The port
 * follows the last colon, because an IPv6 address has no brackets. Returns false for any other
 * text, such as TRYAGAIN. */
static bool members_parse_moved(struct str text, const struct member *from, int64_t *ret_slot,
                                struct redis_host *ret)
{
    const char *colon;
    struct str slot;
    int64_t port;

    (void)str_cut(&text, ' ');
    slot = str_cut(&text, ' ');
    colon = text.n > 0 ? memrchr(text.p, ':', text.n) : NULL;
    if (!colon || !str_to_int64(slot, 0, SLOTS - 1, ret_slot) ||
        !str_to_int64((struct str){colon + 1, (size_t)(text.p + text.n - colon) - 1}, 1, 65535,
                      &port))
        return false;
    return members_parse_host((struct str){text.p, (size_t)(colon - text.p)}, port, from, ret);
}

enum redirection members_redirect(struct members *members, const struct member *from,
                                  const redisReply *reply, const struct member **ret)
{
    struct redis_host host;
    struct member *found;
    struct str text;
    char ignored[200];
    int64_t slot;

    *ret = NULL;
    if (!reply_is_redirection(reply))
        return REDIRECTION_NONE;
    text = (struct str){reply->str, reply->len};
    if (!members_parse_moved(text, from, &slot, &host) ||
        !(found = members_find(members, &host, ignored)))
        return REDIRECTION_LATER;
    *ret = found;
    if (str_starts_with(text, STR("ASK ")))
        return REDIRECTION_ONCE;
    found->serves = true;
    members->owner[slot] = (uint16_t)(found - members->each + 1);
    return REDIRECTION_MOVED;
}
