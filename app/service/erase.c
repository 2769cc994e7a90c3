/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the phases of an erasure (the removal of all data of a student). An id that never existed
 * must not get a tombstone, the mark of an erased student. The first pass over the phases therefore
 * only counts; when it finds anything, a second pass deletes. A dry run is the first pass alone.
 * Replies are read page by page into two arenas that are used in turn, so that the memory needed
 * does not grow with the number of records. */
#include "app/service/erase.h"

#include "app/service/erase_internal.h"
#include "app/store/reply.h"

enum { ERASE_ARENA_FIRST = 64 << 10, ERASE_ARENA_CAP = 64 << 20 };

const char *erase_kind_name(size_t kind)
{
    static const char *const shared_names[SHARED_KEY_COUNT] = {
#define SHARED_KEY(id, name, ...) [SHARED_KEY_##id] = name,
#define STUDENT_KEY(...)
#define OTHER_KEY(...)
#include "app/store/keys.def"
    };

    if (kind == STUDENT_KEY_ERASED)
        return NULL;
    return kind < STUDENT_KEY_COUNT ? student_kinds[kind].name
                                    : shared_names[kind - STUDENT_KEY_COUNT];
}

/* Prepares the erasure, which begins with the pass that only counts (dry_pass). A dry run has only
 * one pass, which counts anyway, so dry_pass stays false. */
bool erase_init(struct erase *erase)
{
    erase->dry_pass = !erase->dry_run;
    for (int i = 0; i < 2; i++)
        erase->arenas[i] = arena_new(ERASE_ARENA_FIRST, ERASE_ARENA_CAP);
    return erase->arenas[0] && erase->arenas[1];
}

void erase_release(struct erase *erase)
{
    for (int i = 0; i < 2; i++) {
        arena_free(erase->arenas[i]);
        erase->arenas[i] = NULL;
    }
}

/* ---- the last phase ---- */

/* Queues the end of an erasure, unless the pass only counts. Deletes the student's indexes and lets
 * the tombstone (mark of an erased student) expire; changes the epoch, a number by which other
 * processes notice the erasure and drop cached data; requests a rewrite of the append-only file and
 * clears the slow log, which have old commands. The removal from the register of unfinished
 * erasures is last: in a cluster a command before it may fail, and it is then not sent, so that a
 * worker repeats the erasure. */
static void erase_queue_finish(struct erase *erase, struct pipeline *pipeline)
{
    if (erase_only_counts(erase))
        return;
    erasure_cmd_finish(pipeline, erase->student, erase->engine->config.erased_tombstone_s);
    erasure_cmd_change_epoch(pipeline);
    erasure_cmd_purge_traces(pipeline);
    erasure_cmd_unregister(pipeline, erase->student);
}

/* Processes the reply to the script that ends the erasure, which returns 1: counts the erasure in
 * the metrics and logs it, with the hash and the key id that mastery-ctl erase --replay needs. Any
 * other reply becomes a problem, and the erasure must be repeated.
 * NOLINTNEXTLINE(readability-non-const-parameter): erase_phase prescribes it */
static void erase_parse_finish(struct erase *erase, struct pipeline *pipeline, struct problem *p)
{
    char hash[LOG_HASH_SIZE], key_id[LOG_HASH_SIZE];
    int64_t finished = 0;
    struct jw *w;

    (void)pipeline;
    if (reply_int(erase->first_replied_cmd->reply, &finished) != REPLY_OK || finished <= 0) {
        reply_problem(erase->first_replied_cmd->reply, p);
        return;
    }
    metrics_add_erasure(erase->engine->metrics);
    erase_hash(erase->engine, erase->student, hash);
    erase_key_id(erase->engine, key_id); /* key_id names the key that has made the hash */
    w = log_begin(erase->engine->log, LOG_WARNING, "student.erased");
    jw_text(w, "student", hash);
    jw_text(w, "key", key_id);
    log_end(erase->engine->log);
}

static const struct erase_phase erase_finish_phase = {erase_queue_finish, erase_parse_finish};

/* ---- the phases in their order ---- */

/* The phases by enum erase_phase_id. Every row SHARED_KEY of keys.def has one: a kind of record
 * without a phase does not compile. */
static const struct erase_phase *const erase_phases[ERASE_PHASES] = {
    [ERASE_LOOKUP] = &erase_lookup_phase,
#define SHARED_KEY(id, name, pattern, exported, phase, ...) [ERASE_##id] = &(phase),
#define STUDENT_KEY(...)
#define OTHER_KEY(...)
#include "app/store/keys.def"
    [ERASE_FINISH] = &erase_finish_phase,
};

