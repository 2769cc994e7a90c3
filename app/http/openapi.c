/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the OpenAPI document: general information, tags and, for each path, its operations (one
 * for each method). A route is one row of the table of endpoints; a rule describes one field of a
 * route's input or response. Parameters, bodies and successful responses are made from the rules.
 * Errors and headers have their tables in openapi_errors.c and openapi_headers.c. They are written
 * once, as components, and the operations refer to them. struct jw writes JSON: a key of NULL
 * writes an element of an array. */
#include "app/http/openapi.h"

#include <stdio.h>

#include "app/http/openapi_errors.h"
#include "app/http/openapi_headers.h"
#include "app/http/openapi_schema.h"
#include "app/http/response.h"

/* Writes the two ways in which a caller can be identified: a user's token, or the API token of the
 * sidecar (Dapr's process next to the engine). */
static void openapi_write_security_schemes(struct jw *w)
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
    jw_text(w, "description", "Accepted only on the sidecar's own listener");
    jw_object_end(w);
    jw_object_end(w);
}

static void openapi_write_components(struct jw *w)
{
    jw_object(w, "components");
    errors_write_components(w);
    headers_write_components(w);
    openapi_write_security_schemes(w);
    jw_object_end(w);
}

/* ---- Operations ---- */

/* One pattern of a route. A route has a main pattern and may have aliases, which are further paths
 * with the same handler. */
struct entry {
    const struct route *route;
    const char *pattern; /* such as /api/v1/mastery/history/{student_id} */
    size_t alias;        /* 0: the main pattern; else the number of the alias, from 1 */
    const char *area;    /* tag of the route's table */
};

/* Writes a parameter of the path or the query, as the rule describes it. */
static void openapi_write_parameter(const struct rule *rule, struct str name, struct jw *w)
{
    jw_object(w, NULL);
    jw_str(w, "name", name);
    jw_text(w, "in", rule->source == IN_PATH ? "path" : "query");
    jw_bool(w, "required", rule->source == IN_PATH || rule->required);
    schema_write(rule, "schema", SCHEMA_REQUEST, w);
    jw_object_end(w);
}

/* Writes all parameters of the pattern, as OpenAPI requires. A parameter without a rule is written
 * as a text. A segment is a parameter when it begins with a brace and has a name. */
static void openapi_write_path_parameters(const struct entry *entry, struct jw *w)
{
    static const struct rule any_text = {.type = RULE_TEXT, .source = IN_PATH, .required = true};
    struct str pattern = str_of(entry->pattern);
    while (pattern.n > 0) {
        struct str name = str_cut(&pattern, '/');
        if (name.n <= 2 || name.p[0] != '{')
            continue;
        name = (struct str){name.p + 1, name.n - 2};
        const struct rule *rule = entry->route->rules;
        while (rule && rule->type != RULE_END &&
               !(rule->source == IN_PATH && str_equal(str_of(rule->name), name)))
            rule++;
        openapi_write_parameter(rule && rule->type != RULE_END ? rule : &any_text, name, w);
    }
}

/* Writes all parameters of an operation: of the path, of the query, and request headers. */
static void openapi_write_parameters(const struct entry *entry, struct jw *w)
{
    jw_array(w, "parameters");
    openapi_write_path_parameters(entry, w);
    for (const struct rule *rule = entry->route->rules; rule && rule->type != RULE_END; rule++) {
        if (rule->source == IN_QUERY)
            openapi_write_parameter(rule, str_of(rule->name), w);
    }
    headers_write_request(entry->route, w);
    jw_array_end(w);
}

/* Writes the members of a schema: of an object by the rules, or of a list of such objects. */
static void openapi_write_objects(const struct rule *rules, bool many, struct jw *w)
{
    if (many) {
        jw_text(w, "type", "array");
        jw_object(w, "items");
    }
    jw_text(w, "type", "object");
    schema_write_fields(rules, SCHEMA_REQUEST, w);
    if (many)
        jw_object_end(w);
}

