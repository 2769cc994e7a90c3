/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Field errors: each names a field of a request and says what is wrong with it. While a body is
 * checked, the path of the current field is a chain of structs on the stack, which needs no memory
 * of the arena. The text of the path ("weights.quiz", "student_ids[3]") is made when an error is
 * reported. A rule (rule.h) describes the type and the bounds of a field. */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include "app/base/problem.h"
#include "app/http/rule.h"

/* One member name or one list index in the path of a field. */
struct field_path {
    const struct field_path *parent; /* object or list that holds the field; NULL: the request */
    struct str name;                 /* member name; empty: the field is a list element */
    size_t index;                    /* position of a list element, from 0 */
};

/* What the functions of validate.c and rule_value.c share while they fill one input struct from a
 * request. */
struct binding {
    struct arena *arena;     /* memory of the request */
    struct problem *problem; /* collects the field errors */
};

/* Returns whether a rule has bounds. A rule whose min and max are both 0 has none. One of its
 * bounds may still be infinite, which limits nothing. */
bool rule_is_bounded(const struct rule *rule);
/* Returns whether x is between the bounds of the rule; true for a rule without bounds. */
bool rule_in_bounds(const struct rule *rule, double x);

/* Adds a field error with a fixed message. */
void field_fail(const struct binding *binding, const struct field_path *field, const char *message);
/* Adds a field error whose message ends with the bounds of the rule: "must be a number between 0
 * and 1", or with a unit "must be a list of at least 2 ids". unit: NULL for numbers. */
void field_fail_bounds(const struct binding *binding, const struct rule *rule,
                       const struct field_path *field, const char *message, const char *unit);
/* Adds a field error whose message lists the choices of the rule. */
void field_fail_choice(const struct binding *binding, const struct rule *rule,
                       const struct field_path *field);
/* Replaces all field errors by INTERNAL_ERROR, because memory was missing to fill the input. */
void field_no_memory(const struct binding *binding);

#endif
