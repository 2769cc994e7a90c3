/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reports the state of a cluster and its nodes. Nothing here sends anything. */
#include "app/store/cluster_internal.h"

#include "app/store/keys.h"

/* ---- servers ---- */

const char *cluster_server_id(const struct cluster *cluster, struct str key)
{
    const struct member *member = members_owner(&cluster->members, slot_of_key(key));

    return member ? node_server_id(member->node) : "";
}

/* When a node has several shards, stores the first one. */
size_t cluster_spread(const struct cluster *cluster, unsigned *ret_shards, size_t max)
{
    bool has_shard[MEMBERS_MAX] = {false};
    size_t n = 0;

    for (unsigned shard = 0; shard < SHARDS && n < max; shard++) {
        char tag[KEY_SHARD_TAG_SIZE];
        const struct member *member;

        key_print_shard_tag(shard, tag);
        member = members_owner(&cluster->members, slot_of_key(str_of(tag)));
        if (!member || has_shard[member - cluster->members.each])
            continue;
        has_shard[member - cluster->members.each] = true;
        ret_shards[n++] = shard;
    }
    return n;
}

/* ---- state ---- */

int cluster_fd(const struct cluster *cluster)
{
    return cluster->watch.epoll_fd;
}

unsigned cluster_generation(const struct cluster *cluster)
{
    return cluster->watch.generation;
}

enum store_state cluster_circuit(const struct cluster *cluster, uint64_t *ret_failures,
                                 int64_t *ret_opened_at_ms)
{
    return members_circuit(&cluster->members, ret_failures, ret_opened_at_ms);
}

bool cluster_connected(const struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->members.count; i++) {
        if (cluster->members.each[i].node && node_connected(cluster->members.each[i].node))
            return true;
    }
    return false;
}

bool cluster_has_master(const struct cluster *cluster)
{
    return cluster->members.has_map && members_have_master(&cluster->members);
}

bool cluster_responsive(const struct cluster *cluster, int64_t now_us)
{
    return members_usable(&cluster->members, now_us) > 0;
}

bool cluster_is_degraded(const struct cluster *cluster, int64_t now_us)
{
    size_t with_slots = members_position(&cluster->members, NULL); /* NULL: counts all of them */

    return members_usable(&cluster->members, now_us) < with_slots;
}

size_t cluster_sent_count(const struct cluster *cluster)
{
    size_t n = 0;

    for (size_t i = 0; i < cluster->members.count; i++) {
        if (cluster->members.each[i].node)
            n += node_sent_count(cluster->members.each[i].node);
    }
    return n;
}

const char *cluster_last_error(const struct cluster *cluster)
{
    const struct member *member = members_troubled(&cluster->members);

    return member ? node_last_error(member->node) : cluster->error;
}

const char *cluster_public_error(const struct cluster *cluster)
{
    const struct member *member = members_troubled(&cluster->members);

    return member ? node_public_error(member->node) : NULL;
}

void cluster_consume_counts(struct cluster *cluster, struct store_counts *ret)
{
    *ret = cluster->counts;
    cluster->counts = (struct store_counts){0};
    for (size_t i = 0; i < cluster->members.count; i++) {
        struct store_counts counts;

        if (!cluster->members.each[i].node)
            continue;
        node_consume_counts(cluster->members.each[i].node, &counts);
        for (unsigned kind = COMMAND_READ; kind <= COMMAND_WRITE; kind++) {
            ret->ok[kind] += counts.ok[kind];
            ret->errors[kind] += counts.errors[kind];
            ret->timeouts[kind] += counts.timeouts[kind];
            ret->unavailable[kind] += counts.unavailable[kind];
        }
        ret->reconnects += counts.reconnects;
    }
}
