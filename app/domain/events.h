/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Learning events: which observations the data of each type gives, and what is suspicious in it.
 *
 * The structs hold only the fields that the model uses, with types and ranges validated. The
 * formulas are in docs/mastery-model.md, Observations. */
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

/* Both end with NULL, so that rules can use them as choices. */
extern const char *const event_type_names[EVENT_TYPES + 1];
extern const char *const difficulty_names[DIFFICULTIES + 1];

/* The weight of an observation by its difficulty: 0.8, 1, 1.2, 1.5. */
extern const double difficulty_weights[DIFFICULTIES];

struct exercise_completed {
    enum difficulty difficulty;
    double completion_rate, correctness; /* [0,1] */
    double time_spent_seconds;
    int64_t hints_used, retries; /* >= 0 */
};

struct quiz_completed {
    double score; /* [0,1] */
    int64_t questions_total, questions_correct;
    double time_spent_seconds;
    bool has_difficulty;
    enum difficulty difficulty; /* defined when has_difficulty */
};

struct lesson_viewed {
    double completion_percentage; /* [0,100] */
};

struct quality_assessed {
    double code_quality_score, correctness_score, efficiency_score; /* [0,1] */
    bool has_peer_review;
    double peer_review_score;
};

struct learning_event event_of_exercise(const struct exercise_completed *data, int64_t at_ms);
struct learning_event event_of_quiz(const struct quiz_completed *data, int64_t at_ms);
struct learning_event event_of_lesson(const struct lesson_viewed *data, int64_t at_ms);
struct learning_event event_of_quality(const struct quality_assessed *data, int64_t at_ms);
/* content.rated, milestone.reached: makes the day active, without an observation. */
struct learning_event event_of_activity(int64_t at_ms);

/* Suspicious data, which is accepted with a warning (docs/events.md, Warnings). */
enum event_warning {
    WARNING_SCORE_MISMATCH, /* score and questions_correct / questions_total differ by over 0.1 */
    WARNING_NO_TIME_SPENT,
    WARNING_OVER_A_DAY_SPENT,
    WARNING_COMPLETE_BUT_WRONG, /* completion_rate 1 with correctness 0 */
    EVENT_WARNINGS
};
/* For the client. */
extern const char *const event_warning_texts[EVENT_WARNINGS];

/* The set of warnings: bit (1 << warning). */
uint32_t warnings_of_exercise(const struct exercise_completed *data);
uint32_t warnings_of_quiz(const struct quiz_completed *data);

#endif
