/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ingest/event_input.h"

#include "app/base/clock.h"
#include "app/base/json_write.h"
#include "app/http/validate.h"

enum { REFERENCE_MAX = 256, MESSAGE_MAX = 1000, TOPICS_MAX = 50, COUNT_MAX = 1000000 };
/* No event means more than these: they keep nonsense out of sums. */
#define SECONDS_MAX 1e9
#define VALUE_MAX   1e15

static const char *const content_types[] = {"exercise", "lesson", "quiz", "article", NULL};

struct activity_data {
    struct str reference, message;
    int content_type;
    int64_t rating;
    double value;
    bool helpful;
};

struct exercise_data {
    struct exercise_completed e;
    struct str id;
    int difficulty;
    struct str_list topics;
};

struct quiz_data {
    struct quiz_completed q;
    struct str id;
    int difficulty;
    struct str_list topics;
};

struct lesson_data {
    struct lesson_viewed l;
    struct str id;
    double duration;
};

struct quality_data {
    struct quality_assessed q;
    struct str id;
};

/* clang-format off */
#define REFERENCE(field, of, text)                                                               \
    {.name = field, .type = RULE_TEXT, .required = true, .min = 1, .max = REFERENCE_MAX, .offset = offsetof(struct of, id), .description = text}
#define SHARE(field, of, member, must, text)                                                     \
    {.name = field, .type = RULE_NUMBER, .required = must, .max = 1, .offset = offsetof(struct of, member), .description = text}
#define TOPICS(of)                                                                               \
    {.name = "topic_ids", .type = RULE_IDS, .nullable = true, .max = TOPICS_MAX, .offset = offsetof(struct of, topics), .description = "Topics it belongs to"}

static const struct rule exercise_rules[] = {
    REFERENCE("exercise_id", exercise_data, "The exercise"),
    {.name = "difficulty", .type = RULE_ENUM, .required = true, .choices = difficulty_names, .offset = offsetof(struct exercise_data, difficulty), .description = "Weighs 0.8, 1, 1.2 or 1.5"},
    {.name = "time_spent_seconds", .type = RULE_NUMBER, .required = true, .max = SECONDS_MAX, .offset = offsetof(struct exercise_data, e.time_spent_seconds), .description = "Seconds"},
    SHARE("completion_rate", exercise_data, e.completion_rate, true, "Share of the exercise that was done"),
    SHARE("correctness", exercise_data, e.correctness, true, "Share that was right"),
    TOPICS(exercise_data),
    {.name = "hints_used", .type = RULE_INT, .nullable = true, .max = COUNT_MAX, .offset = offsetof(struct exercise_data, e.hints_used), .description = "Each takes 5 % off the quality, 30 % at most with the retries"},
    {.name = "retries", .type = RULE_INT, .nullable = true, .max = COUNT_MAX, .offset = offsetof(struct exercise_data, e.retries), .description = "As hints_used"},
    {0},
};

static const struct rule quiz_rules[] = {
    REFERENCE("quiz_id", quiz_data, "The quiz"),
    SHARE("score", quiz_data, q.score, true, "Share of the points"),
    {.name = "questions_total", .type = RULE_INT, .required = true, .min = 1, .max = COUNT_MAX, .offset = offsetof(struct quiz_data, q.questions_total), .description = "Weighs by tens, up to twenty questions"},
    {.name = "questions_correct", .type = RULE_INT, .required = true, .max = COUNT_MAX, .offset = offsetof(struct quiz_data, q.questions_correct), .description = "At most questions_total"},
    {.name = "time_spent_seconds", .type = RULE_NUMBER, .required = true, .max = SECONDS_MAX, .offset = offsetof(struct quiz_data, q.time_spent_seconds), .description = "Seconds"},
    TOPICS(quiz_data),
    {.name = "difficulty", .type = RULE_ENUM, .nullable = true, .choices = difficulty_names, .offset = offsetof(struct quiz_data, difficulty), .present = offsetof(struct quiz_data, q.has_difficulty), .description = "Weighs 0.8, 1, 1.2 or 1.5 when given"},
    {0},
};

