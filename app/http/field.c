/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the messages of field errors. Without memory for a message the error is still counted
 * (problem_field), so that a request is never accepted for want of memory. */
#include "app/http/field.h"

#include <math.h>

#include "app/base/buf.h"

/* "weights.quiz" or "student_ids[3]": the outermost step first. */
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

static void rule_write_bounds(const struct rule *rule, struct buf *out)
{
    bool from = !isinf(rule->min), to = !isinf(rule->max);
    if (from)
        buf_text(out, to ? "between " : "at least ");
    if (from)
        buf_number(out, rule->min);
    if (to)
        buf_text(out, from ? " and " : "at most ");
    if (to)
        buf_number(out, rule->max);
}

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
    field_fail(binding, field, message.failed ? "is not one of the choices" : message.p);
}

void field_no_memory(const struct binding *binding)
{
    /* problem_set keeps an existing problem; an earlier field error must not hide this one. */
    binding->problem->code = PROBLEM_NONE;
    problem_set(binding->problem, PROBLEM_INTERNAL_ERROR, NULL);
}
