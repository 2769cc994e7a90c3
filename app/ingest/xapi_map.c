/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides which xAPI statement becomes which learning event, by the table of verbs at the end of
 * this file; docs/events.md, xAPI, shows the same table to clients. An event's data is built as
 * JSON with the members that a body of POST .../ingest has for its type, so that the rules of
 * event_input.c check it like that of any other event. An extension is a member of a statement's
 * result or context whose key is an IRI of the publisher's choice. */
#include <math.h>

#include "app/base/ids.h"
#include "app/base/number.h"
#include "app/domain/topics.h"
#include "app/http/json_value.h"
#include "app/ingest/xapi_internal.h"
#include "app/ingest/xapi_text.h"

#define XAPI_ACTIVITIES "http://adlnet.gov/expapi/activities/"

/* number of questions of a quiz whose statement has no extension questions_total */
enum { XAPI_DEFAULT_QUESTIONS = 10 };

/* Builds the path of the field on the stack; field_fail copies it. */
void xapi_refuse(const struct xapi_reader *reader, const char *outer, const char *name,
                 const char *message)
{
    struct field_path outer_path = {.parent = reader->path, .name = str_of(outer)};

    field_fail(
        reader->binding,
        &(struct field_path){.parent = outer ? &outer_path : reader->path, .name = str_of(name)},
        message);
}

/* Returns whether the IRI is the prefix followed by the name. */
static bool xapi_iri_is(struct str iri, const char *prefix, const char *name)
{
    return str_starts_with(iri, str_of(prefix)) &&
           str_equal((struct str){iri.p + strlen(prefix), iri.n - strlen(prefix)}, str_of(name));
}

/* ---- extensions ---- */

/* The extensions that are used. Those that this engine defines have the path /xapi/extensions/NAME
 * on any host, because the publisher chooses the host; the two others are defined by the profiles
 * of cmi5 and of xAPI video. Other extensions are ignored, because only their publishers know their
 * meaning. */
#define OWN_EXTENSION(name) "/xapi/extensions/" name
#define CMI5_PROGRESS       "https://w3id.org/xapi/cmi5/result/extensions/progress"
#define VIDEO_PROGRESS      "https://w3id.org/xapi/video/extensions/progress"

/* Returns whether the IRI is the wanted one: a whole IRI or, if `wanted` begins with a slash, a
 * path on any host, by http or https. */
static bool xapi_extension_fits(struct str iri, struct str wanted)
{
    struct str path = iri, scheme = str_cut(&path, ':');

    if (wanted.p[0] != '/')
        return str_equal(iri, wanted);
    if (!str_starts_with(scheme, STR("http")) || !str_starts_with(path, STR("//")))
        return false;
    path = (struct str){path.p + 2, path.n - 2};
    (void)str_cut(&path, '/');
    wanted = (struct str){wanted.p + 1, wanted.n - 1};
    return str_equal(path, wanted);
}

/* Returns the value of an extension of parent (the statement's result or context); NULL when there
 * is none. wanted: a whole IRI, or a path on any host. */
static struct json_object *xapi_extension_in(struct json_object *parent, struct str wanted)
{
    struct json_object *extensions = json_value_member(parent, "extensions");
    struct json_object_iterator i, end;

    if (!extensions)
        return NULL;
    i = json_object_iter_begin(extensions);
    end = json_object_iter_end(extensions);
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        if (xapi_extension_fits(str_of(json_object_iter_peek_name(&i)), wanted))
            return json_object_iter_peek_value(&i);
    }
    return NULL;
}

/* Returns the value of an extension, from the result or else from the context; NULL when neither
 * has it. wanted: a whole IRI, or a path on any host. */
static struct json_object *xapi_extension(const struct xapi_reader *reader, const char *wanted)
{
    struct json_object *found = xapi_extension_in(reader->result, str_of(wanted));

    return found ? found : xapi_extension_in(reader->context, str_of(wanted));
}

/* Reads an extension that must be a number in [min, max]. Returns false, with *ret unchanged, when
 * it is absent or has another value: values of extensions must never make a statement invalid
 * (xAPI-Data.md, 4.1). */
