/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The value of one field of a request, checked by the rule of that field (rule.h). validate.c finds
 * the values in the request. */
#ifndef HTTP_RULE_VALUE_H
#define HTTP_RULE_VALUE_H

#include "app/http/field.h"

struct json_object;

enum rule_value_kind { VALUE_TEXT, VALUE_NUMBER, VALUE_BOOL, VALUE_LIST, VALUE_OBJECT };

/* The value of one field. `kind` says which member holds the value. */
struct rule_value {
    enum rule_value_kind kind; /* null has the kind VALUE_OBJECT */
    struct str text;           /* value of kind VALUE_TEXT */
    double number;             /* value of kind VALUE_NUMBER */
    bool truth;                /* value of kind VALUE_BOOL */
    struct json_object *json;  /* value of the body as JSON; NULL: null, or from path or query */
};

/* Makes a value of a JSON value of the body. null has the kind VALUE_OBJECT and json NULL, which
 * every rule type refuses. The text and json of the result live as long as the body. */
struct rule_value rule_value_of_json(struct json_object *json);
/* Makes a value of a text from the path or the query. When the rule is for a number or a boolean,
 * the text is converted. A text that cannot be converted stays a VALUE_TEXT, which
 * rule_value_parse refuses for such a rule. */
struct rule_value rule_value_of_text(const struct rule *rule, struct str text);
/* Checks that the value is a list whose length is within the bounds of the rule, and stores the
 * length. Else adds a field error and returns false. unit: what the list holds, for the message. */
bool rule_value_list_length(const struct binding *binding, const struct rule *rule,
                            const struct rule_value *value, const struct field_path *field,
                            const char *unit, size_t *ret_count);
/* Makes a value of the list element at this index, which must be less than the length. */
struct rule_value rule_value_list_element(const struct rule_value *list, size_t index);
/* Checks the value by a rule of any type but RULE_OBJECT and RULE_OBJECTS, and stores it in *ret or
 * adds a field error. rule.h gives the type of *ret for each rule type. field: path of the field
 * for errors. */
void rule_value_parse(const struct binding *binding, const struct rule *rule,
                      const struct rule_value *value, const struct field_path *field, void *ret);

#endif
