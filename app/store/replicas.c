/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pipelines that wait for replicas are in two queues: `covered` by the WAIT that Redis is
 * executing, and `added` after that WAIT was sent. The reply to WAIT finishes the covered ones, or
 * makes them wait for the next WAIT together with the added ones. The connection is a whole store:
 * handshake, probes and time limits are the same as for the main one.
 *
 * In a cluster each master that has written gets a WAIT of its own. The WAIT follows a write to a
 * key of that master, and so goes to the same node. */
#include "app/store/replicas.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/store/keys.h"
#include "app/store/link.h"
#include "app/store/reply.h"

enum {
    /* longest time that Redis blocks for one WAIT; short, because writes that arrive meanwhile must
     * wait for the next WAIT */
    REPLICAS_BLOCK_MS = 100,
    /* first and greatest size of the memory of one WAIT, in bytes */
    REPLICAS_ARENA_SIZE = 1024,
    REPLICAS_ARENA_MAX = 65536,
};
/* Pause after a WAIT that could not be sent or was refused. */
static const int64_t REPLICAS_RETRY_US = 100000;

/* The WAIT to one server, and the pipelines that wait for the replicas of this server. */
struct replicas_group {
    /* id of the server that has executed the writes of the pipelines in `added` and `covered` */
    char server_id[LINK_SERVER_ID_SIZE];
    struct arena *arena;      /* memory of one WAIT */
    struct pipeline pipeline; /* has mark_cmd and wait_cmd */
    /* a small write, and the WAIT after it: a replica that has this write has all earlier ones */
    struct command *mark_cmd, *wait_cmd;
    bool is_sent;    /* a WAIT was sent and has no reply yet */
    int64_t next_us; /* earliest time of the next WAIT */
    unsigned shard;  /* shard whose key was written before the latest WAIT; only in a cluster */
    struct pipeline_queue added, covered;
    struct replicas_group *next;
};

struct replicas {
    const struct config *config;
    struct store *store;
    struct replicas_group *groups; /* list of groups: one, or in a cluster one for each master */
    struct pipeline_queue done;
};

/* Adds a group: the WAIT to one server, and the pipelines that wait for its replicas. Returns NULL
 * when out of memory. */
static struct replicas_group *replicas_add_group(struct replicas *replicas)
{
    struct replicas_group *group = calloc(1, sizeof(*group));

    if (group)
        group->arena = arena_new(REPLICAS_ARENA_SIZE, REPLICAS_ARENA_MAX);
    if (!group || !group->arena) {
        free(group);
        return NULL;
    }
    group->next = replicas->groups;
    replicas->groups = group;
    return group;
}

struct replicas *replicas_new(const struct config *config, char ret_error[200])
{
    struct replicas *replicas = calloc(1, sizeof(*replicas));

    if (!replicas || !replicas_add_group(replicas)) {
        (void)snprintf(ret_error, 200, "out of memory");
        replicas_free(replicas);
        return NULL;
    }
    replicas->config = config;
    replicas->store = store_new(config, ret_error);
    if (!replicas->store) {
        replicas_free(replicas);
        return NULL;
    }
    store_allow_blocking(replicas->store, REPLICAS_BLOCK_MS);
    return replicas;
}

void replicas_free(struct replicas *replicas)
{
    struct replicas_group *group, *next;

    if (!replicas)
        return;
    store_free(replicas->store);
    for (group = replicas->groups; group; group = next) {
        next = group->next;
        arena_free(group->arena);
        free(group);
    }
    free(replicas);
}

struct store *replicas_store(struct replicas *replicas)
{
    return replicas->store;
}

/* Moves all pipelines of `from` to the end of `to`. */
static void replicas_move(struct pipeline_queue *from, struct pipeline_queue *to)
{
    struct pipeline *pipeline;

    while ((pipeline = pipeline_queue_pop(from)))
        pipeline_queue_push(to, pipeline);
}

/* Ends the wait of a pipeline; replicas_next_done returns it to its owner. */
static void replicas_finish(struct replicas *replicas, struct pipeline *pipeline,
                            enum pipeline_status status)
{
    pipeline->status = status;
    pipeline_queue_push(&replicas->done, pipeline);
}

/* Called when a pipeline waits for writes to another server than the earlier pipelines of the
 * group. From now on WAIT is sent to the new server, and says nothing about writes to the old one,
 * so the pipelines that wait for those fail. */
