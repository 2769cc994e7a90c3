/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl dead: lists, shows, retries and drops dead letters, the events and jobs that the
 * worker has given up. The source of a dead letter is the place that it came from: the queue of
 * jobs, a shard's journal (changes that the worker has not processed yet) or a shard's outbox
 * (events to publish). A learning event that was in none of these has the way by which it arrived,
 * such as "dapr", as its source. A retried letter is first written to its source and then removed,
 * so that it is never lost. The letter of a learning event stays until the worker has counted the
 * event. */
#include <inttypes.h>
#include <stdio.h>

#include "app/ctl/json_line.h"
#include "app/ctl/table.h"
#include "app/ctl/terminal.h"
#include "app/http/json.h"
#include "app/store/dead_letter.h"
#include "app/store/keys.h"
#include "app/store/outbox.h"
#include "app/store/queue.h"
#include "app/store/reply.h"
#include "app/store/stream.h"

enum action { LIST, SHOW, RETRY, DROP };
/* PAGE: dead letters read in one round trip; REASON_SHOWN: bytes of a reason that `list` prints */
enum { PAGE = 100, REASON_SHOWN = 90 };

static const char *const dead_letter_actions[] = {"list", "show", "retry", "drop", NULL};

struct dead_letter_settings {
    int action;     /* enum action: list, show, retry or drop */
    const char *id; /* id of a dead letter, or "all"; NULL: not given */
    int64_t limit;  /* greatest number of dead letters to process */
    bool json;
};

/* Settings, connections and results of one run of mastery-ctl dead; an argument of nearly all
 * functions here. */
struct dead_letter_run {
    const struct subcommand *command;
    const struct dead_letter_settings *settings;
    struct engine engine;
    struct arena *arena;      /* replies; reset before each page of letters */
    int64_t processed_count;  /* letters that were dropped or retried */
    int64_t refused_count;    /* letters that cannot be retried */
    struct table table;       /* output of the action list */
    struct arena *json_arena; /* memory for one line of JSON; reset after each line */
    struct progress progress; /* shown by the actions retry and drop with the id "all" */
    size_t total; /* number of letters in Redis when retry or drop of "all" began; else 0 */
};

/* ---- reading ---- */

/* Reads at most `count` dead letters from the id `from` on, oldest first; when from.p is NULL, only
 * the newest one. False with a problem in p when Redis fails. */
static bool dead_letter_read_page(struct dead_letter_run *run, struct str from, int count,
                                  struct dead_letter *ret_letters, size_t *ret_count,
                                  struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, run->arena, NULL /* owner */);
    command =
        from.p ? dead_letter_cmd_list(&pipeline, from, count) : dead_letter_cmd_newest(&pipeline);
    return subcommand_round_trip(&run->engine, &pipeline, p) &&
           dead_letter_parse_list(command, run->arena, (size_t)count, ret_letters, ret_count, p);
}

/* ---- one letter ---- */

/* Adds a dead letter to the table of `list`: id, time, source, reason. The reason is cut to
 * REASON_SHOWN bytes to fit a terminal. */
static void dead_letter_print_line(struct dead_letter_run *run, const struct dead_letter *letter)
{
    struct str reason = letter->reason;

    if (reason.n > REASON_SHOWN)
        reason.n = REASON_SHOWN;
    table_row(&run->table, (struct str[]){letter->id, letter->at, letter->source, reason});
}

/* Prints a dead letter as a line of JSON; `show` prints the event too. Returns false, after an
 * error on standard error, when memory is exhausted. */
static bool dead_letter_print_json(struct dead_letter_run *run, const struct dead_letter *letter)
{
    struct json_line line;
    struct jw *w = json_line_begin(&line, run->json_arena);
    bool printed;

    jw_str(w, "id", letter->id);
    jw_str(w, "at", letter->at);
    jw_str(w, "source", letter->source);
    jw_str(w, "reason", letter->reason);
    jw_bool(w, "complete", letter->complete);
    if (run->settings->action == SHOW)
        json_line_value(w, "event", letter->event, run->json_arena);
    printed = json_line_end(&line, run->command, CTL_DONE) == CTL_DONE;
    arena_reset(run->json_arena);
    return printed;
}

/* Prints all fields of a dead letter, one per line. */
static void dead_letter_print(const struct dead_letter *letter)
{
    (void)printf("id      %.*s\nat      %.*s\nsource  %.*s\nreason  %.*s\nevent   %.*s\n",
                 STR_ARG(letter->id), STR_ARG(letter->at), STR_ARG(letter->source),
                 STR_ARG(letter->reason), STR_ARG(letter->event));
}

