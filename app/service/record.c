/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of recording a change:
 *
 *   read the profile -> compute -> write
 *                \-> also read days and openings, when it is of a past day -> compute -> write
 *
 * Writes of one student within this process are pipelined: the second is computed from the state
 * that the first will leave (store/inflight.h), because waiting for the first reply would let other
 * processes get in between. A write that finds another state in Redis returns it, and the change is
 * computed anew. */
#include "app/service/record.h"

#include "app/base/clock.h"
#include "app/domain/consent.h"
#include "app/service/mastery_json.h"

/* Returns the journal entry of the change as JSON. From it the worker makes the audit record, the
 * entry of the student's event log and the events to publish (journal_entry.c). The text's p is
 * NULL when out of memory. */
static struct str record_journal_entry(struct arena *arena, const struct record *r)
{
    static const char *const kinds[] = {[RECORD_STATEMENT] = "calculated",
                                        [RECORD_EVENT] = "event",
                                        [RECORD_RECOMPUTE] = "recomputed"};
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_text(&w, "kind", kinds[r->kind]);
    jw_str(&w, "student_id", r->student);
    jw_str(&w, "actor", r->actor);
    jw_text(&w, "role", r->actor_role ? r->actor_role : "service");
    jw_int(&w, "at", r->now_ms);
    jw_number(&w, "mastery_score", r->result.score);
    jw_text(&w, "level", level_names[r->result.level]);
    jw_text(&w, "level_before", r->is_first ? NULL : level_names[r->previous_level]);
    jw_int(&w, "revision", (int64_t)r->state.revision);
    jw_str(&w, "correlation_id", r->correlation_id);
    if (r->traceparent.n > 0)
        jw_str(&w, "traceparent", r->traceparent);
    if (r->kind == RECORD_EVENT)
        jw_raw(&w, "event", r->event_json);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* Returns the UTC day to which the change belongs. */
static int32_t record_day(const struct record *r)
{
    return day_of_ms(r->kind == RECORD_EVENT ? r->event.at_ms : r->now_ms);
}

/* Sets r->state, the student's state from which the change is computed, and the mastery level
 * before the change. The latter is left unset for a student without data. */
static void record_set_base(struct record *r, const struct mastery_state *current)
{
    r->state = *current;
    r->is_first = mastery_state_empty(current);
    if (!r->is_first)
        r->previous_level = mastery_level(mastery_score_of_state(current));
}

/* Makes the mastery result and the journal entry of the change, queues its write, and registers the
 * write as in flight. packed: the packed state that Redis must still have. days: the day_count
 * closing states to write, oldest first; the last one is the current state. base: the closing state
 * before them (struct student_change), or NULL. False when out of memory. */
static bool record_queue_write(struct record *r, struct engine *engine, struct pipeline *pipeline,
                               struct str packed, struct mastery_state *days, size_t day_count,
                               const struct mastery_state *base)
{
    struct student_change change = {.student = r->student,
                                    .expected = arena_copy(pipeline->arena, packed),
                                    .event_id = r->event_id,
                                    .mark = r->mark,
                                    .event_day = record_day(r),
                                    .days = days,
                                    .day_count = day_count,
                                    .base = base && !mastery_state_empty(base) ? base : NULL};
    struct topic topics[EVENT_TOPICS_MAX];
    struct mastery_state *current = &days[day_count - 1];
    struct str new_packed = {0};

    if (r->kind == RECORD_EVENT) { /* only events are about topics */
        change.topics = topics;
        change.topic_count = topics_of_event(&r->event, topics);
        change.now_ms = r->now_ms;
    }
    current->revision++;
    current->updated_at_ms = r->now_ms;
    r->state = *current;
    mastery_of_state(current, r->now_ms, &r->result);
    r->result_json = mastery_result_json(pipeline->arena, r->student, &r->result, r->now_ms,
                                         /* with_components */ true);
    change.result_json = r->result_json;
    change.journal = record_journal_entry(pipeline->arena, r);
    if (!change.result_json.p || !change.journal.p || !change.expected.p)
        return false;
    pipeline_clear(pipeline);
    r->write_cmd = student_cmd_change(pipeline, &change, &new_packed);
    if (pipeline->failed)
        return false;
    inflight_add(engine->inflight, r->student, new_packed);
    return true;
}

/* Applies the change to the closing state of its own day or of a later one. */
static void record_apply(const struct record *r, struct mastery_state *state)
{
    if (r->kind == RECORD_EVENT)
        mastery_state_apply(state, &r->event);
    else
        mastery_state_assert(state, r->components, r->own_weights ? r->weights : NULL, r->now_ms);
}

/* Changes the state of the current day, or begins a later day: only one closing state is written.
 * False when out of memory. */
static bool record_change_current(struct record *r, struct engine *engine,
                                  struct pipeline *pipeline, struct str packed)
{
    struct mastery_state before = r->state, state = r->state;
    bool begins_day = record_day(r) > before.day;

