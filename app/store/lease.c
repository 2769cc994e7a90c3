/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/lease.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

struct ask *lease_ask(struct asks *a, unsigned shard, struct str holder, int ms)
{
    struct str argv[] = {key_shard_record(a->arena, shard, SHARD_KEY_LEASE), holder,
                         arena_printf(a->arena, "%d", ms)};

    return ask_script(a, &script_lease, 1, 3, argv);
}

bool lease_read(const struct ask *ask)
{
    int64_t held;

    return reply_int(ask->reply, &held) == REPLY_THERE && held == 1;
}

void lease_ask_release(struct asks *a, unsigned shard, struct str holder)
{
    (void)ask_script(a, &script_unlock, 1, 2,
                     (struct str[]){key_shard_record(a->arena, shard, SHARD_KEY_LEASE), holder});
}
