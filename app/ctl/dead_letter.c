/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl dead: looks after dead letters. */
#include <inttypes.h>
#include <stdio.h>

#include "app/ctl/subcommand.h"
#include "app/http/json.h"
#include "app/store/dead_letter.h"
#include "app/store/keys.h"
#include "app/store/outbox.h"
#include "app/store/queue.h"
#include "app/store/reply.h"
#include "app/store/stream.h"

enum action { LIST, SHOW, RETRY, DROP };
enum { PAGE = 100, REASON_SHOWN = 90 };

static const char *const actions[] = {"list", "show", "retry", "drop", NULL};

struct settings {
    int action;
    const char *id;
    int64_t limit;
};

/* Goes through all that one run does. */
struct run {
    const struct subcommand *command;
    const struct settings *settings;
    struct engine engine;
    struct arena *arena; /* of one page, or of one letter's way back */
    int64_t done, refused;
};

/* ---- asking ---- */

/* from with p NULL: the newest one. */
static bool read_page(struct run *r, struct str from, int count, struct dead_letter *ret_letters,
                      size_t *ret_count, struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, r->arena, NULL);
    command =
        from.p ? dead_letter_cmd_list(&pipeline, from, count) : dead_letter_cmd_newest(&pipeline);
    return subcommand_round_trip(&r->engine, &pipeline, p) &&
           dead_letter_parse_list(command, r->arena, (size_t)count, ret_letters, ret_count, p);
}

/* ---- one letter ---- */

static void print_line(const struct dead_letter *letter)
{
    struct str reason = letter->reason;

    if (reason.n > REASON_SHOWN)
        reason.n = REASON_SHOWN;
    (void)printf("%.*s  %.*s  %.*s  %.*s\n", STR_ARG(letter->id), STR_ARG(letter->at),
                 STR_ARG(letter->source), STR_ARG(reason));
}

static void print_whole(const struct dead_letter *letter)
{
    (void)printf("id      %.*s\nat      %.*s\nsource  %.*s\nreason  %.*s\nevent   %.*s\n",
                 STR_ARG(letter->id), STR_ARG(letter->at), STR_ARG(letter->source),
                 STR_ARG(letter->reason), STR_ARG(letter->event));
}

static struct str traceparent_of(struct str event, struct arena *arena)
{
    struct problem not_json = {.code = PROBLEM_NONE};
    struct json_object *json = json_parse(event, arena, &not_json), *found = NULL;

    if (!json_object_is_type(json, json_type_object) ||
        !json_object_object_get_ex(json, "traceparent", &found) ||
        !json_object_is_type(found, json_type_string))
        return STR("");
    return str_of(json_object_get_string(found));
}

/* Asks to put it back to where it came from: behind all others of its shard's outbox or journal, or
 * into the queue, as a job. */
static void ask_again(struct pipeline *a, const struct dead_letter *letter)
{
    static const struct str queue = STR_INIT("queue:");
    struct str source = letter->source;
    unsigned shard;

    if (str_starts_with(source, queue)) {
        source = (struct str){source.p + queue.n, source.n - queue.n};
        queue_cmd_add(a, QUEUE_NORMAL, source, letter->event);
    } else if (!key_parse_hash_tag(source, &shard)) {
        queue_cmd_add(a, QUEUE_NORMAL, STR("event"), letter->event);
    } else if (str_equal(source, key_shard_record(a->arena, shard, SHARD_KEY_OUTBOX))) {
        outbox_cmd_add(a, shard,
                       &(struct message){letter->event, traceparent_of(letter->event, a->arena)});
    } else {
        (void)pipeline_add(a, COMMAND_WRITE, 5,
                           (struct str[]){STR("XADD"), source, STR("*"), STR("e"), letter->event});
    }
}

/* One round of writing; what Redis refuses is told in its own words. */
static bool write_round(struct run *r, struct pipeline *pipeline, struct problem *p)
{
    if (!subcommand_round_trip(&r->engine, pipeline, p))
        return false;
    for (const struct command *command = pipeline->first; command; command = command->next) {
        if (reply_error_of(command->reply) != REPLY_NO_ERROR)
            problem_set(p, PROBLEM_INTERNAL_ERROR, "Redis refuses: %s", command->reply->str);
    }
    return p->code == PROBLEM_NONE && pipeline_check_replies(pipeline, p);
}

static bool drop(struct run *r, const struct dead_letter *letter, struct problem *p)
{
    struct pipeline pipeline;

    pipeline_init(&pipeline, r->arena, NULL);
    (void)dead_letter_cmd_remove(&pipeline, letter->id);
    if (!write_round(r, &pipeline, p))
        return false;
    r->done++;
    return true;
}

/* An erasure may have taken it since its page was read. */
static bool look_again(struct run *r, struct str id, bool *ret_there, struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, r->arena, NULL);
    command = stream_cmd_has_entry(&pipeline, key_dead_letters, id);
    if (!subcommand_round_trip(&r->engine, &pipeline, p))
        return false;
    if (stream_parse_has_entry(command, ret_there))
        return true;
    reply_problem(command->reply, p);
    return false;
}

/* There first, gone here then: in between there are two of it, never none. */
static bool retry(struct run *r, const struct dead_letter *letter, struct problem *p)
{
    struct pipeline pipeline;
    bool there;

    if (!letter->complete) {
        subcommand_error(r->command, "%.*s: only the beginning of it was kept",
                         STR_ARG(letter->id));
        r->refused++;
        return true;
    }
    if (!look_again(r, letter->id, &there, p))
        return false;
    if (!there)
        return true;
    pipeline_init(&pipeline, r->arena, NULL);
    ask_again(&pipeline, letter);
    return write_round(r, &pipeline, p) && drop(r, letter, p);
}

