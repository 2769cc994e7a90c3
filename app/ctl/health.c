/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl health: requests /health, and with --ready also /ready, and prints a line for each
 * and for each dependency. It reads no settings, so that it also works as a container's health
 * check. */
#include "app/ctl/health_check.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>

#include "app/ctl/json_line.h"
#include "app/ctl/terminal.h"

/* widths of columns, in characters */
enum { STATE_WIDTH = 8, NAME_WIDTH = 12 };

struct health_settings {
    struct health_target target;
    bool ready; /* true: request /ready as well */
    bool json;
};

/* ---- text ---- */

/* Prints the first two columns of an endpoint's or a dependency's line: state in colour, name. */
static void health_print_state(enum colour colour, const char *state, const char *name)
{
    terminal_print(colour, STATE_WIDTH, state);
    (void)printf("%-*s ", NAME_WIDTH, name);
}

/* Prints a line for each dependency (such as Redis) in the response. These lines explain the
 * engine's status, and do not change the exit status. */
static void health_print_dependencies(struct json_object *all)
{
    struct json_object_iterator it, end;

    if (!all)
        return;
    end = json_object_iter_end(all);
    for (it = json_object_iter_begin(all); !json_object_iter_equal(&it, &end);
         json_object_iter_next(&it)) {
        const char *name = json_object_iter_peek_name(&it), *state = health_text(all, name);
        const char *shown = "away";
        enum colour colour = COLOUR_GOOD;

        if (strcmp(state, "healthy") == 0)
            shown = "ok";
        else if (strcmp(state, "not_configured") == 0)
            shown = "-";
        else
            colour = COLOUR_WARNING;
        health_print_state(colour, shown, name);
        (void)printf("%s\n", state);
    }
}

/* Prints the line of one check, and those of its dependencies. */
static void health_print(const struct health_target *target, const struct health_result *result)
{
    bool good = result->outcome == CTL_DONE;

    if (result->failure) {
        health_print_state(COLOUR_BAD, "away", result->name);
        (void)printf("%s: %s\n", target->url, result->failure);
        return;
    }
    health_print_state(good ? COLOUR_GOOD : COLOUR_BAD, good ? "ok" : "failed", result->name);
    (void)printf("%ld", result->http_status);
    if (*result->status)
        (void)printf(" %s", result->status);
    else
        (void)fputs(", not a response of an engine", stdout);
    if (*result->version)
        (void)printf(", version %s", result->version);
    (void)printf(", %" PRId64 " ms\n", result->duration_ms);
    health_print_dependencies(result->dependencies);
}

/* ---- JSON ---- */

/* Writes one check as an object. */
static void health_write(struct jw *w, const struct health_target *target,
                         const struct health_result *result)
{
    jw_object(w, NULL);
    jw_text(w, "name", result->name);
    jw_text(w, "url", target->url);
    if (result->failure) {
        jw_text(w, "error", result->failure);
    } else {
        jw_int(w, "http_status", result->http_status);
        jw_text(w, "status", result->status);
        jw_text(w, "version", result->version);
        jw_int(w, "duration_ms", result->duration_ms);
    }
    if (result->dependencies)
        jw_raw(w, "dependencies", str_of(json_object_to_json_string(result->dependencies)));
    jw_object_end(w);
}

/* Prints the results of the n checks as one JSON object. Returns `status`. */
static enum ctl_exit health_print_json(const struct subcommand *command,
                                       const struct health_target *target,
                                       const struct health_result *results, size_t n,
                                       enum ctl_exit status, struct arena *arena)
{
    struct json_line line;
    struct jw *w = json_line_begin(&line, arena);

    jw_bool(w, "healthy", status == CTL_DONE);
    jw_array(w, "checks");
    for (size_t i = 0; i < n; i++)
        health_write(w, target, &results[i]);
    jw_array_end(w);
    return json_line_end(&line, command, status);
}

/* ---- all of it ---- */

/* Requests /health and, with --ready, /ready; the exit status is the worse of both results. /ready
 * is not requested when /health gets no response. */
static enum ctl_exit health_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    const struct health_settings *s = settings;
    struct health_result results[2];
    enum ctl_exit status = CTL_DONE;
    size_t n = 0;

    if (subcommand_check_url(command, s->target.url) != CTL_DONE)
        return CTL_USAGE;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        subcommand_error(command, "libcurl cannot be initialised");
        return CTL_FAILED;
    }
    while (n < (s->ready ? 2 : 1) && status != CTL_UNAVAILABLE) {
        health_check(&s->target, (enum health_endpoint)n, arena, &results[n]);
        status = results[n].outcome > status ? results[n].outcome : status;
        if (!s->json)
            health_print(&s->target, &results[n]);
        n++;
    }
    curl_global_cleanup();
    return s->json ? health_print_json(command, &s->target, results, n, status, arena) : status;
}

/* clang-format off */
static const struct option_rule health_options[] = {
    {.name = "url", .value_name = "URL", .type = OPTION_TEXT,
     .offset = offsetof(struct health_settings, target.url),
     .description = "address of the engine (http://127.0.0.1:8005)"},
    {.name = "from", .value_name = "ADDRESS", .type = OPTION_TEXT,
     .offset = offsetof(struct health_settings, target.source),
     .description = "address of this machine to connect from"},
    {.name = "ready", .type = OPTION_FLAG, .offset = offsetof(struct health_settings, ready),
     .description = "request /ready too, which includes Redis and the worker"},
    {.name = "timeout", .value_name = "SECONDS", .type = OPTION_INT, .min = 1, .max = 300,
     .offset = offsetof(struct health_settings, target.timeout_s),
     .description = "longest wait for each response (5)"},
    OPTION_JSON(health_settings),
    {0},
};
/* clang-format on */

static const struct health_settings health_defaults = {
    .target = {.url = "http://127.0.0.1:8005", .timeout_s = 5}};

const struct subcommand health_subcommand = {
    .name = "health",
    .summary = "Checks the health of a running engine",
    .description = "Prints a line for each check. Reads no settings.\n"
                   "Exit status: 0 healthy, 1 not healthy, 2 wrong usage, 3 no response.\n",
    .json = "an object: healthy, and checks, each with name, url, http_status, status, version, "
            "duration_ms, dependencies, or with error when there was no response",
    .options = health_options,
    .default_settings = &health_defaults,
    .settings_size = sizeof(struct health_settings),
    .run = health_run,
};
