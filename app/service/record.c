/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of recording a change:
 *
 *   read the profile -> lead the queue -> compute -> write
 *                 \            \-> for a past day: also read the states of days -> ...
 *                  \-> wait, until the leader has written this change too, or has ended
 *
 * The queue has the changes of this process to the student that are not written yet. Its leader
 * writes those that wait meanwhile by the same script (record_group.h). A write that finds another
 * state in Redis, of another process, returns it: all is computed again from that state. */
#include "app/service/record.h"

#include "app/base/clock.h"
#include "app/domain/consent.h"
#include "app/service/record_group.h"
#include "app/service/record_queue.h"

/* Applies the change to the student's current state (r->state), and queues its write. A change of a
 * later day begins that day (begins_day): its write also stores the state before it, as the closing
 * state of the day that has ended. Unless is_alone, changes that wait in the queue are written by
 * the same script. packed: the state that Redis must still have. False when out of memory. */
static bool record_change_current(struct record *r, struct pipeline *pipeline, struct str packed)
{
    struct mastery_state before = r->state, state = r->state;
    bool begins_day = r->kind != RECORD_RECOMPUTE && record_day(r) > before.day;

    if (r->kind != RECORD_RECOMPUTE)
        mastery_state_advance(&state, record_day(r));
    record_apply(r, &state);
    return record_group_write(r, pipeline, packed, &state, /* day_count */ 1,
                              begins_day ? &before : NULL, /* with_others */ !r->is_alone);
}

/* Returns the first of the STUDENT_DAYS_MAX days that are read for a change of a past day. */
static int32_t record_first_day(const struct record *r)
{
    return day_of_ms(r->now_ms) - HISTORY_DAYS;
}

/* Finds the state from which a change of a past day starts: the latest closing state up to that
 * day. That is the snapshot before index `next` of the n stored days or, when it has expired, the
 * opening of days[next] (the state with which days[next] began). *ret is the initial state if there
 * is neither. False with a problem. */
static bool record_find_base(const struct record *r, const struct mastery_state *days, size_t next,
                             size_t n, struct mastery_state *ret, struct problem *p)
{
    mastery_state_init(ret);
    if (next > 0)
        *ret = days[next - 1];
    else if (next < n && student_parse_opening(r->openings_cmd, days[next].day, ret) == REPLY_ERROR)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return p->code == PROBLEM_NONE;
}

/* Applies a change of a past day and queues its write. Such a change is a late event, or a
 * statement (RECORD_STATEMENT) when an event dated ahead has already begun the next day. It is
 * applied to the closing state of its day and to those of all later days. If its day has none yet,
 * it starts from the latest one before (base). packed: the current state as read. days: the n
 * stored closing states, oldest first. changed: the changed day, the later stored days, the current
 * state. False when out of memory, or with a problem. */
static bool record_change_past(struct record *r, struct pipeline *pipeline, struct str packed,
                               const struct mastery_state *days, size_t n, struct problem *p)
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
    return record_group_write(r, pipeline, packed, changed, count, base.day < day ? &base : NULL,
                              /* with_others */ false);
}

/* Queues the reads from which the change is computed from the beginning: the profile and, if
 * with_days, the closing states and openings of the days (states with which a day ended and began).
 * Returns STEP_MORE. write_cmd is set to NULL, and so is days_cmd unless with_days, because
 * record_advance finds its next step by them. */
static enum step record_add_reads(struct record *r, struct pipeline *pipeline, bool with_days)
{
    pipeline_clear(pipeline);
    r->write_cmd = NULL;
    r->profile_cmd = student_cmd_state(pipeline, r->student);
    /* The days are read after the profile, never before it: a change between the two reads then
     * makes the profile outdated, so the write is refused. In the other order it would go
     * unnoticed. */
    r->days_cmd = r->openings_cmd = NULL;
    if (!with_days)
        return STEP_MORE;
    r->days_cmd = student_cmd_days_at_once(pipeline, r->student, record_first_day(r),
                                           STUDENT_DAYS_MAX, &r->openings_cmd);
    return STEP_MORE;
}

