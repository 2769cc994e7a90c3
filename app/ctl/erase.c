/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl erase: what the route does, for whoever has the store and no token. */
#include <inttypes.h>
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/subcommand.h"
#include "app/http/router.h"
#include "app/routes/routes.h"
#include "app/service/erase.h"

struct settings {
    const char *student;
    bool dry;
};

static void print_counts(const struct erase *e)
{
    for (size_t kind = 0; kind < ERASED_KINDS; kind++) {
        if (erase_kind_name(kind))
            (void)printf("%-22s %" PRId64 "\n", erase_kind_name(kind), e->counts[kind]);
    }
}

static enum ctl_exit erase(const struct subcommand *command, struct erase *e)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct pipeline pipeline;

    pipeline_init(&pipeline, e->arenas[0], NULL);
    while (erase_step(e, &pipeline, &p) == STEP_MORE)
        (void)store_wait(e->engine->store, &pipeline);
    if (p.code == PROBLEM_NONE) {
        print_counts(e);
        return CTL_DONE;
    }
    if (p.code != PROBLEM_SERVICE_UNAVAILABLE) {
        subcommand_error(command, "%s", p.message);
        return CTL_FAILED;
    }
    subcommand_error(command, "Redis is away: %s. What has been begun is completed by repeating it",
                     store_last_error(e->engine->store));
    return CTL_UNAVAILABLE;
}

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    const struct settings *s = settings;
    size_t count;
    const struct route_table *tables = route_tables(&count);
    struct router *router = router_new(tables, count); /* the pool's metrics are laid out by it */
    struct engine engine = {.store = NULL};
    struct erase e = {.engine = &engine,
                      .student = str_of(s->student),
                      .actor = STR("mastery-ctl"),
                      .role = STR("service"),
                      .now_ms = clock_wall_ms(),
                      .dry_run = s->dry};
    enum ctl_exit status = CTL_FAILED;
    char id[UUID_TEXT_SIZE];

    (void)arena;
    uuid_make(id);
    e.correlation_id = str_of(id);
    if (router && engine_open(&engine, "mastery-ctl erase", router, ENGINE_METRICS)) {
        if (erase_init(&e))
            status = erase(command, &e);
        erase_release(&e);
    }
    engine_close(&engine);
    router_free(router);
    return status;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "dry-run", .type = OPTION_FLAG, .offset = offsetof(struct settings, dry), .description = "count only, change nothing"},
    {.name = "student", .value_name = "STUDENT", .type = OPTION_OPERAND, .required = true,
     .offset = offsetof(struct settings, student), .description = "who is to be forgotten"},
    {0},
};
/* clang-format on */

const struct subcommand erase_subcommand = {
    .name = "erase",
    .summary = "Erases all that is kept of a student",
    .description = "\nPrints how many records of each kind there were. Safe to repeat.\n",
    .options = options,
    .settings_size = sizeof(struct settings),
    .run = run,
};
