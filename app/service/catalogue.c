/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the catalogue (the items that can be recommended) in three stages. First the file is parsed
 * as JSON. Then validate.c checks the form of each entry by a table of rules. Finally the entries
 * are checked for what rules cannot express: unique ids, prerequisites that exist, an order by
 * difficulty. Error messages name the place in the file, so that an operator can find it. */
#include "app/service/catalogue.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "app/base/buf.h"
#include "app/base/ids.h"
#include "app/http/json.h"
#include "app/http/json_value.h"
#include "app/http/validate.h"

/* DESCRIPTION_MAX: characters of a description. MINUTES_MAX: longest time for an item.
 * PREREQUISITES_MAX: most prerequisites of an item or topic. */
enum { DESCRIPTION_MAX = 500, MINUTES_MAX = 600, PREREQUISITES_MAX = 20 };

/* An entry of the file as validate_object fills it: an item, or a starter (an item for students
 * without data). */
struct catalogue_entry {
    struct str id;
    int component, action, difficulty;
    int64_t minutes;
    struct str description;
    struct json_object *resources;
    struct str_list prerequisites;
};

/* The whole file as validate_object fills it. */
struct catalogue_document {
    int64_t version;
    struct str reasons[REASONS];
    /* lists of struct catalogue_entry; starters are for students without data */
    struct rule_objects items, starters;
    struct json_object *prerequisites; /* object of lists of topics; NULL: absent */
};

/* Parts of rules. ENTRY: a required member of an entry, stored in this member of the struct.
 * TEXT_UP_TO: a text of 1 to n characters. */
#define ENTRY(member) .required = true, .offset = offsetof(struct catalogue_entry, member)
#define TEXT_UP_TO(n) .type = RULE_TEXT, .min = 1, .max = (n)

static const struct rule entry_rules[] = {
    {.name = "id", .type = RULE_ID, ENTRY(id)},
    {.name = "component", .type = RULE_ENUM, .choices = component_names, ENTRY(component)},
    {.name = "action", .type = RULE_ENUM, .choices = action_names, ENTRY(action)},
    {.name = "difficulty", .type = RULE_ENUM, .choices = difficulty_names, ENTRY(difficulty)},
    {.name = "minutes", .type = RULE_INT, .min = 1, .max = MINUTES_MAX, ENTRY(minutes)},
    {.name = "description", TEXT_UP_TO(DESCRIPTION_MAX), ENTRY(description)},
    {.name = "resources", .type = RULE_JSON, ENTRY(resources)},
    {.name = "prerequisites", .type = RULE_IDS, .max = PREREQUISITES_MAX, ENTRY(prerequisites)},
    {0},
};

/* A rule for one sentence of the member "reasons"; it is stored in an array of texts by enum
 * reason. */
#define REASON(reason)                                                                             \
    TEXT_UP_TO(DESCRIPTION_MAX), .required = true, .offset = (reason) * sizeof(struct str)

static const struct rule reason_rules[] = {
    {.name = "starter", REASON(REASON_STARTER)},
    {.name = "unknown", REASON(REASON_UNKNOWN)},
    {.name = "gap", REASON(REASON_GAP)},
    {.name = "new", REASON(REASON_NEW)},
    {0},
};

/* DOCUMENT: a required member of the file, stored in this member of the struct. ENTRIES_UP_TO: a
 * list of 1 to n items or starters. */
#define DOCUMENT(member) .required = true, .offset = offsetof(struct catalogue_document, member)
#define ENTRIES_UP_TO(n)                                                                           \
    .type = RULE_OBJECTS, .min = 1, .max = (n), .fields = entry_rules,                             \
    .item_size = sizeof(struct catalogue_entry)

static const struct rule document_rules[] = {
    {.name = "version", .type = RULE_INT, .min = 1, .max = 1000000, DOCUMENT(version)},
    {.name = "reasons", .type = RULE_OBJECT, .fields = reason_rules, DOCUMENT(reasons)},
    {.name = "items", ENTRIES_UP_TO(CATALOGUE_MAX), DOCUMENT(items)},
    {.name = "starters", ENTRIES_UP_TO(RECOMMENDATIONS_MAX), DOCUMENT(starters)},
    {.name = "prerequisites",
     .type = RULE_JSON,
     .offset = offsetof(struct catalogue_document, prerequisites)},
    {0},
};

/* The file that is being read, and the position in it. Error messages about an entry begin with its
 * place, LIST[INDEX]. */
