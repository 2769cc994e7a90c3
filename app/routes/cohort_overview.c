/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/cohorts/{cohort_id}/overview: shows the members of a cohort page by page, sorted by their
 * need for a teacher's attention or otherwise, with figures of the whole cohort. All members are
 * read for every page, because rank and figures depend on all of them (service/overview.h). */
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/overview.h"
#include "app/service/statistics_json.h"
#include "app/store/cohort.h"

/* OVERVIEW_PAGE_MAX: most students in one page. OVERVIEW_ARENA_FIRST, OVERVIEW_ARENA_CAP: bytes of
 * the arena that holds the commands and replies of one pipeline, at first and at most. */
enum {
    OVERVIEW_PAGE_MAX = 200,
    OVERVIEW_ARENA_FIRST = 64 << 10,
    OVERVIEW_ARENA_CAP = 64 << 20,
    OVERVIEW_TOPICS = 20, /* most topics of the cohort in the response */
};

struct overview_input {
    struct str cohort;
    int64_t offset, limit; /* students to skip, and most students on the page */
    int sort;              /* enum overview_sort */
};

struct overview_state {
    struct command *cohort_cmd; /* reads the cohort's record */
    /* the parsed record; its member `exists` is true once the reply was parsed */
    struct cohort cohort;
    struct overview overview;
};

/* ---- reading ---- */

/* Parses the cohort and prepares the reading of its members. The replies about members go into a
 * separate arena, which each step empties; the cohort stays in the arena of the request. Returns
 * false with x->problem set, to 404 if there is no such cohort. */
static bool overview_begin(struct exchange *x, struct overview_state *state)
{
    const struct overview_input *input = x->input;
    struct overview *overview = &state->overview;

    if (!cohort_parse(state->cohort_cmd, x->arena, input->cohort, &state->cohort, &x->problem))
        return false;
    if (!state->cohort.exists) {
        problem_set(&x->problem, PROBLEM_NOT_FOUND, NULL);
        return false;
    }
    overview->config = &x->engine->config;
    overview->cache = x->engine->overview_cache;
    overview->now_ms = x->now_ms;
    overview->reply_arena = exchange_new_arena(x, OVERVIEW_ARENA_FIRST, OVERVIEW_ARENA_CAP);
    if (!overview->reply_arena)
        return false;
    pipeline_init(&x->pipeline, overview->reply_arena, x);
    return overview_fill(overview, state->cohort.students, x->arena, &x->problem);
}

/* ---- the response ---- */

/* Writes how many members have each level. "none" counts those without data. Members who have
 * withdrawn consent to analytics are not counted. */
static void overview_write_levels(struct jw *w, const struct overview *overview)
{
    int64_t counts[LEVELS] = {0}, none = 0;

    for (size_t i = 0; i < overview->n; i++) {
        if (overview->members[i].kind == OVERVIEW_KNOWN)
            counts[overview->members[i].level]++;
        if (overview->members[i].kind == OVERVIEW_NO_DATA)
            none++;
    }
    jw_object(w, "levels");
    for (int level = 0; level < LEVELS; level++)
        jw_int(w, level_names[level], counts[level]);
    jw_int(w, "none", none);
    jw_object_end(w);
}

/* Writes the summary of the members' scores. scores is scratch memory with room for all members. */
static void overview_write_summary(struct jw *w, const struct overview *overview, double *scores)
{
    struct summary summary;
    size_t n = 0;

    for (size_t i = 0; i < overview->n; i++) {
        if (overview->members[i].kind == OVERVIEW_KNOWN)
            scores[n++] = overview->members[i].score;
    }
    sort_values(scores, n);
    summary_of_sorted(scores, n, &summary);
    statistics_write_summary(w, "summary", &summary);
}

/* Writes the reasons as codes with numbers, for a client that has texts of its own. no_data: there
 * is no data about the member, which is then the only reason and has no number. */
