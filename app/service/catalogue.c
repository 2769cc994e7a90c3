/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/catalogue.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "app/http/json.h"
#include "app/http/validate.h"

enum { DESCRIPTION_MAX = 500, MINUTES_MAX = 600, NEEDED_MAX = 20 };

struct entry {
    struct str id;
    int component, action, difficulty;
    int64_t minutes;
    struct str description;
    struct json_object *resources;
    struct str_list prerequisites;
};

struct document {
    int64_t version;
    struct str reasons[REASONS];
    struct rule_objects items, starters; /* struct entry */
};

/* clang-format off */
static const struct rule entry_rules[] = {
    {.name = "id", .type = RULE_ID, .required = true, .offset = offsetof(struct entry, id)},
    {.name = "component", .type = RULE_ENUM, .required = true, .choices = component_names, .offset = offsetof(struct entry, component)},
    {.name = "action", .type = RULE_ENUM, .required = true, .choices = action_names, .offset = offsetof(struct entry, action)},
    {.name = "difficulty", .type = RULE_ENUM, .required = true, .choices = difficulty_names, .offset = offsetof(struct entry, difficulty)},
    {.name = "minutes", .type = RULE_INT, .required = true, .min = 1, .max = MINUTES_MAX, .offset = offsetof(struct entry, minutes)},
    {.name = "description", .type = RULE_TEXT, .required = true, .min = 1, .max = DESCRIPTION_MAX, .offset = offsetof(struct entry, description)},
    {.name = "resources", .type = RULE_JSON, .required = true, .offset = offsetof(struct entry, resources)},
    {.name = "prerequisites", .type = RULE_IDS, .required = true, .max = NEEDED_MAX, .offset = offsetof(struct entry, prerequisites)},
    {0},
};

#define REASON(field, reason) \
    {.name = field, .type = RULE_TEXT, .required = true, .min = 1, .max = DESCRIPTION_MAX, .offset = (reason) * sizeof(struct str)}

static const struct rule reason_rules[] = {
    REASON("starter", REASON_STARTER),
    REASON("unknown", REASON_UNKNOWN),
    REASON("gap", REASON_GAP),
    REASON("new", REASON_NEW),
    {0},
};

static const struct rule document_rules[] = {
    {.name = "version", .type = RULE_INT, .required = true, .min = 1, .max = 1000000, .offset = offsetof(struct document, version)},
    {.name = "reasons", .type = RULE_OBJECT, .required = true, .fields = reason_rules, .offset = offsetof(struct document, reasons)},
    {.name = "items", .type = RULE_OBJECTS, .required = true, .min = 1, .max = CATALOGUE_MAX, .fields = entry_rules, .item_size = sizeof(struct entry), .offset = offsetof(struct document, items)},
    {.name = "starters", .type = RULE_OBJECTS, .required = true, .min = 1, .max = RECOMMENDATIONS_MAX, .fields = entry_rules, .item_size = sizeof(struct entry), .offset = offsetof(struct document, starters)},
    {0},
};
/* clang-format on */

struct loading {
    struct arena *arena;
    char *error; /* CATALOGUE_ERROR_SIZE */
};

/* False, for `return fail(…)`. */
__attribute__((format(printf, 2, 3))) static bool fail(const struct loading *l, const char *format,
                                                       ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(l->error, CATALOGUE_ERROR_SIZE, format, args);
    va_end(args);
    return false;
}

static bool no_memory(const struct loading *l)
{
    return fail(l, "out of memory");
}

/* ---- one entry ---- */

/* list and index say where it stands: items[3]. */
struct place_in_file {
    const char *list;
    size_t index;
};

static bool take_resources(const struct loading *l, const struct place_in_file *at,
                           struct json_object *list, struct str_list *ret)
{
    if (!json_object_is_type(list, json_type_array))
        return fail(l, "%s[%zu].resources must be a list of texts", at->list, at->index);
    ret->n = json_object_array_length(list);
    ret->v = arena_array(l->arena, ret->n ? ret->n : 1, sizeof(*ret->v));
    if (!ret->v)
        return no_memory(l);
    for (size_t i = 0; i < ret->n; i++) {
        struct json_object *text = json_object_array_get_idx(list, i);

        if (!json_object_is_type(text, json_type_string))
            return fail(l, "%s[%zu].resources[%zu] must be a text", at->list, at->index, i);
        ret->v[i] =
            (struct str){json_object_get_string(text), (size_t)json_object_get_string_len(text)};
    }
    return true;
}

