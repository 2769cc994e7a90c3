/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/mastery/topics: a student's mastery by topic. domain/topics.c has the formulas,
 * store/topics.c reads the evidence for each topic, which recorded events have added up. */
#include "app/domain/topics.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/mastery_json.h"
#include "app/store/topics.h"

struct topics_input {
    struct str student;
    int64_t limit; /* most topics in the response */
};

/* State of the request between its steps. */
struct topics_state {
    struct command *command; /* reads the topics */
};

/* Handler of topics: one round trip, then the student's weakest topics. A student whose events name
 * no topic gets an empty list, one without any data 404. */
static enum step mastery_topics(struct exchange *x)
{
    const struct topics_input *input = x->input;
    struct topics_state *state = x->state;
    struct student_topics topics;
    size_t n;
    struct jw w;

    if (!state) {
        state = exchange_new_state(x, sizeof(*state));
        if (!state)
            return STEP_DONE;
        state->command = student_cmd_topics(&x->pipeline, input->student);
        return STEP_MORE;
    }
    if (!student_parse_topics(state->command, &topics, &x->problem))
        return STEP_DONE;
    if (!topics.exists)
        return exchange_fail_with(x, PROBLEM_NOT_FOUND, "There is no data about this student");
    topics_rank(topics.v, topics.n, x->now_ms);
    n = topics.n < (size_t)input->limit ? topics.n : (size_t)input->limit;
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", input->student);
    jw_int(&w, "count", (int64_t)n);
    jw_array(&w, "topics");
    for (size_t i = 0; i < n; i++)
        mastery_write_topic(&w, &topics.v[i], x->now_ms);
    jw_array_end(&w);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* clang-format off */
static const struct rule topics_rules[] = RULES(
    PATH_STUDENT(topics_input),
    QUERY(INT, "limit", topics_input, limit, "Most topics in the response", .min = 1,
          .max = STUDENT_TOPICS_MAX, .default_value = 50));

static const struct rule topic_fields[] = RULES(
    FIELD(ID, "topic_id", "The topic, as events name it"),
    SHAPE_SCORE("mastery", "Near the mean of all topics while it has little evidence"),
    FIELD(ENUM, "level", "Level of that value", .choices = shape_levels),
    FIELD(NUMBER, "evidence", "The decayed weight of the topic's observations"),
    FIELD(TIME, "last_event_at", "Time of the topic's latest event"));

static const struct rule topics_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(INT, "count", "Topics in the response"),
    FIELD(OBJECTS, "topics", "The weakest first, of equal ones by their ids",
          .fields = topic_fields),
    SHAPE_CORRELATION);

static const struct route routes[] = {
    {.name = "mastery-topics", .method = GET, .pattern = "/api/v1/mastery/topics/{student_id}",
     .limit_per_minute = 20, .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL,
     .rules = topics_rules, .input_size = sizeof(struct topics_input), .handler = mastery_topics,
     .status = 200, .response = topics_response,
     .summary = "A student's mastery by topic, the weakest first"},
};
/* clang-format on */

const struct route_table mastery_topics_routes = {
    "topics", routes, sizeof(routes) / sizeof(routes[0]), "A student's mastery by topic"};
