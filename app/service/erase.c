/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/erase.h"

#include <stdio.h>

#include "app/base/clock.h"
#include "app/service/json_mentions.h"
#include "app/store/batch.h"
#include "app/store/queue.h"
#include "app/store/reply.h"

enum {
    PAGE_FIRST = 64 << 10,
    PAGE_CAP = 64 << 20,
    LIST_PAGE = 200,     /* cohorts, batches in a round */
    ENTRIES_PAGE = 1000, /* entries of a stream */
    RECORDS_PAGE = 5000,
    RECORDS_PIECE = 500, /* keys of one DEL */
    TRIES = 20,
};

const char *erase_kind_name(size_t kind)
{
    static const char *const others[ERASED_KINDS - ERASED_INDEX] = {
        "recommendation_index", "journal_entries", "outbox_events", "rosters", "batches", "jobs",
        "dead_letters"};

    if (kind == STUDENT_KEY_ERASED)
        return NULL;
    return kind < ERASED_INDEX ? student_kinds[kind].name : others[kind - ERASED_INDEX];
}

bool erase_init(struct erase *e)
{
    e->dry_pass = !e->dry_run;
    for (int i = 0; i < 2; i++)
        e->arenas[i] = arena_new(PAGE_FIRST, PAGE_CAP);
    return e->arenas[0] && e->arenas[1];
}

void erase_release(struct erase *e)
{
    for (int i = 0; i < 2; i++) {
        arena_free(e->arenas[i]);
        e->arenas[i] = NULL;
    }
}

static bool counting(const struct erase *e)
{
    return e->dry_run || e->dry_pass;
}

/* A pseudonym alone is no data: it comes of somebody having asked about nobody. */
static int64_t found(const struct erase *e)
{
    int64_t n = 0;

    for (size_t i = 0; i < ERASED_KINDS; i++)
        n += i == STUDENT_KEY_PSEUDONYM ? 0 : e->counts[i];
    return n;
}

/* ---- streams ---- */

static void ask_entries(struct erase *e, struct pipeline *a, struct str stream)
{
    struct str from = arena_printf(a->arena, "%s%s", *e->cursor ? "(" : "-", e->cursor);

    e->phase_cmd = pipeline_add(a, COMMAND_READ, 6,
                                (struct str[]){STR("XRANGE"), stream, from, STR("+"), STR("COUNT"),
                                               arena_printf(a->arena, "%d", ENTRIES_PAGE)});
}

typedef bool is_about(struct str text, struct str student);

/* Those whose field holds a text about the student go. */
static void take_entries(struct erase *e, struct pipeline *a, struct str stream, struct str field,
                         is_about *about, size_t kind, struct problem *p)
{
    struct stream_entry *entries = arena_array(a->arena, ENTRIES_PAGE, sizeof(*entries));
    struct str text;
    size_t n = 0;

    if (!entries || stream_parse(e->phase_cmd->reply, ENTRIES_PAGE, entries, &n) != REPLY_OK)
        reply_problem(e->phase_cmd->reply, p);
    for (size_t i = 0; i < n; i++) {
        if (stream_field(&entries[i], field, &text) != REPLY_OK || !about(text, e->student))
            continue;
        e->counts[kind]++;
        if (!counting(e))
            (void)pipeline_add(a, COMMAND_WRITE, 3,
                               (struct str[]){STR("XDEL"), stream, entries[i].id});
    }
    e->has_more = n == ENTRIES_PAGE;
    if (n > 0)
        (void)snprintf(e->cursor, sizeof(e->cursor), "%.*s", STR_ARG(entries[n - 1].id));
}

/* ---- the shard ---- */

static void ask_look(struct erase *e, struct pipeline *a)
{
    erasure_cmd_lookup(a, e->student, &e->lookup);
}

static void take_look(struct erase *e, struct pipeline *a, struct problem *p)
{
    struct str token;
    bool begun = false;

    (void)a;
    if (!erasure_parse_lookup(&e->lookup, &token, &begun, p))
        return;
    (void)snprintf(e->token, sizeof(e->token), "%.*s", STR_ARG(token));
    e->had_tombstone = e->had_tombstone || begun;
    if (e->had_tombstone)
        e->dry_pass = false;
}