struct catalogue_loader {
    struct arena *arena; /* memory of the catalogue */
    char *error;         /* receives the error message; CATALOGUE_ERROR_SIZE bytes */
    const char *list;    /* name of the list that is being read: "items" or "starters" */
    size_t index;        /* position of the current entry in the list, from 0 */
};

/* Writes the error message. Always returns false, so that a caller can return the result. */
__attribute__((format(printf, 2, 3))) static bool
catalogue_fail(const struct catalogue_loader *loader, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(loader->error, CATALOGUE_ERROR_SIZE, format, args);
    va_end(args);
    return false;
}

/* Writes an error message about the current entry, such as "items[3].id ...". Returns false. */
static bool catalogue_fail_entry(const struct catalogue_loader *loader, const char *message)
{
    return catalogue_fail(loader, "%s[%zu]%s", loader->list, loader->index, message);
}

/* Writes an error message about element i of a list in the current entry. Returns false. */
static bool catalogue_fail_element(const struct catalogue_loader *loader, const char *member,
                                   size_t i, const char *message)
{
    return catalogue_fail(loader, "%s[%zu].%s[%zu] %s", loader->list, loader->index, member, i,
                          message);
}

/* Writes the error message "out of memory". Returns false. */
static bool catalogue_no_memory(const struct catalogue_loader *loader)
{
    return catalogue_fail(loader, "out of memory");
}

/* ---- items and starters ---- */

/* Reads the list "resources" of an entry, whose elements must all be texts. */
static bool catalogue_read_resources(const struct catalogue_loader *loader,
                                     struct json_object *list, struct str_list *ret)
{
    if (!json_object_is_type(list, json_type_array))
        return catalogue_fail_entry(loader, ".resources must be a list of texts");
    ret->n = json_object_array_length(list);
    ret->v = arena_array(loader->arena, ret->n ? ret->n : 1, sizeof(*ret->v));
    if (!ret->v)
        return catalogue_no_memory(loader);
    for (size_t i = 0; i < ret->n; i++) {
        ret->v[i] = json_value_text(json_object_array_get_idx(list, i));
        if (!ret->v[i].p)
            return catalogue_fail_element(loader, "resources", i, "must be a text");
    }
    return true;
}

/* Returns the entry with the id among the n entries of v; NULL when there is none. Loading calls
 * this for each entry and prerequisite, which is quadratic but bounded: a catalogue has at most
 * CATALOGUE_MAX items. */
static const struct content *catalogue_find_content(const struct content *v, size_t n,
                                                    struct str id)
{
    for (size_t i = 0; i < n; i++)
        if (str_equal(v[i].id, id))
            return &v[i];
    return NULL;
}

/* Stores an entry's prerequisites, which in the file are ids of items, as indexes. items: the n
 * items before the entry. A prerequisite that comes later in the file is refused, because two items
 * could then be prerequisites of each other. */
static bool catalogue_read_prerequisites(const struct catalogue_loader *loader,
                                         const struct content *items, size_t n, struct str_list ids,
                                         struct content *ret)
{
    uint16_t *indexes = arena_array(loader->arena, ids.n ? ids.n : 1, sizeof(*indexes));

    if (!indexes)
        return catalogue_no_memory(loader);
    for (size_t i = 0; i < ids.n; i++) {
        const struct content *item = catalogue_find_content(items, n, ids.v[i]);

        if (!item)
            return catalogue_fail_element(loader, "prerequisites", i,
                                          "must be the id of an earlier item");
        indexes[i] = (uint16_t)(item - items);
    }
    ret->prerequisites = indexes;
    ret->prerequisite_count = ids.n;
    return true;
}

/* Returns whether one of the n earlier items has the same component and action as the item and is
 * harder. Such a file is refused: recommendations are chosen in the order of the file, and must
 * offer the easier items first. */
static bool catalogue_follows_harder(const struct content *item, const struct content *earlier,
                                     size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (earlier[i].component == item->component && earlier[i].action == item->action &&
            earlier[i].difficulty > item->difficulty)
            return true;
    return false;
}

/* Reads an entry of the file into contents[i]; contents[0 .. i - 1] are the earlier entries of the
 * same list. catalogue->items is NULL while the list of items is read. It is set while the starters
 * (items for students without any data) are read, whose ids must differ from those of all items.
 * Prerequisites must be earlier items; a starter has none. */
