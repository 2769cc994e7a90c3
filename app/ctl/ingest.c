/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl ingest: sends a file of learning events, a line each, to a running engine. */
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/base/buf.h"
#include "app/base/clock.h"
#include "app/ctl/subcommand.h"
#include "app/ctl/terminal.h"
#include "app/http/json.h"

enum {
    PARALLEL_MAX = 64,
    ANSWER_MAX = 16384,
    TRIES = 8, /* of a line that gets no answer, or 5xx */
    PAUSE_MS = 250,
    PAUSE_MAX_MS = 15000,
    TIMEOUT_S = 30,
};
static const int64_t SAVE_US = 1000000;

struct settings {
    const char *file, *url, *token;
    bool resume;
    int64_t parallel;
};

struct sending;

/* A line on its way. */
struct line {
    struct sending *of;
    CURL *easy;
    char *text;
    size_t n, room;
    int64_t number;
    off_t begins;
    int tries;
    int64_t not_before_us;
    bool taken, under_way;
    char answer[ANSWER_MAX];
    size_t answer_n;
};

struct sending {
    const struct subcommand *command;
    const struct settings *settings;
    struct arena *arena; /* of one answer */
    FILE *in;
    bool is_stdin, at_end;
    off_t at, size; /* behind the last line read; of the file */
    int64_t number; /* of the last line read */
    char *url, *done_path;
    struct curl_slist *headers;
    CURLM *multi;
    struct line lines[PARALLEL_MAX];
    int64_t pause_until_us, saved_us;
    int64_t accepted, rejected;
    bool away;
};

/* ---- how far we are ---- */

/* Everything before is done. */
static off_t done_until(const struct sending *s, int64_t *ret_number)
{
    off_t until = s->at;

    *ret_number = s->number;
    for (int i = 0; i < PARALLEL_MAX; i++) {
        if (s->lines[i].taken && s->lines[i].begins < until) {
            until = s->lines[i].begins;
            *ret_number = s->lines[i].number - 1;
        }
    }
    return until;
}

/* Written anew and put in place of the old one, so that there always is a whole one. */
static void save(struct sending *s)
{
    char path[4096];
    int64_t number;
    off_t until = done_until(s, &number);
    FILE *out;

    if (s->is_stdin || snprintf(path, sizeof(path), "%s.new", s->done_path) >= (int)sizeof(path))
        return;
    out = fopen(path, "we");
    if (!out)
        return; /* the next run begins earlier, and the engine knows the events */
    (void)fprintf(out, "%" PRId64 " %" PRId64 "\n", (int64_t)until, number);
    if (fclose(out) == 0)
        (void)rename(path, s->done_path);
}

static bool load(struct sending *s)
{
    char text[64] = "";
    struct str rest;
    int64_t at, number;
    FILE *in = fopen(s->done_path, "re");

    if (!in)
        return errno == ENOENT; /* nothing has been done */
    if (!fgets(text, sizeof(text), in))
        text[0] = '\0';
    (void)fclose(in);
    rest = str_trim(str_of(text));
    if (!str_to_int64(str_cut(&rest, ' '), 0, s->size, &at) ||
        !str_to_int64(rest, 0, INT64_MAX, &number) || fseeko(s->in, at, SEEK_SET) != 0)
        return false;
    s->at = at;
    s->number = number;
    return true;
}

static void show_progress(struct sending *s)
{
    int64_t now_us = clock_monotonic_us(), number;
    off_t until;

    if (s->is_stdin)
        return;
    until = done_until(s, &number);
    progress_update((size_t)until, (size_t)s->size, "bytes");
    if (now_us - s->saved_us < SAVE_US)
        return;
    s->saved_us = now_us;
    save(s);
}

/* ---- answers ---- */

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;

    if (json_object_is_type(object, json_type_object))
        (void)json_object_object_get_ex(object, name, &found);
    return found;
}

/* What stands in an answer is printed only as far as it is plain. */
static void print_plain(struct json_object *text)
{
    const char *p = json_object_is_type(text, json_type_string) ? json_object_get_string(text) : "";

    for (; *p; p++)
        (void)fputc(*p >= ' ' && *p <= '~' ? *p : '?', stderr);
}

static void print_reject(struct sending *s, const struct line *line, long status)
{
    struct problem not_json = {.code = PROBLEM_NONE};
    struct json_object *body, *error, *fields;

    arena_reset(s->arena);
    body = json_parse((struct str){line->answer, line->answer_n}, s->arena, &not_json);
    error = member(body, "error");
    fields = member(member(error, "details"), "errors");
    progress_clear();
    (void)fprintf(stderr, "line %" PRId64 ": %ld ", line->number, status);
    print_plain(member(error, "code"));
    if (!json_object_is_type(fields, json_type_array)) {
        (void)fputc(' ', stderr);
        print_plain(member(error, "message"));
    }
    for (size_t i = 0; fields && json_object_is_type(fields, json_type_array) &&
                       i < json_object_array_length(fields);
         i++) {
        (void)fputs(i > 0 ? "; " : " ", stderr);
        print_plain(member(json_object_array_get_idx(fields, i), "field"));
        (void)fputs(": ", stderr);
        print_plain(member(json_object_array_get_idx(fields, i), "message"));
    }
    (void)fputc('\n', stderr);
}

