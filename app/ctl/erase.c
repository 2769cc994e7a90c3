/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl erase: erases all data of a student as DELETE /api/v1/compliance/student/ID does, but
 * directly in Redis, for an operator who has no token. With --replay it repeats the erasures since
 * a back-up: each student in the restored store whose hash is in the list of erasures is erased. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/erase_list.h"
#include "app/ctl/json_line.h"
#include "app/ctl/terminal.h"
#include "app/http/router.h"
#include "app/routes/routes.h"
#include "app/service/erase.h"
#include "app/store/scan_cursor.h"

enum { SCAN_PAGE = 1000 }; /* keys that one SCAN looks at */

struct erase_settings {
    const char *student; /* NULL with --replay */
    const char *replay;  /* file with the list of erasures; NULL: erase one student */
    const char *since;   /* time of the back-up; only with --replay */
    bool dry_run;
    bool json;
};

/* One run of mastery-ctl erase. */
struct erase_run {
    const struct subcommand *command;
    const struct erase_settings *settings;
    struct engine engine;
    struct erase_list list; /* students to erase; only with --replay */
    int64_t erased_count;   /* students found and erased */
    struct arena *arena;    /* lives until the program ends */
    struct progress progress;
    /* number of keys in Redis, and of keys that SCAN has looked at; only with --replay */
    size_t key_count, keys_seen;
};

/* Prints as JSON the number of records of each kind; kinds without a name for operators, such as
 * the tombstone (mark of an erased student), are left out. "erased" is false for a dry run. */
static enum ctl_exit erase_print_json(const struct erase_run *run, const struct erase *erase)
{
    struct json_line line;
    struct jw *w = json_line_begin(&line, run->arena);

    jw_str(w, "student", erase->student);
    jw_bool(w, "erased", !erase->dry_run);
    jw_object(w, "counts");
    for (size_t kind = 0; kind < ERASED_KINDS; kind++) {
        if (erase_kind_name(kind))
            jw_int(w, erase_kind_name(kind), erase->counts[kind]);
    }
    jw_object_end(w);
    return json_line_end(&line, run->command, CTL_DONE);
}

/* Prints the number of records of each kind, as text or JSON. Kinds without a name for operators
 * are left out. */
static enum ctl_exit erase_print_counts(const struct erase_run *run, const struct erase *erase)
{
    if (run->settings->json)
        return erase_print_json(run, erase);
    for (size_t kind = 0; kind < ERASED_KINDS; kind++) {
        if (erase_kind_name(kind))
            (void)printf("%-22s %" PRId64 "\n", erase_kind_name(kind), erase->counts[kind]);
    }
    return CTL_DONE;
}

/* Erases the student of `erase`, by the same steps as the HTTP route. Every step can be repeated,
 * so after an interruption the operator runs the command again. The result of store_wait is not
 * used, because the next step finds the failure in the pipeline. */
static enum ctl_exit erase_run_steps(const struct erase_run *run, struct erase *erase)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct pipeline pipeline;

    pipeline_init(&pipeline, erase->arenas[0], NULL /* owner */);
    while (erase_step(erase, &pipeline, &p) == STEP_MORE)
        (void)store_wait(erase->engine->store, &pipeline);
    if (p.code == PROBLEM_NONE)
        return CTL_DONE;
    if (p.code != PROBLEM_SERVICE_UNAVAILABLE) {
        subcommand_error(run->command, "%s", p.message);
        return CTL_FAILED;
    }
    subcommand_error(run->command,
                     "Redis cannot be reached: %s. Repeat the command to complete the erasure",
                     store_last_error(erase->engine->store));
    return CTL_UNAVAILABLE;
}

/* Erases one student, with "mastery-ctl" as the actor in the audit log and a new random correlation
 * id. print_counts: whether to print the numbers of records after a success. */
static enum ctl_exit erase_student(struct erase_run *run, struct str student, bool print_counts)
{
    struct erase erase = {.engine = &run->engine,
                          .student = student,
                          .actor = STR("mastery-ctl"),
                          .role = STR("service"),
                          .now_ms = subcommand_now_ms(&run->engine),
                          .dry_run = run->settings->dry_run};
    enum ctl_exit status = CTL_FAILED;
    char id[UUID_TEXT_SIZE];

    uuid_make(id);
    erase.correlation_id = str_of(id);
    if (erase_init(&erase))
        status = erase_run_steps(run, &erase);
    if (status == CTL_DONE && print_counts)
        status = erase_print_counts(run, &erase);
    erase_release(&erase);
    return status;
}

/* ---- --replay ---- */

/* Erases the student if the list of erasures has the hash of the id, unless this run has done so
 * already. */
