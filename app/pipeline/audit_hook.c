/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a finished exchange to its audit events. Which input fields name students is the rules'
 * knowledge (struct rule, subject), not this file's. Sending the events is service/audit.c's. */
#include "app/pipeline/audit_hook.h"

#include <stdio.h>

#include "app/base/digest.h"
#include "app/service/audit.h"

/* A request about more students than this becomes one event with their number and digest; so does
 * one about fewer, when the audit log has no room for an event each. */
enum { HOOK_EVENTS_MAX = 64 };

/* ---- which kind of event ---- */

enum hook_kind { HOOK_NONE, HOOK_DENIED, HOOK_READ, HOOK_IMMEDIATE };

/* Routes whose every request is an event of its own, not only a count. */
static bool hook_is_immediate(const struct route *route)
{
    return route->flags & ROUTE_AUDIT_EACH || route->access == ACCESS_EXPORT ||
           (route->access == ACCESS_ADMIN && route->method != GET);
}

/* 400 and other errors of the client reveal nothing and leave no event. */
static enum hook_kind hook_kind_of(const struct route *route, int status, bool unjournaled)
{
    bool immediate = hook_is_immediate(route);
    bool watched = route->flags & ROUTE_PERSONAL || route->access == ACCESS_ADMIN || immediate;
    bool seen = status < 400 || status == 404; /* 404 reveals that there is no data */

    if (status == 403 || (status == 401 && watched))
        return HOOK_DENIED;
    if (route->flags & ROUTE_JOURNALED && !unjournaled && status != 404)
        return HOOK_NONE;
    if (immediate)
        return seen || status >= 500 ? HOOK_IMMEDIATE : HOOK_NONE;
    return seen && route->flags & ROUTE_PERSONAL ? HOOK_READ : HOOK_NONE;
}

/* The action that took place or was refused. */
static const char *hook_action_of(const struct route *route)
{
    if (hook_is_immediate(route))
        return route->name;
    return route->access == ACCESS_WRITE_STUDENT || route->flags & ROUTE_JOURNALED ? "write"
                                                                                   : "read";
}

/* ---- the subjects ---- */

/* The record outlives the erasure of a student, so it may hold only what rules mark: students, who
 * become pseudonyms, and groups, whose ids name no person. Any other client text stays out. */
struct hook_subjects {
    struct str student;
    struct str_list lists[3];
    size_t list_count;
    struct str group; /* a cohort or batch */
};

static const void *hook_input_member(const struct exchange *x, const struct rule *rule)
{
    return (const char *)x->input + rule->offset;
}

/* lists has room for all lists that the rules of one route mark. */
static void hook_add_list(struct hook_subjects *subjects, struct str_list list)
{
    if (subjects->list_count < sizeof(subjects->lists) / sizeof(subjects->lists[0]))
        subjects->lists[subjects->list_count++] = list;
}

/* Of several groups only the first is recorded: an event has one resource. */
static void hook_add_id(struct hook_subjects *subjects, enum rule_subject kind, struct str id)
{
    if (kind == SUBJECT_STUDENT)
        subjects->student = id;
    else if (kind == SUBJECT_GROUP && subjects->group.n == 0)
        subjects->group = id;
}

/* A list of objects each of which names one student. */
static void hook_add_objects(struct exchange *x, const struct rule *rule,
                             struct hook_subjects *subjects)
{
    const struct rule_objects *objects = hook_input_member(x, rule);
    struct str_list list = {arena_array(x->arena, objects->n, sizeof(*list.v)), 0};

    for (const struct rule *field = rule->fields; field && field->type != RULE_END; field++) {
        if (field->subject != SUBJECT_STUDENT)
            continue;
        for (; list.v && list.n < objects->n; list.n++)
            memcpy(&list.v[list.n],
                   (const char *)objects->v + list.n * rule->item_size + field->offset,
                   sizeof(*list.v));
    }
    hook_add_list(subjects, list);
}

static void hook_add_from_input(struct exchange *x, struct hook_subjects *subjects)
{
    for (const struct rule *rule = x->route->rules; rule && rule->type != RULE_END; rule++) {
        if (rule->type == RULE_OBJECTS)
            hook_add_objects(x, rule, subjects);
        else if (rule->type == RULE_IDS && rule->subject == SUBJECT_STUDENT)
            hook_add_list(subjects, *(const struct str_list *)hook_input_member(x, rule));
        else if (rule->type == RULE_ID)
            hook_add_id(subjects, rule->subject, *(const struct str *)hook_input_member(x, rule));
    }
}

/* A request refused before its input was read may still name its subject in the path. */
static void hook_add_from_path(const struct exchange *x, struct hook_subjects *subjects)
{
    const struct path_values *path = &x->match.path;

    for (size_t i = 0; i < path->n; i++) {
        const struct rule *rule = x->match.route->rules;

        while (rule && rule->type != RULE_END && !str_equal(path->v[i].name, str_of(rule->name)))
            rule++;
        if (rule && rule->type == RULE_ID && id_valid(path->v[i].value))
            hook_add_id(subjects, rule->subject, path->v[i].value);
    }
}