static int64_t retry_after_us(const struct line *line)
{
    curl_off_t seconds = 0;

    (void)curl_easy_getinfo(line->easy, CURLINFO_RETRY_AFTER, &seconds);
    return (seconds > 0 ? seconds : 1) * INT64_C(1000000);
}

static void try_again(struct sending *s, struct line *line, const char *why)
{
    int64_t ms = PAUSE_MS;

    for (int i = 0; i < line->tries && ms < PAUSE_MAX_MS; i++)
        ms *= 2;
    if (++line->tries >= TRIES) {
        progress_clear();
        subcommand_error(s->command, "line %" PRId64 ": %s", line->number, why);
        s->away = true;
        return;
    }
    line->not_before_us = clock_monotonic_us() + ms * 1000;
}

static void take_answer(struct sending *s, struct line *line, CURLcode failure)
{
    long status = 0;

    (void)curl_easy_getinfo(line->easy, CURLINFO_RESPONSE_CODE, &status);
    if (failure != CURLE_OK) {
        try_again(s, line, curl_easy_strerror(failure));
    } else if (status == 429) { /* its budget is everybody's */
        s->pause_until_us = clock_monotonic_us() + retry_after_us(line);
    } else if (status >= 500) {
        try_again(s, line, "the engine is not well");
    } else if (status == 401) { /* no other line would fare better */
        print_reject(s, line, status);
        s->away = true;
    } else {
        line->taken = false;
        if (status == 202)
            s->accepted++;
        else
            s->rejected++;
        if (status != 202)
            print_reject(s, line, status);
    }
}

/* ---- sending ---- */

static size_t keep_answer(char *bytes, size_t size, size_t count, void *own)
{
    struct line *line = own;
    size_t n = size * count, room = sizeof(line->answer) - line->answer_n;

    if (room > n)
        room = n;
    memcpy(line->answer + line->answer_n, bytes, room);
    line->answer_n += room;
    return n;
}

static void send_line(struct sending *s, struct line *line)
{
    CURL *easy = line->easy;

    curl_easy_reset(easy);
    line->answer_n = 0;
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, line);
    (void)curl_easy_setopt(easy, CURLOPT_URL, s->url);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, s->headers);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)line->n);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, line->text);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep_answer);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, line);
    line->under_way = curl_multi_add_handle(s->multi, easy) == CURLM_OK;
    if (!line->under_way)
        s->away = true;
}

/* The next line that is not empty. False at the end. */
static bool read_line(struct sending *s, struct line *line)
{
    while (!s->at_end) {
        ssize_t n = getline(&line->text, &line->room, s->in);

        if (n < 0) {
            s->at_end = true;
            if (ferror(s->in)) {
                subcommand_error(s->command, "%s: %s", s->settings->file, strerror(errno));
                s->away = true;
            }
            return false;
        }
        line->begins = s->at;
        line->number = ++s->number;
        s->at += n;
        line->n = (size_t)n;
        if (str_trim((struct str){line->text, line->n}).n > 0)
            return true;
    }
    return false;
}

static void fill(struct sending *s)
{
    int64_t now_us = clock_monotonic_us();

    for (int64_t i = 0; i < s->settings->parallel && now_us >= s->pause_until_us && !s->away; i++) {
        struct line *line = &s->lines[i];

        if (!line->taken) {
            line->taken = read_line(s, line);
            line->tries = 0;
            line->not_before_us = 0;
        }
        if (line->taken && !line->under_way && now_us >= line->not_before_us)
            send_line(s, line);
    }
}

static void take_messages(struct sending *s)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(s->multi, &left))) {
        struct line *line = NULL;
        CURLcode result = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &line);
        (void)curl_multi_remove_handle(s->multi, line->easy);
        line->under_way = false;
        take_answer(s, line, result);
    }
}

static bool any(const struct sending *s, bool under_way_only)
{
    for (int i = 0; i < PARALLEL_MAX; i++) {
        if (under_way_only ? s->lines[i].under_way : s->lines[i].taken)
            return true;
    }
    return false;
}

static void send_all(struct sending *s)
{
    int running;

    do {
        fill(s);
        (void)curl_multi_perform(s->multi, &running);
        take_messages(s);
        show_progress(s);
        (void)curl_multi_poll(s->multi, NULL, 0, running > 0 ? 100 : 10, NULL);
    } while (s->away ? any(s, true) : any(s, false) || !s->at_end);
}

/* ---- beginning and end ---- */

static bool open_file(struct sending *s)
{
    struct stat about;

    s->is_stdin = strcmp(s->settings->file, "-") == 0;
    s->in = s->is_stdin ? stdin : fopen(s->settings->file, "re");
    if (!s->in || (!s->is_stdin && fstat(fileno(s->in), &about) != 0)) {
        subcommand_error(s->command, "%s: %s", s->settings->file, strerror(errno));
        return false;
    }
    if (s->is_stdin)
        return true;
    s->size = about.st_size;
    if (!s->settings->resume || load(s))
        return true;
    subcommand_error(s->command, "%s cannot be used", s->done_path);
    return false;
}

