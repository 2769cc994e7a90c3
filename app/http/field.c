/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the messages of field errors (a field error says what is wrong with one field of a
 * request). When there is no memory for a message, problem_field still counts the error, so that
 * lack of memory never makes an invalid request valid. A rule describes one field: its type and its
 * bounds. */
#include "app/http/field.h"

#include <math.h>

#include "app/base/buf.h"

/* Writes the path of a field, such as "weights.quiz" or "student_ids[3]". Each struct points to its
 * parent, so the recursion writes the outermost name first. */
static void field_write_path(struct buf *out, const struct field_path *field)
{
    if (field->parent)
        field_write_path(out, field->parent);
    if (field->name.n == 0) {
        buf_printf(out, "[%zu]", field->index);
        return;
    }
    if (out->n > 0)
        buf_char(out, '.');
    buf_str(out, field->name);
}

void field_fail(const struct binding *binding, const struct field_path *field, const char *message)
{
    struct buf path;
    buf_init(&path, binding->arena);
    field_write_path(&path, field);
    problem_field(binding->problem, binding->arena, buf_view(&path), "%s", message);
}

bool rule_is_bounded(const struct rule *rule)
{
    return rule->min != 0 || rule->max != 0;
}

bool rule_in_bounds(const struct rule *rule, double x)
{
    return !rule_is_bounded(rule) || (x >= rule->min && x <= rule->max);
}

/* Writes the bounds of a rule: "between 0 and 1", "at least 2" or "at most 5". An infinite bound is
 * no bound and is not written. */
static void rule_write_bounds(const struct rule *rule, struct buf *out)
{
    bool has_min = !isinf(rule->min), has_max = !isinf(rule->max);
    if (has_min)
        buf_text(out, has_max ? "between " : "at least ");
    if (has_min)
        buf_number(out, rule->min);
    if (has_max)
        buf_text(out, has_min ? " and " : "at most ");
    if (has_max)
        buf_number(out, rule->max);
}

/* Makes the message of the field error: the given text, " of " or " ", the bounds, and the unit.
 * The word "of" is left out before "between" when there is no unit: "a number between 0 and 1", but
 * "a list of between 2 and 5 ids". When out of memory, the message is the given text alone. */
void field_fail_bounds(const struct binding *binding, const struct rule *rule,
                       const struct field_path *field, const char *message, const char *unit)
{
    struct buf text;
    buf_init(&text, binding->arena);
    buf_text(&text, message);
    if (rule_is_bounded(rule)) {
        bool between = isfinite(rule->min) && isfinite(rule->max);
        buf_text(&text, unit || !between ? " of " : " ");
        rule_write_bounds(rule, &text);
        buf_text(&text, unit ? " " : "");
        buf_text(&text, unit ? unit : "");
    }
    buf_char(&text, '\0');
    field_fail(binding, field, text.failed ? message : text.p);
}

/* Writes "must be one of " and the choices of the rule, separated by commas. problem_field copies
 * the text as a C string, so it ends with a NUL. */
void field_fail_choice(const struct binding *binding, const struct rule *rule,
                       const struct field_path *field)
{
    struct buf message;
    buf_init(&message, binding->arena);
    buf_text(&message, "must be one of ");
    for (const char *const *choice = rule->choices; *choice; choice++) {
        if (choice != rule->choices)
            buf_text(&message, ", ");
        buf_text(&message, *choice);
    }
    buf_char(&message, '\0');
    /* When out of memory for the list of choices, the message does not name them. */
    field_fail(binding, field, message.failed ? "is not one of the choices" : message.p);
}

void field_no_memory(const struct binding *binding)
{
    /* problem_set does nothing when binding->problem has a code already, such as that of an earlier
     * field error. The code is therefore cleared first. */
    binding->problem->code = PROBLEM_NONE;
    problem_set(binding->problem, PROBLEM_INTERNAL_ERROR, NULL);
}
