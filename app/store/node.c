/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides which pipelines (commands of one owner that are sent together) may be sent now, which
 * wait for the handshake of a new connection, which are sent a second time, and what their outcome
 * is. It uses one link (link.c): the connection with its buffers, the queue of sent commands, and
 * their time limits.
 *
 * node_submit -> link_send -> node_flush -> Redis -> node_on_ready -> node_next_done
 *
 * Every submitted pipeline is pushed to the queue `done` exactly once, even if its connection
 * breaks or memory is short. */
#include "app/store/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/store/clock_skew.h"
#include "app/store/node_internal.h"
#include "app/store/reply.h"

/* When this many commands of pipelines have no reply yet, further ones wait here instead of in
 * Redis. Redis still has enough work, and the replies take less than STORE_ROUND_TIMEOUT_MS.
 * Without this limit a burst of requests would time out together and open the circuit breaker. */
enum { WINDOW = 64 };
static const int64_t HEARTBEAT_US = 1000000; /* time between two heartbeats (ROLE) */

/* On failure frees what was allocated so far, and returns NULL with the reason in ret_error. */
struct node *node_new(const struct config *config, const struct redis_host *host,
                      struct clock_skew *clock, char ret_error[200])
{
    struct node *node = calloc(1, sizeof(*node));

    if (!node) {
        (void)snprintf(ret_error, 200, "out of memory");
        return NULL;
    }
    node->config = config;
    node->clock = clock;
    node->is_in_cluster = host != NULL;
    node->limit_us = config->store_round_timeout_ms * INT64_C(1000);
    breaker_init(&node->breaker, config->store_breaker_failures,
                 config->store_breaker_open_ms * INT64_C(1000));
    node->link = link_new(config, host, ret_error);
    if (node->link)
        return node;
    node_free(node);
    return NULL;
}

/* Does not free the pipelines that are in its queues or wait for replies: they belong to their
 * owners. */
void node_free(struct node *node)
{
    if (!node)
        return;
    link_free(node->link);
    free(node);
}

void node_enable_schema_write(struct node *node)
{
    link_enable_schema_write(node->link);
}

void node_allow_blocking(struct node *node, int ms)
{
    node->limit_us += ms * INT64_C(1000);
    link_allow_blocking(node->link, ms);
}

/* ---- queues and outcomes ---- */

struct pipeline *node_next_done(struct node *node)
{
    return pipeline_queue_pop(&node->done);
}

/* Sets the final status and returns the pipeline to its owner through the queue `done`. */
static void node_finish_pipeline(struct node *node, struct pipeline *pipeline,
                                 enum pipeline_status status)
{
    pipeline->status = status;
    /* shows the owner later whether the server that has replied is still the present one */
    pipeline->generation = link_generation(node->link);
    pipeline_queue_push(&node->done, pipeline);
}

void node_resume(struct node *node, struct pipeline *pipeline)
{
    pipeline->is_parked = false;
    node_finish_pipeline(node, pipeline, PIPELINE_COMPLETE);
}

/* Makes the pipeline PIPELINE_FAILED and adds its commands to counts: node->counts.timeouts or
 * node->counts.unavailable. */
static void node_fail_pipeline(struct node *node, struct pipeline *pipeline, uint64_t counts[2])
{
    for (const struct command *command = pipeline->first; command; command = command->next)
        counts[command->kind]++;
    node_finish_pipeline(node, pipeline, PIPELINE_FAILED);
}

/* ---- sending ---- */

static void node_disconnect(struct node *node, int64_t now_us, enum link_event reason);

/* Opens a connection. Returns false on failure, which the circuit breaker counts. Each connection
 * after the first one counts as a reconnect. */
static bool node_connect(struct node *node, int64_t now_us)
{
    if (!link_open(node->link, now_us)) {
        breaker_failure(&node->breaker, now_us, /* at_once */ false);
        return false;
    }
    if (node->connected_before)
        node->counts.reconnects++;
    node->connected_before = true;
    return true;
}

/* Queues all commands of the pipeline on the link. When memory is short for one of them, closes the
 * connection: the earlier commands are in the write buffer already, and would be executed without
 * the later ones. */
