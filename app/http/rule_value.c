/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks the value of one field by its rule and stores it. There is a parse_ function for each rule
 * type (the table rule_parsers). A wrong value adds a field error and is not stored. */
#include "app/http/rule_value.h"

#include <math.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/http/json.h"

/* 2^53 - 1. A double cannot hold every whole number that is larger. */
static const double WHOLE_MAX = 9007199254740991.0;

/* The type of a parse_ function: it does for its rule type what rule_value_parse (rule_value.h)
 * does for all of them. */
typedef void parse_value(const struct binding *binding, const struct rule *rule,
                         const struct rule_value *value, const struct field_path *field, void *ret);

/* ---- Values ---- */

struct rule_value rule_value_of_json(struct json_object *json)
{
    struct rule_value value = {.json = json};
    switch (json_object_get_type(json)) {
    case json_type_string:
        value.kind = VALUE_TEXT;
        value.text = json_str(json);
        break;
    case json_type_boolean:
        value.kind = VALUE_BOOL;
        value.truth = json_object_get_boolean(json);
        break;
    case json_type_int:
    case json_type_double:
        value.kind = VALUE_NUMBER;
        value.number = json_object_get_double(json);
        break;
    case json_type_array: value.kind = VALUE_LIST; break;
    case json_type_object:
    case json_type_null: value.kind = VALUE_OBJECT; break;
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

struct rule_value rule_value_of_text(const struct rule *rule, struct str text)
{
    struct rule_value value = {.kind = VALUE_TEXT, .text = text};
    if ((rule->type == RULE_INT && whole_number_parse(text, &value.number)) ||
        (rule->type == RULE_NUMBER && str_to_double(text, &value.number)))
        value.kind = VALUE_NUMBER;
    if (rule->type == RULE_BOOL &&
        (str_equal(text, STR("true")) || str_equal(text, STR("false")))) {
        value.kind = VALUE_BOOL;
        value.truth = text.n == 4; /* "true" has 4 characters, "false" 5 */
    }
    return value;
}

/* ---- Types of one value ---- */

/* Accepts the text of a valid id. */
static void parse_id(const struct binding *binding, const struct rule *rule,
                     const struct rule_value *value, const struct field_path *field, void *ret)
{
    (void)rule;
    if (value->kind != VALUE_TEXT || !id_valid(value->text)) {
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
    for (size_t i = 0; i < text.n; i++) {
        if (((unsigned char)text.p[i] & 0xc0) != 0x80)
            n++;
    }
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
                       const struct rule_value *value, const struct field_path *field, void *ret)
{
    if (value->kind != VALUE_TEXT || !rule_in_bounds(rule, (double)count_code_points(value->text)))
        field_fail_bounds(binding, rule, field, "must be a text", "characters");
    else if (value->text.n > 0 && memchr(value->text.p, '\0', value->text.n))
        field_fail(binding, field, "must not contain U+0000");
    else if (has_markup(value->text))
        field_fail(binding, field, "must not contain markup");
    else
        memcpy(ret, &value->text, sizeof value->text);
}

/* Returns the position of the value in the choices of the rule; -1 when it is none of them. */
static int choice_of(const struct rule *rule, const struct rule_value *value)
{
    if (value->kind != VALUE_TEXT)
        return -1;
    for (int i = 0; rule->choices[i]; i++) {
        if (str_equal(value->text, str_of(rule->choices[i])))
            return i;
    }
    return -1;
}

/* Accepts one of the texts in rule->choices, and stores its index in *ret, an int. */
static void parse_enum(const struct binding *binding, const struct rule *rule,
                       const struct rule_value *value, const struct field_path *field, void *ret)
{
    int position = choice_of(rule, value);
    if (position < 0) {
        field_fail_choice(binding, rule, field);
        return;
    }
    memcpy(ret, &position, sizeof position);
}

/* Accepts true and false. In the path and the query, rule_value_of_text has converted these words.
 */
static void parse_bool(const struct binding *binding, const struct rule *rule,
                       const struct rule_value *value, const struct field_path *field, void *ret)
{
    (void)rule;
    if (value->kind != VALUE_BOOL) {
        field_fail(binding, field, "must be true or false");
        return;
    }
    memcpy(ret, &value->truth, sizeof value->truth);
}

/* Accepts 3.0 and 3e0 as the whole number 3, because JSON has one type of numbers. */
static void parse_int(const struct binding *binding, const struct rule *rule,
                      const struct rule_value *value, const struct field_path *field, void *ret)
{
    double x = value->number;
    bool whole = value->kind == VALUE_NUMBER && fabs(x) <= WHOLE_MAX && trunc(x) == x;
    if (!whole || !rule_in_bounds(rule, x)) {
        field_fail_bounds(binding, rule, field, "must be a whole number", NULL);
        return;
    }
    int64_t number = (int64_t)x;
    memcpy(ret, &number, sizeof number);
}

/* Accepts a finite number within the bounds of the rule. */
static void parse_number(const struct binding *binding, const struct rule *rule,
                         const struct rule_value *value, const struct field_path *field, void *ret)
{
    if (value->kind != VALUE_NUMBER || !isfinite(value->number) ||
        !rule_in_bounds(rule, value->number)) {
        field_fail_bounds(binding, rule, field, "must be a number", NULL);
        return;
    }
    memcpy(ret, &value->number, sizeof value->number);
}

/* Accepts a date such as 2026-01-31, and stores it in *ret, an int32_t: days since 1970-01-01. */
static void parse_day(const struct binding *binding, const struct rule *rule,
                      const struct rule_value *value, const struct field_path *field, void *ret)
{
    int32_t day;
    (void)rule;
    if (value->kind != VALUE_TEXT || !day_parse(value->text, &day)) {
        field_fail(binding, field, "must be a date such as 2026-01-31");
        return;
    }
    memcpy(ret, &day, sizeof day);
}

/* Accepts a time of RFC 3339, and stores it in milliseconds since 1970. */
static void parse_time(const struct binding *binding, const struct rule *rule,
                       const struct rule_value *value, const struct field_path *field, void *ret)
{
    int64_t epoch_ms;
    (void)rule;
    if (value->kind != VALUE_TEXT || !time_parse(value->text, &epoch_ms)) {
        field_fail(binding, field, "must be a time such as 2026-01-31T23:59:59.123Z");
        return;
    }
    memcpy(ret, &epoch_ms, sizeof epoch_ms);
}

/* Accepts any JSON value of the body except null, and stores a pointer to it. json-c owns the
 * value, which lives as long as the body. */
static void parse_json(const struct binding *binding, const struct rule *rule,
                       const struct rule_value *value, const struct field_path *field, void *ret)
{
    (void)rule;
    if (!value->json) {
        field_fail(binding, field, "must not be null");
        return;
    }
    memcpy(ret, &value->json, sizeof(struct json_object *));
}

/* ---- Lists ---- */

bool rule_value_list_length(const struct binding *binding, const struct rule *rule,
                            const struct rule_value *value, const struct field_path *field,
                            const char *unit, size_t *ret_count)
{
    size_t n = value->kind == VALUE_LIST ? json_object_array_length(value->json) : 0;
    if (value->kind != VALUE_LIST || !rule_in_bounds(rule, (double)n)) {
        field_fail_bounds(binding, rule, field, "must be a list", unit);
        return false;
    }
    *ret_count = n;
    return true;
}

struct rule_value rule_value_list_element(const struct rule_value *list, size_t index)
{
    return rule_value_of_json(json_object_array_get_idx(list->json, index));
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
                      const struct rule_value *value, const struct field_path *field, void *ret)
{
    struct str_list ids;
    if (!rule_value_list_length(binding, rule, value, field, "ids", &ids.n))
        return;
    ids.v = arena_array(binding->arena, ids.n, sizeof *ids.v);
    if (!ids.v) {
        field_no_memory(binding);
        return;
    }
    for (size_t i = 0; i < ids.n; i++) {
        struct rule_value id = rule_value_list_element(value, i);
        parse_id(binding, rule, &id, &(struct field_path){.parent = field, .index = i}, &ids.v[i]);
    }
    ids_fail_duplicates(binding, &ids, field);
    memcpy(ret, &ids, sizeof ids);
}

/* Accepts a list of texts from rule->choices, and stores the set of their positions: bit i is set
 * when choice i is in the list. The same text twice counts once. */
static void parse_enum_set(const struct binding *binding, const struct rule *rule,
                           const struct rule_value *value, const struct field_path *field,
                           void *ret)
{
    uint32_t set = 0;
    size_t n;
    if (!rule_value_list_length(binding, rule, value, field, "words", &n))
        return;
    for (size_t i = 0; i < n; i++) {
        struct rule_value word = rule_value_list_element(value, i);
        int position = choice_of(rule, &word);
        if (position < 0)
            field_fail_choice(binding, rule, &(struct field_path){.parent = field, .index = i});
        else
            set |= UINT32_C(1) << position;
    }
    memcpy(ret, &set, sizeof set);
}

/* ---- All types ---- */

/* RULE_OBJECT and RULE_OBJECTS are not here, because validate.c stores their values. RULE_MAP,
 * RULE_NUMBERS and RULE_TEXTS occur in responses only: their values are stored unchecked. */
static parse_value *const rule_parsers[] = {
    [RULE_ID] = parse_id,        [RULE_TEXT] = parse_text,
    [RULE_ENUM] = parse_enum,    [RULE_BOOL] = parse_bool,
    [RULE_INT] = parse_int,      [RULE_NUMBER] = parse_number,
    [RULE_DAY] = parse_day,      [RULE_TIME] = parse_time,
    [RULE_IDS] = parse_ids,      [RULE_ENUM_SET] = parse_enum_set,
    [RULE_JSON] = parse_json,    [RULE_MAP] = parse_json,
    [RULE_NUMBERS] = parse_json, [RULE_TEXTS] = parse_json,
};

void rule_value_parse(const struct binding *binding, const struct rule *rule,
                      const struct rule_value *value, const struct field_path *field, void *ret)
{
    rule_parsers[rule->type](binding, rule, value, field, ret);
}
