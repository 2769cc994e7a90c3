/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fills a handler's input struct from a request by the rules of its route. A rule describes one
 * field: its name, type, bounds and the member of the struct that gets its value. The bind_
 * functions find the value of a field in the path, the query or the body; rule_value.c checks it
 * and stores it. The parse_ functions here fill a struct from an object, and an array of structs
 * from a list of objects. All wrong fields of a request are reported as field errors. A wrong value
 * leaves its member as the caller has cleared it. */
#include "app/http/validate.h"

#include "app/http/json.h"
#include "app/http/options.h"
#include "app/http/query.h"
#include "app/http/rule_value.h"

/* ---- Objects ---- */

static void bind_object(const struct binding *binding, const struct rule *rules,
                        struct json_object *object, const struct field_path *field, void *input);

/* Fills the struct at ret from the members of the object, by the rules in rule->fields. null is
 * refused. */
static void parse_object(const struct binding *binding, const struct rule *rule,
                         const struct rule_value *value, const struct field_path *field, void *ret)
{
    if (value->kind != VALUE_OBJECT || !value->json)
        field_fail(binding, field, "must be an object");
    else
        bind_object(binding, rule->fields, value->json, field, ret);
}

/* Accepts a list of objects, and stores it as a struct rule_objects. Each object fills one struct
 * of rule->item_size bytes in the array objects.v, by the rules in rule->fields. */
static void parse_objects(const struct binding *binding, const struct rule *rule,
                          const struct rule_value *value, const struct field_path *field, void *ret)
{
    struct rule_objects objects;
    if (!rule_value_list_length(binding, rule, value, field, "objects", &objects.n))
        return;
    objects.v = arena_array(binding->arena, objects.n, rule->item_size);
    if (!objects.v) {
        field_no_memory(binding);
        return;
    }
    for (size_t i = 0; i < objects.n; i++) {
        struct rule_value object = rule_value_list_element(value, i);
        parse_object(binding, rule, &object, &(struct field_path){.parent = field, .index = i},
                     (char *)objects.v + i * rule->item_size);
    }
    memcpy(ret, &objects, sizeof objects);
}

/* ---- Rules ---- */

/* Checks the value by a rule of any type, and stores it in *ret or adds a field error. */
static void parse_any(const struct binding *binding, const struct rule *rule,
                      const struct rule_value *value, const struct field_path *field, void *ret)
{
    if (rule->type == RULE_OBJECT)
        parse_object(binding, rule, value, field, ret);
    else if (rule->type == RULE_OBJECTS)
        parse_objects(binding, rule, value, field, ret);
    else
        rule_value_parse(binding, rule, value, field, ret);
}

/* Returns the address of the member at this offset in the input. */
static void *input_member(void *input, size_t offset)
{
    return (char *)input + offset;
}

/* Stores the default value of an absent field or, for an absent object, the defaults of its
 * members. A default of 0 is not stored, because the cleared input holds 0 already: a field that
 * may come from the query or the body has two rules for one member, both without a default, and the
 * rule that finds no value must not overwrite the value of the other. */
static void apply_default(const struct rule *rule, void *input)
{
    void *ret = input_member(input, rule->offset);
    if (rule->type == RULE_OBJECT) {
        for (const struct rule *field = rule->fields; field->type != RULE_END; field++)
            apply_default(field, ret);
    }
    if (rule->default_value == 0)
        return;
    if (rule->type == RULE_INT)
        memcpy(ret, &(int64_t){(int64_t)rule->default_value}, sizeof(int64_t));
    else if (rule->type == RULE_NUMBER)
        memcpy(ret, &rule->default_value, sizeof rule->default_value);
    else if (rule->type == RULE_ENUM)
        memcpy(ret, &(int){(int)rule->default_value}, sizeof(int));
    else if (rule->type == RULE_BOOL)
        memcpy(ret, &(bool){true}, sizeof(bool));
}

/* Handles an absent field: an error when it is required, else its default value. */
static void bind_absent(const struct binding *binding, const struct rule *rule,
                        const struct field_path *field, void *input)
{
    if (rule->required)
        field_fail(binding, field, "is required");
    else
        apply_default(rule, input);
}

/* Checks and stores the value of a field. Then sets the bool that rule->present names, unless the
 * value caused an error. */
static void bind_value(const struct binding *binding, const struct rule *rule,
                       const struct rule_value *value, const struct field_path *field, void *input)
{
    size_t errors = binding->problem->field_count;
    parse_any(binding, rule, value, field, input_member(input, rule->offset));
    if (rule->present != 0 && binding->problem->field_count == errors)
        memcpy(input_member(input, rule->present), &(bool){true}, sizeof(bool));
}

/* Finds a field in a JSON object, and stores its value or its default. object: NULL when the whole
 * object is absent. The value null counts as absent when the rule is nullable. */
static void bind_field(const struct binding *binding, const struct rule *rule,
                       struct json_object *object, const struct field_path *parent, void *input)
{
    struct field_path field = {.parent = parent, .name = str_of(rule->name)};
    struct json_object *json = NULL;
    bool present = object && json_object_object_get_ex(object, rule->name, &json);
    if (!present || (!json && rule->nullable)) {
        bind_absent(binding, rule, &field, input);
        return;
    }
    struct rule_value value = rule_value_of_json(json);
    bind_value(binding, rule, &value, &field, input);
}

/* Stores all fields of a JSON object; object: NULL when it is absent. Rules of the path and the
 * query are skipped. */
static void bind_object(const struct binding *binding, const struct rule *rules,
                        struct json_object *object, const struct field_path *field, void *input)
{
    for (const struct rule *rule = rules; rule->type != RULE_END; rule++) {
        if (rule->source == IN_BODY)
            bind_field(binding, rule, object, field, input);
    }
    options_check(binding, rules, object, field);
}

