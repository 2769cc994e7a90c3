/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks the groups of options of an object (struct rule_option: a client sends the fields of one
 * option of each group). The first field in the table that was sent decides which option of its
 * group the client has chosen. */
#include "app/http/options.h"

#include <stdio.h>

/* Returns whether the object has the field, with a value other than null. */
static bool option_is_sent(const struct rule *rule, struct json_object *object)
{
    struct json_object *value = NULL;

    return object && json_object_object_get_ex(object, rule->name, &value) && value;
}

/* Adds an error about the field of the rule: the message, followed by the name of the field
 * `other`. A field directly in the body (parent NULL) that has an error already gets no second one.
 */
static void option_fail(const struct binding *binding, const struct field_path *parent,
                        const struct rule *rule, const char *message, const struct rule *other)
{
    char text[128];

    if (!parent && problem_has_field(binding->problem, str_of(rule->name)))
        return;
    (void)snprintf(text, sizeof text, "%s %s", message, other->name);
    field_fail(binding, &(struct field_path){.parent = parent, .name = str_of(rule->name)}, text);
}

/* Checks a group of which the field `chosen` was sent: no field of another option may be sent, and
 * all fields of the same option must be sent. */
static void option_check_chosen(const struct binding *binding, const struct rule *rules,
                                struct json_object *object, const struct field_path *parent,
                                const struct rule *chosen)
{
    for (const struct rule *rule = rules; rule->type != RULE_END; rule++) {
        bool is_sent = option_is_sent(rule, object);

        if (rule->option.group != chosen->option.group)
            continue;
        if (is_sent && rule->option.number != chosen->option.number)
            option_fail(binding, parent, rule, "must not be given together with", chosen);
        else if (!is_sent && rule->option.number == chosen->option.number)
            option_fail(binding, parent, rule, "is required with", chosen);
    }
}

/* Checks a group of which no field was sent: an error, unless an option may be absent. The error is
 * at the first field of the group and names the first field of another option. */
static void option_check_none(const struct binding *binding, const struct rule *rules,
                              const struct field_path *parent, int group)
{
    const struct rule *first = NULL;

    for (const struct rule *rule = rules; rule->type != RULE_END; rule++) {
        if (rule->option.group != group)
            continue;
        if (rule->option.may_be_absent)
            return;
        if (!first)
            first = rule;
    }
    for (const struct rule *rule = first; rule && rule->type != RULE_END; rule++) {
        if (rule->option.group == group && rule->option.number != first->option.number) {
            option_fail(binding, parent, first, "is required, or", rule);
            return;
        }
    }
}

/* Groups are numbered from 1 on, so the first number without a field ends the loop. */
void options_check(const struct binding *binding, const struct rule *rules,
                   struct json_object *object, const struct field_path *field)
{
    bool found = true;

    for (int group = 1; found; group++) {
        const struct rule *chosen = NULL;

        found = false;
        for (const struct rule *rule = rules; rule->type != RULE_END; rule++) {
            found |= rule->option.group == group;
            if (!chosen && rule->option.group == group && option_is_sent(rule, object))
                chosen = rule;
        }
        if (chosen)
            option_check_chosen(binding, rules, object, field, chosen);
        else if (found)
            option_check_none(binding, rules, field, group);
    }
}