/* Returns the traceparent (W3C trace context) inside a CloudEvent, so that a retried event stays in
 * its trace; "" when the event has none. */
static struct str dead_letter_traceparent(struct str event, struct arena *arena)
{
    struct problem not_json = {.code = PROBLEM_NONE};
    struct json_object *json = json_parse(event, arena, &not_json), *found = NULL;

    if (!json_object_is_type(json, json_type_object) ||
        !json_object_object_get_ex(json, "traceparent", &found) ||
        !json_object_is_type(found, json_type_string))
        return STR("");
    return str_of(json_object_get_string(found));
}

/* Returns whether the dead letter is a learning event to be counted. Its source is then
 * "queue:event", or the way by which it arrived, such as "dapr": neither "queue:" and another kind
 * of job nor the key of a shard's journal or outbox. */
static bool dead_letter_is_event(const struct dead_letter *letter)
{
    unsigned shard;

    return str_equal(letter->source, STR("queue:event")) ||
           (!str_starts_with(letter->source, STR("queue:")) &&
            !key_parse_hash_tag(letter->source, &shard));
}

/* Queues the command that puts the dead letter back to its source. If the source is the key of a
 * shard's outbox or journal, the letter is appended there; if it is "queue:KIND", a job is added to
 * the queue. Any other source means a learning event: its job has only the letter's id, because an
 * erasure does not search the queue, and the worker removes the letter when the event is counted.
 * dead_letter_write finds out whether queueing has failed. */
static void dead_letter_cmd_requeue(struct pipeline *pipeline, const struct dead_letter *letter)
{
    static const struct str queue = STR_INIT("queue:");
    struct str source = letter->source;
    unsigned shard;

    if (dead_letter_is_event(letter)) {
        queue_cmd_add(pipeline, QUEUE_NORMAL, STR("event"), letter->id);
    } else if (str_starts_with(source, queue)) {
        source = (struct str){source.p + queue.n, source.n - queue.n};
        queue_cmd_add(pipeline, QUEUE_NORMAL, source, letter->event);
    } else if (key_parse_hash_tag(source, &shard) &&
               str_equal(source, key_shard_record(pipeline->arena, shard, SHARD_KEY_OUTBOX))) {
        outbox_cmd_add(pipeline, shard,
                       &(struct message){letter->event,
                                         dead_letter_traceparent(letter->event, pipeline->arena)});
    } else {
        (void)pipeline_add(pipeline, COMMAND_WRITE, 5,
                           (struct str[]){STR("XADD"), source, STR("*"), STR("e"), letter->event});
    }
}

/* Sends commands that write, and checks their replies. Returns false with a problem in p when Redis
 * cannot be reached, or when it refuses a command; in the latter case the problem has the text of
 * Redis' error. */
static bool dead_letter_write(struct dead_letter_run *run, struct pipeline *pipeline,
                              struct problem *p)
{
    if (!subcommand_round_trip(&run->engine, pipeline, p))
        return false;
    for (const struct command *command = pipeline->first; command; command = command->next) {
        if (reply_error_of(command->reply) != REPLY_NO_ERROR)
            problem_set(p, PROBLEM_INTERNAL_ERROR, "Redis refuses: %s", command->reply->str);
    }
    return p->code == PROBLEM_NONE && pipeline_check_replies(pipeline, p);
}

/* Removes the dead letter from Redis. *ret_existed: false when it was not there any more, because
 * an erasure had removed it. Returns false with a problem in p when Redis fails. */
static bool dead_letter_remove(struct dead_letter_run *run, const struct dead_letter *letter,
                               bool *ret_existed, struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;
    int64_t n = 0;

    pipeline_init(&pipeline, run->arena, NULL /* owner */);
    command = dead_letter_cmd_remove(&pipeline, &letter->id, 1);
    if (!dead_letter_write(run, &pipeline, p) || !reply_expect_int(command->reply, &n, p))
        return false;
    *ret_existed = n > 0;
    return true;
}

/* Removes the dead letter and counts it as processed, also when an erasure has just removed it.
 * False with a problem in p when Redis fails. */
static bool dead_letter_drop(struct dead_letter_run *run, const struct dead_letter *letter,
                             struct problem *p)
{
    bool unused_existed;

