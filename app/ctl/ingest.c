/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl ingest: sends a file of learning events, one JSON object a line, to a running engine,
 * several requests at a time. FILE.done has the offset up to which all lines are done, for
 * --resume; lines sent again are harmless, because the engine counts an event id once. */
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
    RESPONSE_MAX = 16384,
    TRIES = 8, /* for a line without a response, or with 5xx */
    RETRY_MS = 250,
    RETRY_MAX_MS = 15000,
    TIMEOUT_S = 30,
};
static const int64_t SAVE_US = 1000000;

struct ingest_settings {
    const char *file, *url, *token;
    bool resume;
    int64_t parallel;
};

struct upload;

/* One line and its request. */
struct upload_line {
    struct upload *upload;
    CURL *easy;
    char *text;
    size_t n, capacity;
    int64_t number;
    off_t offset;
    int tries;
    int64_t not_before_us;
    bool is_used, in_flight;
    char response[RESPONSE_MAX];
    size_t response_n;
};

struct upload {
    const struct subcommand *command;
    const struct ingest_settings *settings;
    struct arena *arena; /* one response */
    FILE *in;
    bool is_stdin, is_at_end;
    off_t offset, size; /* after the last line read; of the file */
    int64_t number;     /* of the last line read */
    char *url, *done_path;
    struct curl_slist *headers;
    CURLM *multi;
    struct upload_line lines[PARALLEL_MAX];
    int64_t pause_until_us, saved_us;
    int64_t accepted, rejected;
    bool aborted;
};

/* ---- the position in the file ---- */

/* The offset before which every line has its final response. */
static off_t upload_done_until(const struct upload *s, int64_t *ret_number)
{
    off_t until = s->offset;

    *ret_number = s->number;
    for (int i = 0; i < PARALLEL_MAX; i++) {
        if (s->lines[i].is_used && s->lines[i].offset < until) {
            until = s->lines[i].offset;
            *ret_number = s->lines[i].number - 1;
        }
    }
    return until;
}

/* Writes a new file and renames it over the old one, so that a whole one always exists. */
static void upload_save_position(struct upload *s)
{
    char path[4096];
    int64_t number;
    off_t until = upload_done_until(s, &number);
    FILE *out;

    if (s->is_stdin || snprintf(path, sizeof(path), "%s.new", s->done_path) >= (int)sizeof(path))
        return;
    out = fopen(path, "we");
    if (!out)
        return; /* the next run then starts earlier, and the engine knows the events already */
    (void)fprintf(out, "%" PRId64 " %" PRId64 "\n", (int64_t)until, number);
    if (fclose(out) == 0)
        (void)rename(path, s->done_path);
}

/* Continues at the offset in FILE.done. No such file: from the beginning. False when its content
 * does not fit this file. */
static bool upload_load_position(struct upload *s)
{
    char text[64] = "";
    struct str rest;
    int64_t offset, number;
    FILE *in = fopen(s->done_path, "re");

    if (!in)
        return errno == ENOENT; /* nothing has been done */
    if (!fgets(text, sizeof(text), in))
        text[0] = '\0';
    (void)fclose(in);
    rest = str_trim(str_of(text));
    if (!str_to_int64(str_cut(&rest, ' '), 0, s->size, &offset) ||
        !str_to_int64(rest, 0, INT64_MAX, &number) || fseeko(s->in, offset, SEEK_SET) != 0)
        return false;
    s->offset = offset;
    s->number = number;
    return true;
}

/* Draws the bar, and saves the position once a second. */
static void upload_show_progress(struct upload *s)
{
    int64_t now_us = clock_monotonic_us(), number;
    off_t until;

    if (s->is_stdin)
        return;
    until = upload_done_until(s, &number);
    progress_update((size_t)until, (size_t)s->size, "bytes");
    if (now_us - s->saved_us < SAVE_US)
        return;
    s->saved_us = now_us;
    upload_save_position(s);
}

/* ---- responses ---- */