static bool set_up(struct sending *s)
{
    const char *token = s->settings->token ? s->settings->token : getenv("MASTERY_TOKEN");
    struct str base = str_of(s->settings->url);
    char *header = NULL;

    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    if (asprintf(&s->url, "%.*s/api/v1/mastery/ingest", STR_ARG(base)) < 0 ||
        asprintf(&s->done_path, "%s.done", s->settings->file) < 0 ||
        asprintf(&header, "Authorization: Bearer %s", token ? token : "") < 0)
        return false;
    s->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (s->headers)
        (void)curl_slist_append(s->headers, header);
    free(header);
    s->arena = arena_new(1 << 16, 16 << 20);
    s->multi = curl_multi_init();
    for (int i = 0; i < PARALLEL_MAX; i++) {
        s->lines[i].of = s;
        s->lines[i].easy = i < s->settings->parallel ? curl_easy_init() : NULL;
        if (i < s->settings->parallel && !s->lines[i].easy)
            return false;
    }
    return s->headers && s->arena && s->multi;
}

static void release(struct sending *s)
{
    for (int i = 0; i < PARALLEL_MAX; i++) {
        curl_easy_cleanup(s->lines[i].easy);
        free(s->lines[i].text);
    }
    (void)curl_multi_cleanup(s->multi);
    curl_slist_free_all(s->headers);
    if (s->in && !s->is_stdin)
        (void)fclose(s->in); /* was only read */
    arena_free(s->arena);
    free(s->url);
    free(s->done_path);
}

static enum ctl_exit finish(struct sending *s, int64_t took_us)
{
    progress_clear();
    if (s->away)
        save(s);
    else if (!s->is_stdin)
        (void)unlink(s->done_path); /* nothing is left to resume */
    (void)printf("%" PRId64 " accepted, %" PRId64 " rejected, %.1f s%s\n", s->accepted, s->rejected,
                 (double)took_us / 1e6,
                 s->away && !s->is_stdin ? "; not finished: --resume goes on" : "");
    if (s->away)
        return CTL_UNAVAILABLE;
    return s->rejected > 0 ? CTL_FAILED : CTL_DONE;
}

static enum ctl_exit run_sending(struct sending *s)
{
    int64_t began_us = clock_monotonic_us();

    if (!set_up(s)) {
        subcommand_error(s->command, "out of memory");
        return CTL_FAILED;
    }
    if (!open_file(s))
        return CTL_FAILED;
    send_all(s);
    return finish(s, clock_monotonic_us() - began_us);
}

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    struct sending *s = arena_zalloc(arena, sizeof(*s));
    const struct settings *told = settings;
    enum ctl_exit status = CTL_FAILED;

    if (!str_starts_with(str_of(told->url), STR("http://")) &&
        !str_starts_with(str_of(told->url), STR("https://")))
        return subcommand_usage_error(command, "--url must begin with http:// or https://");
    if (told->resume && strcmp(told->file, "-") == 0)
        return subcommand_usage_error(command, "standard input cannot be resumed");
    if (!s || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        subcommand_error(command, "out of memory");
        return CTL_FAILED;
    }
    s->command = command;
    s->settings = told;
    status = run_sending(s);
    release(s);
    curl_global_cleanup();
    return status;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "file", .value_name = "FILE", .type = OPTION_OPERAND, .required = true, .offset = offsetof(struct settings, file),
     .description = "events as ingest takes them, a line each; - for standard input"},
    {.name = "url", .value_name = "URL", .type = OPTION_TEXT, .offset = offsetof(struct settings, url),
     .description = "where the engine is (http://127.0.0.1:8005)"},
    {.name = "token", .value_name = "TOKEN", .type = OPTION_TEXT, .offset = offsetof(struct settings, token),
     .description = "whose events they are, or who may send them; better in MASTERY_TOKEN"},
    {.name = "resume", .type = OPTION_FLAG, .offset = offsetof(struct settings, resume),
     .description = "go on where the last run stopped, by FILE.done"},
    {.name = "parallel", .value_name = "N", .type = OPTION_INT, .min = 1, .max = PARALLEL_MAX, .offset = offsetof(struct settings, parallel),
     .description = "so many at a time (16)"},
    {0},
};
/* clang-format on */

static const struct settings presets = {.url = "http://127.0.0.1:8005", .parallel = 16};

const struct subcommand ingest_subcommand = {
    .name = "ingest",
    .summary = "Sends a file of learning events to a running engine",
    .description =
        "\nRejected lines are told with their numbers, and the rest goes on. When the engine says\n"
        "that it is too much (429) or is away, it waits; if it stays away it stops, and FILE.done\n"
        "says how far it came. Sending an event twice counts it once. Reads no settings but\n"
        "MASTERY_TOKEN.\n",
    .options = options,
    .default_settings = &presets,
    .settings_size = sizeof(struct settings),
    .run = run,
};