static void node_send_pipeline(struct node *node, struct pipeline *pipeline, int64_t now_us)
{
    pipeline->status = PIPELINE_SUBMITTED;
    for (struct command *command = pipeline->first; command; command = command->next) {
        if (link_send(node->link, command, now_us))
            continue;
        /* `retried` makes node_disconnect fail this pipeline instead of sending it again, which
         * would fail for lack of memory once more */
        pipeline->retried = true;
        node_disconnect(node, now_us, LINK_BROKEN);
        /* node_disconnect has failed the pipelines whose commands are in the queue; when the first
         * command did not fit, this pipeline has none there */
        if (pipeline->status == PIPELINE_SUBMITTED)
            node_fail_pipeline(node, pipeline, node->counts.unavailable);
        return;
    }
}

/* Returns whether the pipeline must wait before it is sent. Until the handshake is confirmed, the
 * connection may lead to another database, or to a store of a later schema, into which this program
 * must not write: pipelines with writes wait. Reads are sent at once, because their replies arrive
 * after those to the handshake, and if the handshake fails the connection is closed before they are
 * read. Once the server has shown that it is not a master, all pipelines wait for the next
 * connection. The link's own commands do not count for WINDOW. */
static bool node_must_wait(const struct node *node, const struct pipeline *pipeline)
{
    size_t window = WINDOW + link_control_count(node->link);

    return link_sent_count(node->link) >= window || link_is_wrong_server(node->link) ||
           (pipeline->has_writes && link_in_handshake(node->link));
}

/* Sends the deferred pipelines, oldest first, as long as none must wait. */
static void node_send_deferred(struct node *node, int64_t now_us)
{
    while (node->deferred.first && link_is_open(node->link) &&
           !node_must_wait(node, node->deferred.first))
        node_send_pipeline(node, pipeline_queue_pop(&node->deferred), now_us);
}

/* Sends or defers the pipeline, or finishes it at once: as failed when it ran out of memory or the
 * circuit is not closed, as complete when it has no commands. */
void node_submit(struct node *node, struct pipeline *pipeline, int64_t now_us)
{
    pipeline->submitted_us = now_us;
    if (pipeline->limit_us == 0)
        pipeline->limit_us = node->limit_us;
    node->next_late_us = min_us(node->next_late_us, now_us + pipeline->limit_us);
    if (pipeline->failed) {
        node_finish_pipeline(node, pipeline, PIPELINE_FAILED);
    } else if (pipeline->is_parked) {
        /* a parked pipeline is in no queue; node_resume completes it */
        pipeline->status = PIPELINE_SUBMITTED;
    } else if (pipeline->count == 0) {
        node_finish_pipeline(node, pipeline, PIPELINE_COMPLETE);
    } else if (node->breaker.state != BREAKER_CLOSED ||
               (!link_is_open(node->link) && !node_connect(node, now_us))) {
        node_fail_pipeline(node, pipeline, node->counts.unavailable);
    } else if (node_must_wait(node, pipeline)) {
        pipeline->status = PIPELINE_SUBMITTED;
        pipeline_queue_push(&node->deferred, pipeline);
    } else {
        node_send_pipeline(node, pipeline, now_us);
    }
}

/* Any event other than LINK_IDLE means that the connection has failed. */
void node_flush(struct node *node, int64_t now_us)
{
    enum link_event event = link_write(node->link, now_us);

    if (event != LINK_IDLE)
        node_disconnect(node, now_us, event);
}

/* ---- losing the connection ---- */

/* Returns whether a pipeline without all its replies may be sent again: it only reads, was sent
 * once, and was lost because the connection broke (not after a timeout); and the circuit is closed.
 */
static bool node_may_retry(const struct node *node, const struct pipeline *pipeline,
                           enum link_event reason)
{
    return reason == LINK_BROKEN && !pipeline->has_writes && !pipeline->retried &&
           node->breaker.state == BREAKER_CLOSED;
}

/* Submits a pipeline for a second time, with what is left of its time limit: the time that it has
 * waited already counts. 1 microsecond when nothing is left, because node_submit would replace 0 by
 * the default limit. */
