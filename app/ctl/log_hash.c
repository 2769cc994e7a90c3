/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl log-hash: what stands for an id in the log. */
#include <stdio.h>

#include "app/ctl/subcommand.h"

struct settings {
    const char *id;
};

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    const struct settings *s = settings;
    struct engine engine;
    enum ctl_exit status = CTL_FAILED;
    char hash[LOG_HASH_SIZE];

    (void)arena;
    if (engine_open(&engine, "mastery-ctl log-hash", NULL, 0)) {
        if (engine_has_log_key(&engine)) {
            log_hash(engine.log, str_of(s->id), hash);
            (void)puts(hash);
            status = CTL_DONE;
        } else {
            subcommand_error(command, "neither LOG_KEY nor JWT_SECRET is set: each process then "
                                      "has a key of its own, which nobody knows");
        }
    }
    engine_close(&engine);
    return status;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "id", .value_name = "ID", .type = OPTION_OPERAND, .required = true, .offset = offsetof(struct settings, id),
     .description = "of a student, a teacher, an admin"},
    {0},
};
/* clang-format on */

const struct subcommand log_hash_subcommand = {
    .name = "log-hash",
    .summary = "Prints what stands for an id in the log",
    .description =
        "\nThe log holds no ids, but keyed hashes of them; the key is LOG_KEY, or follows "
        "from JWT_SECRET.\n",
    .options = options,
    .settings_size = sizeof(struct settings),
    .run = run,
};
