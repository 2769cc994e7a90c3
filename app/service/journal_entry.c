/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the effects of a journal entry, by a table of the kinds of entries. The journal has changes
 * of students' data that the worker has not processed yet. Its entries were written by record.c and
 * by the Lua script that changes consents, perhaps of an earlier version. They are therefore
 * validated like the input of a client. */
#include "app/service/journal_entry.h"

#include "app/base/clock.h"
#include "app/base/json_write.h"
#include "app/http/json.h"
#include "app/http/json_value.h"
#include "app/http/validate.h"
#include "app/service/event_log.h"
#include "app/store/event_pack.h"
#include "app/store/schema.h"

#define EVENT_SOURCE "/mastery-engine" /* CloudEvents attribute `source` of published events */

/* The members of a journal entry. Each kind of entry has some of them; the others stay zeroed. */
struct journal_entry {
    struct str kind, student, traceparent;
    struct str actor, actor_role, correlation_id;
    struct str level, level_before; /* mastery levels; level_before is empty for the first data */
    int64_t at_ms, revision;        /* revision: grows with each write of the student's state */
    double score;
    struct json_object *event; /* kind "event": the learning event as the client sent it */
    struct str consent;        /* kind "consent": type of the consent */
    bool granted;
};

/* The rules by which the members of a JSON entry are read into struct journal_entry; {0} ends a
 * list. */
#define ENTRY(member) .offset = offsetof(struct journal_entry, member)

static const struct rule common_rules[] = {
    {.name = "kind", .type = RULE_TEXT, .required = true, ENTRY(kind)},
    {.name = "student_id", .type = RULE_ID, .required = true, ENTRY(student)},
    {.name = "actor", .type = RULE_TEXT, ENTRY(actor)},
    {.name = "role", .type = RULE_TEXT, ENTRY(actor_role)},
    {.name = "correlation_id", .type = RULE_TEXT, ENTRY(correlation_id)},
    {.name = "at", .type = RULE_INT, .required = true, ENTRY(at_ms)},
    {0},
};

static const struct rule score_rules[] = {
    {.name = "mastery_score", .type = RULE_NUMBER, .required = true, .max = 1, ENTRY(score)},
    {.name = "level", .type = RULE_ID, .required = true, ENTRY(level)},
    {.name = "level_before", .type = RULE_ID, .nullable = true, ENTRY(level_before)},
    {.name = "revision", .type = RULE_INT, .required = true, ENTRY(revision)},
    {.name = "traceparent", .type = RULE_TEXT, ENTRY(traceparent)},
    {.name = "event", .type = RULE_JSON, ENTRY(event)},
    {0},
};

static const struct rule consent_rules[] = {
    {.name = "consent_type", .type = RULE_TEXT, .required = true, ENTRY(consent)},
    {.name = "granted", .type = RULE_BOOL, .required = true, ENTRY(granted)},
    {0},
};

/* The parameters of the functions that add an effect: the entry, and where to add the effect. */
struct journal_context {
    const struct journal_source *source;
    const struct journal_entry *entry;
    struct arena *arena;
    struct journal_effects *effects;
};

/* ---- the student's event log ---- */

/* Sets the text to append to the student's event log: the learning event, or an empty text when the
 * entry has none. It is packed, unless it is too long for that or the store still has the form of
 * 0.1.0, which is JSON. Slashes stay unescaped, as clients send them. False when out of memory. */
static bool journal_add_event(const struct journal_context *context)
{
    struct json_object *event = context->entry->event;
    struct str *text = &context->effects->student_event;

    *text = event ? arena_copy(context->arena, str_of(json_object_to_json_string_ext(
                                                   event, JSON_C_TO_STRING_NOSLASHESCAPE)))
                  : STR("");
    if (event && text->n <= EVENT_PACK_MAX && schema_writes_packed())
        *text = event_pack(context->arena, context->entry->student,
                           event_log_day(event, day_of_ms(context->entry->at_ms)), *text);
    return text->p != NULL;
}

/* ---- published events ---- */

