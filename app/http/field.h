/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Field errors: what is wrong with which field of a request. While a body is checked, the path of
 * the current field is a chain of structs on the stack, which costs nothing; its text
 * ("weights.quiz", "student_ids[3]") is made only for an error. */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include "app/base/problem.h"
#include "app/http/rule.h"

/* One step of the path of a field. */
struct field_path {
    const struct field_path *parent; /* NULL: a field of the request itself */
    struct str name;                 /* empty: element `index` of the parent */
    size_t index;
};

/* Passed through the functions of validate.c. */
struct binding {
    struct arena *arena;
    struct problem *problem;
};

/* Whether the rule has bounds at all: min and max are not both 0. An infinite one is no bound. */
bool rule_is_bounded(const struct rule *rule);
bool rule_in_bounds(const struct rule *rule, double x); /* true without bounds */

/* All of these add a field error. */
void field_fail(const struct binding *binding, const struct field_path *field, const char *message);
/* Adds the bounds of the rule to the message: "must be a number between 0 and 1", or with a unit
 * "must be a list of at least 2 ids". */
void field_fail_bounds(const struct binding *binding, const struct rule *rule,
                       const struct field_path *field, const char *message, const char *unit);
void field_fail_choice(const struct binding *binding, const struct rule *rule,
                       const struct field_path *field);
/* Replaces all field errors by INTERNAL_ERROR: the input is incomplete for want of memory. */
void field_no_memory(const struct binding *binding);

#endif