static bool xapi_read_number(const struct xapi_reader *reader, const char *wanted, double min,
                             double max, double *ret)
{
    struct json_object *json = xapi_extension(reader, wanted);
    /* 0 if json is not a number; value is then not used */
    double value = json_object_get_double(json);

    if (!json_value_is_number(json) || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

/* ---- members of the event's data ---- */

/* Adds a text to the event's data. */
static void xapi_add_text(struct xapi_reader *reader, const char *name, struct str text)
{
    (void)json_object_object_add(reader->data, name,
                                 json_object_new_string_len(text.p, (int)text.n));
}

/* Adds a number to the event's data with the digits of number_print, because json-c itself would
 * print a double in another form. */
static void xapi_add_number(struct xapi_reader *reader, const char *name, double value)
{
    char text[NUMBER_TEXT_MAX];

    (void)number_print(value, text);
    (void)json_object_object_add(reader->data, name, json_object_new_double_s(value, text));
}

/* Adds the result's duration in seconds to the event's data; 0 when the result has none. A duration
 * beyond EVENT_SECONDS_MAX is valid in a statement, and counts as that maximum. */
static void xapi_add_duration(struct xapi_reader *reader, const char *name)
{
    double seconds = 0;
    struct str duration = json_value_member_text(reader->result, "duration");

    if (duration.p)
        (void)xapi_parse_duration(duration, &seconds);
    xapi_add_number(reader, name, fmin(seconds, EVENT_SECONDS_MAX));
}

/* Adds an extension, a number from 0 to 1e6, to the event's data, rounded down to a whole number.
 * Adds nothing when it is absent or not usable. */
static void xapi_add_count(struct xapi_reader *reader, const char *name, const char *wanted)
{
    double count;

    if (xapi_read_number(reader, wanted, 0, 1e6, &count))
        xapi_add_number(reader, name, floor(count));
}

/* Adds the member `difficulty` to the event's data: the value of that extension or, when it is
 * absent or unknown, default_name; adds nothing when default_name is NULL. */
static void xapi_add_difficulty(struct xapi_reader *reader, const char *default_name)
{
    struct str text = json_value_text(xapi_extension(reader, OWN_EXTENSION("difficulty")));

    for (int i = 0; text.p && i < DIFFICULTIES; i++) {
        if (str_equal(text, str_of(difficulty_names[i])))
            default_name = difficulty_names[i];
    }
    if (default_name)
        xapi_add_text(reader, "difficulty", str_of(default_name));
}

/* ---- topics ---- */

/* Returns the last segment of the IRI's path, without query and fragment; empty when the path is
 * empty or ends with a slash. */
static struct str xapi_last_segment(struct str iri)
{
    struct str path = iri, segment = {0};

    path = str_cut(&path, '#');
    path = str_cut(&path, '?');
    (void)str_cut(&path, ':');
    if (str_starts_with(path, STR("//"))) { /* host and port are no segment of the path */
        path = (struct str){path.p + 2, path.n - 2};
        (void)str_cut(&path, '/');
    } else if (!memchr(path.p, '/', path.n)) {
        return segment; /* a URN has no path */
    }
    for (size_t i = path.n; i > 0 && path.p[i - 1] != '/'; i--)
        segment = (struct str){path.p + i - 1, path.n - i + 1};
    return segment;
}

/* Returns whether the IRI belongs to a profile, such as the category by which cmi5 marks its
 * statements: such an IRI is in the publishers' registries and is not a topic. */
static bool xapi_is_of_profile(struct str iri)
{
    return str_starts_with(iri, STR("https://w3id.org/xapi/")) ||
           str_starts_with(iri, STR("http://id.tincanapi.com/"));
}

/* Adds the activity's topic to the list: the last segment of its IRI, if that has the form of a
 * topic's id. Skips a topic that is in the list already, or for which there is no room. */
static void xapi_add_topic(struct json_object *list, struct json_object *activity)
{
    struct str iri = json_value_member_text(activity, "id"), id;
    size_t n = json_object_array_length(list);

    if (!iri.p || n == EVENT_TOPICS_MAX || xapi_is_of_profile(iri))
        return;
    id = xapi_last_segment(iri);
    if (!id_valid(id))
        return;
    for (size_t i = 0; i < n; i++)
        if (str_equal(json_value_text(json_object_array_get_idx(list, i)), id))
            return;
    (void)json_object_array_add(list, json_object_new_string_len(id.p, (int)id.n));
}

/* Adds the topics to the event's data: the activities that the context names as parent, grouping
 * or category, in this order. Each of the three is an activity or a list of activities. */
static void xapi_add_topics(struct xapi_reader *reader)
{
    static const char *const names[] = {"parent", "grouping", "category"};
    struct json_object *activities = json_value_member(reader->context, "contextActivities");
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; list && i < sizeof(names) / sizeof(names[0]); i++) {
        struct json_object *value = json_value_member(activities, names[i]);

        if (!json_object_is_type(value, json_type_array)) {
            xapi_add_topic(list, value);
            continue;
        }
        for (size_t k = 0; k < json_object_array_length(value); k++)
            xapi_add_topic(list, json_object_array_get_idx(value, k));
    }
    if (list && json_object_array_length(list) > 0)
        (void)json_object_object_add(reader->data, "topic_ids", list);
    else
        (void)json_object_put(list);
}

/* ---- quizzes ---- */

/* Sets *ret to the result's score as a share of the points, 0 to 1: score.scaled (0 if negative)
 * or, without it, the position of score.raw between min (0 when absent) and max. Returns false when
 * the result has neither, or no share can be computed from its numbers. */
static bool xapi_score_share(const struct xapi_reader *reader, double *ret)
{
    struct json_object *score = json_value_member(reader->result, "score");
    struct json_object *scaled = json_value_member(score, "scaled");
    struct json_object *raw = json_value_member(score, "raw");
    struct json_object *max = json_value_member(score, "max");
    double min = json_object_get_double(json_value_member(score, "min")); /* 0 when absent */
    double share;

    if (scaled) {
        *ret = fmax(0, json_object_get_double(scaled));
        return true;
    }
    if (!raw || !max || json_object_get_double(max) <= min)
        return false;
    share = (json_object_get_double(raw) - min) / (json_object_get_double(max) - min);
    if (!isfinite(share))
        return false;
    *ret = number_clamp(number_round12(share), 0, 1);
    return true;
}

/* Fills the data of a quiz from a score in [0,1], and returns QUIZ_COMPLETED. The numbers of
 * questions come from extensions; without these the total is XAPI_DEFAULT_QUESTIONS, and the number
 * of correct ones is score * total, rounded. */
static int xapi_add_quiz(struct xapi_reader *reader, double score)
{
    double total = XAPI_DEFAULT_QUESTIONS, correct;

    (void)xapi_read_number(reader, OWN_EXTENSION("questions_total"), 1, 1e6, &total);
    total = floor(total);
    correct = rint(score * total);
    (void)xapi_read_number(reader, OWN_EXTENSION("questions_correct"), 0, total, &correct);
    xapi_add_text(reader, "quiz_id", reader->object_id);
    xapi_add_number(reader, "score", score);
    xapi_add_number(reader, "questions_total", total);
    xapi_add_number(reader, "questions_correct", floor(correct));
    xapi_add_duration(reader, "time_spent_seconds");
    xapi_add_difficulty(reader, /* default_name: none */ NULL);
    xapi_add_topics(reader);
    return QUIZ_COMPLETED;
}

/* Maps the verbs passed and mastered to a quiz. A score that is absent counts as 1. */
static int xapi_map_passed(struct xapi_reader *reader)
{
    double score = 1;

    (void)xapi_score_share(reader, &score);
    return xapi_add_quiz(reader, score);
}

/* Maps the verb failed to a quiz. A score that is absent counts as 0. */
static int xapi_map_failed(struct xapi_reader *reader)
{
    double score = 0;

    (void)xapi_score_share(reader, &score);
    return xapi_add_quiz(reader, score);
}

/* ---- lessons, exercises, submissions ---- */

/* Sets *ret to the percentage of a lesson that was seen, by an extension. cmi5 defines progress as
 * a percentage, the xAPI video profile as a share. False when there is no usable extension. */
static bool xapi_progress_percent(const struct xapi_reader *reader, double *ret)
{
    if (xapi_read_number(reader, CMI5_PROGRESS, 0, 100, ret) ||
        xapi_read_number(reader, OWN_EXTENSION("progress"), 0, 100, ret) ||
        xapi_read_number(reader, OWN_EXTENSION("completion_percentage"), 0, 100, ret))
        return true;
    if (!xapi_read_number(reader, VIDEO_PROGRESS, 0, 1, ret))
        return false;
    *ret = number_round12(*ret * 100);
    return true;
}

/* Maps the verbs experienced and viewed to a lesson that was seen as a whole, or by the percentage
 * that an extension states. */
static int xapi_map_lesson(struct xapi_reader *reader)
{
    double percent = 100;

    (void)xapi_progress_percent(reader, &percent);
    xapi_add_text(reader, "lesson_id", reader->object_id);
    xapi_add_duration(reader, "duration_seconds");
    xapi_add_number(reader, "completion_percentage", percent);
    return LESSON_VIEWED;
}

/* Maps the verb completed: to a quiz when there is a score, for any type of activity, because
 * authoring tools and cmi5 give courses and activities without a type a score; else to a lesson. */
static int xapi_map_completed(struct xapi_reader *reader)
{
    double score;

    return xapi_score_share(reader, &score) ? xapi_add_quiz(reader, score)
                                            : xapi_map_lesson(reader);
}

/* Maps the verb attempted to a lesson if the statement has a progress. Otherwise it does not say
 * how much of the lesson was seen, and becomes no event. */
static int xapi_map_attempted(struct xapi_reader *reader)
{
    double percent;

    return xapi_progress_percent(reader, &percent) ? xapi_map_lesson(reader) : XAPI_NO_EVENT;
}

/* Returns whether the activity is a question, by its type or because it has no type. */
static bool xapi_is_question(const struct xapi_reader *reader)
{
    static const char *const types[] = {"question", "interaction", "cmi.interaction"};
    struct json_object *object = json_value_member(reader->statement, "object");
    struct str type = json_value_member_text(json_value_member(object, "definition"), "type");

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (xapi_iri_is(type, XAPI_ACTIVITIES, types[i]))
            return true;
    }
    return !type.p;
}