static struct json_object *json_member(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;

    if (json_object_is_type(object, json_type_object))
        (void)json_object_object_get_ex(object, name, &found);
    return found;
}

/* Prints a text of the response with ? for all but printable ASCII: a server must not reach the
 * terminal with control characters. */
static void print_printable(struct json_object *text)
{
    const char *p = json_object_is_type(text, json_type_string) ? json_object_get_string(text) : "";

    for (; *p; p++)
        (void)fputc(*p >= ' ' && *p <= '~' ? *p : '?', stderr);
}

/* Prints the line's number, the status and, from the problem response, the code and each wrong
 * field. */
static void upload_report_rejected(struct upload *s, const struct upload_line *upload_line,
                                   long status)
{
    struct problem not_json = {.code = PROBLEM_NONE};
    struct json_object *body, *error, *fields;

    arena_reset(s->arena);
    body = json_parse((struct str){upload_line->response, upload_line->response_n}, s->arena,
                      &not_json);
    error = json_member(body, "error");
    fields = json_member(json_member(error, "details"), "errors");
    progress_clear();
    (void)fprintf(stderr, "line %" PRId64 ": %ld ", upload_line->number, status);
    print_printable(json_member(error, "code"));
    if (!json_object_is_type(fields, json_type_array)) {
        (void)fputc(' ', stderr);
        print_printable(json_member(error, "message"));
    }
    for (size_t i = 0; fields && json_object_is_type(fields, json_type_array) &&
                       i < json_object_array_length(fields);
         i++) {
        (void)fputs(i > 0 ? "; " : " ", stderr);
        print_printable(json_member(json_object_array_get_idx(fields, i), "field"));
        (void)fputs(": ", stderr);
        print_printable(json_member(json_object_array_get_idx(fields, i), "message"));
    }
    (void)fputc('\n', stderr);
}

/* Retry-After of the response, at least a second. */
static int64_t retry_after_us(const struct upload_line *upload_line)
{
    curl_off_t seconds = 0;

    (void)curl_easy_getinfo(upload_line->easy, CURLINFO_RETRY_AFTER, &seconds);
    return (seconds > 0 ? seconds : 1) * INT64_C(1000000);
}

/* Waits twice as long after each try, up to RETRY_MAX_MS. After TRIES tries the whole upload stops:
 * an engine that is away fails every line. */
static void upload_retry_line(struct upload *s, struct upload_line *upload_line, const char *why)
{
    int64_t ms = RETRY_MS;

    for (int i = 0; i < upload_line->tries && ms < RETRY_MAX_MS; i++)
        ms *= 2;
    if (++upload_line->tries >= TRIES) {
        progress_clear();
        subcommand_error(s->command, "line %" PRId64 ": %s", upload_line->number, why);
        s->aborted = true;
        return;
    }
    upload_line->not_before_us = clock_monotonic_us() + ms * 1000;
}

/* 202: accepted. 429: all lines pause. 5xx or no response: the line is sent again. 401: the upload
 * stops. Any other status rejects this line alone. */
static void upload_on_response(struct upload *s, struct upload_line *upload_line, CURLcode failure)
{
    long status = 0;

    (void)curl_easy_getinfo(upload_line->easy, CURLINFO_RESPONSE_CODE, &status);
    if (failure != CURLE_OK) {
        upload_retry_line(s, upload_line, curl_easy_strerror(failure));
    } else if (status == 429) { /* the rate limit counts all lines together */
        s->pause_until_us = clock_monotonic_us() + retry_after_us(upload_line);
    } else if (status >= 500) {
        upload_retry_line(s, upload_line, "the engine keeps failing (5xx)");
    } else if (status == 401) { /* the token is refused: so it would be for every other line */
        upload_report_rejected(s, upload_line, status);
        s->aborted = true;
    } else {
        upload_line->is_used = false;
        if (status == 202)
            s->accepted++;
        else
            s->rejected++;
        if (status != 202)
            upload_report_rejected(s, upload_line, status);
    }
}

/* ---- sending ---- */

/* libcurl calls this for each piece of the body. What does not fit is dropped: only the start is
 * shown. */
