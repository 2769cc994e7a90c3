/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules for learning events, and their conversion to observations for the mastery model
 * (app/domain). The six types of events differ only in the member `data`: each type has a table of
 * rules and a struct for it. Fields that the model does not use are checked too, because they are
 * stored and exported. */
#include "app/ingest/event_input.h"

#include "app/base/clock.h"
#include "app/base/json_write.h"
#include "app/domain/topics.h"
#include "app/http/validate.h"

enum { REFERENCE_MAX = 256, MESSAGE_MAX = 1000, COUNT_MAX = 1000000 };
/* Upper limit of a number in an event's data. No real event exceeds it; larger values would only
 * distort sums. */
#define VALUE_MAX 1e15

/* The values of content_type in an event content.rated: the kinds of content that can be rated. */
static const char *const content_types[] = {"exercise", "lesson", "quiz", "article", NULL};

/* The data of content.rated and milestone.reached. The model counts such an event only as activity;
 * its values are stored and exported. */
struct activity_data {
    struct str reference, message;
    int content_type;
    int64_t rating;
    double value;
    bool helpful;
};

/* The checked data of each other type of event: the values that the model uses, and further fields.
 */
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
/* Macros for the rows of the tables of rules. FIELD writes the members that all rows have;
 * REFERENCE, SHARE, SECONDS and TOPICS write whole rows that several tables have. */
#define FIELD(text, rule_type, data, member, what) \
    .name = text, .type = rule_type, .offset = offsetof(struct data, member), .description = what
#define REQUIRED .required = true
#define OPTIONAL .nullable = true
#define PRESENT(data, member) .present = offsetof(struct data, member)
#define REFERENCE(text, data, member, what) \
    {FIELD(text, RULE_TEXT, data, member, what), REQUIRED, .min = 1, .max = REFERENCE_MAX, \
     .example = "fractions-1"}
#define SHARE(text, data, member, what) \
    {FIELD(text, RULE_NUMBER, data, member, what), REQUIRED, .max = 1}
#define SECONDS(text, data, member) \
    {FIELD(text, RULE_NUMBER, data, member, "Seconds"), REQUIRED, .max = EVENT_SECONDS_MAX, \
     .example = "300"}
#define TOPICS(data) \
    {FIELD("topic_ids", RULE_IDS, data, topics, "Topics it belongs to"), \
     OPTIONAL, .max = EVENT_TOPICS_MAX, .example = "[\"fractions\"]"}

static const struct rule exercise_rules[] = {
    REFERENCE("exercise_id", exercise_data, id, "The exercise"),
    {FIELD("difficulty", RULE_ENUM, exercise_data, difficulty, "Weighs 0.8, 1, 1.2 or 1.5"),
     REQUIRED, .choices = difficulty_names},
    SECONDS("time_spent_seconds", exercise_data, e.time_spent_seconds),
    SHARE("completion_rate", exercise_data, e.completion_rate,
          "Share of the exercise that was done"),
    SHARE("correctness", exercise_data, e.correctness, "Share that was right"),
    TOPICS(exercise_data),
    {FIELD("hints_used", RULE_INT, exercise_data, e.hints_used,
           "Each takes 5 % off the quality, 30 % at most with the retries"),
     OPTIONAL, .max = COUNT_MAX},
    {FIELD("retries", RULE_INT, exercise_data, e.retries, "As hints_used"),
     OPTIONAL, .max = COUNT_MAX},
    {0},
};

static const struct rule quiz_rules[] = {
    REFERENCE("quiz_id", quiz_data, id, "The quiz"),
    SHARE("score", quiz_data, q.score, "Share of the points"),
    {FIELD("questions_total", RULE_INT, quiz_data, q.questions_total,
           "Weighs by tens, up to twenty questions"),
     REQUIRED, .min = 1, .max = COUNT_MAX, .example = "10"},
    {FIELD("questions_correct", RULE_INT, quiz_data, q.questions_correct,
           "At most questions_total"),
     REQUIRED, .max = COUNT_MAX, .example = "8"},
    SECONDS("time_spent_seconds", quiz_data, q.time_spent_seconds),
    TOPICS(quiz_data),
    {FIELD("difficulty", RULE_ENUM, quiz_data, difficulty,
           "Weighs 0.8, 1, 1.2 or 1.5 when given"),
     OPTIONAL, .choices = difficulty_names, PRESENT(quiz_data, q.has_difficulty)},
    {0},
};

static const struct rule lesson_rules[] = {
    REFERENCE("lesson_id", lesson_data, id, "The lesson"),
    SECONDS("duration_seconds", lesson_data, duration),
    {FIELD("completion_percentage", RULE_NUMBER, lesson_data, l.completion_percentage, "0 to 100"),
     REQUIRED, .max = 100, .example = "100"},
    {0},
};