static void node_submit_again(struct node *node, struct pipeline *pipeline, int64_t now_us)
{
    int64_t left_us = pipeline_time_left_us(pipeline, now_us);

    pipeline->limit_us = left_us > 0 ? left_us : 1;
    node_submit(node, pipeline, now_us);
}

/* Removes the replies from the commands, so that they can be sent again. The memory of the replies
 * stays in the arena of the pipeline. `loaded` is false again, because the next server may know
 * scripts by their digests. */
static void node_discard_replies(struct pipeline *pipeline)
{
    pipeline->reply_count = 0;
    for (struct command *command = pipeline->first; command; command = command->next) {
        command->reply = NULL;
        command->loaded = false;
    }
}

/* Submits a pipeline again after discarding the replies that it already has. */
static void node_retry(struct node *node, struct pipeline *pipeline, int64_t now_us)
{
    pipeline->retried = true;
    node_discard_replies(pipeline);
    node_submit_again(node, pipeline, now_us);
}

/* Closes the connection, and fails or sends again every pipeline that has commands without a reply,
 * and every deferred one. Writes fail without a retry, because only their owners can decide, except
 * writes that were deferred because the server is the wrong one: these are sent to the next server.
 * May open a new connection for the pipelines that are sent again. */
static void node_disconnect(struct node *node, int64_t now_us, enum link_event reason)
{
    uint64_t *counts = reason == LINK_TIMED_OUT ? node->counts.timeouts : node->counts.unavailable;
    struct pipeline_queue retries = {NULL, NULL};
    struct pipeline *pipeline;
    struct command *command;

    /* Handshake and ROLE count as reads: they change nothing. */
    counts[COMMAND_READ] += link_close(node->link);
    breaker_failure(&node->breaker, now_us,
                    /* at_once */ reason == LINK_TIMED_OUT || reason == LINK_UNUSABLE);
    while ((command = link_pop_sent(node->link))) {
        pipeline = command->pipeline;
        if (pipeline->status != PIPELINE_SUBMITTED)
            /* an earlier command of the same pipeline has already made it fail, or queued it for a
             * retry */
            continue;
        if (node_may_retry(node, pipeline, reason)) {
            pipeline->status = PIPELINE_OPEN;
            pipeline_queue_push(&retries, pipeline);
        } else {
            node_fail_pipeline(node, pipeline, counts);
        }
    }
    while ((pipeline = pipeline_queue_pop(&node->deferred))) {
        if (reason == LINK_WRONG_SERVER || node_may_retry(node, pipeline, reason))
            pipeline_queue_push(&retries, pipeline);
        else
            node_fail_pipeline(node, pipeline, node->counts.unavailable);
    }
    while ((pipeline = pipeline_queue_pop(&retries)))
        node_retry(node, pipeline, now_us);
    node_flush(node, now_us);
}

/* ---- replies ---- */

/* Returns whether the reply is an error that the command's owner expects in normal operation. */
static bool node_error_is_usual(const struct command *command, const redisReply *reply)
{
    return command->usual_error && reply && reply->type == REDIS_REPLY_ERROR &&
           str_starts_with((struct str){reply->str, reply->len}, str_of(command->usual_error));
}

/* Counts a reply by its outcome, and reports it to the circuit breaker. An error by which Redis
 * refuses all commands, such as BUSY, is a failure although the connection works. In a cluster
 * CLUSTERDOWN is not: it may concern one slot only, and the command is sent again. A reply that
 * shows that the server is the wrong one is not reported here, because closing the connection
 * counts as the failure. Any other reply is a success. */
static void node_count_reply(struct node *node, const struct command *command,
                             const redisReply *reply, int64_t now_us)
{
    enum reply_error error =
        node_error_is_usual(command, reply) ? REPLY_NO_ERROR : reply_error_of(reply);
    bool is_redirection = node->is_in_cluster && reply_is_redirection(reply);

    (error == REPLY_NO_ERROR ? node->counts.ok : node->counts.errors)[command->kind]++;
    if (error == REPLY_STORE_UNAVAILABLE && !is_redirection) {
        link_record_error(node->link, reply->str);
        breaker_failure(&node->breaker, now_us, /* at_once */ false);
    } else if (node->breaker.state == BREAKER_CLOSED && error != REPLY_WRONG_SERVER) {
        node->breaker.failures = 0;
    }
}

