/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the named schemas. When one field of an object (the discriminator) selects the form of
 * another field, the schema is a union: one object for each choice of the discriminator. When an
 * object has groups of options (struct rule_option: a client sends the fields of one option and not
 * those of the others), the schema is a union of unnamed objects, one for each combination of
 * options. In each of them the fields of the other options must be null, which counts as absent, so
 * that a body with two options at once fits none. */
#include "app/http/openapi_objects.h"

#include <stdio.h>
#include <string.h>

enum {
    GROUPS_MAX = 4,       /* most groups of options in one object */
    OBJECT_NAME_MAX = 64, /* most bytes of a schema's name without its suffix, with the NUL */
};

/* A schema that is to be written as a component. */
struct component {
    const char *name;
    enum schema_side side;
    /* tables of its fields; the fields of `more` are not required */
    const struct rule *fields, *more;
    /* fields of the object in addition to those of `payload`; NULL: there is no payload */
    const struct rule *own;
    const struct rule_form *payload; /* form that describes the payload; only with `own` */
    /* writes the schema when no rules describe it; NULL: `fields` describes it */
    void (*write)(struct jw *w);
    /* In an object of a union by choice: the field whose form the choice selects. NULL in any other
     * object. */
    const struct rule *selected;
    size_t choice; /* index of the choice, and so of the form; only with `selected` */
    /* options[group]: the option of each group that the object is for; 0: not chosen yet */
    int options[GROUPS_MAX + 1];
    struct component *next;
};

/* The components in the order in which they were found, each name once. end: the pointer to which
 * the next component is added. */
struct components {
    struct component *first, **end;
    struct jw *w;
};

/* ---- names ---- */

/* Makes a name such as QuizCompletedData: the words of the text (- _ and . separate them), each
 * with a capital, then the suffix. Returns an empty text when out of memory. */
static const char *object_name(struct arena *arena, const char *text, const char *suffix)
{
    char name[OBJECT_NAME_MAX];
    struct str result;
    size_t n = 0;
    bool at_start = true;

    for (; *text && n + 1 < sizeof name; text++) {
        bool separates = *text == '-' || *text == '_' || *text == '.';

        if (!separates)
            name[n++] = *text;
        if (!separates && at_start && *text >= 'a' && *text <= 'z')
            name[n - 1] = (char)(*text - 'a' + 'A');
        at_start = separates;
    }
    name[n] = '\0';
    result = arena_printf(arena, "%s%s", name, suffix);
    return result.p ? result.p : "";
}

static const char *object_suffix(enum schema_side side)
{
    return side == SCHEMA_REQUEST ? "Request" : "Response";
}

void objects_write_reference(const struct route *route, enum schema_side side, struct jw *w)
{
    schema_write_reference(object_name(w->out->arena, route->name, object_suffix(side)), w);
}

/* ---- selection ---- */

const struct rule *objects_selected(const struct rule *rules)
{
    for (; rules && rules->type != RULE_END; rules++) {
        if (rules->source == IN_BODY && rules->forms && rules->forms->by)
            return rules;
    }
    return NULL;
}

const char *const *objects_choices(const struct rule *rules, const struct rule_forms *forms)
{
    static const char *const none[] = {NULL};

    for (; rules->type != RULE_END; rules++) {
        if (rules->choices && strcmp(rules->name, forms->by) == 0)
            return rules->choices;
    }
    return none;
}

/* ---- one object ---- */

/* Returns whether the table has a field of the body with this name. */
static bool object_has_field(const struct rule *rules, const char *name)
{
    for (; rules && rules->type != RULE_END; rules++) {
        if (rules->source == IN_BODY && strcmp(rules->name, name) == 0)
            return true;
    }
    return false;
}

/* Returns the field of the object with this index: first those of component->fields, then those of
 * component->more that have other names. NULL after the last one. */
static const struct rule *object_field(const struct component *component, size_t index)
{
    for (const struct rule *rule = component->fields; rule->type != RULE_END; rule++) {
        if (rule->source == IN_BODY && index-- == 0)
            return rule;
    }
    for (const struct rule *rule = component->more; rule && rule->type != RULE_END; rule++) {
        if (rule->source == IN_BODY && !object_has_field(component->fields, rule->name) &&
            index-- == 0)
            return rule;
    }
    return NULL;
}

/* Returns whether the field belongs to an option that this object is not for, so that the object
 * must not have the field. */
static bool object_leaves_out(const struct component *component, const struct rule *rule)
{
    int group = rule->option.group;

    return group > 0 && group <= GROUPS_MAX && component->options[group] &&
           component->options[group] != rule->option.number;
}

