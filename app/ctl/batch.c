/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl batch: submits, watches and cancels batches directly in Redis, without the HTTP
 * interface. A batch is a list of students whose mastery the worker computes in the background;
 * each student is an item of the batch. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/ctl/histories.h"
#include "app/ctl/json_line.h"
#include "app/ctl/terminal.h"
#include "app/service/batch_json.h"

enum action { SUBMIT, WATCH, CANCEL };
static const char *const batch_actions[] = {"submit", "watch", "cancel", NULL};

static const int64_t POLL_MS = 250; /* pause between two reads of a batch's state */

struct batch_settings {
    int action;               /* enum action: submit, watch or cancel */
    const char *id;           /* batch to watch or cancel; NULL: not given */
    struct str_list students; /* ids to submit; empty: not given */
    const char *cohort;       /* cohort to submit; NULL: not given */
    int priority;             /* enum queue_priority: high, normal or low */
    bool json;
};

/* Settings, connections and results of one run of mastery-ctl batch; an argument of nearly all
 * functions here. */
struct batch_run {
    const struct subcommand *command;
    const struct batch_settings *settings;
    struct engine engine;
    struct arena *arena; /* replies; reset before each read of the batch */
    struct progress progress;
};

/* Reads the batch from Redis; the texts in *ret live until the next call. False with a problem in p
 * when Redis fails or there is no such batch. */
static bool batch_load(struct batch_run *run, struct batch *ret, struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;

    arena_reset(run->arena);
    pipeline_init(&pipeline, run->arena, NULL /* owner */);
    command = batch_cmd_get(&pipeline, str_of(run->settings->id));
    if (!subcommand_round_trip(&run->engine, &pipeline, p) || !batch_parse(command, ret, p))
        return false;
    if (!ret->exists)
        problem_set(p, PROBLEM_NOT_FOUND, "there is no batch %s", run->settings->id);
    return ret->exists;
}

/* ---- watch ---- */

/* Prints the batch as a line of JSON. */
static enum ctl_exit batch_print_json(struct batch_run *run, const struct batch *batch)
{
    struct json_line line;
    struct jw *w = json_line_begin(&line, run->arena);

    jw_text(w, "batch_id", run->settings->id);
    jw_text(w, "status", batch_status_names[batch->status]);
    jw_int(w, "processed", batch->processed);
    jw_int(w, "total", batch->total);
    jw_int(w, "failed", batch->failed);
    if (batch->completed_ms > 0 && batch->started_ms > 0)
        jw_number(w, "seconds", (double)(batch->completed_ms - batch->started_ms) / 1e3);
    return json_line_end(&line, run->command, CTL_DONE);
}

/* Prints one line about the batch, as text or JSON: status, numbers of students and, when it has
 * ended, its duration. Memory that is exhausted for the JSON is only reported on standard error. */
static void batch_print_state(struct batch_run *run, const struct batch *batch)
{
    if (run->settings->json) {
        (void)batch_print_json(run, batch);
        return;
    }
    (void)printf("%s: %" PRId64 " of %" PRId64 " students, %" PRId64 " failed",
                 batch_status_names[batch->status], batch->processed, batch->total, batch->failed);
    if (batch->completed_ms > 0 && batch->started_ms > 0)
        (void)printf(", in %.1f s", (double)(batch->completed_ms - batch->started_ms) / 1e3);
    (void)putchar('\n');
}

/* Shows the batch's progress: a bar on a terminal, otherwise a line, but only when something has
 * changed since `previous`, so that a log stays short. */
static void batch_print_progress(struct batch_run *run, const struct batch *batch,
                                 const struct batch *previous)
{
    bool moved = batch->status != previous->status || batch->processed != previous->processed ||
                 batch->total != previous->total;
    int64_t left_s;

    if (progress_is_enabled() && !run->settings->json) {
        if (!batch_time_left(batch, clock_wall_ms(), &left_s))
            left_s = -1;
        run->progress.what = "students";
        progress_draw(&run->progress, (size_t)batch->processed, (size_t)batch->total, left_s);
    } else if (moved) {
        batch_print_state(run, batch);
        (void)fflush(stdout);
    }
}

/* Waits POLL_MS. A signal may end the pause early; the batch is then read sooner. */
static void batch_pause(void)
{
    struct timespec pause = {.tv_nsec = POLL_MS * 1000000};

    (void)nanosleep(&pause, NULL);
}

/* Reads the batch every POLL_MS until it has ended, and shows the progress. Returns CTL_DONE when
 * every student got a result, else CTL_FAILED. The total of `previous` is -1 at first, so that the
 * first state counts as changed. */