static bool catalogue_read_entry(const struct catalogue_loader *loader,
                                 const struct catalogue_entry *entry, struct content *contents,
                                 size_t i, const struct catalogue *catalogue)
{
    struct content *ret = &contents[i];
    bool is_item = !catalogue->items;

    *ret = (struct content){.id = entry->id,
                            .component = (enum component)entry->component,
                            .action = (enum action)entry->action,
                            .difficulty = (enum difficulty)entry->difficulty,
                            .minutes = (int)entry->minutes,
                            .description = entry->description};
    if (catalogue_find_content(contents, i, entry->id))
        return catalogue_fail_entry(loader, ".id is already the id of an earlier entry");
    if (!catalogue_read_resources(loader, entry->resources, &ret->resources) ||
        !catalogue_read_prerequisites(loader, contents, is_item ? i : 0, entry->prerequisites, ret))
        return false;
    if (is_item && catalogue_follows_harder(ret, contents, i))
        return catalogue_fail_entry(
            loader, " must come before the harder ones of its component and action");
    if (catalogue_find_content(catalogue->items, catalogue->item_count, entry->id))
        return catalogue_fail_entry(loader, ".id is already the id of an item");
    return true;
}

/* Reads the list with this name ("items" or "starters"). from: the entries of the file, whose form
 * validate_object has checked. Returns NULL, with an error message, when an entry is wrong. The
 * items must be read before the starters, whose ids must differ from theirs. */
static const struct content *catalogue_read_list(struct catalogue_loader *loader, const char *list,
                                                 const struct rule_objects *from,
                                                 const struct catalogue *catalogue)
{
    struct content *contents = arena_array(loader->arena, from->n, sizeof(*contents));
    const struct catalogue_entry *entries = from->v;

    if (!contents) {
        (void)catalogue_no_memory(loader);
        return NULL;
    }
    loader->list = list;
    for (loader->index = 0; loader->index < from->n; loader->index++) {
        if (!catalogue_read_entry(loader, &entries[loader->index], contents, loader->index,
                                  catalogue))
            return NULL;
    }
    return contents;
}

/* ---- reasons ---- */

/* Returns whether the name is a placeholder that recommend_json.c replaces in a sentence. */
static bool catalogue_is_placeholder(struct str name)
{
    return str_equal(name, STR("area")) || str_equal(name, STR("score")) ||
           str_equal(name, STR("threshold"));
}

/* Returns whether every { in the sentence begins a known placeholder that } closes. str_cut removes
 * the text up to a character, or the whole text when it is missing. So a { at the very end is not
 * found here; the caller refuses it. */
static bool catalogue_has_known_placeholders(struct str sentence)
{
    for (;;) {
        (void)str_cut(&sentence, '{');
        if (sentence.n == 0)
            return true;
        if (!memchr(sentence.p, '}', sentence.n) ||
            !catalogue_is_placeholder(str_cut(&sentence, '}')))
            return false;
    }
}

/* Copies the sentences that explain a recommendation, and checks their placeholders. The rules have
 * made sure that no sentence is empty. */
static bool catalogue_read_reasons(const struct catalogue_loader *loader,
                                   const struct str from[REASONS], struct catalogue *ret)
{
    for (size_t i = 0; i < REASONS; i++) {
        if (from[i].p[from[i].n - 1] == '{' || !catalogue_has_known_placeholders(from[i]))
            return catalogue_fail(
                loader, "reasons.%s has a { that does not begin {area}, {score} or {threshold}",
                reason_names[i]);
        ret->reasons[i] = from[i];
    }
    return true;
}

/* ---- prerequisites among topics ---- */

/* Returns the index of the topic in the graph, and adds the topic if it is new; TOPIC_NODES_MAX
 * when the graph is full. */
static size_t catalogue_topic(struct topic_graph *graph, struct str id)
{
    size_t i = 0;

    while (i < graph->n && !str_equal(graph->nodes[i].id, id))
        i++;
    if (i == graph->n && i < TOPIC_NODES_MAX)
        graph->nodes[graph->n++] = (struct topic_node){.id = id};
    return i;
}

/* Adds the element at index i of `list`, a list of topic ids, to the prerequisites (`needs`) of the
 * topic with index `node` and id `name`. The array `needs` has room for the whole list. Returns
 * false, with an error message, when the element is wrong. */
