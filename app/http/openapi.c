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
#include "app/http/openapi_example.h"
#include "app/http/openapi_headers.h"
#include "app/http/openapi_objects.h"
#include "app/http/openapi_schema.h"
#include "app/http/response.h"

/* Writes the three ways in which a caller can be identified: a user's token, a learning tool's key
 * and secret, or the API token of the sidecar (Dapr's process next to the engine). */
static void openapi_write_security_schemes(struct jw *w)
{
    jw_object(w, "securitySchemes");
    jw_object(w, "bearer");
    jw_text(w, "type", "http");
    jw_text(w, "scheme", "bearer");
    jw_text(w, "bearerFormat", "JWT");
    jw_object_end(w);
    jw_object(w, "basic");
    jw_text(w, "type", "http");
    jw_text(w, "scheme", "basic");
    jw_text(w, "description", "Key and secret of a learning tool (XAPI_CREDENTIALS_FILE)");
    jw_object_end(w);
    jw_object(w, "sidecar");
    jw_text(w, "type", "apiKey");
    jw_text(w, "in", "header");
    jw_text(w, "name", "dapr-api-token");
    jw_text(w, "description", "Accepted only on the sidecar's own listener");
    jw_object_end(w);
    jw_object_end(w);
}

/* Writes the member "components", to whose parts the operations refer: schemas, error responses,
 * headers and security schemes. */
static void openapi_write_components(const struct route_table *tables, size_t count, struct jw *w)
{
    jw_object(w, "components");
    jw_object(w, "schemas");
    objects_write_components(tables, count, w);
    errors_write_schema(w);
    jw_object_end(w);
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
    const char *area;    /* area of the route's table, such as mastery: its OpenAPI tag */
    int32_t today;       /* UTC day (days since 1970-01-01) that dates in the examples have */
};

/* Writes a parameter of the path or the query, as the rule describes it. */
static void openapi_write_parameter(const struct rule *rule, struct str name, int32_t today,
                                    struct jw *w)
{
    jw_object(w, NULL);
    jw_str(w, "name", name);
    jw_text(w, "in", rule->source == IN_PATH ? "path" : "query");
    jw_bool(w, "required", rule->source == IN_PATH || rule->required);
    if (rule->description)
        jw_text(w, "description", rule->description);
    schema_write(rule, "schema", SCHEMA_REQUEST, w);
    if (rule->source == IN_PATH || rule->required || rule->example)
        example_write(rule, "example", today, w);
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
        openapi_write_parameter(rule && rule->type != RULE_END ? rule : &any_text, name,
                                entry->today, w);
    }
}

/* Writes all parameters of an operation: of the path, of the query, and request headers. */
static void openapi_write_parameters(const struct entry *entry, struct jw *w)
{
    jw_array(w, "parameters");
    openapi_write_path_parameters(entry, w);
    for (const struct rule *rule = entry->route->rules; rule && rule->type != RULE_END; rule++) {
        if (rule->source == IN_QUERY)
            openapi_write_parameter(rule, str_of(rule->name), entry->today, w);
    }
    headers_write_request(entry->route, w);
    jw_array_end(w);
}

/* Writes the schema of the body of a request or response: an object by the rules of the route, or a
 * list of such objects if many. */
static void openapi_write_object(const struct route *route, enum schema_side side, bool many,
                                 struct jw *w)
{
    if (!many) {
        objects_write_reference(route, side, w);
        return;
    }
    jw_text(w, "type", "array");
    jw_object(w, "items");
    objects_write_reference(route, side, w);
    jw_object_end(w);
}

/* Writes one media type of the request body, with an example. The body is one object (one), a list
 * of objects (many), or either (both). */
static void openapi_write_media(const struct entry *entry, const char *type, bool one, bool many,
                                struct jw *w)
{
    jw_object(w, type);
    jw_object(w, "schema");
    if (one && many) {
        jw_array(w, "oneOf");
        for (int i = 0; i < 2; i++) {
            jw_object(w, NULL);
            openapi_write_object(entry->route, SCHEMA_REQUEST, /* many */ i == 1, w);
            jw_object_end(w);
        }
        jw_array_end(w);
    } else {
        openapi_write_object(entry->route, SCHEMA_REQUEST, many, w);
    }
    jw_object_end(w);
    example_write_body(entry->route, /* many */ !one, entry->today, w);
    jw_object_end(w);
}

/* Writes the media types of a body with CloudEvents: one event; a batch; and application/json,
 * which is an event, or the data of an event whose attributes are in headers. */
