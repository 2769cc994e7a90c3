/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ingest/xapi.h"

#include <math.h>
#include <stdlib.h>

#include "app/base/buf.h"
#include "app/base/ids.h"
#include "app/base/number.h"
#include "app/ingest/xapi_form.h"
#include "app/ingest/xapi_text.h"

#define VERBS      "http://adlnet.gov/expapi/verbs/"
#define ACTIVITIES "http://adlnet.gov/expapi/activities/"

enum { OBJECT_ID_MAX = 256, DEFAULT_QUESTIONS = 10 };

bool xapi_version_supported(struct str version)
{
    int64_t patch;

    if (str_equal(version, STR("1.0")))
        return true;
    return str_starts_with(version, STR("1.0.")) &&
           str_to_int64((struct str){version.p + 4, version.n - 4}, 0, INT32_MAX, &patch);
}

/* ---- looking into a statement whose form is known to be good ---- */

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    (void)json_object_object_get_ex(object, name, &value);
    return value;
}

static struct str text_of(struct json_object *json)
{
    return json ? (struct str){json_object_get_string(json),
                               (size_t)json_object_get_string_len(json)}
                : (struct str){0};
}

/* The part of an IRI behind its last '/', '#' or ':'. */
static struct str last_part(struct str iri)
{
    size_t n = iri.n;

    while (n > 0 && !strchr("/#:", iri.p[n - 1]))
        n--;
    return (struct str){iri.p + n, iri.n - n};
}

/* One extension, by the last part of its IRI; *ret_iri: the whole of it. */
static struct json_object *extension_in(struct json_object *of, const char *name,
                                        struct str *ret_iri)
{
    struct json_object *extensions = member(of, "extensions");
    struct json_object_iterator i, end;

    if (!extensions)
        return NULL;
    i = json_object_iter_begin(extensions);
    end = json_object_iter_end(extensions);
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        struct str iri = str_of(json_object_iter_peek_name(&i));

        if (str_equal(last_part(iri), str_of(name))) {
            *ret_iri = iri;
            return json_object_iter_peek_value(&i);
        }
    }
    return NULL;
}

/* ---- reading one statement ---- */

struct reading {
    struct json_object *statement, *result, *context;
    const struct binding *l;
    const struct field_path *at;
    size_t errors; /* before it */
    struct json_object *data;
};

static bool failed(const struct reading *r)
{
    return r->l->problem->field_count > r->errors || r->l->problem->code == PROBLEM_INTERNAL_ERROR;
}

/* outer NULL: a member of the statement itself. */
static void refuse(const struct reading *r, const char *outer, const char *name,
                   const char *message)
{
    struct field_path first = {.parent = r->at, .name = str_of(outer)};

    field_fail(r->l, &(struct field_path){.parent = outer ? &first : r->at, .name = str_of(name)},
               message);
}

/* Those of the result come before those of the context. */
static struct json_object *extension(const struct reading *r, const char *name, struct str *ret_iri)
{
    struct json_object *found = extension_in(r->result, name, ret_iri);

    return found ? found : extension_in(r->context, name, ret_iri);
}

/* A number in an extension, in [min, max]; absent: *ret stays. */
static bool number_extension(const struct reading *r, const char *name, double min, double max,
                             double *ret)
{
    struct str iri;
    struct json_object *json = extension(r, name, &iri);
    double value;

    if (!json)
        return false;
    value = json_object_get_double(json);
    if ((json_object_is_type(json, json_type_int) || json_object_is_type(json, json_type_double)) &&
        value >= min && value <= max) {
        *ret = value;
        return true;
    }
    field_fail(r->l, &(struct field_path){.parent = r->at, .name = iri},
               "has a value out of range");
    return false;
}

/* ---- writing the event's data ---- */

static void put_text(struct reading *r, const char *name, struct str text)
{
    (void)json_object_object_add(r->data, name, json_object_new_string_len(text.p, (int)text.n));
}

/* Printed as all numbers of ours are. */
static void put_number(struct reading *r, const char *name, double value)
{
    char text[NUMBER_TEXT_MAX];

    (void)number_print(value, text);
    (void)json_object_object_add(r->data, name, json_object_new_double_s(value, text));
}

static void put_seconds(struct reading *r, const char *name)
{
    double seconds = 0;
    struct str duration = text_of(member(r->result, "duration"));

    if (duration.p)
        (void)xapi_parse_duration(duration, &seconds);
    put_number(r, name, seconds);
}

static void put_count(struct reading *r, const char *name)
{
    double count;

    if (number_extension(r, name, 0, 1e6, &count))
        put_number(r, name, floor(count));
}