static void replicas_change_server(struct replicas *replicas, struct replicas_group *group,
                                   const char *server_id)
{
    struct pipeline *pipeline;

    replicas_move(&group->added, &group->covered);
    while ((pipeline = pipeline_queue_pop(&group->covered)))
        replicas_finish(replicas, pipeline, PIPELINE_FAILED);
    (void)snprintf(group->server_id, sizeof(group->server_id), "%s", server_id);
}

/* Returns the group of a server. Without a cluster there is one group, which changes its server. A
 * new server of a cluster gets a group in which no pipeline waits, if there is one, so that groups
 * of former servers do not accumulate: a server has a new id after each restart. Returns NULL when
 * out of memory. */
static struct replicas_group *replicas_group_of(struct replicas *replicas, const char *server_id)
{
    struct replicas_group *group = replicas->groups, *idle = NULL;

    for (; group; group = group->next) {
        if (strcmp(group->server_id, server_id) == 0)
            return group;
        if (!group->is_sent && !group->added.first)
            idle = group;
    }
    if (!store_is_cluster(replicas->store))
        group = replicas->groups;
    else
        group = idle ? idle : replicas_add_group(replicas);
    if (group)
        replicas_change_server(replicas, group, server_id);
    return group;
}

void replicas_submit(struct replicas *replicas, struct pipeline *pipeline, const char *server_id,
                     int64_t now_us)
{
    struct replicas_group *group = replicas_group_of(replicas, server_id);

    pipeline->status = PIPELINE_SUBMITTED;
    pipeline->submitted_us = now_us;
    if (group)
        pipeline_queue_push(&group->added, pipeline);
    else
        replicas_finish(replicas, pipeline, PIPELINE_FAILED);
}

/* Returns the key to write before WAIT: in a cluster one whose slot the server has, searched from
 * the shard that was used last (group->shard). Its p is NULL when no such slot is known, or when
 * memory is short. */
static struct str replicas_key(const struct replicas *replicas, struct replicas_group *group)
{
    if (!store_is_cluster(replicas->store))
        return key_replicated;
    for (unsigned i = 0; i < SHARDS; i++, group->shard = (group->shard + 1) % SHARDS) {
        struct str key = key_shard_record(group->arena, group->shard, SHARD_KEY_REPLICATED);

        if (key.p && strcmp(store_server_id_of(replicas->store, key), group->server_id) == 0)
            return key;
    }
    return (struct str){NULL, 0};
}

/* Sends a small write and WAIT for all pipelines in `added`, which move to `covered`. The small
 * write is needed because WAIT counts only the replicas that have the earlier writes of its own
 * connection. Redis executes it after all writes of these pipelines, so a replica that has it also
 * has those. */
static void replicas_send_wait(struct replicas *replicas, struct replicas_group *group,
                               int64_t now_us)
{
    struct pipeline *pipeline = &group->pipeline;
    struct arena *arena = group->arena;
    struct str key;

    arena_reset(arena);
    pipeline_init(pipeline, arena, group);
    key = replicas_key(replicas, group);
    if (!key.p) {
        group->next_us = now_us + REPLICAS_RETRY_US;
        return;
    }
    group->mark_cmd =
        pipeline_add(pipeline, COMMAND_WRITE, 3, (struct str[]){STR("SET"), key, STR("1")});
    group->wait_cmd = pipeline_add(
        pipeline, COMMAND_WRITE, 3,
        (struct str[]){STR("WAIT"), command_int(arena, replicas->config->store_wait_replicas),
                       command_int(arena, REPLICAS_BLOCK_MS)});
    replicas_move(&group->added, &group->covered);
    group->is_sent = true;
    store_submit(replicas->store, pipeline, now_us);
}

/* Returns whether the small write and WAIT (replicas_send_wait) were executed by the server that
 * has executed the writes of the group; false when the id of that server is unknown (""). In a
 * cluster the list `written` has the servers that have executed one of the two commands: two
 * servers when a node has redirected one of the commands. */
static bool replicas_are_of_same_server(const struct replicas *replicas,
                                        const struct replicas_group *group)
{
    const struct written *written = group->pipeline.written;

    if (!*group->server_id)
        return false;
    if (store_is_cluster(replicas->store))
        return written && !written->next && strcmp(written->server_id, group->server_id) == 0;
    return strcmp(store_server_id(replicas->store), group->server_id) == 0;
}