static void openapi_write_cloudevents(const struct entry *entry, struct jw *w)
{
    for (const char *const *type = route_body_types(entry->route); *type; type++) {
        bool is_batch = strstr(*type, "-batch+") != NULL;

        if (strcmp(*type, "application/json") != 0) {
            openapi_write_media(entry, *type, !is_batch, is_batch, w);
            continue;
        }
        jw_object(w, *type);
        jw_object(w, "schema");
        jw_text(w, "type", "object");
        jw_text(w, "description",
                "One event; or its data alone, with the attributes in ce- headers");
        jw_object_end(w);
        jw_object_end(w);
    }
}

/* Returns whether the body is required: a field of it is required, or one option of a group of
 * fields must be chosen (struct rule_option), or the route delegates to another route, for which
 * the body is the payload. */
static bool openapi_requires_body(const struct route *route)
{
    bool required = route->payload != NULL;
    for (const struct rule *rule = route->rules; rule->type != RULE_END; rule++)
        required |= rule->source == IN_BODY &&
                    (rule->required || (rule->option.group && !rule->option.may_be_absent));
    return required;
}

/* Writes the request body, if the route has rules for one. A body that the handler parses itself
 * (ROUTE_RAW_BODY) may with POST also be a list of objects, but not with PUT. */
static void openapi_write_body(const struct entry *entry, struct jw *w)
{
    const struct route *route = entry->route;
    bool many = route->flags & ROUTE_RAW_BODY && route->method == POST;

    if (!route_has_body(route))
        return;
    jw_object(w, "requestBody");
    jw_bool(w, "required", openapi_requires_body(route));
    jw_object(w, "content");
    if (route->body_types)
        openapi_write_cloudevents(entry, w);
    else
        openapi_write_media(entry, "application/json", /* one */ true, many, w);
    jw_object_end(w);
    jw_object_end(w);
}

/* Writes the schema of a successful response. A response with rules is an object, a response
 * without rules is a text, such as that of the metrics. With ROUTE_LIST_RESPONSE it is a list of
 * these. */
static void openapi_write_success_schema(const struct route *route, struct jw *w)
{
    bool is_list = route->flags & ROUTE_LIST_RESPONSE;
    static const struct rule text = {.type = RULE_TEXT}, texts = {.type = RULE_TEXTS};

    if (!route->response) {
        schema_write(is_list ? &texts : &text, "schema", SCHEMA_RESPONSE, w);
        return;
    }
    jw_object(w, "schema");
    openapi_write_object(route, SCHEMA_RESPONSE, is_list, w);
    jw_object_end(w);
}

/* Writes the links of a response (OpenAPI, Link Object). Each link names a request that the client
 * can make next, and the value of the response that it needs as a parameter, such as /batch_id. */
static void openapi_write_links(const struct route_link *links, struct jw *w)
{
    jw_object(w, "links");
    for (; links->name; links++) {
        char value[64];
        (void)snprintf(value, sizeof value, "$response.body#%s", links->value);
        jw_object(w, links->name);
        jw_text(w, "operationId", links->operation);
        jw_object(w, "parameters");
        jw_text(w, links->parameter, value);
        jw_object_end(w);
        jw_object_end(w);
    }
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
    if (route->links)
        openapi_write_links(route->links, w);
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

/* Writes one way to identify the caller: the name of a security scheme, with an empty list of
 * scopes. */
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
        if (route->flags & ROUTE_BASIC)
            openapi_write_scheme("basic", w);
        if (route->flags & (ROUTE_SIDECAR_ONLY | ROUTE_SIDECAR_TRUSTED))
            openapi_write_scheme("sidecar", w);
    }
    jw_array_end(w);
}

/* Writes x-rate-limit: how many requests one client may send in a minute, and the name of the
 * bucket that counts them. Routes with the same bucket share the limit. */
static void openapi_write_limit(const struct route *route, struct jw *w)
{
    if (route->flags & ROUTE_UNLIMITED)
        return;
    jw_object(w, "x-rate-limit");
    jw_int(w, "per_minute", route->limit_per_minute);
    jw_text(w, "budget", route->bucket ? route->bucket : route->name);
    jw_object_end(w);
}

/* Who may use a route, by the access right that the route requires (auth/access.c). */
static const char *const access_descriptions[ACCESSES] = {
    [ACCESS_OPEN] = "Needs no token.",
    [ACCESS_ANY] = "For everybody with a token.",
    [ACCESS_ADMIN] = "For admins.",
    [ACCESS_READ_STUDENT] = "For the student, a teacher of the student, and admins.",
    [ACCESS_WRITE_STUDENT] = "For the student, a teacher of the student, and admins.",
    [ACCESS_EXPORT] = "For the student and admins.",
    [ACCESS_READ_COHORT] = "For a teacher of the cohort, and admins.",
    [ACCESS_COMPARE_COHORT] = "For the student, a teacher of the cohort, and admins.",
    [ACCESS_HANDLER] = "For those who may reach the students that the request names.",
};