static const struct content *find(const struct content *v, size_t n, struct str id)
{
    for (size_t i = 0; i < n; i++)
        if (str_equal(v[i].id, id))
            return &v[i];
    return NULL;
}

/* Places of earlier items. */
static bool take_prerequisites(const struct loading *l, const struct place_in_file *at,
                               const struct content *earlier, size_t n, struct str_list ids,
                               struct content *ret)
{
    uint16_t *places = arena_array(l->arena, ids.n ? ids.n : 1, sizeof(*places));

    if (!places)
        return no_memory(l);
    for (size_t i = 0; i < ids.n; i++) {
        const struct content *needed = find(earlier, n, ids.v[i]);

        if (!needed)
            return fail(l, "%s[%zu].prerequisites[%zu] must be the id of an earlier item", at->list,
                        at->index, i);
        places[i] = (uint16_t)(needed - earlier);
    }
    ret->prerequisites = places;
    ret->prerequisite_count = ids.n;
    return true;
}

static bool follows_harder(const struct content *item, const struct content *earlier, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (earlier[i].component == item->component && earlier[i].action == item->action &&
            earlier[i].difficulty > item->difficulty)
            return true;
    return false;
}

/* earlier: the n of the same list that stand before it; needed: how many of them may be
 * prerequisites. */
static bool take_entry(const struct loading *l, const struct place_in_file *at,
                       const struct entry *e, const struct content *earlier, size_t n,
                       size_t needed, struct content *ret)
{
    *ret = (struct content){.id = e->id,
                            .component = (enum component)e->component,
                            .action = (enum action)e->action,
                            .difficulty = (enum difficulty)e->difficulty,
                            .minutes = (int)e->minutes,
                            .description = e->description};
    if (find(earlier, n, e->id))
        return fail(l, "%s[%zu].id is that of an earlier one", at->list, at->index);
    return take_resources(l, at, e->resources, &ret->resources) &&
           take_prerequisites(l, at, earlier, needed, e->prerequisites, ret);
}

/* ---- the lists ---- */

static bool take_items(const struct loading *l, const struct rule_objects *from,
                       struct catalogue *ret)
{
    struct content *items = arena_array(l->arena, from->n, sizeof(*items));
    const struct entry *entries = from->v;

    if (!items)
        return no_memory(l);
    for (size_t i = 0; i < from->n; i++) {
        const struct place_in_file at = {"items", i};

        if (!take_entry(l, &at, &entries[i], items, i, i, &items[i]))
            return false;
        if (follows_harder(&items[i], items, i))
            return fail(
                l, "items[%zu] must stand before the harder ones of its component and action", i);
    }
    ret->items = items;
    ret->item_count = from->n;
    return true;
}

static bool take_starters(const struct loading *l, const struct rule_objects *from,
                          struct catalogue *ret)
{
    struct content *starters = arena_array(l->arena, from->n, sizeof(*starters));
    const struct entry *entries = from->v;

    if (!starters)
        return no_memory(l);
    for (size_t i = 0; i < from->n; i++) {
        const struct place_in_file at = {"starters", i};

        if (!take_entry(l, &at, &entries[i], starters, i, 0, &starters[i]))
            return false;
        if (find(ret->items, ret->item_count, starters[i].id))
            return fail(l, "starters[%zu].id is that of an item", i);
    }
    ret->starters = starters;
    ret->starter_count = from->n;
    return true;
}

static bool is_blank_to_fill(struct str name)
{
    return str_equal(name, STR("area")) || str_equal(name, STR("score")) ||
           str_equal(name, STR("threshold"));
}