    if (!dead_letter_remove(run, letter, &unused_existed, p))
        return false;
    run->processed_count++;
    return true;
}

/* Ends a retry, after the command `written` (an XADD) has put the dead letter back to its source:
 * removes the letter, except that of a learning event, which the worker removes. If the letter no
 * longer exists, an erasure has removed it, and may have searched the source before the XADD, so
 * the new entry of the source is deleted again. Returns false with a problem in p when Redis fails.
 */
static bool dead_letter_finish_retry(struct dead_letter_run *run, const struct dead_letter *letter,
                                     const struct command *written, struct problem *p)
{
    struct str entry = {0};
    struct pipeline pipeline;
    bool existed;

    if (dead_letter_is_event(letter)) {
        run->processed_count++;
        return true;
    }
    if (!dead_letter_remove(run, letter, &existed, p))
        return false;
    run->processed_count += existed;
    if (existed || reply_text(written->reply, &entry) != REPLY_OK)
        return true;
    pipeline_init(&pipeline, run->arena, NULL /* owner */);
    (void)pipeline_add(&pipeline, COMMAND_WRITE, 3,
                       (struct str[]){STR("XDEL"), written->argv[1], entry});
    return dead_letter_write(run, &pipeline, p);
}

/* Sets *ret_exists to whether the dead letter is still in Redis. An erasure may have removed it
 * since its page was read, and a retry must not write an erased student's data again. False with a
 * problem in p when Redis fails. */
static bool dead_letter_exists(struct dead_letter_run *run, struct str id, bool *ret_exists,
                               struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, run->arena, NULL /* owner */);
    command = stream_cmd_has_entry(&pipeline, key_dead_letters, id);
    if (!subcommand_round_trip(&run->engine, &pipeline, p))
        return false;
    if (stream_parse_has_entry(command, ret_exists))
        return true;
    reply_problem(command->reply, p);
    return false;
}

/* Puts the dead letter back to its source (a learning event to the queue), then removes it. A crash
 * in between leaves two copies, which is harmless, because an event id counts once. A letter of
 * which only the beginning was stored is refused and counted; a letter that no longer exists is
 * skipped; both return true. Returns false with a problem in p when Redis fails. */
static bool dead_letter_retry(struct dead_letter_run *run, const struct dead_letter *letter,
                              struct problem *p)
{
    struct pipeline pipeline;
    bool exists;

    if (!letter->complete) {
        subcommand_error(run->command, "%.*s: cannot be retried, only its beginning was stored",
                         STR_ARG(letter->id));
        run->refused_count++;
        return true;
    }
    if (!dead_letter_exists(run, letter->id, &exists, p))
        return false;
    if (!exists)
        return true;
    pipeline_init(&pipeline, run->arena, NULL /* owner */);
    dead_letter_cmd_requeue(&pipeline, letter);
    return dead_letter_write(run, &pipeline, p) &&
           dead_letter_finish_retry(run, letter, pipeline.first, p);
}

/* Lists, shows, retries or drops one dead letter, as the action of the command line says. False
 * with a problem in p when Redis fails. */
static bool dead_letter_process(struct dead_letter_run *run, const struct dead_letter *letter,
                                struct problem *p)
{
    bool reads = run->settings->action == LIST || run->settings->action == SHOW;

    if (reads && run->settings->json) {
        if (!dead_letter_print_json(run, letter))
            problem_set(p, PROBLEM_INTERNAL_ERROR, "out of memory");
        return p->code == PROBLEM_NONE;
    }
    switch ((enum action)run->settings->action) {
    case LIST: dead_letter_print_line(run, letter); return true;
    case SHOW: dead_letter_print(letter); return true;
    case RETRY: return dead_letter_retry(run, letter, p);
    case DROP: return dead_letter_drop(run, letter, p);
    }
    return false;
}

/* ---- all letters ---- */

/* Sets *ret_ms to the time (epoch ms) of the newest dead letter, the last one that this run
 * processes; INT64_MIN when there is none. A retried letter may fail again at once and become a new
 * letter: without this limit the run would never end. False with a problem in p when Redis fails.
 */
static bool dead_letter_newest_ms(struct dead_letter_run *run, int64_t *ret_ms, struct problem *p)
{
    struct dead_letter newest;
    size_t n;

    *ret_ms = INT64_MIN;
    if (!dead_letter_read_page(run, (struct str){0}, 1, &newest, &n, p))
        return false;
    if (n > 0)
        (void)stream_id_time(newest.id, ret_ms);
    return true;
}