/* Makes the next phase the current one, at its first page. */
static void erase_next_phase(struct erase *erase)
{
    erase->phase++;
    erase->cursor[0] = '\0';
    erase->offset = 0;
}

/* Called at the start of each step: gives the pipeline the other one of the two arenas. The replies
 * of the last step stay in the arena that the pipeline had so far, because this step's commands are
 * made from them. */
static void erase_swap_arenas(struct erase *erase, struct pipeline *pipeline)
{
    erase->first_replied_cmd = pipeline->first;
    erase->arena_index = !erase->arena_index;
    arena_reset(erase->arenas[erase->arena_index]);
    pipeline_init(pipeline, erase->arenas[erase->arena_index], pipeline->owner);
}

/* True for commands that may fail without leaving data of the student behind. ZADD registers the
 * erasure and SET requests a rewrite of the append-only file; both fail when Redis has no memory
 * left. SLOWLOG fails when the Redis user may not clear the slow log. */
static bool erase_may_fail(const struct command *command)
{
    static const struct str names[] = {STR_INIT("ZADD"), STR_INIT("SET"), STR_INIT("SLOWLOG")};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!command->script && str_equal(command->argv[0], names[i]))
            return true;
    }
    return false;
}

/* True when no command of the last step failed, apart from those that may fail. A deletion that
 * Redis refused (its replicas are behind, its disk is full) must become a problem: otherwise it
 * would count like a deletion that found nothing. */
static bool erase_check_replies(const struct erase *erase, struct problem *p)
{
    for (const struct command *command = erase->first_replied_cmd; command;
         command = command->next) {
        if (command->reply &&
            (command->reply->type != REDIS_REPLY_ERROR || erase_may_fail(command)))
            continue;
        reply_problem(command->reply, p);
        return false;
    }
    return true;
}

/* Passes the replies to the current phase. Afterwards either the phase waits for further replies,
 * or it has another page to read (has_more), or the next phase follows. */
static void erase_parse_replies(struct erase *erase, struct pipeline *pipeline, struct problem *p)
{
    erase->awaiting_replies = erase->has_more = false;
    if (!erase_check_replies(erase, p))
        return;
    erase_phases[erase->phase]->parse(erase, pipeline, p);
    if (erase->entry_cmd_count > 0)
        erase->awaiting_replies = true;
    else if (!erase->has_more)
        erase_next_phase(erase);
}

/* Called at the end of all phases. When the pass only counted and has found anything, makes the
 * phases start again to delete, and returns true. This happens when all records are outside the
 * student's shard; for records in the shard, erase_parse_shard has already started the deletion. */
static bool erase_start_deleting(struct erase *erase)
{
    if (!erase->dry_pass || erase_found(erase) == 0)
        return false;
    erase->dry_pass = false;
    memset(erase->counts, 0, sizeof(erase->counts));
    erase->phase = ERASE_LOOKUP;
    return true;
}

/* Passes the replies of the last step to their phase. Then runs phases until one has queued
 * commands (STEP_MORE), or all have ended or there is a problem (STEP_DONE). A phase that queues
 * nothing has nothing to do and is skipped. */
enum step erase_step(struct erase *erase, struct pipeline *pipeline, struct problem *p)
{
    if (erase->awaiting_replies && pipeline->status != PIPELINE_COMPLETE) {
        problem_unavailable(p, /* retry_after_s */ 1);
        return STEP_DONE;
    }
    erase_swap_arenas(erase, pipeline);
    if (erase->awaiting_replies)
        erase_parse_replies(erase, pipeline, p);
    while (p->code == PROBLEM_NONE && !erase->awaiting_replies &&
           (erase->phase < ERASE_PHASES || erase_start_deleting(erase))) {
        size_t count_before = pipeline->count;

        erase_phases[erase->phase]->queue(erase, pipeline);
        erase->awaiting_replies = pipeline->count > count_before;
        if (!erase->awaiting_replies)
            erase_next_phase(erase);
    }
    if (p->code != PROBLEM_NONE || erase->awaiting_replies)
        return p->code != PROBLEM_NONE ? STEP_DONE : STEP_MORE;
    if (erase_found(erase) == 0 && !erase->had_tombstone)
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
    return STEP_DONE;
}
