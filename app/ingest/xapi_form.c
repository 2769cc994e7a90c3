/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The form of xAPI statements as tables: for each object that xAPI-Data.md defines, the list of the
 * keys that it may have. A key that the standard does not define is an error; bodies of
 * POST .../ingest, in contrast, may have unknown keys. */
#include "app/ingest/xapi_form.h"

#include <math.h>

#include "app/http/json_value.h"
#include "app/ingest/xapi_key.h"
#include "app/ingest/xapi_text.h"

static void xapi_check_object(struct json_object *object, const struct xapi_key *keys,
                              const struct field_path *path, const struct binding *binding);

/* Adds a field error for the member `name` of the object at `path`. */
static void xapi_fail_member(const struct binding *binding, const struct field_path *path,
                             const char *name, const char *message)
{
    field_fail(binding, &(struct field_path){.parent = path, .name = str_of(name)}, message);
}

/* ---- values ---- */

/* Returns whether the text is one of the choices, which end with NULL. */
static bool xapi_is_choice(struct str text, const char *const *choices)
{
    for (; *choices; choices++) {
        if (str_equal(text, str_of(*choices)))
            return true;
    }
    return false;
}

/* Returns NULL when the text has the form that the key requires, else the message of the field
 * error. Any text passes for FORM_TEXT and for forms that are not strings. */
static const char *xapi_text_fault(struct str text, const struct xapi_key *key)
{
    double seconds;
    int64_t at_ms;

    switch (key->form) {
    case FORM_IRI: return xapi_is_iri(text) ? NULL : "must be an IRI with its scheme";
    case FORM_MAILTO: return xapi_is_mailto(text) ? NULL : "must be of the form mailto:name@host";
    case FORM_UUID: return xapi_is_uuid(text) ? NULL : "must be a UUID";
    case FORM_SHA1:
        return text.n == 40 && xapi_is_hex(text) ? NULL : "must be 40 hexadecimal digits";
    case FORM_TIME: return xapi_parse_time(text, &at_ms) ? NULL : "must be a time of ISO 8601";
    case FORM_DURATION:
        return xapi_parse_duration(text, &seconds) ? NULL : "must be a duration of ISO 8601";
    case FORM_LANGUAGE: return xapi_is_language(text) ? NULL : "must be a language tag of RFC 5646";
    case FORM_VERSION: return xapi_is_version(text) ? NULL : "must be of the form 1.0.x or 2.0.x";
    case FORM_CHOICE:
        return xapi_is_choice(text, key->choices) ? NULL : "is not one of the standard's values";
    case FORM_TEXT:
    case FORM_NUMBER:
    case FORM_WHOLE:
    case FORM_BOOL:
    case FORM_LANGUAGES:
    case FORM_EXTENSIONS:
    case FORM_OBJECT:
    case FORM_OBJECTS:
    case FORM_ONE_OR_MANY:
    case FORM_TEXTS: break;
    }
    return NULL;
}

/* Adds a field error unless the value is a string of the form that the key requires. */
static void xapi_check_text(struct json_object *value, const struct xapi_key *key,
                            const struct field_path *path, const struct binding *binding)
{
    const char *fault = "must be a text";

    if (json_object_is_type(value, json_type_string))
        fault = xapi_text_fault(json_value_text(value), key);
    if (fault)
        field_fail(binding, path, fault);
}

/* Adds a field error unless the value is a number, which FORM_WHOLE requires to be 0 or more and
 * without a fraction. 3.0 counts as whole, because JSON has only one type of number. */
static void xapi_check_number(struct json_object *value, enum xapi_form form,
                              const struct field_path *path, const struct binding *binding)
{
    double number = json_value_is_number(value) ? json_object_get_double(value) : -1;

    if (!json_value_is_number(value))
        field_fail(binding, path, "must be a number");
    else if (form == FORM_WHOLE && (number < 0 || number > floor(number)))
        field_fail(binding, path, "must be a whole number");
}

/* ---- maps and lists ---- */

/* Checks an object whose keys are not fixed by a table. FORM_LANGUAGES: the keys are language tags
 * and the values texts. FORM_EXTENSIONS: the keys are IRIs and the values anything. */
