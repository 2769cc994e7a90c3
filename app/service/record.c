/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/record.h"

#include "app/base/clock.h"

static void write_components(struct jw *w, const char *key, const double values[COMPONENTS])
{
    jw_object(w, key);
    for (int i = 0; i < COMPONENTS; i++)
        jw_number(w, component_names[i], values[i]);
    jw_object_end(w);
}

struct str mastery_result_json(struct arena *arena, struct str student,
                               const struct mastery_result *result, int64_t calculated_at_ms,
                               bool with_components)
{
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_str(&w, "student_id", student);
    jw_number(&w, "mastery_score", result->score);
    jw_text(&w, "level", level_names[result->level]);
    if (with_components) {
        write_components(&w, "components", result->components);
        jw_object(&w, "breakdown");
        for (int i = 0; i < COMPONENTS; i++)
            jw_number(&w, component_names[i], result->breakdown[i]);
        jw_number(&w, "weighted_sum", result->weighted_sum);
        write_components(&w, "weights", result->weights);
        jw_object_end(&w);
        write_components(&w, "evidence", result->evidence);
    }
    jw_time(&w, "calculated_at", calculated_at_ms);
    jw_text(&w, "version", MASTERY_VERSION);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* What the worker will make the audit record and the event to publish from. */
static struct str journal_entry(struct arena *arena, const struct record *r)
{
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_text(&w, "kind", "calculated");
    jw_str(&w, "student_id", r->student);
    jw_str(&w, "actor", r->actor);
    jw_int(&w, "at", r->at_ms);
    jw_number(&w, "mastery_score", r->result.score);
    jw_text(&w, "level", level_names[r->result.level]);
    jw_text(&w, "level_before", r->first ? NULL : level_names[r->level_before]);
    jw_str(&w, "correlation_id", r->correlation_id);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* From the state that is there (packed; empty: none) to the change that is asked for. */
static bool compute(struct record *r, struct engine *engine, struct asks *asks, struct str packed)
{
    struct student_change change = {.student = r->student, .days = &r->state, .day_count = 1};
    struct str chained;

    if (!chain_latest(engine->chain, r->student, &chained))
        chained = packed;
    mastery_state_init(&r->state);
    if (chained.n > 0 && !state_unpack(chained, &r->state))
        return false;
    r->first = mastery_state_empty(&r->state);
    if (!r->first)
        r->level_before = mastery_level(mastery_score_of_state(&r->state));
    mastery_state_assert(&r->state, r->components, r->own_weights ? r->weights : NULL, r->at_ms);
    r->state.revision++;
    r->state.updated_at_ms = r->at_ms;
    mastery_of_state(&r->state, r->at_ms, &r->result);
    r->result_json =
        mastery_result_json(asks->arena, r->student, &r->result, r->state.updated_at_ms, true);
    change.expected = arena_copy(asks->arena, chained);
    change.result_json = r->result_json;
    change.journal = journal_entry(asks->arena, r);
    if (!change.result_json.p || !change.journal.p || (chained.n > 0 && !change.expected.p))
        return false;
    asks_clear(asks);
    r->written = student_ask_change(asks, &change, &packed);
    chain_add(engine->chain, r->student, packed);
    return true;
}

static enum step written(struct record *r, struct engine *engine, struct asks *asks,
                         struct problem *p)
{
    struct str packed = {0};
    enum change_outcome outcome = asks->status == ASKS_ANSWERED
                                      ? student_read_change(r->written, &packed, p)
                                      : CHANGE_PROBLEM;

    chain_remove(engine->chain, r->student, outcome == CHANGE_MADE);
    switch (outcome) {
    case CHANGE_MADE: return STEP_DONE;
    case CHANGE_ERASED: problem_set(p, PROBLEM_NOT_FOUND, NULL); return STEP_DONE;
    case CHANGE_PROBLEM:
        problem_unavailable(p, 1);
        return STEP_DONE; /* keeps what p says already */
    case CHANGE_OUTDATED: break;
    }
    if (++r->tries >= RECORD_TRIES)
        problem_unavailable(p, 1);
    else if (!compute(r, engine, asks, packed))
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    else
        return STEP_MORE;
    return STEP_DONE;
}

enum step record_step(struct record *r, struct engine *engine, struct asks *asks, struct problem *p)
{
    struct student_profile profile;

    if (r->written)
        return written(r, engine, asks, p);
    if (!r->read) {
        r->read = student_ask_profile(asks, r->student);
        return STEP_MORE;
    }
    if (!student_read_profile(r->read, &profile, p))
        return STEP_DONE;
    if (compute(r, engine, asks, profile.packed))
        return STEP_MORE;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return STEP_DONE;
}
