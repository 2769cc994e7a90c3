/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fills a handler's input struct from a request by the rules of its route. A rule describes one
 * field: its name, type, bounds and the member of the struct that gets its value. The bind_
 * functions find the value of a field in the path, the query or the body. A parse_ function for
 * each rule type (the table rule_parsers) checks the value and stores it. All wrong fields of a
 * request are reported as field errors. A wrong value leaves its member as the caller has cleared
 * it. */
#include "app/http/validate.h"

#include <math.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/http/field.h"
#include "app/http/json.h"
#include "app/http/options.h"
#include "app/http/query.h"

/* 2^53 - 1. A double cannot hold every whole number that is larger. */
static const double WHOLE_MAX = 9007199254740991.0;

/* The value of one field. `kind` says which member holds the value. */
struct value {
    enum { TEXT, NUMBER, BOOL, LIST, OBJECT } kind; /* null has the kind OBJECT */
    struct str text;                                /* value of kind TEXT */
    double number;                                  /* value of kind NUMBER */
    bool truth;                                     /* value of kind BOOL */
    struct json_object *json; /* value of the body as JSON; NULL: null, or from path or query */
};

/* The type of a parse_ function. It checks the value by the rule, and stores it in *ret or adds a
 * field error. rule.h gives the type of *ret for each rule type. field: path of the field for
 * errors.
 */
typedef void parse_value(const struct binding *binding, const struct rule *rule,
                         const struct value *value, const struct field_path *field, void *ret);

/* ---- Values ---- */

/* Makes a struct value of a JSON value of the body. null has the kind OBJECT and json NULL, which
 * every parse_ function refuses. */
static struct value value_of_json(struct json_object *json)
{
    struct value value = {.json = json};
    switch (json_object_get_type(json)) {
    case json_type_string:
        value.kind = TEXT;
        value.text = json_str(json);
        break;
    case json_type_boolean:
        value.kind = BOOL;
        value.truth = json_object_get_boolean(json);
        break;
    case json_type_int:
    case json_type_double:
        value.kind = NUMBER;
        value.number = json_object_get_double(json);
        break;
    case json_type_array: value.kind = LIST; break;
    case json_type_object:
    case json_type_null: value.kind = OBJECT; break;
    }
    return value;
}

/* Converts a text of decimal digits, without needless zeros and with an optional minus sign. Unlike
 * in JSON, whose numbers have one type, 1.0 and 1e1 are not accepted as integers in a query. A
 * number above WHOLE_MAX may be inexact or infinite, and is refused later. */
static bool whole_number_parse(struct str text, double *ret)
{
    bool negative = text.n > 0 && text.p[0] == '-';
    size_t first = negative ? 1 : 0;
    double number = 0;
    for (size_t i = first; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        number = number * 10 + (text.p[i] - '0');
    }
    *ret = negative ? -number : number;
    return text.n == first + 1 || (text.n > first && text.p[first] != '0');
}

/* Makes a value of a text from the path or the query. When the rule is for a number or a boolean,
 * the text is converted. A text that cannot be converted stays a TEXT, which parse_int,
 * parse_number and parse_bool refuse. */
static struct value value_of_text(const struct rule *rule, struct str text)
{
    struct value value = {.kind = TEXT, .text = text};
    if ((rule->type == RULE_INT && whole_number_parse(text, &value.number)) ||
        (rule->type == RULE_NUMBER && str_to_double(text, &value.number)))
        value.kind = NUMBER;
    if (rule->type == RULE_BOOL &&
        (str_equal(text, STR("true")) || str_equal(text, STR("false")))) {
        value.kind = BOOL;
        value.truth = text.n == 4; /* "true" has 4 characters, "false" 5 */
    }
    return value;
}

/* ---- Types of one value ---- */

/* Accepts the text of a valid id. */
static void parse_id(const struct binding *binding, const struct rule *rule,
                     const struct value *value, const struct field_path *field, void *ret)
{
    (void)rule;
    if (value->kind != TEXT || !id_valid(value->text)) {
        field_fail(binding, field, "must be " ID_FORM);
        return;
    }
    memcpy(ret, &value->text, sizeof value->text);
}