static void xapi_check_map(struct json_object *map, enum xapi_form form,
                           const struct field_path *path, const struct binding *binding)
{
    struct json_object_iterator i, end;

    if (!json_object_is_type(map, json_type_object)) {
        field_fail(binding, path, "must be an object");
        return;
    }
    i = json_object_iter_begin(map);
    end = json_object_iter_end(map);
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        struct str name = str_of(json_object_iter_peek_name(&i));
        struct field_path member_path = {.parent = path, .name = name};
        bool text = json_object_is_type(json_object_iter_peek_value(&i), json_type_string);

        if (form == FORM_EXTENSIONS && !xapi_is_iri(name))
            field_fail(binding, path, "must have IRIs as its keys");
        if (form == FORM_LANGUAGES && !xapi_is_language(name))
            field_fail(binding, path, "must have language tags of RFC 5646 as its keys");
        if (form == FORM_LANGUAGES && !text)
            field_fail(binding, &member_path, "must be a text");
    }
}

/* Checks a list of texts or of objects, element by element. An element's field errors have a path
 * that ends with its index. */
static void xapi_check_list(struct json_object *list, const struct xapi_key *key,
                            const struct field_path *path, const struct binding *binding)
{
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    if (!json_object_is_type(list, json_type_array))
        field_fail(binding, path, "must be a list");
    for (size_t i = 0; i < n; i++) {
        struct json_object *element = json_object_array_get_idx(list, i);
        struct field_path member_path = {.parent = path, .index = i};

        if (key->form == FORM_TEXTS)
            xapi_check_text(element, &(struct xapi_key){.form = FORM_TEXT}, &member_path, binding);
        else
            xapi_check_object(element, key->keys, &member_path, binding);
    }
}

/* Checks a value by the form that the key requires. Forms up to FORM_CHOICE are strings. The last
 * branch is for FORM_BOOL, the only form that is left. */
static void xapi_check_value(struct json_object *value, const struct xapi_key *key,
                             const struct field_path *path, const struct binding *binding)
{
    enum xapi_form form = key->form;
    bool is_list = json_object_is_type(value, json_type_array);

    if (form <= FORM_CHOICE)
        xapi_check_text(value, key, path, binding);
    else if (form == FORM_NUMBER || form == FORM_WHOLE)
        xapi_check_number(value, form, path, binding);
    else if (form == FORM_LANGUAGES || form == FORM_EXTENSIONS)
        xapi_check_map(value, form, path, binding);
    else if (form == FORM_OBJECTS || form == FORM_TEXTS || (form == FORM_ONE_OR_MANY && is_list))
        xapi_check_list(value, key, path, binding);
    else if (form == FORM_OBJECT || form == FORM_ONE_OR_MANY)
        xapi_check_object(value, key->keys, path, binding);
    else if (!json_object_is_type(value, json_type_boolean))
        field_fail(binding, path, "must be true or false");
}

/* Returns the row with this name; NULL when the table has none. */
static const struct xapi_key *xapi_find_key(const struct xapi_key *keys, struct str name)
{
    for (; keys->name; keys++) {
        if (str_equal(name, str_of(keys->name)))
            return keys;
    }
    return NULL;
}

/* Checks each member that the object has. Required keys that it lacks are found by
 * xapi_check_object. */
static void xapi_check_members(struct json_object *object, const struct xapi_key *keys,
                               const struct field_path *path, const struct binding *binding)
{
    struct json_object_iterator i = json_object_iter_begin(object);
    struct json_object_iterator end = json_object_iter_end(object);

    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        struct field_path member_path = {.parent = path,
                                         .name = str_of(json_object_iter_peek_name(&i))};
        const struct xapi_key *key = xapi_find_key(keys, member_path.name);
        struct json_object *value = json_object_iter_peek_value(&i);

        if (!key)
            field_fail(binding, &member_path, "is not known to xAPI");
        else if (!value)
            field_fail(binding, &member_path, "must not be null");
        else
            xapi_check_value(value, key, &member_path, binding);
    }
}

/* Checks an object by its table: each member that is present, each required key that is absent,
 * then several keys together by the function in the last row, to which `keys` points after the
 * loop. */
static void xapi_check_object(struct json_object *object, const struct xapi_key *keys,
                              const struct field_path *path, const struct binding *binding)
{
    if (!json_object_is_type(object, json_type_object)) {
        field_fail(binding, path, "must be an object");
        return;
    }
    xapi_check_members(object, keys, path, binding);
    for (; keys->name; keys++) {
        if (keys->required && !json_object_object_get_ex(object, keys->name, NULL))
            xapi_fail_member(binding, path, keys->name, "is required");
    }
    if (keys->check)
        keys->check(object, path, binding);
}

/* ---- checks of several keys together ---- */

/* Adds a field error unless an agent or group has exactly one of the four identifiers. A group with
 * members may have none: it is anonymous. */
