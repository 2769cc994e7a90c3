/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl migrate: converts a store with the records of 0.1.0 to packed records, while programs
 * of this version use it (docs/runbooks.md, Migrate). */
#include "app/service/migrate.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/ctl/json_line.h"
#include "app/ctl/terminal.h"
#include "app/store/keys.h"
#include "app/store/scan_cursor.h"
#include "app/store/schema.h"
#include "app/store/students.h"

enum {
    PAGE_FIRST = 64 << 10, /* first and greatest size of the memory for a page of keys */
    PAGE_CAP = 64 << 20,
    RECORD_FIRST = 1 << 20, /* first and greatest size of the memory for one conversion */
    RECORD_CAP = 256 << 20,
    CONVERTERS_MAX = 16, /* room for the counts of this many converters (service/migrate.h) */
};

struct migrate_settings {
    bool json;
};

/* One run of mastery-ctl migrate. */
struct migrate_run {
    const struct subcommand *command;
    struct engine engine;
    struct migrate migrate;
    struct arena *page_arena;          /* memory for one page of keys */
    int64_t converted[CONVERTERS_MAX]; /* records converted, by converter */
    int64_t students; /* students looked at; if SCAN repeats one, it counts twice */
    struct progress progress;
};

/* Converts all records of one student to their packed forms, by the converters for students. False
 * with a problem in p when a converter fails. */
static bool migrate_student(struct migrate_run *run, struct str student, struct problem *p)
{
    run->students++;
    for (size_t i = 0; i < converter_count; i++) {
        int64_t converted = 0;

        if (!converters[i].of_student)
            continue;
        arena_reset(run->migrate.arena);
        if (!converters[i].of_student(&run->migrate, student, &converted, p))
            return false;
        run->converted[i] += converted;
    }
    return true;
}

/* Converts the records of all students, which SCAN finds page by page. A student whose profile is
 * made meanwhile may be missed, but has packed records only. False with a problem in p. */
static bool migrate_students(struct migrate_run *run, struct problem *p)
{
    size_t keys = subcommand_key_count(&run->engine), seen = 0;
    char cursor_text[SCAN_CURSOR_SIZE] = "0";
    struct str cursor;

    run->progress = (struct progress){.what = "keys"};
    do {
        struct str_list students;
        struct pipeline pipeline;
        struct command *command;

        arena_reset(run->page_arena);
        pipeline_init(&pipeline, run->page_arena, NULL /* owner */);
        command = students_cmd_page(&pipeline, str_of(cursor_text));
        if (!subcommand_round_trip(&run->engine, &pipeline, p) ||
            !students_parse_page(command, run->page_arena, &cursor, &students, p))
            return false;
        for (size_t i = 0; i < students.n; i++) {
            if (!migrate_student(run, students.v[i], p))
                return false;
        }
        (void)snprintf(cursor_text, sizeof(cursor_text), "%.*s", STR_ARG(cursor));
        seen += STUDENTS_PAGE_KEYS;
        progress_draw(&run->progress, seen, keys, -1);
    } while (strcmp(cursor_text, "0") != 0);
    return true;
}

/* Converts the records of all shards that are not a student's, by the converters for shards. False
 * with a problem in p when a converter fails. */
static bool migrate_shards(struct migrate_run *run, struct problem *p)
{
    run->progress = (struct progress){.what = "shards"};
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        for (size_t i = 0; i < converter_count; i++) {
            int64_t converted = 0;

            if (!converters[i].of_shard)
                continue;
            arena_reset(run->migrate.arena);
            if (!converters[i].of_shard(&run->migrate, shard, &converted, p))
                return false;
            run->converted[i] += converted;
        }
        progress_draw(&run->progress, shard, SHARDS, -1);
    }
    return true;
}

/* Prints how many students were looked at, and how many records of each kind were converted. */
static enum ctl_exit migrate_print(const struct migrate_run *run, bool json, struct arena *arena)
{
    struct json_line line;
    struct jw *w;

    if (!json) {
        (void)printf("students %" PRId64 "\n", run->students);
        for (size_t i = 0; i < converter_count; i++)
            (void)printf("%s %" PRId64 "\n", converters[i].name, run->converted[i]);
        return CTL_DONE;
    }
    w = json_line_begin(&line, arena);
    jw_int(w, "students", run->students);
    jw_object(w, "converted");
    for (size_t i = 0; i < converter_count; i++)
        jw_int(w, converters[i].name, run->converted[i]);
    jw_object_end(w);
    return json_line_end(&line, run->command, CTL_DONE);
}

/* Converts all records of the store and prints how many. Converts nothing if the store's schema
 * number says that all records are packed already (SCHEMA_PACKED). */
static enum ctl_exit migrate_all(struct migrate_run *run, bool json, struct arena *arena)
{
    struct problem p = {.code = PROBLEM_NONE};
    int64_t number;
    bool done = migrate_begin(&run->migrate, &number, &p) &&
                (number == SCHEMA_PACKED || (migrate_students(run, &p) && migrate_shards(run, &p) &&
                                             migrate_end(&run->migrate, &p)));

    progress_clear();
    return done ? migrate_print(run, json, arena) : subcommand_fail(run->command, &run->engine, &p);
}

/* Opens what a run needs. engine_close and arena_free accept what was never opened. */
static enum ctl_exit migrate_run(const struct subcommand *command, const void *settings,
                                 struct arena *arena)
{
    const struct migrate_settings *s = settings;
    struct migrate_run run = {.command = command};
    enum ctl_exit status = CTL_FAILED;

    run.page_arena = arena_new(PAGE_FIRST, PAGE_CAP);
    run.migrate = (struct migrate){&run.engine, arena_new(RECORD_FIRST, RECORD_CAP)};
    if (run.page_arena && run.migrate.arena &&
        engine_open(&run.engine, "mastery-ctl migrate", NULL /* router */, 0 /* subsystems */))
        status = migrate_all(&run, s->json, arena);
    engine_close(&run.engine);
    arena_free(run.migrate.arena);
    arena_free(run.page_arena);
    return status;
}

static const struct option_rule migrate_options[] = {OPTION_JSON(migrate_settings), {0}};

const struct subcommand migrate_subcommand = {
    .name = "migrate",
    .summary = "Converts the records of 0.1.0 to packed ones, which need a fraction of the memory",
    .description =
        "\nRun it when no program of 0.1.0 uses the store any more (docs/runbooks.md, Migrate).\n"
        "It raises the schema number, which 0.1.0 refuses, so the only way back is a backup.\n"
        "Programs of this version go on working meanwhile. If it is cut short, run it again.\n"
        "Exit status: 0 all is converted, 1 failed, 3 Redis cannot be reached.\n",
    .json = "an object: students, converted (records by kind)",
    .options = migrate_options,
    .settings_size = sizeof(struct migrate_settings),
    .run = migrate_run,
};