/* Returns the number of characters (code points) of a UTF-8 text. Each character has one byte that
 * does not begin with the bits 10. */
static size_t count_code_points(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return n;
}

/* Returns whether the text has <script or </script, in upper or lower case. Other texts with < are
 * accepted, because they may be comparisons, and clients must escape all texts before showing them.
 */
static bool has_markup(struct str text)
{
    static const struct str tag = STR_INIT("script");
    for (size_t i = 0; i < text.n; i++) {
        size_t name_at = i + 1 < text.n && text.p[i + 1] == '/' ? i + 2 : i + 1;
        if (text.p[i] == '<' && name_at + tag.n <= text.n &&
            str_equal_nocase((struct str){text.p + name_at, tag.n}, tag))
            return true;
    }
    return false;
}

/* Accepts a text whose number of characters is within the bounds of the rule. A NUL or markup has
 * an error message of its own. */
static void parse_text(const struct binding *binding, const struct rule *rule,
                       const struct value *value, const struct field_path *field, void *ret)
{
    if (value->kind != TEXT || !rule_in_bounds(rule, (double)count_code_points(value->text)))
        field_fail_bounds(binding, rule, field, "must be a text", "characters");
    else if (value->text.n > 0 && memchr(value->text.p, '\0', value->text.n))
        field_fail(binding, field, "must not contain U+0000");
    else if (has_markup(value->text))
        field_fail(binding, field, "must not contain markup");
    else
        memcpy(ret, &value->text, sizeof value->text);
}

/* Returns the position of the value in the choices of the rule; -1 when it is none of them. */
static int choice_of(const struct rule *rule, const struct value *value)
{
    if (value->kind != TEXT)
        return -1;
    for (int i = 0; rule->choices[i]; i++) {
        if (str_equal(value->text, str_of(rule->choices[i])))
            return i;
    }
    return -1;
}

/* Accepts one of the texts in rule->choices, and stores its index in *ret, an int. */
static void parse_enum(const struct binding *binding, const struct rule *rule,
                       const struct value *value, const struct field_path *field, void *ret)
{
    int position = choice_of(rule, value);
    if (position < 0) {
        field_fail_choice(binding, rule, field);
        return;
    }
    memcpy(ret, &position, sizeof position);
}

/* Accepts true and false. In the path and the query, value_of_text has converted these words. */
static void parse_bool(const struct binding *binding, const struct rule *rule,
                       const struct value *value, const struct field_path *field, void *ret)
{
    (void)rule;
    if (value->kind != BOOL) {
        field_fail(binding, field, "must be true or false");
        return;
    }
    memcpy(ret, &value->truth, sizeof value->truth);
}

/* Accepts 3.0 and 3e0 as the whole number 3, because JSON has one type of numbers. */
static void parse_int(const struct binding *binding, const struct rule *rule,
                      const struct value *value, const struct field_path *field, void *ret)
{
    double x = value->number;
    bool whole = value->kind == NUMBER && fabs(x) <= WHOLE_MAX && trunc(x) == x;
    if (!whole || !rule_in_bounds(rule, x)) {
        field_fail_bounds(binding, rule, field, "must be a whole number", NULL);
        return;
    }
    int64_t number = (int64_t)x;
    memcpy(ret, &number, sizeof number);
}

/* Accepts a finite number within the bounds of the rule. */
static void parse_number(const struct binding *binding, const struct rule *rule,
                         const struct value *value, const struct field_path *field, void *ret)
{
    if (value->kind != NUMBER || !isfinite(value->number) || !rule_in_bounds(rule, value->number)) {
        field_fail_bounds(binding, rule, field, "must be a number", NULL);
        return;
    }
    memcpy(ret, &value->number, sizeof value->number);
}

/* Accepts a date such as 2026-01-31, and stores it in *ret, an int32_t: days since 1970-01-01. */
static void parse_day(const struct binding *binding, const struct rule *rule,
                      const struct value *value, const struct field_path *field, void *ret)
{
    int32_t day;
    (void)rule;
    if (value->kind != TEXT || !day_parse(value->text, &day)) {
        field_fail(binding, field, "must be a date such as 2026-01-31");
        return;
    }
    memcpy(ret, &day, sizeof day);
}

