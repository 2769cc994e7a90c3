/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/lease.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

/* The reply is 1 if the holder has the lease now. The expiry of the lease is measured by the clock
 * of Redis, so differences between the clocks of the workers do not matter. */
struct command *lease_cmd_acquire(struct pipeline *pipeline, unsigned shard, struct str holder,
                                  int ms)
{
    struct str argv[] = {key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE), holder,
                         command_int(pipeline->arena, ms)};

    return pipeline_add_script(pipeline, &script_lease_acquire, 1, 3, argv);
}

bool lease_parse_acquire(const struct command *command)
{
    int64_t acquired;

    return reply_int(command->reply, &acquired) == REPLY_OK && acquired == 1;
}

void lease_cmd_release(struct pipeline *pipeline, unsigned shard, struct str holder)
{
    (void)pipeline_add_script(
        pipeline, &script_delete_if_equal, 1, 2,
        (struct str[]){key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE), holder});
}
