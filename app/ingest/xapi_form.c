/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ingest/xapi_form.h"

#include <math.h>

#include "app/ingest/xapi_text.h"

enum form {
    TEXT,
    NUMBER,
    WHOLE, /* a number without a fraction, >= 0 */
    FLAG,
    IRI,
    MAILTO,
    UUID,
    SHA1,
    TIME,
    DURATION,
    LANGUAGE,
    VERSION,
    WORD,       /* one of words */
    LANGUAGES,  /* a map of texts by language */
    EXTENSIONS, /* a map of anything by IRI */
    OBJECT,     /* of keys */
    OBJECTS,    /* a list of objects of keys */
    ONE_OR_MANY,
    TEXTS
};

struct key {
    const char *name; /* NULL ends the list */
    enum form form;
    bool required;
    const struct key *keys;
    const char *const *words;
    /* what cannot be said of one key alone */
    void (*also)(struct json_object *object, const struct field_path *place,
                 const struct binding *l);
};

static void check_object(struct json_object *object, const struct key *keys,
                         const struct field_path *place, const struct binding *l);

/* ---- values ---- */

static struct str text_of(struct json_object *json)
{
    return (struct str){json_object_get_string(json), (size_t)json_object_get_string_len(json)};
}

static bool is_word(struct str text, const char *const *words)
{
    for (; *words; words++) {
        if (str_equal(text, str_of(*words)))
            return true;
    }
    return false;
}

/* NULL: the text is as it must be. */
static const char *fault_of_text(struct str text, const struct key *key)
{
    double seconds;
    int64_t at;

    switch (key->form) {
    case IRI: return xapi_is_iri(text) ? NULL : "must be an IRI with its scheme";
    case MAILTO: return xapi_is_mailto(text) ? NULL : "must be of the form mailto:name@host";
    case UUID: return xapi_is_uuid(text) ? NULL : "must be a UUID";
    case SHA1: return text.n == 40 && xapi_is_hex(text) ? NULL : "must be 40 hexadecimal digits";
    case TIME: return xapi_parse_time(text, &at) ? NULL : "must be a time of ISO 8601";
    case DURATION:
        return xapi_parse_duration(text, &seconds) ? NULL : "must be a duration of ISO 8601";
    case LANGUAGE: return xapi_is_language(text) ? NULL : "must be a language tag of RFC 5646";
    case VERSION: return xapi_is_version(text) ? NULL : "must be 1.0.0 or another 1.0.x";
    case WORD: return is_word(text, key->words) ? NULL : "is not one of the standard's values";
    case TEXT:
    case NUMBER:
    case WHOLE:
    case FLAG:
    case LANGUAGES:
    case EXTENSIONS:
    case OBJECT:
    case OBJECTS:
    case ONE_OR_MANY:
    case TEXTS: break;
    }
    return NULL;
}

static void check_text(struct json_object *value, const struct key *key,
                       const struct field_path *place, const struct binding *l)
{
    const char *fault = "must be a text";

    if (json_object_is_type(value, json_type_string))
        fault = fault_of_text(text_of(value), key);
    if (fault)
        field_fail(l, place, fault);
}

static bool is_number(struct json_object *value)
{
    return json_object_is_type(value, json_type_int) ||
           json_object_is_type(value, json_type_double);
}

static void check_number(struct json_object *value, enum form form, const struct field_path *place,
                         const struct binding *l)
{
    double number = is_number(value) ? json_object_get_double(value) : -1;

    if (!is_number(value))
        field_fail(l, place, "must be a number");
    else if (form == WHOLE && (number < 0 || number > floor(number)))
        field_fail(l, place, "must be a whole number");
}

/* ---- maps and lists ---- */

/* Each member of a map: its key is of key_form, its value a text or anything. */
static void check_map(struct json_object *map, enum form form, const struct field_path *place,
                      const struct binding *l)
{
    struct json_object_iterator i, end;

    if (!json_object_is_type(map, json_type_object)) {
        field_fail(l, place, "must be an object");
        return;
    }
    i = json_object_iter_begin(map);
    end = json_object_iter_end(map);
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        struct str name = str_of(json_object_iter_peek_name(&i));
        struct field_path at = {.parent = place, .name = name};
        bool text = json_object_is_type(json_object_iter_peek_value(&i), json_type_string);

        if (form == EXTENSIONS && !xapi_is_iri(name))
            field_fail(l, place, "must have IRIs as its keys");
        if (form == LANGUAGES && !xapi_is_language(name))
            field_fail(l, place, "must have language tags of RFC 5646 as its keys");
        if (form == LANGUAGES && !text)
            field_fail(l, &at, "must be a text");
    }
}

