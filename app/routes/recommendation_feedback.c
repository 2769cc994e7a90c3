/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/recommendations/feedback: who may give feedback, and how it is stored with the
 * recommendation that it is about. The id of a recommendation does not reveal its student: it
 * contains a token, a random text, and the student is found under the token in Redis. */
#include "app/routes/recommendation_feedback.h"

#include "app/auth/access.h"
#include "app/base/clock.h"
#include "app/domain/consent.h"
#include "app/routes/shapes.h"
#include "app/service/recommend.h"
#include "app/store/cohort.h"

enum { TIME_TAKEN_MAX = 100000 }; /* most minutes that feedback can report */

/* State of feedback between its round trips. The recommendation's id is rec_TOKEN-DAY-NUMBER. The
 * first round trip reads the student who has the token. The second reads the student's
 * recommendations of that day and, for a teacher, the cohorts. The third writes the recommendations
 * back, and is repeated if they have changed since they were read. */
struct feedback_state {
    struct str token;        /* the random part of the id, under which Redis has the student */
    int32_t day;             /* UTC day on which the recommendation was made */
    int number;              /* number of the recommendation on that day, from 1 */
    struct command *owner;   /* reads the student who has the token */
    struct command *read;    /* reads the recommendations of that day; NULL until it is queued */
    struct command *written; /* latest command that writes that day's back; NULL: none yet */
    struct command *student_cohorts, *teacher_cohorts; /* NULL unless the caller is a teacher */
    struct str student;
    struct recommendations recommendations;
    int attempts; /* writes that failed because the recommendations had changed */
};

/* Fails with 404. A caller without a right to the student gets the same response, and so cannot
 * find out which ids exist. */
static enum step feedback_unknown(struct exchange *x)
{
    return exchange_fail_with(x, PROBLEM_NOT_FOUND, "There is no such recommendation");
}

/* Checks the form of the recommendation id, then queues the read of the student who has its token.
 */
static enum step feedback_begin(struct exchange *x, const struct feedback_input *input)
{
    struct feedback_state *state = exchange_new_state(x, sizeof(*state));

    if (!state)
        return STEP_DONE;
    if (!recommendation_id_parse(input->recommendation, &state->token, &state->day, &state->number))
        return feedback_unknown(x);
    state->owner = recommendation_cmd_student(&x->pipeline, state->token);
    return STEP_MORE;
}

/* Parses the student (the reply to state->owner), and decides about access as far as the caller's
 * role and id suffice; feedback_may_see decides for a teacher. Queues the read of the day's
 * recommendations, without the learning path, and for a teacher that of the cohorts. A caller
 * without access gets 404, as for an unknown id, and so learns of no id. The student is passed to
 * the audit log, because the request does not name one. */
static enum step feedback_read(struct exchange *x, struct feedback_state *state)
{
    enum verdict verdict;

    if (!recommendation_parse_student(state->owner, &state->student, &x->problem))
        return STEP_DONE;
    verdict = access_decide(ACCESS_READ_STUDENT, &x->caller, state->student);
    x->audit_subjects = (struct str_list){&state->student, state->student.n > 0};
    if (state->student.n == 0 || (verdict != VERDICT_YES && verdict != VERDICT_IF_OWN_STUDENT))
        return feedback_unknown(x);
    pipeline_clear(&x->pipeline);
    if (verdict == VERDICT_IF_OWN_STUDENT) {
        state->student_cohorts = cohort_cmd_of_student(&x->pipeline, state->student);
        state->teacher_cohorts = cohort_cmd_of_teacher(&x->pipeline, x->caller.user);
    }
    state->read =
        recommendation_cmd_get(&x->pipeline, state->student, state->day, /* with_path */ false);
    return STEP_MORE;
}

/* Queues the write of the day's recommendations with the feedback added. read: the command whose
 * reply has these recommendations: state->read or, later, a write that failed because they had
 * changed. room is 0, because no recommendation is added. If the student was erased after the id
 * was given out, the present recommendations have another token, and the response is 404. */
