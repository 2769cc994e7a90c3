/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the audit events of a finished exchange (one HTTP request with its response). The audit log
 * records who did what with whose data. The subject of an event is the student, or the group (a
 * cohort or a batch), whose data a request was about. Fields of the input that name a subject are
 * marked in the rules of the route (struct rule, member subject). service/audit.c writes the events
 * to Redis. */
#include "app/pipeline/audit_hook.h"

#include <stdio.h>

#include "app/base/digest.h"
#include "app/service/audit.h"

/* Most events that one request makes, one for each student. A request about more students makes a
 * single event instead, with their number and a digest of their ids. */
enum { HOOK_EVENTS_MAX = 64 };

/* ---- which kind of event ---- */

enum hook_kind {
    HOOK_NONE,      /* no event */
    HOOK_DENIED,    /* a refused access */
    HOOK_READ,      /* a read of personal data, which the audit log counts by minute */
    HOOK_IMMEDIATE, /* an event of its own for each request */
};

/* Returns whether each request of the route makes an event of its own: exports, changes by an
 * admin, and routes with ROUTE_AUDIT_EACH. Reads of the other routes are counted by minute. */
static bool hook_is_immediate(const struct route *route)
{
    return route->flags & ROUTE_AUDIT_EACH || route->access == ACCESS_EXPORT ||
           (route->access == ACCESS_ADMIN && route->method != GET);
}

/* Returns the kind of event that a response with this status makes. Most errors of the client, such
 * as 400, reveal no data and make no event. On a route with ROUTE_JOURNALED a change adds an entry
 * to the journal, from which the worker process makes the event, so the result is HOOK_NONE. When
 * nothing was changed (unjournaled, or status 404) there is no such entry, and the result is that
 * of any other route, usually HOOK_READ. */
static enum hook_kind hook_kind_of(const struct route *route, int status, bool unjournaled)
{
    bool immediate = hook_is_immediate(route);
    bool sensitive = route->flags & ROUTE_PERSONAL || route->access == ACCESS_ADMIN || immediate;
    bool revealed = status < 400 || status == 404; /* 404 reveals that there is no data */

    if (status == 403 || (status == 401 && sensitive))
        return HOOK_DENIED;
    if (route->flags & ROUTE_JOURNALED && !unjournaled && status != 404)
        return HOOK_NONE;
    /* a record is due even after an error of the engine, which may come after the access */
    if (immediate)
        return revealed || status >= 500 ? HOOK_IMMEDIATE : HOOK_NONE;
    return revealed && route->flags & ROUTE_PERSONAL ? HOOK_READ : HOOK_NONE;
}

/* Returns the name of the action that took place or was refused: "read", "write", or the name of a
 * route whose every request makes an event. */
static const char *hook_action_of(const struct route *route)
{
    if (hook_is_immediate(route))
        return route->name;
    return route->access == ACCESS_WRITE_STUDENT || route->flags & ROUTE_JOURNALED ? "write"
                                                                                   : "read";
}

/* ---- the subjects ---- */

/* The subjects of one request: ids of students, and the id of a group. No other text of the client
 * may get into an audit record, because the record outlives the erasure of a student. In a record,
 * students have pseudonyms (random names); the id of a group names no person. */
struct hook_subjects {
    struct str student;       /* id of the one student; empty: none */
    struct str_list lists[3]; /* lists of student ids, up to 3 in one request */
    size_t list_count;        /* number of lists in use */
    struct str group;         /* id of the cohort or batch; empty: none */
};

/* Returns the address of the member of the typed input that the rule has filled. */
static const void *hook_input_member(const struct exchange *x, const struct rule *rule)
{
    return (const char *)x->input + rule->offset;
}

/* Adds a list of student ids. The array lists has room for all lists of students in the rules of
 * any one route; further lists would be dropped. */
static void hook_add_list(struct hook_subjects *subjects, struct str_list list)
{
    if (subjects->list_count < sizeof(subjects->lists) / sizeof(subjects->lists[0]))
        subjects->lists[subjects->list_count++] = list;
}

/* Adds one id of a student or group; ignores an id of any other kind. Of several groups only the
 * first is recorded, because an event has one resource. Of several students the last is recorded:
 * ids of the path are added first, and after them the same fields of the validated input. */
static void hook_add_id(struct hook_subjects *subjects, enum rule_subject kind, struct str id)
{
    if (kind == SUBJECT_STUDENT)
        subjects->student = id;
    else if (kind == SUBJECT_GROUP && subjects->group.n == 0)
        subjects->group = id;
}

/* Adds the student ids of a list of objects, one id from each object. The first field that is
 * marked as a student fills the list, so a second such field would add nothing. When out of
 * memory the list is empty. */
