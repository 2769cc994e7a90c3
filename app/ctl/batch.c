/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl batch: submits, watches and cancels batches, in the store itself. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/ctl/subcommand.h"
#include "app/ctl/terminal.h"
#include "app/service/batch_json.h"
#include "app/store/cohort.h"

enum action { SUBMIT, WATCH, CANCEL };
static const char *const actions[] = {"submit", "watch", "cancel", NULL};

static const int64_t LOOK_MS = 250;

struct settings {
    int action;
    const char *id;
    struct str_list students;
    const char *cohort;
    int priority;
};

/* Goes through all that one run does. */
struct run {
    const struct subcommand *command;
    const struct settings *settings;
    struct engine engine;
    struct arena *arena; /* of one look, or of what is submitted */
};

static bool look(struct run *r, struct batch *ret, struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;

    arena_reset(r->arena);
    pipeline_init(&pipeline, r->arena, NULL);
    command = batch_cmd_get(&pipeline, str_of(r->settings->id));
    if (!subcommand_round_trip(&r->engine, &pipeline, p) || !batch_parse(command, ret, p))
        return false;
    if (!ret->exists)
        problem_set(p, PROBLEM_NOT_FOUND, "there is no batch %s", r->settings->id);
    return ret->exists;
}

/* ---- watch ---- */

static void print_left(char ret_text[64], const struct batch *b)
{
    int64_t left_s;

    if (batch_time_left(b, clock_wall_ms(), &left_s))
        (void)snprintf(ret_text, 64, "students, %" PRId64 ":%02" PRId64 " left\033[K", left_s / 60,
                       left_s % 60);
    else
        (void)snprintf(ret_text, 64, "students ");
}

static void print_state(const struct batch *b)
{
    (void)printf("%s: %" PRId64 " of %" PRId64 " students, %" PRId64 " failed",
                 batch_status_names[b->status], b->processed, b->total, b->failed);
    if (b->completed_ms > 0 && b->started_ms > 0)
        (void)printf(", in %.1f s", (double)(b->completed_ms - b->started_ms) / 1e3);
    (void)putchar('\n');
}

/* A bar for who sits before a terminal, a line a change for who reads it later. */
static void show(const struct batch *b, const struct batch *before)
{
    bool moved = b->status != before->status || b->processed != before->processed ||
                 b->total != before->total;
    char left[64];

    if (progress_is_enabled()) {
        print_left(left, b);
        progress_draw((size_t)b->processed, (size_t)b->total, left);
    } else if (moved) {
        print_state(b);
        (void)fflush(stdout);
    }
}

static void rest(void)
{
    struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};

    (void)nanosleep(&pause, NULL);
}

static enum ctl_exit watch(struct run *r)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct batch before = {.total = -1}, now = {.exists = false};

    while (look(r, &now, &p) && !batch_ended(now.status)) {
        show(&now, &before);
        before = now;
        rest();
    }
    progress_clear();
    if (p.code != PROBLEM_NONE)
        return subcommand_fail(r->command, &r->engine, &p);
    print_state(&now);
    return now.status == BATCH_COMPLETED && now.failed == 0 ? CTL_DONE : CTL_FAILED;
}

/* ---- cancel ---- */

static enum ctl_exit cancel(struct run *r)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct batch batch;
    struct pipeline pipeline;
    struct command *command;
    bool changed;

    pipeline_init(&pipeline, r->arena, NULL);
    command = batch_cmd_cancel(&pipeline, str_of(r->settings->id), clock_wall_ms());
    if (!subcommand_round_trip(&r->engine, &pipeline, &p) ||
        !batch_parse_cancel(command, &changed, &p) || !look(r, &batch, &p))
        return subcommand_fail(r->command, &r->engine, &p);
    if (!changed) {
        subcommand_error(r->command, "it has ended: it is %s", batch_status_names[batch.status]);
        return CTL_FAILED;
    }
    print_state(&batch);
    return CTL_DONE;
}

/* ---- submit ---- */

static bool read_cohort(struct run *r, struct str_list *ret, struct problem *p)
{
    struct cohort cohort;
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, r->arena, NULL);
    command = cohort_cmd_get(&pipeline, str_of(r->settings->cohort));
    if (!subcommand_round_trip(&r->engine, &pipeline, p) ||
        !cohort_parse(command, r->arena, str_of(r->settings->cohort), &cohort, p))
        return false;
    if (!cohort.exists)
        problem_set(p, PROBLEM_NOT_FOUND, "there is no cohort %s", r->settings->cohort);
    *ret = cohort.students;
    return cohort.exists;
}

static bool same_twice(struct str_list ids)
{
    for (size_t i = 1; i < ids.n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (str_equal(ids.v[i], ids.v[k]))
                return true;
        }
    }
    return false;
}