static struct hook_subjects hook_find_subjects(struct exchange *x)
{
    struct hook_subjects subjects = {.list_count = 0};

    hook_add_from_path(x, &subjects);
    if (x->input && !(x->route->flags & ROUTE_RAW_BODY))
        hook_add_from_input(x, &subjects);
    if (x->audit_subjects.n > 0) {
        subjects.list_count = 0;
        hook_add_list(&subjects, x->audit_subjects);
    }
    return subjects;
}

/* ---- many students ---- */

/* All valid ids that the request names, each once, in the order of their bytes. */
static struct str_list hook_distinct(struct exchange *x, const struct hook_subjects *subjects)
{
    size_t capacity = subjects->student.n > 0 ? 1 : 0, n = 0, count = 0;
    struct str *all;

    for (size_t i = 0; i < subjects->list_count; i++)
        capacity += subjects->lists[i].n;
    all = capacity > 0 ? arena_array(x->arena, capacity, sizeof(*all)) : NULL;
    if (!all)
        return (struct str_list){NULL, 0};
    if (subjects->student.n > 0)
        all[n++] = subjects->student;
    for (size_t i = 0; i < subjects->list_count; i++) {
        for (size_t k = 0; k < subjects->lists[i].n; k++)
            all[n++] = subjects->lists[i].v[k];
    }
    str_sort(all, n);
    for (size_t i = 0; i < n; i++) {
        if (id_valid(all[i]) && (count == 0 || !str_equal(all[count - 1], all[i])))
            all[count++] = all[i];
    }
    return (struct str_list){all, count};
}

/* SHA-256 of the sorted ids, one a line. A list of students can be checked
 * against it, but the record does not reveal the list. */
static struct str hook_digest(struct exchange *x, struct str_list students)
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

/* ---- the events ---- */

/* One event a student, or one for all. One event always fits: audit_hook_reserve has seen to it. */
static void hook_add_events(struct exchange *x, struct audit_event *event,
                            const struct hook_subjects *subjects)
{
    struct audit *audit = x->engine->audit;
    struct str_list students;

    event->resource_name = subjects->group;
    event->student = subjects->student;
    if (subjects->list_count == 0) {
        audit_event_add(audit, event);
        return;
    }
    students = hook_distinct(x, subjects);
    if (students.n == 0 || students.n > HOOK_EVENTS_MAX || students.n > 1 + audit_room(audit)) {
        event->student = STR("");
        if (students.n > 0)
            event->subjects = hook_digest(x, students);
        audit_event_add(audit, event);
        return;
    }
    for (size_t i = 0; i < students.n; i++) {
        event->student = students.v[i];
        audit_event_add(audit, event);
    }
}

/* The type of a resource is the area (OpenAPI tag) of the route; a route that is in no table, which
 * only exchange_delegate reaches, has the area of the route that was matched. */
static void hook_record(struct exchange *x, enum audit_mode mode, int status,
                        const struct hook_subjects *subjects)
{
    const struct router *router = x->engine->router;
    const char *area = router_area(router, x->route);
    bool delegated = x->route != x->match.route;
    struct audit_event event = {.principal = &x->caller,
                                .mode = mode,
                                .success = status < 400,
                                .status = status,
                                .action = hook_action_of(x->route),
                                .resource_type = area ? area : router_area(router, x->match.route),
                                .route = x->route->name,
                                .via = delegated ? x->match.route->name : NULL,
                                .correlation_id = x->request_id,
                                .now_ms = x->now_ms};

    hook_add_events(x, &event, subjects);
}

static void hook_record_response(struct exchange *x)
{
    static const enum audit_mode modes[] = {[HOOK_DENIED] = AUDIT_DENIED,
                                            [HOOK_READ] = AUDIT_AGGREGATED,
                                            [HOOK_IMMEDIATE] = AUDIT_IMMEDIATE};
    int status = x->response.status;
    enum hook_kind kind = hook_kind_of(x->route, status, x->unjournaled);
    struct hook_subjects subjects = {.list_count = 0};

    if (kind == HOOK_NONE)
        return;
    if (status != 401) /* anybody could fill the log with students' ids */
        subjects = hook_find_subjects(x);
    hook_record(x, modes[kind], status, &subjects);
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
    struct hook_subjects denied = {.lists = {x->audit_denied}, .list_count = 1};

    if (!x->audit_reserved)
        return;
    if (x->audit_denied.n > 0)
        hook_record(x, AUDIT_DENIED, 403, &denied);
    else
        hook_record_response(x);
    audit_unreserve(x->engine->audit);
}