/* Prepares the progress bar. For retry and drop reads the number of dead letters into run->total,
 * at most the limit; list shows no bar. False with a problem in p when Redis fails. */
static bool dead_letter_begin_progress(struct dead_letter_run *run, struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;
    int64_t total = 0;

    run->progress.what = "letters";
    if (run->settings->action != RETRY && run->settings->action != DROP)
        return true;
    pipeline_init(&pipeline, run->arena, NULL /* owner */);
    command = dead_letter_cmd_count(&pipeline);
    if (!subcommand_round_trip(&run->engine, &pipeline, p) ||
        !reply_expect_int(command->reply, &total, p))
        return false;
    run->total = (size_t)(total < run->settings->limit ? total : run->settings->limit);
    return true;
}

/* Processes the n dead letters of a page in order, and stops before the first that was stored after
 * end_ms (epoch ms). *ret_has_ended: whether there is such a letter, so that no other page is
 * needed. Returns false with a problem in p when Redis fails. */
static bool dead_letter_process_page(struct dead_letter_run *run, struct dead_letter *letters,
                                     size_t n, int64_t end_ms, bool *ret_has_ended,
                                     struct problem *p)
{
    int64_t time_ms;

    for (size_t i = 0; i < n; i++) {
        *ret_has_ended = stream_id_time(letters[i].id, &time_ms) && time_ms > end_ms;
        if (*ret_has_ended)
            return true;
        if (!dead_letter_process(run, &letters[i], p))
            return false;
        if (run->total > 0)
            progress_draw(&run->progress, (size_t)(run->processed_count + run->refused_count),
                          run->total, -1);
    }
    return true;
}

/* Processes all dead letters up to the limit, oldest first, a page at a time. Those that were
 * stored after the start of the run are left for the next run. A page with fewer letters than PAGE
 * is the last one. "(" before an id means "after this id" to Redis. */
static enum ctl_exit dead_letter_process_all(struct dead_letter_run *run)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct dead_letter letters[PAGE];
    char from[64] = "-";
    int64_t remaining = run->settings->limit, end_ms;
    size_t n = PAGE;
    bool has_ended = false;

    if (!dead_letter_begin_progress(run, &p) || !dead_letter_newest_ms(run, &end_ms, &p))
        return subcommand_fail(run->command, &run->engine, &p);
    while (n == PAGE && remaining > 0 && !has_ended) {
        arena_reset(run->arena);
        if (!dead_letter_read_page(run, str_of(from), remaining < PAGE ? (int)remaining : PAGE,
                                   letters, &n, &p) ||
            !dead_letter_process_page(run, letters, n, end_ms, &has_ended, &p))
            return subcommand_fail(run->command, &run->engine, &p);
        remaining -= (int64_t)n;
        if (n > 0)
            (void)snprintf(from, sizeof(from), "(%.*s", STR_ARG(letters[n - 1].id));
    }
    return run->refused_count > 0 ? CTL_FAILED : CTL_DONE;
}

/* Processes the dead letter whose id is on the command line. Redis returns the first letter from
 * that id on, so its id is compared: it is another one if no letter has this id. */
static enum ctl_exit dead_letter_process_one(struct dead_letter_run *run)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct dead_letter letter;
    struct str id = str_of(run->settings->id);
    size_t n;

    if (!dead_letter_read_page(run, id, 1, &letter, &n, &p))
        return subcommand_fail(run->command, &run->engine, &p);
    if (n == 0 || !str_equal(letter.id, id)) {
        subcommand_error(run->command, "there is no dead letter %s", run->settings->id);
        return CTL_FAILED;
    }
    if (!dead_letter_process(run, &letter, &p))
        return subcommand_fail(run->command, &run->engine, &p);
    return run->refused_count > 0 ? CTL_FAILED : CTL_DONE;
}

/* Returns what is wrong with the operands, NULL when they are allowed. */
static const char *dead_letter_usage_error(const struct dead_letter_settings *settings)
{
    bool is_all = settings->id && strcmp(settings->id, "all") == 0;

    if (settings->action == LIST)
        return settings->id ? "list has no ID; show ID prints one letter" : NULL;
    if (!settings->id)
        return settings->action == SHOW ? "ID is required, as list prints it"
                                        : "ID is required, as list prints it, or all";
    if (is_all)
        return settings->action == SHOW ? "show needs one ID, not all" : NULL;
    return stream_id_valid(str_of(settings->id))
               ? NULL
               : "ID must be two numbers with a dash between, as list prints it";
}

