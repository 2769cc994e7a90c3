/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sends pipelines (commands of one owner) to a cluster. The commands of a pipeline are divided into
 * parts, one for each node; the divided pipeline is called a split. Its path through this file:
 *
 *   cluster_submit -> (waiting) -> cluster_send_phase -> node_submit of each part -> Redis
 *   -> cluster_on_part_done -> (redirections: cluster_redirect, delayed) -> next phase, or `done`
 *
 * Every submitted pipeline is pushed to the queue `done` exactly once. */
#include "app/store/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/base/clock.h"
#include "app/store/cluster_internal.h"
#include "app/store/keys.h"
#include "app/store/parts.h"
#include "app/store/reply.h"
#include "app/store/scan_cursor.h"
#include "app/store/schema.h"

/* After this many redirections in a row, the commands of a part (the commands for one node) are
 * sent again only after DELAY_US, because the nodes do not agree on which of them has the slots. */
enum { HOPS_MAX = 3 };
/* Pause before commands are sent again that no node executes at present. */
static const int64_t DELAY_US = 20000;
/* Interval between two requests for the map (which node has which slots) while no reply shows that
 * it has changed. */
static const int64_t MAP_INTERVAL_US = 5000000;

struct cluster *cluster_new(const struct config *config, const struct redis_url *url,
                            struct clock_skew *clock, char ret_error[200])
{
    struct cluster *cluster = calloc(1, sizeof(*cluster));

    if (!cluster) {
        (void)snprintf(ret_error, 200, "out of memory");
        return NULL;
    }
    cluster->config = config;
    cluster->members.config = config;
    cluster->members.url = url;
    cluster->members.clock = clock;
    cluster->limit_us = config->store_round_timeout_ms * INT64_C(1000);
    members_watch_init(&cluster->watch);
    if (members_add_seeds(&cluster->members, ret_error))
        return cluster;
    cluster_free(cluster);
    return NULL;
}

void cluster_free(struct cluster *cluster)
{
    if (!cluster)
        return;
    members_release(&cluster->members);
    members_watch_release(&cluster->watch);
    free(cluster);
}

/* Gives the setting to the nodes that exist: those of REDIS_URL, since the map is not known yet. A
 * node that is added later gets it from writes_schema (members_add). */
void cluster_enable_schema_write(struct cluster *cluster)
{
    cluster->members.writes_schema = true;
    for (size_t i = 0; i < cluster->members.count; i++)
        node_enable_schema_write(cluster->members.each[i].node);
}

void cluster_allow_blocking(struct cluster *cluster, int ms)
{
    cluster->limit_us += ms * INT64_C(1000);
    cluster->members.block_ms = ms;
    for (size_t i = 0; i < cluster->members.count; i++)
        node_allow_blocking(cluster->members.each[i].node, ms);
}

/* ---- outcomes ---- */

/* Sets the final status and returns the pipeline to its owner through the queue `done`. */
static void cluster_finish(struct cluster *cluster, struct pipeline *pipeline,
                           enum pipeline_status status)
{
    pipeline->status = status;
    pipeline_queue_push(&cluster->done, pipeline);
}

void cluster_resume(struct cluster *cluster, struct pipeline *pipeline)
{
    pipeline->is_parked = false;
    cluster_finish(cluster, pipeline, PIPELINE_COMPLETE);
}

/* Fails a pipeline of which nothing was sent to any node. counts: the two counters of the reason
 * (timeouts or unavailable), for reads and for writes, to which its commands are added. */
static void cluster_fail(struct cluster *cluster, struct pipeline *pipeline, uint64_t counts[2])
{
    for (const struct command *command = pipeline->first; command; command = command->next)
        counts[command->kind]++;
    cluster_finish(cluster, pipeline, PIPELINE_FAILED);
}

