/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The phases of an erasure about the student's own shard. The script of erase_shard_phase deletes
 * the student's keys and leaves the tombstone in one atomic step, but it blocks Redis while it
 * runs. So journal and outbox, which may be long, are swept page by page before; the script then
 * has to look only at the entries that were added since. */
#include <stdio.h>

#include "app/base/clock.h"
#include "app/service/erase_internal.h"
#include "app/service/json_mentions.h"
#include "app/store/reply.h"

enum {
    ERASE_STREAM_PAGE = 1000, /* entries of one XRANGE */
    ERASE_ATTEMPTS_MAX = 20,  /* of the script, while recommendations are made concurrently */
};

/* ---- for all phases ---- */

int64_t erase_found(const struct erase *e)
{
    int64_t n = 0;

    for (size_t i = 0; i < ERASED_KINDS; i++)
        n += i == STUDENT_KEY_PSEUDONYM ? 0 : e->counts[i];
    return n;
}

void erase_queue_stream_page(struct erase *e, struct pipeline *pipeline, struct str stream)
{
    struct str from = arena_printf(pipeline->arena, "%s%s", *e->cursor ? "(" : "-", e->cursor);

    e->phase_cmd =
        pipeline_add(pipeline, COMMAND_READ, 6,
                     (struct str[]){STR("XRANGE"), stream, from, STR("+"), STR("COUNT"),
                                    arena_printf(pipeline->arena, "%d", ERASE_STREAM_PAGE)});
}

void erase_parse_stream_page(struct erase *e, struct pipeline *pipeline, struct str stream,
                             struct str field, erase_entry_test *test, size_t kind,
                             struct problem *p)
{
    struct stream_entry *entries =
        arena_array(pipeline->arena, ERASE_STREAM_PAGE, sizeof(*entries));
    struct str text;
    size_t n = 0;

    if (!entries || stream_parse(e->phase_cmd->reply, ERASE_STREAM_PAGE, entries, &n) != REPLY_OK)
        reply_problem(e->phase_cmd->reply, p);
    for (size_t i = 0; i < n; i++) {
        if (stream_field(&entries[i], field, &text) != REPLY_OK || !test(text, e->student))
            continue;
        e->counts[kind]++;
        if (!erase_only_counts(e))
            (void)pipeline_add(pipeline, COMMAND_WRITE, 3,
                               (struct str[]){STR("XDEL"), stream, entries[i].id});
    }
    e->has_more = n == ERASE_STREAM_PAGE;
    if (n > 0)
        (void)snprintf(e->cursor, sizeof(e->cursor), "%.*s", STR_ARG(entries[n - 1].id));
}

/* ---- lookup ---- */

static void erase_queue_lookup(struct erase *e, struct pipeline *pipeline)
{
    erasure_cmd_lookup(pipeline, e->student, &e->lookup);
}

/* A tombstone shows that an erasure has begun before: then there is no need to count first. */
static void erase_parse_lookup(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    struct str token;
    bool has_tombstone = false;

    (void)pipeline;
    if (!erasure_parse_lookup(&e->lookup, &token, &has_tombstone, p))
        return;
    (void)snprintf(e->token, sizeof(e->token), "%.*s", STR_ARG(token));
    e->had_tombstone = e->had_tombstone || has_tombstone;
    if (e->had_tombstone)
        e->dry_pass = false;
}

const struct erase_phase erase_lookup_phase = {erase_queue_lookup, erase_parse_lookup};

/* ---- journal and outbox ---- */

static struct str erase_own_stream(const struct erase *e, struct arena *arena)
{
    return key_shard_record(arena, key_shard(e->student),
                            e->phase == ERASE_JOURNAL ? SHARD_KEY_JOURNAL : SHARD_KEY_OUTBOX);
}

/* Before the first deletion the erasure is registered, so that a worker completes it if this
 * process ends. */
static void erase_queue_own_stream(struct erase *e, struct pipeline *pipeline)
{
    bool is_first_page = *e->cursor == '\0';

    if (is_first_page && erase_only_counts(e))
        e->counts[e->phase == ERASE_JOURNAL ? ERASED_JOURNAL : ERASED_OUTBOX] = 0;
    if (is_first_page && !erase_only_counts(e))
        erasure_cmd_register(pipeline, e->student, e->now_ms);
    erase_queue_stream_page(e, pipeline, erase_own_stream(e, pipeline->arena));
}

static void erase_parse_own_stream(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    bool is_journal = e->phase == ERASE_JOURNAL;

    erase_parse_stream_page(e, pipeline, erase_own_stream(e, pipeline->arena), STR("e"),
                            entry_belongs_to, is_journal ? ERASED_JOURNAL : ERASED_OUTBOX, p);
    memcpy(e->scanned_ids[is_journal ? 0 : 1], e->cursor, sizeof(e->cursor));
}

const struct erase_phase erase_own_stream_phase = {erase_queue_own_stream, erase_parse_own_stream};

/* ---- all other keys of the student, and the tombstone ---- */

static void erase_queue_shard(struct erase *e, struct pipeline *pipeline)
{
    struct erasure_shard shard = {
        .student = e->student,
        .token = str_of(e->token),
        .dry_run = erase_only_counts(e),
        .today = day_of_ms(e->now_ms),
        .record = {e->actor, e->role, STR("erased"),
                   arena_printf(pipeline->arena, "student/%.*s", STR_ARG(e->student)), STR("1"),
                   e->correlation_id, STR("{}"), STR("1")}};

    for (size_t i = 0; i < 2; i++) {
        shard.swept[i].seen = str_of(e->scanned_ids[i]);
        shard.swept[i].removed = e->had_tombstone || e->counts[ERASED_JOURNAL + i] > 0;
    }
    e->phase_cmd = erasure_cmd_shard(pipeline, &shard);
}

static void erase_restart_from(struct erase *e, enum erase_phase_id phase)
{
    e->phase = phase;
    e->has_more = true; /* keeps the loop of erase.c from advancing to the next phase */
}

/* The script refuses when the token of the recommendation ids has changed since the lookup, because
 * the key that is named after the token would be left. When the counting pass finds anything, the
 * erasure starts in earnest. */
static void erase_parse_shard(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    int64_t counts[ERASED_COUNTS] = {0};

    (void)pipeline;
    switch (erasure_parse_shard(e->phase_cmd, counts, p)) {
    case ERASURE_PROBLEM: return;
    case ERASURE_RETRY:
        if (++e->attempts == ERASE_ATTEMPTS_MAX)
            problem_unavailable(p, 1);
        erase_restart_from(e, ERASE_LOOKUP);
        return;
    case ERASURE_DONE: break;
    }
    for (size_t i = 0; i < ERASED_JOURNAL; i++)
        e->counts[i] = counts[i];
    for (size_t i = ERASED_JOURNAL; i < ERASED_COUNTS; i++)
        e->counts[i] += counts[i]; /* to what the sweep of the stream has counted */
    if (e->dry_pass && erase_found(e) > 0) {
        e->dry_pass = false;
        e->counts[ERASED_JOURNAL] = e->counts[ERASED_OUTBOX] = 0;
        erase_restart_from(e, ERASE_JOURNAL);
    }
}

const struct erase_phase erase_shard_phase = {erase_queue_shard, erase_parse_shard};
