/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/http/field.h"

#include <math.h>

#include "app/base/buf.h"

static void write_place(struct buf *out, const struct field_path *place)
{
    if (place->parent)
        write_place(out, place->parent);
    if (place->name.n == 0) {
        buf_printf(out, "[%zu]", place->index);
        return;
    }
    if (out->n > 0)
        buf_char(out, '.');
    buf_str(out, place->name);
}

void field_fail(const struct binding *l, const struct field_path *place, const char *message)
{
    struct buf path;
    buf_init(&path, l->arena);
    write_place(&path, place);
    problem_field(l->problem, l->arena, buf_view(&path), "%s", message);
}

bool rule_is_bounded(const struct rule *rule)
{
    return rule->min != 0 || rule->max != 0;
}

bool rule_in_bounds(const struct rule *rule, double x)
{
    return !rule_is_bounded(rule) || (x >= rule->min && x <= rule->max);
}

static void write_bounds(const struct rule *rule, struct buf *out)
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

void field_fail_bounds(const struct binding *l, const struct rule *rule,
                       const struct field_path *place, const char *what, const char *unit)
{
    struct buf message;
    buf_init(&message, l->arena);
    buf_text(&message, what);
    if (rule_is_bounded(rule)) {
        bool between = isfinite(rule->min) && isfinite(rule->max);
        buf_text(&message, unit || !between ? " of " : " ");
        write_bounds(rule, &message);
        buf_text(&message, unit ? " " : "");
        buf_text(&message, unit ? unit : "");
    }
    buf_char(&message, '\0');
    field_fail(l, place, message.failed ? what : message.p);
}

void field_fail_choice(const struct binding *l, const struct rule *rule,
                       const struct field_path *place)
{
    struct buf message;
    buf_init(&message, l->arena);
    buf_text(&message, "must be one of ");
    for (const char *const *word = rule->choices; *word; word++) {
        if (word != rule->choices)
            buf_text(&message, ", ");
        buf_text(&message, *word);
    }
    buf_char(&message, '\0');
    field_fail(l, place, message.failed ? "is not one of the choices" : message.p);
}

void field_no_memory(const struct binding *l)
{
    /* An earlier field error must not hide that there is no input at all. */
    l->problem->code = PROBLEM_NONE;
    problem_set(l->problem, PROBLEM_INTERNAL_ERROR, NULL);
}