/* Prints how many dead letters were retried or dropped; in JSON also how many cannot be retried.
 * Returns `status`. */
static enum ctl_exit dead_letter_print_counts(struct dead_letter_run *run, enum ctl_exit status)
{
    bool is_retry = run->settings->action == RETRY;
    struct json_line line;
    struct jw *w;

    if (!run->settings->json) {
        (void)printf("%" PRId64 " %s\n", run->processed_count, is_retry ? "put back" : "dropped");
        return status;
    }
    w = json_line_begin(&line, run->json_arena);
    jw_int(w, is_retry ? "retried" : "dropped", run->processed_count);
    jw_int(w, "refused", run->refused_count);
    return json_line_end(&line, run->command, status);
}

/* Processes one dead letter or all of them (`list` has no id, and so processes all). For retry and
 * drop, prints the number of processed letters, even after an error. Returns the exit status. */
static enum ctl_exit dead_letter_run_action(struct dead_letter_run *run)
{
    static const char *const heads[] = {"ID", "AT", "SOURCE", "REASON", NULL};
    const struct dead_letter_settings *settings = run->settings;
    enum ctl_exit status;

    table_begin(&run->table, heads);
    if (settings->action == SHOW || (settings->action != LIST && strcmp(settings->id, "all") != 0))
        status = dead_letter_process_one(run);
    else
        status = dead_letter_process_all(run);
    table_end(&run->table);
    progress_clear();
    if (settings->action == RETRY || settings->action == DROP)
        return dead_letter_print_counts(run, status);
    return status;
}

/* Checks the operands, connects to Redis and runs the action. engine_close and arena_free accept
 * what was never opened. */
static enum ctl_exit dead_letter_run(const struct subcommand *command, const void *settings,
                                     struct arena *arena)
{
    struct dead_letter_run run = {.command = command, .settings = settings, .arena = NULL};
    const char *error = dead_letter_usage_error(settings);
    enum ctl_exit status = CTL_FAILED;

    (void)arena; /* the arena of the caller has the settings, so it must not be reset */
    if (error)
        return subcommand_usage_error(command, error);
    run.arena = arena_new(1 << 16, 64 << 20);
    run.json_arena = arena_new(1 << 16, 64 << 20);
    if (run.arena && run.json_arena &&
        engine_open(&run.engine, "mastery-ctl dead", NULL /* router */, 0 /* subsystems */))
        status = dead_letter_run_action(&run);
    engine_close(&run.engine);
    arena_free(run.json_arena);
    arena_free(run.arena);
    return status;
}

/* clang-format off */
static const struct option_rule dead_letter_options[] = {
    {.name = "action", .value_name = "ACTION", .type = OPTION_OPERAND,
     .choices = dead_letter_actions, .required = true,
     .offset = offsetof(struct dead_letter_settings, action),
     .description = "list, show, retry or drop"},
    {.name = "id", .value_name = "ID", .type = OPTION_OPERAND,
     .offset = offsetof(struct dead_letter_settings, id),
     .description = "the letter, as list prints it; retry and drop accept all"},
    {.name = "limit", .value_name = "N", .type = OPTION_INT, .min = 1, .max = INT64_MAX,
     .offset = offsetof(struct dead_letter_settings, limit),
     .description = "only the oldest N (default: all)"},
    OPTION_JSON(dead_letter_settings),
    {0},
};
/* clang-format on */

static const struct dead_letter_settings dead_letter_defaults = {.limit = INT64_MAX};

const struct subcommand dead_letter_subcommand = {
    .name = "dead",
    .summary = "Lists, shows, retries or drops dead letters: events that could not be processed",
    .description = "\nlist   prints a line for each, oldest first: id, time, source, reason\n"
                   "show   prints one letter whole\n"
                   "retry  puts a letter back to its source: the worker counts learning events, "
                   "each event id\n"
                   "       once, and removes their letters; events to publish go to the end of "
                   "their shard's outbox\n"
                   "drop   deletes a letter\n",
    .json = "for list a line for each letter: id, at, source, reason, complete; for show an object "
            "with event too; for retry and drop an object: retried or dropped, refused",
    .options = dead_letter_options,
    .default_settings = &dead_letter_defaults,
    .settings_size = sizeof(struct dead_letter_settings),
    .run = dead_letter_run,
};
