/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The phases of an erasure about the student's own shard (group of Redis keys). A Lua script
 * deletes the student's keys and leaves the tombstone (mark of an erased student) in one atomic
 * step, but Redis processes nothing else while a script runs. The shard's journal (changes to be
 * processed) and outbox (events to publish) may be long, so they are searched page by page before.
 * The script then examines only the entries that were added since. */
#include <stdio.h>

#include "app/base/clock.h"
#include "app/service/erase_internal.h"
#include "app/service/json_mentions.h"
#include "app/store/reply.h"
#include "app/store/retention.h"

enum {
    ERASE_ATTEMPTS_MAX = 20, /* most calls of the script, which is repeated while another request
                                saves recommendations */
};

/* ---- for all phases ---- */

int64_t erase_found(const struct erase *erase)
{
    int64_t n = 0;

    for (size_t i = 0; i < ERASED_KINDS; i++) {
        if (i != STUDENT_KEY_PSEUDONYM)
            n += erase->counts[i];
    }
    return n;
}

void erase_hash(const struct engine *engine, struct str student, char ret_hash[LOG_HASH_SIZE])
{
    log_hash(engine->log, student, ret_hash);
}

/* Hashes a constant that is no id: the result differs between keys and is no hash of a student. */
void erase_key_id(const struct engine *engine, char ret_id[LOG_HASH_SIZE])
{
    log_hash(engine->log, STR("key of the log"), ret_id);
}

/* Queues the reads of the student's tombstone (the mark of an erased student) and of the token in
 * the ids of the student's recommendations. */
static void erase_queue_lookup(struct erase *erase, struct pipeline *pipeline)
{
    erasure_cmd_lookup(pipeline, erase->student, &erase->lookup);
}

/* Reads from the replies the student's token (random text in the ids of recommendations), and
 * whether there is a tombstone (mark of an erased student). A tombstone shows that an earlier
 * erasure has begun, so the student has existed. The first pass, which only counts to find that
 * out, is then not needed. */
static void erase_parse_lookup(struct erase *erase, struct pipeline *pipeline, struct problem *p)
{
    struct str token;
    bool has_tombstone = false;

    (void)pipeline;
    if (!erasure_parse_lookup(&erase->lookup, &token, &has_tombstone, p))
        return;
    (void)snprintf(erase->token, sizeof(erase->token), "%.*s", STR_ARG(token));
    erase->had_tombstone = erase->had_tombstone || has_tombstone;
    if (erase->had_tombstone)
        erase->dry_pass = false;
}

const struct erase_phase erase_lookup_phase = {erase_queue_lookup, erase_parse_lookup};

/* ---- journal and outbox ---- */

/* Returns the key of the stream that the current phase searches: the journal or the outbox of the
 * student's shard. */
static struct str erase_own_stream(const struct erase *erase, struct arena *arena)
{
    return key_shard_record(arena, key_shard(erase->student),
                            erase->phase == ERASE_JOURNAL ? SHARD_KEY_JOURNAL : SHARD_KEY_OUTBOX);
}

/* Queues the read of a page of the journal or the outbox. With the first page of a deleting pass
 * the erasure is registered, so that a worker completes it if this process ends. The first page of
 * a counting pass sets the count to 0, because the pass may be repeated. */
static void erase_queue_own_stream(struct erase *erase, struct pipeline *pipeline)
{
    bool is_first_page = *erase->cursor == '\0';

    if (is_first_page && erase_only_counts(erase))
        erase->counts[erase->phase == ERASE_JOURNAL ? ERASED_JOURNAL : ERASED_OUTBOX] = 0;
    if (is_first_page && !erase_only_counts(erase))
        erasure_cmd_register(pipeline, erase->student, erase->now_ms);
    erase->phase_cmd = erasure_cmd_search(pipeline, erase_own_stream(erase, pipeline->arena),
                                          str_of(erase->cursor), erase->student);
}

/* Counts the student's entries in a page of the journal or outbox (the field "e" has the entry's
 * JSON), and deletes them unless the pass only counts. Stores the id up to which the stream was
 * searched: the script of the shard (erase_queue_shard) then searches only later entries. */
static void erase_parse_own_stream(struct erase *erase, struct pipeline *pipeline,
                                   struct problem *p)
{
    bool is_journal = erase->phase == ERASE_JOURNAL;
    struct str stream = erase_own_stream(erase, pipeline->arena), text;
    struct erasure_part part;

    if (!erasure_parse_search(erase->phase_cmd, pipeline->arena, &part, p))
        return;
    for (size_t i = 0; i < part.n; i++) {
        if (stream_field(&part.entries[i], STR("e"), &text) != REPLY_OK ||
            !entry_belongs_to(text, erase->student))
            continue;
        erase->counts[is_journal ? ERASED_JOURNAL : ERASED_OUTBOX]++;
        if (!erase_only_counts(erase))
            (void)pipeline_add(pipeline, COMMAND_WRITE, 3,
                               (struct str[]){STR("XDEL"), stream, part.entries[i].id});
    }
    erase->has_more = part.has_more;
    if (part.last.n > 0)
        (void)snprintf(erase->cursor, sizeof(erase->cursor), "%.*s", STR_ARG(part.last));
    memcpy(erase->scanned_ids[is_journal ? 0 : 1], erase->cursor, sizeof(erase->cursor));
}