static enum step feedback_write(struct exchange *x, struct feedback_state *state,
                                const struct command *read)
{
    const struct feedback_input *input = x->input;
    const struct feedback feedback = {.completed = input->completed,
                                      .has_minutes = input->has_minutes,
                                      .minutes = input->minutes,
                                      .has_rating = input->has_rating,
                                      .rating = (int)input->rating,
                                      .has_improvement = input->has_improvement,
                                      .improvement = input->improvement};

    if (!recommendation_parse(read, x->arena, state->day, /* room */ 0, &state->recommendations,
                              &x->problem))
        return STEP_DONE;
    if ((size_t)state->number > state->recommendations.n ||
        !str_equal(state->recommendations.token, state->token))
        return feedback_unknown(x);
    recommendation_add_feedback(&state->recommendations, state->number, &feedback, x->now_ms);
    pipeline_clear(&x->pipeline);
    state->written = recommendation_cmd_change(
        &x->pipeline,
        &(struct recommendation_change){
            .student = state->student,
            .recommendations = &state->recommendations,
            .today = day_of_ms(x->now_ms),
            .path = {"", 0} /* an empty text leaves the stored learning path unchanged */});
    return STEP_MORE;
}

/* Decides the access of a teacher by the cohorts that have been read; for other callers
 * feedback_read has decided. Returns false with x->problem set if access is denied. */
static bool feedback_may_see(struct exchange *x, const struct feedback_state *state)
{
    bool granted = true;

    if (state->student_cohorts &&
        !cohort_parse_teaches(state->student_cohorts, state->teacher_cohorts, &granted,
                              &x->problem))
        return false;
    if (!granted)
        (void)feedback_unknown(x);
    return granted;
}

/* Evaluates the write, then responds. The write fails if other feedback has changed the day's
 * recommendations meanwhile. Its reply then has the changed ones, to which the feedback is added in
 * a new write; there are at most RECOMMEND_ATTEMPTS_MAX writes. */
static enum step feedback_respond(struct exchange *x, struct feedback_state *state)
{
    struct jw w;

    if (x->pipeline.status != PIPELINE_COMPLETE) {
        problem_unavailable(&x->problem, /* retry_after_s */ 1);
        return STEP_DONE;
    }
    switch (recommendation_parse_change(state->written, &x->problem)) {
    case RECOMMENDATIONS_PROBLEM: return STEP_DONE;
    case RECOMMENDATIONS_ERASED: return feedback_unknown(x);
    case RECOMMENDATIONS_WITHDRAWN:
        return exchange_fail_with(x, PROBLEM_FORBIDDEN, CONSENT_NO_NEW_DATA);
    case RECOMMENDATIONS_OUTDATED:
        if (++state->attempts < RECOMMEND_ATTEMPTS_MAX)
            return feedback_write(x, state, state->written);
        problem_unavailable(&x->problem, /* retry_after_s */ 1);
        return STEP_DONE;
    case RECOMMENDATIONS_SAVED: break;
    }
    http_response_json(&x->response, 200, &w);
    jw_text(&w, "status", "received");
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* Its steps: find the student; read the day's recommendations and, for a teacher, the cohorts;
 * write; respond. */
enum step recommend_feedback(struct exchange *x)
{
    struct feedback_state *state = x->state;

    if (!state)
        return feedback_begin(x, x->input);
    if (!state->read)
        return feedback_read(x, state);
    if (state->written)
        return feedback_respond(x, state);
    return feedback_may_see(x, state) ? feedback_write(x, state, state->read) : STEP_DONE;
}

/* ---- the request ---- */

/* clang-format off */
/* The fields of the body of feedback. Minutes may be fractions; the improvement may be negative. */
const struct rule recommendation_feedback_rules[] = RULES(
    BODY(ID, "recommendation_id", feedback_input, recommendation,
          "The recommendation, as adaptive or learning-path named it", .required = true,
          .example = "adaptive-example"),
    BODY(BOOL, "completed", feedback_input, completed, "Whether it was done", .required = true),
    BODY(NUMBER, "time_taken", feedback_input, minutes, "Minutes it took", .nullable = true,
          .max = TIME_TAKEN_MAX, .present = offsetof(struct feedback_input, has_minutes)),
    BODY(INT, "satisfaction_rating", feedback_input, rating, "How it was liked", .nullable = true,
          .min = 1, .max = 5, .present = offsetof(struct feedback_input, has_rating)),
    BODY(NUMBER, "improvement_score", feedback_input, improvement, "What it changed of the score",
          .nullable = true, .min = -1, .max = 1,
          .present = offsetof(struct feedback_input, has_improvement)));
/* clang-format on */