static enum ctl_exit replay_student(struct erase_run *run, struct str student)
{
    char hash[LOG_HASH_SIZE];
    struct erased *erased;

    erase_hash(&run->engine, student, hash);
    erased = erase_list_find(&run->list, hash);
    if (!erased || erased->done)
        return CTL_DONE;
    erased->done = true;
    run->erased_count++;
    return erase_student(run, student, /* print_counts */ false);
}

/* Gets the student whose erasure is to be repeated from an element of a page: a key of a student,
 * or a member "STUDENT ID" of the index of dead letters. False if it names no student to erase: a
 * tombstone is the key of a student who is erased already. The score "0", which ZSCAN returns after
 * each member, is treated like an id; it does no harm, as only students in the list are erased. */
static bool replay_parse_student(struct str element, struct arena *arena, struct str *ret_student)
{
    enum student_key kind;

    if (key_parse_student(element, arena, ret_student, &kind))
        return kind != STUDENT_KEY_ERASED;
    *ret_student = str_cut(&element, ' ');
    return id_valid(*ret_student);
}

/* Queues the command that reads a page of about SCAN_PAGE elements: if `letters`, of the index of
 * dead letters (sorted set; ZSCAN), else of all keys of students (SCAN). cursor: the one that the
 * reply to the previous page has; "0" for the first page. */
static struct command *replay_cmd_page(struct pipeline *pipeline, bool letters, struct str cursor)
{
    if (letters)
        return pipeline_add(pipeline, COMMAND_READ, 5,
                            (struct str[]){STR("ZSCAN"), key_dead_letter_index, cursor,
                                           STR("COUNT"), command_int(pipeline->arena, SCAN_PAGE)});
    return pipeline_add(pipeline, COMMAND_READ, 6,
                        (struct str[]){STR("SCAN"), cursor, STR("MATCH"), key_pattern_students,
                                       STR("COUNT"), command_int(pipeline->arena, SCAN_PAGE)});
}

/* Reads all pages of the index of dead letters if `letters`, else of the keys of students, and
 * erases the students found there who are in the list. The progress bar counts the keys only. A
 * reply has the cursor of the next page ("0" after the last one) and the array of elements. */
static enum ctl_exit replay_scan(struct erase_run *run, bool letters)
{
    enum { ELEMENTS_MAX = 1 << 20 }; /* most elements of a reply */
    struct arena *arena = arena_new(1 << 16, 64 << 20);
    enum ctl_exit status = CTL_DONE;
    char cursor[SCAN_CURSOR_SIZE] = "0";
    struct problem p = {.code = PROBLEM_NONE};
    struct str next, element, student;
    struct pipeline pipeline;
    struct command *command;
    size_t n;

    if (!arena)
        return CTL_FAILED;
    do {
        arena_reset(arena);
        pipeline_init(&pipeline, arena, NULL /* owner */);
        command = replay_cmd_page(&pipeline, letters, str_of(cursor));
        if (!subcommand_round_trip(&run->engine, &pipeline, &p) ||
            !reply_expect_array(reply_at(command->reply, 1), ELEMENTS_MAX, &n, &p) ||
            reply_text(reply_at(command->reply, 0), &next) != REPLY_OK) {
            if (p.code == PROBLEM_NONE)
                reply_problem(command->reply, &p);
            status = subcommand_fail(run->command, &run->engine, &p);
            break;
        }
        run->keys_seen += letters ? 0 : SCAN_PAGE;
        progress_draw(&run->progress, run->keys_seen, run->key_count, -1);
        (void)snprintf(cursor, sizeof(cursor), "%.*s", STR_ARG(next));
        for (size_t i = 0; i < n && status == CTL_DONE; i++) {
            if (reply_text(reply_at(reply_at(command->reply, 1), i), &element) == REPLY_OK &&
                replay_parse_student(element, arena, &student))
                status = replay_student(run, student);
        }
    } while (status == CTL_DONE && strcmp(cursor, "0") != 0);
    arena_free(arena);
    return status;
}

/* Prints what --replay has done; erasures with a hash of another key, which erase_replay reports as
 * an error, are here only in JSON. Returns `status`. */
static enum ctl_exit replay_print(const struct erase_run *run, enum ctl_exit status)
{
    struct json_line line;
    struct jw *w;

    if (!run->settings->json) {
        (void)printf("%zu erasures in the list, %" PRId64 " students found and erased\n",
                     run->list.n, run->erased_count);
        return status;
    }
    w = json_line_begin(&line, run->arena);
    jw_int(w, "erasures", (int64_t)run->list.n);
    jw_int(w, "erased", run->erased_count);
    jw_int(w, "other_key", (int64_t)run->list.other_key);
    return json_line_end(&line, run->command, status);
}

