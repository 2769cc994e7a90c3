/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/erase.h"

#include <stdio.h>

#include "app/base/clock.h"
#include "app/service/mentions.h"
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

bool erase_begin(struct erase *e)
{
    e->probing = !e->dry;
    for (int i = 0; i < 2; i++)
        e->pages[i] = arena_new(PAGE_FIRST, PAGE_CAP);
    return e->pages[0] && e->pages[1];
}

void erase_release(struct erase *e)
{
    for (int i = 0; i < 2; i++) {
        arena_free(e->pages[i]);
        e->pages[i] = NULL;
    }
}

static bool counting(const struct erase *e)
{
    return e->dry || e->probing;
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

static void ask_entries(struct erase *e, struct asks *a, struct str stream)
{
    struct str from = arena_printf(a->arena, "%s%s", *e->cursor ? "(" : "-", e->cursor);

    e->asked = ask_command(a, ASK_READ, 6,
                           (struct str[]){STR("XRANGE"), stream, from, STR("+"), STR("COUNT"),
                                          arena_printf(a->arena, "%d", ENTRIES_PAGE)});
}

typedef bool is_about(struct str text, struct str student);

/* Those whose field holds a text about the student go. */
static void take_entries(struct erase *e, struct asks *a, struct str stream, struct str field,
                         is_about *about, size_t kind, struct problem *p)
{
    struct stream_entry *entries = arena_array(a->arena, ENTRIES_PAGE, sizeof(*entries));
    struct str text;
    size_t n = 0;

    if (!entries || stream_read(e->asked->reply, ENTRIES_PAGE, entries, &n) != REPLY_THERE)
        reply_problem(e->asked->reply, p);
    for (size_t i = 0; i < n; i++) {
        if (stream_field(&entries[i], field, &text) != REPLY_THERE || !about(text, e->student))
            continue;
        e->counts[kind]++;
        if (!counting(e))
            (void)ask_command(a, ASK_WRITE, 3, (struct str[]){STR("XDEL"), stream, entries[i].id});
    }
    e->more = n == ENTRIES_PAGE;
    if (n > 0)
        (void)snprintf(e->cursor, sizeof(e->cursor), "%.*s", STR_ARG(entries[n - 1].id));
}

/* ---- the shard ---- */

static void ask_look(struct erase *e, struct asks *a)
{
    erasure_ask_look(a, e->student, &e->look);
}

static void take_look(struct erase *e, struct asks *a, struct problem *p)
{
    struct str token;
    bool begun = false;

    (void)a;
    if (!erasure_read_look(&e->look, &token, &begun, p))
        return;
    (void)snprintf(e->token, sizeof(e->token), "%.*s", STR_ARG(token));
    e->begun_before = e->begun_before || begun;
    if (e->begun_before)
        e->probing = false;
}

/* Journal and outbox, page by page, so that the script, for which everybody waits, has only to look
 * at what has come since. From the first change on it is noted who is being erased. */
static void ask_own_stream(struct erase *e, struct asks *a, enum shard_key stream, size_t kind)
{
    bool first = *e->cursor == '\0';

    if (first && counting(e))
        e->counts[kind] = 0;
    if (first && !counting(e))
        erasure_ask_note(a, e->student, e->now_ms);
    ask_entries(e, a, key_shard_record(a->arena, key_shard(e->student), stream));
}

static void take_own_stream(struct erase *e, struct asks *a, enum shard_key stream, size_t kind,
                            struct problem *p)
{
    take_entries(e, a, key_shard_record(a->arena, key_shard(e->student), stream), STR("e"),
                 concerns, kind, p);
    memcpy(e->swept[kind - ERASED_JOURNAL], e->cursor, sizeof(e->cursor));
}

#define STREAM_PHASE(name, stream, kind)                                                           \
    static void ask_##name(struct erase *e, struct asks *a)                                        \
    {                                                                                              \
        ask_own_stream(e, a, stream, kind);                                                        \
    }                                                                                              \
    static void take_##name(struct erase *e, struct asks *a, struct problem *p)                    \
    {                                                                                              \
        take_own_stream(e, a, stream, kind, p);                                                    \
    }
STREAM_PHASE(journal, SHARD_KEY_JOURNAL, ERASED_JOURNAL)
STREAM_PHASE(outbox, SHARD_KEY_OUTBOX, ERASED_OUTBOX)

static struct str resource(const struct erase *e, struct arena *arena)
{
    return arena_printf(arena, "student/%.*s", STR_ARG(e->student));
}

static void ask_shard(struct erase *e, struct asks *a)
{
    struct erasure_shard shard = {.student = e->student,
                                  .token = str_of(e->token),
                                  .dry = counting(e),
                                  .today = day_of_ms(e->now_ms),
                                  .record = {e->actor, e->role, STR("erased"),
                                             resource(e, a->arena), STR("1"), e->correlation_id,
                                             STR("{}"), STR("1")}};

    for (size_t i = 0; i < 2; i++) {
        shard.swept[i].seen = str_of(e->swept[i]);
        shard.swept[i].removed = e->begun_before || e->counts[ERASED_JOURNAL + i] > 0;
    }
    e->asked = erasure_ask_shard(a, &shard);
}

static void again_from(struct erase *e, size_t phase)
{
    e->phase = phase;
    e->more = true;
}

enum { LOOK, JOURNAL, OUTBOX, SHARD };

static void take_shard(struct erase *e, struct asks *a, struct problem *p)
{
    int64_t counts[ERASED_IN_SHARD] = {0};

    (void)a;
    switch (erasure_read_shard(e->asked, counts, p)) {
    case ERASURE_PROBLEM: return;
    case ERASURE_AGAIN:
        if (++e->tries == TRIES)
            problem_unavailable(p, 1);
        again_from(e, LOOK);
        return;
    case ERASURE_DONE: break;
    }
    for (size_t i = 0; i < ERASED_IN_SHARD; i++)
        e->counts[i] = counts[i] + (i < ERASED_JOURNAL ? 0 : e->counts[i]);
    if (e->probing && found(e) > 0) {
        e->probing = false;
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

    return (reply_int(reply, &n) == REPLY_THERE && n > 0) ||
           reply_text(reply, &text) == REPLY_THERE;
}

/* The answers about the entries of the last page. True when this round was about them. */
static bool take_each(struct erase *e, size_t kind)
{
    const struct ask *ask = e->answered;
    size_t n = e->each;

    for (size_t i = 0; i < n && ask; i++, ask = ask->next)
        e->counts[kind] += says_yes(ask->reply);
    e->each = 0;
    return n > 0;
}

static void ask_cohorts(struct erase *e, struct asks *a)
{
    e->asked = erasure_ask_cohorts(a, str_of(e->cursor), LIST_PAGE);
}

static void take_cohorts(struct erase *e, struct asks *a, struct problem *p)
{
    struct str id = STR("");
    size_t n = 0;

    if (take_each(e, ERASED_ROSTERS)) {
        e->more = *e->cursor != '\0';
        return;
    }
    if (reply_array(e->asked->reply, LIST_PAGE, &n) != REPLY_THERE) {
        reply_problem(e->asked->reply, p);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(e->asked->reply, i), &id) == REPLY_THERE)
            (void)erasure_ask_cohort(a, id, e->student, counting(e), e->now_ms);
    }
    e->each = a->count;
    (void)snprintf(e->cursor, sizeof(e->cursor), "%.*s", n == LIST_PAGE ? (int)id.n : 0, id.p);
}

