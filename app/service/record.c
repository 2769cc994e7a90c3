/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/record.h"

#include "app/base/clock.h"
#include "app/domain/consent.h"
#include "app/service/mastery_json.h"

/* What the worker will make the audit record, the student's event log and the event to publish
 * from. */
static struct str journal_entry(struct arena *arena, const struct record *r)
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

static int32_t day_of(const struct record *r)
{
    return day_of_ms(r->kind == RECORD_EVENT ? r->event.at_ms : r->now_ms);
}

static void begin_from(struct record *r, const struct mastery_state *current)
{
    r->state = *current;
    r->is_first = mastery_state_empty(current);
    if (!r->is_first)
        r->previous_level = mastery_level(mastery_score_of_state(current));
}

/* Asks for the change: `days` are the closing states to write, the current one last. */
static bool ask_change(struct record *r, struct engine *engine, struct pipeline *pipeline,
                       struct str expected, struct mastery_state *days, size_t day_count)
{
    struct student_change change = {.student = r->student,
                                    .expected = arena_copy(pipeline->arena, expected),
                                    .event_id = r->event_id,
                                    .mark = r->mark,
                                    .event_day = day_of(r),
                                    .days = days,
                                    .day_count = day_count};
    struct mastery_state *current = &days[day_count - 1];
    struct str packed = {0};

    current->revision++;
    current->updated_at_ms = r->now_ms;
    r->state = *current;
    mastery_of_state(current, r->now_ms, &r->result);
    r->result_json = mastery_result_json(pipeline->arena, r->student, &r->result, r->now_ms, true);
    change.result_json = r->result_json;
    change.journal = journal_entry(pipeline->arena, r);
    if (!change.result_json.p || !change.journal.p || !change.expected.p)
        return false;
    pipeline_clear(pipeline);
    r->write_cmd = student_cmd_change(pipeline, &change, &packed);
    if (pipeline->failed) /* for want of memory */
        return false;
    inflight_add(engine->inflight, r->student, packed);
    return true;
}

/* Puts the change into the closing state of its own day or of a later one. */
static void put_into(const struct record *r, struct mastery_state *state)
{
    if (r->kind == RECORD_EVENT)
        mastery_state_apply(state, &r->event);
    else
        mastery_state_assert(state, r->components, r->own_weights ? r->weights : NULL, r->now_ms);
}

/* A change of the current day, or of one after it: one closing state. */
static bool change_current(struct record *r, struct engine *engine, struct pipeline *pipeline,
                           struct str packed)
{
    struct mastery_state state = r->state;

    mastery_state_advance(&state, day_of(r));
    put_into(r, &state);
    return ask_change(r, engine, pipeline, packed, &state, 1);
}

/* A change of a past day (a late event; a statement where an event has begun the next day already)
 * corrects that day's closing state and those of all days after it. A day without a state of its
 * own begins with the one before it. */
static bool change_past(struct record *r, struct engine *engine, struct pipeline *pipeline,
                        struct str packed, const struct mastery_state *days, size_t n)
{
    struct mastery_state *changed = arena_array(pipeline->arena, n + 2, sizeof(*changed));
    struct mastery_state own_day;
    int32_t day = day_of(r);
    size_t count = 1;

    if (!changed)
        return false;
    mastery_state_init(&own_day);
    for (size_t i = 0; i < n; i++) {
        if (days[i].day <= day)
            own_day = days[i];
        else if (days[i].day < r->state.day)
            changed[count++] = days[i];
    }
    changed[count++] = r->state;
    if (own_day.day != day)
        own_day.updated_at_ms = r->kind == RECORD_EVENT ? r->event.at_ms : r->now_ms;
    mastery_state_advance(&own_day, day);
    changed[0] = own_day;
    for (size_t i = 0; i < count; i++)
        put_into(r, &changed[i]);
    return ask_change(r, engine, pipeline, packed, changed, count);
}

static enum step ask_again(struct record *r, struct pipeline *pipeline, bool with_days)
{
    pipeline_clear(pipeline);
    r->write_cmd = NULL;
    r->profile_cmd = student_cmd_profile(pipeline, r->student);
    /* behind the profile, never before it: a change in between is then seen when we write */
    r->days_cmd = with_days
                      ? student_cmd_days(pipeline, r->student, day_of_ms(r->now_ms) - HISTORY_DAYS,
                                         STUDENT_DAYS_MAX)
                      : NULL;
    return STEP_MORE;
}

/* Another write of ours is under way that what we read does not know of. */
static bool overtaken(struct record *r, struct engine *engine, struct str packed)
{
    struct str chained;

    return inflight_latest(engine->inflight, r->student, &chained) && !str_equal(chained, packed);
}