/* Journal and outbox, page by page, so that the script, for which everybody waits, has only to look
 * at what has come since. From the first change on it is noted who is being erased. */
static void ask_own_stream(struct erase *e, struct pipeline *a, enum shard_key stream, size_t kind)
{
    bool first = *e->cursor == '\0';

    if (first && counting(e))
        e->counts[kind] = 0;
    if (first && !counting(e))
        erasure_cmd_register(a, e->student, e->now_ms);
    ask_entries(e, a, key_shard_record(a->arena, key_shard(e->student), stream));
}

static void take_own_stream(struct erase *e, struct pipeline *a, enum shard_key stream, size_t kind,
                            struct problem *p)
{
    take_entries(e, a, key_shard_record(a->arena, key_shard(e->student), stream), STR("e"),
                 entry_belongs_to, kind, p);
    memcpy(e->scanned_ids[kind - ERASED_JOURNAL], e->cursor, sizeof(e->cursor));
}

#define STREAM_PHASE(name, stream, kind)                                                           \
    static void ask_##name(struct erase *e, struct pipeline *a)                                    \
    {                                                                                              \
        ask_own_stream(e, a, stream, kind);                                                        \
    }                                                                                              \
    static void take_##name(struct erase *e, struct pipeline *a, struct problem *p)                \
    {                                                                                              \
        take_own_stream(e, a, stream, kind, p);                                                    \
    }
STREAM_PHASE(journal, SHARD_KEY_JOURNAL, ERASED_JOURNAL)
STREAM_PHASE(outbox, SHARD_KEY_OUTBOX, ERASED_OUTBOX)

static struct str resource(const struct erase *e, struct arena *arena)
{
    return arena_printf(arena, "student/%.*s", STR_ARG(e->student));
}

static void ask_shard(struct erase *e, struct pipeline *a)
{
    struct erasure_shard shard = {.student = e->student,
                                  .token = str_of(e->token),
                                  .dry_run = counting(e),
                                  .today = day_of_ms(e->now_ms),
                                  .record = {e->actor, e->role, STR("erased"),
                                             resource(e, a->arena), STR("1"), e->correlation_id,
                                             STR("{}"), STR("1")}};

    for (size_t i = 0; i < 2; i++) {
        shard.swept[i].seen = str_of(e->scanned_ids[i]);
        shard.swept[i].removed = e->had_tombstone || e->counts[ERASED_JOURNAL + i] > 0;
    }
    e->phase_cmd = erasure_cmd_shard(a, &shard);
}

static void again_from(struct erase *e, size_t phase)
{
    e->phase = phase;
    e->has_more = true;
}

enum { LOOK, JOURNAL, OUTBOX, SHARD };

static void take_shard(struct erase *e, struct pipeline *a, struct problem *p)
{
    int64_t counts[ERASED_COUNTS] = {0};

    (void)a;
    switch (erasure_parse_shard(e->phase_cmd, counts, p)) {
    case ERASURE_PROBLEM: return;
    case ERASURE_RETRY:
        if (++e->attempts == TRIES)
            problem_unavailable(p, 1);
        again_from(e, LOOK);
        return;
    case ERASURE_DONE: break;
    }
    for (size_t i = 0; i < ERASED_COUNTS; i++)
        e->counts[i] = counts[i] + (i < ERASED_JOURNAL ? 0 : e->counts[i]);
    if (e->dry_pass && found(e) > 0) {
        e->dry_pass = false;
        e->counts[ERASED_JOURNAL] = e->counts[ERASED_OUTBOX] = 0;
        again_from(e, JOURNAL);
    }
}

/* ---- lists of which each entry is asked about: cohorts, batches ---- */

/* A number that is not 0, or a text. */
static bool says_yes(const redisReply *reply)
{
    struct str text;
    int64_t n;

    return (reply_int(reply, &n) == REPLY_OK && n > 0) || reply_text(reply, &text) == REPLY_OK;
}