static void check_list(struct json_object *list, const struct key *key,
                       const struct field_path *place, const struct binding *l)
{
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    if (!json_object_is_type(list, json_type_array))
        field_fail(l, place, "must be a list");
    for (size_t i = 0; i < n; i++) {
        struct json_object *element = json_object_array_get_idx(list, i);
        struct field_path at = {.parent = place, .index = i};

        if (key->form == TEXTS)
            check_text(element, &(struct key){.form = TEXT}, &at, l);
        else
            check_object(element, key->keys, &at, l);
    }
}

static void check_value(struct json_object *value, const struct key *key,
                        const struct field_path *place, const struct binding *l)
{
    switch (key->form) {
    case NUMBER:
    case WHOLE: check_number(value, key->form, place, l); return;
    case FLAG:
        if (!json_object_is_type(value, json_type_boolean))
            field_fail(l, place, "must be true or false");
        return;
    case LANGUAGES:
    case EXTENSIONS: check_map(value, key->form, place, l); return;
    case ONE_OR_MANY:
        if (json_object_is_type(value, json_type_array)) {
            check_list(value, key, place, l);
            return;
        }
        check_object(value, key->keys, place, l);
        return;
    case OBJECT: check_object(value, key->keys, place, l); return;
    case OBJECTS:
    case TEXTS: check_list(value, key, place, l); return;
    case TEXT:
    case IRI:
    case MAILTO:
    case UUID:
    case SHA1:
    case TIME:
    case DURATION:
    case LANGUAGE:
    case VERSION:
    case WORD: check_text(value, key, place, l); return;
    }
}

static const struct key *find_key(const struct key *keys, struct str name)
{
    for (; keys->name; keys++) {
        if (str_equal(name, str_of(keys->name)))
            return keys;
    }
    return NULL;
}

static void check_members(struct json_object *object, const struct key *keys,
                          const struct field_path *place, const struct binding *l)
{
    struct json_object_iterator i = json_object_iter_begin(object);
    struct json_object_iterator end = json_object_iter_end(object);

    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        struct field_path at = {.parent = place, .name = str_of(json_object_iter_peek_name(&i))};
        const struct key *key = find_key(keys, at.name);
        struct json_object *value = json_object_iter_peek_value(&i);

        if (!key)
            field_fail(l, &at, "is not known to xAPI");
        else if (!value)
            field_fail(l, &at, "must not be null");
        else
            check_value(value, key, &at, l);
    }
}

/* The row without a name ends the list; it may hold a check of the whole. */
static void check_object(struct json_object *object, const struct key *keys,
                         const struct field_path *place, const struct binding *l)
{
    if (!json_object_is_type(object, json_type_object)) {
        field_fail(l, place, "must be an object");
        return;
    }
    check_members(object, keys, place, l);
    for (; keys->name; keys++) {
        struct field_path at = {.parent = place, .name = str_of(keys->name)};

        if (keys->required && !json_object_object_get_ex(object, keys->name, NULL))
            field_fail(l, &at, "is required");
    }
    if (keys->also)
        keys->also(object, place, l);
}

/* ---- what cannot be said of one key alone ---- */

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    (void)json_object_object_get_ex(object, name, &value);
    return value;
}

static bool is_group(struct json_object *who)
{
    struct json_object *type = member(who, "objectType");

    return json_object_is_type(type, json_type_string) && str_equal(text_of(type), STR("Group"));
}

/* Exactly one identifier; a group may do with its members instead. */
static void one_identifier(struct json_object *who, const struct field_path *place,
                           const struct binding *l)
{
    static const char *const names[] = {"mbox", "mbox_sha1sum", "openid", "account"};
    int found = 0;

    for (size_t i = 0; i < 4; i++)
        found += json_object_object_get_ex(who, names[i], NULL);
    if (found > 1)
        field_fail(l, place, "must have one of mbox, mbox_sha1sum, openid, account, and no two");
    if (found == 0 && !(is_group(who) && member(who, "member")))
        field_fail(l, place, "must have one of mbox, mbox_sha1sum, openid, account");
}