static void xapi_check_identifier(struct json_object *actor, const struct field_path *path,
                                  const struct binding *binding)
{
    static const char *const identifiers[] = {"mbox", "mbox_sha1sum", "openid", "account"};
    bool is_group = str_equal(json_value_member_text(actor, "objectType"), STR("Group"));
    int count = 0;

    for (size_t i = 0; i < 4; i++) {
        if (json_object_object_get_ex(actor, identifiers[i], NULL))
            count++;
    }
    if (count > 1)
        field_fail(binding, path,
                   "must have one of mbox, mbox_sha1sum, openid, account, and no two");
    if (count == 0 && !(is_group && json_value_member(actor, "member")))
        field_fail(binding, path, "must have one of mbox, mbox_sha1sum, openid, account");
}

/* Adds field errors for a score outside the bounds of xAPI-Data.md, 2.4.5.1: scaled in [-1, 1], min
 * below max, raw between them. Skips a member that is not a number, because it has a field error
 * for its type already. */
static void xapi_check_score(struct json_object *score, const struct field_path *path,
                             const struct binding *binding)
{
    struct json_object *min = json_value_member(score, "min");
    struct json_object *max = json_value_member(score, "max");
    struct json_object *raw = json_value_member(score, "raw");
    struct json_object *scaled = json_value_member(score, "scaled");
    double value = json_value_is_number(scaled) ? json_object_get_double(scaled) : 0;
    bool both = json_value_is_number(min) && json_value_is_number(max);

    if (value < -1 || value > 1)
        xapi_fail_member(binding, path, "scaled", "must be between -1 and 1");
    if (both && json_object_get_double(min) >= json_object_get_double(max))
        xapi_fail_member(binding, path, "min", "must be less than max");
    if (!json_value_is_number(raw))
        return;
    value = json_object_get_double(raw);
    if ((json_value_is_number(min) && value < json_object_get_double(min)) ||
        (json_value_is_number(max) && value > json_object_get_double(max)))
        xapi_fail_member(binding, path, "raw", "must be between min and max");
}

/* ---- the objects of the standard ---- */

static const char *const agent_types[] = {"Agent", NULL};
static const char *const agent_or_group[] = {"Agent", "Group", NULL};
static const char *const group_types[] = {"Group", NULL};
static const char *const activity_types[] = {"Activity", NULL};
static const char *const reference_types[] = {"StatementRef", NULL};
static const char *const interaction_types[] = {
    "true-false", "choice", "fill-in", "long-fill-in", "matching", "performance",
    "sequencing", "likert", "numeric", "other",        NULL};

/* clang-format off */
/* Columns of the tables, as in struct xapi_key: name, form, whether the key is required, table of
 * an object's keys, choices, function that checks several keys. Numbers such as 2.4.2 are sections
 * of xAPI-Data.md. */
static const struct xapi_key account_keys[] = {
    {"homePage", FORM_IRI, true, NULL, NULL, NULL},
    {"name", FORM_TEXT, true, NULL, NULL, NULL},
    {0},
};

/* The rows by which an agent or a group is identified. */
#define IDENTIFIERS \
    {"name", FORM_TEXT, false, NULL, NULL, NULL}, \
    {"mbox", FORM_MAILTO, false, NULL, NULL, NULL}, \
    {"mbox_sha1sum", FORM_SHA1, false, NULL, NULL, NULL}, \
    {"openid", FORM_IRI, false, NULL, NULL, NULL}, \
    {"account", FORM_OBJECT, false, account_keys, NULL, NULL}

/* xAPI-Data.md, 2.4.2: actors. A member of a group is an agent, never a group. */
static const struct xapi_key agent_keys[] = {
    {"objectType", FORM_CHOICE, false, NULL, agent_types, NULL},
    IDENTIFIERS,
    {NULL, FORM_TEXT, false, NULL, NULL, xapi_check_identifier},
};
static const struct xapi_key agent_or_group_keys[] = {
    {"objectType", FORM_CHOICE, false, NULL, agent_or_group, NULL},
    IDENTIFIERS,
    {"member", FORM_OBJECTS, false, agent_keys, NULL, NULL},
    {NULL, FORM_TEXT, false, NULL, NULL, xapi_check_identifier},
};
static const struct xapi_key group_keys[] = {
    {"objectType", FORM_CHOICE, true, NULL, group_types, NULL},
    IDENTIFIERS,
    {"member", FORM_OBJECTS, false, agent_keys, NULL, NULL},
    {NULL, FORM_TEXT, false, NULL, NULL, xapi_check_identifier},
};