static void put_difficulty(struct reading *r, const char *preset)
{
    struct str iri, text = str_of(preset);
    struct json_object *json = extension(r, "difficulty", &iri);

    if (json)
        text = json_object_is_type(json, json_type_string) ? text_of(json) : STR("?");
    for (int i = 0; i < DIFFICULTIES; i++) {
        if (str_equal(text, str_of(difficulty_names[i])))
            put_text(r, "difficulty", text);
    }
    if (json && !member(r->data, "difficulty"))
        field_fail(r->l, &(struct field_path){.parent = r->at, .name = iri},
                   "must be one of easy, medium, hard, expert");
}

/* ---- scores ---- */

/* The share of the points: scaled (below 0 counts as 0), or raw between min and max. */
static bool share_of_score(const struct reading *r, double *ret)
{
    struct json_object *score = member(r->result, "score");
    struct json_object *scaled = member(score, "scaled"), *raw = member(score, "raw");
    struct json_object *min = member(score, "min"), *max = member(score, "max");

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

/* ---- the events, one function each: r->data is what its type's rules ask for ---- */

static void to_quiz(struct reading *r, double score)
{
    double total = DEFAULT_QUESTIONS, correct;

    (void)number_extension(r, "questions_total", 1, 1e6, &total);
    total = floor(total);
    correct = rint(score * total);
    (void)number_extension(r, "questions_correct", 0, total, &correct);
    put_text(r, "quiz_id", text_of(member(member(r->statement, "object"), "id")));
    put_number(r, "score", score);
    put_number(r, "questions_total", total);
    put_number(r, "questions_correct", floor(correct));
    put_seconds(r, "time_spent_seconds");
    put_difficulty(r, NULL);
}

static void to_scored_quiz(struct reading *r)
{
    double score;

    if (share_of_score(r, &score))
        to_quiz(r, score);
    else
        refuse(r, "result", "score", "is required: scaled, or raw with min and max");
}

static enum event_type assessment_done(struct reading *r)
{
    to_scored_quiz(r);
    return QUIZ_COMPLETED;
}

static enum event_type assessment_passed(struct reading *r)
{
    double score = 1;

    (void)share_of_score(r, &score);
    to_quiz(r, score);
    return QUIZ_COMPLETED;
}

static enum event_type assessment_failed(struct reading *r)
{
    double score = 0;

    (void)share_of_score(r, &score);
    to_quiz(r, score);
    return QUIZ_COMPLETED;
}

/* cmi5's progress is a percentage, that of the video profile a share. */
static double progress(const struct reading *r)
{
    struct str iri = {0};
    double percent = 100;
    bool of_video =
        extension(r, "progress", &iri) && str_starts_with(iri, STR("https://w3id.org/xapi/video/"));

    if (number_extension(r, "progress", 0, of_video ? 1 : 100, &percent))
        return of_video ? number_round12(percent * 100) : percent;
    (void)number_extension(r, "completion_percentage", 0, 100, &percent);
    return percent;
}

static enum event_type viewed(struct reading *r)
{
    put_text(r, "lesson_id", text_of(member(member(r->statement, "object"), "id")));
    put_seconds(r, "duration_seconds");
    put_number(r, "completion_percentage", progress(r));
    return LESSON_VIEWED;
}

static enum event_type answered(struct reading *r)
{
    struct json_object *success = member(r->result, "success");
    double correctness = json_object_get_boolean(success) ? 1 : 0;

    if (!success && !share_of_score(r, &correctness))
        refuse(r, "result", "success", "is required, or a score");
    put_text(r, "exercise_id", text_of(member(member(r->statement, "object"), "id")));
    put_difficulty(r, "medium");
    put_seconds(r, "time_spent_seconds");
    put_number(r, "completion_rate", 1);
    put_number(r, "correctness", correctness);
    put_count(r, "hints_used");
    put_count(r, "retries");
    return EXERCISE_COMPLETED;
}

static enum event_type scored(struct reading *r)
{
    static const char *const names[] = {"code_quality_score", "correctness_score",
                                        "efficiency_score", "peer_review_score"};
    enum { REQUIRED = 3, ALL };
    struct str iri;
    bool any = false;

    for (int i = 0; i < REQUIRED; i++)
        any = any || extension(r, names[i], &iri);
    if (!any) {
        to_scored_quiz(r);
        return QUIZ_COMPLETED;
    }
    put_text(r, "submission_id", text_of(member(member(r->statement, "object"), "id")));
    for (int i = 0; i < ALL; i++) {
        double score;

        if (number_extension(r, names[i], 0, 1, &score))
            put_number(r, names[i], score);
        else if (i < REQUIRED && !extension(r, names[i], &iri))
            refuse(r, "result.extensions", names[i], "is required beside the other scores");
    }
    return QUALITY_ASSESSED;
}

/* ---- which statement becomes which event ---- */

static const struct mapping {
    const char *verb;          /* behind VERBS */
    const char *activities[6]; /* behind ACTIVITIES; none: any activity, or none named */
    bool or_unnamed;           /* ... also when the activity has no type */
    enum event_type (*map)(struct reading *r);
} mappings[] = {
    {"completed", {"assessment", NULL}, false, assessment_done},
    {"completed", {"lesson", "course", "module", NULL}, false, viewed},
    {"passed", {"assessment", NULL}, false, assessment_passed},
    {"failed", {"assessment", NULL}, false, assessment_failed},
    {"attempted", {"lesson", "course", "module", NULL}, false, viewed},
    {"experienced", {NULL}, true, viewed},
    {"answered", {"question", "interaction", "cmi.interaction", NULL}, true, answered},
    {"scored", {NULL}, true, scored},
};
enum { MAPPINGS = sizeof(mappings) / sizeof(mappings[0]) };

static bool is_named(struct str iri, const char *space, const char *name)
{
    return str_starts_with(iri, str_of(space)) &&
           str_equal((struct str){iri.p + strlen(space), iri.n - strlen(space)}, str_of(name));
}

static bool fits(const struct mapping *m, struct str activity)
{
    if (!m->activities[0])
        return true;
    if (!activity.p)
        return m->or_unnamed;
    for (size_t i = 0; m->activities[i]; i++) {
        if (is_named(activity, ACTIVITIES, m->activities[i]))
            return true;
    }
    return false;
}

/* NULL: refused by name. */
static const struct mapping *mapping_of(const struct reading *r)
{
    struct str verb = text_of(member(member(r->statement, "verb"), "id"));
    struct str activity =
        text_of(member(member(member(r->statement, "object"), "definition"), "type"));
    bool verb_known = false;

    for (size_t i = 0; i < MAPPINGS; i++) {
        if (!is_named(verb, VERBS, mappings[i].verb))
            continue;
        if (fits(&mappings[i], activity))
            return &mappings[i];
        verb_known = true;
    }
    if (verb_known)
        refuse(r, "object", "definition.type",
               "cannot be mapped together with this verb: see the table of docs/events.md");
    else
        refuse(r, "verb", "id",
               "cannot be mapped: completed, passed, failed, attempted, experienced, answered and "
               "scored of " VERBS " can");
    return NULL;
}

/* ---- whom, when, which ---- */

static struct str student_of(const struct reading *r)
{
    struct json_object *actor = member(r->statement, "actor");
    struct str name = text_of(member(member(actor, "account"), "name"));

    if (!id_valid(name))
        refuse(r, "actor", name.p ? "account.name" : "account",
               name.p ? "must be a student id: 1 to 64 characters of A-Z a-z 0-9 _ -"
                      : "is required: its name is the student id");
    return name;
}

static int64_t time_of(const struct reading *r, int64_t now_ms)
{
    struct str text = text_of(member(r->statement, "timestamp"));
    int64_t at_ms = now_ms;

    if (text.p)
        (void)xapi_parse_time(text, &at_ms);
    return at_ms;
}

static bool take_id(const struct reading *r, struct xapi_event *ret)
{
    char uuid[UUID_TEXT_SIZE];
    struct arena *arena = r->l->arena;
    char *lower;

    ret->id = text_of(member(r->statement, "id"));
    if (!ret->id.p) {
        uuid_make(uuid);
        ret->id = arena_copy(arena, str_of(uuid));
    }
    lower = ret->id.p ? arena_alloc(arena, ret->id.n) : NULL;
    if (!lower)
        return false;
    for (size_t i = 0; i < ret->id.n; i++) {
        lower[i] = ret->id.p[i];
        if (lower[i] >= 'A' && lower[i] <= 'F')
            lower[i] |= 0x20; /* to lower case */
    }
    ret->input.event_id = (struct str){lower, ret->id.n};
    return true;
}

/* ---- comparing statements ---- */

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* What the standard leaves out of a comparison (2.3.1): what a store may assign (the timestamp is
 * compared as a time), attachments, and the definitions of what is only referred to. */
static bool is_compared(struct str name, int depth)
{
    static const char *const assigned[] = {"id",      "authority", "stored",
                                           "version", "timestamp", "attachments"};

    for (size_t i = 0; depth == 0 && i < sizeof(assigned) / sizeof(assigned[0]); i++) {
        if (str_equal(name, str_of(assigned[i])))
            return false;
    }
    return !str_equal(name, STR("definition")) && !str_equal(name, STR("display"));
}

static void write_canonical(struct json_object *json, int depth, bool all, struct buf *out);

static void write_members(struct json_object *object, int depth, bool all, struct buf *out)
{
    size_t n = (size_t)json_object_object_length(object), k = 0;
    struct str *names = arena_array(out->arena, n + 1, sizeof(*names));
    struct json_object_iterator i = json_object_iter_begin(object);
    struct json_object_iterator end = json_object_iter_end(object);

    if (!names) {
        out->failed = true;
        return;
    }
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i))
        names[k++] = str_of(json_object_iter_peek_name(&i));
    qsort(names, n, sizeof(*names), by_text);
    for (k = 0; k < n; k++) {
        if (!all && !is_compared(names[k], depth))
            continue;
        buf_json_string(out, names[k]);
        buf_char(out, ':');
        write_canonical(member(object, names[k].p), depth + 1,
                        all || str_equal(names[k], STR("extensions")), out);
        buf_char(out, ',');
    }
}

