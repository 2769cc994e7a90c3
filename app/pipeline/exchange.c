/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Functions of an exchange (one request with its response) that steps and handlers share: reading
 * the body, filling the typed input by the rules of the route, finding the subject (the student or
 * cohort that a request is about), and writing the frame of a JSON response. Nothing here sends or
 * waits. */
#include "app/pipeline/exchange.h"

#include "app/http/json.h"

/* Returns the largest body of the route in bytes. From Dapr's sidecar every size is accepted that
 * nginx passes on, because the sidecar would repeat a refused delivery for ever. */
static size_t exchange_body_max(const struct route *route)
{
    if (route->flags & ROUTE_DELIVERY)
        return SIZE_MAX;
    return route->flags & ROUTE_BIG_BODY ? ROUTE_BIG_BODY_MAX : ROUTE_BODY_MAX;
}

void *exchange_new_state(struct exchange *x, size_t size)
{
    x->state = arena_zalloc(x->arena, size);
    if (!x->state)
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    return x->state;
}

/* Callback of arena_defer: frees an arena when the request has ended. */
static void exchange_release_arena(void *arena)
{
    arena_free(arena);
}

struct arena *exchange_new_arena(struct exchange *x, size_t first_block, size_t cap)
{
    struct arena *arena = arena_new(first_block, cap);

    if (arena && arena_defer(x->arena, exchange_release_arena, arena))
        return arena;
    problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    return NULL;
}

/* ---- subject ---- */

/* Returns the kind of subject on which an access right depends: a student, a cohort, or none. The
 * switch has no default, so that the compiler warns about an access right that is not listed. */
static enum rule_subject exchange_subject_kind(enum access access)
{
    switch (access) {
    case ACCESS_READ_STUDENT:
    case ACCESS_WRITE_STUDENT:
    case ACCESS_EXPORT: return SUBJECT_STUDENT;
    case ACCESS_READ_COHORT: return SUBJECT_GROUP;
    case ACCESS_OPEN:
    case ACCESS_ANY:
    case ACCESS_ADMIN:
    case ACCESS_COMPARE_COHORT: /* no route has it; handlers use it (service/cohort_access.h) */
    case ACCESS_HANDLER:        /* the handler decides by the ids in the body */
    case ACCESSES: break;
    }
    return SUBJECT_NONE;
}

/* Finds the first rule of a single id that names the subject of the route's access right: a student
 * or a cohort. A route has at most one such rule. */
struct str *exchange_subject_field(struct exchange *x)
{
    enum rule_subject kind = exchange_subject_kind(x->route->access);

    if (kind == SUBJECT_NONE || !x->input)
        return NULL;
    for (const struct rule *rule = x->route->rules; rule && rule->type != RULE_END; rule++) {
        if (rule->type == RULE_ID && rule->subject == kind)
            return (struct str *)(void *)((char *)x->input + rule->offset);
    }
    return NULL;
}

struct str exchange_subject(struct exchange *x)
{
    const struct str *subject = exchange_subject_field(x);

    return subject ? *subject : (struct str){0};
}

/* ---- body ---- */

/* Teachers, admins and services may send the largest batches. Other users get a lower limit,
 * because many requests of theirs at the same time must not exhaust memory. */
size_t exchange_json_values_max(const struct exchange *x)
{
    bool trusted = x->caller.role != ROLE_NONE && x->caller.role != ROLE_STUDENT;

    return trusted ? JSON_VALUES_MAX : JSON_VALUES_UNTRUSTED;
}

/* Parses the body as JSON when the route has rules for it, unless its handler parses it
 * (ROUTE_RAW_BODY). The body of any other route is ignored, but its size is checked. */