    mastery_state_advance(&state, record_day(r));
    record_apply(r, &state);
    return record_queue_write(r, engine, pipeline, packed, &state, /* day_count */ 1,
                              begins_day ? &before : NULL);
}

/* Returns the first of the STUDENT_DAYS_MAX days that a change of a past day reads. */
static int32_t record_first_day(const struct record *r)
{
    return day_of_ms(r->now_ms) - HISTORY_DAYS;
}

/* Gets the latest closing state up to the day of the change: the snapshot before index `next` of
 * the n stored days or, when that has expired, the opening of days[next] (the state with which that
 * day began). Gets the initial state if there is neither. False with a problem. */
static bool record_find_base(const struct record *r, const struct mastery_state *days, size_t next,
                             size_t n, struct mastery_state *ret, struct problem *p)
{
    size_t openings;

    mastery_state_init(ret);
    if (next > 0)
        *ret = days[next - 1];
    else if (next < n &&
             reply_expect_array(r->openings_cmd->reply, STUDENT_DAYS_MAX, &openings, p) &&
             student_parse_day(r->openings_cmd, (size_t)(days[next].day - record_first_day(r)),
                               ret) == REPLY_ERROR)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return p->code == PROBLEM_NONE;
}

/* Changes a past day: for a late event, or for a statement when an event dated ahead has already
 * begun the next day. The change is applied to the closing states of that day and of all later
 * days. If the changed day has no state of its own, it starts from the latest state before it.
 * days: the n stored closing states, oldest first. changed[0] is the changed day, followed by the
 * later stored days; the last one is the current state: at most n + 2 states. False with a problem.
 */
static bool record_change_past(struct record *r, struct engine *engine, struct pipeline *pipeline,
                               struct str packed, const struct mastery_state *days, size_t n,
                               struct problem *p)
{
    struct mastery_state *changed = arena_array(pipeline->arena, n + 2, sizeof(*changed));
    struct mastery_state base;
    int32_t day = record_day(r);
    size_t next = 0, count = 1;

    while (next < n && days[next].day <= day)
        next++;
    if (!changed || !record_find_base(r, days, next, n, &base, p))
        return false;
    changed[0] = base;
    if (base.day != day) /* the day has no state yet: this change makes it */
        changed[0].updated_at_ms = r->kind == RECORD_EVENT ? r->event.at_ms : r->now_ms;
    mastery_state_advance(&changed[0], day);
    for (; next < n && days[next].day < r->state.day; next++)
        changed[count++] = days[next];
    changed[count++] = r->state;
    for (size_t i = 0; i < count; i++)
        record_apply(r, &changed[i]);
    return record_queue_write(r, engine, pipeline, packed, changed, count,
                              base.day < day ? &base : NULL);
}

/* Queues the reads from which the change is computed from the beginning: the profile and, if
 * with_days, the closing states and openings of the days. Returns STEP_MORE. write_cmd and days_cmd
 * are set to NULL, because record_advance finds its next step by them. */
static enum step record_queue_reads(struct record *r, struct pipeline *pipeline, bool with_days)
{
    pipeline_clear(pipeline);
    r->write_cmd = NULL;
    r->profile_cmd = student_cmd_profile(pipeline, r->student);
    /* The days are read after the profile, never before it: a change between the two reads then
     * makes the profile outdated, so the write is refused. In the other order it would go
     * unnoticed. */
    r->days_cmd = r->openings_cmd = NULL;
    if (!with_days)
        return STEP_MORE;
    r->days_cmd = student_cmd_days(pipeline, r->student, record_first_day(r), STUDENT_DAYS_MAX);
    r->openings_cmd =
        student_cmd_openings(pipeline, r->student, record_first_day(r), STUDENT_DAYS_MAX);
    return STEP_MORE;
}

/* True when this process has sent a write of the student that changes the state `packed` and has no
 * reply yet: `packed` is then not the latest state. */
static bool record_is_overtaken(struct record *r, struct engine *engine, struct str packed)
{
    struct str latest;

    return inflight_latest(engine->inflight, r->student, &latest) && !str_equal(latest, packed);
}

/* Ends the change with an internal error, such as when out of memory. */
static enum step record_fail(struct problem *p)
{
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return STEP_DONE;
}

/* Counts an attempt to write. True, with a problem, when there have been too many attempts. */
static bool record_gives_up(struct record *r, struct problem *p)
{
    if (++r->attempts < RECORD_ATTEMPTS_MAX)
        return false;
    problem_unavailable(p, /* retry_after_s */ 1);
    return true;
}

/* Queues the write of a mastery result that is computed again from the student's unchanged state
 * (STEP_MORE). The state keeps its day, because the student did nothing today. NOT_FOUND without
 * data. */
static enum step record_recompute(struct record *r, struct engine *engine,
                                  struct pipeline *pipeline, struct str packed, struct problem *p)
{
    struct mastery_state unchanged = r->state;