/* Returns whether this object must have the field: because its rule requires it (only in
 * component->fields), or because it belongs to the option that the object is for. */
static bool object_requires(const struct component *component, const struct rule *rule)
{
    return (rule->required && object_has_field(component->fields, rule->name)) ||
           (rule->option.group > 0 && !object_leaves_out(component, rule) &&
            !rule->option.may_be_absent);
}

/* Writes the schema of one field as it is in this object. A field of another option is left out, or
 * may only be null. In an object for one choice, the selecting field has only that choice, and the
 * field with forms refers to the selected form. */
static void object_write_field(const struct component *component, const struct rule *rule,
                               struct jw *w)
{
    const char *choices[] = {NULL, NULL};
    struct rule field = *rule;

    if (object_leaves_out(component, rule)) {
        jw_object(w, rule->name);
        jw_text(w, "type", "null");
        jw_object_end(w);
        return;
    }
    if (rule->option.group > 0 && !rule->option.may_be_absent)
        field.nullable = false;
    if (component->selected == rule) {
        schema_write_reference_member(rule->name, rule->forms->v[component->choice].name, w);
        return;
    }
    if (component->selected && strcmp(rule->name, component->selected->forms->by) == 0) {
        choices[0] = rule->choices[component->choice];
        field.type = RULE_ENUM;
        field.choices = choices;
        field.default_value = 0;
    }
    schema_write(&field, field.name, component->side, w);
}

/* Writes the keywords type, properties and required of an object. An object for an option also gets
 * minProperties, although `required` implies it: otherwise redocly 2.77 warns that the objects of a
 * oneOf overlap, because it does not see that a field which must be null in one object and is
 * required in another separates them. */
static void object_write_members(const struct component *component, struct jw *w)
{
    const struct rule *rule;
    int required = 0;

    jw_text(w, "type", "object");
    jw_object(w, "properties");
    for (size_t i = 0; (rule = object_field(component, i)); i++)
        object_write_field(component, rule, w);
    jw_object_end(w);
    jw_array(w, "required");
    for (size_t i = 0; (rule = object_field(component, i)); i++) {
        if (object_requires(component, rule)) {
            jw_text(w, NULL, rule->name);
            required++;
        }
    }
    jw_array_end(w);
    if (component->options[1] && required > 0)
        jw_int(w, "minProperties", required);
}

/* Returns the highest number of an option of the group; 0: there is no such group. */
static int object_option_count(const struct component *component, int group)
{
    const struct rule *rule;
    int count = 0;

    for (size_t i = 0; (rule = object_field(component, i)); i++) {
        if (rule->option.group == group && rule->option.number > count)
            count = rule->option.number;
    }
    return count;
}

/* Returns whether an option may be absent. An object without any option may then fit several
 * objects of the union. */
static bool object_may_lack_options(const struct component *component)
{
    const struct rule *rule;

    for (size_t i = 0; (rule = object_field(component, i)); i++) {
        if (rule->option.may_be_absent)
            return true;
    }
    return false;
}

/* Writes one object for each combination of options. Called for one group: chooses each of its
 * options in turn and calls itself for the next group; after the last group writes the object. */
static void object_write_options(struct component *component, int group, struct jw *w)
{
    int count = group <= GROUPS_MAX ? object_option_count(component, group) : 0;

    if (count == 0) {
        jw_object(w, NULL);
        object_write_members(component, w);
        jw_object_end(w);
    }
    for (int option = 1; option <= count; option++) {
        component->options[group] = option;
        object_write_options(component, group + 1, w);
    }
}

/* ---- unions ---- */

/* Writes a union: references to one object for each choice of the selecting field, and the
 * discriminator, which says which choice means which object. */
static void object_write_choices(const struct component *component, const struct rule *selected,
                                 struct jw *w)
{
    const struct rule_forms *forms = selected->forms;
    const char *const *choices = objects_choices(component->fields, forms);
    struct arena *arena = w->out->arena;

    jw_array(w, "oneOf");
    for (size_t i = 0; choices[i]; i++) {
        schema_write_reference_member(NULL, object_name(arena, choices[i], forms->suffix), w);
    }
    jw_array_end(w);
    jw_object(w, "discriminator");
    jw_text(w, "propertyName", forms->by);
    jw_object(w, "mapping");
    for (size_t i = 0; choices[i]; i++)
        schema_write_pointer(choices[i], object_name(arena, choices[i], forms->suffix), w);
    jw_object_end(w);
    jw_object_end(w);
}