/* xAPI-Data.md, 2.4.3: verbs */
static const struct xapi_key verb_keys[] = {
    {"id", FORM_IRI, true, NULL, NULL, NULL},
    {"display", FORM_LANGUAGES, false, NULL, NULL, NULL},
    {0},
};

/* xAPI-Data.md, 2.4.4.1: activities, and the interactions that their definitions describe */
static const struct xapi_key interaction_component_keys[] = {
    {"id", FORM_TEXT, true, NULL, NULL, NULL},
    {"description", FORM_LANGUAGES, false, NULL, NULL, NULL},
    {0},
};
static const struct xapi_key definition_keys[] = {
    {"name", FORM_LANGUAGES, false, NULL, NULL, NULL},
    {"description", FORM_LANGUAGES, false, NULL, NULL, NULL},
    {"type", FORM_IRI, false, NULL, NULL, NULL},
    {"moreInfo", FORM_IRI, false, NULL, NULL, NULL},
    {"interactionType", FORM_CHOICE, false, NULL, interaction_types, NULL},
    {"correctResponsesPattern", FORM_TEXTS, false, NULL, NULL, NULL},
    {"choices", FORM_OBJECTS, false, interaction_component_keys, NULL, NULL},
    {"scale", FORM_OBJECTS, false, interaction_component_keys, NULL, NULL},
    {"source", FORM_OBJECTS, false, interaction_component_keys, NULL, NULL},
    {"target", FORM_OBJECTS, false, interaction_component_keys, NULL, NULL},
    {"steps", FORM_OBJECTS, false, interaction_component_keys, NULL, NULL},
    {"extensions", FORM_EXTENSIONS, false, NULL, NULL, NULL},
    {0},
};
static const struct xapi_key activity_keys[] = {
    {"objectType", FORM_CHOICE, false, NULL, activity_types, NULL},
    {"id", FORM_IRI, true, NULL, NULL, NULL},
    {"definition", FORM_OBJECT, false, definition_keys, NULL, NULL},
    {0},
};

/* xAPI-Data.md, 2.4.5: results */
static const struct xapi_key score_keys[] = {
    {"scaled", FORM_NUMBER, false, NULL, NULL, NULL},
    {"raw", FORM_NUMBER, false, NULL, NULL, NULL},
    {"min", FORM_NUMBER, false, NULL, NULL, NULL},
    {"max", FORM_NUMBER, false, NULL, NULL, NULL},
    {NULL, FORM_TEXT, false, NULL, NULL, xapi_check_score},
};
static const struct xapi_key result_keys[] = {
    {"score", FORM_OBJECT, false, score_keys, NULL, NULL},
    {"success", FORM_BOOL, false, NULL, NULL, NULL},
    {"completion", FORM_BOOL, false, NULL, NULL, NULL},
    {"response", FORM_TEXT, false, NULL, NULL, NULL},
    {"duration", FORM_DURATION, false, NULL, NULL, NULL},
    {"extensions", FORM_EXTENSIONS, false, NULL, NULL, NULL},
    {0},
};

/* xAPI-Data.md, 2.4.6: contexts */
static const struct xapi_key context_activities_keys[] = {
    {"parent", FORM_ONE_OR_MANY, false, activity_keys, NULL, NULL},
    {"grouping", FORM_ONE_OR_MANY, false, activity_keys, NULL, NULL},
    {"category", FORM_ONE_OR_MANY, false, activity_keys, NULL, NULL},
    {"other", FORM_ONE_OR_MANY, false, activity_keys, NULL, NULL},
    {0},
};
static const struct xapi_key reference_keys[] = {
    {"objectType", FORM_CHOICE, true, NULL, reference_types, NULL},
    {"id", FORM_UUID, true, NULL, NULL, NULL},
    {0},
};
/* Version 2.0 only: further agents and groups that the context names (IEEE 9274.1.1, 4.2.5). */
static const char *const context_agent_types[] = {"contextAgent", NULL};
static const char *const context_group_types[] = {"contextGroup", NULL};
static const struct xapi_key context_agent_keys[] = {
    {"objectType", FORM_CHOICE, true, NULL, context_agent_types, NULL},
    {"agent", FORM_OBJECT, true, agent_keys, NULL, NULL},
    {"relevantTypes", FORM_TEXTS, false, NULL, NULL, NULL},
    {0},
};
static const struct xapi_key context_group_keys[] = {
    {"objectType", FORM_CHOICE, true, NULL, context_group_types, NULL},
    {"group", FORM_OBJECT, true, group_keys, NULL, NULL},
    {"relevantTypes", FORM_TEXTS, false, NULL, NULL, NULL},
    {0},
};
static const struct xapi_key context_keys[] = {
    {"registration", FORM_UUID, false, NULL, NULL, NULL},
    {"instructor", FORM_OBJECT, false, agent_or_group_keys, NULL, NULL},
    {"team", FORM_OBJECT, false, group_keys, NULL, NULL},
    {"contextActivities", FORM_OBJECT, false, context_activities_keys, NULL, NULL},
    {"contextAgents", FORM_OBJECTS, false, context_agent_keys, NULL, NULL},
    {"contextGroups", FORM_OBJECTS, false, context_group_keys, NULL, NULL},
    {"revision", FORM_TEXT, false, NULL, NULL, NULL},
    {"platform", FORM_TEXT, false, NULL, NULL, NULL},
    {"language", FORM_LANGUAGE, false, NULL, NULL, NULL},
    {"statement", FORM_OBJECT, false, reference_keys, NULL, NULL},
    {"extensions", FORM_EXTENSIONS, false, NULL, NULL, NULL},
    {0},
};

