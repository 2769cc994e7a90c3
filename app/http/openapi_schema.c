/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes a rule (the description of one field: type, bounds, choices) as JSON Schema: its type,
 * then the constraints of that type, then its default value. struct jw writes JSON; a key of NULL
 * writes an element of an array. */
#include "app/http/openapi_schema.h"

#include <math.h>
#include <stdio.h>

#include "app/base/ids.h"
#include "app/base/number.h"
#include "app/http/field.h"

/* Writes the keywords `properties` and `required` of an object's schema. Fields of the path and the
 * query are skipped, because they are not members of the object. */
static void schema_write_fields(const struct rule *fields, enum schema_side side, struct jw *w);

/* Writes the bounds of a rule under the keywords low and high. An infinite bound limits nothing and
 * is not written; JSON has no infinite numbers. */
static void schema_write_bounds(const struct rule *rule, const char *low, const char *high,
                                struct jw *w)
{
    if (!rule_is_bounded(rule))
        return;
    if (isfinite(rule->min))
        jw_number(w, low, rule->min);
    if (isfinite(rule->max))
        jw_number(w, high, rule->max);
}

/* Writes the keyword type. When the value may also be null, it is a list of two types. */
static void schema_write_type(const char *type, bool nullable, struct jw *w)
{
    if (!nullable) {
        jw_text(w, "type", type);
        return;
    }
    jw_array(w, "type");
    jw_text(w, NULL, type);
    jw_text(w, NULL, "null");
    jw_array_end(w);
}

/* Writes the choices of a rule; null is one of them when the value may be null. */
static void schema_write_enum(const struct rule *rule, bool nullable, struct jw *w)
{
    jw_array(w, "enum");
    for (const char *const *choice = rule->choices; *choice; choice++)
        jw_text(w, NULL, *choice);
    if (nullable)
        jw_null(w, NULL);
    jw_array_end(w);
}

/* Writes the elements of a list: objects for RULE_OBJECTS, else strings. The elements themselves
 * cannot be null. */
static void schema_write_list(const struct rule *rule, enum schema_side side, struct jw *w)
{
    if (rule->type == RULE_IDS)
        jw_bool(w, "uniqueItems", true);
    if (rule->schema) {
        schema_write_reference_member("items", rule->schema, w);
        return;
    }
    jw_object(w, "items");
    schema_write_type(rule->type == RULE_OBJECTS ? "object" : "string", /* nullable */ false, w);
    if (rule->type == RULE_IDS)
        jw_text(w, "pattern", ID_PATTERN);
    else if (rule->type == RULE_ENUM_SET)
        schema_write_enum(rule, /* nullable */ false, w);
    else if (rule->fields)
        schema_write_fields(rule->fields, side, w);
    jw_object_end(w);
}

/* Writes the schema of the values of a map (an object with any keys). The values are of one rule
 * without a name, or objects of several rules, or numbers when there are no rules. */
static void schema_write_map(const struct rule *rule, enum schema_side side, struct jw *w)
{
    if (rule->fields && !rule->fields->name) {
        schema_write(rule->fields, "additionalProperties", side, w);
        return;
    }
    jw_object(w, "additionalProperties");
    schema_write_type(rule->fields ? "object" : "number", /* nullable */ false, w);
    if (rule->fields)
        schema_write_fields(rule->fields, side, w);
    jw_object_end(w);
}

/* Writes the schema of the elements of a list of numbers. min and max of the rule are the bounds of
 * each number, not of the length of the list. */
static void schema_write_numbers(const struct rule *rule, struct jw *w)
{
    jw_object(w, "items");
    jw_text(w, "type", "number");
    schema_write_bounds(rule, "minimum", "maximum", w);
    jw_object_end(w);
}

/* Writes references to all forms of a value, of which one must fit; when the value may be null,
 * null is one more form. */