static void overview_write_reason_values(struct jw *w, const struct attention_found *found,
                                         size_t n, bool no_data)
{
    jw_array(w, "reason_values");
    for (size_t i = 0; i < n; i++) {
        jw_object(w, NULL);
        jw_text(w, "reason", attention_codes[found[i].reason]);
        jw_number(w, "value", found[i].value);
        jw_object_end(w);
    }
    if (no_data) {
        jw_object(w, NULL);
        jw_text(w, "reason", attention_codes[ATTENTION_NO_DATA]);
        jw_null(w, "value");
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Writes how much a member needs a teacher's attention: the rank among the members, and the
 * reasons. */
static void overview_write_attention(struct exchange *x, struct jw *w,
                                     const struct overview_member *member)
{
    struct attention_found found[ATTENTION_REASONS];
    size_t n =
        member->kind == OVERVIEW_KNOWN ? attention_reasons(&member->facts, x->arena, found) : 0;
    bool no_data = member->kind == OVERVIEW_NO_DATA;

    jw_object(w, "attention");
    jw_int(w, "rank", (int64_t)member->rank);
    jw_array(w, "reasons");
    for (size_t i = 0; i < n; i++)
        jw_str(w, NULL, found[i].text);
    if (no_data)
        jw_text(w, NULL, attention_no_activity);
    jw_array_end(w);
    overview_write_reason_values(w, found, n, no_data);
    jw_object_end(w);
}

/* Writes the weakest topics of a member; an empty list for a member without data. */
static void overview_write_weakest(struct jw *w, const struct overview_member *member)
{
    jw_array(w, "weakest_topics");
    for (size_t i = 0; i < member->weakest_count; i++) {
        jw_object(w, NULL);
        jw_str(w, "topic_id", member->weakest[i].id);
        jw_number(w, "mastery", member->weakest[i].mastery);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Writes the weakest topics of the cohort, the weakest first, OVERVIEW_TOPICS at most. Each has the
 * mean mastery of the students who have the topic, and their number. */
static void overview_write_topics(struct jw *w, const struct topic_means *topics)
{
    jw_array(w, "topics");
    for (size_t i = 0; i < topics->n && i < OVERVIEW_TOPICS; i++) {
        jw_object(w, NULL);
        jw_str(w, "topic_id", topics->places[i].id);
        jw_number(w, "mean", topic_mean_value(&topics->places[i]));
        jw_int(w, "students", (int64_t)topics->places[i].students);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Writes the figures of a member with data. */
static void overview_write_figures(struct jw *w, const struct overview_member *member)
{
    jw_number(w, "mastery_score", member->score);
    jw_text(w, "level", level_names[member->level]);
    jw_text(w, "trend", member->outlook.trend);
    statistics_write_or_null(w, "change_7_days", member->outlook.has_change,
                             member->outlook.change);
    jw_number(w, "predicted_score", member->outlook.predicted_score);
    statistics_write_interval(w, "interval", &member->outlook.interval);
    jw_time(w, "last_active", member->last_active_ms);
}

/* Writes the same JSON members as overview_write_figures, for a student without data: null instead
 * of numbers. */
static void overview_write_no_figures(struct jw *w)
{
    static const char *const unknown[] = {"trend",    "change_7_days", "predicted_score",
                                          "interval", "last_active",   NULL};

    jw_null(w, "mastery_score");
    jw_text(w, "level", "none");
    for (const char *const *name = unknown; *name; name++)
        jw_null(w, *name);
}

/* Writes one student. Of a student who has withdrawn consent to analytics only that fact is shown.
 */
static void overview_write_member(struct exchange *x, struct jw *w,
                                  const struct overview_member *member)
{
    jw_object(w, NULL);
    jw_str(w, "student_id", member->id);
    if (member->kind == OVERVIEW_WITHDRAWN) {
        jw_text(w, "consent", "withdrawn");
    } else {
        if (member->kind == OVERVIEW_KNOWN)
            overview_write_figures(w, member);
        else
            overview_write_no_figures(w);
        overview_write_attention(x, w, member);
        overview_write_weakest(w, member);
    }
    jw_object_end(w);
}

/* Writes one page of the sorted members. The ids of the students shown are passed to the audit log.
 */
static void overview_write_page(struct exchange *x, struct jw *w, const struct overview *overview)
{
    const struct overview_input *input = x->input;
    size_t first = (size_t)input->offset < overview->n ? (size_t)input->offset : overview->n;
    size_t n =
        overview->n - first < (size_t)input->limit ? overview->n - first : (size_t)input->limit;

    /* when out of memory for the list, the audit record names no students */
    x->audit_subjects.v = arena_array(x->arena, n, sizeof(*x->audit_subjects.v));
    jw_array(w, "students");
    for (size_t i = first; i < first + n; i++) {
        overview_write_member(x, w, &overview->members[i]);
        if (x->audit_subjects.v)
            x->audit_subjects.v[x->audit_subjects.n++] = overview->members[i].id;
    }
    jw_array_end(w);
}

/* Sorts the members as requested and writes the response. */
static enum step overview_respond(struct exchange *x, struct overview_state *state)
{
    const struct overview_input *input = x->input;
    struct overview *overview = &state->overview;
    double *scores = arena_array(x->arena, overview->n, sizeof(*scores));
    struct jw w;

    if (!scores)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    overview_order(overview, (enum overview_sort)input->sort);
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "cohort_id", input->cohort);
    jw_str(&w, "name", state->cohort.name);
    jw_int(&w, "total", (int64_t)overview->n);
    jw_int(&w, "offset", input->offset);
    overview_write_levels(&w, overview);
    overview_write_summary(&w, overview, scores);
    overview_write_page(x, &w, overview);
    overview_write_topics(&w, &overview->topics);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* Handler of cohort-overview. Its steps: read the cohort; read its members, over as many round
 * trips as needed; respond. */
static enum step cohort_overview(struct exchange *x)
{
    const struct overview_input *input = x->input;
    struct overview_state *state = x->state;

    if (!state) {
        state = exchange_new_state(x, sizeof(*state));
        if (!state)
            return STEP_DONE;
        state->cohort_cmd = cohort_cmd_get(&x->pipeline, input->cohort);
        return STEP_MORE;
    }
    if (!state->cohort.exists && !overview_begin(x, state))
        return STEP_DONE;
    if (overview_step(&state->overview, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    return x->problem.code == PROBLEM_NONE ? overview_respond(x, state) : STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
static const struct rule overview_rules[] = RULES(
    PATH_ID("cohort_id", overview_input, cohort, SUBJECT_GROUP, "The cohort"),
    QUERY(INT, "offset", overview_input, offset, "How many students to skip", .max = 1000000),
    QUERY(INT, "limit", overview_input, limit, "How many students to show", .min = 1,
          .max = OVERVIEW_PAGE_MAX, .default_value = 50),
    QUERY(ENUM, "sort", overview_input, sort,
          "Their order: who needs attention most, lowest score, declining trend, or id first",
          .choices = overview_sort_names, .default_value = OVERVIEW_BY_ATTENTION));

#define STUDENTS_OF(level) FIELD(INT, level, "Students of this level")
static const struct rule overview_levels[] = RULES(
    STUDENTS_OF("novice"), STUDENTS_OF("developing"), STUDENTS_OF("proficient"),
    STUDENTS_OF("master"), FIELD(INT, "none", "Students without data"));

static const struct rule reason_value[] = RULES(
    FIELD(ENUM, "reason", "Code of the reason", .choices = attention_codes),
    FIELD(NUMBER, "value", "low_prediction: the predicted score; fall: how far the score fell in 7 "
          "days; inactive: days without activity; null for no_activity", .nullable = true));

static const struct rule attention_fields[] = RULES(
    FIELD(INT, "rank", "1: needs attention most"),
    FIELD(TEXTS, "reasons", "Why: texts for a teacher; may be empty"),
    FIELD(OBJECTS, "reason_values", "The same reasons as codes with their numbers",
          .fields = reason_value));

static const char *const overview_level_names[] = {"novice", "developing", "proficient", "master",
                                                   "none", NULL};
static const char *const overview_consents[] = {"withdrawn", NULL};

static const struct rule student_topic[] = RULES(
    FIELD(ID, "topic_id", "The topic, as events name it"),
    SHAPE_SCORE("mastery", "As in mastery/topics"));

static const struct rule cohort_topic[] = RULES(
    FIELD(ID, "topic_id", "The topic, as events name it"),
    SHAPE_SCORE("mean", "Of the mastery of the students who have the topic"),
    FIELD(INT, "students", "How many have it"));

static const struct rule overview_student[] = RULES(
    SHAPE_STUDENT,
    OPTIONAL(ENUM, "consent", "There when consent to analytics is withdrawn; then nothing else is",
             .choices = overview_consents),
    OPTIONAL(NUMBER, "mastery_score", "The present score; null without data", .nullable = true,
             .max = 1),
    OPTIONAL(ENUM, "level", "Level of that score; none without data",
             .choices = overview_level_names),
    OPTIONAL(ENUM, "trend", "As in predictions/next-week; null without data", .nullable = true,
             .choices = shape_trends),
    OPTIONAL(NUMBER, "change_7_days",
             "Change of the score in 7 days; null without an earlier score",
             .nullable = true, .min = -1, .max = 1),
    OPTIONAL(NUMBER, "predicted_score", "As in predictions/next-week; null without data",
             .nullable = true, .max = 1),
    OPTIONAL(OBJECT, "interval", "Of predicted_score; null without data", .nullable = true,
             SHAPE_OF_INTERVAL),
    OPTIONAL(TIME, "last_active", "Time of the latest event or statement; null without data",
             .nullable = true),
    OPTIONAL(OBJECT, "attention", "How much the student needs a teacher's attention",
             .fields = attention_fields),
    OPTIONAL(OBJECTS, "weakest_topics", "The student's three weakest topics, the weakest first",
             .fields = student_topic));

static const struct rule overview_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(ID, "cohort_id", "The cohort"), FIELD(TEXT, "name", "Its name"),
    FIELD(INT, "total", "How many students are in it"),
    FIELD(INT, "offset", "As requested"),
    FIELD(OBJECT, "levels", "How many students have each level", .fields = overview_levels),
    FIELD(OBJECT, "summary", "Of the present scores", SHAPE_OF_SUMMARY),
    FIELD(OBJECTS, "students", "The page, in the order requested", .fields = overview_student),
    FIELD(OBJECTS, "topics", "The cohort's 20 weakest topics, the weakest first",
          .fields = cohort_topic),
    SHAPE_CORRELATION);

static const struct route routes[] = {
    {.name = "cohort-overview", .method = GET, .pattern = "/api/v1/cohorts/{cohort_id}/overview",
     .limit_per_minute = 20, .access = ACCESS_READ_COHORT, .flags = ROUTE_PERSONAL | ROUTE_HEAVY,
     .rules = overview_rules, .input_size = sizeof(struct overview_input),
     .handler = cohort_overview, .status = 200, .response = overview_response,
     .summary = "A cohort's students, those who need attention first"},
};
/* clang-format on */

const struct route_table cohort_overview_routes = {"cohorts", routes,
                                                   sizeof(routes) / sizeof(routes[0]), NULL};
