/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/http/validate.h"

#include <math.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/http/field.h"
#include "app/http/query.h"

/* Doubles hold whole numbers up to here exactly, and json-c saturates far beyond it (hazards J1).
 */
static const double WHOLE_MAX = 9007199254740991.0;

/* Up to so many ids every pair is compared. */
enum { PAIRWISE_MAX = 16 };

/* One value, from JSON or from the address, which knows texts only. */
struct value {
    enum { TEXT, NUMBER, BOOL, LIST, OBJECT } kind;
    struct str text;
    double number;
    bool truth;
    struct json_object *json; /* NULL when it came by the address */
};

/* Puts the value into the member at `into`, or says what is wrong with it. */
typedef void take_value(const struct binding *l, const struct rule *rule, const struct value *value,
                        const struct field_path *place, void *into);

/* ---- Values ---- */

static struct str json_text(struct json_object *json)
{
    return (struct str){json_object_get_string(json), (size_t)json_object_get_string_len(json)};
}

/* A number of json-c. Whole numbers beyond 64 bits have been cut to the nearest that fits: these
 * cannot be told from the numbers at the ends of the range, so all of them count as infinite. */
static double json_number(struct json_object *json)
{
    if (json_object_is_type(json, json_type_double))
        return json_object_get_double(json);
    if (json_object_get_int64(json) == INT64_MIN)
        return -(double)INFINITY;
    return json_object_get_uint64(json) == UINT64_MAX ? (double)INFINITY
                                                      : json_object_get_double(json);
}

static struct value value_of_json(struct json_object *json)
{
    struct value value = {.json = json};
    switch (json_object_get_type(json)) {
    case json_type_string:
        value.kind = TEXT;
        value.text = json_text(json);
        break;
    case json_type_boolean:
        value.kind = BOOL;
        value.truth = json_object_get_boolean(json);
        break;
    case json_type_int:
    case json_type_double:
        value.kind = NUMBER;
        value.number = json_number(json);
        break;
    case json_type_array: value.kind = LIST; break;
    case json_type_object:
    case json_type_null: value.kind = OBJECT; break;
    }
    return value;
}

static struct value value_of_text(const struct rule *rule, struct str text)
{
    struct value value = {.kind = TEXT, .text = text};
    bool wants_number = rule->type == RULE_INT || rule->type == RULE_NUMBER;
    if (wants_number && str_to_double(text, &value.number))
        value.kind = NUMBER;
    if (rule->type == RULE_BOOL &&
        (str_equal(text, STR("true")) || str_equal(text, STR("false")))) {
        value.kind = BOOL;
        value.truth = text.n == 4;
    }
    return value;
}

/* ---- Types of one value ---- */

static void take_id(const struct binding *l, const struct rule *rule, const struct value *value,
                    const struct field_path *place, void *into)
{
    (void)rule;
    if (value->kind != TEXT || !id_valid(value->text)) {
        field_fail(l, place, "must be 1 to 64 characters of A-Z a-z 0-9 _ -");
        return;
    }
    memcpy(into, &value->text, sizeof value->text);
}

static size_t count_code_points(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return n;
}

/* <script and </script; anything else that begins so may be a comparison. */
static bool has_markup(struct str text)
{
    static const struct str tag = STR_INIT("script");
    for (size_t i = 0; i < text.n; i++) {
        size_t at = i + 1 < text.n && text.p[i + 1] == '/' ? i + 2 : i + 1;
        if (text.p[i] == '<' && at + tag.n <= text.n &&
            str_equal_nocase((struct str){text.p + at, tag.n}, tag))
            return true;
    }
    return false;
}

static void take_text(const struct binding *l, const struct rule *rule, const struct value *value,
                      const struct field_path *place, void *into)
{
    if (value->kind != TEXT || !rule_in_bounds(rule, (double)count_code_points(value->text)))
        field_fail_bounds(l, rule, place, "must be a text", "characters");
    else if (value->text.n > 0 && memchr(value->text.p, '\0', value->text.n))
        field_fail(l, place, "must not contain U+0000");
    else if (has_markup(value->text))
        field_fail(l, place, "must not contain markup");
    else
        memcpy(into, &value->text, sizeof value->text);
}

/* Position in choices, -1 if it is none. */
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

static void take_word(const struct binding *l, const struct rule *rule, const struct value *value,
                      const struct field_path *place, void *into)
{
    int position = choice_of(rule, value);
    if (position < 0) {
        field_fail_choice(l, rule, place);
        return;
    }
    memcpy(into, &position, sizeof position);
}

static void take_bool(const struct binding *l, const struct rule *rule, const struct value *value,
                      const struct field_path *place, void *into)
{
    (void)rule;
    if (value->kind != BOOL) {
        field_fail(l, place, "must be true or false");
        return;
    }
    memcpy(into, &value->truth, sizeof value->truth);
}