/* Writes the member "data" of a published event. */
static void journal_write_data(struct jw *w, const struct journal_entry *entry)
{
    struct str event_id = json_value_member_text(entry->event, "event_id");

    jw_object(w, "data");
    jw_str(w, "student_id", entry->student);
    jw_number(w, "mastery_score", entry->score);
    jw_str(w, "level", entry->level);
    if (entry->level_before.n > 0)
        jw_str(w, "previous_level", entry->level_before);
    else
        jw_null(w, "previous_level");
    jw_int(w, "revision", entry->revision);
    jw_time(w, "at", entry->at_ms);
    if (event_id.p)
        jw_str(w, "event_id", event_id);
    jw_object_end(w);
}

/* Adds an event to publish, a CloudEvent 1.0, unless no sidecar is configured. The event's id
 * consists of the shard (in hex), the entry's id and id_suffix: if the worker processes an entry
 * twice, subscribers receive the same id again and can ignore the second event. False when out of
 * memory. */
static bool journal_publish(const struct journal_context *context, const char *type,
                            const char *id_suffix)
{
    const struct journal_entry *entry = context->entry;
    struct message *message = &context->effects->messages[context->effects->message_count];
    struct str id = arena_printf(context->arena, "%02x-%.*s-%s", context->source->shard,
                                 STR_ARG(context->source->id), id_suffix);
    struct buf out;
    struct jw w = {.out = &out};

    if (!context->source->publish)
        return true;
    buf_init(&out, context->arena);
    jw_object(&w, NULL);
    jw_text(&w, "specversion", "1.0");
    jw_str(&w, "id", id);
    jw_text(&w, "source", EVENT_SOURCE);
    jw_text(&w, "type", type);
    jw_str(&w, "subject", entry->student);
    jw_time(&w, "time", entry->at_ms);
    jw_text(&w, "datacontenttype", "application/json");
    jw_str(&w, "partitionkey", entry->student);
    if (entry->traceparent.n > 0)
        jw_str(&w, "traceparent", entry->traceparent);
    journal_write_data(&w, entry);
    jw_object_end(&w);
    if (out.failed || !id.p)
        return false;
    message->event = buf_view(&out);
    message->traceparent = entry->traceparent.n > 0 ? entry->traceparent : STR("");
    context->effects->message_count++;
    return true;
}

/* Adds an event to publish with the new score. */
static bool journal_publish_score(const struct journal_context *context)
{
    return journal_publish(context, "mastery.updated", "updated");
}

/* Adds an event to publish if the level has changed. A student's first level counts as a change. */
static bool journal_publish_level(const struct journal_context *context)
{
    if (str_equal(context->entry->level_before, context->entry->level))
        return true;
    return journal_publish(context, "mastery.level_changed", "level");
}

/* ---- the audit record ---- */

/* Writes the details of an audit record that only entries of one kind have. */
typedef void journal_detail_writer(struct jw *w, const struct journal_entry *entry);

/* Returns the actor for the audit record, which never has a student's id. Students can only change
 * their own data, so a student is recorded as "self". If an entry nevertheless names another
 * student as its actor, the actor is only the role. */
static struct str journal_actor(const struct journal_entry *entry, struct arena *arena)
{
    if (str_equal(entry->actor, entry->student))
        return AUDIT_ACTOR_SELF;
    return str_equal(entry->actor_role, STR("student")) ? STR(AUDIT_ACTOR_STUDENT)
                                                        : audit_actor_of_id(arena, entry->actor);
}

/* Writes the details of the audit record of a changed score: the state's revision, which grows with
 * each write. */
static void journal_score_details(struct jw *w, const struct journal_entry *entry)
{
    jw_int(w, "revision", entry->revision);
}

/* Writes the details of the audit record of a decision about consent. */
static void journal_consent_details(struct jw *w, const struct journal_entry *entry)
{
    jw_str(w, "consent_type", entry->consent);
    jw_bool(w, "granted", entry->granted);
}

/* Sets the audit record of the change; every kind of entry has one. The worker writes it, and not
 * the process that changed the data, because that process may have ended. False when out of memory.
 */