/* xAPI-Data.md, 2.4.11: attachments */
static const struct xapi_key attachment_keys[] = {
    {"usageType", FORM_IRI, true, NULL, NULL, NULL},
    {"display", FORM_LANGUAGES, true, NULL, NULL, NULL},
    {"description", FORM_LANGUAGES, false, NULL, NULL, NULL},
    {"contentType", FORM_TEXT, true, NULL, NULL, NULL},
    {"length", FORM_WHOLE, true, NULL, NULL, NULL},
    {"sha2", FORM_TEXT, true, NULL, NULL, NULL},
    {"fileUrl", FORM_IRI, false, NULL, NULL, NULL},
    {0},
};

/* xAPI-Data.md, 2.4: the statement. The actor must be an agent and the object an activity, because
 * no other statement can be converted to a learning event. */
static const struct xapi_key statement_keys[] = {
    {"id", FORM_UUID, false, NULL, NULL, NULL},
    {"actor", FORM_OBJECT, true, agent_keys, NULL, NULL},
    {"verb", FORM_OBJECT, true, verb_keys, NULL, NULL},
    {"object", FORM_OBJECT, true, activity_keys, NULL, NULL},
    {"result", FORM_OBJECT, false, result_keys, NULL, NULL},
    {"context", FORM_OBJECT, false, context_keys, NULL, NULL},
    {"timestamp", FORM_TIME, false, NULL, NULL, NULL},
    {"stored", FORM_TIME, false, NULL, NULL, NULL},
    {"authority", FORM_OBJECT, false, agent_or_group_keys, NULL, NULL},
    {"version", FORM_VERSION, false, NULL, NULL, NULL},
    {"attachments", FORM_OBJECTS, false, attachment_keys, NULL, NULL},
    {0},
};
const struct xapi_key *const xapi_statement_keys = statement_keys;
/* clang-format on */

/* Adds a field error and returns true when the object of the statement is not an activity, or its
 * actor is a group: the standard allows both, but no learning event can be made of them. The keys
 * of the statement are then not checked. */
static bool xapi_fail_other_type(struct json_object *statement, const struct field_path *path,
                                 const struct binding *binding)
{
    static const char *const objects[] = {"Agent", "Group", "SubStatement", "StatementRef", NULL};
    static const struct {
        const char *member;
        const char *const *others;
        const char *message;
    } rows[] = {
        {"actor", group_types, "must be Agent: a group is no student"},
        {"object", objects,
         "must be Activity: statements about an agent, a group or another statement cannot become "
         "learning events"},
    };
    bool failed = false;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct field_path member = {.parent = path, .name = str_of(rows[i].member)};
        struct str type =
            json_value_member_text(json_value_member(statement, rows[i].member), "objectType");

        if (!type.p || !xapi_is_choice(type, rows[i].others))
            continue;
        xapi_fail_member(binding, &member, "objectType", rows[i].message);
        failed = true;
    }
    return failed;
}

/* A statement that is not an object gets one error, at its path or, without a path, at "body". */
void xapi_check_form(struct json_object *statement, const struct field_path *path,
                     const struct binding *binding)
{
    static const struct field_path body = {.name = STR_INIT("body")};

    if (!json_object_is_type(statement, json_type_object))
        field_fail(binding, path ? path : &body, "must be an object");
    else if (!xapi_fail_other_type(statement, path, binding))
        xapi_check_object(statement, statement_keys, path, binding);
}
