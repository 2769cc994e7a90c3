/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which xAPI statement becomes which learning event. The table at the end of this file says it by
 * verb and activity type; docs/events.md, xAPI, shows the same table to clients. An event's data is
 * built as JSON with the members that a body of POST .../ingest has for its type, so that the rules
 * of event_input.c check it like that of any other event. An extension is a member of a statement's
 * result or context whose key is an IRI of the publisher's choice. */
#include <math.h>

#include "app/base/number.h"
#include "app/http/json_value.h"
#include "app/ingest/xapi_internal.h"
#include "app/ingest/xapi_text.h"

#define XAPI_VERBS      "http://adlnet.gov/expapi/verbs/"
#define XAPI_ACTIVITIES "http://adlnet.gov/expapi/activities/"

/* questions_total of a quiz whose statement does not have that extension */
enum { XAPI_DEFAULT_QUESTIONS = 10 };

/* Builds the path of the field on the stack; field_fail copies what it needs of it. */
void xapi_refuse(const struct xapi_reader *r, const char *outer, const char *name,
                 const char *message)
{
    struct field_path outer_path = {.parent = r->path, .name = str_of(outer)};

    field_fail(r->binding,
               &(struct field_path){.parent = outer ? &outer_path : r->path, .name = str_of(name)},
               message);
}

/* ---- extensions ---- */

/* Returns the part of an IRI after its last '/', '#' or ':'; the whole IRI when it has none. */
static struct str xapi_last_segment(struct str iri)
{
    size_t n = iri.n;

    while (n > 0 && !strchr("/#:", iri.p[n - 1]))
        n--;
    return (struct str){iri.p + n, iri.n - n};
}

/* Finds the extension of parent (the statement's result or context) whose IRI ends with the segment
 * `name`; the part before it is the publisher's choice. Returns its value and sets *ret_iri to the
 * whole IRI. NULL when there is none. */
static struct json_object *xapi_extension_in(struct json_object *parent, const char *name,
                                             struct str *ret_iri)
{
    struct json_object *extensions = json_value_member(parent, "extensions");
    struct json_object_iterator i, end;

    if (!extensions)
        return NULL;
    i = json_object_iter_begin(extensions);
    end = json_object_iter_end(extensions);
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        struct str iri = str_of(json_object_iter_peek_name(&i));

        if (str_equal(xapi_last_segment(iri), str_of(name))) {
            *ret_iri = iri;
            return json_object_iter_peek_value(&i);
        }
    }
    return NULL;
}

/* Finds an extension by the last segment of its IRI, first in the result, then in the context. NULL
 * when neither has it. */
static struct json_object *xapi_extension(const struct xapi_reader *r, const char *name,
                                          struct str *ret_iri)
{
    struct json_object *found = xapi_extension_in(r->result, name, ret_iri);

    return found ? found : xapi_extension_in(r->context, name, ret_iri);
}

/* Adds a field error at the extension with that IRI. */
static void xapi_refuse_extension(const struct xapi_reader *r, struct str iri, const char *message)
{
    field_fail(r->binding, &(struct field_path){.parent = r->path, .name = iri}, message);
}

/* Reads an extension that must be a number in [min, max]. False when the extension is absent, and
 * with a field error when its value is no such number. With false *ret keeps its value, so that
 * callers can set a default before the call and ignore the result. */
static bool xapi_read_number(const struct xapi_reader *r, const char *name, double min, double max,
                             double *ret)
{
    struct str iri;
    struct json_object *json = xapi_extension(r, name, &iri);
    double value;

    if (!json)
        return false;
    value = json_object_get_double(json);
    if (json_value_is_number(json) && value >= min && value <= max) {
        *ret = value;
        return true;
    }
    xapi_refuse_extension(r, iri, "has a value out of range");
    return false;
}

/* ---- members of the event's data ---- */

/* Adds a text to the event's data. */
static void xapi_add_text(struct xapi_reader *r, const char *name, struct str text)
{
    (void)json_object_object_add(r->data, name, json_object_new_string_len(text.p, (int)text.n));
}

/* Adds a number to the event's data with the digits that number_print makes of it, because json-c
 * itself would print a double in another form. */
static void xapi_add_number(struct xapi_reader *r, const char *name, double value)
{
    char text[NUMBER_TEXT_MAX];

    (void)number_print(value, text);
    (void)json_object_object_add(r->data, name, json_object_new_double_s(value, text));
}

/* Adds the result's duration in seconds to the event's data; 0 when the result has none. */
static void xapi_add_duration(struct xapi_reader *r, const char *name)
{
    double seconds = 0;
    struct str duration = json_value_member_text(r->result, "duration");

    if (duration.p)
        (void)xapi_parse_duration(duration, &seconds);
    xapi_add_number(r, name, seconds);
}

/* Adds the extension `name`, a number from 0 to 1e6, to the event's data, rounded down to a whole
 * number. Adds nothing when the extension is absent. */
static void xapi_add_count(struct xapi_reader *r, const char *name)
{
    double count;

    if (xapi_read_number(r, name, 0, 1e6, &count))
        xapi_add_number(r, name, floor(count));
}