    if (!r->is_first)
        return record_queue_write(r, engine, pipeline, packed, &unchanged, /* day_count */ 1,
                                  /* base */ NULL)
                   ? STEP_MORE
                   : record_fail(p);
    problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
    return STEP_DONE;
}

/* Computes the change and queues its write. It starts from `packed`, the state in Redis, or, if
 * this process has writes of the student in flight, from the state that the latest of them will
 * leave. If another record of this process changes a past day of the student, the student is
 * locked: this record then reads again until that one has finished. */
static enum step record_compute(struct record *r, struct engine *engine, struct pipeline *pipeline,
                                struct str packed, struct problem *p)
{
    struct mastery_state current;
    struct str latest;

    if (inflight_is_locked(engine->inflight, r->student, r))
        return record_gives_up(r, p) ? STEP_DONE
                                     : record_queue_reads(r, pipeline, /* with_days */ false);
    if (inflight_latest(engine->inflight, r->student, &latest))
        packed = arena_copy(pipeline->arena, latest);
    mastery_state_init(&current);
    if (packed.n > 0 && !state_unpack(packed, &current))
        return record_fail(p);
    mastery_state_limit_times(&current, r->now_ms);
    record_set_base(r, &current);
    if (r->kind == RECORD_RECOMPUTE)
        return record_recompute(r, engine, pipeline, packed, p);
    if (record_day(r) < current.day)
        return record_queue_reads(r, pipeline, /* with_days */ true);
    return record_change_current(r, engine, pipeline, packed) ? STEP_MORE : record_fail(p);
}

/* Computes a change of a past day. It needs the states of several days, so it cannot start from a
 * write in flight: it locks the student against further ones, and reads again until those have
 * finished. record_fail keeps the problem that record_change_past may have set. */
static enum step record_compute_past(struct record *r, struct engine *engine,
                                     struct pipeline *pipeline,
                                     const struct student_profile *profile, struct problem *p)
{
    struct mastery_state *days = arena_array(pipeline->arena, STUDENT_DAYS_MAX, sizeof(*days));
    size_t n;

    if (!days)
        return record_fail(p);
    if (!student_parse_days(r->days_cmd, days, &n, p))
        return STEP_DONE;
    for (size_t i = 0; i < n; i++)
        mastery_state_limit_times(&days[i], r->now_ms);
    if (inflight_is_locked(engine->inflight, r->student, r) ||
        record_is_overtaken(r, engine, profile->packed)) {
        inflight_lock(engine->inflight, r->student, r);
        return record_gives_up(r, p) ? STEP_DONE
                                     : record_queue_reads(r, pipeline, /* with_days */ true);
    }
    record_set_base(r, &profile->state);
    return record_change_past(r, engine, pipeline, profile->packed, days, n, p) ? STEP_MORE
                                                                                : record_fail(p);
}

/* Ends the change by the outcome of its write, or computes it again when another write came first.
 * After a duplicate statement or recomputation the stored result is read. STEP_DONE also ends the
 * change with a problem. */
static enum step record_after_write(struct record *r, struct engine *engine,
                                    struct pipeline *pipeline, struct problem *p)
{
    struct str packed = {0};
    enum change_outcome outcome = pipeline->status == PIPELINE_COMPLETE
                                      ? student_parse_change(r->write_cmd, &packed, p)
                                      : CHANGE_PROBLEM;

