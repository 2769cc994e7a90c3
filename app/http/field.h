/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong with a field, said where a client can find it: errors of validation. A place costs
 * nothing on the way down; its path is written only when there is something to say. */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include "app/base/problem.h"
#include "app/http/rule.h"

/* Where a value stands: a chain up the stack. */
struct field_path {
    const struct field_path *parent; /* NULL: stands at the top */
    struct str name;                 /* empty: element `index` of the parent */
    size_t index;
};

struct binding {
    struct arena *arena;
    struct problem *problem;
};

bool rule_is_bounded(const struct rule *rule); /* an infinite min or max is no bound on its side */
bool rule_in_bounds(const struct rule *rule, double x);

void field_fail(const struct binding *l, const struct field_path *place, const char *message);
/* "must be a number between 0 and 1"; with a unit "must be a list of at least 2 ids". */
void field_fail_bounds(const struct binding *l, const struct rule *rule,
                       const struct field_path *place, const char *what, const char *unit);
void field_fail_choice(const struct binding *l, const struct rule *rule,
                       const struct field_path *place);
/* No field's fault: replaces what was said about fields, as the input is not complete. */
void field_no_memory(const struct binding *l);

#endif
