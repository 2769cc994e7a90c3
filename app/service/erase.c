/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the phases of an erasure. An id that never existed must get no tombstone, so the first pass
 * only counts; when it finds anything, a second pass deletes. A dry run is the first pass alone.
 * Pages of replies come and go in two arenas that alternate, so that the memory needed does not
 * grow with the number of records. */
#include "app/service/erase.h"

#include "app/service/erase_internal.h"
#include "app/store/reply.h"

enum { ERASE_ARENA_FIRST = 64 << 10, ERASE_ARENA_CAP = 64 << 20 };

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
        e->arenas[i] = arena_new(ERASE_ARENA_FIRST, ERASE_ARENA_CAP);
    return e->arenas[0] && e->arenas[1];
}

void erase_release(struct erase *e)
{
    for (int i = 0; i < 2; i++) {
        arena_free(e->arenas[i]);
        e->arenas[i] = NULL;
    }
}

/* ---- the last phase ---- */

/* Marks the tombstone as complete, then removes traces outside the data: the entries of the slow
 * log, and the commands in the append-only file, by a rewrite. */
static void erase_queue_finish(struct erase *e, struct pipeline *pipeline)
{
    if (erase_only_counts(e))
        return;
    erasure_cmd_finish(pipeline, e->student, e->engine->config.erased_tombstone_s);
    erasure_cmd_unregister(pipeline, e->student);
    erasure_cmd_purge_traces(pipeline, &e->phase_cmd);
}

/* A rewrite of the append-only file that was running already may hold the student's data: then
 * another one is requested, which a worker starts. The second call is with the reply to that. */
static void erase_parse_finish(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    char hash[LOG_HASH_SIZE];
    int64_t finished = 0;
    struct jw *w;

    if (e->entry_cmd_count > 0) {
        e->entry_cmd_count = 0;
        return;
    }
    if (reply_int(e->first_replied_cmd->reply, &finished) != REPLY_OK || finished <= 0) {
        reply_problem(e->first_replied_cmd->reply, p);
        return;
    }
    metrics_add_erasure(e->engine->metrics);
    log_hash(e->engine->log, e->student, hash);
    w = log_begin(e->engine->log, LOG_INFO, "student.erased");
    jw_text(w, "student", hash);
    log_end(e->engine->log);
    if (!erasure_parse_aof_rewrite(e->phase_cmd)) {
        erasure_cmd_request_aof_rewrite(pipeline);
        e->entry_cmd_count = pipeline->count;
    }
}

static const struct erase_phase erase_finish_phase = {erase_queue_finish, erase_parse_finish};

/* ---- the phases in their order ---- */

static const struct erase_phase *const erase_phases[ERASE_PHASES] = {
    [ERASE_LOOKUP] = &erase_lookup_phase,
    [ERASE_JOURNAL] = &erase_own_stream_phase,
    [ERASE_OUTBOX] = &erase_own_stream_phase,
    [ERASE_SHARD] = &erase_shard_phase,
    [ERASE_COHORTS] = &erase_cohorts_phase,
    [ERASE_BATCHES] = &erase_batches_phase,
    [ERASE_DELAYED_BEFORE] = &erase_delayed_before_phase,
    [ERASE_QUEUE_HIGH] = &erase_queue_phase,
    [ERASE_QUEUE_NORMAL] = &erase_queue_phase,
    [ERASE_QUEUE_LOW] = &erase_queue_phase,
    [ERASE_DELAYED_AFTER] = &erase_delayed_after_phase,
    [ERASE_DEAD_LETTERS] = &erase_dead_letters_phase,
    [ERASE_IDEMPOTENCY] = &erase_idempotency_phase,
    [ERASE_FINISH] = &erase_finish_phase,
};

static void erase_next_phase(struct erase *e)
{
    e->phase++;
    e->cursor[0] = '\0';
    e->offset = 0;
}

/* Swaps the two arenas: new commands are made from the replies, which lie in the other arena and
 * must live until then. */
static void erase_swap_arenas(struct erase *e, struct pipeline *pipeline)
{
    e->first_replied_cmd = pipeline->first;
    e->arena_index = !e->arena_index;
    arena_reset(e->arenas[e->arena_index]);
    pipeline_init(pipeline, e->arenas[e->arena_index], pipeline->owner);
}

/* True for commands whose failure leaves no data of the student behind: the register of erasures
 * and the request for a rewrite, for which a full Redis has no room; the rewrite, which may be
 * running already; the slow log, which the Redis user may not be allowed to clear. */
static bool erase_may_fail(const struct command *command)
{
    static const struct str names[] = {STR_INIT("ZADD"), STR_INIT("SET"), STR_INIT("BGREWRITEAOF"),
                                       STR_INIT("SLOWLOG")};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!command->script && str_equal(command->argv[0], names[i]))
            return true;
    }
    return false;
}

/* A deletion that Redis refuses (replicas lag, disk full) must not look as if there had been
 * nothing to delete. */
static bool erase_check_replies(const struct erase *e, struct problem *p)
{
    for (const struct command *command = e->first_replied_cmd; command; command = command->next) {
        if (command->reply &&
            (command->reply->type != REDIS_REPLY_ERROR || erase_may_fail(command)))
            continue;
        reply_problem(command->reply, p);
        return false;
    }
    return true;
}

static void erase_parse_replies(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    e->awaiting_replies = e->has_more = false;
    if (!erase_check_replies(e, p))
        return;
    erase_phases[e->phase]->parse(e, pipeline, p);
    if (e->entry_cmd_count > 0)
        e->awaiting_replies = true;
    else if (!e->has_more)
        erase_next_phase(e);
}

/* After a counting pass that has found something outside the shard only (erase_parse_shard handles
 * the rest): starts over, this time deleting. */
static bool erase_start_deleting(struct erase *e)
{
    if (!e->dry_pass || erase_found(e) == 0)
        return false;
    e->dry_pass = false;
    memset(e->counts, 0, sizeof(e->counts));
    e->phase = ERASE_LOOKUP;
    return true;
}

enum step erase_step(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    if (e->awaiting_replies && pipeline->status != PIPELINE_COMPLETE) {
        problem_unavailable(p, 1);
        return STEP_DONE;
    }
    erase_swap_arenas(e, pipeline);
    if (e->awaiting_replies)
        erase_parse_replies(e, pipeline, p);
    while (p->code == PROBLEM_NONE && !e->awaiting_replies &&
           (e->phase < ERASE_PHASES || erase_start_deleting(e))) {
        size_t before = pipeline->count;

        erase_phases[e->phase]->queue(e, pipeline);
        e->awaiting_replies = pipeline->count > before;
        if (!e->awaiting_replies)
            erase_next_phase(e);
    }
    if (p->code != PROBLEM_NONE || e->awaiting_replies)
        return p->code != PROBLEM_NONE ? STEP_DONE : STEP_MORE;
    if (erase_found(e) == 0 && !e->had_tombstone)
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
    return STEP_DONE;
}
