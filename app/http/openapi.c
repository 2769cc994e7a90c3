/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/http/openapi.h"

#include <stdio.h>

#include "app/base/problem.h"
#include "app/http/openapi_schema.h"

/* "content": {type: {"schema": …}} up to the inside of the schema; end_content closes it. */
static void begin_content(const char *type, struct jw *w)
{
    jw_object(w, "content");
    jw_object(w, type);
    jw_object(w, "schema");
}

static void end_content(struct jw *w)
{
    for (int i = 0; i < 3; i++)
        jw_object_end(w);
}

/* ---- Errors, as components ---- */

static bool has_rule(const struct rule *rules, enum rule_place place)
{
    for (; rules && rules->type != RULE_END; rules++) {
        if (rules->place == place)
            return true;
    }
    return false;
}

static bool takes_input(const struct route *route)
{
    return route->rules != NULL;
}

static bool takes_body(const struct route *route)
{
    return has_rule(route->rules, IN_BODY);
}

static bool asks_who(const struct route *route)
{
    return route->access != ACCESS_OPEN;
}

static bool can_miss(const struct route *route)
{
    return strchr(route->pattern, '{') || (takes_input(route) && asks_who(route));
}

static bool is_limited(const struct route *route)
{
    return !(route->flags & ROUTE_UNLIMITED);
}

static bool any_route(const struct route *route)
{
    return route != NULL;
}

struct error_answer {
    enum problem_code code;
    bool (*applies)(const struct route *route);
    const char *name;
    const char *description;
    const char *header, *header_type, *header_about; /* NULL: none besides the usual */
};

/* clang-format off */
static const struct error_answer error_answers[] = {
    {PROBLEM_VALIDATION_ERROR, takes_input, "BadRequest",
     "The request is not valid: details.errors names every failing field, details.offset where the JSON breaks",
     NULL, NULL, NULL},
    {PROBLEM_AUTH_ERROR, asks_who, "Unauthorized", "No valid credentials",
     "WWW-Authenticate", "string", "The Bearer challenge"},
    {PROBLEM_FORBIDDEN, asks_who, "Forbidden", "The caller may not do this, whether or not the thing exists",
     NULL, NULL, NULL},
    {PROBLEM_NOT_FOUND, can_miss, "NotFound", "There is no such thing, or no data for it", NULL, NULL, NULL},
    {PROBLEM_PAYLOAD_TOO_LARGE, takes_body, "PayloadTooLarge", "The body is too large", NULL, NULL, NULL},
    {PROBLEM_UNSUPPORTED_MEDIA_TYPE, takes_body, "UnsupportedMediaType", "The body is of another media type",
     "Accept", "string", "The media type that is taken"},
    {PROBLEM_RATE_LIMITED, is_limited, "TooManyRequests", "Too many requests: details has limit and window",
     "Retry-After", "integer", "Seconds after which one request does pass"},
    {PROBLEM_INTERNAL_ERROR, any_route, "InternalError", "A fault of the engine", NULL, NULL, NULL},
    {PROBLEM_SERVICE_UNAVAILABLE, any_route, "Unavailable", "The store is away; a repeat later can succeed",
     "Retry-After", "integer", "Seconds to wait before the repeat"},
};
/* clang-format on */
enum { ERROR_ANSWERS = sizeof error_answers / sizeof error_answers[0] };

static void write_error_answer(const struct error_answer *answer, struct jw *w)
{
    jw_object(w, answer->name);
    jw_text(w, "description", answer->description);
    if (answer->header) {
        jw_object(w, "headers");
        jw_object(w, answer->header);
        jw_text(w, "description", answer->header_about);
        jw_object(w, "schema");
        jw_text(w, "type", answer->header_type);
        jw_object_end(w);
        jw_object_end(w);
        jw_object_end(w);
    }
    begin_content("application/json", w);
    jw_text(w, "$ref", "#/components/schemas/Error");
    end_content(w);
    jw_object_end(w);
}

static void write_error_answers(struct jw *w)
{
    jw_object(w, "responses");
    for (size_t i = 0; i < ERROR_ANSWERS; i++)
        write_error_answer(&error_answers[i], w);
    write_error_answer(&(struct error_answer){.name = "OtherError",
                                              .description = "Any other error, in the same form"},
                       w);
    jw_object_end(w);
}

static const struct rule field_error_fields[] = {
    {.name = "field", .type = RULE_TEXT, .required = true, .about = "Its path: student_ids[3]"},
    {.name = "message", .type = RULE_TEXT, .required = true},
    {0},
};

