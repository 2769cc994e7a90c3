/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/mastery/explain: explains a student's score. It reads the student's whole event log,
 * which may take many round trips, so it is a heavy request (ROUTE_HEAVY), like an export.
 * service/explain.c decides what is read, domain/explain.c computes. */
#include "app/ingest/stored_event.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"

/* Callback of arena_defer: releases what the reading holds when the request has ended. */
static void explain_on_reset(void *explain)
{
    explain_release(explain);
}

/* Starts an explanation. explain_init allocates memory for the reading, which explain_on_reset
 * releases. The function that parses an event is passed as a pointer, because app/service must not
 * call app/ingest. Returns NULL when out of memory. */
static struct explain *explain_begin(struct exchange *x)
{
    const struct student_input *input = x->input;
    struct explain *explain = exchange_new_state(x, sizeof(*explain));

    if (!explain || !arena_defer(x->arena, explain_on_reset, explain))
        return NULL;
    explain->student = input->student;
    explain->now_ms = x->now_ms;
    explain->read_event = stored_event_read;
    explain->arena = x->arena;
    return explain_init(explain) ? explain : NULL;
}

/* Writes an observation from which a component was computed. One that a client has stated without
 * an event (type EVENT_TYPES) has no event id. weight_now is its weight, decayed until now; share
 * is weight_now divided by the weight of all observations of the component. */
static void explain_write_observation(struct jw *w, const struct explained_observation *observation)
{
    bool is_statement = observation->type == EVENT_TYPES;

    jw_object(w, NULL);
    jw_text(w, "event_id", is_statement ? NULL : observation->event_id);
    jw_text(w, "event_type",
            is_statement ? explain_statement_name : event_type_names[observation->type]);
    jw_time(w, "timestamp", observation->at_ms);
    jw_number(w, "value", observation->value);
    jw_number(w, "weight_now", observation->weight);
    jw_number(w, "share", observation->share);
    jw_object_end(w);
}

/* Writes a component with its contribution to the score and its largest observations. other_share
 * is the share of the component's weight that belongs to the observations that are not written. */
static void explain_write_component(struct jw *w, const char *name,
                                    const struct explained_component *component)
{
    jw_object(w, NULL);
    jw_text(w, "component", name);
    jw_number(w, "value", component->value);
    jw_number(w, "weight", component->weight);
    jw_number(w, "contribution", component->contribution);
    jw_number(w, "evidence", component->evidence);
    jw_array(w, "observations");
    for (int i = 0; i < component->observation_count; i++)
        explain_write_observation(w, &component->observations[i]);
    jw_array_end(w);
    jw_number(w, "other_share", component->other_share);
    jw_object_end(w);
}

/* Writes the next level and what is missing to it; null for the highest level. */
static void explain_write_next_level(struct jw *w, const struct explanation *explanation)
{
    if (explanation->level == MASTER) {
        jw_null(w, "next_level");
        return;
    }
    jw_object(w, "next_level");
    jw_text(w, "level", level_names[explanation->level + 1]);
    jw_number(w, "missing", explanation->missing);
    jw_object_end(w);
}

/* Writes how the score would change: on the days ahead without an event (fading), and after one
 * more event (what_if); and what is missing to the next level. */