static enum ctl_exit batch_watch(struct batch_run *run)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct batch previous = {.total = -1}, current = {.exists = false};

    while (batch_load(run, &current, &p) && !batch_ended(current.status)) {
        batch_print_progress(run, &current, &previous);
        previous = current;
        batch_pause();
    }
    progress_clear();
    if (p.code != PROBLEM_NONE)
        return subcommand_fail(run->command, &run->engine, &p);
    batch_print_state(run, &current);
    return current.status == BATCH_COMPLETED && current.failed == 0 ? CTL_DONE : CTL_FAILED;
}

/* ---- cancel ---- */

/* Cancels the batch. Redis makes the change only while the batch has not ended, so a batch that has
 * just completed stays completed, and the cancellation fails. */
static enum ctl_exit batch_cancel(struct batch_run *run)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct batch batch;
    struct pipeline pipeline;
    struct command *command;
    bool changed;

    pipeline_init(&pipeline, run->arena, NULL /* owner */);
    command =
        batch_cmd_cancel(&pipeline, str_of(run->settings->id), subcommand_now_ms(&run->engine));
    if (!subcommand_round_trip(&run->engine, &pipeline, &p) ||
        !batch_parse_cancel(command, &changed, &p) || !batch_load(run, &batch, &p))
        return subcommand_fail(run->command, &run->engine, &p);
    if (!changed) {
        subcommand_error(run->command, "the batch cannot be cancelled: it is %s",
                         batch_status_names[batch.status]);
        return CTL_FAILED;
    }
    batch_print_state(run, &batch);
    return CTL_DONE;
}

/* ---- submit ---- */

/* Returns whether an id is in the list twice. All pairs are compared; a batch has at most 1 000
 * students. */
static bool batch_has_duplicate(struct str_list ids)
{
    for (size_t i = 1; i < ids.n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (str_equal(ids.v[i], ids.v[k]))
                return true;
        }
    }
    return false;
}

/* Writes the batch to Redis. An item has only the student, not the components of the score, so the
 * worker computes from stored data. `created` is not used, because no batch has this random id yet.
 * Returns false with a problem in p when Redis fails, or when out of memory. */
static bool batch_create(struct batch_run *run, struct str id, struct str_list students,
                         struct problem *p)
{
    struct batch batch = {.priority = (enum queue_priority)run->settings->priority,
                          .created_ms = subcommand_now_ms(&run->engine),
                          .actor = STR("mastery-ctl"),
                          .correlation_id = id};
    struct batch_item *items = arena_array(run->arena, students.n, sizeof(*items));
    struct pipeline pipeline;
    struct command *command;
    bool created;

    if (!items) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, "out of memory");
        return false;
    }
    for (size_t i = 0; i < students.n; i++)
        items[i].student = students.v[i];
    pipeline_init(&pipeline, run->arena, NULL /* owner */);
    command = batch_cmd_create(&pipeline, id, &batch, items, students.n);
    if (!subcommand_round_trip(&run->engine, &pipeline, p) ||
        !batch_parse_create(command, &created, p) || !pipeline_check_replies(&pipeline, p))
        return false;
    /* all its jobs are queued; batch_cmd_created records that, so that no worker looks for missing
     * jobs */
    pipeline_clear(&pipeline);
    batch_cmd_created(&pipeline, id);
    return subcommand_round_trip(&run->engine, &pipeline, p);
}

/* Prints the id of the new batch. */
static enum ctl_exit batch_print_id(struct batch_run *run, const char *id)
{
    struct json_line line;
    struct jw *w;

    if (!run->settings->json) {
        (void)puts(id);
        return CTL_DONE;
    }
    w = json_line_begin(&line, run->arena);
    jw_text(w, "batch_id", id);
    return json_line_end(&line, run->command, CTL_DONE);
}

/* Creates a batch of the given students or cohort and prints its id. The id is 128 random bits, as
 * for batches of the HTTP route: the id is enough to read the batch, so it must not be
 * guessable. */
static enum ctl_exit batch_submit(struct batch_run *run)
{
    enum { BYTES = (BATCH_ID_SIZE - 1) / 2 };
    struct problem p = {.code = PROBLEM_NONE};
    struct str_list students = run->settings->students;
    struct cohort cohort;
    unsigned char bytes[BYTES];
    char id[BATCH_ID_SIZE];