static bool deal_with(struct run *r, const struct dead_letter *letter, struct problem *p)
{
    switch ((enum action)r->settings->action) {
    case LIST: print_line(letter); return true;
    case SHOW: print_whole(letter); return true;
    case RETRY: return retry(r, letter, p);
    case DROP: return drop(r, letter, p);
    }
    return false;
}

/* ---- all of them ---- */

/* The time of the newest there is, INT64_MIN without any. What comes later is not looked at: a
 * letter that is put back may be dead again at once. */
static bool find_end(struct run *r, int64_t *ret_ms, struct problem *p)
{
    struct dead_letter newest;
    size_t n;

    *ret_ms = INT64_MIN;
    if (!read_page(r, (struct str){0}, 1, &newest, &n, p))
        return false;
    if (n > 0)
        (void)stream_id_time(newest.id, ret_ms);
    return true;
}

static enum ctl_exit deal_with_all(struct run *r)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct dead_letter letters[PAGE];
    char from[64] = "-";
    int64_t left = r->settings->limit, end_ms, at_ms;
    size_t n = PAGE;

    if (!find_end(r, &end_ms, &p))
        return subcommand_fail(r->command, &r->engine, &p);
    while (n == PAGE && left > 0) {
        arena_reset(r->arena);
        if (!read_page(r, str_of(from), left < PAGE ? (int)left : PAGE, letters, &n, &p))
            return subcommand_fail(r->command, &r->engine, &p);
        for (size_t i = 0; i < n; i++) {
            if (stream_id_time(letters[i].id, &at_ms) && at_ms > end_ms)
                return r->refused > 0 ? CTL_FAILED : CTL_DONE;
            if (!deal_with(r, &letters[i], &p))
                return subcommand_fail(r->command, &r->engine, &p);
        }
        left -= (int64_t)n;
        if (n > 0)
            (void)snprintf(from, sizeof(from), "(%.*s", STR_ARG(letters[n - 1].id));
    }
    return r->refused > 0 ? CTL_FAILED : CTL_DONE;
}

static enum ctl_exit deal_with_one(struct run *r)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct dead_letter letter;
    struct str id = str_of(r->settings->id);
    size_t n;

    if (!read_page(r, id, 1, &letter, &n, &p))
        return subcommand_fail(r->command, &r->engine, &p);
    if (n == 0 || !str_equal(letter.id, id)) {
        subcommand_error(r->command, "there is no dead letter %s", r->settings->id);
        return CTL_FAILED;
    }
    if (!deal_with(r, &letter, &p))
        return subcommand_fail(r->command, &r->engine, &p);
    return r->refused > 0 ? CTL_FAILED : CTL_DONE;
}

static bool is_id(const char *text)
{
    struct str rest = str_of(text);
    int64_t number;

    return str_to_int64(str_cut(&rest, '-'), 0, INT64_MAX, &number) &&
           str_to_int64(rest, 0, INT64_MAX, &number);
}

/* NULL when all is well. */
static const char *usage_error(const struct settings *s)
{
    bool all = s->id && strcmp(s->id, "all") == 0;

    if (s->action == LIST)
        return s->id ? "list takes no ID" : NULL;
    if (!s->id)
        return s->action == SHOW ? "show which? ID is missing" : "which? ID is missing; or all";
    if (all)
        return s->action == SHOW ? "show takes one ID" : NULL;
    return is_id(s->id) ? NULL : "an ID is two numbers with a dash between, as list shows it";
}

static enum ctl_exit run_with(struct run *r)
{
    const struct settings *s = r->settings;
    enum ctl_exit status;

    if (s->action == SHOW || (s->action != LIST && strcmp(s->id, "all") != 0))
        status = deal_with_one(r);
    else
        status = deal_with_all(r);
    if (s->action == RETRY || s->action == DROP)
        (void)printf("%" PRId64 " %s\n", r->done, s->action == RETRY ? "put back" : "dropped");
    return status;
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
    if (r.arena && engine_open(&r.engine, "mastery-ctl dead", NULL, 0))
        status = run_with(&r);
    engine_close(&r.engine);
    arena_free(r.arena);
    return status;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "action", .value_name = "ACTION", .type = OPTION_OPERAND, .choices = actions, .required = true,
     .offset = offsetof(struct settings, action), .description = "list, show, retry or drop"},
    {.name = "id", .value_name = "ID", .type = OPTION_OPERAND, .offset = offsetof(struct settings, id),
     .description = "of the letter, as list shows it; all with retry and drop"},
    {.name = "limit", .value_name = "N", .type = OPTION_INT, .min = 1, .max = INT64_MAX,
     .offset = offsetof(struct settings, limit), .description = "the oldest N alone (all)"},
    {0},
};
/* clang-format on */

static const struct settings presets = {.limit = INT64_MAX};

const struct subcommand dead_letter_subcommand = {
    .name = "dead",
    .summary = "Looks after dead letters: what was given up, and why",
    .description =
        "\nlist   a line each, oldest first: id, time, source, reason\n"
        "show   all of one\n"
        "retry  puts it back to where it came from: learning events to the worker, to be\n"
        "       counted once for their id; events to publish behind those of their shard\n"
        "drop   throws it away\n",
    .options = options,
    .default_settings = &presets,
    .settings_size = sizeof(struct settings),
    .run = run,
};
