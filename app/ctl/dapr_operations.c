/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl dapr-operations: prints, from the route table, the operations that Dapr's access
 * control must allow to an app that calls the engine through its sidecar (service invocation, with
 * all its aliases). The sidecar refuses a path or method that the policy lacks (hazards Y11). Reads
 * no settings.
 *
 * Dapr (pkg/config/acl_trie.go) uses the shortest operation that the path begins with, comparing
 * whole segments, and refuses a method that this operation lacks. An operation therefore has the
 * methods of all paths below it, too. */
#include "app/ctl/json_line.h"

#include <stdio.h>

#include "app/routes/routes.h"

struct dapr_operations_settings {
    bool json;
};

/* most paths that a route can have: the main one and its aliases */
enum { PATHS_OF_A_ROUTE = 1 + sizeof(((struct route *)0)->aliases) / sizeof(const char *) };

/* Returns the main path of the route (i is 0) or an alias; NULL when it has no such alias. */
static const char *route_path(const struct route *route, size_t i)
{
    return i == 0 ? route->pattern : route->aliases[i - 1];
}

/* Returns whether the path is the operation's or below it, by whole segments: /a covers /a/b and
 * not /ab. False when path is NULL. */
static bool operation_covers(const char *operation, const char *path)
{
    size_t n = strlen(operation);

    return path && strncmp(path, operation, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* Returns whether a path that the operation covers has the method. */
static bool operation_has_method(const char *operation, enum http_method method)
{
    for (size_t i = 0; i < process_routes.n; i++) {
        const struct route *route = &process_routes.v[i];

        for (size_t k = 0; route->method == method && k < PATHS_OF_A_ROUTE; k++) {
            if (operation_covers(operation, route_path(route, k)))
                return true;
        }
    }
    return false;
}

/* Prints an operation (a path and the methods that Dapr must allow there) as YAML. */
static void operation_print(const char *operation)
{
    const char *separator = "";

    (void)printf("- name: %s\n  httpVerb: [", operation);
    for (int method = 0; method < HTTP_METHODS; method++) {
        if (!operation_has_method(operation, (enum http_method)method))
            continue;
        (void)printf("%s%s", separator, http_method_name((enum http_method)method));
        separator = ", ";
    }
    (void)puts("]\n  action: allow");
}

/* Prints an operation (a path and the methods that Dapr must allow there) as a line of JSON. */
static enum ctl_exit operation_print_json(const struct subcommand *command, const char *operation,
                                          struct arena *arena)
{
    struct json_line line;
    struct jw *w = json_line_begin(&line, arena);

    jw_text(w, "name", operation);
    jw_array(w, "httpVerb");
    for (int method = 0; method < HTTP_METHODS; method++) {
        if (operation_has_method(operation, (enum http_method)method))
            jw_text(w, NULL, http_method_name((enum http_method)method));
    }
    jw_array_end(w);
    jw_text(w, "action", "allow");
    return json_line_end(&line, command, CTL_DONE);
}

/* Prints, for each path of each route, the operation that Dapr must allow. */
static enum ctl_exit dapr_operations_run(const struct subcommand *command, const void *settings,
                                         struct arena *arena)
{
    const struct dapr_operations_settings *s = settings;
    enum ctl_exit status = CTL_DONE;

    for (size_t i = 0; i < process_routes.n; i++) {
        const struct route *route = &process_routes.v[i];

        for (size_t k = 0; k < PATHS_OF_A_ROUTE && route_path(route, k); k++) {
            if (!s->json)
                operation_print(route_path(route, k));
            else if (status == CTL_DONE)
                status = operation_print_json(command, route_path(route, k), arena);
        }
    }
    return status;
}

static const struct option_rule dapr_operations_options[] = {OPTION_JSON(dapr_operations_settings),
                                                             {0}};

const struct subcommand dapr_operations_subcommand = {
    .name = "dapr-operations",
    .summary = "Prints the operations of Dapr's access control that follow from the routes",
    .description =
        "Reads no settings. The list belongs into a policy of spec.accessControl of the engine's\n"
        "Configuration, for each app that may call the engine through Dapr.\n",
    .json = "a line for each operation: name, httpVerb, action",
    .options = dapr_operations_options,
    .settings_size = sizeof(struct dapr_operations_settings),
    .run = dapr_operations_run,
};