/* Reads the list of erasures and erases its students wherever the store has them. A hash that was
 * made with another key cannot be compared; such lines are an error, because their erasures are
 * left out. */
static enum ctl_exit erase_replay(struct erase_run *run)
{
    const struct erase_settings *settings = run->settings;
    char key[LOG_HASH_SIZE];
    int64_t since_ms = 0;
    enum ctl_exit status;

    (void)time_parse(str_of(settings->since), &since_ms); /* erase_usage_error has checked it */
    erase_key_id(&run->engine, key);
    if (!engine_has_log_key(&run->engine)) {
        subcommand_error(run->command,
                         "LOG_KEY or JWT_SECRET is required: the list has keyed hashes");
        return CTL_FAILED;
    }
    if (!erase_list_load(&run->list, settings->replay, since_ms, key)) {
        subcommand_error(run->command, "%s: %s", settings->replay, strerror(errno));
        return CTL_FAILED;
    }
    run->progress.what = "keys";
    run->key_count = subcommand_key_count(&run->engine);
    status = replay_scan(run, /* letters */ false);
    if (status == CTL_DONE)
        status = replay_scan(run, /* letters */ true);
    progress_clear();
    status = replay_print(run, status);
    if (run->list.other_key == 0)
        return status;
    subcommand_error(run->command,
                     "%zu erasures are recorded with another key: set LOG_KEY (or JWT_SECRET) to "
                     "the one of that time and repeat the command",
                     run->list.other_key);
    return status == CTL_DONE ? CTL_FAILED : status;
}

/* ---- the command ---- */

/* Returns what is wrong with the operands and options; NULL when they are allowed. */
static const char *erase_usage_error(const struct erase_settings *settings)
{
    int64_t ms;

    if (!settings->replay) {
        if (!settings->student)
            return "STUDENT is required, or --replay FILE";
        if (!id_valid(str_of(settings->student)))
            return "STUDENT must be an id";
        return settings->since ? "--since is for --replay alone" : NULL;
    }
    if (settings->student)
        return "--replay erases the students of the list: STUDENT must not be given";
    return settings->since && time_parse(str_of(settings->since), &ms)
               ? NULL
               : "--since is required with --replay: the time of the back-up, in RFC 3339";
}

/* Opens the engine and runs the command. The functions at the end accept what was never opened. */
static enum ctl_exit erase_run(const struct subcommand *command, const void *settings,
                               struct arena *arena)
{
    struct erase_run run = {.command = command, .settings = settings, .arena = arena};
    const char *error = erase_usage_error(settings);
    size_t count;
    const struct route_table *tables = route_tables(&count);
    /* engine_open needs the routes: they decide the layout of the file of metrics, by which the
     * running processes notice the erasure */
    struct router *router;
    enum ctl_exit status = CTL_FAILED;

    if (error)
        return subcommand_usage_error(command, error);
    router = router_new(tables, count);
    if (router && engine_open(&run.engine, "mastery-ctl erase", router, ENGINE_METRICS))
        status = run.settings->replay
                     ? erase_replay(&run)
                     : erase_student(&run, str_of(run.settings->student), /* print_counts */ true);
    erase_list_release(&run.list);
    engine_close(&run.engine);
    router_free(router);
    return status;
}

/* clang-format off */
static const struct option_rule erase_options[] = {
    {.name = "dry-run", .type = OPTION_FLAG, .offset = offsetof(struct erase_settings, dry_run),
     .description = "count only, change nothing"},
    {.name = "replay", .value_name = "FILE", .type = OPTION_TEXT,
     .offset = offsetof(struct erase_settings, replay),
     .description = "repeat the erasures in a log or a printed audit list; - is stdin"},
    {.name = "since", .value_name = "TIME", .type = OPTION_TEXT,
     .offset = offsetof(struct erase_settings, since),
     .description = "with --replay: only those since this time, that of the back-up"},
    {.name = "student", .value_name = "STUDENT", .type = OPTION_OPERAND,
     .offset = offsetof(struct erase_settings, student), .description = "the student to erase"},
    OPTION_JSON(erase_settings),
    {0},
};
/* clang-format on */

const struct subcommand erase_subcommand = {
    .name = "erase",
    .summary = "Erases all data of a student",
    .description =
        "\nPrints the number of records of each kind. Can be repeated safely.\n"
        "\nAfter a restore, --replay erases the students again whose erasure is recorded since "
        "the\n"
        "back-up. The records have keyed hashes: LOG_KEY must be the one of that time.\n",
    .json = "an object: student, erased (false with --dry-run), counts; with --replay: erasures, "
            "erased, other_key",
    .options = erase_options,
    .settings_size = sizeof(struct erase_settings),
    .run = erase_run,
};
