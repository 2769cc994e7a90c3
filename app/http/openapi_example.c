/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the examples of requests. A field has the example that its rule gives, or one that its
 * type and bounds allow. The example of an object has its required fields, and the others whose
 * rule gives an example. */
#include "app/http/openapi_example.h"

#include <string.h>

#include "app/base/clock.h"
#include "app/http/openapi_objects.h"

/* An object whose example is written. When the value of one field selects the form of another
 * (event_type selects that of `data`), the example is for one value of the selecting field. */
struct example {
    const struct rule *fields; /* rules of the object's fields */
    const char *by;            /* name of the field that selects a form, such as event_type */
    /* value of the field `by` in this example; NULL: no field selects a form */
    const char *choice;
    /* form of the other field that the value `choice` selects */
    const struct rule_form *form;
    int32_t today; /* UTC day of dates and times, in days since 1970-01-01 */
};

/* Writes the example of an object: its fields that are required or have an example of their own. */
static void example_write_object(const struct example *example, const char *key, struct jw *w);

/* Writes the example that the rule gives. For a text type the rule has the text itself, whose first
 * * is replaced by the choice, or by 1 when there is no choice: example-* becomes
 * example-quiz.completed or example-1. For any other type the rule has JSON, which is copied. */
static void example_write_given(const struct rule *rule, const char *key, const char *choice,
                                struct jw *w)
{
    bool is_text = rule->type == RULE_ID || rule->type == RULE_TEXT || rule->type == RULE_ENUM;
    struct str after = str_of(rule->example), before = str_cut(&after, '*');

    if (is_text)
        jw_str(w, key,
               arena_printf(w->out->arena, "%.*s%s%.*s", STR_ARG(before),
                            before.n < strlen(rule->example) ? (choice ? choice : "1") : "",
                            STR_ARG(after)));
    else
        jw_raw(w, key, str_of(rule->example));
}

/* Returns the example of an id, by what it names (rule->subject). An id without a subject is that
 * of a teacher. */
static const char *example_id(const struct rule *rule)
{
    switch (rule->subject) {
    case SUBJECT_STUDENT: return "student-1";
    case SUBJECT_GROUP: return "demo-class";
    case SUBJECT_NONE: break;
    }
    return "teacher-1";
}

/* Returns a number within the bounds of the rule: 0.8 if the bounds allow it, else the lower bound.
 */
static double example_number(const struct rule *rule)
{
    return rule->min <= 0.8 && rule->max >= 0.8 ? 0.8 : rule->min;
}

/* Writes the example of a list: one element of the rule's type. */
static void example_write_list(const struct rule *rule, const char *key, int32_t today,
                               struct jw *w)
{
    jw_array(w, key);
    if (rule->type == RULE_IDS)
        jw_text(w, NULL, example_id(rule));
    else if (rule->type == RULE_ENUM_SET)
        jw_text(w, NULL, rule->choices[0]);
    else if (rule->type == RULE_OBJECTS)
        example_write_object(&(struct example){.fields = rule->fields, .today = today}, NULL, w);
    jw_array_end(w);
}

/* Writes an example that the type of the field allows; for a type without one, an empty object. */
static void example_write_by_type(const struct rule *rule, const char *key, int32_t today,
                                  struct jw *w)
{
    switch (rule->type) {
    case RULE_ID: jw_text(w, key, example_id(rule)); break;
    case RULE_TEXT: jw_text(w, key, rule->choices ? rule->choices[0] : "text"); break;
    case RULE_ENUM: jw_text(w, key, rule->choices[(size_t)rule->default_value]); break;
    case RULE_BOOL: jw_bool(w, key, true); break;
    case RULE_INT:
        jw_number(w, key, rule->default_value > 0 ? rule->default_value : rule->min);
        break;
    case RULE_NUMBER: jw_number(w, key, example_number(rule)); break;
    case RULE_DAY: jw_day(w, key, today); break;
    case RULE_TIME: jw_time(w, key, today * DAY_MS); break;
    case RULE_OBJECT:
        example_write_object(&(struct example){.fields = rule->fields, .today = today}, key, w);
        break;
    case RULE_IDS:
    case RULE_ENUM_SET:
    case RULE_OBJECTS: example_write_list(rule, key, today, w); break;
    default:
        jw_object(w, key);
        jw_object_end(w);
        break;
    }
}

/* Writes the example that the rule gives, or one that fits its type. A date or a time is always of
 * today. choice: value of the field that selects the form of the object; NULL when the object has
 * only one form. */
static void example_write_any(const struct rule *rule, const char *key, const char *choice,
                              int32_t today, struct jw *w)
{
    if (rule->example && rule->type != RULE_DAY && rule->type != RULE_TIME)
        example_write_given(rule, key, choice, w);
    else
        example_write_by_type(rule, key, today, w);
}

void example_write(const struct rule *rule, const char *key, int32_t today, struct jw *w)
{
    example_write_any(rule, key, NULL, today, w);
}

/* Writes the example of one field of an object. When the object has forms, the example shows one of
 * them: the field example->by, which selects the form, has the value example->choice, and the field
 * that has the forms has the fields of example->form. */
static void example_write_field(const struct example *example, const struct rule *rule,
                                struct jw *w)
{
    bool selects = example->choice && strcmp(rule->name, example->by) == 0;

    if (selects)
        jw_text(w, rule->name, example->choice);
    else if (example->choice && rule->forms && rule->forms->by)
        example_write_object(
            &(struct example){.fields = example->form->fields, .today = example->today}, rule->name,
            w);
    else
        example_write_any(rule, rule->name, example->choice, example->today, w);
}

/* Writes the example of an object: its fields that are required or have an example of their own. */
static void example_write_object(const struct example *example, const char *key, struct jw *w)
{
    jw_object(w, key);
    for (const struct rule *rule = example->fields; rule->type != RULE_END; rule++) {
        if (rule->source == IN_BODY && (rule->required || rule->example))
            example_write_field(example, rule, w);
    }
    jw_object_end(w);
}

/* Writes the example of an object; if many, as the one element of a list. */
static void example_write_one(const struct example *example, const char *key, bool many,
                              struct jw *w)
{
    if (many)
        jw_array(w, key);
    example_write_object(example, many ? NULL : key, w);
    if (many)
        jw_array_end(w);
}

void example_write_body(const struct route *route, bool many, int32_t today, struct jw *w)
{
    struct example example = {.fields = route->payload ? route->payload->fields : route->rules,
                              .today = today};
    const struct rule *selected = objects_selected(example.fields);
    const char *const *choices;

    if (!selected) {
        example_write_one(&example, "example", many, w);
        return;
    }
    choices = objects_choices(example.fields, selected->forms);
    example.by = selected->forms->by;
    jw_object(w, "examples");
    for (size_t i = 0; choices[i]; i++) {
        example.choice = choices[i];
        example.form = &selected->forms->v[i];
        jw_object(w, choices[i]);
        example_write_one(&example, "value", many, w);
        jw_object_end(w);
    }
    jw_object_end(w);
}
