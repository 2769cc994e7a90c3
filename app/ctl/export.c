/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl export: prints a student's data as GET /api/v1/compliance/export/ID does, but
 * directly from Redis, for an operator without a token. */
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/subcommand.h"
#include "app/service/export.h"

/* First and greatest sizes of the arenas for replies (PAGE) and for the text (OUT), in bytes. */
enum { PAGE_FIRST = 64 << 10, PAGE_CAP = 16 << 20, OUT_FIRST = 1 << 20, OUT_CAP = 64 << 20 };

struct export_settings {
    const char *student;
    bool json; /* not used: the output is JSON in any case */
};

/* Prints each piece of the export as soon as it is complete, then empties export->out, so that
 * memory stays bounded. After a failure the output is incomplete JSON without the hash at its end,
 * so it cannot be mistaken for a complete export. The result of store_wait is not used, because the
 * next export_step finds the failure in the pipeline. Failed writes to standard output are found
 * when the program ends (main.c). */
static enum ctl_exit export_print(const struct subcommand *command, struct engine *engine,
                                  struct export *export)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct pipeline pipeline;
    enum step step;

    pipeline_init(&pipeline, export->reply_arena, NULL /* owner */);
    do {
        step = export_step(export, &pipeline, &p);
        if (p.code == PROBLEM_NONE)
            (void)fwrite(export->out->p, 1, export->out->n, stdout);
        export->out->n = 0;
        if (step == STEP_MORE)
            (void)store_wait(engine->store, &pipeline);
    } while (step == STEP_MORE);
    if (p.code != PROBLEM_NONE)
        return subcommand_fail(command, engine, &p);
    (void)putchar('\n');
    return CTL_DONE;
}

/* Prepares the export of all kinds of the student's data and prints it. Replies and text have an
 * arena each, because the export resets the first after each page of replies while the second has
 * the text that is not printed yet. */
static enum ctl_exit export_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    const struct export_settings *s = settings;
    struct engine engine = {.store = NULL};
    struct arena *reply_arena = arena_new(PAGE_FIRST, PAGE_CAP),
                 *text_arena = arena_new(OUT_FIRST, OUT_CAP);
    struct buf out;
    struct export export = {.engine = &engine,
                            .student = str_of(s->student),
                            .exported_by = STR("mastery-ctl"),
                            .kinds = student_kinds,
                            .kind_count = STUDENT_KEY_COUNT,
                            .arena = arena,
                            .reply_arena = reply_arena,
                            .out = &out};
    enum ctl_exit status = CTL_FAILED;

    buf_init(&out, text_arena);
    if (reply_arena && text_arena &&
        engine_open(&engine, "mastery-ctl export", NULL /* router */,
                    ENGINE_SERVING /* the catalogue describes recommendations */)) {
        export.now_ms = subcommand_now_ms(&engine);
        status = export_print(command, &engine, &export);
    }
    engine_close(&engine);
    arena_free(text_arena);
    arena_free(reply_arena);
    return status;
}

/* clang-format off */
static const struct option_rule export_options[] = {
    {.name = "student", .value_name = "STUDENT", .type = OPTION_OPERAND, .required = true,
     .offset = offsetof(struct export_settings, student),
     .description = "the student whose data is printed"},
    OPTION_JSON(export_settings),
    {0},
};
/* clang-format on */

const struct subcommand export_subcommand = {
    .name = "export",
    .summary = "Prints all data of a student as JSON with its hash",
    .json = "the same as without: an object with all data and its integrity_hash",
    .options = export_options,
    .settings_size = sizeof(struct export_settings),
    .run = export_run,
};