/* Ends the change with an internal error, such as when out of memory. */
static enum step record_fail(struct problem *p)
{
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return STEP_DONE;
}

/* Counts an attempt to write. True, with a problem, when there have been too many attempts. */
static bool record_attempts_are_over(struct record *r, struct problem *p)
{
    if (++r->attempts < RECORD_ATTEMPTS_MAX)
        return false;
    problem_unavailable(p, /* retry_after_s */ 1);
    return true;
}

/* Makes the change wait for the leader of its queue (the change that writes for those that wait).
 * There are three cases. A change of the leader's own list is in the leader's pipeline and goes on
 * with it. Another request parks its pipeline, which is sent without commands, until
 * record_queue_resume. A pipeline without an owner is a part of a list's and cannot be parked: it
 * reads the profile once more, and that reply comes after the reply to the leader's write.
 * has_writes is set because the leader's script may write this change too. */
static enum step record_await(struct record *r, struct pipeline *pipeline)
{
    const struct record *leader = r->queue->leader;

    pipeline_clear(pipeline);
    if (r->list && leader && r->list == leader->list)
        return STEP_MORE;
    if (pipeline->owner) {
        pipeline->is_parked = r->has_waited = true;
        r->parked = pipeline;
    } else {
        (void)record_add_reads(r, pipeline, /* with_days */ false);
    }
    pipeline->has_writes = true;
    return STEP_MORE;
}

/* Makes the change the leader of its queue (the one that writes for those that wait), if there is
 * none. False: it has to wait for the leader. True also without memory for a queue: the change is
 * then written alone, and Redis refuses it if another write came first, as with two processes. */
static bool record_leads(struct record *r, struct engine *engine, struct pipeline *pipeline)
{
    if (!r->queue && !record_queue_join(engine->record_queues, r, pipeline->arena))
        return true;
    if (!r->queue->leader)
        record_queue_lead(r);
    return r->queue->leader == r;
}

/* Returns the packed state to start from: the one that was read, or the one that this process has
 * written last if that is later. With the older one the script would refuse the write as outdated.
 */
static struct str record_latest(const struct record *r, const struct student_profile *profile)
{
    const struct record_queue *queue = r->queue;
    struct str written = queue ? (struct str){queue->packed, queue->packed_n} : (struct str){0};
    struct mastery_state state;

    return state_unpack(written, &state) && state.revision > profile->state.revision
               ? written
               : profile->packed;
}

/* Computes the change from `packed`, the state in Redis, and queues its write; or, for a change of
 * a past day, the read of the days. */
static enum step record_compute(struct record *r, struct pipeline *pipeline, struct str packed,
                                struct problem *p)
{
    struct mastery_state current;

    mastery_state_init(&current);
    if (packed.n > 0 && !state_unpack(packed, &current))
        return record_fail(p);
    mastery_state_limit_times(&current, r->now_ms); /* a wrong clock may have set them */
    record_set_base(r, &current);
    if (r->kind == RECORD_RECOMPUTE && r->is_first) {
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
        return STEP_DONE;
    }
    if (r->kind != RECORD_RECOMPUTE && record_day(r) < current.day)
        return record_add_reads(r, pipeline, /* with_days */ true);
    return record_change_current(r, pipeline, packed) ? STEP_MORE : record_fail(p);
}

/* Computes a change of a past day from the states of the days. The write expects profile->packed
 * still to be the current state. */