/* Writes the schema of the body of a route with ROUTE_RAW_BODY: an object by the rules, or a list
 * of such objects. */
static void openapi_write_one_or_many(const struct rule *rules, struct jw *w)
{
    jw_array(w, "anyOf");
    for (int many = 0; many <= 1; many++) {
        jw_object(w, NULL);
        openapi_write_objects(rules, many, w);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Writes the three forms of a body with CloudEvents: one event, a batch, and the data of an event
 * whose attributes are in headers. */
static void openapi_write_cloudevents(const struct rule *rules, struct jw *w)
{
    static const char *const types[] = {"application/cloudevents+json",
                                        "application/cloudevents-batch+json", "application/json"};
    enum { ONE, BATCH, BINARY, FORMS };

    jw_object(w, "content");
    for (int form = ONE; form < FORMS; form++) {
        jw_object(w, types[form]);
        jw_object(w, "schema");
        if (form == BINARY) {
            jw_text(w, "type", "object");
            jw_text(w, "description", "The data alone, with the attributes in ce- headers");
        } else {
            openapi_write_objects(rules, form == BATCH, w);
        }
        jw_object_end(w);
        jw_object_end(w);
    }
    jw_object_end(w);
}

/* Writes the request body, if the route has rules for one. A body is required when at least one of
 * its fields is required. */
static void openapi_write_body(const struct route *route, struct jw *w)
{
    bool required = false;
    if (!route_has_body(route))
        return;
    for (const struct rule *rule = route->rules; rule->type != RULE_END; rule++)
        required |= rule->source == IN_BODY && rule->required;
    jw_object(w, "requestBody");
    jw_bool(w, "required", required);
    if (route->flags & ROUTE_CLOUDEVENTS) {
        openapi_write_cloudevents(route->rules, w);
        jw_object_end(w);
        return;
    }
    schema_begin_content(route->body_type ? route->body_type : "application/json", w);
    if (route->flags & ROUTE_RAW_BODY) {
        openapi_write_one_or_many(route->rules, w);
    } else {
        jw_text(w, "type", "object");
        schema_write_fields(route->rules, SCHEMA_REQUEST, w);
    }
    schema_end_content(w);
    jw_object_end(w);
}

/* Writes the schema of a successful response. A response with rules is an object, a response
 * without rules is a text, such as that of the metrics. With ROUTE_LIST_RESPONSE it is a list of
 * these. */
static void openapi_write_success_schema(const struct route *route, struct jw *w)
{
    bool is_list = route->flags & ROUTE_LIST_RESPONSE;
    if (is_list) {
        jw_text(w, "type", "array");
        jw_object(w, "items");
    }
    jw_text(w, "type", route->response ? "object" : "string");
    if (route->response)
        schema_write_fields(route->response, SCHEMA_RESPONSE, w);
    if (is_list)
        jw_object_end(w);
}

/* Writes the response of one successful status: description, headers and, when the response has a
 * body, its schema. */
static void openapi_write_success(const struct route *route, int status, struct jw *w)
{
    char key[16];
    (void)snprintf(key, sizeof key, "%d", status);
    jw_object(w, key);
    jw_text(w, "description", http_status_reason(status));
    headers_write_response(route, status, w);
    if (route->response || route->response_type || route->flags & ROUTE_LIST_RESPONSE) {
        schema_begin_content(route->response_type ? route->response_type : "application/json", w);
        openapi_write_success_schema(route, w);
        schema_end_content(w);
    }
    jw_object_end(w);
}

/* Writes all responses of the route: its status, then other_status (a second status with the same
 * response, which some routes have; 0: none), then the errors. */
static void openapi_write_responses(const struct route *route, struct jw *w)
{
    jw_object(w, "responses");
    openapi_write_success(route, route->status, w);
    if (route->other_status)
        openapi_write_success(route, route->other_status, w);
    errors_write_responses(route, w);
    jw_object_end(w);
}

static void openapi_write_scheme(const char *scheme, struct jw *w)
{
    jw_object(w, NULL);
    jw_array(w, scheme);
    jw_array_end(w);
    jw_object_end(w);
}

/* Writes the security schemes of a route. Each of them alone identifies the caller. The list is
 * empty when the route needs no credentials. */
static void openapi_write_security(const struct route *route, struct jw *w)
{
    jw_array(w, "security");
    if (route->access != ACCESS_OPEN) {
        if (!(route->flags & ROUTE_SIDECAR_ONLY))
            openapi_write_scheme("bearer", w);
        if (route->flags & (ROUTE_SIDECAR_ONLY | ROUTE_SIDECAR_TRUSTED))
            openapi_write_scheme("sidecar", w);
    }
    jw_array_end(w);
}

/* Writes x-rate-limit: the requests that one client may send in a minute, and the name of the
 * budget that they are taken from. Routes with the same budget (struct route, bucket) share the
 * limit. */
static void openapi_write_limit(const struct route *route, struct jw *w)
{
    if (route->flags & ROUTE_UNLIMITED)
        return;
    jw_object(w, "x-rate-limit");
    jw_int(w, "per_minute", route->limit_per_minute);
    jw_text(w, "budget", route->bucket ? route->bucket : route->name);
    jw_object_end(w);
}

/* Writes operationId, summary and, for an alias, a description. An operationId must be unique, so
 * the number of the alias is appended to the name of the route. */
static void openapi_write_names(const struct entry *entry, struct jw *w)
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
        jw_bool(w, "deprecated", false); /* clients may go on using it */
    }
    if (route->summary)
        jw_text(w, "summary", route->summary);
}