static void score_in_order(struct json_object *score, const struct field_path *place,
                           const struct binding *l)
{
    struct json_object *min = member(score, "min"), *max = member(score, "max");
    struct json_object *raw = member(score, "raw"), *scaled = member(score, "scaled");
    double value = is_number(scaled) ? json_object_get_double(scaled) : 0;
    bool both = is_number(min) && is_number(max);

    if (value < -1 || value > 1)
        field_fail(l, &(struct field_path){.parent = place, .name = STR("scaled")},
                   "must be between -1 and 1");
    if (both && json_object_get_double(min) >= json_object_get_double(max))
        field_fail(l, &(struct field_path){.parent = place, .name = STR("min")},
                   "must be less than max");
    if (!is_number(raw))
        return;
    value = json_object_get_double(raw);
    if ((is_number(min) && value < json_object_get_double(min)) ||
        (is_number(max) && value > json_object_get_double(max)))
        field_fail(l, &(struct field_path){.parent = place, .name = STR("raw")},
                   "must be between min and max");
}

/* ---- the standard's objects ---- */

static const char *const agent_types[] = {"Agent", NULL};
static const char *const agent_or_group[] = {"Agent", "Group", NULL};
static const char *const group_types[] = {"Group", NULL};
static const char *const activity_types[] = {"Activity", NULL};
static const char *const reference_types[] = {"StatementRef", NULL};
static const char *const interaction_types[] = {
    "true-false", "choice", "fill-in", "long-fill-in", "matching", "performance",
    "sequencing", "likert", "numeric", "other",        NULL};

/* clang-format off */
static const struct key account_keys[] = {
    {"homePage", IRI, true, NULL, NULL, NULL},
    {"name", TEXT, true, NULL, NULL, NULL},
    {0},
};

#define IDENTIFIERS                                                                                \
    {"name", TEXT, false, NULL, NULL, NULL},                                                       \
    {"mbox", MAILTO, false, NULL, NULL, NULL},                                                     \
    {"mbox_sha1sum", SHA1, false, NULL, NULL, NULL},                                               \
    {"openid", IRI, false, NULL, NULL, NULL},                                                      \
    {"account", OBJECT, false, account_keys, NULL, NULL}

static const struct key agent_keys[] = {
    {"objectType", WORD, false, NULL, agent_types, NULL},
    IDENTIFIERS,
    {NULL, TEXT, false, NULL, NULL, one_identifier},
};
static const struct key agent_or_group_keys[] = {
    {"objectType", WORD, false, NULL, agent_or_group, NULL},
    IDENTIFIERS,
    {"member", OBJECTS, false, agent_keys, NULL, NULL},
    {NULL, TEXT, false, NULL, NULL, one_identifier},
};
static const struct key group_keys[] = {
    {"objectType", WORD, true, NULL, group_types, NULL},
    IDENTIFIERS,
    {"member", OBJECTS, false, agent_keys, NULL, NULL},
    {NULL, TEXT, false, NULL, NULL, one_identifier},
};

static const struct key verb_keys[] = {
    {"id", IRI, true, NULL, NULL, NULL},
    {"display", LANGUAGES, false, NULL, NULL, NULL},
    {0},
};

static const struct key interaction_component_keys[] = {
    {"id", TEXT, true, NULL, NULL, NULL},
    {"description", LANGUAGES, false, NULL, NULL, NULL},
    {0},
};
static const struct key definition_keys[] = {
    {"name", LANGUAGES, false, NULL, NULL, NULL},
    {"description", LANGUAGES, false, NULL, NULL, NULL},
    {"type", IRI, false, NULL, NULL, NULL},
    {"moreInfo", IRI, false, NULL, NULL, NULL},
    {"interactionType", WORD, false, NULL, interaction_types, NULL},
    {"correctResponsesPattern", TEXTS, false, NULL, NULL, NULL},
    {"choices", OBJECTS, false, interaction_component_keys, NULL, NULL},
    {"scale", OBJECTS, false, interaction_component_keys, NULL, NULL},
    {"source", OBJECTS, false, interaction_component_keys, NULL, NULL},
    {"target", OBJECTS, false, interaction_component_keys, NULL, NULL},
    {"steps", OBJECTS, false, interaction_component_keys, NULL, NULL},
    {"extensions", EXTENSIONS, false, NULL, NULL, NULL},
    {0},
};
static const struct key activity_keys[] = {
    {"objectType", WORD, false, NULL, activity_types, NULL},
    {"id", IRI, true, NULL, NULL, NULL},
    {"definition", OBJECT, false, definition_keys, NULL, NULL},
    {0},
};