static bool blanks_are_known(struct str sentence)
{
    for (;;) {
        (void)str_cut(&sentence, '{');
        if (sentence.n == 0)
            return true;
        if (!memchr(sentence.p, '}', sentence.n) || !is_blank_to_fill(str_cut(&sentence, '}')))
            return false;
    }
}

static bool take_reasons(const struct loading *l, const struct str from[REASONS],
                         struct catalogue *ret)
{
    for (size_t i = 0; i < REASONS; i++) {
        if (from[i].p[from[i].n - 1] == '{' || !blanks_are_known(from[i]))
            return fail(l, "reasons.%s has a { that is not of {area}, {score} or {threshold}",
                        reason_names[i]);
        ret->reasons[i] = from[i];
    }
    return true;
}

/* ---- the whole ---- */

/* The first thing that is wrong: one line is what an operator reads. */
static bool tell(const struct loading *l, const struct problem *p, struct str text)
{
    int line = 1;

    if (p->fields)
        return fail(l, "%.*s %.*s", STR_ARG(p->fields->field), STR_ARG(p->fields->message));
    if (!p->has_offset)
        return fail(l, "%s", p->message);
    for (size_t i = 0; i < p->offset && i < text.n; i++)
        line += text.p[i] == '\n';
    return fail(l, "line %d is not valid JSON (byte %zu of the file)", line, p->offset);
}

static bool take_document(const struct loading *l, struct str text, struct catalogue *ret)
{
    struct problem p = {0};
    struct str nowhere = STR("");
    struct document d = {0};
    struct json_object *json = json_parse(text, l->arena, &p);

    if (p.code != PROBLEM_NONE || !validate_object(document_rules, json, nowhere, l->arena, &d, &p))
        return tell(l, &p, text);
    ret->version = (int)d.version;
    return take_reasons(l, d.reasons, ret) && take_items(l, &d.items, ret) &&
           take_starters(l, &d.starters, ret);
}

/* ret_error is written to, through struct loading. */
/* NOLINTBEGIN(readability-non-const-parameter) */
const struct catalogue *catalogue_parse(struct str text, struct arena *arena,
                                        char ret_error[CATALOGUE_ERROR_SIZE])
/* NOLINTEND(readability-non-const-parameter) */
{
    struct catalogue *c = arena_zalloc(arena, sizeof(*c));
    struct loading l = {arena, ret_error};
    const char *fault = NULL;

    if (!c)
        (void)no_memory(&l);
    if (!c || !take_document(&l, text, c))
        return NULL;
    fault = catalogue_fault(c);
    if (fault)
        (void)fail(&l, "%s", fault);
    return fault ? NULL : c;
}

static bool read_file(const struct loading *l, const char *path, struct str *ret)
{
    FILE *file = fopen(path, "re");
    char *bytes = arena_alloc(l->arena, CATALOGUE_FILE_MAX + 1);
    size_t n = file && bytes ? fread(bytes, 1, CATALOGUE_FILE_MAX + 1, file) : 0;
    int error = !file || ferror(file) ? errno : 0;

    if (file)
        (void)fclose(file); /* was only read */
    if (error != 0)
        return fail(l, "%s", strerror(error));
    if (!bytes)
        return no_memory(l);
    if (n > CATALOGUE_FILE_MAX)
        return fail(l, "is larger than 1 MiB");
    *ret = (struct str){bytes, n};
    return true;
}

const struct catalogue *catalogue_load(const char *path, struct arena *arena,
                                       char ret_error[CATALOGUE_ERROR_SIZE])
{
    char error[CATALOGUE_ERROR_SIZE];
    struct loading l = {arena, error};
    const struct catalogue *c = NULL;
    struct str text = {0};

    if (read_file(&l, path, &text))
        c = catalogue_parse(text, arena, error);
    if (!c)
        (void)snprintf(ret_error, CATALOGUE_ERROR_SIZE, "%.*s: %.*s", 120, path,
                       CATALOGUE_ERROR_SIZE - 124, error);
    return c;
}

const struct content *catalogue_find(const struct catalogue *c, struct str id)
{
    const struct content *found = find(c->items, c->item_count, id);

    return found ? found : find(c->starters, c->starter_count, id);
}