/* Writes x-listener for a route that clients can reach by the sidecar's listening socket, or from
 * configured networks, only. */
static void openapi_write_listener(const struct route *route, struct jw *w)
{
    if (route->flags & ROUTE_SIDECAR_ONLY)
        jw_text(w, "x-listener", "sidecar");
    else if (route->flags & ROUTE_NETWORK_ALLOWLIST)
        jw_text(w, "x-listener", "configured networks only");
}

/* The key of an operation in the document: the method in lower case. */
static const char *method_key(enum http_method method)
{
    static const char *const keys[HTTP_METHODS] = {
        [GET] = "get", [HEAD] = "head",     [POST] = "post",
        [PUT] = "put", [DELETE] = "delete", [OPTIONS] = "options",
    };
    return keys[method];
}

/* Writes the operation of one entry (one route under one of its patterns): its names, tag,
 * parameters, body and responses, and three limits of its use: security, request rate and listening
 * socket. */
static void openapi_write_operation(const struct entry *entry, struct jw *w)
{
    const struct route *route = entry->route;
    jw_object(w, method_key(route->method));
    openapi_write_names(entry, w);
    jw_array(w, "tags");
    jw_text(w, NULL, entry->area);
    jw_array_end(w);
    openapi_write_parameters(entry, w);
    openapi_write_body(route, w);
    openapi_write_responses(route, w);
    openapi_write_security(route, w);
    openapi_write_limit(route, w);
    openapi_write_listener(route, w);
    jw_object_end(w);
}

/* ---- Paths ---- */

/* Most patterns of one route: the main pattern and all aliases. */
enum { PATTERNS_MAX = 1 + sizeof(((struct route *)NULL)->aliases) / sizeof(const char *) };

/* The number of routes in all tables. */
static size_t openapi_route_count(const struct route_table *tables, size_t count)
{
    size_t n = 0;
    for (size_t t = 0; t < count; t++)
        n += tables[t].n;
    return n;
}

/* Adds a document entry for the main pattern of the route and one for each alias. Returns the
 * number of added entries. The array has room for PATTERNS_MAX more entries. */
static size_t openapi_add_entries(const struct route *route, const char *area,
                                  struct entry *entries)
{
    size_t n = 0;
    entries[n++] = (struct entry){route, route->pattern, 0, area};
    for (; n < PATTERNS_MAX && route->aliases[n - 1]; n++)
        entries[n] = (struct entry){route, route->aliases[n - 1], n, area};
    return n;
}

