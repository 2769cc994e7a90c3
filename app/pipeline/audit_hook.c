/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/pipeline/audit_hook.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/base/digest.h"
#include "app/service/audit.h"

/* More students than these are one record with their number and a digest; so are fewer, when the
 * log has no room for a note each. */
enum { EACH_MAX = 64 };

/* ---- what kind of record ---- */

enum kind { NOTHING, REFUSAL, READ, AT_ONCE };

static bool is_at_once(const struct route *route)
{
    return route->flags & ROUTE_AUDIT_EACH || route->access == ACCESS_EXPORT ||
           (route->access == ACCESS_ADMIN && route->method != GET);
}

static bool is_watched(const struct route *route)
{
    return route->flags & ROUTE_PERSONAL || route->access == ACCESS_ADMIN || is_at_once(route);
}

static enum kind kind_of(const struct route *route, int status, bool untold)
{
    bool answered = status < 400 || status == 404;

    if (status == 403 || (status == 401 && is_watched(route)))
        return REFUSAL;
    if (route->flags & ROUTE_JOURNALED && !untold && status != 404)
        return NOTHING;
    if (is_at_once(route))
        return answered || status >= 500 ? AT_ONCE : NOTHING;
    return answered && route->flags & ROUTE_PERSONAL ? READ : NOTHING;
}

/* What it was, or would have been. */
static const char *action_of(const struct route *route)
{
    if (is_at_once(route))
        return route->name;
    return route->access == ACCESS_WRITE_STUDENT || route->flags & ROUTE_JOURNALED ? "write"
                                                                                   : "read";
}

/* ---- whom it is about ---- */

struct whom {
    struct str one;
    struct str_list lists[3];
    size_t list_count;
    struct str name; /* of what is no student: a cohort, a batch */
};

static const void *member(const struct exchange *x, const struct rule *rule)
{
    return (const char *)x->input + rule->offset;
}

static bool ends_with(const char *name, struct str end)
{
    struct str s = str_of(name);

    return s.n >= end.n && memcmp(s.p + s.n - end.n, end.p, end.n) == 0;
}

static void add_list(struct whom *w, struct str_list list)
{
    if (w->list_count < sizeof(w->lists) / sizeof(w->lists[0]))
        w->lists[w->list_count++] = list;
}

/* Whatever else a client may call somebody by (a filter of the log, an id that is none of ours) has
 * no place in a record that outlives an erasure. */
static bool names_no_person(struct str field)
{
    static const struct str fields[] = {STR_INIT("cohort_id"), STR_INIT("cohort_a_id"),
                                        STR_INIT("cohort_b_id"), STR_INIT("batch_id")};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (str_equal(field, fields[i]))
            return true;
    }
    return false;
}

/* The students of a list of objects that name one each. */
static void add_objects(struct exchange *x, const struct rule *rule, struct whom *w)
{
    const struct rule_objects *objects = member(x, rule);
    struct str_list list = {arena_array(x->arena, objects->n, sizeof(*list.v)), 0};

    for (const struct rule *field = rule->fields; field && field->type != RULE_END; field++) {
        if (field->type != RULE_ID || strcmp(field->name, "student_id") != 0)
            continue;
        for (; list.v && list.n < objects->n; list.n++)
            memcpy(&list.v[list.n],
                   (const char *)objects->v + list.n * rule->item_size + field->offset,
                   sizeof(*list.v));
    }
    add_list(w, list);
}

static void look_at_rule(struct exchange *x, const struct rule *rule, struct whom *w)
{
    struct str id;

    if (rule->type == RULE_IDS && ends_with(rule->name, STR("student_ids"))) {
        add_list(w, *(const struct str_list *)member(x, rule));
    } else if (rule->type == RULE_OBJECTS) {
        add_objects(x, rule, w);
    } else if (rule->type == RULE_ID) {
        id = *(const struct str *)member(x, rule);
        if (strcmp(rule->name, "student_id") == 0)
            w->one = id;
        else if (w->name.n == 0 && names_no_person(str_of(rule->name)))
            w->name = id;
    }
}

/* Where there is no input yet, the path may say it. */
static void look_at_path(const struct exchange *x, struct whom *w)
{
    for (size_t i = 0; i < x->match.path.n; i++) {
        struct str value = x->match.path.v[i].value;

        if (!id_valid(value))
            continue;
        if (str_equal(x->match.path.v[i].name, STR("student_id")))
            w->one = value;
        else if (names_no_person(x->match.path.v[i].name))
            w->name = value;
    }
}