/* Returns whether enough replicas have the small write before WAIT, and so also the earlier writes
 * of the pipelines to the same server. A server that has itself become a replica refuses the small
 * write. If a node of a cluster has refused the small write, it was sent again after WAIT, which no
 * node refuses: the reply to WAIT then says nothing. */
static bool replicas_have_all(const struct replicas *replicas, const struct replicas_group *group)
{
    int64_t count = 0;

    return group->pipeline.status == PIPELINE_COMPLETE &&
           replicas_are_of_same_server(replicas, group) &&
           reply_status(group->mark_cmd->reply) == REPLY_OK && !group->mark_cmd->is_resent &&
           reply_int(group->wait_cmd->reply, &count) == REPLY_OK &&
           count >= replicas->config->store_wait_replicas;
}

/* Processes the replies to the small write and WAIT. When too few replicas have the write, the next
 * WAIT is sent at once, because Redis has already blocked for a while. After a failure, or when
 * another server has replied, it is sent after a pause. */
static void replicas_on_reply(struct replicas *replicas, struct replicas_group *group,
                              int64_t now_us)
{
    struct pipeline *pipeline;
    struct problem ignored = {.code = PROBLEM_NONE};

    group->is_sent = false;
    if (replicas_have_all(replicas, group)) {
        while ((pipeline = pipeline_queue_pop(&group->covered)))
            replicas_finish(replicas, pipeline, PIPELINE_COMPLETE);
        return;
    }
    if (!pipeline_check_replies(&group->pipeline, &ignored) ||
        !replicas_are_of_same_server(replicas, group))
        group->next_us = now_us + REPLICAS_RETRY_US;
    /* the pipelines of this WAIT wait for the next one, in front of those added later */
    replicas_move(&group->added, &group->covered);
    group->added = group->covered;
    group->covered = (struct pipeline_queue){NULL, NULL};
}

struct pipeline *replicas_next_done(struct replicas *replicas, int64_t now_us)
{
    const struct pipeline *wait;

    while ((wait = store_next_done(replicas->store)))
        replicas_on_reply(replicas, wait->owner, now_us);
    return pipeline_queue_pop(&replicas->done);
}

/* Fails the pipelines of the queue that have waited too long. Returns the microseconds until the
 * next one will have; INT64_MAX when none is left. */
static int64_t replicas_fail_late(struct replicas *replicas, struct pipeline_queue *queue,
                                  int64_t now_us)
{
    struct pipeline_queue all = *queue;
    struct pipeline *pipeline;
    int64_t next_us = INT64_MAX;

    *queue = (struct pipeline_queue){NULL, NULL};
    while ((pipeline = pipeline_queue_pop(&all))) {
        int64_t left_us = pipeline_time_left_us(pipeline, now_us);

        if (left_us <= 0) {
            replicas_finish(replicas, pipeline, PIPELINE_FAILED);
            continue;
        }
        pipeline_queue_push(queue, pipeline);
        next_us = min_us(next_us, left_us);
    }
    return next_us;
}

/* Fails the pipelines of one server that have reached their limit, in `added` (no WAIT sent yet)
 * and in `covered` (by the WAIT that was sent), and sends the next WAIT. Returns the microseconds
 * until a limit or the next WAIT is due; INT64_MAX when no pipeline waits. */
static int64_t replicas_tick_group(struct replicas *replicas, struct replicas_group *group,
                                   int64_t now_us)
{
    int64_t next_us = min_us(replicas_fail_late(replicas, &group->added, now_us),
                             replicas_fail_late(replicas, &group->covered, now_us));

    if (group->added.first && !group->is_sent && now_us >= group->next_us)
        replicas_send_wait(replicas, group, now_us);
    if (group->added.first && !group->is_sent)
        next_us = min_us(next_us, group->next_us - now_us);
    return next_us;
}

int64_t replicas_tick(struct replicas *replicas, int64_t now_us)
{
    int64_t next_us = INT64_MAX;

    for (struct replicas_group *group = replicas->groups; group; group = group->next)
        next_us = min_us(next_us, replicas_tick_group(replicas, group, now_us));
    store_flush(replicas->store, now_us);
    next_us = min_us(next_us, store_tick(replicas->store, now_us));
    return replicas->done.first ? 0 : next_us;
}