static const struct rule details_fields[] = {
    {.name = "errors", .type = RULE_OBJECTS, .fields = field_error_fields},
    {.name = "offset", .type = RULE_INT, .about = "Byte of the body where the JSON breaks"},
    {.name = "limit", .type = RULE_INT, .about = "Requests that pass in a window"},
    {.name = "window", .type = RULE_INT, .about = "Seconds"},
    {0},
};

static void write_code_schema(struct jw *w)
{
    jw_object(w, "code");
    jw_text(w, "type", "string");
    jw_array(w, "enum");
    for (int code = PROBLEM_NONE + 1; code < PROBLEM_CODES; code++)
        jw_text(w, NULL, problem_name((enum problem_code)code));
    jw_array_end(w);
    jw_object_end(w);
}

static void write_required(const char *const *names, struct jw *w)
{
    jw_array(w, "required");
    for (; *names; names++)
        jw_text(w, NULL, *names);
    jw_array_end(w);
}

static void write_error_body(struct jw *w)
{
    static const char *const required[] = {"code", "message", "details", NULL};
    static const struct rule message = {.type = RULE_TEXT};
    static const struct rule details = {.type = RULE_OBJECT, .fields = details_fields};
    jw_object(w, "error");
    jw_text(w, "type", "object");
    jw_object(w, "properties");
    write_code_schema(w);
    schema_write(&message, "message", SCHEMA_ANSWER, w);
    schema_write(&details, "details", SCHEMA_ANSWER, w);
    jw_object_end(w);
    write_required(required, w);
    jw_object_end(w);
}

static void write_error_schema(struct jw *w)
{
    static const char *const required[] = {"success", "error", "correlation_id", NULL};
    static const struct rule id = {.type = RULE_TEXT, .about = "The request's X-Request-ID"};
    jw_object(w, "schemas");
    jw_object(w, "Error");
    jw_text(w, "type", "object");
    jw_object(w, "properties");
    jw_object(w, "success");
    jw_bool(w, "const", false);
    jw_object_end(w);
    write_error_body(w);
    schema_write(&id, "correlation_id", SCHEMA_ANSWER, w);
    jw_object_end(w);
    write_required(required, w);
    jw_object_end(w);
    jw_object_end(w);
}

static void write_security_schemes(struct jw *w)
{
    jw_object(w, "securitySchemes");
    jw_object(w, "bearer");
    jw_text(w, "type", "http");
    jw_text(w, "scheme", "bearer");
    jw_text(w, "bearerFormat", "JWT");
    jw_object_end(w);
    jw_object(w, "sidecar");
    jw_text(w, "type", "apiKey");
    jw_text(w, "in", "header");
    jw_text(w, "name", "dapr-api-token");
    jw_text(w, "description", "Counts on the sidecar's own listener only");
    jw_object_end(w);
    jw_object_end(w);
}

static void write_components(struct jw *w)
{
    jw_object(w, "components");
    write_error_schema(w);
    write_error_answers(w);
    write_security_schemes(w);
    jw_object_end(w);
}

/* ---- Operations ---- */

/* A route under one of its patterns. alias: 0 for the canonical one, else its number. */
struct entry {
    const struct route *route;
    const char *pattern;
    size_t alias;
    const char *area;
};

static void write_parameter(const struct rule *rule, struct str name, struct jw *w)
{
    jw_object(w, NULL);
    jw_str(w, "name", name);
    jw_text(w, "in", rule->place == IN_PATH ? "path" : "query");
    jw_bool(w, "required", rule->place == IN_PATH || rule->required);
    schema_write(rule, "schema", SCHEMA_REQUEST, w);
    jw_object_end(w);
}

/* Every parameter of the pattern is declared, be there a rule for it or not. */
static void write_path_parameters(const struct entry *entry, struct jw *w)
{
    static const struct rule any = {.type = RULE_TEXT, .place = IN_PATH, .required = true};
    struct str rest = str_of(entry->pattern);
    while (rest.n > 0) {
        struct str name = str_cut(&rest, '/');
        if (name.n <= 2 || name.p[0] != '{')
            continue;
        name = (struct str){name.p + 1, name.n - 2};
        const struct rule *rule = entry->route->rules;
        while (rule && rule->type != RULE_END &&
               !(rule->place == IN_PATH && str_equal(str_of(rule->name), name)))
            rule++;
        write_parameter(rule && rule->type != RULE_END ? rule : &any, name, w);
    }
}

static void write_parameters(const struct entry *entry, struct jw *w)
{
    jw_array(w, "parameters");
    write_path_parameters(entry, w);
    for (const struct rule *rule = entry->route->rules; rule && rule->type != RULE_END; rule++) {
        if (rule->place == IN_QUERY)
            write_parameter(rule, str_of(rule->name), w);
    }
    jw_array_end(w);
}