static void take_int(const struct binding *l, const struct rule *rule, const struct value *value,
                     const struct field_path *place, void *into)
{
    double x = value->number;
    bool whole = value->kind == NUMBER && fabs(x) <= WHOLE_MAX && trunc(x) == x;
    if (!whole || !rule_in_bounds(rule, x)) {
        field_fail_bounds(l, rule, place, "must be a whole number", NULL);
        return;
    }
    int64_t number = (int64_t)x;
    memcpy(into, &number, sizeof number);
}

static void take_number(const struct binding *l, const struct rule *rule, const struct value *value,
                        const struct field_path *place, void *into)
{
    if (value->kind != NUMBER || !isfinite(value->number) || !rule_in_bounds(rule, value->number)) {
        field_fail_bounds(l, rule, place, "must be a number", NULL);
        return;
    }
    memcpy(into, &value->number, sizeof value->number);
}

static void take_day(const struct binding *l, const struct rule *rule, const struct value *value,
                     const struct field_path *place, void *into)
{
    int32_t day;
    (void)rule;
    if (value->kind != TEXT || !day_parse(value->text, &day)) {
        field_fail(l, place, "must be a date such as 2026-01-31");
        return;
    }
    memcpy(into, &day, sizeof day);
}

static void take_time(const struct binding *l, const struct rule *rule, const struct value *value,
                      const struct field_path *place, void *into)
{
    int64_t epoch_ms;
    (void)rule;
    if (value->kind != TEXT || !time_parse(value->text, &epoch_ms)) {
        field_fail(l, place, "must be a time such as 2026-01-31T23:59:59.123Z");
        return;
    }
    memcpy(into, &epoch_ms, sizeof epoch_ms);
}

static void take_json(const struct binding *l, const struct rule *rule, const struct value *value,
                      const struct field_path *place, void *into)
{
    (void)rule;
    if (!value->json) {
        field_fail(l, place, "must not be null");
        return;
    }
    memcpy(into, &value->json, sizeof(struct json_object *));
}

/* ---- Lists ---- */

/* The list's length, or an error and false. */
static bool begin_list(const struct binding *l, const struct rule *rule, const struct value *value,
                       const struct field_path *place, const char *unit, size_t *ret_count)
{
    size_t n = value->kind == LIST ? json_object_array_length(value->json) : 0;
    if (value->kind != LIST || !rule_in_bounds(rule, (double)n)) {
        field_fail_bounds(l, rule, place, "must be a list", unit);
        return false;
    }
    *ret_count = n;
    return true;
}

static struct value element(const struct value *list, size_t index)
{
    return value_of_json(json_object_array_get_idx(list->json, index));
}

/* By text, then by position, so that of equal ids the first one comes first. */
static int id_compare(const void *left, const void *right)
{
    const struct str *a = *(const struct str *const *)left, *b = *(const struct str *const *)right;
    int order = str_compare(*a, *b);
    return order != 0 ? order : (a > b) - (a < b);
}

static void mark_pairs(const struct str_list *ids, bool *twice)
{
    for (size_t i = 1; i < ids->n; i++) {
        for (size_t k = 0; k < i && !twice[i]; k++)
            twice[i] = ids->v[i].n > 0 && str_equal(ids->v[i], ids->v[k]);
    }
}

static bool mark_sorted(const struct binding *l, const struct str_list *ids, bool *twice)
{
    const struct str **order = arena_array(l->arena, ids->n, sizeof *order);
    if (!order)
        return false;
    for (size_t i = 0; i < ids->n; i++)
        order[i] = &ids->v[i];
    qsort(order, ids->n, sizeof *order, id_compare);
    for (size_t i = 1; i < ids->n; i++)
        twice[order[i] - ids->v] = order[i]->n > 0 && str_equal(*order[i], *order[i - 1]);
    return true;
}

/* An error for each id that stands before it already; ids that are not valid are empty here. */
static void refuse_repeated(const struct binding *l, const struct str_list *ids,
                            const struct field_path *place)
{
    bool *twice = arena_array(l->arena, ids->n, sizeof *twice);
    bool marked = twice && (ids->n <= PAIRWISE_MAX || mark_sorted(l, ids, twice));
    if (!marked) {
        field_no_memory(l);
        return;
    }
    if (ids->n <= PAIRWISE_MAX)
        mark_pairs(ids, twice);
    for (size_t i = 0; i < ids->n; i++) {
        if (twice[i])
            field_fail(l, &(struct field_path){.parent = place, .index = i},
                       "must not be in the list twice");
    }
}