/* Maps the response to one question to an exercise. Its correctness is result.success (1 or 0),
 * else the score. Returns XAPI_NO_EVENT when the statement has neither, or its object is no
 * question. */
static int xapi_map_response(struct xapi_reader *reader)
{
    struct json_object *success = json_value_member(reader->result, "success");
    double correctness = json_object_get_boolean(success) ? 1 : 0;

    if (!xapi_is_question(reader) || (!success && !xapi_score_share(reader, &correctness)))
        return XAPI_NO_EVENT;
    xapi_add_text(reader, "exercise_id", reader->object_id);
    xapi_add_difficulty(reader, "medium");
    xapi_add_duration(reader, "time_spent_seconds");
    xapi_add_number(reader, "completion_rate", 1);
    xapi_add_number(reader, "correctness", correctness);
    xapi_add_count(reader, "hints_used", OWN_EXTENSION("hints_used"));
    xapi_add_count(reader, "retries", OWN_EXTENSION("retries"));
    xapi_add_topics(reader);
    return EXERCISE_COMPLETED;
}

/* Maps the verb scored to a submission when extensions have the three scores that submissions must
 * have (the fourth, that of the peers, is optional), else to a quiz. */
static int xapi_map_scored(struct xapi_reader *reader)
{
    static const char *const extensions[] = {
        OWN_EXTENSION("code_quality_score"), OWN_EXTENSION("correctness_score"),
        OWN_EXTENSION("efficiency_score"), OWN_EXTENSION("peer_review_score")};
    enum { REQUIRED = 3, ALL };
    double scores[ALL], score;
    int n = 0;

    while (n < ALL && xapi_read_number(reader, extensions[n], 0, 1, &scores[n]))
        n++;
    if (n < REQUIRED)
        return xapi_score_share(reader, &score) ? xapi_add_quiz(reader, score) : XAPI_NO_EVENT;
    xapi_add_text(reader, "submission_id", reader->object_id);
    for (int i = 0; i < n; i++)
        xapi_add_number(reader, strrchr(extensions[i], '/') + 1, scores[i]);
    return QUALITY_ASSESSED;
}