/* Adds the member `difficulty` to the event's data: the extension of that name, else default_name.
 * When the extension is absent and default_name is NULL, no member is added. An extension with an
 * unknown difficulty is a field error. */
static void xapi_add_difficulty(struct xapi_reader *r, const char *default_name)
{
    struct str iri, text = str_of(default_name);
    struct json_object *json = xapi_extension(r, "difficulty", &iri);

    if (json)
        text = json_value_text(json);
    for (int i = 0; i < DIFFICULTIES; i++) {
        if (str_equal(text, str_of(difficulty_names[i]))) {
            xapi_add_text(r, "difficulty", text);
            return;
        }
    }
    if (json)
        xapi_refuse_extension(r, iri, "must be one of easy, medium, hard, expert");
}

/* ---- quizzes ---- */

/* Sets *ret to the result's score as a share of the points, 0 to 1: score.scaled, where a negative
 * value counts as 0, else the place of score.raw between min and max. False when the result has
 * neither, and when numbers that are too large make the share infinite. */
static bool xapi_score_share(const struct xapi_reader *r, double *ret)
{
    struct json_object *score = json_value_member(r->result, "score");
    struct json_object *scaled = json_value_member(score, "scaled");
    struct json_object *raw = json_value_member(score, "raw");
    struct json_object *min = json_value_member(score, "min");
    struct json_object *max = json_value_member(score, "max");

    if (scaled) {
        *ret = fmax(0, json_object_get_double(scaled));
        return true;
    }
    if (!raw || !min || !max)
        return false;
    *ret = number_round12((json_object_get_double(raw) - json_object_get_double(min)) /
                          (json_object_get_double(max) - json_object_get_double(min)));
    return isfinite(*ret);
}

/* Fills the data of a quiz from a score in [0,1] and returns QUIZ_COMPLETED. The numbers of
 * questions are those of the extensions. Without them the total is XAPI_DEFAULT_QUESTIONS, and the
 * number of correct ones is score * total, rounded. */
static enum event_type xapi_add_quiz(struct xapi_reader *r, double score)
{
    double total = XAPI_DEFAULT_QUESTIONS, correct;

    (void)xapi_read_number(r, "questions_total", 1, 1e6, &total);
    total = floor(total);
    correct = rint(score * total);
    (void)xapi_read_number(r, "questions_correct", 0, total, &correct);
    xapi_add_text(r, "quiz_id", r->object_id);
    xapi_add_number(r, "score", score);
    xapi_add_number(r, "questions_total", total);
    xapi_add_number(r, "questions_correct", floor(correct));
    xapi_add_duration(r, "time_spent_seconds");
    xapi_add_difficulty(r, NULL);
    return QUIZ_COMPLETED;
}

/* Maps a quiz whose score is required: without one there is a field error. */
static enum event_type xapi_map_scored_quiz(struct xapi_reader *r)
{
    double score;

    if (xapi_score_share(r, &score))
        return xapi_add_quiz(r, score);
    xapi_refuse(r, "result", "score", "is required: scaled, or raw with min and max");
    return QUIZ_COMPLETED;
}

/* Maps a quiz with the verb passed. The verbs passed and failed need no score: without one, passed
 * counts as 1 and failed as 0. */
static enum event_type xapi_map_passed_quiz(struct xapi_reader *r)
{
    double score = 1;

    (void)xapi_score_share(r, &score);
    return xapi_add_quiz(r, score);
}

/* Like xapi_map_passed_quiz, for the verb failed. */
static enum event_type xapi_map_failed_quiz(struct xapi_reader *r)
{
    double score = 0;

    (void)xapi_score_share(r, &score);
    return xapi_add_quiz(r, score);
}

/* ---- lessons, exercises, submissions ---- */

/* Returns the percentage of a lesson that was seen, from the extension progress or, when that is
 * absent, completion_percentage; 100 without both. progress is a percentage, 0 to 100, as cmi5
 * defines it, but a share, 0 to 1, when its IRI is that of the xAPI video profile. */
static double xapi_progress_percent(const struct xapi_reader *r)
{
    struct str iri = {0};
    double percent = 100;
    bool is_video = xapi_extension(r, "progress", &iri) &&
                    str_starts_with(iri, STR("https://w3id.org/xapi/video/"));

    if (xapi_read_number(r, "progress", 0, is_video ? 1 : 100, &percent))
        return is_video ? number_round12(percent * 100) : percent;
    (void)xapi_read_number(r, "completion_percentage", 0, 100, &percent);
    return percent;
}

/* Maps statements about a lesson, course or module; and statements about any activity whose verb is
 * "experienced" (an xAPI verb). */
static enum event_type xapi_map_lesson(struct xapi_reader *r)
{
    xapi_add_text(r, "lesson_id", r->object_id);
    xapi_add_duration(r, "duration_seconds");
    xapi_add_number(r, "completion_percentage", xapi_progress_percent(r));
    return LESSON_VIEWED;
}

/* Maps the response to one question to an exercise. Its correctness is result.success (1 or 0),
 * else the score; a field error when the result has neither. */