static bool catalogue_read_need(const struct catalogue_loader *loader, struct topic_graph *graph,
                                size_t node, const char *name, struct json_object *list, size_t i)
{
    struct str id = json_value_text(json_object_array_get_idx(list, i));
    struct topic_node *topic = &graph->nodes[node];
    size_t need;

    if (!id.p || !id_valid(id))
        return catalogue_fail(loader, "prerequisites.%s[%zu] must be the id of a topic", name, i);
    need = catalogue_topic(graph, id);
    if (need == TOPIC_NODES_MAX)
        return catalogue_fail(loader, "prerequisites has more than %d topics", TOPIC_NODES_MAX);
    for (size_t k = 0; k < topic->need_count; k++)
        if (topic->needs[k] == need)
            return catalogue_fail(loader, "prerequisites.%s[%zu] must not be in the list twice",
                                  name, i);
    topic->needs[topic->need_count++] = (uint16_t)need;
    return true;
}

/* Adds the topic `name` with the list of its prerequisites to the graph. The topic may be in the
 * graph already, as a prerequisite of another one. False, with an error message, when one of the
 * prerequisites is wrong. */
static bool catalogue_read_topic(const struct catalogue_loader *loader, struct topic_graph *graph,
                                 const char *name, struct json_object *list)
{
    bool is_list = json_object_is_type(list, json_type_array);
    size_t n = is_list ? json_object_array_length(list) : 0, node;

    if (!id_valid(str_of(name)))
        return catalogue_fail(loader, "prerequisites.%.100s is not the id of a topic", name);
    if (!is_list || n > PREREQUISITES_MAX)
        return catalogue_fail(loader, "prerequisites.%s must be a list of at most %d topics", name,
                              PREREQUISITES_MAX);
    node = catalogue_topic(graph, str_of(name));
    if (node == TOPIC_NODES_MAX)
        return catalogue_fail(loader, "prerequisites has more than %d topics", TOPIC_NODES_MAX);
    graph->nodes[node].needs = arena_array(loader->arena, n + 1, sizeof(uint16_t));
    if (!graph->nodes[node].needs)
        return catalogue_no_memory(loader);
    for (size_t i = 0; i < n; i++)
        if (!catalogue_read_need(loader, graph, node, name, list, i))
            return false;
    return true;
}

/* Writes the error message about a cycle of n topics, "a needs b needs a", cut when it is too long.
 * Returns false. */
static bool catalogue_fail_cycle(const struct catalogue_loader *loader, const struct str *cycle,
                                 size_t n)
{
    struct buf text;

    buf_init(&text, loader->arena);
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "%.*s needs ", STR_ARG(cycle[i]));
    buf_str(&text, cycle[0]);
    return text.failed ? catalogue_no_memory(loader)
                       : catalogue_fail(loader, "prerequisites has a cycle: %.*s",
                                        STR_ARG(buf_view(&text)));
}

/* Reads the member "prerequisites" of the file, and sorts its topics so that prerequisites come
 * first. The sort finds a cycle of n topics if there is one. Without the member there are no
 * topics. */
static bool catalogue_read_topics(const struct catalogue_loader *loader, struct json_object *json,
                                  struct topic_graph *ret)
{
    struct str *cycle = arena_array(loader->arena, TOPIC_NODES_MAX, sizeof(*cycle));
    size_t n;

    if (!json)
        return true;
    if (!json_object_is_type(json, json_type_object))
        return catalogue_fail(loader, "prerequisites must be an object");
    ret->nodes = arena_array(loader->arena, TOPIC_NODES_MAX, sizeof(*ret->nodes));
    if (!ret->nodes || !cycle)
        return catalogue_no_memory(loader);
    for (struct json_object_iterator i = json_object_iter_begin(json),
                                     end = json_object_iter_end(json);
         !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        if (!catalogue_read_topic(loader, ret, json_object_iter_peek_name(&i),
                                  json_object_iter_peek_value(&i)))
            return false;
    }
    n = topic_graph_sort(ret, cycle);
    return n == 0 || catalogue_fail_cycle(loader, cycle, n);
}

/* ---- the document ---- */

/* Writes the error message for a problem of the parser or of a rule: the first field that is wrong,
 * or the line of `text` where the JSON is invalid. Always returns false. */
static bool catalogue_describe(const struct catalogue_loader *loader, const struct problem *p,
                               struct str text)
{
    int line = 1;

    if (p->fields)
        return catalogue_fail(loader, "%.*s %.*s", STR_ARG(p->fields->field),
                              STR_ARG(p->fields->message));
    if (!p->has_offset)
        return catalogue_fail(loader, "%s", p->message);
    for (size_t i = 0; i < p->offset && i < text.n; i++) {
        if (text.p[i] == '\n')
            line++;
    }
    return catalogue_fail(loader, "line %d is not valid JSON (byte %zu of the file)", line,
                          p->offset);
}

