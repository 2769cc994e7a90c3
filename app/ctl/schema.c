/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl schema: prints the schema number (number of the format of all records) in Redis and
 * that of this version, and checks whether this version may use the records (docs/runbooks.md). */
#include "app/store/schema.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/ctl/json_line.h"

struct schema_settings {
    bool json;
};

/* Prints the schema numbers of Redis (`found`; 0: none) and of this version as JSON. */
static enum ctl_exit schema_print_json(const struct subcommand *command, int64_t found,
                                       struct arena *arena)
{
    struct json_line line;
    struct jw *w = json_line_begin(&line, arena);

    if (found == 0)
        jw_null(w, "store");
    else
        jw_int(w, "store", found);
    jw_int(w, "version", STORE_SCHEMA);
    return json_line_end(&line, command, CTL_DONE);
}

/* Reads the schema number from Redis and prints it. The number 0 means that Redis has no records of
 * the engine yet. */
static enum ctl_exit schema_print(const struct subcommand *command, struct engine *engine,
                                  bool json, struct arena *arena)
{
    char why[160];
    int64_t found;
    struct pipeline pipeline;
    struct command *schema_cmd;

    pipeline_init(&pipeline, arena, NULL /* owner */);
    schema_cmd = schema_cmd_get(&pipeline);
    if (!store_wait(engine->store, &pipeline)) {
        subcommand_error(command, "Redis cannot be reached: %s", store_last_error(engine->store));
        return CTL_UNAVAILABLE;
    }
    if (!schema_parse(schema_cmd, &found, why, sizeof(why))) {
        subcommand_error(command, "%s", why);
        return CTL_FAILED;
    }
    if (json)
        return schema_print_json(command, found, arena);
    if (found == 0)
        (void)printf("store none, this version %d\n", STORE_SCHEMA);
    else
        (void)printf("store %" PRId64 ", this version %d\n", found, STORE_SCHEMA);
    return CTL_DONE;
}

/* Connects to Redis and prints the schema numbers. engine_open succeeds even when Redis is
 * unavailable; schema_print notices that when its command has no reply. */
static enum ctl_exit schema_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    const struct schema_settings *s = settings;
    struct engine engine;
    enum ctl_exit status = CTL_FAILED;

    if (engine_open(&engine, "mastery-ctl schema", NULL /* router */, 0 /* subsystems */))
        status = schema_print(command, &engine, s->json, arena);
    engine_close(&engine);
    return status;
}

static const struct option_rule schema_options[] = {OPTION_JSON(schema_settings), {0}};

const struct subcommand schema_subcommand = {
    .name = "schema",
    .summary = "Prints the schema number of the store and that of this version",
    .description =
        "A store with a higher number belongs to a later version. This version does not write to\n"
        "it and is not ready. See docs/runbooks.md, \"Roll back\".\n"
        "Exit status: 0 this version may use the store, 3 it may not or Redis cannot be reached.\n",
    .json = "an object: store (null: none), version",
    .options = schema_options,
    .settings_size = sizeof(struct schema_settings),
    .run = schema_run,
};