/* The answers about the entries of the last page. True when this round was about them. */
static bool take_each(struct erase *e, size_t kind)
{
    const struct command *command = e->first_done_cmd;
    size_t n = e->entry_cmds;

    for (size_t i = 0; i < n && command; i++, command = command->next)
        e->counts[kind] += says_yes(command->reply);
    e->entry_cmds = 0;
    return n > 0;
}

static void ask_cohorts(struct erase *e, struct pipeline *a)
{
    e->phase_cmd = erasure_cmd_cohorts(a, str_of(e->cursor), LIST_PAGE);
}

static void take_cohorts(struct erase *e, struct pipeline *a, struct problem *p)
{
    struct str id = STR("");
    size_t n = 0;

    if (take_each(e, ERASED_ROSTERS)) {
        e->has_more = *e->cursor != '\0';
        return;
    }
    if (reply_array(e->phase_cmd->reply, LIST_PAGE, &n) != REPLY_OK) {
        reply_problem(e->phase_cmd->reply, p);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(e->phase_cmd->reply, i), &id) == REPLY_OK)
            (void)erasure_cmd_leave_cohort(a, id, e->student, counting(e), e->now_ms);
    }
    e->entry_cmds = a->count;
    (void)snprintf(e->cursor, sizeof(e->cursor), "%.*s", n == LIST_PAGE ? (int)id.n : 0, id.p);
}

/* The newest first: those that are made meanwhile, and those that expire, let none be left out. */
static void ask_batches(struct erase *e, struct pipeline *a)
{
    e->phase_cmd = batch_cmd_page(a, e->offset, LIST_PAGE);
}

static void take_batches(struct erase *e, struct pipeline *a, struct problem *p)
{
    struct str id;
    size_t n = 0;

    if (take_each(e, ERASED_BATCHES)) {
        e->has_more = e->offset > 0;
        return;
    }
    if (reply_array(e->phase_cmd->reply, LIST_PAGE, &n) != REPLY_OK) {
        reply_problem(e->phase_cmd->reply, p);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(e->phase_cmd->reply, i), &id) != REPLY_OK)
            continue;
        if (counting(e))
            (void)batch_cmd_has_student(a, id, e->student);
        else
            (void)batch_cmd_remove_student(a, id, e->student);
    }
    e->entry_cmds = a->count;
    e->offset = n == LIST_PAGE ? e->offset + LIST_PAGE : 0;
}

/* ---- streams: jobs, dead letters ---- */

#define QUEUE_PHASE(name, level)                                                                   \
    static void ask_##name(struct erase *e, struct pipeline *a)                                    \
    {                                                                                              \
        ask_entries(e, a, key_queues[level]);                                                      \
    }                                                                                              \
    static void take_##name(struct erase *e, struct pipeline *a, struct problem *p)                \
    {                                                                                              \
        take_entries(e, a, key_queues[level], STR("b"), json_mentions_id, ERASED_JOBS, p);         \
    }
QUEUE_PHASE(high, QUEUE_HIGH)
QUEUE_PHASE(normal, QUEUE_NORMAL)
QUEUE_PHASE(low, QUEUE_LOW)

static void ask_dead(struct erase *e, struct pipeline *a)
{
    ask_entries(e, a, key_dead_letters);
}

static void take_dead(struct erase *e, struct pipeline *a, struct problem *p)
{
    take_entries(e, a, key_dead_letters, STR("e"), json_mentions_id, ERASED_DEAD_LETTERS, p);
    if (!e->has_more && !counting(e) && e->counts[ERASED_DEAD_LETTERS] > 0)
        erasure_cmd_rebuild_stream(a, key_dead_letters);
}

/* Jobs that wait for their time: a member is some words, then the body. The latest first, as with
 * batches; those that go make room for others on the same page. */
static void ask_later(struct erase *e, struct pipeline *a)
{
    e->phase_cmd = pipeline_add(
        a, COMMAND_READ, 4,
        (struct str[]){STR("ZREVRANGE"), key_queue_later,
                       arena_printf(a->arena, "%lld", (long long)e->offset),
                       arena_printf(a->arena, "%lld", (long long)e->offset + ENTRIES_PAGE - 1)});
}