/* Returns whether all known nodes are unavailable, so that waiting for one of them is useless. */
static bool cluster_is_unavailable(const struct cluster *cluster)
{
    uint64_t failures;
    int64_t opened_at_ms;

    for (size_t i = 0; i < cluster->members.count; i++) {
        const struct node *node = cluster->members.each[i].node;

        if (node && node_circuit(node, &failures, &opened_at_ms) == STORE_CLOSED_CIRCUIT)
            return false;
    }
    return true;
}

/* Returns whether pipelines may be sent: the map is known, no node has a schema number that this
 * program does not know, and the schema number was read. While the node that has the schema number
 * is unavailable (its circuit is not closed), or no node has its slot, pipelines may be sent to the
 * other nodes: the number is checked later, in the handshake with that node. */
static bool cluster_may_send(struct cluster *cluster)
{
    struct members *members = &cluster->members;
    const struct member *owner = members_owner(members, slot_of_key(key_schema));
    uint64_t failures;
    int64_t opened_at_ms;

    for (size_t i = 0; i < members->count; i++) {
        const struct node *node = members->each[i].node;

        if (node && node_refuses_schema(node))
            return false;
        cluster->knows_schema = cluster->knows_schema || (node && node_has_schema(node));
    }
    if (!members->has_map)
        return false;
    return cluster->knows_schema || !owner ||
           node_circuit(owner->node, &failures, &opened_at_ms) != STORE_CLOSED_CIRCUIT;
}

/* ---- sending ---- */

/* Submits the part to its node. Its time limit is what is left of that of the whole pipeline; 1 us
 * when nothing is left, because the node would replace 0 by its default limit. */
static void cluster_send_part(struct cluster *cluster, struct part *part)
{
    int64_t left_us = pipeline_time_left_us(part->split->whole, cluster->now_us);

    part->split->open++;
    part->pipeline.limit_us = left_us > 0 ? left_us : 1;
    node_submit(part->member->node, &part->pipeline, cluster->now_us);
}

/* Sends the parts, each to its node (member). A part without a member has commands that no node
 * executes at present: it is delayed, and cluster_resend sends it after DELAY_US. */
static void cluster_send_parts(struct cluster *cluster, struct parts *parts)
{
    struct part *part;

    while ((part = parts_pop(parts))) {
        if (part->member) {
            cluster_send_part(cluster, part);
            continue;
        }
        part->split->open++;
        part->due_us = cluster->now_us + DELAY_US;
        pipeline_queue_push(&cluster->delayed, &part->pipeline);
    }
}

/* Returns the node for a command: that of the slot of its key, that of the cursor of a SCAN, or,
 * for any other command without a key, `last`, the node of the previous command. last: NULL for the
 * first command, which may go to any node. Returns NULL when there is no such node. */
static const struct member *cluster_route(const struct cluster *cluster, struct command *command,
                                          const struct member *last)
{
    int slot = slot_of_command(command);

    if (slot != SLOT_NONE)
        return members_owner(&cluster->members, slot);
    if (scan_cursor_is_used(command))
        return members_serving(&cluster->members, scan_cursor_decode(command, &cluster->members));
    return last ? last : members_any(&cluster->members);
}

/* Adds copies of a command that is for all nodes (cluster_is_for_all) to the parts: one for each
 * node with slots except `first`, which gets the command itself. */
static void cluster_add_copies(struct cluster *cluster, struct parts *parts, struct split *split,
                               struct command *command, const struct member *first)
{
    const struct member *member;

    for (size_t i = 0; (member = members_serving(&cluster->members, i)); i++) {
        struct command *copy;

        if (member == first)
            continue;
        copy = split_add_copy(split, command);
        if (!copy || !parts_add(parts, split, member, copy, /* hops */ 0))
            return;
    }
}

/* Returns whether every node must execute the command, because it changes the state of the server
 * itself. */
static bool cluster_is_for_all(const struct command *command)
{
    return !command->script && (str_equal(command->argv[0], STR("SLOWLOG")) ||
                                str_equal(command->argv[0], STR("BGREWRITEAOF")));
}