/* Returns whether the server has refused every write of a pipeline whose replies have all arrived,
 * so that it has changed nothing. When the server's role changes meanwhile, it may refuse only some
 * of them. */
static bool node_refused_all_writes(const struct pipeline *pipeline)
{
    for (const struct command *command = pipeline->first; command; command = command->next) {
        if (command->kind == COMMAND_WRITE && reply_error_of(command->reply) != REPLY_WRONG_SERVER)
            return false;
    }
    return true;
}

/* Called for a pipeline whose replies have all arrived from a server that must not be used: what it
 * read may be outdated. If nothing was written, it is sent once more, to the next server; otherwise
 * its outcome is unknown. */
static void node_leave_server(struct node *node, struct pipeline *pipeline)
{
    bool may_retry = !pipeline->retried && node_refused_all_writes(pipeline);

    node_discard_replies(pipeline);
    if (may_retry)
        pipeline_queue_push(&node->deferred, pipeline);
    else
        node_finish_pipeline(node, pipeline, PIPELINE_FAILED);
}

/* Stores a reply, which is in the arena of the pipeline, in its command. The last reply finishes
 * the pipeline. When out of memory the reply is NULL, which the parsers of replies treat as an
 * error. */
static void node_accept_reply(struct node *node, struct command *command, redisReply *reply,
                              int64_t now_us)
{
    struct pipeline *pipeline = command->pipeline;

    node_count_reply(node, command, reply, now_us);
    command->reply = reply;
    if (++pipeline->reply_count < pipeline->count)
        return;
    if (link_is_wrong_server(node->link))
        node_leave_server(node, pipeline);
    else
        node_finish_pipeline(node, pipeline, PIPELINE_COMPLETE);
}

/* Called when the handshake or a heartbeat was confirmed: closes the circuit and sends the deferred
 * pipelines. */
static void node_on_handshake(struct node *node, int64_t now_us)
{
    breaker_success(&node->breaker);
    if (link_time_cmd(node->link))
        clock_skew_measure(node->clock, link_time_cmd(node->link));
    node_send_deferred(node, now_us);
}

/* Processes events one at a time, as link_read returns them. Any event except a reply, a confirmed
 * handshake and LINK_IDLE ends the connection. Accepting a reply may itself close the connection,
 * hence the condition of the loop. */
void node_on_ready(struct node *node, int64_t now_us)
{
    struct command *command;
    redisReply *reply;

    node_flush(node, now_us);
    while (link_is_open(node->link)) {
        enum link_event event = link_read(node->link, now_us, &command, &reply);

        if (event == LINK_REPLY) {
            node_accept_reply(node, command, reply, now_us);
        } else if (event == LINK_READY) {
            node_on_handshake(node, now_us);
        } else {
            if (event != LINK_IDLE)
                node_disconnect(node, now_us, event);
            break;
        }
    }
    node_send_deferred(node, now_us);
    /* link_read may have queued scripts again that Redis did not know: writes them */
    node_flush(node, now_us);
}

/* ---- time ---- */

/* Sends a probe: a heartbeat or, without a connection, the handshake of a new one. */
static void node_probe(struct node *node, int64_t now_us)
{
    if (!link_is_open(node->link))
        (void)node_connect(node, now_us); /* a failure is counted by the breaker */
    else if (!link_heartbeat(node->link, node->wants_map, now_us))
        node_disconnect(node, now_us, LINK_BROKEN);
    node_flush(node, now_us);
}

/* Fails the pipeline if it has waited too long. */
static void node_fail_if_late(struct node *node, struct pipeline *pipeline, int64_t now_us)
{
    int64_t left_us = pipeline_time_left_us(pipeline, now_us);

    if (left_us <= 0)
        node_fail_pipeline(node, pipeline, node->counts.timeouts);
    else
        node->next_late_us = min_us(node->next_late_us, now_us + left_us);
}

/* Fails the pipelines, sent or deferred, that have waited too long, and sets next_late_us to the
 * earliest limit of the others (node_fail_if_late lowers it). The commands of those that were sent
 * stay in the link's queue without an owner, so that the connection need not be closed. */