/* Writes an object that has the fields of a payload and fields of its own (allOf). */
static void object_write_payload(const struct component *component, struct jw *w)
{
    struct component own = {.side = component->side, .fields = component->own};

    jw_array(w, "allOf");
    schema_write_reference_member(NULL, component->payload->name, w);
    jw_object(w, NULL);
    object_write_members(&own, w);
    jw_object_end(w);
    jw_array_end(w);
}

/* Writes the schema of a component: by its own function, of a payload, as a union by choice or by
 * options, or as a plain object. */
static void component_write(struct component *component, struct jw *w)
{
    const struct rule *selected = component->selected ? NULL : objects_selected(component->fields);

    if (component->write) {
        component->write(w);
    } else if (component->own) {
        object_write_payload(component, w);
    } else if (selected) {
        object_write_choices(component, selected, w);
    } else if (object_option_count(component, /* group */ 1) > 0) {
        jw_array(w, object_may_lack_options(component) ? "anyOf" : "oneOf");
        object_write_options(component, /* group */ 1, w);
        jw_array_end(w);
    } else {
        object_write_members(component, w);
    }
}

/* ---- all components ---- */

/* Adds a copy of the component unless the list has one with this name. */
static void components_add(struct components *all, const struct component *component)
{
    struct component *added;

    for (const struct component *known = all->first; known; known = known->next) {
        if (strcmp(known->name, component->name) == 0)
            return;
    }
    added = arena_zalloc(all->w->out->arena, sizeof *added);
    if (!added) {
        all->w->out->failed = true;
        return;
    }
    *added = *component;
    *all->end = added;
    all->end = &added->next;
}

/* Adds the schema of a form (an object with certain fields) to the components. form->fields is NULL
 * when another part of the document writes that schema; then adds nothing. */
static void components_add_form(struct components *all, const struct rule_form *form,
                                enum schema_side side)
{
    if (form->fields)
        components_add(
            all, &(struct component){
                     .name = form->name, .side = side, .fields = form->fields, .more = form->more});
}

/* Adds the forms of a field as components. When another field selects the form (forms->by), also
 * adds an object for each choice of that field, unless c itself is such an object. */
static void components_add_forms(struct components *all, const struct component *component,
                                 const struct rule *rule)
{
    const struct rule_forms *forms = rule->forms;
    struct arena *arena = all->w->out->arena;

    for (const struct rule_form *form = forms->v; form->name; form++)
        components_add_form(all, form, component->side);
    if (!forms->by || component->selected)
        return;
    const char *const *choices = objects_choices(component->fields, forms);
    for (size_t i = 0; choices[i]; i++)
        components_add(all,
                       &(struct component){.name = object_name(arena, choices[i], forms->suffix),
                                           .side = component->side,
                                           .fields = component->fields,
                                           .selected = rule,
                                           .choice = i});
}

/* Adds the components to which the schemas of the table's fields refer, also inside objects and
 * lists. */
static void components_add_fields(struct components *all, const struct component *component,
                                  const struct rule *rules)
{
    for (; rules && rules->type != RULE_END; rules++) {
        if (rules->forms)
            components_add_forms(all, component, rules);
        if (rules->schema)
            components_add(all, &(struct component){.name = rules->schema,
                                                    .side = component->side,
                                                    .fields = rules->fields});
        else if (rules->fields)
            components_add_fields(all, component, rules->fields);
    }
}

/* Adds the bodies of a route: request, payload (the body of the route to which it delegates) and
 * response. */
static void components_add_route(struct components *all, const struct route *route)
{
    struct arena *arena = all->w->out->arena;
    struct component request = {.name = object_name(arena, route->name, "Request"),
                                .side = SCHEMA_REQUEST,
                                .fields = route->rules,
                                .own = route->payload ? route->rules : NULL,
                                .payload = route->payload,
                                .write = route->write_schema};
    struct component response = {.name = object_name(arena, route->name, "Response"),
                                 .side = SCHEMA_RESPONSE,
                                 .fields = route->response};

    if (route_has_body(route))
        components_add(all, &request);
    if (route->payload)
        components_add_form(all, route->payload, SCHEMA_REQUEST);
    if (route->response)
        components_add(all, &response);
}

/* Writing a component may add further ones, to which it refers, to the end of the list. */
void objects_write_components(const struct route_table *tables, size_t count, struct jw *w)
{
    struct components all = {.w = w};

    all.end = &all.first;
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].n; i++)
            components_add_route(&all, &tables[t].v[i]);
    }
    for (struct component *component = all.first; component; component = component->next) {
        components_add_fields(&all, component, component->fields);
        components_add_fields(&all, component, component->more);
        jw_object(w, component->name);
        component_write(component, w);
        jw_object_end(w);
    }
}