/* Combines the replies of a divided pipeline (split), and returns the pipeline to its owner. */
static void cluster_end_split(struct cluster *cluster, struct split *split)
{
    split_end(split);
    cluster_finish(cluster, split->whole, split->failed ? PIPELINE_FAILED : PIPELINE_COMPLETE);
}

/* Sends the next phase of a divided pipeline: its commands from the first unsent one up to a
 * command that must wait for replies of this phase (split_may_join). If one command of the phase
 * cannot be sent, none is, unless the pipeline only reads: a read is useful even if others fail.
 * Ends the split if none of its parts is waiting for replies then. */
static void cluster_send_phase(struct cluster *cluster, struct split *split)
{
    struct parts parts = {NULL, false};
    struct command *first = split_next(split), *command;
    const struct member *member = NULL;

    split->epoch = cluster->members.epoch;
    while ((command = split_next(split))) {
        member = cluster_route(cluster, command, member);
        if (member && parts.first && !split_may_join(split, &parts, first, command, member))
            break;
        split->next++;
        split->failed = split->failed || !member;
        if (!member || !parts_add(&parts, split, member, command, /* hops */ 0))
            continue;
        if (cluster_is_for_all(command))
            cluster_add_copies(cluster, &parts, split, command, member);
    }
    if (!split->failed || !split->whole->has_writes)
        cluster_send_parts(cluster, &parts);
    if (split->open == 0)
        cluster_end_split(cluster, split);
}

/* Divides a pipeline by nodes (a split), and sends its first phase: all commands that need not wait
 * for the reply to another one (parts.h). */
static void cluster_send_pipeline(struct cluster *cluster, struct pipeline *pipeline)
{
    struct split *split = split_new(pipeline);

    if (split)
        cluster_send_phase(cluster, split);
    else
        cluster_fail(cluster, pipeline, cluster->counts.unavailable);
}

/* A parked pipeline (is_parked) has no commands and is in no queue: its owner completes it by
 * cluster_resume. Any other pipeline waits when nothing may be sent yet, but fails at once when all
 * nodes are unavailable. */
void cluster_submit(struct cluster *cluster, struct pipeline *pipeline, int64_t now_us)
{
    cluster->now_us = now_us;
    pipeline->submitted_us = now_us;
    pipeline->status = PIPELINE_SUBMITTED;
    if (pipeline->limit_us == 0)
        pipeline->limit_us = cluster->limit_us;
    if (pipeline->is_parked && !pipeline->failed)
        return; /* nothing to send; the owner calls cluster_resume later */
    if (pipeline->failed)
        cluster_finish(cluster, pipeline, PIPELINE_FAILED);
    else if (pipeline->count == 0)
        cluster_finish(cluster, pipeline, PIPELINE_COMPLETE);
    else if (cluster_may_send(cluster))
        cluster_send_pipeline(cluster, pipeline);
    else if (cluster_is_unavailable(cluster))
        cluster_fail(cluster, pipeline, cluster->counts.unavailable);
    else
        pipeline_queue_push(&cluster->waiting, pipeline);
}

/* ---- replies ---- */

/* Prepares a command that a node has refused to be sent again. is_redirected: the next node
 * executes it only with permission (link_send_permission). */
static void command_prepare_resend(struct command *command, bool is_redirected)
{
    command->reply = NULL;   /* the arena frees it */
    command->loaded = false; /* the next node may know the script by its digest */
    command->is_resent = true;
    command->is_redirected = is_redirected;
}

/* Sends the commands of a part that its node has refused again, to the node that the reply names.
 * Commands that no node executes at present (REDIRECTION_LATER), or that were sent too often, get
 * no member, so that cluster_send_parts delays them. Each MOVED requests a new map, because rarely
 * is only one slot moved. When parts_add fails, split->failed is set. */
