/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl health: requests /health, and with --ready also /ready, and prints a line for each
 * and for each dependency. It reads no settings, so that it also works as a container's health
 * check. */
#include "app/ctl/subcommand.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>

#include "app/base/buf.h"
#include "app/ctl/terminal.h"
#include "app/http/json.h"

/* BODY_MAX: most bytes of a response's body; the widths are those of columns, in characters */
enum { BODY_MAX = 65536, STATE_WIDTH = 8, NAME_WIDTH = 12 };

struct health_settings {
    const char *url;
    const char *source; /* own address to connect from; NULL: the kernel chooses */
    bool ready;         /* true: request /ready as well */
    int64_t timeout_s;
};

/* An endpoint that is requested. */
struct check {
    const char *name;        /* path without the slash */
    const char *good_status; /* value of the response's member "status" when all is well */
};

static const struct check health_check = {"health", "healthy"};
static const struct check ready_check = {"ready", "ready"};

/* The response to a request, or why there is none. */
struct response {
    CURLcode failure; /* CURLE_OK when a response has arrived */
    long http_status;
    int64_t duration_ms;
    struct buf body;
};

/* Called by libcurl with each piece, of size * count bytes, of the response's body: appends it to
 * *body. Returning 0, when the body is too long or memory is exhausted, makes libcurl end the
 * transfer. */
static size_t health_on_body(char *bytes, size_t size, size_t count, void *body)
{
    struct buf *out = body;

    if (out->n + size * count > BODY_MAX)
        return 0;
    buf_put(out, bytes, size * count);
    return out->failed ? 0 : size * count;
}

/* Sends GET BASE/NAME and fills *ret with the response or the failure. Proxies that the environment
 * names are not used, because the check is about this address itself. */
static void health_request(CURL *curl, const struct health_settings *s, const struct check *check,
                           struct arena *arena, struct response *ret)
{
    struct str base_url = str_of(s->url), url, source = {NULL, 0};
    curl_off_t duration_us = 0;

    *ret = (struct response){.failure = CURLE_OUT_OF_MEMORY};
    buf_init(&ret->body, arena);
    while (base_url.n > 0 && base_url.p[base_url.n - 1] == '/')
        base_url.n--;
    url = arena_printf(arena, "%.*s/%s", STR_ARG(base_url), check->name);
    if (s->source) /* "host!" makes libcurl take it for an address, not for an interface */
        source = arena_printf(arena, "host!%s", s->source);
    if (!url.p || (s->source && !source.p))
        return;
    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url.p);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)s->timeout_s);
    (void)curl_easy_setopt(curl, CURLOPT_INTERFACE, source.p);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, health_on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &ret->body);
    ret->failure = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->http_status);
    (void)curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &duration_us);
    ret->duration_ms = (duration_us + 500) / 1000;
}

/* Prints the first two columns of a line: the state in colour, and the name. */
static void health_print_state(enum colour colour, const char *state, const char *name)
{
    terminal_print(colour, STATE_WIDTH, state);
    (void)printf("%-*s ", NAME_WIDTH, name);
}

/* Returns the text of an object's member; "" when there is no such text, or when a character is not
 * printable ASCII, because control characters from a server must not reach the terminal. */
static const char *printable_member(struct json_object *object, const char *name)
{
    struct json_object *member = NULL;
    const char *text = "";

    if (json_object_is_type(object, json_type_object) &&
        json_object_object_get_ex(object, name, &member) &&
        json_object_is_type(member, json_type_string))
        text = json_object_get_string(member);
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
            return "";
    }
    return text;
}

/* Prints a line for each dependency (such as Redis) that the response has. The lines explain the
 * engine's status; they do not change the exit status. */
static void health_print_dependencies(struct json_object *body)
{
    struct json_object *all = NULL;
    struct json_object_iterator it, end;

    if (!json_object_is_type(body, json_type_object) ||
        !json_object_object_get_ex(body, "dependencies", &all) ||
        !json_object_is_type(all, json_type_object))
        return;
    end = json_object_iter_end(all);
    for (it = json_object_iter_begin(all); !json_object_iter_equal(&it, &end);
         json_object_iter_next(&it)) {
        const char *name = json_object_iter_peek_name(&it), *state = printable_member(all, name);
        bool good = strcmp(state, "healthy") == 0, unused = strcmp(state, "not_configured") == 0;

        health_print_state(good || unused ? COLOUR_GOOD : COLOUR_WARNING,
                           good     ? "ok"
                           : unused ? "-"
                                    : "away",
                           name);
        (void)printf("%s\n", state);
    }
}