static void find_whom(struct exchange *x, struct whom *w)
{
    *w = (struct whom){.list_count = 0};
    look_at_path(x, w);
    if (x->input && !(x->route->flags & ROUTE_RAW_BODY)) {
        for (const struct rule *r = x->route->rules; r && r->type != RULE_END; r++)
            look_at_rule(x, r, w);
    }
    if (x->audit_subjects.n > 0) {
        w->list_count = 0;
        add_list(w, x->audit_subjects);
    }
}

/* ---- many ---- */

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* All that are named, each once, in their order. */
static struct str_list distinct(struct exchange *x, const struct whom *w)
{
    size_t most = w->one.n > 0 ? 1 : 0, n = 0, kept = 0;
    struct str *all;

    for (size_t i = 0; i < w->list_count; i++)
        most += w->lists[i].n;
    all = most > 0 ? arena_array(x->arena, most, sizeof(*all)) : NULL;
    if (!all)
        return (struct str_list){NULL, 0};
    if (w->one.n > 0)
        all[n++] = w->one;
    for (size_t i = 0; i < w->list_count; i++) {
        for (size_t k = 0; k < w->lists[i].n; k++)
            all[n++] = w->lists[i].v[k];
    }
    qsort(all, n, sizeof(*all), by_text);
    for (size_t i = 0; i < n; i++) {
        if (id_valid(all[i]) && (kept == 0 || !str_equal(all[kept - 1], all[i])))
            all[kept++] = all[i];
    }
    return (struct str_list){all, kept};
}

/* SHA-256 of the ids in order of bytes, a line each: whoever has a list can see that it was this
 * one, and the list cannot be had from it. */
static struct str digest_of(struct exchange *x, struct str_list students)
{
    unsigned char digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    struct buf text;

    buf_init(&text, x->arena);
    for (size_t i = 0; i < students.n; i++) {
        buf_str(&text, students.v[i]);
        buf_char(&text, '\n');
    }
    digest_sha256(buf_view(&text), digest);
    hex_print(digest, sizeof(digest), hex);
    return arena_printf(x->arena, "\"students\":%zu,\"digest\":\"%s\"", students.n, hex);
}

/* ---- the notes ---- */

static void note_students(struct exchange *x, struct audit_event *note, const struct whom *w)
{
    struct audit *audit = x->engine->audit;
    struct str_list students;

    note->resource_name = w->name;
    note->student = w->one;
    if (w->list_count == 0) {
        audit_event_add(audit, note);
        return;
    }
    students = distinct(x, w);
    if (students.n == 0 || students.n > EACH_MAX || students.n > 1 + audit_room(audit)) {
        note->student = STR("");
        if (students.n > 0)
            note->subjects = digest_of(x, students);
        audit_event_add(audit, note);
        return;
    }
    for (size_t i = 0; i < students.n; i++) {
        note->student = students.v[i];
        audit_event_add(audit, note);
    }
}

static const char *area_of(const struct exchange *x)
{
    const struct router *router = x->engine->router;
    const char *area = router_area(router, x->route);

    return area ? area : router_area(router, x->match.route);
}

static void note(struct exchange *x, enum audit_mode way, int status, const struct whom *whom)
{
    struct audit_event note = {.principal = &x->caller,
                               .way = way,
                               .success = status < 400,
                               .status = status,
                               .action = action_of(x->route),
                               .resource_type = area_of(x),
                               .route = x->route->name,
                               .via = x->route == x->match.route ? NULL : x->match.route->name,
                               .correlation_id = x->request_id,
                               .now_ms = x->now_ms};

    note_students(x, &note, whom);
}

static void note_answer(struct exchange *x)
{
    static const enum audit_mode ways[] = {
        [REFUSAL] = AUDIT_DENIED, [READ] = AUDIT_AGGREGATED, [AT_ONCE] = AUDIT_IMMEDIATE};
    int status = x->response.status;
    enum kind kind = kind_of(x->route, status, x->unjournaled);
    struct whom whom = {.list_count = 0};

    if (kind == NOTHING)
        return;
    if (status != 401)
        find_whom(x, &whom);
    note(x, ways[kind], status, &whom);
}

static void note_refused(struct exchange *x)
{
    struct whom whom = {.list_count = 0};

    add_list(&whom, x->audit_denied);
    note(x, AUDIT_DENIED, 403, &whom);
}

bool audit_hook_reserve(struct exchange *x)
{
    x->audit_reserved = audit_reserve(x->engine->audit);
    if (x->audit_reserved || x->route->access == ACCESS_OPEN)
        return true;
    problem_unavailable(&x->problem, 1);
    return false;
}

void audit_hook_record(struct exchange *x)
{
    if (!x->audit_reserved)
        return;
    if (x->audit_denied.n > 0)
        note_refused(x);
    else
        note_answer(x);
    audit_unreserve(x->engine->audit);
}