/* The newest first: those that are made meanwhile, and those that expire, let none be left out. */
static void ask_batches(struct erase *e, struct asks *a)
{
    e->asked = batch_ask_page(a, e->offset, LIST_PAGE);
}

static void take_batches(struct erase *e, struct asks *a, struct problem *p)
{
    struct str id;
    size_t n = 0;

    if (take_each(e, ERASED_BATCHES)) {
        e->more = e->offset > 0;
        return;
    }
    if (reply_array(e->asked->reply, LIST_PAGE, &n) != REPLY_THERE) {
        reply_problem(e->asked->reply, p);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(e->asked->reply, i), &id) != REPLY_THERE)
            continue;
        if (counting(e))
            (void)batch_ask_has(a, id, e->student);
        else
            (void)batch_ask_forget(a, id, e->student);
    }
    e->each = a->count;
    e->offset = n == LIST_PAGE ? e->offset + LIST_PAGE : 0;
}

/* ---- streams: jobs, dead letters ---- */

#define QUEUE_PHASE(name, level)                                                                   \
    static void ask_##name(struct erase *e, struct asks *a)                                        \
    {                                                                                              \
        ask_entries(e, a, key_queues[level]);                                                      \
    }                                                                                              \
    static void take_##name(struct erase *e, struct asks *a, struct problem *p)                    \
    {                                                                                              \
        take_entries(e, a, key_queues[level], STR("b"), mentions, ERASED_JOBS, p);                 \
    }