static enum step fail(struct problem *p)
{
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return STEP_DONE;
}

static bool too_often(struct record *r, struct problem *p)
{
    if (++r->attempts < RECORD_ATTEMPTS_MAX)
        return false;
    problem_unavailable(p, 1);
    return true;
}

/* The day of the state stays: nothing has happened today. */
static enum step recompute(struct record *r, struct engine *engine, struct pipeline *pipeline,
                           struct str packed, struct problem *p)
{
    struct mastery_state same = r->state;

    if (!r->is_first)
        return ask_change(r, engine, pipeline, packed, &same, 1) ? STEP_MORE : fail(p);
    problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
    return STEP_DONE;
}

/* From the packed state, which may be one that is only about to be there, to the change. */
static enum step compute(struct record *r, struct engine *engine, struct pipeline *pipeline,
                         struct str packed, struct problem *p)
{
    struct mastery_state current;
    struct str chained;

    if (inflight_is_locked(engine->inflight, r->student, r))
        return too_often(r, p) ? STEP_DONE : ask_again(r, pipeline, false);
    if (inflight_latest(engine->inflight, r->student, &chained))
        packed = arena_copy(pipeline->arena, chained);
    mastery_state_init(&current);
    if (packed.n > 0 && !state_unpack(packed, &current))
        return fail(p);
    begin_from(r, &current);
    if (r->kind == RECORD_RECOMPUTE)
        return recompute(r, engine, pipeline, packed, p);
    if (day_of(r) < current.day)
        return ask_again(r, pipeline, true);
    return change_current(r, engine, pipeline, packed) ? STEP_MORE : fail(p);
}

static enum step compute_past(struct record *r, struct engine *engine, struct pipeline *pipeline,
                              const struct student_profile *profile, struct problem *p)
{
    struct mastery_state *days = arena_array(pipeline->arena, STUDENT_DAYS_MAX, sizeof(*days));
    size_t n;

    if (!days)
        return fail(p);
    if (!student_parse_days(r->days_cmd, days, &n, p))
        return STEP_DONE;
    if (inflight_is_locked(engine->inflight, r->student, r) ||
        overtaken(r, engine, profile->packed)) {
        inflight_lock(engine->inflight, r->student, r);
        return too_often(r, p) ? STEP_DONE : ask_again(r, pipeline, true);
    }
    begin_from(r, &profile->state);
    return change_past(r, engine, pipeline, profile->packed, days, n) ? STEP_MORE : fail(p);
}

static enum step take_outcome(struct record *r, struct engine *engine, struct pipeline *pipeline,
                              struct problem *p)
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
        return r->kind == RECORD_EVENT ? STEP_DONE : ask_again(r, pipeline, false);
    case CHANGE_ERASED: problem_set(p, PROBLEM_NOT_FOUND, NULL); return STEP_DONE;
    case CHANGE_WITHDRAWN: problem_set(p, PROBLEM_FORBIDDEN, CONSENT_NO_NEW_DATA); return STEP_DONE;
    case CHANGE_PROBLEM: problem_unavailable(p, 1); return STEP_DONE; /* keeps what p says */
    case CHANGE_OUTDATED: break;
    }
    if (too_often(r, p))
        return STEP_DONE;
    if (r->days_cmd)
        return ask_again(r, pipeline, true);
    return compute(r, engine, pipeline, packed, p);
}

/* What was made before, and whose answer got lost: the answer is what is stored now. */
static enum step show_stored(struct record *r, const struct student_profile *profile,
                             struct arena *arena, struct problem *p)
{
    if (!profile->exists) { /* erased since */
        problem_set(p, PROBLEM_NOT_FOUND, NULL);
        return STEP_DONE;
    }
    r->state = profile->state;
    mastery_of_state(&r->state, r->state.updated_at_ms, &r->result);
    r->result_json = arena_copy(arena, profile->result_json);
    return STEP_DONE;
}

static enum step go_on(struct record *r, struct engine *engine, struct pipeline *pipeline,
                       struct problem *p)
{
    struct student_profile profile;

    if (r->write_cmd)
        return take_outcome(r, engine, pipeline, p);
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
        return show_stored(r, &profile, pipeline->arena, p);
    if (r->days_cmd && day_of(r) < profile.state.day)
        return compute_past(r, engine, pipeline, &profile, p);
    r->days_cmd = NULL;
    return compute(r, engine, pipeline, profile.packed, p);
}

enum step record_step(struct record *r, struct engine *engine, struct pipeline *pipeline,
                      struct problem *p)
{
    enum step step = go_on(r, engine, pipeline, p);

    if (step == STEP_DONE)
        inflight_unlock(engine->inflight, r->student, r);
    return step;
}