static enum event_type xapi_map_exercise(struct xapi_reader *r)
{
    struct json_object *success = json_value_member(r->result, "success");
    double correctness = json_object_get_boolean(success) ? 1 : 0;

    if (!success && !xapi_score_share(r, &correctness))
        xapi_refuse(r, "result", "success", "is required, or a score");
    xapi_add_text(r, "exercise_id", r->object_id);
    xapi_add_difficulty(r, "medium");
    xapi_add_duration(r, "time_spent_seconds");
    xapi_add_number(r, "completion_rate", 1);
    xapi_add_number(r, "correctness", correctness);
    xapi_add_count(r, "hints_used");
    xapi_add_count(r, "retries");
    return EXERCISE_COMPLETED;
}

/* Maps the verb scored: to a submission (QUALITY_ASSESSED) when an extension has one of the three
 * required scores of submissions, which must then all be there, else to a quiz. The fourth score,
 * that of the peers, is optional. */
static enum event_type xapi_map_scored(struct xapi_reader *r)
{
    static const char *const names[] = {"code_quality_score", "correctness_score",
                                        "efficiency_score", "peer_review_score"};
    enum { REQUIRED = 3, ALL };
    struct str iri;
    bool is_submission = false;

    for (int i = 0; i < REQUIRED; i++)
        is_submission = is_submission || xapi_extension(r, names[i], &iri);
    if (!is_submission)
        return xapi_map_scored_quiz(r);
    xapi_add_text(r, "submission_id", r->object_id);
    for (int i = 0; i < ALL; i++) {
        double score;

        if (xapi_read_number(r, names[i], 0, 1, &score))
            xapi_add_number(r, names[i], score);
        else if (i < REQUIRED && !xapi_extension(r, names[i], &iri))
            xapi_refuse(r, "result.extensions", names[i],
                        "is required together with the other scores");
    }
    return QUALITY_ASSESSED;
}

/* ---- which statement becomes which event ---- */

struct xapi_mapping {
    const char *verb;          /* the verb's IRI without the prefix XAPI_VERBS */
    const char *activities[6]; /* NULL-terminated activity types, without the prefix
                                * XAPI_ACTIVITIES; an empty list: any type, or none */
    bool or_untyped;           /* true: also activities without a type */
    /* fills r->data; adds field errors for what is missing; returns the event's type */
    enum event_type (*map)(struct xapi_reader *r);
};

/* The first row whose verb and activity type fit the statement is used. */
static const struct xapi_mapping mappings[] = {
    {"completed", {"assessment", NULL}, false, xapi_map_scored_quiz},
    {"completed", {"lesson", "course", "module", NULL}, false, xapi_map_lesson},
    {"passed", {"assessment", NULL}, false, xapi_map_passed_quiz},
    {"failed", {"assessment", NULL}, false, xapi_map_failed_quiz},
    {"attempted", {"lesson", "course", "module", NULL}, false, xapi_map_lesson},
    {"experienced", {NULL}, true, xapi_map_lesson},
    {"answered", {"question", "interaction", "cmi.interaction", NULL}, true, xapi_map_exercise},
    {"scored", {NULL}, true, xapi_map_scored},
};

/* True when the IRI is the prefix followed by the name. */
static bool xapi_iri_is(struct str iri, const char *prefix, const char *name)
{
    return str_starts_with(iri, str_of(prefix)) &&
           str_equal((struct str){iri.p + strlen(prefix), iri.n - strlen(prefix)}, str_of(name));
}

/* True when the row is for the activity type; activity.p is NULL when the activity has none. */
static bool xapi_activity_fits(const struct xapi_mapping *mapping, struct str activity)
{
    if (!mapping->activities[0])
        return true;
    if (!activity.p)
        return mapping->or_untyped;
    for (size_t i = 0; mapping->activities[i]; i++) {
        if (xapi_iri_is(activity, XAPI_ACTIVITIES, mapping->activities[i]))
            return true;
    }
    return false;
}

/* Looks for a row with the verb and the activity type of the statement. The field error is at the
 * activity type when another row has the verb, else at the verb. */
const struct xapi_mapping *xapi_find_mapping(const struct xapi_reader *r)
{
    struct str verb = json_value_member_text(json_value_member(r->statement, "verb"), "id");
    struct json_object *object = json_value_member(r->statement, "object");
    struct str activity = json_value_member_text(json_value_member(object, "definition"), "type");
    bool is_known_verb = false;

    for (size_t i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++) {
        if (!xapi_iri_is(verb, XAPI_VERBS, mappings[i].verb))
            continue;
        if (xapi_activity_fits(&mappings[i], activity))
            return &mappings[i];
        is_known_verb = true;
    }
    if (is_known_verb)
        xapi_refuse(r, "object", "definition.type",
                    "cannot be mapped together with this verb: see the table of docs/events.md");
    else
        xapi_refuse(r, "verb", "id",
                    "cannot be mapped: completed, passed, failed, attempted, experienced, answered "
                    "and scored of " XAPI_VERBS " can");
    return NULL;
}

enum event_type xapi_map_data(const struct xapi_mapping *mapping, struct xapi_reader *r)
{
    return mapping->map(r);
}