/* Returns whether one of the rules reads its field from this part of the request. */
static bool has_source(const struct rule *rules, enum rule_source where)
{
    for (; rules->type != RULE_END; rules++) {
        if (rules->source == where)
            return true;
    }
    return false;
}

/* Stores the fields of the body. body: NULL when the request has none; then all its fields are
 * absent. Does nothing when no rule reads from the body, so such a route accepts any body. */
static void bind_body(const struct binding *binding, const struct rule *rules,
                      struct json_object *body, void *input)
{
    if (!has_source(rules, IN_BODY))
        return;
    if (body && !json_object_is_type(body, json_type_object))
        field_fail(binding, &(struct field_path){.name = STR("body")}, "must be an object");
    else
        bind_object(binding, rules, body, NULL, input);
}

/* ---- Path and query ---- */

/* Stores the path parameter that has the name of the rule; path: NULL when there are none. */
static void bind_segment(const struct binding *binding, const struct rule *rule,
                         const struct path_values *path, void *input)
{
    struct field_path field = {.name = str_of(rule->name)};
    for (size_t i = 0; path && i < path->n; i++) {
        if (str_equal(path->v[i].name, field.name)) {
            struct rule_value value = rule_value_of_text(rule, path->v[i].value);
            bind_value(binding, rule, &value, &field, input);
            return;
        }
    }
    bind_absent(binding, rule, &field, input);
}

/* Stores the values of all rules that read from the path. */
static void bind_path(const struct binding *binding, const struct rule *rules,
                      const struct path_values *path, void *input)
{
    for (; rules->type != RULE_END; rules++) {
        if (rules->source == IN_PATH)
            bind_segment(binding, rules, path, input);
    }
}

/* Stores the query parameter that has the name of the rule. A parameter that is sent twice is an
 * error, because clients and proxies disagree about which of the two counts. */
static void bind_parameter(const struct binding *binding, const struct rule *rule,
                           const struct query_parameter *all, void *input)
{
    struct field_path field = {.name = str_of(rule->name)};
    const struct query_parameter *found = NULL;
    for (const struct query_parameter *parameter = all; parameter; parameter = parameter->next) {
        if (!str_equal(parameter->name, field.name))
            continue;
        if (found) {
            field_fail(binding, &field, "must not be given twice");
            return;
        }
        found = parameter;
    }
    if (!found) {
        bind_absent(binding, rule, &field, input);
    } else if (found->malformed) {
        field_fail(binding, &field, "is not properly percent-encoded");
    } else {
        struct rule_value value = rule_value_of_text(rule, found->value);
        bind_value(binding, rule, &value, &field, input);
    }
}

/* Returns whether a rule reads the query parameter with this name. */
static bool has_parameter(const struct rule *rules, struct str name)
{
    for (; rules->type != RULE_END; rules++) {
        if (rules->source == IN_QUERY && str_equal(str_of(rules->name), name))
            return true;
    }
    return false;
}

/* Parses the query and stores the parameters that have a rule. Parameters without a rule are
 * ignored unless they are malformed. Does nothing when no rule reads from the query. */
static void bind_query(const struct binding *binding, const struct rule *rules, struct str query,
                       void *input)
{
    struct query_parameter *parameters;
    if (!has_source(rules, IN_QUERY))
        return;
    if (!query_parse(query, binding->arena, &parameters)) {
        field_no_memory(binding);
        return;
    }
    /* bind_parameter reports a malformed parameter that has a rule. Malformed parameters without a
     * rule are reported here, by one error for all of them. */
    for (const struct query_parameter *parameter = parameters; parameter;
         parameter = parameter->next) {
        if (parameter->malformed && !has_parameter(rules, parameter->name)) {
            field_fail(binding, &(struct field_path){.name = STR("query")},
                       "is not properly percent-encoded");
            break;
        }
    }
    for (; rules->type != RULE_END; rules++) {
        if (rules->source == IN_QUERY)
            bind_parameter(binding, rules, parameters, input);
    }
}

/* Calls all three bind_ functions, even when one has added field errors to p. Returns whether p has
 * no error. rules is NULL for a route without fields, whose input is always valid. */
bool validate_input(const struct rule *rules, const struct path_values *path, struct str query,
                    struct json_object *body, struct arena *arena, void *input, struct problem *p)
{
    struct binding binding = {arena, p};
    if (!rules)
        return true;
    bind_path(&binding, rules, path, input);
    bind_query(&binding, rules, query, input);
    bind_body(&binding, rules, body, input);
    return p->code == PROBLEM_NONE;
}

/* The path of a field error begins with prefix. When prefix is empty it begins with the member's
 * own name, and the error that the JSON is no object is about the field "body". */
bool validate_object(const struct rule *rules, struct json_object *object, struct str prefix,
                     struct arena *arena, void *input, struct problem *p)
{
    struct binding binding = {arena, p};
    struct field_path field = {.name = prefix.n > 0 ? prefix : STR("body")};
    if (!json_object_is_type(object, json_type_object))
        field_fail(&binding, &field, "must be an object");
    else
        bind_object(&binding, rules, object, prefix.n > 0 ? &field : NULL, input);
    return p->code == PROBLEM_NONE;
}

bool validate_payload(const struct rule *rules, struct json_object *payload, struct arena *arena,
                      void *input, struct problem *p)
{
    struct binding binding = {arena, p};
    if (!rules)
        return true;
    for (const struct rule *rule = rules; rule->type != RULE_END; rule++)
        bind_field(&binding, rule, payload, NULL, input);
    options_check(&binding, rules, payload, NULL);
    return p->code == PROBLEM_NONE;
}