/* Once before the levels, in which they may be meanwhile, and once after them, where one that was
 * tried in vain may be again. */
static void ask_later_first(struct erase *e, struct pipeline *a)
{
    if (!counting(e))
        ask_later(e, a);
}

static struct str body_of(struct str job)
{
    const char *body = memchr(job.p, '{', job.n);

    return body ? (struct str){body, job.n - (size_t)(body - job.p)} : job;
}

static void take_later(struct erase *e, struct pipeline *a, struct problem *p)
{
    struct str job;
    size_t n = 0;

    if (reply_array(e->phase_cmd->reply, ENTRIES_PAGE, &n) != REPLY_OK)
        reply_problem(e->phase_cmd->reply, p);
    e->offset += (int64_t)n;
    e->has_more = n == ENTRIES_PAGE;
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(e->phase_cmd->reply, i), &job) != REPLY_OK ||
            !json_mentions_id(body_of(job), e->student))
            continue;
        e->counts[ERASED_JOBS]++;
        if (counting(e))
            continue;
        (void)pipeline_add(a, COMMAND_WRITE, 3, (struct str[]){STR("ZREM"), key_queue_later, job});
        e->offset--;
    }
}

/* ---- records of idempotency ---- */

static void ask_records(struct erase *e, struct pipeline *a)
{
    e->phase_cmd = erasure_cmd_idempotency_keys(a, e->student, e->offset, RECORDS_PAGE);
}

static void take_records(struct erase *e, struct pipeline *a, struct problem *p)
{
    size_t n = 0;

    if (e->entry_cmds > 0) {
        for (const struct command *command = e->first_done_cmd; command; command = command->next) {
            int64_t there = 0;

            if (reply_int(command->reply, &there) == REPLY_OK)
                e->counts[STUDENT_KEY_IDEMPOTENCY] += there;
        }
        e->entry_cmds = 0;
        e->has_more = e->offset > 0;
        return;
    }
    if (reply_array(e->phase_cmd->reply, RECORDS_PAGE, &n) != REPLY_OK)
        reply_problem(e->phase_cmd->reply, p);
    for (size_t from = 0; from < n; from += RECORDS_PIECE) {
        struct str argv[1 + RECORDS_PIECE] = {counting(e) ? STR("EXISTS") : STR("DEL")};
        int argc = 1;

        for (size_t i = from; i < n && i < from + RECORDS_PIECE; i++)
            argc += reply_text(reply_at(e->phase_cmd->reply, i), &argv[argc]) == REPLY_OK;
        (void)pipeline_add(a, counting(e) ? COMMAND_READ : COMMAND_WRITE, argc, argv);
    }
    e->entry_cmds = a->count;
    e->offset = n == RECORDS_PAGE ? e->offset + RECORDS_PAGE : 0;
}

/* ---- the end ---- */

/* What is nowhere is not erased: no tombstone for whoever never was. */
static void ask_finish(struct erase *e, struct pipeline *a)
{
    if (counting(e))
        return;
    erasure_cmd_finish(a, e->student, e->engine->config.erased_tombstone_s);
    erasure_cmd_unregister(a, e->student);
    erasure_cmd_purge_traces(a, &e->phase_cmd);
}

static void take_finish(struct erase *e, struct pipeline *a, struct problem *p)
{
    char hash[LOG_HASH_SIZE];
    struct jw *w;

    if (e->entry_cmds > 0) { /* the wish has been noted */
        e->entry_cmds = 0;
        return;
    }
    if (!says_yes(e->first_done_cmd->reply)) {
        reply_problem(e->first_done_cmd->reply, p);
        return;
    }
    metrics_add_erasure(e->engine->metrics);
    log_hash(e->engine->log, e->student, hash);
    w = log_begin(e->engine->log, LOG_INFO, "student.erased");
    jw_text(w, "student", hash);
    log_end(e->engine->log);
    if (!erasure_parse_aof_rewrite(e->phase_cmd)) {
        erasure_cmd_request_aof_rewrite(a);
        e->entry_cmds = a->count;
    }
}

