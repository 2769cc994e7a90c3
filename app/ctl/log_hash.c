/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl log-hash: prints the keyed hash by which the log names an id, so that an operator can
 * search the log for a student without the log holding ids. */
#include <stdio.h>

#include "app/ctl/json_line.h"

struct log_hash_settings {
    const char *id;
    bool json;
};

/* Prints id and hash as JSON. */
static enum ctl_exit log_hash_print_json(const struct subcommand *command, const char *id,
                                         const char *hash, struct arena *arena)
{
    struct json_line line;
    struct jw *w = json_line_begin(&line, arena);

    jw_text(w, "id", id);
    jw_text(w, "hash", hash);
    return json_line_end(&line, command, CTL_DONE);
}

/* Prints the hash of the id. Fails without a configured key: each process then hashes with a random
 * key of its own, and the printed hash would not be in any log. */
static enum ctl_exit log_hash_run(const struct subcommand *command, const void *settings,
                                  struct arena *arena)
{
    const struct log_hash_settings *s = settings;
    struct engine engine;
    enum ctl_exit status = CTL_FAILED;
    char hash[LOG_HASH_SIZE];

    if (engine_open(&engine, "mastery-ctl log-hash", NULL /* router */, 0 /* subsystems */)) {
        if (engine_has_log_key(&engine)) {
            log_hash(engine.log, str_of(s->id), hash);
            status = CTL_DONE;
            if (s->json)
                status = log_hash_print_json(command, s->id, hash, arena);
            else
                (void)puts(hash);
        } else {
            subcommand_error(command, "LOG_KEY or JWT_SECRET is required: without both, each "
                                      "process hashes with a random key of its own");
        }
    }
    engine_close(&engine);
    return status;
}

/* clang-format off */
static const struct option_rule log_hash_options[] = {
    {.name = "id", .value_name = "ID", .type = OPTION_OPERAND, .required = true,
     .offset = offsetof(struct log_hash_settings, id),
     .description = "the id of a student, teacher or admin"},
    OPTION_JSON(log_hash_settings),
    {0},
};
/* clang-format on */

const struct subcommand log_hash_subcommand = {
    .name = "log-hash",
    .summary = "Prints the hash that the log has in place of an id",
    .description =
        "\nThe log has keyed hashes instead of ids. The key is LOG_KEY, or is derived from "
        "JWT_SECRET.\n",
    .json = "an object: id, hash",
    .options = log_hash_options,
    .settings_size = sizeof(struct log_hash_settings),
    .run = log_hash_run,
};