static size_t upload_on_body(char *bytes, size_t size, size_t count, void *own)
{
    struct upload_line *upload_line = own;
    size_t n = size * count, capacity = sizeof(upload_line->response) - upload_line->response_n;

    if (capacity > n)
        capacity = n;
    memcpy(upload_line->response + upload_line->response_n, bytes, capacity);
    upload_line->response_n += capacity;
    return n;
}

/* Starts the request of a line. Proxies of the environment are not used. */
static void upload_send_line(struct upload *s, struct upload_line *upload_line)
{
    CURL *easy = upload_line->easy;

    curl_easy_reset(easy);
    upload_line->response_n = 0;
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, upload_line);
    (void)curl_easy_setopt(easy, CURLOPT_URL, s->url);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, s->headers);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)upload_line->n);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, upload_line->text);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, upload_on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, upload_line);
    upload_line->in_flight = curl_multi_add_handle(s->multi, easy) == CURLM_OK;
    if (!upload_line->in_flight)
        s->aborted = true;
}

/* Reads the next line that is not empty. False at the end of the file. */
static bool upload_read_line(struct upload *s, struct upload_line *upload_line)
{
    while (!s->is_at_end) {
        ssize_t n = getline(&upload_line->text, &upload_line->capacity, s->in);

        if (n < 0) {
            s->is_at_end = true;
            if (ferror(s->in)) {
                subcommand_error(s->command, "%s: %s", s->settings->file, strerror(errno));
                s->aborted = true;
            }
            return false;
        }
        upload_line->offset = s->offset;
        upload_line->number = ++s->number;
        s->offset += n;
        upload_line->n = (size_t)n;
        if (str_trim((struct str){upload_line->text, upload_line->n}).n > 0)
            return true;
    }
    return false;
}

/* Fills each free slot with the next line, and starts every line whose waiting time is over. */
static void upload_start_lines(struct upload *s)
{
    int64_t now_us = clock_monotonic_us();

    for (int64_t i = 0; i < s->settings->parallel && now_us >= s->pause_until_us && !s->aborted;
         i++) {
        struct upload_line *upload_line = &s->lines[i];

        if (!upload_line->is_used) {
            upload_line->is_used = upload_read_line(s, upload_line);
            upload_line->tries = 0;
            upload_line->not_before_us = 0;
        }
        if (upload_line->is_used && !upload_line->in_flight && now_us >= upload_line->not_before_us)
            upload_send_line(s, upload_line);
    }
}

/* Hands every finished transfer to upload_on_response. */
static void upload_process_finished(struct upload *s)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(s->multi, &left))) {
        struct upload_line *upload_line = NULL;
        CURLcode result = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &upload_line);
        (void)curl_multi_remove_handle(s->multi, upload_line->easy);
        upload_line->in_flight = false;
        upload_on_response(s, upload_line, result);
    }
}

static bool upload_has_lines(const struct upload *s, bool in_flight_only)
{
    for (int i = 0; i < PARALLEL_MAX; i++) {
        if (in_flight_only ? s->lines[i].in_flight : s->lines[i].is_used)
            return true;
    }
    return false;
}

/* Runs until the file is read and every line has its response. An aborted upload only waits for the
 * requests in flight. */
static void upload_send_all(struct upload *s)
{
    int running;

    do {
        upload_start_lines(s);
        (void)curl_multi_perform(s->multi, &running);
        upload_process_finished(s);
        upload_show_progress(s);
        (void)curl_multi_poll(s->multi, NULL, 0, running > 0 ? 100 : 10, NULL);
    } while (s->aborted ? upload_has_lines(s, true) : upload_has_lines(s, false) || !s->is_at_end);
}

/* ---- start and finish ---- */

static bool upload_open_file(struct upload *s)
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
    if (!s->settings->resume || upload_load_position(s))
        return true;
    subcommand_error(s->command,
                     "%s is not a position in this file: delete it, or run without --resume",
                     s->done_path);
    return false;
}