/* Accepts a time of RFC 3339, and stores it in milliseconds since 1970. */
static void parse_time(const struct binding *binding, const struct rule *rule,
                       const struct value *value, const struct field_path *field, void *ret)
{
    int64_t epoch_ms;
    (void)rule;
    if (value->kind != TEXT || !time_parse(value->text, &epoch_ms)) {
        field_fail(binding, field, "must be a time such as 2026-01-31T23:59:59.123Z");
        return;
    }
    memcpy(ret, &epoch_ms, sizeof epoch_ms);
}

/* Accepts any JSON value of the body except null, and stores a pointer to it. json-c owns the
 * value, which lives as long as the body. */
static void parse_json(const struct binding *binding, const struct rule *rule,
                       const struct value *value, const struct field_path *field, void *ret)
{
    (void)rule;
    if (!value->json) {
        field_fail(binding, field, "must not be null");
        return;
    }
    memcpy(ret, &value->json, sizeof(struct json_object *));
}

/* ---- Lists ---- */

/* Checks that the value is a list whose length is within the bounds of the rule, and stores the
 * length. Else adds a field error and returns false. unit: what the list holds, for the message. */
static bool list_length(const struct binding *binding, const struct rule *rule,
                        const struct value *value, const struct field_path *field, const char *unit,
                        size_t *ret_count)
{
    size_t n = value->kind == LIST ? json_object_array_length(value->json) : 0;
    if (value->kind != LIST || !rule_in_bounds(rule, (double)n)) {
        field_fail_bounds(binding, rule, field, "must be a list", unit);
        return false;
    }
    *ret_count = n;
    return true;
}

/* Makes a value of the list element at this index. */
static struct value list_element(const struct value *list, size_t index)
{
    return value_of_json(json_object_array_get_idx(list->json, index));
}

/* Orders pointers to ids for qsort: by the text of the id, then by its position in the list. Of
 * equal ids the one that is first in the list comes first. */
static int ids_compare(const void *left, const void *right)
{
    const struct str *a = *(const struct str *const *)left, *b = *(const struct str *const *)right;
    int order = str_compare(*a, *b);
    return order != 0 ? order : (a > b) - (a < b);
}

/* Adds an error for each id that has an equal id before it in the list. Pointers to the ids are
 * sorted, so that equal ids are adjacent; the list keeps its order. Invalid ids are empty, because
 * parse_id did not store them. They have an error already and do not count as equal. */
static void ids_fail_duplicates(const struct binding *binding, const struct str_list *ids,
                                const struct field_path *field)
{
    const struct str **order = arena_array(binding->arena, ids->n, sizeof *order);
    bool *is_duplicate = arena_array(binding->arena, ids->n, sizeof *is_duplicate);
    if (!order || !is_duplicate) {
        field_no_memory(binding);
        return;
    }
    for (size_t i = 0; i < ids->n; i++)
        order[i] = &ids->v[i];
    qsort(order, ids->n, sizeof *order, ids_compare);
    for (size_t i = 1; i < ids->n; i++)
        is_duplicate[order[i] - ids->v] = order[i]->n > 0 && str_equal(*order[i], *order[i - 1]);
    for (size_t i = 0; i < ids->n; i++) { /* reports the errors in the order of the list */
        if (is_duplicate[i])
            field_fail(binding, &(struct field_path){.parent = field, .index = i},
                       "must not be in the list twice");
    }
}

/* Accepts a list of distinct valid ids, and stores it as a struct str_list in the arena. All
 * elements are checked, so that one response reports every wrong id. A wrong id stays empty in the
 * list, which no handler sees, because the request is then refused. */
static void parse_ids(const struct binding *binding, const struct rule *rule,
                      const struct value *value, const struct field_path *field, void *ret)
{
    struct str_list ids;
    if (!list_length(binding, rule, value, field, "ids", &ids.n))
        return;
    ids.v = arena_array(binding->arena, ids.n, sizeof *ids.v);
    if (!ids.v) {
        field_no_memory(binding);
        return;
    }
    for (size_t i = 0; i < ids.n; i++) {
        struct value id = list_element(value, i);
        parse_id(binding, rule, &id, &(struct field_path){.parent = field, .index = i}, &ids.v[i]);
    }
    ids_fail_duplicates(binding, &ids, field);
    memcpy(ret, &ids, sizeof ids);
}