/* Writes operationId, summary and description. An operationId must be unique, so the number of an
 * alias is appended to the name of the route. */
static void openapi_write_names(const struct entry *entry, struct jw *w)
{
    const struct route *route = entry->route;
    const char *access = access_descriptions[route->access];
    char text[512];
    if (route->flags & ROUTE_SIDECAR_ONLY)
        access = "For Dapr's sidecar.";
    if (entry->alias == 0) {
        jw_text(w, "operationId", route->name);
    } else {
        (void)snprintf(text, sizeof text, "%s-alias-%zu", route->name, entry->alias);
        jw_text(w, "operationId", text);
        jw_bool(w, "deprecated", false); /* clients may continue to use it */
    }
    if (!route->summary)
        return;
    jw_text(w, "summary", route->summary);
    (void)snprintf(text, sizeof text, "%s. %s%s%s", route->summary, access,
                   entry->alias ? " Alias of " : "", entry->alias ? route->pattern : "");
    jw_text(w, "description", text);
}

/* Writes x-listener for a route that clients can reach only by the sidecar's listening socket, or
 * only from configured networks. */
static void openapi_write_listener(const struct route *route, struct jw *w)
{
    if (route->flags & ROUTE_SIDECAR_ONLY)
        jw_text(w, "x-listener", "sidecar");
    else if (route->flags & ROUTE_NETWORK_ALLOWLIST)
        jw_text(w, "x-listener", "configured networks only");
}

/* Returns the key of an operation in the document: the method in lower case. */
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
    openapi_write_body(entry, w);
    openapi_write_responses(route, w);
    openapi_write_security(route, w);
    openapi_write_limit(route, w);
    openapi_write_listener(route, w);
    jw_object_end(w);
}

/* ---- Paths ---- */

/* Greatest number of patterns of one route: the main pattern and all aliases. */
enum { PATTERNS_MAX = 1 + sizeof(((struct route *)NULL)->aliases) / sizeof(const char *) };

/* Returns the number of routes in all tables. */
static size_t openapi_route_count(const struct route_table *tables, size_t count)
{
    size_t n = 0;
    for (size_t t = 0; t < count; t++)
        n += tables[t].n;
    return n;
}

/* Adds an entry (struct entry) for the main pattern of the route and one for each alias. Returns
 * the number of added entries. The array has room for PATTERNS_MAX more entries. */
static size_t openapi_add_entries(const struct route *route, const char *area, int32_t today,
                                  struct entry *entries)
{
    size_t n = 0;
    entries[n++] = (struct entry){route, route->pattern, 0, area, today};
    for (; n < PATTERNS_MAX && route->aliases[n - 1]; n++)
        entries[n] = (struct entry){route, route->aliases[n - 1], n, area, today};
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
static void openapi_write_paths(const struct route_table *tables, size_t count, int32_t today,
                                struct jw *w)
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
            n += openapi_add_entries(&tables[t].v[i], tables[t].area, today, entries + n);
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
            "one client: one token, or one address without a token. Causes and cures of errors, by "
            "their codes: [docs/errors.md](docs/errors.md). The examples are for the demo class "
            "of scripts/run.");
    jw_object(w, "contact");
    jw_text(w, "name", "The operators of this installation");
    jw_object_end(w);
    jw_object(w, "license");
    jw_text(w, "name", "GNU General Public License, version 3 or later");
    jw_text(w, "identifier", "GPL-3.0-or-later");
    jw_object_end(w);
    jw_object_end(w);
}

/* Returns whether a table before tables[t] has the same area. The routes of one area may be in
 * several tables, but the area is one tag, which must be written once. */
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
        if (tables[t].description)
            jw_text(w, "description", tables[t].description);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Writes the addresses of the API: where the document came from, and the sidecar's listener. */
static void openapi_write_servers(struct jw *w)
{
    static const struct {
        const char *url, *description;
    } servers[] = {
        {"/", "The public port"},
        {"http://127.0.0.1:8006", "The listener of Dapr's sidecar (DAPR_PORT), on loopback"},
    };
    jw_array(w, "servers");
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        jw_object(w, NULL);
        jw_text(w, "url", servers[i].url);
        jw_text(w, "description", servers[i].description);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Writes the outermost object: version, info, servers, tags, paths and components. The writer w
 * remembers a lack of memory in out->failed, so no step returns anything. */
void openapi_write(const struct route_table *tables, size_t count, int32_t today, struct buf *out)
{
    struct jw w = {.out = out};
    jw_object(&w, NULL);
    jw_text(&w, "openapi", "3.1.0");
    openapi_write_info(&w);
    openapi_write_servers(&w);
    openapi_write_tags(tables, count, &w);
    openapi_write_paths(tables, count, today, &w);
    openapi_write_components(tables, count, &w);
    jw_object_end(&w);
}