static enum step record_compute_past(struct record *r, struct pipeline *pipeline,
                                     const struct student_profile *profile, struct problem *p)
{
    struct mastery_state *days = arena_array(pipeline->arena, STUDENT_DAYS_MAX, sizeof(*days));
    size_t n;

    if (!days)
        return record_fail(p);
    if (!student_parse_days(r->days_cmd, days, &n, p))
        return STEP_DONE;
    for (size_t i = 0; i < n; i++)
        mastery_state_limit_times(&days[i], r->now_ms); /* a wrong clock may have set them */
    record_set_base(r, &profile->state);
    return record_change_past(r, pipeline, profile->packed, days, n, p) ? STEP_MORE
                                                                        : record_fail(p);
}

/* Ends the change by the outcome of its write, which is not CHANGE_OUTDATED. Returns STEP_DONE,
 * perhaps with a problem, or STEP_MORE for a repeated statement or recomputation
 * (CHANGE_DUPLICATE): the stored result is read, to show it. */
static enum step record_end(struct record *r, enum change_outcome outcome,
                            struct pipeline *pipeline, struct problem *p)
{
    switch (outcome) {
    case CHANGE_SAVED: return STEP_DONE;
    case CHANGE_DUPLICATE:
        r->duplicate = true;
        record_queue_leave(r);
        return r->kind == RECORD_EVENT ? STEP_DONE
                                       : record_add_reads(r, pipeline, /* with_days */ false);
    case CHANGE_ERASED:
        r->is_erased = true;
        problem_set(p, PROBLEM_FORBIDDEN, CONSENT_AFTER_ERASURE);
        return STEP_DONE;
    case CHANGE_WITHDRAWN: problem_set(p, PROBLEM_FORBIDDEN, CONSENT_NO_NEW_DATA); return STEP_DONE;
    case CHANGE_OUTDATED: /* does not come here */
    case CHANGE_PROBLEM:
        problem_unavailable(p, /* retry_after_s */ 1); /* a problem that p has already stays */
        break;
    }
    return STEP_DONE;
}

/* Ends a change about which the script of another change has decided (is_settled). Its outcome
 * counts only if the script and this request's own pipeline had the same connection (`generation`
 * is its number). Otherwise dispatch_confirm could wait for replicas of the wrong server: it waits
 * for those of the server that the request's own pipeline has reached. */
static enum step record_after_others(struct record *r, struct pipeline *pipeline, struct problem *p)
{
    bool known = pipeline->status == PIPELINE_COMPLETE && pipeline->generation == r->generation;

    r->is_settled = false;
    return record_end(r, known ? r->outcome : CHANGE_PROBLEM, pipeline, p);
}

/* Processes the reply to the script that writes the change r, a leader, and changes that wait in
 * its queue. Ends r by the outcome, except when Redis wrote nothing for a reason that is not r's
 * own. When another process wrote to the student first (CHANGE_OUTDATED), r is computed again from
 * the state in the reply. When one of the others repeats an event that was counted before (the
 * reply has a mark of that event, and none of r), r begins again, alone. */
static enum step record_after_write(struct record *r, struct pipeline *pipeline, struct problem *p)
{
    struct str packed = {0};
    enum change_outcome outcome = pipeline->status == PIPELINE_COMPLETE
                                      ? student_parse_change(r->write_cmd, &packed, p)
                                      : CHANGE_PROBLEM;

    record_settle_others(r, outcome, pipeline);
    if (outcome == CHANGE_DUPLICATE &&
        !student_parse_known_mark(r->write_cmd, /* own entry */ 0, &r->previous_mark)) {
        /* without the others, or one that repeats an event might be there at each attempt */
        r->is_alone = true;
        return record_add_reads(r, pipeline, /* with_days */ false);
    }
    if (outcome != CHANGE_OUTDATED)
        return record_end(r, outcome, pipeline, p);
    if (record_attempts_are_over(r, p))
        return STEP_DONE;
    if (r->days_cmd)
        return record_add_reads(r, pipeline, /* with_days */ true);
    return record_compute(r, pipeline, packed, p);
}

/* Ends a statement or recomputation whose event_id was recorded before, with the result that is
 * stored now: the client has probably lost the first response. */
