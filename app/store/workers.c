/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/workers.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

void workers_cmd_beat(struct pipeline *a, const struct worker_heartbeat *sign)
{
    struct str text =
        arena_printf(a->arena, "%lld %lld %lld %d", (long long)sign->beats, (long long)sign->shards,
                     (long long)sign->lag_ms, (int)sign->dapr);

    (void)pipeline_add(a, COMMAND_WRITE, 4,
                       (struct str[]){STR("HSET"), key_workers, sign->id, text});
    (void)pipeline_add(a, COMMAND_WRITE, 3,
                       (struct str[]){STR("PEXPIRE"), key_workers,
                                      arena_printf(a->arena, "%d", WORKERS_EXPIRE_MS)});
}

struct command *workers_cmd_get(struct pipeline *a)
{
    return pipeline_add(a, COMMAND_READ, 2, (struct str[]){STR("HGETALL"), key_workers});
}

static bool read_sign(struct str text, struct worker_heartbeat *ret)
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

bool workers_parse(const struct command *command, struct worker_heartbeat *ret_signs,
                   size_t *ret_count)
{
    size_t n, count = 0;

    if (reply_array(command->reply, SIZE_MAX, &n) != REPLY_OK)
        return false;
    for (size_t i = 0; i + 1 < n && count < WORKERS_MAX; i += 2) {
        struct worker_heartbeat *sign = &ret_signs[count];
        struct str text;

        *sign = (struct worker_heartbeat){0};
        if (reply_text(reply_at(command->reply, i), &sign->id) == REPLY_OK &&
            reply_text(reply_at(command->reply, i + 1), &text) == REPLY_OK && read_sign(text, sign))
            count++;
    }
    *ret_count = count;
    return true;
}

void workers_cmd_remove(struct pipeline *a, struct str id)
{
    (void)pipeline_add(a, COMMAND_WRITE, 3, (struct str[]){STR("HDEL"), key_workers, id});
}