    if (run->settings->cohort) {
        if (!cohort_load(&run->engine, run->arena, run->settings->cohort, &cohort, &p))
            return subcommand_fail(run->command, &run->engine, &p);
        students = cohort.students;
    }
    if (students.n < 1 || students.n > BATCH_STUDENTS_MAX || batch_has_duplicate(students)) {
        subcommand_error(run->command, "a batch is 1 to %d students, each once",
                         BATCH_STUDENTS_MAX);
        return CTL_FAILED;
    }
    random_bytes(bytes, BYTES);
    hex_print(bytes, BYTES, id);
    if (!batch_create(run, str_of(id), students, &p))
        return subcommand_fail(run->command, &run->engine, &p);
    return batch_print_id(run, id);
}

/* ---- all of it ---- */

/* Returns what is wrong with the combination of options, NULL when it is allowed. */
static const char *batch_usage_error(const struct batch_settings *settings)
{
    bool has_students = settings->cohort || settings->students.n > 0;

    if (settings->action != SUBMIT && !settings->id)
        return "ID is required: the batch to watch or cancel";
    if (settings->action != SUBMIT)
        return has_students ? "--student and --cohort are for submit" : NULL;
    if (settings->id)
        return "submit has no ID: it prints the id of the new batch";
    if (settings->cohort && settings->students.n > 0)
        return "--cohort and --student exclude each other";
    return has_students ? NULL : "--student or --cohort is required";
}

/* Runs the action of the command line and returns its exit status. The last line is not reached,
 * because the option's choices allow only these three actions. */
static enum ctl_exit batch_run_action(struct batch_run *run)
{
    switch ((enum action)run->settings->action) {
    case SUBMIT: return batch_submit(run);
    case WATCH: return batch_watch(run);
    case CANCEL: return batch_cancel(run);
    }
    return CTL_USAGE;
}

/* Checks the options, connects to Redis and runs the action. The caller's arena is not used,
 * because it holds the settings and must not be reset. engine_close and arena_free also accept what
 * was never opened. */
static enum ctl_exit batch_run(const struct subcommand *command, const void *settings,
                               struct arena *arena)
{
    struct batch_run run = {.command = command, .settings = settings};
    const char *error = batch_usage_error(settings);
    enum ctl_exit status = CTL_FAILED;

    (void)arena;
    if (error)
        return subcommand_usage_error(command, error);
    run.arena = arena_new(1 << 16, 64 << 20);
    if (run.arena &&
        engine_open(&run.engine, "mastery-ctl batch", NULL /* router */, 0 /* subsystems */))
        status = batch_run_action(&run);
    engine_close(&run.engine);
    arena_free(run.arena);
    return status;
}

/* clang-format off */
static const struct option_rule batch_options[] = {
    {.name = "action", .value_name = "ACTION", .type = OPTION_OPERAND, .choices = batch_actions,
     .required = true,
     .offset = offsetof(struct batch_settings, action), .description = "submit, watch or cancel"},
    {.name = "id", .value_name = "ID", .type = OPTION_OPERAND,
     .offset = offsetof(struct batch_settings, id),
     .description = "the batch to watch or cancel"},
    {.name = "student", .value_name = "ID[,ID...]", .type = OPTION_IDS,
     .offset = offsetof(struct batch_settings, students),
     .description = "submit these students; may be repeated"},
    {.name = "cohort", .value_name = "ID", .type = OPTION_ID,
     .offset = offsetof(struct batch_settings, cohort),
     .description = "submit the students of this cohort"},
    {.name = "priority", .value_name = "WORD", .type = OPTION_CHOICE,
     .choices = batch_priority_names,
     .offset = offsetof(struct batch_settings, priority),
     .description = "high, normal or low (normal)"},
    OPTION_JSON(batch_settings),
    {0},
};
/* clang-format on */

static const struct batch_settings batch_defaults = {.priority = QUEUE_NORMAL};

const struct subcommand batch_subcommand = {
    .name = "batch",
    .summary = "Submits, watches and cancels batches",
    .description =
        "\nsubmit  computes the mastery of up to 1000 students again from stored data, and prints\n"
        "        the id of the batch\n"
        "watch   prints the progress of a batch until it ends: a bar with the time left, or,\n"
        "        without a terminal, a line for each change; fails if the batch fails or a\n"
        "        student has no result\n"
        "cancel  cancels a batch; results that exist are kept\n",
    .json = "for submit an object: batch_id; for watch a line for each change, for cancel an "
            "object: batch_id, status, processed, total, failed, seconds (when it has ended)",
    .options = batch_options,
    .default_settings = &batch_defaults,
    .settings_size = sizeof(struct batch_settings),
    .run = batch_run,
};
