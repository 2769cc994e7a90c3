/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pipelines of requests that wait for replicas are in two queues: `covered` by the WAIT that
 * Redis is executing, and `added` after that WAIT was sent. Its reply finishes the covered ones, or
 * joins them to the added ones for the next WAIT. The connection is a whole store: handshake,
 * probes and time limits are the same as for the main one. */
#include "app/store/replicas.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/store/keys.h"
#include "app/store/link.h"
#include "app/store/reply.h"

enum {
    /* Longest time that Redis blocks for one WAIT. Not longer, because writes that come meanwhile
     * are covered only by the next one. */
    REPLICAS_BLOCK_MS = 100,
    REPLICAS_ARENA_SIZE = 1024, /* bytes of the first block of the arena, and most of all */
    REPLICAS_ARENA_MAX = 65536,
};
/* Pause after a WAIT that could not be sent or was refused. */
static const int64_t REPLICAS_RETRY_US = 100000;

struct replicas {
    const struct config *config;
    struct store *store;
    struct arena *arena;      /* memory of one WAIT */
    struct pipeline pipeline; /* two commands: a small write, and WAIT, which covers it */
    /* the small write before WAIT, which shows that earlier writes have been copied; WAIT */
    struct command *mark_cmd, *wait_cmd;
    bool is_sent;    /* a WAIT was sent and has no reply yet */
    int64_t next_us; /* earliest time of the next WAIT */
    /* identifies the server that has executed the writes of the pipelines in `added` and `covered`
     */
    char server_id[LINK_SERVER_ID_SIZE];
    struct pipeline_queue added, covered, done;
};

struct replicas *replicas_new(const struct config *config, char ret_error[200])
{
    struct replicas *replicas = calloc(1, sizeof(*replicas));

    if (replicas)
        replicas->arena = arena_new(REPLICAS_ARENA_SIZE, REPLICAS_ARENA_MAX);
    if (!replicas || !replicas->arena) {
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
    if (!replicas)
        return;
    store_free(replicas->store);
    arena_free(replicas->arena);
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

/* Called when a pipeline waits for writes to another server than those before it. From now on only
 * a WAIT to the new server counts, which says nothing about writes to the old one; so all pipelines
 * that wait for these fail. */
static void replicas_change_server(struct replicas *replicas, const char *server_id)
{
    struct pipeline *pipeline;

    replicas_move(&replicas->added, &replicas->covered);
    while ((pipeline = pipeline_queue_pop(&replicas->covered)))
        replicas_finish(replicas, pipeline, PIPELINE_FAILED);
    (void)snprintf(replicas->server_id, sizeof(replicas->server_id), "%s", server_id);
}

void replicas_submit(struct replicas *replicas, struct pipeline *pipeline, const char *server_id,
                     int64_t now_us)
{
    if (strcmp(replicas->server_id, server_id) != 0)
        replicas_change_server(replicas, server_id);
    pipeline->status = PIPELINE_SUBMITTED;
    pipeline->submitted_us = now_us;
    pipeline_queue_push(&replicas->added, pipeline);
}

/* Sends the write and WAIT, which cover all pipelines that wait now. */
static void replicas_send_wait(struct replicas *replicas, int64_t now_us)
{
    struct pipeline *pipeline = &replicas->pipeline;
    struct arena *arena = replicas->arena;

    arena_reset(arena);
    pipeline_init(pipeline, arena, NULL);
    replicas->mark_cmd = pipeline_add(pipeline, COMMAND_WRITE, 3,
                                      (struct str[]){STR("SET"), key_replicated, STR("1")});
    replicas->wait_cmd = pipeline_add(
        pipeline, COMMAND_WRITE, 3,
        (struct str[]){STR("WAIT"), command_int(arena, replicas->config->store_wait_replicas),
                       command_int(arena, REPLICAS_BLOCK_MS)});
    replicas_move(&replicas->added, &replicas->covered);
    replicas->is_sent = true;
    store_submit(replicas->store, pipeline, now_us);
}

/* Returns whether WAIT was sent to the server that has executed the writes of the pipelines. */
static bool replicas_are_of_same_server(const struct replicas *replicas)
{
    return *replicas->server_id &&
           strcmp(store_server_id(replicas->store), replicas->server_id) == 0;
}

/* Returns true if the replies show that enough replicas have the small write before WAIT, and so
 * also the writes of the pipelines, which the same server has executed before. A server that has
 * become a replica itself refuses the small write. */
static bool replicas_have_all(const struct replicas *replicas)
{
    int64_t count = 0;

    return replicas->pipeline.status == PIPELINE_COMPLETE &&
           replicas_are_of_same_server(replicas) &&
           reply_status(replicas->mark_cmd->reply) == REPLY_OK &&
           reply_int(replicas->wait_cmd->reply, &count) == REPLY_OK &&
           count >= replicas->config->store_wait_replicas;
}

/* Processes the replies to the small write and WAIT. If too few replicas had the write, the next
 * WAIT is sent at once, since Redis has blocked for a while. After a failure, or if another server
 * has replied, it is sent after a pause. */
static void replicas_on_reply(struct replicas *replicas, int64_t now_us)
{
    struct pipeline *pipeline;
    struct problem ignored = {.code = PROBLEM_NONE};

    replicas->is_sent = false;
    if (replicas_have_all(replicas)) {
        while ((pipeline = pipeline_queue_pop(&replicas->covered)))
            replicas_finish(replicas, pipeline, PIPELINE_COMPLETE);
        return;
    }
    if (!pipeline_check_replies(&replicas->pipeline, &ignored) ||
        !replicas_are_of_same_server(replicas))
        replicas->next_us = now_us + REPLICAS_RETRY_US;
    replicas_move(&replicas->added, &replicas->covered);
    replicas->added = replicas->covered;
    replicas->covered = (struct pipeline_queue){NULL, NULL};
}

struct pipeline *replicas_next_done(struct replicas *replicas, int64_t now_us)
{
    if (store_next_done(replicas->store))
        replicas_on_reply(replicas, now_us);
    return pipeline_queue_pop(&replicas->done);
}

/* Fails the pipelines of the queue that have waited too long. Returns the microseconds until the
 * next one has; INT64_MAX: none is left. */
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
        if (left_us < next_us)
            next_us = left_us;
    }
    return next_us;
}

static int64_t replicas_min_us(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

int64_t replicas_tick(struct replicas *replicas, int64_t now_us)
{
    int64_t next_us = replicas_min_us(replicas_fail_late(replicas, &replicas->added, now_us),
                                      replicas_fail_late(replicas, &replicas->covered, now_us));

    if (replicas->added.first && !replicas->is_sent && now_us >= replicas->next_us)
        replicas_send_wait(replicas, now_us);
    if (replicas->added.first && !replicas->is_sent)
        next_us = replicas_min_us(next_us, replicas->next_us - now_us);
    store_flush(replicas->store, now_us);
    next_us = replicas_min_us(next_us, store_tick(replicas->store, now_us));
    return replicas->done.first ? 0 : next_us;
}