static void take_ids(const struct binding *l, const struct rule *rule, const struct value *value,
                     const struct field_path *place, void *into)
{
    struct str_list ids;
    if (!begin_list(l, rule, value, place, "ids", &ids.n))
        return;
    ids.v = arena_array(l->arena, ids.n, sizeof *ids.v);
    if (!ids.v) {
        field_no_memory(l);
        return;
    }
    for (size_t i = 0; i < ids.n; i++) {
        struct value id = element(value, i);
        take_id(l, rule, &id, &(struct field_path){.parent = place, .index = i}, &ids.v[i]);
    }
    refuse_repeated(l, &ids, place);
    memcpy(into, &ids, sizeof ids);
}

static void take_words(const struct binding *l, const struct rule *rule, const struct value *value,
                       const struct field_path *place, void *into)
{
    uint32_t set = 0;
    size_t n;
    if (!begin_list(l, rule, value, place, "words", &n))
        return;
    for (size_t i = 0; i < n; i++) {
        struct value word = element(value, i);
        int position = choice_of(rule, &word);
        if (position < 0)
            field_fail_choice(l, rule, &(struct field_path){.parent = place, .index = i});
        else
            set |= UINT32_C(1) << position;
    }
    memcpy(into, &set, sizeof set);
}

/* ---- Objects ---- */

static void lay_object(const struct binding *l, const struct rule *rules,
                       struct json_object *object, const struct field_path *place, void *input);

static void take_object(const struct binding *l, const struct rule *rule, const struct value *value,
                        const struct field_path *place, void *into)
{
    if (value->kind != OBJECT || !value->json)
        field_fail(l, place, "must be an object");
    else
        lay_object(l, rule->fields, value->json, place, into);
}

static void take_objects(const struct binding *l, const struct rule *rule,
                         const struct value *value, const struct field_path *place, void *into)
{
    struct rule_objects objects;
    if (!begin_list(l, rule, value, place, "objects", &objects.n))
        return;
    objects.v = arena_array(l->arena, objects.n, rule->item_size);
    if (!objects.v) {
        field_no_memory(l);
        return;
    }
    for (size_t i = 0; i < objects.n; i++) {
        struct value object = element(value, i);
        take_object(l, rule, &object, &(struct field_path){.parent = place, .index = i},
                    (char *)objects.v + i * rule->item_size);
    }
    memcpy(into, &objects, sizeof objects);
}

/* ---- Rules ---- */

static take_value *const takers[] = {
    [RULE_ID] = take_id,          [RULE_TEXT] = take_text,     [RULE_ENUM] = take_word,
    [RULE_BOOL] = take_bool,      [RULE_INT] = take_int,       [RULE_NUMBER] = take_number,
    [RULE_DAY] = take_day,        [RULE_TIME] = take_time,     [RULE_IDS] = take_ids,
    [RULE_ENUM_SET] = take_words, [RULE_OBJECT] = take_object, [RULE_OBJECTS] = take_objects,
    [RULE_JSON] = take_json,      [RULE_MAP] = take_json,      [RULE_NUMBERS] = take_json,
};

static void *member(void *input, size_t offset)
{
    return (char *)input + offset;
}

/* Input was cleared, so a preset of 0 is there already; storing it could undo another row's value
 * (a field that may come by the query or by the body has two rows). */
static void apply_preset(const struct rule *rule, void *input)
{
    void *into = member(input, rule->offset);
    if (rule->type == RULE_OBJECT) {
        for (const struct rule *field = rule->fields; field->type != RULE_END; field++)
            apply_preset(field, into);
    }
    if (rule->default_value == 0)
        return;
    if (rule->type == RULE_INT)
        memcpy(into, &(int64_t){(int64_t)rule->default_value}, sizeof(int64_t));
    else if (rule->type == RULE_NUMBER)
        memcpy(into, &rule->default_value, sizeof rule->default_value);
    else if (rule->type == RULE_ENUM)
        memcpy(into, &(int){(int)rule->default_value}, sizeof(int));
    else if (rule->type == RULE_BOOL)
        memcpy(into, &(bool){true}, sizeof(bool));
}

static void lay_absent(const struct binding *l, const struct rule *rule,
                       const struct field_path *place, void *input)
{
    if (rule->required)
        field_fail(l, place, "is required");
    else
        apply_preset(rule, input);
}

static void lay_value(const struct binding *l, const struct rule *rule, const struct value *value,
                      const struct field_path *place, void *input)
{
    size_t errors = l->problem->field_count;
    takers[rule->type](l, rule, value, place, member(input, rule->offset));
    if (rule->present != 0 && l->problem->field_count == errors)
        memcpy(member(input, rule->present), &(bool){true}, sizeof(bool));
}

/* object NULL: none of its fields is there. */
static void lay_field(const struct binding *l, const struct rule *rule, struct json_object *object,
                      const struct field_path *parent, void *input)
{
    struct field_path place = {.parent = parent, .name = str_of(rule->name)};
    struct json_object *json = NULL;
    bool there = object && json_object_object_get_ex(object, rule->name, &json);
    if (!there || (!json && rule->nullable)) {
        lay_absent(l, rule, &place, input);
        return;
    }
    struct value value = value_of_json(json);
    lay_value(l, rule, &value, &place, input);
}

