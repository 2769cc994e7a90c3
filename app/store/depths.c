/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts entries by one command for each stream. depths_parse adds up the replies in the order of
 * the commands. */
#include "app/store/depths.h"

#include "app/store/reply.h"

/* Queues the command that replies a stream's length. */
static struct command *depths_cmd_length(struct pipeline *pipeline, struct str stream)
{
    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("XLEN"), stream});
}

struct command *depths_cmd_get(struct pipeline *pipeline)
{
    struct command *first = depths_cmd_length(pipeline, key_dead_letters);

    for (size_t i = 0; i < QUEUE_PRIORITIES; i++)
        (void)depths_cmd_length(pipeline, key_queues[i]);
    (void)pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("ZCARD"), key_queue_later});
    for (unsigned shard = 0; shard < SHARDS; shard++)
        (void)depths_cmd_length(pipeline,
                                key_shard_record(pipeline->arena, shard, SHARD_KEY_JOURNAL));
    for (unsigned shard = 0; shard < SHARDS; shard++)
        (void)depths_cmd_length(pipeline,
                                key_shard_record(pipeline->arena, shard, SHARD_KEY_OUTBOX));
    return first;
}

/* Adds the number in the reply to *command to *sum, and moves *command to the next command. Returns
 * false with p set if the reply is no number. */
static bool depths_add(const struct command **command, int64_t *sum, struct problem *p)
{
    int64_t n = 0;

    if (!*command || !reply_expect_int((*command)->reply, &n, p))
        return false;
    *sum += n;
    *command = (*command)->next;
    return true;
}

bool depths_parse(const struct command *command, struct depths *ret, struct problem *p)
{
    bool good;

    *ret = (struct depths){.journal = 0};
    good = depths_add(&command, &ret->dead_letters, p);
    for (size_t i = 0; good && i < QUEUE_PRIORITIES; i++)
        good = depths_add(&command, &ret->jobs[i], p);
    good = good && depths_add(&command, &ret->later, p);
    for (unsigned shard = 0; good && shard < SHARDS; shard++)
        good = depths_add(&command, &ret->journal, p);
    for (unsigned shard = 0; good && shard < SHARDS; shard++)
        good = depths_add(&command, &ret->outbox, p);
    return good;
}