static void cluster_redirect(struct cluster *cluster, const struct member *from, struct part *part)
{
    struct parts resent_parts = {NULL, false};
    struct command *command = part->pipeline.first, *next;

    for (; command; command = next) {
        const struct member *member;
        enum redirection kind = members_redirect(&cluster->members, from, command->reply, &member);

        next = command->next;
        if (kind == REDIRECTION_NONE)
            continue;
        if (kind == REDIRECTION_MOVED)
            node_request_map(member->node);
        if (kind == REDIRECTION_LATER || part->hops >= HOPS_MAX)
            member = NULL;
        command_prepare_resend(command, member && kind == REDIRECTION_ONCE);
        (void)parts_add(&resent_parts, part->split, member, command, part->hops + 1);
    }
    cluster_send_parts(cluster, &resent_parts);
}

/* Returns whether the node may have executed a write of the part, that is, has not refused all of
 * them. */
static bool part_may_have_written(const struct part *part)
{
    for (const struct command *command = part->pipeline.first; command; command = command->next) {
        if (command->kind == COMMAND_WRITE && !reply_is_redirection(command->reply))
            return true;
    }
    return false;
}

/* Records which server has executed the writes of a part; "" when that is unknown, because the
 * connection has been replaced since. */
static void cluster_record_server(const struct member *member, struct part *part)
{
    struct pipeline *whole = part->split->whole;
    bool is_same = node_generation(member->node) == part->pipeline.generation;

    if (part_may_have_written(part) &&
        !written_add(&whole->written, whole->arena, is_same ? node_server_id(member->node) : ""))
        part->split->failed = true;
}

/* Called when a node has finished a part (the commands of a divided pipeline, the split, for this
 * node). Commands that it has refused are sent again in new parts, so split->open may rise before
 * it falls. When no part is open, sends the next phase (parts.h), or ends the split. */
static void cluster_on_part_done(struct cluster *cluster, const struct member *member,
                                 struct part *part)
{
    struct split *split = part->split;

    if (part->pipeline.status != PIPELINE_COMPLETE) {
        split->failed = true;
    } else {
        scan_cursor_encode(&part->pipeline, &cluster->members, member, split->epoch);
        cluster_record_server(member, part);
        cluster_redirect(cluster, member, part);
    }
    if (--split->open > 0)
        return;
    if (!split->failed && split_next(split))
        cluster_send_phase(cluster, split);
    else
        cluster_end_split(cluster, split);
}

/* Sends the commands of a delayed part (cluster_send_parts) again, in new parts of the same split:
 * their slots may have other nodes by now. The split fails if a command has no node, or if no time
 * is left for its pipeline. */
static void cluster_resend(struct cluster *cluster, struct part *part)
{
    struct split *split = part->split;
    struct parts resent_parts = {NULL, false};
    struct command *command = part->pipeline.first, *next;
    bool is_late = pipeline_time_left_us(split->whole, cluster->now_us) <= 0;

    for (; command; command = next) {
        const struct member *member = cluster_route(cluster, command, /* last */ NULL);

        next = command->next;
        if (member && !is_late)
            (void)parts_add(&resent_parts, split, member, command, /* hops */ 0);
        else
            split->failed = true;
    }
    cluster_send_parts(cluster, &resent_parts);
    if (--split->open == 0)
        cluster_end_split(cluster, split);
}

/* Returns the delayed part that is due first; there must be one. The owner of the pipeline of a
 * part is that part. */
static struct part *cluster_first_delayed(const struct cluster *cluster)
{
    return cluster->delayed.first->owner;
}

/* Continues what the nodes have made possible: applies new maps of the slots, sends the pipelines
 * that waited for the first map or the schema number, sends delayed parts that are due, and
 * processes the parts that nodes have finished. Returns false when there was nothing to send or to
 * process. */