/* Prints the response. Returns CTL_DONE when the HTTP status is 200 and the member "status" has its
 * good value, else CTL_FAILED; nothing else in the response counts. */
static enum ctl_exit health_print_response(const struct check *check,
                                           const struct response *response, struct arena *arena)
{
    struct problem not_json = {.code = PROBLEM_NONE};
    struct json_object *body = json_parse(buf_view(&response->body), arena, &not_json);
    const char *status = printable_member(body, "status"),
               *version = printable_member(body, "version");
    bool good = response->http_status == 200 && strcmp(status, check->good_status) == 0;

    health_print_state(good ? COLOUR_GOOD : COLOUR_BAD, good ? "ok" : "failed", check->name);
    (void)printf("%ld", response->http_status);
    if (*status)
        (void)printf(" %s", status);
    else
        (void)fputs(", not a response of an engine", stdout);
    if (*version)
        (void)printf(", version %s", version);
    (void)printf(", %" PRId64 " ms\n", response->duration_ms);
    health_print_dependencies(body);
    return good ? CTL_DONE : CTL_FAILED;
}

/* Requests one endpoint and prints the result. Returns the result of health_print_response, or
 * CTL_UNAVAILABLE, after a line with libcurl's reason, when there was no response. */
static enum ctl_exit health_run_check(CURL *curl, const struct health_settings *s,
                                      const struct check *check, struct arena *arena)
{
    struct response response;

    health_request(curl, s, check, arena, &response);
    if (response.failure == CURLE_OK)
        return health_print_response(check, &response, arena);
    health_print_state(COLOUR_BAD, "away", check->name);
    (void)printf("%s: %s\n", s->url, curl_easy_strerror(response.failure));
    return CTL_UNAVAILABLE;
}

/* Requests /health and, with --ready, /ready; the exit status is the worse result of the two. When
 * /health has no response, /ready is not requested. */
static enum ctl_exit health_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    const struct health_settings *s = settings;
    enum ctl_exit status = CTL_FAILED;
    CURL *curl;

    if (subcommand_check_url(command, s->url) != CTL_DONE)
        return CTL_USAGE;
    curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    if (curl) {
        status = health_run_check(curl, s, &health_check, arena);
        if (status != CTL_UNAVAILABLE && s->ready) {
            enum ctl_exit ready = health_run_check(curl, s, &ready_check, arena);

            status = ready > status ? ready : status;
        }
        curl_easy_cleanup(curl);
    } else {
        subcommand_error(command, "libcurl cannot be initialised");
    }
    curl_global_cleanup();
    return status;
}

/* clang-format off */
static const struct option_rule health_options[] = {
    {.name = "url", .value_name = "URL", .type = OPTION_TEXT,
     .offset = offsetof(struct health_settings, url),
     .description = "address of the engine (http://127.0.0.1:8005)"},
    {.name = "from", .value_name = "ADDRESS", .type = OPTION_TEXT,
     .offset = offsetof(struct health_settings, source),
     .description = "address of this machine to connect from"},
    {.name = "ready", .type = OPTION_FLAG, .offset = offsetof(struct health_settings, ready),
     .description = "request /ready too, which includes Redis and the worker"},
    {.name = "timeout", .value_name = "SECONDS", .type = OPTION_INT, .min = 1, .max = 300,
     .offset = offsetof(struct health_settings, timeout_s),
     .description = "longest wait for each response (5)"},
    {0},
};
/* clang-format on */

static const struct health_settings health_defaults = {.url = "http://127.0.0.1:8005",
                                                       .timeout_s = 5};

const struct subcommand health_subcommand = {
    .name = "health",
    .summary = "Checks the health of a running engine",
    .description = "Prints a line for each check. Reads no settings.\n"
                   "Exit status: 0 healthy, 1 not healthy, 2 wrong usage, 3 no response.\n",
    .options = health_options,
    .default_settings = &health_defaults,
    .settings_size = sizeof(struct health_settings),
    .run = health_run,
};