static void lay_object(const struct binding *l, const struct rule *rules,
                       struct json_object *object, const struct field_path *place, void *input)
{
    for (const struct rule *rule = rules; rule->type != RULE_END; rule++) {
        if (rule->source == IN_BODY)
            lay_field(l, rule, object, place, input);
    }
}

static bool wants(const struct rule *rules, enum rule_source where)
{
    for (; rules->type != RULE_END; rules++) {
        if (rules->source == where)
            return true;
    }
    return false;
}

static void lay_body(const struct binding *l, const struct rule *rules, struct json_object *body,
                     void *input)
{
    if (!wants(rules, IN_BODY))
        return;
    if (body && !json_object_is_type(body, json_type_object))
        field_fail(l, &(struct field_path){.name = STR("body")}, "must be an object");
    else
        lay_object(l, rules, body, NULL, input);
}

/* ---- The address ---- */

static void lay_segment(const struct binding *l, const struct rule *rule,
                        const struct path_values *path, void *input)
{
    struct field_path place = {.name = str_of(rule->name)};
    for (size_t i = 0; path && i < path->n; i++) {
        if (str_equal(path->v[i].name, place.name)) {
            struct value value = value_of_text(rule, path->v[i].value);
            lay_value(l, rule, &value, &place, input);
            return;
        }
    }
    lay_absent(l, rule, &place, input);
}

static void lay_path(const struct binding *l, const struct rule *rules,
                     const struct path_values *path, void *input)
{
    for (; rules->type != RULE_END; rules++) {
        if (rules->source == IN_PATH)
            lay_segment(l, rules, path, input);
    }
}

static void lay_parameter(const struct binding *l, const struct rule *rule,
                          const struct query_parameter *all, void *input)
{
    struct field_path place = {.name = str_of(rule->name)};
    const struct query_parameter *found = NULL;
    for (const struct query_parameter *p = all; p; p = p->next) {
        if (!str_equal(p->name, place.name))
            continue;
        if (found) {
            field_fail(l, &place, "must not be given twice");
            return;
        }
        found = p;
    }
    if (!found) {
        lay_absent(l, rule, &place, input);
    } else if (found->malformed) {
        field_fail(l, &place, "is not properly percent-encoded");
    } else {
        struct value value = value_of_text(rule, found->value);
        lay_value(l, rule, &value, &place, input);
    }
}

static bool is_wanted(const struct rule *rules, struct str name)
{
    for (; rules->type != RULE_END; rules++) {
        if (rules->source == IN_QUERY && str_equal(str_of(rules->name), name))
            return true;
    }
    return false;
}

static void lay_query(const struct binding *l, const struct rule *rules, struct str query,
                      void *input)
{
    struct query_parameter *parameters;
    if (!wants(rules, IN_QUERY))
        return;
    if (!query_parse(query, l->arena, &parameters)) {
        field_no_memory(l);
        return;
    }
    for (const struct query_parameter *p = parameters; p; p = p->next) {
        if (p->malformed && !is_wanted(rules, p->name)) {
            field_fail(l, &(struct field_path){.name = STR("query")},
                       "is not properly percent-encoded");
            break;
        }
    }
    for (; rules->type != RULE_END; rules++) {
        if (rules->source == IN_QUERY)
            lay_parameter(l, rules, parameters, input);
    }
}

bool validate_input(const struct rule *rules, const struct path_values *path, struct str query,
                    struct json_object *body, struct arena *arena, void *input, struct problem *p)
{
    struct binding l = {arena, p};
    if (!rules)
        return true;
    lay_path(&l, rules, path, input);
    lay_query(&l, rules, query, input);
    lay_body(&l, rules, body, input);
    return p->code == PROBLEM_NONE;
}

bool validate_object(const struct rule *rules, struct json_object *object, struct str prefix,
                     struct arena *arena, void *input, struct problem *p)
{
    struct binding l = {arena, p};
    struct field_path place = {.name = prefix.n > 0 ? prefix : STR("body")};
    if (!json_object_is_type(object, json_type_object))
        field_fail(&l, &place, "must be an object");
    else
        lay_object(&l, rules, object, prefix.n > 0 ? &place : NULL, input);
    return p->code == PROBLEM_NONE;
}

bool validate_payload(const struct rule *rules, struct json_object *payload, struct arena *arena,
                      void *input, struct problem *p)
{
    struct binding l = {arena, p};
    for (; rules && rules->type != RULE_END; rules++)
        lay_field(&l, rules, payload, NULL, input);
    return p->code == PROBLEM_NONE;
}