static void hook_add_objects(struct exchange *x, const struct rule *rule,
                             struct hook_subjects *subjects)
{
    const struct rule_objects *objects = hook_input_member(x, rule);
    struct str_list students = {arena_array(x->arena, objects->n, sizeof(*students.v)), 0};

    for (const struct rule *field = rule->fields; field && field->type != RULE_END; field++) {
        if (field->subject != SUBJECT_STUDENT)
            continue;
        for (; students.v && students.n < objects->n; students.n++)
            memcpy(&students.v[students.n],
                   (const char *)objects->v + students.n * rule->item_size + field->offset,
                   sizeof(*students.v));
    }
    hook_add_list(subjects, students);
}

/* Adds the subjects that the typed input of the request names, by the member subject of the route's
 * rules. */
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

/* Adds the subjects that the path names: valid ids of path parameters that the rules of the route
 * mark as a subject. A request that was refused before its input was read has no other subjects. */
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

/* Returns all subjects of the request: from the path, then from the input. A handler that looked up
 * the students itself has put them into x->audit_subjects; that list then replaces the lists of the
 * input. The input of a route with ROUTE_RAW_BODY is not filled by rules, so it is not read. */
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

/* Returns all valid student ids of the request, each once, sorted by their bytes: collects them
 * into one array, sorts it, and moves the distinct ones to its front. The list is empty when out of
 * memory. */
static struct str_list hook_distinct(struct exchange *x, const struct hook_subjects *subjects)
{
    size_t capacity = subjects->student.n > 0 ? 1 : 0, n = 0, distinct_count = 0;
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
        if (id_valid(all[i]) &&
            (distinct_count == 0 || !str_equal(all[distinct_count - 1], all[i])))
            all[distinct_count++] = all[i];
    }
    return (struct str_list){all, distinct_count};
}

/* Returns two JSON members for an event about many students: their number, and the SHA-256 of their
 * sorted ids, one id a line. A known list of students can be compared with the digest, but the
 * digest does not reveal the list. */
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

/* Adds the events of a request about these subjects. With lists of students it adds one event for
 * each student, or a single event for all of them if they are more than HOOK_EVENTS_MAX. Without
 * lists it adds one event. *event has all members except the subject, which is set here. A group is
 * recorded in each of the events. */
static void hook_add_events(struct exchange *x, struct audit_event *event,
                            const struct hook_subjects *subjects)
{
    struct str_list students;

    event->resource_name = subjects->group;
    event->student = subjects->student;
    if (subjects->list_count == 0) {
        audit_event_add(x->engine, event);
        return;
    }
    students = hook_distinct(x, subjects);
    if (students.n == 0 || students.n > HOOK_EVENTS_MAX) { /* 0: no valid id, or out of memory */
        event->student = STR("");
        if (students.n > 0)
            event->subjects = hook_digest(x, students);
        audit_event_add(x->engine, event);
        return;
    }
    for (size_t i = 0; i < students.n; i++) {
        event->student = students.v[i];
        audit_event_add(x->engine, event);
    }
}

/* Adds the events of one request. mode: whether audit.c writes them at once, counts them by minute,
 * or treats them as denials. The resource type is the area (OpenAPI tag) of the route. A route that
 * is in no route table has no area. Such a route is reached only by delegation (one route runs
 * another route's handler), and then the area is that of the route that matched the path. */
static void hook_record(struct exchange *x, enum audit_mode mode, int status,
                        const struct hook_subjects *subjects)
{
    const struct router *router = x->engine->router;
    const char *area = router_area(router, x->route);
    bool delegated = x->route != x->match.route;
    struct audit_event event = {.principal = &x->caller,
                                .mode = mode,
                                /* NOT_REPLICATED: the replicas have not confirmed in time, but
                                 * the change is made */
                                .success =
                                    status < 400 || x->problem.code == PROBLEM_NOT_REPLICATED,
                                .status = status,
                                .action = hook_action_of(x->route),
                                .resource_type = area ? area : router_area(router, x->match.route),
                                .route = x->route->name,
                                .via = delegated ? x->match.route->name : NULL,
                                .correlation_id = x->request_id,
                                .now_ms = x->now_ms};

    hook_add_events(x, &event, subjects);
}

/* Adds the events that follow from the route and the status of the response; none for HOOK_NONE. */
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
    if (status != 401) /* a client without a token must not be able to put ids into the log */
        subjects = hook_find_subjects(x);
    hook_record(x, modes[kind], status, &subjects);
}

/* x->audit_denied has the students whose data a response with 200 withheld; if there are any, their
 * denials are the only events of the request. */
void audit_hook_record(struct exchange *x)
{
    struct hook_subjects denied = {.lists = {x->audit_denied}, .list_count = 1};

    if (!x->route)
        return;
    if (x->audit_denied.n > 0)
        hook_record(x, AUDIT_DENIED, 403, &denied);
    else
        hook_record_response(x);
}
