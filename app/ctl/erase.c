/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl erase: erases all data of a student as DELETE /api/v1/compliance/student/ID does, but
 * directly in Redis, for an operator who has no token. */
#include <inttypes.h>
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/subcommand.h"
#include "app/http/router.h"
#include "app/routes/routes.h"
#include "app/service/erase.h"

struct erase_settings {
    const char *student;
    bool dry_run;
};

/* Prints the number of records of each kind that has a name for operators. */
static void erase_print_counts(const struct erase *e)
{
    for (size_t kind = 0; kind < ERASED_KINDS; kind++) {
        if (erase_kind_name(kind))
            (void)printf("%-22s %" PRId64 "\n", erase_kind_name(kind), e->counts[kind]);
    }
}

/* Runs the same steps as the HTTP route, and prints the result. Every step can be repeated, so
 * after an interruption the operator runs the command again. The result of store_wait is not used,
 * because the next step finds the failure in the pipeline. */
static enum ctl_exit erase_student(const struct subcommand *command, struct erase *e)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct pipeline pipeline;

    pipeline_init(&pipeline, e->arenas[0], NULL /* owner */);
    while (erase_step(e, &pipeline, &p) == STEP_MORE)
        (void)store_wait(e->engine->store, &pipeline);
    if (p.code == PROBLEM_NONE) {
        erase_print_counts(e);
        return CTL_DONE;
    }
    if (p.code != PROBLEM_SERVICE_UNAVAILABLE) {
        subcommand_error(command, "%s", p.message);
        return CTL_FAILED;
    }
    subcommand_error(command,
                     "Redis cannot be reached: %s. Repeat the command to complete the erasure",
                     store_last_error(e->engine->store));
    return CTL_UNAVAILABLE;
}

/* Prepares the erasure as the HTTP route does, with "mastery-ctl" as the actor in the audit log and
 * a new random correlation id, and runs it. Returns CTL_FAILED when the engine cannot be opened, or
 * when out of memory. All functions that release accept what was never opened. */
static enum ctl_exit erase_run(const struct subcommand *command, const void *settings,
                               struct arena *arena)
{
    const struct erase_settings *s = settings;
    size_t count;
    const struct route_table *tables = route_tables(&count);
    /* engine_open needs the routes: they decide the layout of the file of metrics, by which the
     * running processes notice the erasure */
    struct router *router = router_new(tables, count);
    struct engine engine = {.store = NULL};
    struct erase e = {.engine = &engine,
                      .student = str_of(s->student),
                      .actor = STR("mastery-ctl"),
                      .role = STR("service"),
                      .dry_run = s->dry_run};
    enum ctl_exit status = CTL_FAILED;
    char id[UUID_TEXT_SIZE];

    (void)arena;
    uuid_make(id);
    e.correlation_id = str_of(id);
    if (router && engine_open(&engine, "mastery-ctl erase", router, ENGINE_METRICS)) {
        e.now_ms = subcommand_now_ms(&engine);
        if (erase_init(&e))
            status = erase_student(command, &e);
        erase_release(&e);
    }
    engine_close(&engine);
    router_free(router);
    return status;
}

/* clang-format off */
static const struct option_rule erase_options[] = {
    {.name = "dry-run", .type = OPTION_FLAG, .offset = offsetof(struct erase_settings, dry_run),
     .description = "count only, change nothing"},
    {.name = "student", .value_name = "STUDENT", .type = OPTION_OPERAND, .required = true,
     .offset = offsetof(struct erase_settings, student), .description = "the student to erase"},
    {0},
};
/* clang-format on */

const struct subcommand erase_subcommand = {
    .name = "erase",
    .summary = "Erases all data of a student",
    .description = "\nPrints the number of records of each kind. Can be repeated safely.\n",
    .options = erase_options,
    .settings_size = sizeof(struct erase_settings),
    .run = erase_run,
};