/* Makes the catalogue *ret from the text of the file; false with an error message. The items are
 * read before the starters, whose ids must differ from theirs. A list with a wrong entry is NULL.
 */
static bool catalogue_read_document(struct catalogue_loader *loader, struct str text,
                                    struct catalogue *ret)
{
    struct problem p = {0};
    struct str no_prefix = STR("");
    struct catalogue_document document = {0};
    struct json_object *json = json_parse(text, loader->arena, &p);

    if (p.code != PROBLEM_NONE ||
        !validate_object(document_rules, json, no_prefix, loader->arena, &document, &p))
        return catalogue_describe(loader, &p, text);
    ret->version = (int)document.version;
    if (!catalogue_read_reasons(loader, document.reasons, ret))
        return false;
    ret->items = catalogue_read_list(loader, "items", &document.items, ret);
    ret->item_count = document.items.n;
    if (ret->items)
        ret->starters = catalogue_read_list(loader, "starters", &document.starters, ret);
    ret->starter_count = document.starters.n;
    return ret->starters && catalogue_read_topics(loader, document.prerequisites, &ret->topics);
}

/* Reads the document, and lets catalogue_error check the rules for the catalogue as a whole, such
 * as the order of the items. clang-tidy does not see that ret_error is written through the loader.
 * NOLINTBEGIN(readability-non-const-parameter) */
const struct catalogue *catalogue_parse(struct str text, struct arena *arena,
                                        char ret_error[CATALOGUE_ERROR_SIZE])
/* NOLINTEND(readability-non-const-parameter) */
{
    struct catalogue *catalogue = arena_zalloc(arena, sizeof(*catalogue));
    struct catalogue_loader loader = {.arena = arena, .error = ret_error};
    const char *fault = NULL;

    if (!catalogue)
        (void)catalogue_no_memory(&loader);
    if (!catalogue || !catalogue_read_document(&loader, text, catalogue))
        return NULL;
    fault = catalogue_error(catalogue);
    if (fault)
        (void)catalogue_fail(&loader, "%s", fault);
    return fault ? NULL : catalogue;
}

/* Reads the text of the file into the arena. Requests one byte more than the limit, so that a file
 * that is too large is noticed. */
static bool catalogue_read_file(const struct catalogue_loader *loader, const char *path,
                                struct str *ret)
{
    FILE *file = fopen(path, "re");
    char *bytes = arena_alloc(loader->arena, CATALOGUE_FILE_MAX + 1);
    size_t n = file && bytes ? fread(bytes, 1, CATALOGUE_FILE_MAX + 1, file) : 0;
    int error = !file || ferror(file) ? errno : 0;

    if (file)
        (void)fclose(file); /* cannot lose data: the file was only read */
    if (error != 0)
        return catalogue_fail(loader, "%s", strerror(error));
    if (!bytes)
        return catalogue_no_memory(loader);
    if (n > CATALOGUE_FILE_MAX)
        return catalogue_fail(loader, "is larger than 1 MiB");
    *ret = (struct str){bytes, n};
    return true;
}

/* catalogue_parse does not know the path, so its message goes to a buffer of its own, and is then
 * copied to ret_error after the path. Path and message are cut so that both fit. */
const struct catalogue *catalogue_load(const char *path, struct arena *arena,
                                       char ret_error[CATALOGUE_ERROR_SIZE])
{
    enum { PATH_MAX_SHOWN = 120 }; /* bytes of the path in a message */
    char error[CATALOGUE_ERROR_SIZE];
    struct catalogue_loader loader = {.arena = arena, .error = error};
    const struct catalogue *catalogue = NULL;
    struct str text = {0};

    if (catalogue_read_file(&loader, path, &text))
        catalogue = catalogue_parse(text, arena, error);
    if (!catalogue)
        (void)snprintf(ret_error, CATALOGUE_ERROR_SIZE, "%.*s: %.*s", PATH_MAX_SHOWN, path,
                       CATALOGUE_ERROR_SIZE - PATH_MAX_SHOWN - (int)sizeof(": "), error);
    return catalogue;
}

const struct content *catalogue_find(const struct catalogue *catalogue, struct str id)
{
    const struct content *found =
        catalogue_find_content(catalogue->items, catalogue->item_count, id);

    return found ? found
                 : catalogue_find_content(catalogue->starters, catalogue->starter_count, id);
}