static const struct rule lesson_rules[] = {
    REFERENCE("lesson_id", lesson_data, "The lesson"),
    {.name = "duration_seconds", .type = RULE_NUMBER, .required = true, .max = SECONDS_MAX, .offset = offsetof(struct lesson_data, duration), .description = "Seconds"},
    {.name = "completion_percentage", .type = RULE_NUMBER, .required = true, .max = 100, .offset = offsetof(struct lesson_data, l.completion_percentage), .description = "0 to 100"},
    {0},
};

static const struct rule rating_rules[] = {
    {.name = "content_id", .type = RULE_TEXT, .required = true, .min = 1, .max = REFERENCE_MAX, .offset = offsetof(struct activity_data, reference), .description = "What was rated"},
    {.name = "content_type", .type = RULE_ENUM, .required = true, .choices = content_types, .offset = offsetof(struct activity_data, content_type), .description = "What it is"},
    {.name = "rating", .type = RULE_INT, .required = true, .min = 1, .max = 5, .offset = offsetof(struct activity_data, rating), .description = "1 to 5"},
    {.name = "helpful", .type = RULE_BOOL, .nullable = true, .offset = offsetof(struct activity_data, helpful), .description = "Whether it helped"},
    {.name = "comment", .type = RULE_TEXT, .nullable = true, .max = MESSAGE_MAX, .offset = offsetof(struct activity_data, message), .description = "In the student's words"},
    {0},
};

static const struct rule milestone_rules[] = {
    {.name = "milestone_type", .type = RULE_TEXT, .required = true, .min = 1, .max = REFERENCE_MAX, .offset = offsetof(struct activity_data, reference), .description = "What was reached"},
    {.name = "milestone_value", .type = RULE_NUMBER, .required = true, .max = VALUE_MAX, .offset = offsetof(struct activity_data, value), .description = "0 or more"},
    {.name = "message", .type = RULE_TEXT, .required = true, .max = MESSAGE_MAX, .offset = offsetof(struct activity_data, message), .description = "For the student"},
    {0},
};

static const struct rule quality_rules[] = {
    REFERENCE("submission_id", quality_data, "The submission"),
    SHARE("code_quality_score", quality_data, q.code_quality_score, true, "Quality of the code"),
    SHARE("correctness_score", quality_data, q.correctness_score, true, "Correctness"),
    SHARE("efficiency_score", quality_data, q.efficiency_score, true, "Efficiency"),
    {.name = "peer_review_score", .type = RULE_NUMBER, .nullable = true, .max = 1, .offset = offsetof(struct quality_data, q.peer_review_score), .present = offsetof(struct quality_data, q.has_peer_review), .description = "Of the peers, when there was a review"},
    {0},
};

const struct rule event_rules[] = {
    {.name = "event_id", .type = RULE_TEXT, .required = true, .min = 8, .max = 64, .offset = offsetof(struct event_input, event_id), .description = "The event's own id: the same one again changes nothing. ASCII's visible characters"},
    {.name = "event_type", .type = RULE_ENUM, .required = true, .choices = event_type_names, .offset = offsetof(struct event_input, type), .present = offsetof(struct event_input, has_type), .description = "Which of the six"},
    {.name = "student_id", .type = RULE_ID, .nullable = true, .offset = offsetof(struct event_input, student), .present = offsetof(struct event_input, has_student), .description = "Whom it is about: a student's own id when absent, required of others"},
    {.name = "timestamp", .type = RULE_TIME, .required = true, .offset = offsetof(struct event_input, at_ms), .present = offsetof(struct event_input, has_time), .description = "When it happened: at most 90 days ago, at most an hour ahead"},
    {.name = "source", .type = RULE_TEXT, .nullable = true, .max = REFERENCE_MAX, .offset = offsetof(struct event_input, source), .present = offsetof(struct event_input, has_source), .description = "Which system saw it"},
    {.name = "data", .type = RULE_JSON, .required = true, .offset = offsetof(struct event_input, data), .description = "What happened, by the type's own fields"},
    {0},
};
/* clang-format on */