const struct erase_phase erase_own_stream_phase = {erase_queue_own_stream, erase_parse_own_stream};

/* ---- all other keys of the student, and the tombstone ---- */

/* Queues the script that deletes the student's keys, or counts them, and adds the audit record of
 * the erasure. swept[0] is about the journal, swept[1] about the outbox: up to which id it was
 * searched, and whether entries may have been deleted from it, by this erasure or an earlier one
 * (had_tombstone). The script then writes the stream again, because a deleted entry leaves its
 * bytes. */
static void erase_queue_shard(struct erase *erase, struct pipeline *pipeline)
{
    char hash[LOG_HASH_SIZE], key[LOG_HASH_SIZE];
    struct erasure_shard shard = {.student = erase->student,
                                  .token = str_of(erase->token),
                                  .dry_run = erase_only_counts(erase),
                                  .today = day_of_ms(erase->now_ms),
                                  .record = {[RECORD_ROLE] = erase->role,
                                             [RECORD_ACTION] = STR("erased"),
                                             [RECORD_SUCCESS] = STR("1"),
                                             [RECORD_CORRELATION] = erase->correlation_id,
                                             [RECORD_COUNT] = STR("1")}};

    erase_hash(erase->engine, erase->student, hash);
    erase_key_id(erase->engine, key);
    shard.record[RECORD_ACTOR] = audit_actor_of_id(pipeline->arena, erase->actor);
    shard.record[RECORD_RESOURCE] = arena_printf(pipeline->arena, "student/%s", hash);
    shard.record[RECORD_DETAILS] = arena_printf(pipeline->arena, "{\"key\":\"%s\"}", key);
    for (size_t i = 0; i < 2; i++) {
        shard.swept[i].seen = str_of(erase->scanned_ids[i]);
        shard.swept[i].removed = erase->had_tombstone || erase->counts[ERASED_JOURNAL + i] > 0;
    }
    erase->phase_cmd = erasure_cmd_shard(pipeline, &shard);
}

/* Makes an earlier phase the next one. The cursor and the offset need no reset, because the phase
 * of the shard, which calls this, does not use them. */
static void erase_restart_from(struct erase *erase, enum erase_phase_id phase)
{
    erase->phase = phase;
    /* without has_more, erase_parse_replies would go on to the next phase */
    erase->has_more = true;
}

/* Reads the counts from the script's reply. ERASURE_RETRY: the token in the student's
 * recommendation ids is no longer the one that the phase ERASE_LOOKUP has read, so the script would
 * miss the key whose name contains it; the phases start again with the lookup. When a pass that
 * only counts has found anything, the deleting pass starts with the journal, because the lookup is
 * still valid. */
static void erase_parse_shard(struct erase *erase, struct pipeline *pipeline, struct problem *p)
{
    int64_t counts[ERASED_SHARD_COUNTS] = {0};

    (void)pipeline;
    switch (erasure_parse_shard(erase->phase_cmd, counts, p)) {
    case ERASURE_PROBLEM: return;
    case ERASURE_RETRY:
        if (++erase->attempts == ERASE_ATTEMPTS_MAX)
            problem_unavailable(p, /* retry_after_s */ 1);
        erase_restart_from(erase, ERASE_LOOKUP);
        return;
    case ERASURE_DONE: break;
    }
    for (size_t i = 0; i < ERASED_SHARD_COUNTS; i++) {
        if (i == ERASED_JOURNAL || i == ERASED_OUTBOX)
            erase->counts[i] += counts[i]; /* the earlier phases have counted the older entries */
        else
            erase->counts[i] = counts[i];
    }
    if (erase->dry_pass && erase_found(erase) > 0) {
        erase->dry_pass = false;
        /* the phases of journal and outbox, which run again, add to these two */
        erase->counts[ERASED_JOURNAL] = erase->counts[ERASED_OUTBOX] = 0;
        erase_restart_from(erase, ERASE_JOURNAL);
    }
}

const struct erase_phase erase_shard_phase = {erase_queue_shard, erase_parse_shard};

/* ---- the shard's list of students whose records become too old (store/retention.h) ---- */

/* Queues the removal of the student from the list. The list is not counted, because it only follows
 * from other records. */
static void erase_queue_retention(struct erase *e, struct pipeline *pipeline)
{
    if (!erase_only_counts(e))
        e->phase_cmd = retention_cmd_remove(pipeline, e->student);
}

/* Checks that Redis has executed the removal. It makes no difference whether the student was in the
 * list. */
static void erase_parse_retention(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    int64_t ignored;

    (void)pipeline;
    (void)reply_expect_int(e->phase_cmd->reply, &ignored, p);
}

const struct erase_phase erase_retention_phase = {erase_queue_retention, erase_parse_retention};