/* ---- the walk ---- */

/* clang-format off */
static const struct {
    void (*command)(struct erase *e, struct pipeline *a);
    void (*take)(struct erase *e, struct pipeline *a, struct problem *p);
} phases[] = {
    [LOOK] = {ask_look, take_look},
    [JOURNAL] = {ask_journal, take_journal},
    [OUTBOX] = {ask_outbox, take_outbox},
    [SHARD] = {ask_shard, take_shard},
    {ask_cohorts, take_cohorts},
    {ask_batches, take_batches},
    {ask_later_first, take_later},
    {ask_high, take_high},
    {ask_normal, take_normal},
    {ask_low, take_low},
    {ask_later, take_later},
    {ask_dead, take_dead},
    {ask_records, take_records},
    {ask_finish, take_finish},
};
/* clang-format on */
enum { PHASES = sizeof(phases) / sizeof(phases[0]) };

static void next_phase(struct erase *e)
{
    e->phase++;
    e->cursor[0] = '\0';
    e->offset = 0;
}

/* Two memories take turns: the questions are made from the answers, which lie in the other. */
static void turn_page(struct erase *e, struct pipeline *pipeline)
{
    e->first_done_cmd = pipeline->first;
    e->arena_index = !e->arena_index;
    arena_reset(e->arenas[e->arena_index]);
    pipeline_init(pipeline, e->arenas[e->arena_index], pipeline->owner);
}

/* Notes that an erasure is under way and that the file is to be rewritten, for which a Redis that
 * is full has no room; the rewriting, which may be under way already; the list of what was slow,
 * for which leave may be lacking. */
static bool only_helps(const struct command *command)
{
    static const struct str commands[] = {STR_INIT("ZADD"), STR_INIT("SET"),
                                          STR_INIT("BGREWRITEAOF"), STR_INIT("SLOWLOG")};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!command->script && str_equal(command->argv[0], commands[i]))
            return true;
    }
    return false;
}

/* What Redis refuses to do (replicas that lag, a disk that is full) must not pass for what was not
 * there. */
static bool all_done(const struct erase *e, struct problem *p)
{
    for (const struct command *command = e->first_done_cmd; command; command = command->next) {
        if (command->reply && (command->reply->type != REDIS_REPLY_ERROR || only_helps(command)))
            continue;
        reply_problem(command->reply, p);
        return false;
    }
    return true;
}

static void take(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    e->awaiting_replies = e->has_more = false;
    if (!all_done(e, p))
        return;
    phases[e->phase].take(e, pipeline, p);
    if (e->entry_cmds > 0)
        e->awaiting_replies = true;
    else if (!e->has_more)
        next_phase(e);
}

/* Only counted so far, because nobody knew whether there was anything: now it is known. */
static bool begin_anew(struct erase *e)
{
    if (!e->dry_pass || found(e) == 0)
        return false;
    e->dry_pass = false;
    memset(e->counts, 0, sizeof(e->counts));
    e->phase = LOOK;
    return true;
}

enum step erase_step(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    if (e->awaiting_replies && pipeline->status != PIPELINE_COMPLETE) {
        problem_unavailable(p, 1);
        return STEP_DONE;
    }
    turn_page(e, pipeline);
    if (e->awaiting_replies)
        take(e, pipeline, p);
    while (p->code == PROBLEM_NONE && !e->awaiting_replies &&
           (e->phase < PHASES || begin_anew(e))) {
        size_t before = pipeline->count;

        phases[e->phase].command(e, pipeline);
        e->awaiting_replies = pipeline->count > before;
        if (!e->awaiting_replies)
            next_phase(e);
    }
    if (p->code != PROBLEM_NONE || e->awaiting_replies)
        return p->code != PROBLEM_NONE ? STEP_DONE : STEP_MORE;
    if (found(e) == 0 && !e->had_tombstone)
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
    return STEP_DONE;
}
