/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Converts the data of learning events to observations: values in [0,1] of a component of mastery
 * (completion, quiz, quality), each with a weight. docs/mastery-model.md, Observations, has the
 * reasons for the weights. */
#include "app/domain/events.h"

#include <math.h>

#include "app/base/number.h"

const char *const event_type_names[EVENT_TYPES + 1] = {
    [EXERCISE_COMPLETED] = "exercise.completed", [QUIZ_COMPLETED] = "quiz.completed",
    [LESSON_VIEWED] = "lesson.viewed",           [CONTENT_RATED] = "content.rated",
    [MILESTONE_REACHED] = "milestone.reached",   [QUALITY_ASSESSED] = "quality.assessed",
};

const char *const difficulty_names[DIFFICULTIES + 1] = {
    [EASY] = "easy", [MEDIUM] = "medium", [HARD] = "hard", [EXPERT] = "expert"};

const double difficulty_weights[DIFFICULTIES] = {
    [EASY] = 0.8, [MEDIUM] = 1, [HARD] = 1.2, [EXPERT] = 1.5};

const char *const event_warning_texts[EVENT_WARNINGS] = {
    [WARNING_SCORE_MISMATCH] = "score and questions_correct disagree by more than 0.1",
    [WARNING_NO_TIME_SPENT] = "time_spent_seconds is 0",
    [WARNING_OVER_A_DAY_SPENT] = "time_spent_seconds is more than a day",
    [WARNING_COMPLETE_BUT_WRONG] = "completion_rate is 1 while correctness is 0",
};

/* A quiz of QUESTIONS_OF_WEIGHT_ONE questions has weight 1. The weight grows with the number of
 * questions up to MAX_QUESTIONS_COUNTED, which gives weight 2. */
enum { MAX_QUESTIONS_COUNTED = 20, QUESTIONS_OF_WEIGHT_ONE = 10, SECONDS_A_DAY = 86400 };
/* The share of its quality that an exercise loses for each hint and each retry, and the greatest
 * share that it can lose in all. */
static const double loss_each_attempt = 0.05, largest_loss = 0.3;
static const double lesson_weight = 0.5, assessment_weight = 1;
static const double tolerated_difference = 0.1; /* largest difference of a quiz's score and its
                                                   share of correct questions without a warning */

/* Appends an observation to the event: value x in [0,1] of a component, with this weight. */
static void event_observe(struct learning_event *event, enum component component, double x,
                          double weight)
{
    event->observations[event->observation_count++] = (struct observation){component, x, weight};
}

struct learning_event event_of_activity(int64_t at_ms)
{
    return (struct learning_event){.at_ms = at_ms};
}

/* Makes two observations of an exercise: one of completion and one of quality, both weighted by
 * difficulty. Its quality is the correctness, reduced for each hint and each retry. */
struct learning_event event_of_exercise(const struct exercise_completed *data, int64_t at_ms)
{
    struct learning_event event = event_of_activity(at_ms);
    double weight = difficulty_weights[data->difficulty];
    double attempts = (double)data->hints_used + (double)data->retries;
    double loss = fmin(largest_loss, loss_each_attempt * attempts);
    event.is_exercise = true;
    event_observe(&event, COMPLETION, data->completion_rate, weight);
    event_observe(&event, QUALITY, data->correctness * (1 - loss), weight);
    return event;
}

/* Makes one observation of a quiz: its score. The weight grows with the number of questions, up to
 * 2, and is multiplied by the weight of the difficulty if the quiz has one. */
struct learning_event event_of_quiz(const struct quiz_completed *data, int64_t at_ms)
{
    struct learning_event event = event_of_activity(at_ms);
    double counted = fmin((double)data->questions_total, MAX_QUESTIONS_COUNTED);
    double weight = counted / QUESTIONS_OF_WEIGHT_ONE;
    if (data->has_difficulty)
        weight *= difficulty_weights[data->difficulty];
    event.is_quiz = true;
    event_observe(&event, QUIZ, data->score, weight);
    return event;
}

/* Makes one observation of a lesson, of completion, with half the weight of a medium exercise. */
struct learning_event event_of_lesson(const struct lesson_viewed *data, int64_t at_ms)
{
    struct learning_event event = event_of_activity(at_ms);
    event_observe(&event, COMPLETION, data->completion_percentage / 100, lesson_weight);
    return event;
}

/* Makes one observation, whose value is the mean of the three scores and the peer review, if there
 * is one; each of them counts the same. */
struct learning_event event_of_quality(const struct quality_assessed *data, int64_t at_ms)
{
    struct learning_event event = event_of_activity(at_ms);
    double sum = data->code_quality_score + data->correctness_score + data->efficiency_score;
    int score_count = 3;
    if (data->has_peer_review) {
        sum += data->peer_review_score;
        score_count++;
    }
    event_observe(&event, QUALITY, sum / score_count, assessment_weight);
    return event;
}

/* Returns the set of warnings about the time spent, as bits (1 << warning). */
static uint32_t warnings_of_time(double seconds)
{
    if (seconds <= 0)
        return UINT32_C(1) << WARNING_NO_TIME_SPENT;
    return (uint32_t)(seconds > SECONDS_A_DAY) << WARNING_OVER_A_DAY_SPENT;
}

/* Warns about the time spent, and about an exercise that is complete but has nothing right. */
uint32_t warnings_of_exercise(const struct exercise_completed *data)
{
    bool complete_but_wrong = data->completion_rate >= 1 && data->correctness <= 0;
    return warnings_of_time(data->time_spent_seconds) | (uint32_t)complete_but_wrong
                                                            << WARNING_COMPLETE_BUT_WRONG;
}

/* Warns about the time spent, and about a score that differs from the share of correct questions.
 * fmax avoids a division by 0. */
uint32_t warnings_of_quiz(const struct quiz_completed *data)
{
    double share = (double)data->questions_correct / fmax(1, (double)data->questions_total);
    /* The difference is rounded to 12 decimals, because 0.8 - 7 / 10 is a little more than 0.1 in
     * binary. */
    bool disagrees = number_round12(fabs(data->score - share)) > tolerated_difference;
    return warnings_of_time(data->time_spent_seconds) | (uint32_t)disagrees
                                                            << WARNING_SCORE_MISMATCH;
}