static bool cluster_advance(struct cluster *cluster)
{
    struct pipeline *pipeline;
    bool has_advanced = false;

    members_take_maps(&cluster->members);
    while (cluster->waiting.first && cluster_may_send(cluster)) {
        cluster_send_pipeline(cluster, pipeline_queue_pop(&cluster->waiting));
        has_advanced = true;
    }
    while (cluster->delayed.first && cluster_first_delayed(cluster)->due_us <= cluster->now_us) {
        cluster_resend(cluster, pipeline_queue_pop(&cluster->delayed)->owner);
        has_advanced = true;
    }
    for (size_t i = 0; i < cluster->members.count; i++) {
        const struct member *member = &cluster->members.each[i];

        while (member->node && (pipeline = node_next_done(member->node))) {
            cluster_on_part_done(cluster, member, pipeline->owner);
            has_advanced = true;
        }
    }
    return has_advanced;
}

struct pipeline *cluster_next_done(struct cluster *cluster)
{
    if (!cluster->done.first)
        (void)cluster_advance(cluster);
    return pipeline_queue_pop(&cluster->done);
}

/* ---- every loop iteration ---- */

/* Repeats the flush while redirections and later phases queue more commands, or a connection ends.
 */
void cluster_flush(struct cluster *cluster, int64_t now_us)
{
    cluster->now_us = now_us;
    do {
        for (size_t i = 0; i < cluster->members.count; i++) {
            if (cluster->members.each[i].node)
                node_flush(cluster->members.each[i].node, now_us);
        }
    } while (cluster_advance(cluster));
    members_watch_update(&cluster->watch, &cluster->members);
}

void cluster_on_ready(struct cluster *cluster, int64_t now_us)
{
    members_watch_read(&cluster->watch, now_us);
    cluster_flush(cluster, now_us);
}

/* ---- time ---- */

/* Fails the pipelines that have waited too long for the map or the schema number, or all of them if
 * every node is unavailable. Returns the microseconds until the next one will have waited too long.
 */
static int64_t cluster_fail_late(struct cluster *cluster)
{
    struct pipeline_queue all = cluster->waiting;
    struct pipeline *pipeline;
    int64_t next_us = INT64_MAX;

    cluster->waiting = (struct pipeline_queue){NULL, NULL};
    while ((pipeline = pipeline_queue_pop(&all))) {
        int64_t left_us = pipeline_time_left_us(pipeline, cluster->now_us);

        if (left_us <= 0 || cluster_is_unavailable(cluster)) {
            cluster_fail(cluster, pipeline,
                         left_us <= 0 ? cluster->counts.timeouts : cluster->counts.unavailable);
            continue;
        }
        pipeline_queue_push(&cluster->waiting, pipeline);
        next_us = min_us(next_us, left_us);
    }
    return next_us;
}

/* Every MAP_INTERVAL_US, requests the map (which node has which slots) from the next master. When
 * no node can be used, also tries the addresses in REDIS_URL again, because all nodes may have new
 * addresses. */
static void cluster_look_for_map(struct cluster *cluster)
{
    const struct member *member;

    if (!members_have_master(&cluster->members))
        (void)members_add_seeds(&cluster->members, cluster->error);
    if (cluster->now_us - cluster->map_us < MAP_INTERVAL_US)
        return;
    cluster->map_us = cluster->now_us;
    member = members_next_master(&cluster->members);
    if (member)
        node_request_map(member->node);
}

int64_t cluster_tick(struct cluster *cluster, int64_t now_us)
{
    int64_t next_us;

    cluster->now_us = now_us;
    cluster_look_for_map(cluster);
    next_us = min_us(cluster_fail_late(cluster), MAP_INTERVAL_US);
    for (size_t i = 0; i < cluster->members.count; i++) {
        if (cluster->members.each[i].node)
            next_us = min_us(next_us, node_tick(cluster->members.each[i].node, now_us));
    }
    cluster_flush(cluster, now_us);
    if (cluster->delayed.first)
        next_us = min_us(next_us, cluster_first_delayed(cluster)->due_us - now_us);
    return cluster->done.first ? 0 : next_us;
}