static const struct key score_keys[] = {
    {"scaled", NUMBER, false, NULL, NULL, NULL},
    {"raw", NUMBER, false, NULL, NULL, NULL},
    {"min", NUMBER, false, NULL, NULL, NULL},
    {"max", NUMBER, false, NULL, NULL, NULL},
    {NULL, TEXT, false, NULL, NULL, score_in_order},
};
static const struct key result_keys[] = {
    {"score", OBJECT, false, score_keys, NULL, NULL},
    {"success", FLAG, false, NULL, NULL, NULL},
    {"completion", FLAG, false, NULL, NULL, NULL},
    {"response", TEXT, false, NULL, NULL, NULL},
    {"duration", DURATION, false, NULL, NULL, NULL},
    {"extensions", EXTENSIONS, false, NULL, NULL, NULL},
    {0},
};

static const struct key context_activities_keys[] = {
    {"parent", ONE_OR_MANY, false, activity_keys, NULL, NULL},
    {"grouping", ONE_OR_MANY, false, activity_keys, NULL, NULL},
    {"category", ONE_OR_MANY, false, activity_keys, NULL, NULL},
    {"other", ONE_OR_MANY, false, activity_keys, NULL, NULL},
    {0},
};
static const struct key reference_keys[] = {
    {"objectType", WORD, true, NULL, reference_types, NULL},
    {"id", UUID, true, NULL, NULL, NULL},
    {0},
};
static const struct key context_keys[] = {
    {"registration", UUID, false, NULL, NULL, NULL},
    {"instructor", OBJECT, false, agent_or_group_keys, NULL, NULL},
    {"team", OBJECT, false, group_keys, NULL, NULL},
    {"contextActivities", OBJECT, false, context_activities_keys, NULL, NULL},
    {"revision", TEXT, false, NULL, NULL, NULL},
    {"platform", TEXT, false, NULL, NULL, NULL},
    {"language", LANGUAGE, false, NULL, NULL, NULL},
    {"statement", OBJECT, false, reference_keys, NULL, NULL},
    {"extensions", EXTENSIONS, false, NULL, NULL, NULL},
    {0},
};

static const struct key attachment_keys[] = {
    {"usageType", IRI, true, NULL, NULL, NULL},
    {"display", LANGUAGES, true, NULL, NULL, NULL},
    {"description", LANGUAGES, false, NULL, NULL, NULL},
    {"contentType", TEXT, true, NULL, NULL, NULL},
    {"length", WHOLE, true, NULL, NULL, NULL},
    {"sha2", TEXT, true, NULL, NULL, NULL},
    {"fileUrl", IRI, false, NULL, NULL, NULL},
    {0},
};

static const struct key statement_keys[] = {
    {"id", UUID, false, NULL, NULL, NULL},
    {"actor", OBJECT, true, agent_keys, NULL, NULL},
    {"verb", OBJECT, true, verb_keys, NULL, NULL},
    {"object", OBJECT, true, activity_keys, NULL, NULL},
    {"result", OBJECT, false, result_keys, NULL, NULL},
    {"context", OBJECT, false, context_keys, NULL, NULL},
    {"timestamp", TIME, false, NULL, NULL, NULL},
    {"stored", TIME, false, NULL, NULL, NULL},
    {"authority", OBJECT, false, agent_or_group_keys, NULL, NULL},
    {"version", VERSION, false, NULL, NULL, NULL},
    {"attachments", OBJECTS, false, attachment_keys, NULL, NULL},
    {0},
};
/* clang-format on */

void xapi_check_form(struct json_object *statement, const struct field_path *at,
                     const struct binding *l)
{
    static const struct field_path top = {.name = STR_INIT("body")};

    if (json_object_is_type(statement, json_type_object))
        check_object(statement, statement_keys, at, l);
    else
        field_fail(l, at ? at : &top, "must be an object");
}