/* Writes the pattern of entries[at] with the operations of all entries that have the same pattern.
 * Does nothing when an earlier entry has it, because the pattern was then written for that entry.
 * Comparing all pairs of the few hundred entries is fast enough for a document that is rarely
 * requested. */
static void openapi_write_path(const struct entry *entries, size_t count, size_t at, struct jw *w)
{
    const char *pattern = entries[at].pattern;
    for (size_t i = 0; i < at; i++) {
        if (strcmp(entries[i].pattern, pattern) == 0)
            return;
    }
    jw_object(w, pattern);
    for (size_t i = at; i < count; i++) {
        if (strcmp(entries[i].pattern, pattern) == 0)
            openapi_write_operation(&entries[i], w);
    }
    jw_object_end(w);
}

/* Collects the entries of all routes, then writes their paths. */
static void openapi_write_paths(const struct route_table *tables, size_t count, struct jw *w)
{
    size_t n = 0;
    size_t room = openapi_route_count(tables, count) * PATTERNS_MAX;
    struct entry *entries = arena_array(w->out->arena, room, sizeof *entries);
    if (!entries) {
        w->out->failed = true;
        return;
    }
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].n; i++)
            n += openapi_add_entries(&tables[t].v[i], tables[t].area, entries + n);
    }
    jw_object(w, "paths");
    for (size_t i = 0; i < n; i++)
        openapi_write_path(entries, n, i, w);
    jw_object_end(w);
}

/* Writes the member "info": title, version and licence of the API, and what applies to all routes.
 */
static void openapi_write_info(struct jw *w)
{
    jw_object(w, "info");
    jw_text(w, "title", "Mastery Engine");
    jw_text(w, "version", OPENAPI_API_VERSION);
    jw_text(w, "description",
            "Scores are in [0,1]; times are RFC 3339 in UTC; unknown fields are ignored. Every "
            "response has X-Request-ID, the client's own if it is 1 to 128 of A-Z a-z 0-9 . _ -, "
            "and traceparent (W3C Trace Context). HEAD is GET without a body. x-rate-limit is for "
            "one client: one token, or one address without a token.");
    jw_object(w, "license");
    jw_text(w, "name", "GNU General Public License, version 3 or later");
    jw_text(w, "identifier", "GPL-3.0-or-later");
    jw_object_end(w);
    jw_object_end(w);
}

/* Whether a table before tables[t] has the same area. The routes of one area may be in several
 * tables, but the area is one tag, which must be written once. */
static bool openapi_area_is_written(const struct route_table *tables, size_t t)
{
    for (size_t i = 0; i < t; i++) {
        if (strcmp(tables[i].area, tables[t].area) == 0)
            return true;
    }
    return false;
}

/* Writes the list of tags: the areas of all route tables, each area once. */
static void openapi_write_tags(const struct route_table *tables, size_t count, struct jw *w)
{
    jw_array(w, "tags");
    for (size_t t = 0; t < count; t++) {
        if (openapi_area_is_written(tables, t))
            continue;
        jw_object(w, NULL);
        jw_text(w, "name", tables[t].area);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Writes the outermost object: version, info, servers, tags, paths and components. The writer w
 * remembers a lack of memory in out->failed, so no step returns anything. */
void openapi_write(const struct route_table *tables, size_t count, struct buf *out)
{
    struct jw w = {.out = out};
    jw_object(&w, NULL);
    jw_text(&w, "openapi", "3.1.0");
    openapi_write_info(&w);
    jw_array(&w, "servers");
    jw_object(&w, NULL);
    jw_text(&w, "url", "/");
    jw_object_end(&w);
    jw_array_end(&w);
    openapi_write_tags(tables, count, &w);
    openapi_write_paths(tables, count, &w);
    openapi_write_components(&w);
    jw_object_end(&w);
}
