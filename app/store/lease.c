/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/lease.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

struct command *lease_cmd_acquire(struct pipeline *a, unsigned shard, struct str holder, int ms)
{
    struct str argv[] = {key_shard_record(a->arena, shard, SHARD_KEY_LEASE), holder,
                         arena_printf(a->arena, "%d", ms)};

    return pipeline_add_script(a, &script_lease_acquire, 1, 3, argv);
}

bool lease_parse_acquire(const struct command *command)
{
    int64_t held;

    return reply_int(command->reply, &held) == REPLY_OK && held == 1;
}

void lease_cmd_release(struct pipeline *a, unsigned shard, struct str holder)
{
    (void)pipeline_add_script(
        a, &script_delete_if_equal, 1, 2,
        (struct str[]){key_shard_record(a->arena, shard, SHARD_KEY_LEASE), holder});
}
