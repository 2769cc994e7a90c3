/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ctl/subcommand.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>

#include "app/base/buf.h"
#include "app/ctl/terminal.h"
#include "app/http/json.h"

enum { BODY_MAX = 65536, STATE_WIDTH = 8, NAME_WIDTH = 12 };

struct settings {
    const char *url;
    const char *from; /* NULL: the kernel's choice */
    bool ready;
    int64_t timeout_s;
};

/* An endpoint and what it says when all is well. */
struct check {
    const char *name;
    const char *good_status;
};

static const struct check health_check = {"health", "healthy"};
static const struct check ready_check = {"ready", "ready"};

struct answer {
    CURLcode failure; /* CURLE_OK: there is an answer */
    long http_status;
    int64_t duration_ms;
    struct buf body;
};

/* What libcurl calls with a piece of the body; less than it gave ends the transfer. */
static size_t keep_body(char *bytes, size_t size, size_t count, void *body)
{
    struct buf *out = body;

    if (out->n + size * count > BODY_MAX)
        return 0;
    buf_put(out, bytes, size * count);
    return out->failed ? 0 : size * count;
}

/* Of this very address: proxies of the environment are for the world outside. */
static void command(CURL *curl, const struct settings *s, const struct check *check,
                    struct arena *arena, struct answer *ret)
{
    struct str base = str_of(s->url), url, from = {NULL, 0};
    curl_off_t duration_us = 0;

    *ret = (struct answer){.failure = CURLE_OUT_OF_MEMORY};
    buf_init(&ret->body, arena);
    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    url = arena_printf(arena, "%.*s/%s", STR_ARG(base), check->name);
    if (s->from) /* an address, and no name of an interface */
        from = arena_printf(arena, "host!%s", s->from);
    if (!url.p || (s->from && !from.p))
        return;
    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url.p);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)s->timeout_s);
    (void)curl_easy_setopt(curl, CURLOPT_INTERFACE, from.p);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &ret->body);
    ret->failure = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->http_status);
    (void)curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &duration_us);
    ret->duration_ms = (duration_us + 500) / 1000;
}

static void print_state(enum colour colour, const char *state, const char *name)
{
    terminal_print(colour, STATE_WIDTH, state);
    (void)printf("%-*s ", NAME_WIDTH, name);
}

/* Text of a member, "" without one. What stands in an answer is printed only if it is plain. */
static const char *text_member(struct json_object *object, const char *name)
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

/* The engine's own verdict stands above; these lines say what it rests on. */
static void print_dependencies(struct json_object *body)
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
        const char *name = json_object_iter_peek_name(&it), *state = text_member(all, name);
        bool good = strcmp(state, "healthy") == 0, unused = strcmp(state, "not_configured") == 0;

        print_state(good || unused ? COLOUR_GOOD : COLOUR_WARNING,
                    good     ? "ok"
                    : unused ? "-"
                             : "away",
                    name);
        (void)printf("%s\n", state);
    }
}

static enum ctl_exit print_answer(const struct check *check, const struct answer *answer,
                                  struct arena *arena)
{
    struct problem not_json = {.code = PROBLEM_NONE};
    struct json_object *body = json_parse(buf_view(&answer->body), arena, &not_json);
    const char *status = text_member(body, "status"), *version = text_member(body, "version");
    bool good = answer->http_status == 200 && strcmp(status, check->good_status) == 0;

    print_state(good ? COLOUR_GOOD : COLOUR_BAD, good ? "ok" : "failed", check->name);
    (void)printf("%ld", answer->http_status);
    if (*status)
        (void)printf(" %s", status);
    else
        (void)fputs(", and not what an engine answers", stdout);
    if (*version)
        (void)printf(", version %s", version);
    (void)printf(", %" PRId64 " ms\n", answer->duration_ms);
    print_dependencies(body);
    return good ? CTL_DONE : CTL_FAILED;
}

static enum ctl_exit run_check(CURL *curl, const struct settings *s, const struct check *check,
                               struct arena *arena)
{
    struct answer answer;

    command(curl, s, check, arena, &answer);
    if (answer.failure == CURLE_OK)
        return print_answer(check, &answer, arena);
    print_state(COLOUR_BAD, "away", check->name);
    (void)printf("%s: %s\n", s->url, curl_easy_strerror(answer.failure));
    return CTL_UNAVAILABLE;
}

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    const struct settings *s = settings;
    enum ctl_exit status = CTL_FAILED;
    CURL *curl;

    if (!str_starts_with(str_of(s->url), STR("http://")) &&
        !str_starts_with(str_of(s->url), STR("https://")))
        return subcommand_usage_error(command, "--url must begin with http:// or https://");
    curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    if (curl) {
        status = run_check(curl, s, &health_check, arena);
        if (status != CTL_UNAVAILABLE && s->ready) {
            enum ctl_exit ready = run_check(curl, s, &ready_check, arena);

            status = ready > status ? ready : status;
        }
        curl_easy_cleanup(curl);
    } else {
        subcommand_error(command, "libcurl cannot be used");
    }
    curl_global_cleanup();
    return status;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "url", .value_name = "URL", .type = OPTION_TEXT, .offset = offsetof(struct settings, url),
     .description = "where the engine is (http://127.0.0.1:8005)"},
    {.name = "from", .value_name = "ADDRESS", .type = OPTION_TEXT,
     .offset = offsetof(struct settings, from),
     .description = "address of this machine to ask from"},
    {.name = "ready", .type = OPTION_FLAG, .offset = offsetof(struct settings, ready),
     .description = "ask /ready too, and so look at its store"},
    {.name = "timeout", .value_name = "SECONDS", .type = OPTION_INT, .min = 1, .max = 300,
     .offset = offsetof(struct settings, timeout_s), .description = "longest wait for each answer (5)"},
    {0},
};
/* clang-format on */

static const struct settings presets = {.url = "http://127.0.0.1:8005", .timeout_s = 5};

const struct subcommand health_subcommand = {
    .name = "health",
    .summary = "Asks a running engine how it is",
    .description =
        "A line a check. Reads no settings.\n"
        "Exit status: 0 it is well, 1 it answers otherwise, 2 wrong usage, 3 no answer.\n",
    .options = options,
    .default_settings = &presets,
    .settings_size = sizeof(struct settings),
    .run = run,
};