static const struct rule rating_rules[] = {
    REFERENCE("content_id", activity_data, reference, "What was rated"),
    {FIELD("content_type", RULE_ENUM, activity_data, content_type, "What it is"),
     REQUIRED, .choices = content_types},
    {FIELD("rating", RULE_INT, activity_data, rating, "1 to 5"), REQUIRED, .min = 1, .max = 5,
     .example = "5"},
    {FIELD("helpful", RULE_BOOL, activity_data, helpful, "Whether it helped"), OPTIONAL},
    {FIELD("comment", RULE_TEXT, activity_data, message, "In the student's words"),
     OPTIONAL, .max = MESSAGE_MAX},
    {0},
};

static const struct rule milestone_rules[] = {
    REFERENCE("milestone_type", activity_data, reference, "What was reached"),
    {FIELD("milestone_value", RULE_NUMBER, activity_data, value, "0 or more"),
     REQUIRED, .max = VALUE_MAX, .example = "7"},
    {FIELD("message", RULE_TEXT, activity_data, message, "For the student"),
     REQUIRED, .max = MESSAGE_MAX, .example = "Seven days in a row"},
    {0},
};

static const struct rule quality_rules[] = {
    REFERENCE("submission_id", quality_data, id, "The submission"),
    SHARE("code_quality_score", quality_data, q.code_quality_score, "Quality of the code"),
    SHARE("correctness_score", quality_data, q.correctness_score, "Correctness"),
    SHARE("efficiency_score", quality_data, q.efficiency_score, "Efficiency"),
    {FIELD("peer_review_score", RULE_NUMBER, quality_data, q.peer_review_score,
           "Of the peers, when there was a review"),
     OPTIONAL, .max = 1, PRESENT(quality_data, q.has_peer_review)},
    {0},
};

/* The rules of `data` for each type of event. */
#define DATA_FORMS                                                          \
    [EXERCISE_COMPLETED] = {"ExerciseCompletedData", exercise_rules, NULL}, \
    [QUIZ_COMPLETED] = {"QuizCompletedData", quiz_rules, NULL},             \
    [LESSON_VIEWED] = {"LessonViewedData", lesson_rules, NULL},             \
    [CONTENT_RATED] = {"ContentRatedData", rating_rules, NULL},             \
    [MILESTONE_REACHED] = {"MilestoneReachedData", milestone_rules, NULL},  \
    [QUALITY_ASSESSED] = {"QualityAssessedData", quality_rules, NULL}

static const struct rule_form data_forms[EVENT_TYPES + 1] = {DATA_FORMS};
static const struct rule_forms data_by_type = {"event_type", "Event", data_forms};

/* The rules of an event whose fields are partly in an envelope (a CloudEvent), for the OpenAPI
 * document only: the envelope may have all fields but `data`. As its type may select the form of
 * `data`, the schema allows each form. */
static const struct rule_forms data_of_any_type = {NULL, NULL, data_forms};
static const struct rule enveloped_rules[] = {
    {FIELD("event_id", RULE_TEXT, event_input, event_id,
           "The event's own id; without it source and id of the envelope"),
     OPTIONAL, .min = 8, .max = 64},
    {FIELD("event_type", RULE_ENUM, event_input, type, "Which; without it type of the envelope"),
     OPTIONAL, .choices = event_type_names},
    {FIELD("student_id", RULE_ID, event_input, student,
           "Whom it is about; without it subject of the envelope"),
     OPTIONAL},
    {FIELD("timestamp", RULE_TIME, event_input, at_ms,
           "When it happened; without it time of the envelope"),
     OPTIONAL},
    {FIELD("source", RULE_TEXT, event_input, source,
           "Which system saw it; without it source of the envelope"),
     OPTIONAL, .max = REFERENCE_MAX},
    {FIELD("data", RULE_JSON, event_input, data, "What happened, by the type's own fields"),
     REQUIRED, .forms = &data_of_any_type},
    {0},
};

/* The forms of a CloudEvent's data: the data of one type of event; a whole body of POST .../ingest;
 * or an event of which the envelope has some fields. */
static const struct rule_form cloudevent_forms[EVENT_TYPES + 3] = {
    DATA_FORMS,
    [EVENT_TYPES] = {"MasteryIngestRequest", NULL, NULL},
    [EVENT_TYPES + 1] = {"EnvelopedEvent", enveloped_rules, NULL},
};
const struct rule_forms cloudevent_data_forms = {NULL, NULL, cloudevent_forms};

const struct rule event_rules[] = {
    {FIELD("event_id", RULE_TEXT, event_input, event_id,
           "The event's own id: the same one again changes nothing. ASCII's visible characters"),
     REQUIRED, .min = 8, .max = 64, .example = "example-*"},
    {FIELD("event_type", RULE_ENUM, event_input, type, "Which of the six"),
     REQUIRED, .choices = event_type_names, PRESENT(event_input, has_type)},
    {FIELD("student_id", RULE_ID, event_input, student,
           "Whom it is about: a student's own id when absent, required of others"),
     OPTIONAL, PRESENT(event_input, has_student), .subject = SUBJECT_STUDENT,
     .example = "student-1"},
    {FIELD("timestamp", RULE_TIME, event_input, at_ms,
           "When it happened: at most 90 days ago, at most an hour ahead"),
     REQUIRED, PRESENT(event_input, has_time)},
    {FIELD("source", RULE_TEXT, event_input, source, "Which system saw it"),
     OPTIONAL, .max = REFERENCE_MAX, PRESENT(event_input, has_source)},
    {FIELD("data", RULE_JSON, event_input, data, "What happened, by the type's own fields"),
     REQUIRED, .forms = &data_by_type},
    {0},
};
/* clang-format on */