/* ---- which statement becomes which event ---- */

/* Prefixes of verbs: verbs of the same meaning have IRIs of several publishers, which are ADL's
 * own, those of ADL's and cmi5's profiles, and the registry that Moodle and others use. */
static const char *const verb_prefixes[] = {
    "http://adlnet.gov/expapi/verbs/",  "https://adlnet.gov/expapi/verbs/",
    "https://w3id.org/xapi/adl/verbs/", "https://w3id.org/xapi/cmi5/verbs/",
    "http://id.tincanapi.com/verb/",
};

static const struct xapi_mapping {
    const char *verb; /* the verb's IRI without its prefix */
    /* fills reader->data and returns the event's type, or XAPI_NO_EVENT when the statement lacks
     * what an event needs */
    int (*map)(struct xapi_reader *r);
} mappings[] = {
    {"passed", xapi_map_passed},       {"mastered", xapi_map_passed},
    {"failed", xapi_map_failed},       {"completed", xapi_map_completed},
    {"attempted", xapi_map_attempted}, {"experienced", xapi_map_lesson},
    {"viewed", xapi_map_lesson},       {"answered", xapi_map_response},
    {"scored", xapi_map_scored},
};

/* Calls the function for the statement's verb. A verb is known if its IRI is one of the prefixes
 * followed by the name in a row of the table. */
int xapi_map_data(struct xapi_reader *reader)
{
    struct str verb = json_value_member_text(json_value_member(reader->statement, "verb"), "id");

    for (size_t i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++) {
        for (size_t k = 0; k < sizeof(verb_prefixes) / sizeof(verb_prefixes[0]); k++) {
            if (xapi_iri_is(verb, verb_prefixes[k], mappings[i].verb))
                return mappings[i].map(reader);
        }
    }
    return XAPI_NO_EVENT;
}
