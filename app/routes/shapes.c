/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of the fields that the requests or responses of several endpoints have in common. The
 * OpenAPI document is made from them, and the black-box tests compare every response with them. */
#include "app/routes/shapes.h"

#include "app/domain/mastery.h"

const char *const shape_levels[] = {"novice", "developing", "proficient", "master", NULL};
const char *const shape_trends[] = {"improving", "declining", "stable", NULL};

/* clang-format off */
const struct rule shape_components[] = RULES(
    SHAPE_SCORE("completion", "Share of the material completed"),
    SHAPE_SCORE("quiz", "Quiz results"),
    SHAPE_SCORE("quality", "Quality of the work"),
    SHAPE_SCORE("consistency", "Regularity of the activity"));

#define SHARE_INPUT(field, component, text)                                                        \
    FIELD(NUMBER, field, text, .max = 1, .offset = (component) * sizeof(double))
const struct rule shape_components_input[] = RULES(
    SHARE_INPUT("completion", COMPLETION, "Share of the material completed"),
    SHARE_INPUT("quiz", QUIZ, "Quiz results"),
    SHARE_INPUT("quality", QUALITY, "Quality of the work"),
    SHARE_INPUT("consistency", CONSISTENCY, "Regularity of the activity"));

/* The maximum is 1.001, because the sum of a request's weights may differ from 1 by 0.001
 * (mastery_weights_valid). */
static const struct rule weights[] = RULES(
    FIELD(NUMBER, "completion", "Weight of completion", .max = 1.001),
    FIELD(NUMBER, "quiz", "Weight of quiz", .max = 1.001),
    FIELD(NUMBER, "quality", "Weight of quality", .max = 1.001),
    FIELD(NUMBER, "consistency", "Weight of consistency", .max = 1.001));

/* The terms whose sum is the score: for each component, its value times its weight. */
static const struct rule breakdown[] = RULES(
    FIELD(NUMBER, "completion", "completion times its weight", .max = 1.001),
    FIELD(NUMBER, "quiz", "quiz times its weight", .max = 1.001),
    FIELD(NUMBER, "quality", "quality times its weight", .max = 1.001),
    FIELD(NUMBER, "consistency", "consistency times its weight", .max = 1.001),
    FIELD(NUMBER, "weighted_sum", "Their sum, before the limit to 1", .max = 1.001),
    FIELD(OBJECT, "weights", "The weights as used: 0 for a component without evidence",
          .fields = weights));

/* Evidence is the decayed weight of the data that a component rests on (docs/mastery-model.md,
 * Evidence). */
static const struct rule evidence[] = RULES(
    FIELD(NUMBER, "completion", "Weight of the evidence for completion"),
    FIELD(NUMBER, "quiz", "Weight of the evidence for quiz"),
    FIELD(NUMBER, "quality", "Weight of the evidence for quality"),
    FIELD(NUMBER, "consistency", "Active days counted, or the weight of a stated value"));

const struct rule shape_mastery_result[] = RULES(
    SHAPE_STUDENT,
    SHAPE_SCORE("mastery_score", "The weighted score"),
    FIELD(ENUM, "level", "novice < 0.4 <= developing < 0.6 <= proficient < 0.8 <= master",
          .choices = shape_levels),
    OPTIONAL(OBJECT, "components", "The four components; absent when not asked for",
          SHAPE_OF_COMPONENTS),
    OPTIONAL(OBJECT, "breakdown", "What each component adds to the score", .fields = breakdown),
    OPTIONAL(OBJECT, "evidence", "The decayed weight that each component rests on",
          .fields = evidence),
    FIELD(TIME, "calculated_at", "When the result was computed"),
    FIELD(TEXT, "version", "Version of the model"));

const struct rule shape_history_day[] = RULES(
    FIELD(DAY, "date", "UTC day"),
    SHAPE_SCORE("mastery_score", "Score at the close of the day"),
    FIELD(ENUM, "level", "Level of that score", .choices = shape_levels),
    FIELD(OBJECT, "components", "The four components at the close of the day",
          SHAPE_OF_COMPONENTS),
    FIELD(INT, "sample_size", "Events and statements of that day"));

const struct rule shape_activity[] = RULES(
    FIELD(TIME, "last_updated", "When the student's mastery last changed"),
    FIELD(INT, "recent_exercises", "Exercises completed in the last 14 days"),
    FIELD(INT, "recent_quizzes", "Quizzes completed in the last 14 days"),
    FIELD(INT, "days_active", "Days with any record in the last 90"),
    FIELD(INT, "current_streak", "Days in a row that end today or yesterday"),
    FIELD(INT, "max_streak", "Longest run of days in the last 90"));

const struct rule shape_query_metadata[] = RULES(
    SHAPE_CORRELATION,
    FIELD(TIME, "query_time", "When the question was answered"),
    SHAPE_STUDENT);

/* Percentiles of a summary. Their names are numbers, written as texts because JSON keys are texts.
 */
static const struct rule percentiles[] = RULES(
    FIELD(NUMBER, "25", "A quarter lies below"),
    FIELD(NUMBER, "50", "The median"),
    FIELD(NUMBER, "75", "A quarter lies above"),
    FIELD(NUMBER, "90", "A tenth lies above"),
    FIELD(NUMBER, "95", "A twentieth lies above"));

const struct rule shape_summary[] = RULES(
    FIELD(INT, "count", "How many values; without any all else is 0"),
    FIELD(NUMBER, "mean", "Their mean"),
    FIELD(NUMBER, "median", "Their median"),
    FIELD(NUMBER, "std_dev", "Sample standard deviation; 0 of one value"),
    FIELD(NUMBER, "min_value", "The least"),
    FIELD(NUMBER, "max_value", "The greatest"),
    FIELD(OBJECT, "percentiles", "By linear interpolation", .fields = percentiles));

const struct rule shape_interval[] = RULES(
    FIELD(NUMBER, "lower", "Its lower end"),
    FIELD(NUMBER, "upper", "Its upper end"),
    SHAPE_SCORE("level", "The probability with which it covers"));
/* clang-format on */
