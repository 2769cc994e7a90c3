/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes what a rule means as JSON Schema: its type, then constraints by type, then its default. */
#include "app/http/openapi_schema.h"

#include <math.h>

#include "app/http/field.h"

/* An infinite bound is no bound, and JSON could not express it. */
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

/* In JSON Schema a nullable type is a list of two types. */
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

static void schema_write_enum(const struct rule *rule, bool nullable, struct jw *w)
{
    jw_array(w, "enum");
    for (const char *const *choice = rule->choices; *choice; choice++)
        jw_text(w, NULL, *choice);
    if (nullable)
        jw_null(w, NULL);
    jw_array_end(w);
}

static void schema_write_id(struct jw *w)
{
    jw_text(w, "pattern", "^[A-Za-z0-9_-]{1,64}$");
}

/* RULE_IDS and RULE_ENUM_SET are lists of strings, RULE_OBJECTS of objects. */
static void schema_write_list(const struct rule *rule, enum schema_side side, struct jw *w)
{
    if (rule->type == RULE_IDS)
        jw_bool(w, "uniqueItems", true);
    jw_object(w, "items");
    schema_write_type(rule->type == RULE_OBJECTS ? "object" : "string", false, w);
    if (rule->type == RULE_IDS)
        schema_write_id(w);
    else if (rule->type == RULE_ENUM_SET)
        schema_write_enum(rule, false, w);
    else if (rule->fields)
        schema_write_fields(rule->fields, side, w);
    jw_object_end(w);
}

/* The values of a map: see RULE_MAP. */
static void schema_write_map(const struct rule *rule, enum schema_side side, struct jw *w)
{
    if (rule->fields && !rule->fields->name) {
        schema_write(rule->fields, "additionalProperties", side, w);
        return;
    }
    jw_object(w, "additionalProperties");
    schema_write_type(rule->fields ? "object" : "number", false, w);
    if (rule->fields)
        schema_write_fields(rule->fields, side, w);
    jw_object_end(w);
}

static void schema_write_numbers(const struct rule *rule, struct jw *w)
{
    jw_object(w, "items");
    jw_text(w, "type", "number");
    schema_write_bounds(rule, "minimum", "maximum", w);
    jw_object_end(w);
}

/* By rule type: the JSON type, the keywords for min and max, and the format. A RULE_JSON has no
 * type: any value is valid. */
static const struct {
    const char *type, *min, *max, *format;
} schema_types[] = {
    [RULE_ID] = {"string"},
    [RULE_TEXT] = {"string", "minLength", "maxLength"},
    [RULE_ENUM] = {"string"},
    [RULE_BOOL] = {"boolean"},
    [RULE_INT] = {"integer", "minimum", "maximum"},
    [RULE_NUMBER] = {"number", "minimum", "maximum"},
    [RULE_DAY] = {"string", .format = "date"},
    [RULE_TIME] = {"string", .format = "date-time"},
    [RULE_IDS] = {"array", "minItems", "maxItems"},
    [RULE_ENUM_SET] = {"array", "minItems", "maxItems"},
    [RULE_OBJECT] = {"object"},
    [RULE_OBJECTS] = {"array", "minItems", "maxItems"},
    [RULE_JSON] = {NULL},
    [RULE_MAP] = {"object"},
    [RULE_NUMBERS] = {"array"},
};

static void schema_write_constraints(const struct rule *rule, enum schema_side side, struct jw *w)
{
    if (schema_types[rule->type].min)
        schema_write_bounds(rule, schema_types[rule->type].min, schema_types[rule->type].max, w);
    if (schema_types[rule->type].format)
        jw_text(w, "format", schema_types[rule->type].format);
    switch (rule->type) {
    case RULE_ID: schema_write_id(w); break;
    case RULE_ENUM: schema_write_enum(rule, rule->nullable, w); break;
    case RULE_IDS:
    case RULE_ENUM_SET:
    case RULE_OBJECTS: schema_write_list(rule, side, w); break;
    case RULE_OBJECT:
        if (rule->fields)
            schema_write_fields(rule->fields, side, w);
        break;
    case RULE_MAP: schema_write_map(rule, side, w); break;
    case RULE_NUMBERS: schema_write_numbers(rule, w); break;
    default: break;
    }
}

/* A rule with `present` has no default to document: its handler treats absence as a case of its
 * own. */
static void schema_write_default(const struct rule *rule, struct jw *w)
{
    bool in_range = rule_in_bounds(rule, rule->default_value);
    if (rule->required || rule->present != 0)
        return;
    if ((rule->type == RULE_INT || rule->type == RULE_NUMBER) && in_range)
        jw_number(w, "default", rule->default_value);
    else if (rule->type == RULE_BOOL)
        jw_bool(w, "default", rule->default_value != 0);
    else if (rule->type == RULE_ENUM)
        jw_text(w, "default", rule->choices[(size_t)rule->default_value]);
}

void schema_write(const struct rule *rule, const char *key, enum schema_side side, struct jw *w)
{
    jw_object(w, key);
    if (schema_types[rule->type].type)
        schema_write_type(schema_types[rule->type].type, rule->nullable, w);
    schema_write_constraints(rule, side, w);
    if (side == SCHEMA_REQUEST)
        schema_write_default(rule, w);
    if (rule->description)
        jw_text(w, "description", rule->description);
    jw_object_end(w);
}

/* RULE_END ends the list; fields of path and query are not part of the object. */
void schema_write_fields(const struct rule *fields, enum schema_side side, struct jw *w)
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

void schema_begin_content(const char *type, struct jw *w)
{
    jw_object(w, "content");
    jw_object(w, type);
    jw_object(w, "schema");
}

void schema_end_content(struct jw *w)
{
    for (int i = 0; i < 3; i++)
        jw_object_end(w);
}