/* Accepts a list of texts from rule->choices, and stores the set of their positions: bit i is set
 * when choice i is in the list. The same text twice counts once. */
static void parse_enum_set(const struct binding *binding, const struct rule *rule,
                           const struct value *value, const struct field_path *field, void *ret)
{
    uint32_t set = 0;
    size_t n;
    if (!list_length(binding, rule, value, field, "words", &n))
        return;
    for (size_t i = 0; i < n; i++) {
        struct value word = list_element(value, i);
        int position = choice_of(rule, &word);
        if (position < 0)
            field_fail_choice(binding, rule, &(struct field_path){.parent = field, .index = i});
        else
            set |= UINT32_C(1) << position;
    }
    memcpy(ret, &set, sizeof set);
}

/* ---- Objects ---- */

static void bind_object(const struct binding *binding, const struct rule *rules,
                        struct json_object *object, const struct field_path *field, void *input);

/* Fills the struct at ret from the members of the object, by the rules in rule->fields. null is
 * refused. */
static void parse_object(const struct binding *binding, const struct rule *rule,
                         const struct value *value, const struct field_path *field, void *ret)
{
    if (value->kind != OBJECT || !value->json)
        field_fail(binding, field, "must be an object");
    else
        bind_object(binding, rule->fields, value->json, field, ret);
}

/* Accepts a list of objects, and stores it as a struct rule_objects. Each object fills one struct
 * of rule->item_size bytes in the array objects.v, by the rules in rule->fields. */
static void parse_objects(const struct binding *binding, const struct rule *rule,
                          const struct value *value, const struct field_path *field, void *ret)
{
    struct rule_objects objects;
    if (!list_length(binding, rule, value, field, "objects", &objects.n))
        return;
    objects.v = arena_array(binding->arena, objects.n, rule->item_size);
    if (!objects.v) {
        field_no_memory(binding);
        return;
    }
    for (size_t i = 0; i < objects.n; i++) {
        struct value object = list_element(value, i);
        parse_object(binding, rule, &object, &(struct field_path){.parent = field, .index = i},
                     (char *)objects.v + i * rule->item_size);
    }
    memcpy(ret, &objects, sizeof objects);
}

/* ---- Rules ---- */

/* RULE_MAP, RULE_NUMBERS and RULE_TEXTS occur in responses only: their values are stored unchecked.
 */
static parse_value *const rule_parsers[] = {
    [RULE_ID] = parse_id,         [RULE_TEXT] = parse_text,
    [RULE_ENUM] = parse_enum,     [RULE_BOOL] = parse_bool,
    [RULE_INT] = parse_int,       [RULE_NUMBER] = parse_number,
    [RULE_DAY] = parse_day,       [RULE_TIME] = parse_time,
    [RULE_IDS] = parse_ids,       [RULE_ENUM_SET] = parse_enum_set,
    [RULE_OBJECT] = parse_object, [RULE_OBJECTS] = parse_objects,
    [RULE_JSON] = parse_json,     [RULE_MAP] = parse_json,
    [RULE_NUMBERS] = parse_json,  [RULE_TEXTS] = parse_json,
};

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
                       const struct value *value, const struct field_path *field, void *input)
{
    size_t errors = binding->problem->field_count;
    rule_parsers[rule->type](binding, rule, value, field, input_member(input, rule->offset));
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
    struct value value = value_of_json(json);
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
            struct value value = value_of_text(rule, path->v[i].value);
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
    for (const struct query_parameter *p = all; p; p = p->next) {
        if (!str_equal(p->name, field.name))
            continue;
        if (found) {
            field_fail(binding, &field, "must not be given twice");
            return;
        }
        found = p;
    }
    if (!found) {
        bind_absent(binding, rule, &field, input);
    } else if (found->malformed) {
        field_fail(binding, &field, "is not properly percent-encoded");
    } else {
        struct value value = value_of_text(rule, found->value);
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
    for (const struct query_parameter *p = parameters; p; p = p->next) {
        if (p->malformed && !has_parameter(rules, p->name)) {
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