bool exchange_read_body(struct exchange *x)
{
    const struct route *route = x->route;
    bool parsed_here = route_has_body(route) && !(route->flags & ROUTE_RAW_BODY);

    if (x->request.too_large || x->request.body.n > exchange_body_max(route))
        problem_set(&x->problem, PROBLEM_PAYLOAD_TOO_LARGE, NULL);
    else if (x->request.body.n > 0 && parsed_here) {
        if (http_media_type_is(x->request.content_type, STR("application/json")))
            x->body = json_parse_limited(x->request.body, exchange_json_values_max(x), x->arena,
                                         &x->problem);
        else
            problem_set(&x->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
        /* json-c represents the value null by NULL, which otherwise means that there is no body */
        if (!x->body && x->problem.code == PROBLEM_NONE)
            problem_field(&x->problem, x->arena, STR("body"), "must be an object");
    }
    /* Until the caller is identified, errors of the body are not reported: a caller who could still
     * be identified by a token in the body gets 401 instead. */
    if (x->problem.code != PROBLEM_NONE && x->authority == AUTHORITY_NONE &&
        route->access != ACCESS_OPEN) {
        x->problem = (struct problem){0};
        problem_set(&x->problem, PROBLEM_AUTH_ERROR, NULL);
    }
    return x->problem.code == PROBLEM_NONE;
}

/* ---- input ---- */

/* Allocates the route's input struct, filled with zeros. Returns false with x->problem set when out
 * of memory. */
static bool exchange_new_input(struct exchange *x)
{
    x->input = arena_zalloc(x->arena, x->route->input_size);
    if (!x->input)
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    return x->input != NULL;
}

/* On a route with ROUTE_DEFAULTS_TO_SELF, a student who sends no student_id is the subject of the
 * request. Callers with another role must send a student_id. */
static void exchange_default_to_self(struct exchange *x)
{
    struct str *subject = exchange_subject_field(x);

    if (!subject || subject->n > 0 || problem_has_field(&x->problem, STR("student_id")))
        return;
    if (x->caller.role == ROLE_STUDENT)
        *subject = x->caller.user;
    else
        problem_field(&x->problem, x->arena, STR("student_id"), "is required");
}

/* Completes the input after its rules were applied: adds the id of a student who has sent none
 * (exchange_default_to_self), then runs the route's check. Both happen even if some rules failed,
 * so that one response reports all invalid fields. The result of route->check is ignored: a check
 * that fails has added field errors to x->problem. */
static bool exchange_complete_input(struct exchange *x)
{
    if (x->route->flags & ROUTE_DEFAULTS_TO_SELF)
        exchange_default_to_self(x);
    if (x->route->check)
        (void)x->route->check(x);
    return x->problem.code == PROBLEM_NONE;
}

/* Fills x->input from path, query and body by the rules of the route. Returns true at once for a
 * route without rules, and for ROUTE_RAW_BODY, whose handler reads the body itself. */
bool exchange_read_input(struct exchange *x)
{
    if (!x->route->rules || x->route->flags & ROUTE_RAW_BODY)
        return true;
    if (!exchange_new_input(x))
        return false;
    /* a failure is in x->problem and is returned by exchange_complete_input */
    (void)validate_input(x->route->rules, &x->match.path, x->request.query, x->body, x->arena,
                         x->input, &x->problem);
    return exchange_complete_input(x);
}

/* The rules of the target route read all fields from the payload, even those that a request to the
 * target would have in its path or query. */
bool exchange_delegate(struct exchange *x, const struct route *target, struct json_object *payload)
{
    x->outer_input = x->input;
    x->route = target;
    if (!exchange_new_input(x))
        return false;
    (void)validate_payload(target->rules, payload, x->arena, x->input, &x->problem);
    return exchange_complete_input(x);
}

/* ---- output ---- */

struct str exchange_traceparent(const struct exchange *x)
{
    char text[TRACEPARENT_SIZE];

    trace_print(&x->trace, text);
    return arena_copy(x->arena, (struct str){text, TRACEPARENT_SIZE - 1});
}

void exchange_json_begin(struct exchange *x, int status, struct jw *ret_writer)
{
    http_response_json(&x->response, status, ret_writer);
    jw_bool(ret_writer, "success", true);
}

void exchange_json_end(struct exchange *x, struct jw *w)
{
    jw_str(w, "correlation_id", x->request_id);
    jw_object_end(w);
}