const struct rule *const event_data_rules[EVENT_TYPES] = {
    [EXERCISE_COMPLETED] = exercise_rules, [QUIZ_COMPLETED] = quiz_rules,
    [LESSON_VIEWED] = lesson_rules,        [CONTENT_RATED] = rating_rules,
    [MILESTONE_REACHED] = milestone_rules, [QUALITY_ASSESSED] = quality_rules,
};

/* Room for the data of any type; its first member is what the domain wants. */
union event_data {
    struct exercise_data exercise;
    struct quiz_data quiz;
    struct lesson_data lesson;
    struct activity_data activity;
    struct quality_data quality;
};

static void count_event(struct event_input *in, union event_data *data)
{
    switch ((enum event_type)in->type) {
    case EXERCISE_COMPLETED:
        data->exercise.e.difficulty = (enum difficulty)data->exercise.difficulty;
        in->event = event_of_exercise(&data->exercise.e, in->at_ms);
        in->warnings = warnings_of_exercise(&data->exercise.e);
        break;
    case QUIZ_COMPLETED:
        data->quiz.q.difficulty = (enum difficulty)data->quiz.difficulty;
        in->event = event_of_quiz(&data->quiz.q, in->at_ms);
        in->warnings = warnings_of_quiz(&data->quiz.q);
        break;
    case LESSON_VIEWED: in->event = event_of_lesson(&data->lesson.l, in->at_ms); break;
    case QUALITY_ASSESSED: in->event = event_of_quality(&data->quality.q, in->at_ms); break;
    case CONTENT_RATED:
    case MILESTONE_REACHED:
    case EVENT_TYPES: in->event = event_of_activity(in->at_ms); break;
    }
}

static void check_id(const struct event_input *in, struct arena *arena, struct problem *p)
{
    for (size_t i = 0; i < in->event_id.n; i++) {
        if (in->event_id.p[i] <= ' ' || in->event_id.p[i] > '~') {
            problem_field(p, arena, STR("event_id"), "must be of ASCII's visible characters");
            return;
        }
    }
}

static void check_time(const struct event_input *in, int64_t now_ms, struct arena *arena,
                       struct problem *p)
{
    if (!in->has_time)
        return;
    if (in->at_ms < now_ms - EVENT_AGE_MAX_MS)
        problem_field(p, arena, STR("timestamp"), "must not be older than 90 days");
    else if (in->at_ms > now_ms + EVENT_AHEAD_MAX_MS)
        problem_field(p, arena, STR("timestamp"), "must not be more than an hour in the future");
}

bool event_input_finish(struct event_input *in, int64_t now_ms, struct arena *arena,
                        struct problem *p)
{
    union event_data *data = arena_zalloc(arena, sizeof(*data));

    if (!data) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    check_id(in, arena, p);
    check_time(in, now_ms, arena, p);
    if (in->has_type && in->data &&
        validate_object(event_data_rules[in->type], in->data, STR("data"), arena, data, p) &&
        in->type == QUIZ_COMPLETED && data->quiz.q.questions_correct > data->quiz.q.questions_total)
        problem_field(p, arena, STR("data.questions_correct"), "must be at most questions_total");
    if (p->code != PROBLEM_NONE)
        return false;
    count_event(in, data);
    return true;
}

struct str event_input_json(const struct event_input *in, struct str student, struct arena *arena)
{
    struct buf out;
    struct jw w = {.out = &out};
    const char *data = json_object_to_json_string_ext(in->data, JSON_C_TO_STRING_NOSLASHESCAPE);

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_str(&w, "event_id", in->event_id);
    jw_text(&w, "event_type", event_type_names[in->type]);
    jw_str(&w, "student_id", student);
    jw_time(&w, "timestamp", in->at_ms);
    if (in->has_source)
        jw_str(&w, "source", in->source);
    jw_raw(&w, "data", str_of(data ? data : "{}"));
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}