/* The data of one event, of any type; the event's type says which member is valid. */
union event_data {
    struct exercise_data exercise;
    struct quiz_data quiz;
    struct lesson_data lesson;
    struct activity_data activity;
    struct quality_data quality;
};

/* Fills input->event with the observations that the model counts, and input->warnings, from the
 * checked data. A rule stores an enum as int, so `difficulty` is copied to the domain's struct. The
 * rules never let pass EVENT_TYPES, which is the number of types. */
static void event_input_convert(struct event_input *input, union event_data *data)
{
    switch ((enum event_type)input->type) {
    case EXERCISE_COMPLETED:
        data->exercise.e.difficulty = (enum difficulty)data->exercise.difficulty;
        input->event = event_of_exercise(&data->exercise.e, input->at_ms);
        input->event.topics = data->exercise.topics;
        input->warnings = warnings_of_exercise(&data->exercise.e);
        break;
    case QUIZ_COMPLETED:
        data->quiz.q.difficulty = (enum difficulty)data->quiz.difficulty;
        input->event = event_of_quiz(&data->quiz.q, input->at_ms);
        input->event.topics = data->quiz.topics;
        input->warnings = warnings_of_quiz(&data->quiz.q);
        break;
    case LESSON_VIEWED: input->event = event_of_lesson(&data->lesson.l, input->at_ms); break;
    case QUALITY_ASSESSED: input->event = event_of_quality(&data->quality.q, input->at_ms); break;
    case CONTENT_RATED:
    case MILESTONE_REACHED:
    case EVENT_TYPES: input->event = event_of_activity(input->at_ms); break;
    }
}

/* Adds a field error unless the event id consists of visible ASCII characters. The id is the name
 * of a hash field in Redis and appears in logs. */
static void event_input_check_id(const struct event_input *input, struct arena *arena,
                                 struct problem *p)
{
    for (size_t i = 0; i < input->event_id.n; i++) {
        if (input->event_id.p[i] <= ' ' || input->event_id.p[i] > '~') {
            problem_field(p, arena, STR("event_id"), "must consist of visible ASCII characters");
            return;
        }
    }
}

/* Adds a field error when the event is too old or in the future. An event older than the limit
 * would be older than the stored history; an event in the future shows that the sender's clock is
 * wrong. An event without a readable timestamp has a field error already. */
static void event_input_check_time(const struct event_input *input, int64_t now_ms,
                                   struct arena *arena, struct problem *p)
{
    if (!input->has_time)
        return;
    if (input->at_ms < now_ms - EVENT_AGE_MAX_MS)
        problem_field(p, arena, STR("timestamp"), "must not be older than 90 days");
    else if (input->at_ms > now_ms + EVENT_AHEAD_MAX_MS)
        problem_field(p, arena, STR("timestamp"), "must not be more than an hour in the future");
}

/* Makes all checks even if one fails, so that all faults are reported together; they are in p.
 * Checks here that questions_correct is at most questions_total, because a rule sees only one
 * field. `data` is only needed until the event is converted. */
bool event_input_finish(struct event_input *input, int64_t now_ms, struct arena *arena,
                        struct problem *p)
{
    union event_data *data = arena_zalloc(arena, sizeof(*data));

    if (!data) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    event_input_check_id(input, arena, p);
    event_input_check_time(input, now_ms, arena, p);
    if (input->has_type && input->data &&
        validate_object(data_forms[input->type].fields, input->data, STR("data"), arena, data, p) &&
        input->type == QUIZ_COMPLETED &&
        data->quiz.q.questions_correct > data->quiz.q.questions_total)
        problem_field(p, arena, STR("data.questions_correct"), "must be at most questions_total");
    if (p->code != PROBLEM_NONE)
        return false;
    event_input_convert(input, data);
    return true;
}

/* Writes the member `data` unchanged, including members that no rule knows; when there is no memory
 * for its text, writes an empty object. */
struct str event_input_json(const struct event_input *input, struct str student,
                            struct arena *arena)
{
    struct buf out;
    struct jw w = {.out = &out};
    const char *data = json_object_to_json_string_ext(input->data, JSON_C_TO_STRING_NOSLASHESCAPE);

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_str(&w, "event_id", input->event_id);
    jw_text(&w, "event_type", event_type_names[input->type]);
    jw_str(&w, "student_id", student);
    jw_time(&w, "timestamp", input->at_ms);
    if (input->has_source)
        jw_str(&w, "source", input->source);
    jw_raw(&w, "data", str_of(data ? data : "{}"));
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}