static bool create(struct run *r, struct str id, struct str_list students, struct problem *p)
{
    struct batch batch = {.priority = (enum queue_priority)r->settings->priority,
                          .created_ms = clock_wall_ms(),
                          .actor = STR("mastery-ctl"),
                          .correlation_id = id};
    struct batch_item *items = arena_array(r->arena, students.n, sizeof(*items));
    struct pipeline pipeline;
    struct command *command;
    bool made;

    if (!items) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, "out of memory");
        return false;
    }
    for (size_t i = 0; i < students.n; i++)
        items[i].student = students.v[i];
    pipeline_init(&pipeline, r->arena, NULL);
    command = batch_cmd_create(&pipeline, id, &batch, items, students.n);
    return subcommand_round_trip(&r->engine, &pipeline, p) && batch_parse_create(command, &made, p);
}

static enum ctl_exit submit(struct run *r)
{
    enum { BYTES = (BATCH_ID_SIZE - 1) / 2 };
    struct problem p = {.code = PROBLEM_NONE};
    struct str_list students = r->settings->students;
    unsigned char bytes[BYTES];
    char id[BATCH_ID_SIZE];

    if (r->settings->cohort && !read_cohort(r, &students, &p))
        return subcommand_fail(r->command, &r->engine, &p);
    if (students.n < 1 || students.n > BATCH_STUDENTS_MAX || same_twice(students)) {
        subcommand_error(r->command, "a batch is 1 to %d students, each once", BATCH_STUDENTS_MAX);
        return CTL_FAILED;
    }
    random_bytes(bytes, BYTES);
    hex_print(bytes, BYTES, id);
    if (!create(r, str_of(id), students, &p))
        return subcommand_fail(r->command, &r->engine, &p);
    (void)printf("%s\n", id);
    return CTL_DONE;
}

/* ---- all of it ---- */

/* NULL when all is well. */
static const char *usage_error(const struct settings *s)
{
    bool whom = s->cohort || s->students.n > 0;

    if (s->action != SUBMIT)
        return !s->id ? "which? ID is missing"
               : whom ? "--student and --cohort are for submit"
                      : NULL;
    if (s->id)
        return "submit takes no ID";
    if (s->cohort && s->students.n > 0)
        return "--cohort and --student do not go together";
    return whom ? NULL : "whom? --student or --cohort is missing";
}

static enum ctl_exit run_with(struct run *r)
{
    switch ((enum action)r->settings->action) {
    case SUBMIT: return submit(r);
    case WATCH: return watch(r);
    case CANCEL: return cancel(r);
    }
    return CTL_USAGE;
}

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    struct run r = {.command = command, .settings = settings};
    const char *error = usage_error(settings);
    enum ctl_exit status = CTL_FAILED;

    (void)arena;
    if (error)
        return subcommand_usage_error(command, error);
    r.arena = arena_new(1 << 16, 64 << 20);
    if (r.arena && engine_open(&r.engine, "mastery-ctl batch", NULL, 0))
        status = run_with(&r);
    engine_close(&r.engine);
    arena_free(r.arena);
    return status;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "action", .value_name = "ACTION", .type = OPTION_OPERAND, .choices = actions, .required = true,
     .offset = offsetof(struct settings, action), .description = "submit, watch or cancel"},
    {.name = "id", .value_name = "ID", .type = OPTION_OPERAND, .offset = offsetof(struct settings, id),
     .description = "of the batch to watch or cancel"},
    {.name = "student", .value_name = "ID[,ID...]", .type = OPTION_IDS, .offset = offsetof(struct settings, students),
     .description = "submit these students; may be repeated"},
    {.name = "cohort", .value_name = "ID", .type = OPTION_ID, .offset = offsetof(struct settings, cohort),
     .description = "submit the students of this cohort"},
    {.name = "priority", .value_name = "WORD", .type = OPTION_CHOICE, .choices = batch_priority_names,
     .offset = offsetof(struct settings, priority), .description = "high, normal or low (normal)"},
    {0},
};
/* clang-format on */

static const struct settings presets = {.priority = QUEUE_NORMAL};

const struct subcommand batch_subcommand = {
    .name = "batch",
    .summary = "Submits, watches and cancels batches",
    .description =
        "\nsubmit  has up to 1000 students' mastery made again from what is stored, and prints\n"
        "        the id of the batch\n"
        "watch   shows how far a batch has got until it ends: a bar with the time left, or,\n"
        "        without a terminal, a line for each change; fails if the batch does, or if\n"
        "        there is a student without a result\n"
        "cancel  ends it; what has been done stays\n",
    .options = options,
    .default_settings = &presets,
    .settings_size = sizeof(struct settings),
    .run = run,
};
