/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Learning events: the observations that the data of each type of event give, and the data that are
 * suspicious. An observation is a value in [0,1] of one component of mastery (completion, quiz,
 * quality), with a weight.
 *
 * The structs hold only the fields that the model uses; their types and ranges were validated
 * before. The formulas are in docs/mastery-model.md, Observations. */
#ifndef DOMAIN_EVENTS_H
#define DOMAIN_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "app/domain/mastery.h"

enum event_type {
    EXERCISE_COMPLETED,
    QUIZ_COMPLETED,
    LESSON_VIEWED,
    CONTENT_RATED,
    MILESTONE_REACHED,
    QUALITY_ASSESSED,
    EVENT_TYPES
};

enum difficulty { EASY, MEDIUM, HARD, EXPERT, DIFFICULTIES };

/* Names of the types of events in requests and responses, for example "quiz.completed"; ends with
 * NULL, so that validation rules can use the array as a list of choices. */
extern const char *const event_type_names[EVENT_TYPES + 1];
/* Names of the difficulties in requests and responses, "easy" to "expert"; ends with NULL. */
extern const char *const difficulty_names[DIFFICULTIES + 1];

/* The weights of observations by difficulty: 0.8, 1, 1.2, 1.5. */
extern const double difficulty_weights[DIFFICULTIES];

/* An event exercise.completed. */
struct exercise_completed {
    enum difficulty difficulty;
    double completion_rate, correctness; /* share done, share right; each in [0,1] */
    double time_spent_seconds;
    int64_t hints_used, retries; /* numbers of hints and of repeated attempts, >= 0 */
};

/* An event quiz.completed. */
struct quiz_completed {
    double score;                               /* share of the points, in [0,1] */
    int64_t questions_total, questions_correct; /* number of questions; how many were right */
    double time_spent_seconds;
    bool has_difficulty;
    enum difficulty difficulty; /* undefined while has_difficulty is false */
};

/* An event lesson.viewed. */
struct lesson_viewed {
    double completion_percentage; /* share of the lesson that was seen, in percent: [0,100] */
};

/* An event quality.assessed: the review of a submission. */
struct quality_assessed {
    double code_quality_score, correctness_score, efficiency_score; /* each in [0,1] */
    bool has_peer_review;
    double peer_review_score; /* score 0 to 1; undefined while has_peer_review is false */
};

/* Converts the data of one event to the parameter of mastery_state_apply: observations with
 * weights. at_ms: time of the event, in milliseconds since 1970-01-01 UTC. */
struct learning_event event_of_exercise(const struct exercise_completed *data, int64_t at_ms);
struct learning_event event_of_quiz(const struct quiz_completed *data, int64_t at_ms);
struct learning_event event_of_lesson(const struct lesson_viewed *data, int64_t at_ms);
struct learning_event event_of_quality(const struct quality_assessed *data, int64_t at_ms);
/* Returns an event without an observation, which only makes its day active: content.rated or
 * milestone.reached. */
struct learning_event event_of_activity(int64_t at_ms);

/* Suspicious data, which is accepted with a warning (docs/events.md, Warnings). */
enum event_warning {
    WARNING_SCORE_MISMATCH, /* score and questions_correct / questions_total differ by over 0.1 */
    WARNING_NO_TIME_SPENT,
    WARNING_OVER_A_DAY_SPENT,
    WARNING_COMPLETE_BUT_WRONG, /* completion_rate 1 with correctness 0 */
    EVENT_WARNINGS
};
/* Texts of the warnings in responses to the client, by enum event_warning. */
extern const char *const event_warning_texts[EVENT_WARNINGS];

/* Each returns the set of warnings about the data: bit (1 << warning) for each; 0 for none. */
uint32_t warnings_of_exercise(const struct exercise_completed *data);
uint32_t warnings_of_quiz(const struct quiz_completed *data);

#endif
