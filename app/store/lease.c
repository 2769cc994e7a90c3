/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls the scripts lease_acquire.lua and lease_write.lua, which compare the holder and the time of
 * a lease (lease.h). */
#include "app/store/lease.h"

#include "app/store/reply.h"

/* most texts of a write that Redis refuses after the end of the lease (lease_cmd_write), its name
 * and key included */
enum { LEASE_ARGC_MAX = 16 };

struct command *lease_cmd_acquire(struct pipeline *pipeline, struct str key, struct str holder,
                                  int64_t ms)
{
    struct str argv[] = {key, holder, command_int(pipeline->arena, ms)};

    return pipeline_add_script(pipeline, &script_lease_acquire, 1, 3, argv);
}

/* The reply is the time until which the holder may write or, when it is negative, minus the
 * milliseconds for which another holder still has the lease. */
bool lease_parse_acquire(const struct command *command, int64_t *ret_until_ms, struct problem *p)
{
    int64_t reply;

    if (!reply_expect_int(command->reply, &reply, p))
        return false;
    if (reply < 0)
        problem_busy(p, -reply);
    *ret_until_ms = reply;
    return reply >= 0;
}

void lease_cmd_release(struct pipeline *pipeline, struct str key, struct str holder)
{
    (void)pipeline_add_script(pipeline, &script_delete_if_equal, 1, 2, (struct str[]){key, holder});
}

/* Calls lease_write.lua. The texts of the call are the key (argv[1]), the time until_ms, the name
 * of the command (argv[0]), and the other arguments: one text more than argv has. */
void lease_cmd_write(struct pipeline *pipeline, int64_t until_ms, int argc, const struct str *argv)
{
    struct str args[LEASE_ARGC_MAX + 1] = {argv[1], command_int(pipeline->arena, until_ms),
                                           argv[0]};

    if (argc > LEASE_ARGC_MAX) {
        pipeline->failed = true;
        return;
    }
    memcpy(args + 3, argv + 2, (size_t)(argc - 2) * sizeof(*argv));
    (void)pipeline_add_script(pipeline, &script_lease_write, 1, argc + 1, args);
}

bool lease_was_lost(const struct pipeline *pipeline)
{
    for (const struct command *command = pipeline->first; command; command = command->next) {
        int64_t reply;

        if (reply_int(command->reply, &reply) == REPLY_OK && reply == LEASE_LOST)
            return true;
    }
    return false;
}