/* False without memory. upload_release frees what was allocated. */
static bool upload_init(struct upload *s)
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
        s->lines[i].upload = s;
        s->lines[i].easy = i < s->settings->parallel ? curl_easy_init() : NULL;
        if (i < s->settings->parallel && !s->lines[i].easy)
            return false;
    }
    return s->headers && s->arena && s->multi;
}

static void upload_release(struct upload *s)
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

static enum ctl_exit upload_finish(struct upload *s, int64_t took_us)
{
    progress_clear();
    if (s->aborted)
        upload_save_position(s);
    else if (!s->is_stdin)
        (void)unlink(s->done_path); /* nothing is left to resume */
    (void)printf("%" PRId64 " accepted, %" PRId64 " rejected, %.1f s%s\n", s->accepted, s->rejected,
                 (double)took_us / 1e6,
                 s->aborted && !s->is_stdin ? "; not finished: continue with --resume" : "");
    if (s->aborted)
        return CTL_UNAVAILABLE;
    return s->rejected > 0 ? CTL_FAILED : CTL_DONE;
}

static enum ctl_exit upload_run(struct upload *s)
{
    int64_t began_us = clock_monotonic_us();

    if (!upload_init(s)) {
        subcommand_error(s->command, "out of memory");
        return CTL_FAILED;
    }
    if (!upload_open_file(s))
        return CTL_FAILED;
    upload_send_all(s);
    return upload_finish(s, clock_monotonic_us() - began_us);
}

static enum ctl_exit ingest_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    struct upload *s = arena_zalloc(arena, sizeof(*s));
    const struct ingest_settings *upload_settings = settings;
    enum ctl_exit status = CTL_FAILED;

    if (subcommand_check_url(command, upload_settings->url) != CTL_DONE)
        return CTL_USAGE;
    if (upload_settings->resume && strcmp(upload_settings->file, "-") == 0)
        return subcommand_usage_error(command, "standard input cannot be resumed");
    if (!s || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        subcommand_error(command, "out of memory");
        return CTL_FAILED;
    }
    s->command = command;
    s->settings = settings;
    status = upload_run(s);
    upload_release(s);
    curl_global_cleanup();
    return status;
}

/* clang-format off */
static const struct option_rule ingest_options[] = {
    {.name = "file", .value_name = "FILE", .type = OPTION_OPERAND, .required = true,
     .offset = offsetof(struct ingest_settings, file),
     .description = "learning events, one JSON object a line; - for standard input"},
    {.name = "url", .value_name = "URL", .type = OPTION_TEXT,
     .offset = offsetof(struct ingest_settings, url),
     .description = "address of the engine (http://127.0.0.1:8005)"},
    {.name = "token", .value_name = "TOKEN", .type = OPTION_TEXT,
     .offset = offsetof(struct ingest_settings, token),
     .description = "a token that may send these events; better in MASTERY_TOKEN"},
    {.name = "resume", .type = OPTION_FLAG, .offset = offsetof(struct ingest_settings, resume),
     .description = "continue where the last run stopped, as FILE.done says"},
    {.name = "parallel", .value_name = "N", .type = OPTION_INT, .min = 1, .max = PARALLEL_MAX,
     .offset = offsetof(struct ingest_settings, parallel),
     .description = "requests at a time (16)"},
    {0},
};
/* clang-format on */

static const struct ingest_settings ingest_defaults = {.url = "http://127.0.0.1:8005",
                                                       .parallel = 16};

const struct subcommand ingest_subcommand = {
    .name = "ingest",
    .summary = "Sends a file of learning events to a running engine",
    .description =
        "\nReports rejected lines with their numbers and continues. On 429, and when the engine\n"
        "cannot be reached, it waits and tries again; if that does not help it stops, and\n"
        "FILE.done has the position. An event that is sent twice counts once. Reads no settings\n"
        "but MASTERY_TOKEN.\n",
    .options = ingest_options,
    .default_settings = &ingest_defaults,
    .settings_size = sizeof(struct ingest_settings),
    .run = ingest_run,
};