/* An object, or a list of such objects. */
static void write_one_or_many(const struct rule *rules, struct jw *w)
{
    jw_array(w, "anyOf");
    for (int many = 0; many <= 1; many++) {
        jw_object(w, NULL);
        if (many) {
            jw_text(w, "type", "array");
            jw_object(w, "items");
        }
        jw_text(w, "type", "object");
        schema_write_fields(rules, SCHEMA_REQUEST, w);
        if (many)
            jw_object_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_body(const struct route *route, struct jw *w)
{
    bool required = false;
    if (!has_rule(route->rules, IN_BODY))
        return;
    for (const struct rule *rule = route->rules; rule->type != RULE_END; rule++)
        required |= rule->place == IN_BODY && rule->required;
    jw_object(w, "requestBody");
    jw_bool(w, "required", required);
    begin_content(route->body_type ? route->body_type : "application/json", w);
    if (route->flags & ROUTE_RAW_BODY) {
        write_one_or_many(route->rules, w);
    } else {
        jw_text(w, "type", "object");
        schema_write_fields(route->rules, SCHEMA_REQUEST, w);
    }
    end_content(w);
    jw_object_end(w);
}

static void write_answer_schema(const struct route *route, struct jw *w)
{
    bool list = route->flags & ROUTE_LIST_ANSWER;
    if (list) {
        jw_text(w, "type", "array");
        jw_object(w, "items");
    }
    jw_text(w, "type", route->answer ? "object" : "string");
    if (route->answer)
        schema_write_fields(route->answer, SCHEMA_ANSWER, w);
    if (list)
        jw_object_end(w);
}

static void write_success(const struct route *route, struct jw *w)
{
    char status[16];
    (void)snprintf(status, sizeof status, "%d", route->status);
    jw_object(w, status);
    jw_text(w, "description", "Success");
    if (route->answer || route->answer_type || route->flags & ROUTE_LIST_ANSWER) {
        begin_content(route->answer_type ? route->answer_type : "application/json", w);
        write_answer_schema(route, w);
        end_content(w);
    }
    jw_object_end(w);
}

static void write_reference(const char *key, const char *name, struct jw *w)
{
    char target[64];
    (void)snprintf(target, sizeof target, "#/components/responses/%s", name);
    jw_object(w, key);
    jw_text(w, "$ref", target);
    jw_object_end(w);
}

static void write_responses(const struct route *route, struct jw *w)
{
    jw_object(w, "responses");
    write_success(route, w);
    for (size_t i = 0; i < ERROR_ANSWERS; i++) {
        char status[16];
        int code = problem_status(error_answers[i].code);
        (void)snprintf(status, sizeof status, "%d", code);
        if (error_answers[i].applies(route))
            write_reference(status, error_answers[i].name, w);
    }
    write_reference("default", "OtherError", w);
    jw_object_end(w);
}

static void write_scheme(const char *scheme, struct jw *w)
{
    jw_object(w, NULL);
    jw_array(w, scheme);
    jw_array_end(w);
    jw_object_end(w);
}

/* Any one of the schemes is enough; an empty list: none is needed. */
static void write_security(const struct route *route, struct jw *w)
{
    jw_array(w, "security");
    if (route->access != ACCESS_OPEN) {
        if (!(route->flags & ROUTE_SIDECAR))
            write_scheme("bearer", w);
        if (route->flags & (ROUTE_SIDECAR | ROUTE_SIDECAR_FREE))
            write_scheme("sidecar", w);
    }
    jw_array_end(w);
}

static void write_limit(const struct route *route, struct jw *w)
{
    if (route->flags & ROUTE_UNLIMITED)
        return;
    jw_object(w, "x-rate-limit");
    jw_int(w, "per_minute", route->limit_per_minute);
    jw_text(w, "budget", route->bucket ? route->bucket : route->name);
    jw_object_end(w);
}

/* operationIds are unique: an alias's has its number behind it. */
static void write_names(const struct entry *entry, struct jw *w)
{
    const struct route *route = entry->route;
    char text[256];
    if (entry->alias == 0) {
        jw_text(w, "operationId", route->name);
    } else {
        (void)snprintf(text, sizeof text, "%s-alias-%zu", route->name, entry->alias);
        jw_text(w, "operationId", text);
        (void)snprintf(text, sizeof text, "Alias of %s", route->pattern);
        jw_text(w, "description", text);
        jw_bool(w, "deprecated", false);
    }
    if (route->summary)
        jw_text(w, "summary", route->summary);
}

static void write_listener(const struct route *route, struct jw *w)
{
    if (route->flags & ROUTE_SIDECAR)
        jw_text(w, "x-listener", "sidecar");
    else if (route->flags & ROUTE_METRICS)
        jw_text(w, "x-listener", "configured networks only");
}

static const char *method_key(enum http_method method)
{
    static const char *const keys[HTTP_METHODS] = {
        [GET] = "get", [HEAD] = "head",     [POST] = "post",
        [PUT] = "put", [DELETE] = "delete", [OPTIONS] = "options",
    };
    return keys[method];
}

static void write_operation(const struct entry *entry, struct jw *w)
{
    const struct route *route = entry->route;
    jw_object(w, method_key(route->method));
    write_names(entry, w);
    jw_array(w, "tags");
    jw_text(w, NULL, entry->area);
    jw_array_end(w);
    write_parameters(entry, w);
    write_body(route, w);
    write_responses(route, w);
    write_security(route, w);
    write_limit(route, w);
    write_listener(route, w);
    jw_object_end(w);
}

/* ---- Paths ---- */

enum { PATTERNS_MAX = 1 + sizeof(((struct route *)NULL)->aliases) / sizeof(const char *) };

static size_t count_routes(const struct route_table *tables, size_t count)
{
    size_t n = 0;
    for (size_t t = 0; t < count; t++)
        n += tables[t].n;
    return n;
}

static size_t add_entries(const struct route *route, const char *area, struct entry *entries)
{
    size_t n = 0;
    entries[n++] = (struct entry){route, route->pattern, 0, area};
    for (; n < PATTERNS_MAX && route->aliases[n - 1]; n++)
        entries[n] = (struct entry){route, route->aliases[n - 1], n, area};
    return n;
}

/* Each pattern once, at its first entry, with the operations of all entries that share it. */
static void write_path(const struct entry *entries, size_t count, size_t at, struct jw *w)
{
    const char *pattern = entries[at].pattern;
    for (size_t i = 0; i < at; i++) {
        if (strcmp(entries[i].pattern, pattern) == 0)
            return;
    }
    jw_object(w, pattern);
    for (size_t i = at; i < count; i++) {
        if (strcmp(entries[i].pattern, pattern) == 0)
            write_operation(&entries[i], w);
    }
    jw_object_end(w);
}

static void write_paths(const struct route_table *tables, size_t count, struct jw *w)
{
    size_t n = 0;
    size_t room = count_routes(tables, count) * PATTERNS_MAX;
    struct entry *entries = arena_array(w->out->arena, room, sizeof *entries);
    if (!entries) {
        w->out->failed = true;
        return;
    }
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].n; i++)
            n += add_entries(&tables[t].v[i], tables[t].area, entries + n);
    }
    jw_object(w, "paths");
    for (size_t i = 0; i < n; i++)
        write_path(entries, n, i, w);
    jw_object_end(w);
}