static void node_fail_late(struct node *node, int64_t now_us)
{
    struct pipeline_queue deferred = node->deferred;
    struct pipeline *pipeline;
    struct command *command;

    node->next_late_us = INT64_MAX;
    for (size_t i = 0; i < link_sent_count(node->link); i++) {
        command = link_sent_at(node->link, i);
        if (command && command->pipeline->status == PIPELINE_SUBMITTED)
            node_fail_if_late(node, command->pipeline, now_us);
        if (command && command->pipeline->status != PIPELINE_SUBMITTED)
            link_abandon(node->link, i);
    }
    node->deferred = (struct pipeline_queue){NULL, NULL};
    while ((pipeline = pipeline_queue_pop(&deferred))) {
        node_fail_if_late(node, pipeline, now_us);
        if (pipeline->status == PIPELINE_SUBMITTED)
            pipeline_queue_push(&node->deferred, pipeline);
    }
}

/* Returns the microseconds until the oldest command has waited longer than a pipeline may, which
 * shows that no other pipeline would be served in time either. INT64_MAX when the circuit is not
 * closed, or no command waits. */
static int64_t node_time_to_stall_us(const struct node *node, int64_t now_us)
{
    if (node->breaker.state != BREAKER_CLOSED || link_sent_count(node->link) == 0)
        return INT64_MAX;
    return node->limit_us - link_wait_us(node->link, now_us);
}

/* Returns the microseconds until the next of all time limits is reached. */
static int64_t node_time_left_us(const struct node *node, int64_t now_us)
{
    return min_us(
        min_us(link_time_left_us(node->link, now_us), node_time_to_stall_us(node, now_us)),
        node->next_late_us - now_us);
}

/* Applies three kinds of time limits: of each pipeline, of the oldest command (a stall opens the
 * circuit but keeps the connection), and of the connection. Reads the replies that have arrived
 * first, because this process may have been too busy to read them in time. The heartbeat that a
 * stall causes is queued after all commands that wait, so its reply closes the circuit as soon as
 * Redis works again. */
static void node_check_time_limits(struct node *node, int64_t now_us)
{
    if (node_time_left_us(node, now_us) > 0)
        return;
    node_on_ready(node, now_us);
    node_fail_late(node, now_us);
    if (link_check_time_limit(node->link, now_us) == LINK_TIMED_OUT) {
        node_disconnect(node, now_us, LINK_TIMED_OUT);
    } else if (node_time_to_stall_us(node, now_us) <= 0) {
        link_record_error(node->link, "Redis does not reply");
        breaker_failure(&node->breaker, now_us, /* at_once */ true);
        node_probe(node, now_us);
    }
}

/* Sends the heartbeat even while other commands are outstanding, because a server that has become a
 * replica still replies to reads. Computes the limits again after a probe, which adds one. */
int64_t node_tick(struct node *node, int64_t now_us)
{
    int64_t next_us;
    bool heartbeat_due;

    node_check_time_limits(node, now_us);
    heartbeat_due =
        node->breaker.state == BREAKER_CLOSED && now_us - node->last_heartbeat_us >= HEARTBEAT_US;
    if (heartbeat_due)
        node->last_heartbeat_us = now_us;
    next_us = min_us(node_time_left_us(node, now_us), HEARTBEAT_US);
    if (node->breaker.state == BREAKER_CLOSED)
        next_us = min_us(next_us, node->last_heartbeat_us + HEARTBEAT_US - now_us);
    if (heartbeat_due || breaker_probe_due(&node->breaker, now_us)) {
        node_probe(node, now_us);
        next_us = min_us(next_us, node_time_left_us(node, now_us));
    }
    if (node->breaker.state == BREAKER_OPEN)
        next_us = min_us(next_us, node->breaker.probe_at_us - now_us);
    return node->done.first ? 0 : next_us;
}

/* ---- of a cluster ---- */

/* Makes a heartbeat due, which then reads the map (wants_map). */
void node_request_map(struct node *node)
{
    node->wants_map = true;
    node->last_heartbeat_us = 0;
}

const redisReply *node_take_map(struct node *node, int64_t *ret_epoch)
{
    const redisReply *map = link_take_map(node->link, ret_epoch);

    if (map)
        node->wants_map = false;
    return map;
}