/* One text for all ways to write a value: keys in order, numbers in their shortest form. all:
 * inside extensions, where every key counts. */
static void write_canonical(struct json_object *json, int depth, bool all, struct buf *out)
{
    switch (json_object_get_type(json)) {
    case json_type_null: buf_text(out, "null"); break;
    case json_type_boolean: buf_text(out, json_object_get_boolean(json) ? "true" : "false"); break;
    case json_type_int:
    case json_type_double: buf_number(out, json_object_get_double(json)); break;
    case json_type_string: buf_json_string(out, text_of(json)); break;
    case json_type_array:
        buf_char(out, '[');
        for (size_t i = 0; i < json_object_array_length(json); i++) {
            write_canonical(json_object_array_get_idx(json, i), depth + 1, all, out);
            buf_char(out, ',');
        }
        buf_char(out, ']');
        break;
    case json_type_object:
        buf_char(out, '{');
        write_members(json, depth, all, out);
        buf_char(out, '}');
        break;
    }
}

static struct str digest_of(const struct reading *r)
{
    unsigned char sha[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    struct buf text;

    buf_init(&text, r->l->arena);
    write_canonical(r->statement, 0, false, &text);
    if (member(r->statement, "timestamp"))
        buf_int(&text, time_of(r, 0));
    if (text.failed)
        return (struct str){0};
    digest_sha256(buf_view(&text), sha);
    hex_print(sha, sizeof(sha), hex);
    return arena_copy(r->l->arena, str_of(hex));
}

/* ---- all of it ---- */

static void release_object(void *object)
{
    (void)json_object_put(object);
}

static bool begin(struct reading *r, struct json_object *statement)
{
    r->statement = statement;
    r->result = member(statement, "result");
    r->context = member(statement, "context");
    r->data = json_object_new_object();
    return r->data && arena_defer(r->l->arena, release_object, r->data);
}

/* What the event's own rules say about it could only be about its time: the rest is ours. */
static void finish(struct reading *r, int64_t now_ms, struct xapi_event *ret)
{
    struct problem fault = {0};

    if (event_input_finish(&ret->input, now_ms, r->l->arena, &fault))
        return;
    if (fault.code == PROBLEM_INTERNAL_ERROR)
        field_no_memory(r->l);
    for (const struct field_error *e = fault.fields; e; e = e->next) {
        struct str message = arena_copy(r->l->arena, e->message);

        field_fail(r->l, &(struct field_path){.parent = r->at, .name = e->field},
                   message.p ? message.p : "is not valid");
    }
}

static void map(struct reading *r, int64_t now_ms, struct xapi_event *ret)
{
    struct str object = text_of(member(member(r->statement, "object"), "id"));
    const struct mapping *mapping = mapping_of(r);

    ret->input.student = student_of(r);
    ret->input.has_student = true;
    ret->input.at_ms = time_of(r, now_ms);
    ret->input.has_time = true;
    ret->input.source = STR("xapi");
    ret->input.has_source = true;
    if (object.n > OBJECT_ID_MAX)
        refuse(r, "object", "id", "must be of at most 256 characters");
    if (mapping)
        ret->input.type = (int)mapping->map(r);
    ret->input.has_type = mapping != NULL;
    ret->input.data = r->data;
    if (!failed(r))
        finish(r, now_ms, ret);
}

bool xapi_parse(struct json_object *statement, const struct field_path *at, int64_t now_ms,
                const struct binding *l, struct xapi_event *ret)
{
    struct reading r = {.l = l, .at = at, .errors = l->problem->field_count};

    *ret = (struct xapi_event){0};
    xapi_check_form(statement, at, l);
    if (failed(&r))
        return false;
    if (!begin(&r, statement) || !take_id(&r, ret)) {
        field_no_memory(l);
        return false;
    }
    map(&r, now_ms, ret);
    ret->digest = digest_of(&r);
    if (!ret->digest.p)
        field_no_memory(l);
    return !failed(&r);
}
