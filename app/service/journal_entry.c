/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/journal_entry.h"

#include "app/base/clock.h"
#include "app/base/json_write.h"
#include "app/http/json.h"
#include "app/http/validate.h"

#define EVENT_SOURCE "/mastery-engine"

/* The members of an entry. */
struct entry {
    struct str kind, student, traceparent;
    struct str actor, actor_role, correlation_id;
    struct str level, level_before; /* level_before: empty for a student's first data */
    int64_t at_ms, revision;
    double score;
    struct json_object *event; /* of kind event: as it was ingested */
    struct str consent;        /* of kind consent */
    bool granted;
};

/* clang-format off */
static const struct rule every_entry[] = {
    {.name = "kind", .type = RULE_TEXT, .required = true, .offset = offsetof(struct entry, kind)},
    {.name = "student_id", .type = RULE_ID, .required = true, .offset = offsetof(struct entry, student)},
    {.name = "actor", .type = RULE_TEXT, .offset = offsetof(struct entry, actor)},
    {.name = "role", .type = RULE_TEXT, .offset = offsetof(struct entry, actor_role)},
    {.name = "correlation_id", .type = RULE_TEXT, .offset = offsetof(struct entry, correlation_id)},
    {.name = "at", .type = RULE_INT, .required = true, .offset = offsetof(struct entry, at_ms)},
    {0},
};

static const struct rule change_of_score[] = {
    {.name = "mastery_score", .type = RULE_NUMBER, .required = true, .max = 1, .offset = offsetof(struct entry, score)},
    {.name = "level", .type = RULE_ID, .required = true, .offset = offsetof(struct entry, level)},
    {.name = "level_before", .type = RULE_ID, .nullable = true, .offset = offsetof(struct entry, level_before)},
    {.name = "revision", .type = RULE_INT, .required = true, .offset = offsetof(struct entry, revision)},
    {.name = "traceparent", .type = RULE_TEXT, .offset = offsetof(struct entry, traceparent)},
    {.name = "event", .type = RULE_JSON, .offset = offsetof(struct entry, event)},
    {0},
};

static const struct rule consent_decision[] = {
    {.name = "consent_type", .type = RULE_TEXT, .required = true, .offset = offsetof(struct entry, consent)},
    {.name = "granted", .type = RULE_BOOL, .required = true, .offset = offsetof(struct entry, granted)},
    {0},
};
/* clang-format on */

/* What is being made of which entry. */
struct turning {
    const struct journal_source *source;
    const struct entry *entry;
    struct arena *arena;
    struct journal_effects *turn;
};

/* ---- what an entry can turn into ---- */

static struct str text_of(struct json_object *json)
{
    const char *text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_NOSLASHESCAPE);

    return str_of(text);
}

/* The event itself, for the student's stream. */
static bool keep_event(const struct turning *t)
{
    t->turn->student_event =
        t->entry->event ? arena_copy(t->arena, text_of(t->entry->event)) : STR("");
    return t->turn->student_event.p != NULL;
}

static void write_data(struct jw *w, const struct entry *e)
{
    struct json_object *event_id = NULL;

    jw_object(w, "data");
    jw_str(w, "student_id", e->student);
    jw_number(w, "mastery_score", e->score);
    jw_str(w, "level", e->level);
    if (e->level_before.n > 0)
        jw_str(w, "previous_level", e->level_before);
    else
        jw_null(w, "previous_level");
    jw_int(w, "revision", e->revision);
    jw_time(w, "at", e->at_ms);
    if (json_object_is_type(e->event, json_type_object) &&
        json_object_object_get_ex(e->event, "event_id", &event_id) &&
        json_object_is_type(event_id, json_type_string))
        jw_str(w, "event_id", str_of(json_object_get_string(event_id)));
    jw_object_end(w);
}

/* A CloudEvent 1.0. Its id follows from the entry alone: made again, it is the same event. */
static bool publish(const struct turning *t, const char *type, const char *id_suffix)
{
    const struct entry *e = t->entry;
    struct message *message = &t->turn->messages[t->turn->message_count];
    struct str id =
        arena_printf(t->arena, "%02x-%.*s-%s", t->source->shard, STR_ARG(t->source->id), id_suffix);
    struct buf out;
    struct jw w = {.out = &out};

    if (!t->source->publish)
        return true;
    buf_init(&out, t->arena);
    jw_object(&w, NULL);
    jw_text(&w, "specversion", "1.0");
    jw_str(&w, "id", id);
    jw_text(&w, "source", EVENT_SOURCE);
    jw_text(&w, "type", type);
    jw_str(&w, "subject", e->student);
    jw_time(&w, "time", e->at_ms);
    jw_text(&w, "datacontenttype", "application/json");
    jw_str(&w, "partitionkey", e->student);
    if (e->traceparent.n > 0)
        jw_str(&w, "traceparent", e->traceparent);
    write_data(&w, e);
    jw_object_end(&w);
    if (out.failed || !id.p)
        return false;
    message->event = buf_view(&out);
    message->traceparent = e->traceparent.n > 0 ? e->traceparent : STR("");
    t->turn->message_count++;
    return true;
}