static void schema_write_forms(const struct rule_forms *forms, bool nullable, struct jw *w)
{
    jw_array(w, "anyOf");
    for (const struct rule_form *form = forms->v; form->name; form++) {
        schema_write_reference_member(NULL, form->name, w);
    }
    if (nullable) {
        jw_object(w, NULL);
        jw_text(w, "type", "null");
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Writes a reference to the named schema of an object. For an object that may be null, writes two
 * forms: the reference and null. */
static void schema_write_named(const struct rule *rule, struct jw *w)
{
    const struct rule_form form[] = {{.name = rule->schema, .fields = rule->fields}, {0}};
    const struct rule_forms forms = {.v = form};
    if (rule->nullable)
        schema_write_forms(&forms, /* nullable */ true, w);
    else
        schema_write_reference(rule->schema, w);
}

/* The text forms of a day and of a time (base/clock.h) as regular expressions, because tools need
 * not check the JSON Schema formats `date` and `date-time`. The expressions also accept impossible
 * days such as 2026-02-30. */
#define DAY_PATTERN "[0-9]{4}-[0-9]{2}-[0-9]{2}"
#define TIME_PATTERN                                                                               \
    DAY_PATTERN "[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"

/* For each rule type: the JSON type, the keywords for min and max, the format and the pattern;
 * NULL: none. RULE_JSON has no type, because it accepts any value. RULE_NUMBERS has no keywords
 * here, because its bounds are those of the elements. */
static const struct {
    const char *type, *min, *max, *format, *pattern;
} schema_types[] = {
    [RULE_ID] = {.type = "string", .pattern = ID_PATTERN},
    [RULE_TEXT] = {.type = "string", .min = "minLength", .max = "maxLength"},
    [RULE_ENUM] = {.type = "string"},
    [RULE_BOOL] = {.type = "boolean"},
    [RULE_INT] = {.type = "integer", .min = "minimum", .max = "maximum"},
    [RULE_NUMBER] = {.type = "number", .min = "minimum", .max = "maximum"},
    [RULE_DAY] = {.type = "string", .format = "date", .pattern = "^" DAY_PATTERN "$"},
    [RULE_TIME] = {.type = "string", .format = "date-time", .pattern = "^" TIME_PATTERN "$"},
    [RULE_IDS] = {.type = "array", .min = "minItems", .max = "maxItems"},
    [RULE_ENUM_SET] = {.type = "array", .min = "minItems", .max = "maxItems"},
    [RULE_OBJECT] = {.type = "object"},
    [RULE_OBJECTS] = {.type = "array", .min = "minItems", .max = "maxItems"},
    [RULE_JSON] = {.type = NULL},
    [RULE_MAP] = {.type = "object"},
    [RULE_NUMBERS] = {.type = "array"},
    [RULE_TEXTS] = {.type = "array"},
};

/* Writes bounds, format and pattern of the value, then what the rule type requires in addition. */
static void schema_write_constraints(const struct rule *rule, enum schema_side side, struct jw *w)
{
    if (schema_types[rule->type].min)
        schema_write_bounds(rule, schema_types[rule->type].min, schema_types[rule->type].max, w);
    if (schema_types[rule->type].format)
        jw_text(w, "format", schema_types[rule->type].format);
    if (schema_types[rule->type].pattern)
        jw_text(w, "pattern", schema_types[rule->type].pattern);
    switch (rule->type) {
    case RULE_ENUM: schema_write_enum(rule, rule->nullable, w); break;
    case RULE_IDS:
    case RULE_ENUM_SET:
    case RULE_TEXTS:
    case RULE_OBJECTS: schema_write_list(rule, side, w); break;
    case RULE_OBJECT:
        if (rule->fields && !rule->schema)
            schema_write_fields(rule->fields, side, w);
        break;
    case RULE_MAP: schema_write_map(rule, side, w); break;
    case RULE_NUMBERS: schema_write_numbers(rule, w); break;
    case RULE_TEXT:
        if (rule->choices)
            schema_write_enum(rule, rule->nullable, w);
        break;
    case RULE_JSON:
        if (rule->forms)
            schema_write_forms(rule->forms, rule->nullable, w);
        break;
    default: break;
    }
}

/* Sets text to the default value of a field: a number, true, false or a choice. Returns false when
 * it has none to show. A rule with `present` (offset of a bool that says whether the field was
 * sent) has none, because its handler decides about an absent field. Neither has one whose default
 * is outside the bounds, which only marks an absent number. */
static bool schema_default(const struct rule *rule, char text[64])
{
    bool in_range = rule_in_bounds(rule, rule->default_value);
    if (rule->required || rule->present != 0)
        return false;
    if ((rule->type == RULE_INT || rule->type == RULE_NUMBER) && in_range)
        (void)number_print(rule->default_value, text);
    else if (rule->type == RULE_BOOL)
        (void)snprintf(text, 64, "%s", rule->default_value != 0 ? "true" : "false");
    else if (rule->type == RULE_ENUM)
        (void)snprintf(text, 64, "%s", rule->choices[(size_t)rule->default_value]);
    else
        return false;
    return true;
}

/* Writes the description of a field with its default value. For a parameter the default is the
 * keyword "default". For a field of a body it is a part of the description, because
 * openapi-typescript would declare a field with that keyword as required. */
static void schema_write_description(const struct rule *rule, enum schema_side side, struct jw *w)
{
    char value[64];
    bool has_default = side == SCHEMA_REQUEST && schema_default(rule, value);
    if (has_default && rule->source != IN_BODY && rule->type == RULE_ENUM)
        jw_text(w, "default", value);
    else if (has_default && rule->source != IN_BODY)
        jw_raw(w, "default", str_of(value));
    if (!has_default || rule->source != IN_BODY) {
        if (rule->description)
            jw_text(w, "description", rule->description);
        return;
    }
    jw_str(w, "description",
           arena_printf(w->out->arena, "%s%sDefault: %s",
                        rule->description ? rule->description : "", rule->description ? ". " : "",
                        value));
}

/* Writes the schema of one field: its type, bounds, description and default value. A response has
 * no defaults, because the engine writes the value. A rule type without a type name accepts any
 * value. */
void schema_write(const struct rule *rule, const char *key, enum schema_side side, struct jw *w)
{
    bool is_named = rule->type == RULE_OBJECT && rule->schema;
    jw_object(w, key);
    if (is_named)
        schema_write_named(rule, w);
    else if (schema_types[rule->type].type)
        schema_write_type(schema_types[rule->type].type, rule->nullable, w);
    schema_write_constraints(rule, side, w);
    schema_write_description(rule, side, w);
    jw_object_end(w);
}

/* Writes the keywords `properties` and `required` of the schema of an object with these fields of
 * the body. side: whether the object is received or sent. */
static void schema_write_fields(const struct rule *fields, enum schema_side side, struct jw *w)
{
    jw_object(w, "properties");
    for (const struct rule *rule = fields; rule->type != RULE_END; rule++) {
        if (rule->source == IN_BODY)
            schema_write(rule, rule->name, side, w);
    }
    jw_object_end(w);
    jw_array(w, "required");
    for (const struct rule *rule = fields; rule->type != RULE_END; rule++) {
        if (rule->source == IN_BODY && rule->required)
            jw_text(w, NULL, rule->name);
    }
    jw_array_end(w);
}

void schema_write_pointer(const char *key, const char *name, struct jw *w)
{
    char target[128];
    (void)snprintf(target, sizeof target, "#/components/schemas/%s", name);
    jw_text(w, key, target);
}

void schema_write_reference(const char *name, struct jw *w)
{
    schema_write_pointer("$ref", name, w);
}

void schema_write_reference_member(const char *key, const char *name, struct jw *w)
{
    jw_object(w, key);
    schema_write_reference(name, w);
    jw_object_end(w);
}

void schema_begin_content(const char *type, struct jw *w)
{
    jw_object(w, "content");
    jw_object(w, type);
}

/* Closes the media type and "content". */
void schema_end_content(struct jw *w)
{
    jw_object_end(w);
    jw_object_end(w);
}
