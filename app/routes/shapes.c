/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/routes/shapes.h"

#include "app/domain/mastery.h"

const char *const shape_levels[] = {"novice", "developing", "proficient", "master", NULL};
const char *const shape_trends[] = {"improving", "declining", "stable", NULL};

/* clang-format off */
const struct rule shape_components[] = {
    SHAPE_SCORE("completion", "Share of the material completed"),
    SHAPE_SCORE("quiz", "Quiz results"),
    SHAPE_SCORE("quality", "Quality of the work"),
    SHAPE_SCORE("consistency", "Regularity of the activity"),
    {0},
};

const struct rule shape_components_input[] = {
    {.name = "completion", .type = RULE_NUMBER, .required = true, .max = 1, .offset = COMPLETION * sizeof(double), .description = "Share of the material completed"},
    {.name = "quiz", .type = RULE_NUMBER, .required = true, .max = 1, .offset = QUIZ * sizeof(double), .description = "Quiz results"},
    {.name = "quality", .type = RULE_NUMBER, .required = true, .max = 1, .offset = QUALITY * sizeof(double), .description = "Quality of the work"},
    {.name = "consistency", .type = RULE_NUMBER, .required = true, .max = 1, .offset = CONSISTENCY * sizeof(double), .description = "Regularity of the activity"},
    {0},
};

static const struct rule weights[] = {
    {.name = "completion", .type = RULE_NUMBER, .required = true, .max = 1.001, .description = "Weight of completion"},
    {.name = "quiz", .type = RULE_NUMBER, .required = true, .max = 1.001, .description = "Weight of quiz"},
    {.name = "quality", .type = RULE_NUMBER, .required = true, .max = 1.001, .description = "Weight of quality"},
    {.name = "consistency", .type = RULE_NUMBER, .required = true, .max = 1.001, .description = "Weight of consistency"},
    {0},
};

static const struct rule breakdown[] = {
    {.name = "completion", .type = RULE_NUMBER, .required = true, .max = 1.001, .description = "completion times its weight"},
    {.name = "quiz", .type = RULE_NUMBER, .required = true, .max = 1.001, .description = "quiz times its weight"},
    {.name = "quality", .type = RULE_NUMBER, .required = true, .max = 1.001, .description = "quality times its weight"},
    {.name = "consistency", .type = RULE_NUMBER, .required = true, .max = 1.001, .description = "consistency times its weight"},
    {.name = "weighted_sum", .type = RULE_NUMBER, .required = true, .max = 1.001, .description = "Their sum, before the limit to 1"},
    {.name = "weights", .type = RULE_OBJECT, .required = true, .fields = weights, .description = "The weights as used: 0 for a component without evidence"},
    {0},
};

static const struct rule evidence[] = {
    {.name = "completion", .type = RULE_NUMBER, .required = true, .description = "Weight of the evidence behind completion"},
    {.name = "quiz", .type = RULE_NUMBER, .required = true, .description = "Weight of the evidence behind quiz"},
    {.name = "quality", .type = RULE_NUMBER, .required = true, .description = "Weight of the evidence behind quality"},
    {.name = "consistency", .type = RULE_NUMBER, .required = true, .description = "Active days counted, or the weight of a stated value"},
    {0},
};

const struct rule shape_mastery_result[] = {
    SHAPE_STUDENT,
    SHAPE_SCORE("mastery_score", "The weighted score"),
    {.name = "level", .type = RULE_ENUM, .required = true, .choices = shape_levels, .description = "novice < 0.4 <= developing < 0.6 <= proficient < 0.8 <= master"},
    {.name = "components", .type = RULE_OBJECT, .fields = shape_components, .description = "The four components; absent when not asked for"},
    {.name = "breakdown", .type = RULE_OBJECT, .fields = breakdown, .description = "What each component adds to the score"},
    {.name = "evidence", .type = RULE_OBJECT, .fields = evidence, .description = "The decayed weight that each component rests on"},
    {.name = "calculated_at", .type = RULE_TIME, .required = true, .description = "When the result was computed"},
    {.name = "version", .type = RULE_TEXT, .required = true, .description = "Version of the model"},
    {0},
};

const struct rule shape_history_day[] = {
    {.name = "date", .type = RULE_DAY, .required = true, .description = "UTC day"},
    SHAPE_SCORE("mastery_score", "Score at the close of the day"),
    {.name = "level", .type = RULE_ENUM, .required = true, .choices = shape_levels, .description = "Level of that score"},
    {.name = "components", .type = RULE_OBJECT, .required = true, .fields = shape_components, .description = "The four components at the close of the day"},
    {.name = "sample_size", .type = RULE_INT, .required = true, .description = "Events and statements of that day"},
    {0},
};

const struct rule shape_activity[] = {
    {.name = "last_updated", .type = RULE_TIME, .required = true, .description = "When the student's mastery last changed"},
    {.name = "recent_exercises", .type = RULE_INT, .required = true, .description = "Exercises completed in the last 14 days"},
    {.name = "recent_quizzes", .type = RULE_INT, .required = true, .description = "Quizzes completed in the last 14 days"},
    {.name = "days_active", .type = RULE_INT, .required = true, .description = "Days with any record in the last 90"},
    {.name = "current_streak", .type = RULE_INT, .required = true, .description = "Days in a row that end today or yesterday"},
    {.name = "max_streak", .type = RULE_INT, .required = true, .description = "Longest run of days in the last 90"},
    {0},
};

const struct rule shape_query_metadata[] = {
    SHAPE_CORRELATION,
    {.name = "query_time", .type = RULE_TIME, .required = true, .description = "When the question was answered"},
    SHAPE_STUDENT,
    {0},
};

static const struct rule percentiles[] = {
    {.name = "25", .type = RULE_NUMBER, .required = true, .description = "A quarter lies below"},
    {.name = "50", .type = RULE_NUMBER, .required = true, .description = "The median"},
    {.name = "75", .type = RULE_NUMBER, .required = true, .description = "A quarter lies above"},
    {.name = "90", .type = RULE_NUMBER, .required = true, .description = "A tenth lies above"},
    {.name = "95", .type = RULE_NUMBER, .required = true, .description = "A twentieth lies above"},
    {0},
};

const struct rule shape_summary[] = {
    {.name = "count", .type = RULE_INT, .required = true, .description = "How many values; without any all else is 0"},
    {.name = "mean", .type = RULE_NUMBER, .required = true, .description = "Their mean"},
    {.name = "median", .type = RULE_NUMBER, .required = true, .description = "Their median"},
    {.name = "std_dev", .type = RULE_NUMBER, .required = true, .description = "Sample standard deviation; 0 of one value"},
    {.name = "min_value", .type = RULE_NUMBER, .required = true, .description = "The least"},
    {.name = "max_value", .type = RULE_NUMBER, .required = true, .description = "The greatest"},
    {.name = "percentiles", .type = RULE_OBJECT, .required = true, .fields = percentiles, .description = "By linear interpolation"},
    {0},
};

const struct rule shape_interval[] = {
    {.name = "lower", .type = RULE_NUMBER, .required = true, .description = "Its lower end"},
    {.name = "upper", .type = RULE_NUMBER, .required = true, .description = "Its upper end"},
    SHAPE_SCORE("level", "The probability with which it covers"),
    {0},
};
/* clang-format on */