QUEUE_PHASE(high, QUEUE_HIGH)
QUEUE_PHASE(normal, QUEUE_NORMAL)
QUEUE_PHASE(low, QUEUE_LOW)

static void ask_dead(struct erase *e, struct asks *a)
{
    ask_entries(e, a, key_dead_letters);
}

static void take_dead(struct erase *e, struct asks *a, struct problem *p)
{
    take_entries(e, a, key_dead_letters, STR("e"), mentions, ERASED_DEAD_LETTERS, p);
    if (!e->more && !counting(e) && e->counts[ERASED_DEAD_LETTERS] > 0)
        erasure_ask_make_anew(a, key_dead_letters);
}

/* Jobs that wait for their time: a member is some words, then the body. The latest first, as with
 * batches; those that go make room for others on the same page. */
static void ask_later(struct erase *e, struct asks *a)
{
    e->asked = ask_command(
        a, ASK_READ, 4,
        (struct str[]){STR("ZREVRANGE"), key_queue_later,
                       arena_printf(a->arena, "%lld", (long long)e->offset),
                       arena_printf(a->arena, "%lld", (long long)e->offset + ENTRIES_PAGE - 1)});
}

/* Once before the levels, in which they may be meanwhile, and once after them, where one that was
 * tried in vain may be again. */
static void ask_later_first(struct erase *e, struct asks *a)
{
    if (!counting(e))
        ask_later(e, a);
}

static struct str body_of(struct str job)
{
    const char *body = memchr(job.p, '{', job.n);

    return body ? (struct str){body, job.n - (size_t)(body - job.p)} : job;
}

static void take_later(struct erase *e, struct asks *a, struct problem *p)
{
    struct str job;
    size_t n = 0;

    if (reply_array(e->asked->reply, ENTRIES_PAGE, &n) != REPLY_THERE)
        reply_problem(e->asked->reply, p);
    e->offset += (int64_t)n;
    e->more = n == ENTRIES_PAGE;
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(e->asked->reply, i), &job) != REPLY_THERE ||
            !mentions(body_of(job), e->student))
            continue;
        e->counts[ERASED_JOBS]++;
        if (counting(e))
            continue;
        (void)ask_command(a, ASK_WRITE, 3, (struct str[]){STR("ZREM"), key_queue_later, job});
        e->offset--;
    }
}

/* ---- records of idempotency ---- */

static void ask_records(struct erase *e, struct asks *a)
{
    e->asked = erasure_ask_records(a, e->student, e->offset, RECORDS_PAGE);
}

static void take_records(struct erase *e, struct asks *a, struct problem *p)
{
    size_t n = 0;

    if (e->each > 0) {
        for (const struct ask *ask = e->answered; ask; ask = ask->next) {
            int64_t there = 0;

            if (reply_int(ask->reply, &there) == REPLY_THERE)
                e->counts[STUDENT_KEY_IDEMPOTENCY] += there;
        }
        e->each = 0;
        e->more = e->offset > 0;
        return;
    }
    if (reply_array(e->asked->reply, RECORDS_PAGE, &n) != REPLY_THERE)
        reply_problem(e->asked->reply, p);
    for (size_t from = 0; from < n; from += RECORDS_PIECE) {
        struct str argv[1 + RECORDS_PIECE] = {counting(e) ? STR("EXISTS") : STR("DEL")};
        int argc = 1;

        for (size_t i = from; i < n && i < from + RECORDS_PIECE; i++)
            argc += reply_text(reply_at(e->asked->reply, i), &argv[argc]) == REPLY_THERE;
        (void)ask_command(a, counting(e) ? ASK_READ : ASK_WRITE, argc, argv);
    }
    e->each = a->count;
    e->offset = n == RECORDS_PAGE ? e->offset + RECORDS_PAGE : 0;
}

