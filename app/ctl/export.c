/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl export: what the route gives, for whoever has the store and no token. */
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/subcommand.h"
#include "app/service/export.h"

enum { PAGE_FIRST = 64 << 10, PAGE_CAP = 16 << 20, OUT_FIRST = 1 << 20, OUT_CAP = 64 << 20 };

struct settings {
    const char *student;
};

/* What is ready goes out after each round: what has been printed before a failure is no export, and
 * has no hash. */
static enum ctl_exit show(const struct subcommand *command, struct engine *engine, struct export *e)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct pipeline pipeline;
    enum step step;

    pipeline_init(&pipeline, e->reply_arena, NULL);
    do {
        step = export_step(e, &pipeline, &p);
        if (p.code == PROBLEM_NONE)
            (void)fwrite(e->out->p, 1, e->out->n, stdout);
        e->out->n = 0;
        if (step == STEP_MORE)
            (void)store_wait(engine->store, &pipeline);
    } while (step == STEP_MORE);
    if (p.code != PROBLEM_NONE)
        return subcommand_fail(command, engine, &p);
    (void)putchar('\n');
    return CTL_DONE;
}

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    const struct settings *s = settings;
    struct engine engine = {.store = NULL};
    struct arena *page = arena_new(PAGE_FIRST, PAGE_CAP), *text = arena_new(OUT_FIRST, OUT_CAP);
    struct buf out;
    struct export e = {.engine = &engine,
                       .student = str_of(s->student),
                       .exported_by = STR("mastery-ctl"),
                       .now_ms = clock_wall_ms(),
                       .kinds = student_kinds,
                       .kind_count = STUDENT_KEY_COUNT,
                       .reply_arena = page,
                       .out = &out};
    enum ctl_exit status = CTL_FAILED;

    (void)arena;
    buf_init(&out, text);
    if (page && text && engine_open(&engine, "mastery-ctl export", NULL, ENGINE_SERVING))
        status = show(command, &engine, &e);
    engine_close(&engine);
    arena_free(text);
    arena_free(page);
    return status;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "student", .value_name = "STUDENT", .type = OPTION_OPERAND, .required = true,
     .offset = offsetof(struct settings, student), .description = "whose data"},
    {0},
};
/* clang-format on */

const struct subcommand export_subcommand = {
    .name = "export",
    .summary = "Prints all that is kept of a student, as JSON with its hash",
    .options = options,
    .settings_size = sizeof(struct settings),
    .run = run,
};