static bool journal_make_audit(const struct journal_context *context, const char *resource,
                               journal_detail_writer *write_details)
{
    const struct journal_entry *entry = context->entry;
    struct buf details;
    struct jw w = {.out = &details};

    buf_init(&details, context->arena);
    jw_object(&w, NULL);
    jw_time(&w, "at", entry->at_ms);
    write_details(&w, entry);
    jw_object_end(&w);
    context->effects->audit = (struct audit_record){.actor = journal_actor(entry, context->arena),
                                                    .role = entry->actor_role,
                                                    .action = entry->kind,
                                                    .resource = str_of(resource),
                                                    .success = true,
                                                    .correlation_id = entry->correlation_id,
                                                    .details = buf_view(&details)};
    return !details.failed;
}

/* ---- the table ---- */

/* Adds one effect of a journal entry, such as a published event, to context->effects. False when
 * out of memory. */
typedef bool journal_effect(const struct journal_context *context);

enum { JOURNAL_EFFECTS_MAX = 3 };

/* clang-format off */
static const struct journal_kind {
    struct str name;
    const struct rule *rules; /* rules for the members that only this kind has */
    const char *resource;     /* resource that the audit record names */
    journal_detail_writer *write_details;
    bool is_counted; /* happens often: its audit record is only counted */
    journal_effect *effects[JOURNAL_EFFECTS_MAX]; /* called in this order, up to the first NULL */
} kinds[] = {
    {STR_INIT("calculated"), score_rules, "mastery", journal_score_details, true,
     {journal_publish_score, journal_publish_level}},
    {STR_INIT("event"), score_rules, "mastery", journal_score_details, true,
     {journal_add_event, journal_publish_score, journal_publish_level}},
    {STR_INIT("recomputed"), score_rules, "mastery", journal_score_details, true,
     {journal_publish_score, journal_publish_level}},
    {STR_INIT("consent"), consent_rules, "compliance", journal_consent_details, false,
     {NULL}},
};
/* clang-format on */

/* Returns the kind of entry with this name; NULL when there is none. */
static const struct journal_kind *journal_find_kind(struct str name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (str_equal(kinds[i].name, name))
            return &kinds[i];
    }
    return NULL;
}

/* Reads a journal entry in two passes: first the members that all kinds have, by common_rules, then
 * the members of the kind that the first pass has found. Returns false, with *ret_reason, when the
 * text is not a valid entry. */
static bool journal_read_entry(const struct journal_source *source, struct arena *arena,
                               struct journal_entry *ret, const struct journal_kind **ret_kind,
                               const char **ret_reason)
{
    static const struct str no_prefix = {0};
    struct problem p = {.code = PROBLEM_NONE};
    struct json_object *json = json_parse(source->text, arena, &p);

    *ret = (struct journal_entry){0};
    *ret_reason = "not JSON";
    if (!json)
        return false;
    *ret_reason = "not an entry";
    if (!validate_object(common_rules, json, no_prefix, arena, ret, &p))
        return false;
    *ret_kind = journal_find_kind(ret->kind);
    if (*ret_kind)
        return validate_object((*ret_kind)->rules, json, no_prefix, arena, ret, &p);
    *ret_reason = "of an unknown kind";
    return false;
}

/* Makes the audit record first, then the other effects in the order of the table. *ret_reason is
 * set before, because every failure after the entry was read is a lack of memory. *ret is set at
 * the end, so that a failure does not leave some of the effects. */
bool journal_entry_effects(const struct journal_source *source, struct arena *arena,
                           struct journal_effects *ret, const char **ret_reason)
{
    struct journal_entry entry;
    struct journal_effects effects = {.id = source->id, .student_event = STR("")};
    struct journal_context context = {
        .source = source, .entry = &entry, .arena = arena, .effects = &effects};
    const struct journal_kind *kind;

    if (!journal_read_entry(source, arena, &entry, &kind, ret_reason))
        return false;
    effects.student = entry.student;
    effects.is_counted = kind->is_counted;
    *ret_reason = "out of memory";
    if (!journal_make_audit(&context, kind->resource, kind->write_details))
        return false;
    for (int i = 0; i < JOURNAL_EFFECTS_MAX && kind->effects[i]; i++) {
        if (!kind->effects[i](&context))
            return false;
    }
    *ret = effects;
    return true;
}