    inflight_remove(engine->inflight, r->student, outcome == CHANGE_SAVED);
    switch (outcome) {
    case CHANGE_SAVED: return STEP_DONE;
    case CHANGE_DUPLICATE:
        r->duplicate = true;
        r->previous_mark = packed;
        return r->kind == RECORD_EVENT ? STEP_DONE
                                       : record_queue_reads(r, pipeline, /* with_days */ false);
    case CHANGE_ERASED:
        r->is_erased = true;
        problem_set(p, PROBLEM_FORBIDDEN, CONSENT_AFTER_ERASURE);
        return STEP_DONE;
    case CHANGE_WITHDRAWN: problem_set(p, PROBLEM_FORBIDDEN, CONSENT_NO_NEW_DATA); return STEP_DONE;
    case CHANGE_PROBLEM:
        problem_unavailable(p, /* retry_after_s */ 1);
        return STEP_DONE; /* p may have a problem already, which stays */
    case CHANGE_OUTDATED: break;
    }
    if (record_gives_up(r, p))
        return STEP_DONE;
    if (r->days_cmd)
        return record_queue_reads(r, pipeline, /* with_days */ true);
    return record_compute(r, engine, pipeline, packed, p);
}

/* Ends a statement or recomputation whose event_id was recorded before, with the result that is
 * stored now: the client has probably lost the first response. */
static enum step record_show_stored(struct record *r, const struct student_profile *profile,
                                    struct arena *arena, struct problem *p)
{
    if (!profile->exists) { /* erased since it was recorded */
        problem_set(p, PROBLEM_NOT_FOUND, NULL);
        return STEP_DONE;
    }
    r->state = profile->state;
    mastery_of_state(&r->state, r->state.updated_at_ms, &r->result);
    r->result_json = arena_copy(arena, profile->result_json);
    return STEP_DONE;
}

/* Runs the next step, which the commands show. First call: queues the read of the profile, or
 * computes the change from the state that the write before it in the list will leave. After
 * reads: checks consent to analytics, then computes and writes the change, or takes the stored
 * result if it was recorded before. After a write: evaluates its outcome. days_cmd becomes NULL
 * when the change is not of a past day after all, so that after a refused write the days are not
 * read again. */
static enum step record_advance(struct record *r, struct engine *engine, struct pipeline *pipeline,
                                struct problem *p)
{
    struct student_profile profile;
    struct str latest;

    if (r->write_cmd)
        return record_after_write(r, engine, pipeline, p);
    if (!r->profile_cmd && r->follows && inflight_latest(engine->inflight, r->student, &latest))
        return record_compute(r, engine, pipeline, latest, p);
    if (!r->profile_cmd) {
        r->profile_cmd = student_cmd_profile(pipeline, r->student);
        return STEP_MORE;
    }
    if (!student_parse_profile(r->profile_cmd, &profile, p))
        return STEP_DONE;
    if (r->is_analytics && student_has_withdrawn(r->profile_cmd, CONSENT_ANALYTICS)) {
        problem_set(p, PROBLEM_FORBIDDEN, CONSENT_NO_ANALYSIS);
        return STEP_DONE;
    }
    if (r->duplicate)
        return record_show_stored(r, &profile, pipeline->arena, p);
    mastery_state_limit_times(&profile.state, r->now_ms);
    if (r->days_cmd && record_day(r) < profile.state.day)
        return record_compute_past(r, engine, pipeline, &profile, p);
    r->days_cmd = NULL;
    return record_compute(r, engine, pipeline, profile.packed, p);
}

/* With every outcome, the end of the change releases the lock that record_compute_past may have
 * acquired. */
enum step record_step(struct record *r, struct engine *engine, struct pipeline *pipeline,
                      struct problem *p)
{
    enum step step = record_advance(r, engine, pipeline, p);

    if (step == STEP_DONE)
        inflight_unlock(engine->inflight, r->student, r);
    return step;
}

bool record_may_be_followed(const struct record *r)
{
    return r->write_cmd && !r->days_cmd;
}