static bool publish_score(const struct turning *t)
{
    return publish(t, "mastery.updated", "updated");
}

static bool publish_level(const struct turning *t)
{
    if (str_equal(t->entry->level_before, t->entry->level))
        return true;
    return publish(t, "mastery.level_changed", "level");
}

/* ---- the audit record: every kind has one ---- */

typedef void teller(struct jw *w, const struct entry *e); /* what is particular to its kind */

/* A student is never named by his id, and acts for nobody but himself. */
static struct str actor_of(const struct entry *e)
{
    if (str_equal(e->actor, e->student))
        return AUDIT_ACTOR_SELF;
    return str_equal(e->actor_role, STR("student")) ? STR("student:") : e->actor;
}

static void tell_score(struct jw *w, const struct entry *e)
{
    jw_int(w, "revision", e->revision);
}

static void tell_consent(struct jw *w, const struct entry *e)
{
    jw_str(w, "consent_type", e->consent);
    jw_bool(w, "granted", e->granted);
}

static bool make_audit(const struct turning *t, const char *resource, teller *tell)
{
    const struct entry *e = t->entry;
    struct buf details;
    struct jw w = {.out = &details};

    buf_init(&details, t->arena);
    jw_object(&w, NULL);
    jw_time(&w, "at", e->at_ms);
    tell(&w, e);
    jw_object_end(&w);
    t->turn->audit = (struct audit_record){.actor = actor_of(e),
                                           .role = e->actor_role,
                                           .action = e->kind,
                                           .resource = str_of(resource),
                                           .success = true,
                                           .correlation_id = e->correlation_id,
                                           .details = buf_view(&details)};
    return !details.failed;
}

/* ---- the table ---- */

typedef bool product(const struct turning *t); /* false without memory */

enum { PRODUCTS_MAX = 4 };

/* clang-format off */
static const struct kind {
    struct str name;
    const struct rule *rules;        /* what it has beyond every_entry */
    const char *resource;            /* of its audit record */
    teller *tell;
    product *products[PRODUCTS_MAX]; /* in the order in which they are published */
} kinds[] = {
    {STR_INIT("calculated"), change_of_score, "mastery", tell_score, {publish_score, publish_level}},
    {STR_INIT("event"),      change_of_score, "mastery", tell_score, {keep_event, publish_score, publish_level}},
    {STR_INIT("recomputed"), change_of_score, "mastery", tell_score, {publish_score, publish_level}},
    {STR_INIT("consent"),    consent_decision, "compliance", tell_consent, {NULL}},
};
/* clang-format on */

static const struct kind *kind_of(struct str name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (str_equal(kinds[i].name, name))
            return &kinds[i];
    }
    return NULL;
}

static bool read_entry(const struct journal_source *source, struct arena *arena, struct entry *ret,
                       const struct kind **ret_kind, const char **ret_reason)
{
    static const struct str whole = {0};
    struct problem p = {.code = PROBLEM_NONE};
    struct json_object *json = json_parse(source->text, arena, &p);

    *ret = (struct entry){0};
    *ret_reason = "not JSON";
    if (!json)
        return false;
    *ret_reason = "not an entry";
    if (!validate_object(every_entry, json, whole, arena, ret, &p))
        return false;
    *ret_kind = kind_of(ret->kind);
    if (*ret_kind)
        return validate_object((*ret_kind)->rules, json, whole, arena, ret, &p);
    *ret_reason = "of an unknown kind";
    return false;
}

bool journal_entry_effects(const struct journal_source *source, struct arena *arena,
                           struct journal_effects *ret, const char **ret_reason)
{
    struct entry entry;
    struct journal_effects turn = {.id = source->id, .student_event = STR("")};
    struct turning t = {.source = source, .entry = &entry, .arena = arena, .turn = &turn};
    const struct kind *kind;

    if (!read_entry(source, arena, &entry, &kind, ret_reason))
        return false;
    turn.student = entry.student;
    *ret_reason = "out of memory";
    if (!make_audit(&t, kind->resource, kind->tell))
        return false;
    for (int i = 0; i < PRODUCTS_MAX && kind->products[i]; i++) {
        if (!kind->products[i](&t))
            return false;
    }
    *ret = turn;
    return true;
}