static void explain_write_changes(struct jw *w, const struct explanation *explanation)
{
    jw_array(w, "fading");
    for (int i = 0; i < EXPLAIN_FADINGS; i++) {
        jw_object(w, NULL);
        jw_int(w, "days", explain_fading_days[i]);
        jw_number(w, "mastery_score", explanation->fading[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
    explain_write_next_level(w, explanation);
    jw_array(w, "what_if");
    for (int i = 0; i < EXPLAIN_WHAT_IFS; i++) {
        const struct explained_what_if *what_if = &explanation->what_if[i];

        jw_object(w, NULL);
        jw_text(w, "event_type", event_type_names[what_if->type]);
        jw_text(w, "assumption", what_if->assumption);
        jw_text(w, "assumption_code", what_if->code);
        jw_number(w, "mastery_score", what_if->score);
        jw_number(w, "change", what_if->change);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Handler of the explanation: one call for each round trip, then the response. */
static enum step mastery_explain(struct exchange *x)
{
    const struct student_input *input = x->input;
    struct explain *explain = x->state ? x->state : explain_begin(x);
    const struct explanation *result;
    struct jw w;

    if (!explain)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    if (explain_step(explain, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    result = &explain->explanation;
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", input->student);
    jw_number(&w, "mastery_score", result->score);
    jw_text(&w, "level", level_names[result->level]);
    jw_time(&w, "calculated_at", result->now_ms);
    jw_array(&w, "components");
    for (int i = 0; i < COMPONENTS; i++)
        explain_write_component(&w, component_names[i], &result->components[i]);
    jw_array_end(&w);
    explain_write_changes(&w, result);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
static const struct rule explain_rules[] = RULES(PATH_STUDENT(student_input));

/* Values of event_type: the types of events from which components are computed, and the name for
 * values that a client has stated without an event. */
static const char *const observation_types[] = {
    "exercise.completed", "quiz.completed", "lesson.viewed", "quality.assessed",
    explain_statement_name, NULL};

static const struct rule explained_observation[] = RULES(
    FIELD(TEXT, "event_id", "The event; null for a statement", .nullable = true),
    FIELD(ENUM, "event_type", "Its type; calculated: the values that POST calculate stated last",
          .choices = observation_types),
    FIELD(TIME, "timestamp", "When it happened"),
    FIELD(NUMBER, "value", "The observed value", .max = 1),
    FIELD(NUMBER, "weight_now", "Its weight, halved every 14 days since timestamp"),
    FIELD(NUMBER, "share", "weight_now as a share of the component's evidence", .max = 1));

static const struct rule explained_component[] = RULES(
    FIELD(ENUM, "component", "Which of the four", .choices = component_names),
    FIELD(NUMBER, "value", "The component, 0 without evidence", .max = 1),
    FIELD(NUMBER, "weight", "With which it counts", .max = 1.001),
    FIELD(NUMBER, "contribution", "value times weight; the sum over the components is the score",
          .max = 1),
    FIELD(NUMBER, "evidence", "Decayed weight of all observations; for consistency the active days "
          "of the last 14, or 5 when stated"),
    FIELD(OBJECTS, "observations", "The ten with the largest shares, largest first; none for "
          "consistency, which comes from active days", .fields = explained_observation),
    FIELD(NUMBER, "other_share", "Share of what is not listed: 1 less the shares above",
          .max = 1));

static const struct rule explained_fading[] = RULES(
    FIELD(INT, "days", "7, 14 or 28 days from today"),
    SHAPE_SCORE("mastery_score", "The score as computed then if nothing happens until then"));

static const struct rule explained_next_level[] = RULES(
    FIELD(ENUM, "level", "The next level", .choices = shape_levels),
    SHAPE_SCORE("missing", "Its floor less the score"));

static const struct rule explained_what_if[] = RULES(
    FIELD(ENUM, "event_type", "Type of the event that is assumed", .choices = event_type_names),
    FIELD(TEXT, "assumption", "The event in words"),
    FIELD(ENUM, "assumption_code", "The same as a code, for a client with words of its own",
          .choices = explain_what_if_codes),
    SHAPE_SCORE("mastery_score", "The score after it"),
    FIELD(NUMBER, "change", "That score less the present one", .min = -1, .max = 1));

static const struct rule explain_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    SHAPE_SCORE("mastery_score", "The score"),
    FIELD(ENUM, "level", "Level of the score", .choices = shape_levels),
    FIELD(TIME, "calculated_at", "Time of this explanation, to which all weights are decayed"),
    FIELD(OBJECTS, "components", "What the score is made of", .fields = explained_component),
    FIELD(OBJECTS, "fading", "The score later, without any event", .fields = explained_fading),
    FIELD(OBJECT, "next_level", "null for a master", .nullable = true,
          .fields = explained_next_level),
    FIELD(OBJECTS, "what_if", "The score after one more event", .fields = explained_what_if),
    SHAPE_CORRELATION);

static const struct route routes[] = {
    {.name = "mastery-explain", .method = GET, .pattern = "/api/v1/mastery/explain/{student_id}",
     .limit_per_minute = 10, .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL | ROUTE_HEAVY,
     .rules = explain_rules, .input_size = sizeof(struct student_input),
     .handler = mastery_explain, .status = 200, .response = explain_response,
     .summary = "Why a student's score is what it is, how it fades, and what would change it"},
};
/* clang-format on */

const struct route_table mastery_explain_routes = {"mastery", routes,
                                                   sizeof(routes) / sizeof(routes[0]), NULL};
