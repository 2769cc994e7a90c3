/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stores the heartbeat of a worker as a field "BEATS SHARDS LAG_MS DAPR" of the hash `workers`. The
 * field of a worker that died remains as long as another worker renews the hash. Readers therefore
 * compare two reads: only the field of a living worker changes (worker/heartbeat.c removes the
 * others). */
#include "app/store/workers.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

/* Writes the field of the worker and renews the expiry of the whole hash. */
void workers_cmd_beat(struct pipeline *pipeline, const struct worker_heartbeat *heartbeat)
{
    struct str text = arena_printf(pipeline->arena, "%lld %lld %lld %d",
                                   (long long)heartbeat->beats, (long long)heartbeat->shards,
                                   (long long)heartbeat->lag_ms, (int)heartbeat->dapr);

    (void)pipeline_add(pipeline, COMMAND_WRITE, 4,
                       (struct str[]){STR("HSET"), key_workers, heartbeat->id, text});
    (void)pipeline_add(pipeline, COMMAND_WRITE, 3,
                       (struct str[]){STR("PEXPIRE"), key_workers,
                                      command_int(pipeline->arena, WORKERS_EXPIRE_MS)});
}

struct command *workers_cmd_get(struct pipeline *pipeline)
{
    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("HGETALL"), key_workers});
}

/* Parses the text of a field. Returns false for a text of another form, which a later version may
 * have written: that worker is ignored. */
static bool workers_parse_text(struct str text, struct worker_heartbeat *ret)
{
    int64_t dapr;

    if (!str_to_int64(str_cut(&text, ' '), 0, INT64_MAX, &ret->beats) ||
        !str_to_int64(str_cut(&text, ' '), 0, SHARDS, &ret->shards) ||
        !str_to_int64(str_cut(&text, ' '), 0, INT64_MAX, &ret->lag_ms) ||
        !str_to_int64(text, 0, DAPR_STATES - 1, &dapr))
        return false;
    ret->dapr = (enum dapr_state)dapr;
    return true;
}

/* Parses the reply [id, text, id, text, ...]. An element that cannot be parsed is overwritten by
 * the next one. */
bool workers_parse(const struct command *command, struct worker_heartbeat *ret_heartbeats,
                   size_t *ret_count)
{
    size_t element_count, count = 0;

    if (reply_array(command->reply, SIZE_MAX, &element_count) != REPLY_OK)
        return false;
    for (size_t i = 0; i + 1 < element_count && count < WORKERS_MAX; i += 2) {
        struct worker_heartbeat *heartbeat = &ret_heartbeats[count];
        struct str text;

        *heartbeat = (struct worker_heartbeat){0};
        if (reply_text(reply_at(command->reply, i), &heartbeat->id) == REPLY_OK &&
            reply_text(reply_at(command->reply, i + 1), &text) == REPLY_OK &&
            workers_parse_text(text, heartbeat))
            count++;
    }
    *ret_count = count;
    return true;
}

/* Called by a worker that ends, so that /ready shows its absence at once. */
void workers_cmd_remove(struct pipeline *pipeline, struct str id)
{
    (void)pipeline_add(pipeline, COMMAND_WRITE, 3, (struct str[]){STR("HDEL"), key_workers, id});
}