/* ---- the end ---- */

/* What is nowhere is not erased: no tombstone for whoever never was. */
static void ask_finish(struct erase *e, struct asks *a)
{
    if (counting(e))
        return;
    erasure_ask_finish(a, e->student, e->engine->config.erased_tombstone_s);
    erasure_ask_forget(a, e->student);
    erasure_ask_traces(a, &e->asked);
}

static void take_finish(struct erase *e, struct asks *a, struct problem *p)
{
    char hash[LOG_HASH_SIZE];
    struct jw *w;

    if (e->each > 0) { /* the wish has been noted */
        e->each = 0;
        return;
    }
    if (!says_yes(e->answered->reply)) {
        reply_problem(e->answered->reply, p);
        return;
    }
    metrics_erased(e->engine->metrics);
    log_hash(e->engine->log, e->student, hash);
    w = log_begin(e->engine->log, LOG_INFO, "student.erased");
    jw_text(w, "student", hash);
    log_end(e->engine->log);
    if (!erasure_read_rewrite(e->asked)) {
        erasure_ask_rewrite_later(a);
        e->each = a->count;
    }
}

/* ---- the walk ---- */

/* clang-format off */
static const struct {
    void (*ask)(struct erase *e, struct asks *a);
    void (*take)(struct erase *e, struct asks *a, struct problem *p);
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
static void turn_page(struct erase *e, struct asks *asks)
{
    e->answered = asks->first;
    e->page = !e->page;
    arena_reset(e->pages[e->page]);
    asks_init(asks, e->pages[e->page], asks->owner);
}

/* Notes that an erasure is under way and that the file is to be rewritten, for which a Redis that
 * is full has no room; the rewriting, which may be under way already; the list of what was slow,
 * for which leave may be lacking. */
static bool only_helps(const struct ask *ask)
{
    static const struct str commands[] = {STR_INIT("ZADD"), STR_INIT("SET"),
                                          STR_INIT("BGREWRITEAOF"), STR_INIT("SLOWLOG")};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!ask->script && str_equal(ask->argv[0], commands[i]))
            return true;
    }
    return false;
}

/* What Redis refuses to do (replicas that lag, a disk that is full) must not pass for what was not
 * there. */
static bool all_done(const struct erase *e, struct problem *p)
{
    for (const struct ask *ask = e->answered; ask; ask = ask->next) {
        if (ask->reply && (ask->reply->type != REDIS_REPLY_ERROR || only_helps(ask)))
            continue;
        reply_problem(ask->reply, p);
        return false;
    }
    return true;
}

static void take(struct erase *e, struct asks *asks, struct problem *p)
{
    e->waiting = e->more = false;
    if (!all_done(e, p))
        return;
    phases[e->phase].take(e, asks, p);
    if (e->each > 0)
        e->waiting = true;
    else if (!e->more)
        next_phase(e);
}

/* Only counted so far, because nobody knew whether there was anything: now it is known. */
static bool begin_anew(struct erase *e)
{
    if (!e->probing || found(e) == 0)
        return false;
    e->probing = false;
    memset(e->counts, 0, sizeof(e->counts));
    e->phase = LOOK;
    return true;
}

enum step erase_step(struct erase *e, struct asks *asks, struct problem *p)
{
    if (e->waiting && asks->status != ASKS_ANSWERED) {
        problem_unavailable(p, 1);
        return STEP_DONE;
    }
    turn_page(e, asks);
    if (e->waiting)
        take(e, asks, p);
    while (p->code == PROBLEM_NONE && !e->waiting && (e->phase < PHASES || begin_anew(e))) {
        size_t before = asks->count;

        phases[e->phase].ask(e, asks);
        e->waiting = asks->count > before;
        if (!e->waiting)
            next_phase(e);
    }
    if (p->code != PROBLEM_NONE || e->waiting)
        return p->code != PROBLEM_NONE ? STEP_DONE : STEP_MORE;
    if (found(e) == 0 && !e->begun_before)
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
    return STEP_DONE;
}