static enum step record_show_stored(struct record *r, const struct student_profile *profile,
                                    struct problem *p)
{
    if (!profile->exists) { /* erased since it was recorded */
        problem_set(p, PROBLEM_NOT_FOUND, NULL);
        return STEP_DONE;
    }
    r->state = profile->state;
    mastery_of_state(&r->state, r->state.updated_at_ms, &r->result);
    return STEP_DONE;
}

/* Processes the replies to the reads. If is_analytics, withdrawn consent to analytics ends the
 * change. A duplicate takes the stored result. Any other change waits for the leader of its queue,
 * or leads and writes, if its request has time left after waiting. days_cmd becomes NULL when the
 * change is not of a past day after all, so that after a refused write the days are not read
 * again. */
static enum step record_after_reads(struct record *r, struct engine *engine,
                                    struct pipeline *pipeline, struct problem *p)
{
    struct student_profile profile;

    if (!student_parse_profile(r->profile_cmd, &profile, p))
        return STEP_DONE;
    if (r->is_analytics && student_has_withdrawn(r->profile_cmd, CONSENT_ANALYTICS)) {
        problem_set(p, PROBLEM_FORBIDDEN, CONSENT_NO_ANALYSIS);
        return STEP_DONE;
    }
    if (r->duplicate)
        return record_show_stored(r, &profile, p);
    if (!record_leads(r, engine, pipeline))
        return record_await(r, pipeline);
    if (r->has_waited && pipeline_time_left_us(pipeline, clock_monotonic_us()) <= 0) {
        problem_unavailable(p, /* retry_after_s */ 1); /* nothing was written */
        return STEP_DONE;
    }
    mastery_state_limit_times(&profile.state, r->now_ms);
    if (r->days_cmd && record_day(r) < profile.state.day)
        return record_compute_past(r, pipeline, &profile, p);
    r->days_cmd = NULL;
    return record_compute(r, pipeline, record_latest(r, &profile), p);
}

/* Runs the next step: processes the replies to the write or, if another change's script has decided
 * about this one, ends it, or processes the replies to the reads. A change that follows an earlier
 * one of its list first joins the queue, waits there for the leader, and computes from the state
 * that was written last; any other change first reads the profile. */
static enum step record_advance(struct record *r, struct engine *engine, struct pipeline *pipeline,
                                struct problem *p)
{
    if (r->write_cmd)
        return record_after_write(r, pipeline, p);
    if (r->is_settled)
        return record_after_others(r, pipeline, p);
    if (r->profile_cmd)
        return record_after_reads(r, engine, pipeline, p);
    if (r->follows && !r->queue)
        return record_queue_join(engine->record_queues, r, pipeline->arena) ? STEP_MORE
                                                                            : record_fail(p);
    if (r->follows && r->queue->leader)
        return record_await(r, pipeline);
    if (r->follows && r->queue->packed_n > 0) {
        record_queue_lead(r);
        return record_compute(r, pipeline, (struct str){r->queue->packed, r->queue->packed_n}, p);
    }
    r->profile_cmd = student_cmd_state(pipeline, r->student);
    return STEP_MORE;
}

enum step record_step(struct record *r, struct engine *engine, struct pipeline *pipeline,
                      struct problem *p)
{
    enum step step = record_advance(r, engine, pipeline, p);

    /* The response waits for replicas of the servers that executed the script of another change
     * (r->written). They are added only now, because the step may clear the pipeline. */
    if (!written_join(&pipeline->written, pipeline->arena, r->written)) {
        problem_unavailable(p, /* retry_after_s */ 1); /* no memory to wait for all replicas */
        step = STEP_DONE;
    }
    if (step == STEP_DONE)
        record_queue_leave(r);
    return step;
}

bool record_may_be_followed(const struct record *r)
{
    return r->queue || (r->profile_cmd && r->profile_cmd->reply);
}