static void write_info(struct jw *w)
{
    jw_object(w, "info");
    jw_text(w, "title", "Mastery Engine");
    jw_text(w, "version", OPENAPI_API_VERSION);
    jw_text(w, "description",
            "Scores are in [0,1]; times are RFC 3339 in UTC; unknown fields are ignored. Every "
            "answer carries X-Request-ID, the caller's own if it is 1 to 128 of A-Z a-z 0-9 . _ -, "
            "and traceparent (W3C Trace Context). HEAD is GET without a body. x-rate-limit is for "
            "one client: one token, or one address when there is none.");
    jw_object(w, "license");
    jw_text(w, "name", "GNU General Public License, version 3 or later");
    jw_text(w, "identifier", "GPL-3.0-or-later");
    jw_object_end(w);
    jw_object_end(w);
}

/* An area may have several tables. */
static bool area_written(const struct route_table *tables, size_t t)
{
    for (size_t i = 0; i < t; i++) {
        if (strcmp(tables[i].area, tables[t].area) == 0)
            return true;
    }
    return false;
}

static void write_tags(const struct route_table *tables, size_t count, struct jw *w)
{
    jw_array(w, "tags");
    for (size_t t = 0; t < count; t++) {
        if (area_written(tables, t))
            continue;
        jw_object(w, NULL);
        jw_text(w, "name", tables[t].area);
        jw_object_end(w);
    }
    jw_array_end(w);
}

void openapi_write(const struct route_table *tables, size_t count, struct buf *out)
{
    struct jw w = {.out = out};
    jw_object(&w, NULL);
    jw_text(&w, "openapi", "3.1.0");
    write_info(&w);
    jw_array(&w, "servers");
    jw_object(&w, NULL);
    jw_text(&w, "url", "/");
    jw_object_end(&w);
    jw_array_end(&w);
    write_tags(tables, count, &w);
    write_paths(tables, count, &w);
    write_components(&w);
    jw_object_end(&w);
}
