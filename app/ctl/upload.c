/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libcurl's "easy" handle is one request, its "multi" handle all of them. Each request has a slot
 * (struct upload_line) with the line of the file that it sends. The final response to a line (202,
 * or a status that rejects only this line) frees the slot for the next line. */
#include "app/ctl/upload.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/base/clock.h"
#include "app/ctl/json_line.h"
#include "app/ctl/terminal.h"
#include "app/http/json.h"

enum {
    RESPONSE_MAX = 16384, /* bytes of a response that are kept */
    TRIES_MAX = 8,        /* requests for one line that gets no response, or 5xx */
    RETRY_MS = 250,       /* pause before the second request; the pause then doubles */
    RETRY_MAX_MS = 15000, /* longest pause between two requests for a line */
    TIMEOUT_S = 30,       /* longest time of one request */
};
static const int64_t SAVE_US = 1000000; /* time between two writes of the file position_path */

/* A slot for one line of the file and its request. */
struct upload_line {
    CURL *easy;                  /* libcurl's handle of the request */
    char *memory;                /* holds `text`; allocated by lines_next */
    size_t size;                 /* bytes of `memory` */
    struct str text;             /* the line */
    int64_t number;              /* number of the line in the file, from 1 */
    off_t offset;                /* start of the line in the file, in bytes */
    int tries;                   /* requests that had no response, or 5xx */
    int64_t not_before_us;       /* monotonic time before which the line is not sent again */
    bool is_used;                /* true: the slot has a line without a final response */
    bool in_flight;              /* true: its request is running */
    char response[RESPONSE_MAX]; /* start of the response's body */
    size_t response_n;           /* bytes in `response` */
};

/* Everything about one upload: the file, the requests and the counts. */
struct upload {
    const struct subcommand *command;
    const struct upload_settings *settings;
    const struct upload_input *input;
    struct arena *arena; /* JSON of one response */
    bool is_at_end;
    char *url; /* URL of the route that ingests an event */
    struct curl_slist *headers;
    CURLM *multi;
    struct upload_line lines[UPLOAD_PARALLEL_MAX];
    int64_t pause_until_us;     /* monotonic time before which no request starts (after 429) */
    int64_t saved_us;           /* monotonic time of the last write of position_path */
    int64_t accepted, rejected; /* numbers of lines */
    bool aborted;               /* true: no more requests are started */
    struct progress progress;
};

/* ---- the position in the file ---- */

/* Returns the offset before which every line has its final response: the start of the first line
 * without one, or the end of the last line that was read. *ret_number is the number of lines before
 * it. */
static off_t upload_done_until(const struct upload *upload, int64_t *ret_number)
{
    off_t until = upload->input->lines->offset;

    *ret_number = upload->input->lines->number;
    for (int i = 0; i < UPLOAD_PARALLEL_MAX; i++) {
        if (upload->lines[i].is_used && upload->lines[i].offset < until) {
            until = upload->lines[i].offset;
            *ret_number = upload->lines[i].number - 1;
        }
    }
    return until;
}

/* Writes the position (an offset in bytes, and the number of lines before it) to a new file, and
 * renames that, so that the file is always complete. */
static void upload_save_position(struct upload *upload)
{
    char path[4096];
    int64_t number;
    off_t until;
    FILE *out;

    if (!upload->input->position_path ||
        snprintf(path, sizeof(path), "%s.new", upload->input->position_path) >= (int)sizeof(path))
        return;
    out = fopen(path, "we");
    if (!out)
        return; /* no error: the next run starts earlier and sends some events again */
    until = upload_done_until(upload, &number);
    (void)fprintf(out, "%" PRId64 " %" PRId64 "\n", (int64_t)until, number);
    if (fclose(out) == 0)
        (void)rename(path, upload->input->position_path);
}

bool upload_load_position(const struct upload_input *input)
{
    struct line_reader *lines = input->lines;
    char text[64] = "";
    struct str rest;
    int64_t offset, number;
    FILE *in = fopen(input->position_path, "re");

    if (!in)
        return errno == ENOENT; /* without a file, no line has been sent yet */
    if (!fgets(text, sizeof(text), in))
        text[0] = '\0';
    (void)fclose(in);
    rest = str_trim(str_of(text));
    if (!str_to_int64(str_cut(&rest, ' '), 0, input->size, &offset) ||
        !str_to_int64(rest, 0, INT64_MAX, &number) || fseeko(lines->in, offset, SEEK_SET) != 0)
        return false;
    lines->offset = offset;
    lines->number = number;
    return true;
}

/* Draws the progress bar, if the size is known, and saves the position once a second. */
static void upload_show_progress(struct upload *upload)
{
    int64_t now_us = clock_monotonic_us(), number;
    off_t until;

    if (upload->input->size == 0)
        return;
    until = upload_done_until(upload, &number);
    upload->progress.what = "bytes";
    progress_draw(&upload->progress, (size_t)until, (size_t)upload->input->size, -1);
    if (now_us - upload->saved_us < SAVE_US)
        return;
    upload->saved_us = now_us;
    upload_save_position(upload);
}

/* ---- responses ---- */

/* Returns the member with this name; NULL when there is none, or when `object` is not an object. */
static struct json_object *upload_member(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;

    if (json_object_is_type(object, json_type_object))
        (void)json_object_object_get_ex(object, name, &found);
    return found;
}

/* Prints a text of the response on standard error, with ? instead of all characters but printable
 * ASCII, because control characters from a server must not reach the terminal. */
static void upload_print_text(struct json_object *text)
{
    const char *p = json_object_is_type(text, json_type_string) ? json_object_get_string(text) : "";

    for (; *p; p++)
        (void)fputc(*p >= ' ' && *p <= '~' ? *p : '?', stderr);
}

/* Prints the start of a message about a line on standard error: its name and ": ". Erases the
 * progress bar first. */
static void upload_print_name(const struct upload *upload, const struct upload_line *upload_line)
{
    progress_clear();
    if (upload->input->line_names)
        (void)fprintf(stderr,
                      "%.*s: ", STR_ARG(upload->input->line_names[upload_line->number - 1]));
    else
        (void)fprintf(stderr, "line %" PRId64 ": ", upload_line->number);
}

/* Prints why a line was rejected: its name, the HTTP status and, from the response's body, the
 * code and each wrong field, or the message when no field is named. */
static void upload_report_rejected(struct upload *upload, const struct upload_line *upload_line,
                                   long status)
{
    struct problem not_json = {.code = PROBLEM_NONE};
    struct json_object *body, *error, *fields;

    arena_reset(upload->arena);
    body = json_parse((struct str){upload_line->response, upload_line->response_n}, upload->arena,
                      &not_json);
    error = upload_member(body, "error");
    fields = upload_member(upload_member(error, "details"), "errors");
    upload_print_name(upload, upload_line);
    (void)fprintf(stderr, "%ld ", status);
    upload_print_text(upload_member(error, "code"));
    if (!json_object_is_type(fields, json_type_array)) {
        (void)fputc(' ', stderr);
        upload_print_text(upload_member(error, "message"));
    }
    for (size_t i = 0; fields && json_object_is_type(fields, json_type_array) &&
                       i < json_object_array_length(fields);
         i++) {
        (void)fputs(i > 0 ? "; " : " ", stderr);
        upload_print_text(upload_member(json_object_array_get_idx(fields, i), "field"));
        (void)fputs(": ", stderr);
        upload_print_text(upload_member(json_object_array_get_idx(fields, i), "message"));
    }
    (void)fputc('\n', stderr);
}

/* Returns the time in the response's header Retry-After, at least one second, in microseconds. */
static int64_t upload_retry_after_us(const struct upload_line *upload_line)
{
    curl_off_t seconds = 0;

    (void)curl_easy_getinfo(upload_line->easy, CURLINFO_RETRY_AFTER, &seconds);
    return (seconds > 0 ? seconds : 1) * INT64_C(1000000);
}

/* Sets the time at which the line is sent again; the pause doubles after each try, up to
 * RETRY_MAX_MS. Aborts the whole upload after TRIES_MAX tries, because every line would fail on an
 * engine that cannot be reached. */
static void upload_retry_line(struct upload *upload, struct upload_line *upload_line,
                              const char *why)
{
    int64_t pause_ms = RETRY_MS;

    for (int i = 0; i < upload_line->tries && pause_ms < RETRY_MAX_MS; i++)
        pause_ms *= 2;
    if (++upload_line->tries >= TRIES_MAX) {
        upload_print_name(upload, upload_line);
        (void)fprintf(stderr, "%s\n", why);
        upload->aborted = true;
        return;
    }
    upload_line->not_before_us = clock_monotonic_us() + pause_ms * 1000;
}

/* Processes a response. 202: the line is accepted. 429: all lines pause. 5xx or no response: the
 * line is sent again later. 401: the upload is aborted. Any other status: this line is rejected. A
 * line that is accepted or rejected frees its slot. */
static void upload_on_response(struct upload *upload, struct upload_line *upload_line,
                               CURLcode failure)
{
    long status = 0;

    (void)curl_easy_getinfo(upload_line->easy, CURLINFO_RESPONSE_CODE, &status);
    if (failure != CURLE_OK) {
        upload_retry_line(upload, upload_line, curl_easy_strerror(failure));
    } else if (status == 429) { /* the rate limit counts all lines together */
        upload->pause_until_us = clock_monotonic_us() + upload_retry_after_us(upload_line);
    } else if (status >= 500) {
        upload_retry_line(upload, upload_line, "the engine keeps failing (5xx)");
    } else if (status == 401) { /* every other line would be refused too */
        upload_report_rejected(upload, upload_line, status);
        upload->aborted = true;
    } else {
        upload_line->is_used = false;
        if (status == 202)
            upload->accepted++;
        else
            upload->rejected++;
        if (status != 202)
            upload_report_rejected(upload, upload_line, status);
    }
}

/* ---- sending ---- */

/* Stores the start of a response's body. libcurl calls it for each piece of size * count bytes;
 * bytes that do not fit are dropped. Always returns the whole length, so that libcurl continues. */
static size_t upload_on_body(char *bytes, size_t size, size_t count, void *own)
{
    struct upload_line *upload_line = own;
    size_t n = size * count, copied = sizeof(upload_line->response) - upload_line->response_n;

    if (copied > n)
        copied = n;
    memcpy(upload_line->response + upload_line->response_n, bytes, copied);
    upload_line->response_n += copied;
    return n;
}

/* Starts the request of a line, without a proxy from the environment. Aborts the upload when
 * libcurl refuses the request. */
static void upload_send_line(struct upload *upload, struct upload_line *upload_line)
{
    CURL *easy = upload_line->easy;

    curl_easy_reset(easy);
    upload_line->response_n = 0;
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, upload_line);
    (void)curl_easy_setopt(easy, CURLOPT_URL, upload->url);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, upload->headers);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)upload_line->text.n);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, upload_line->text.p);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, upload_on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, upload_line);
    upload_line->in_flight = curl_multi_add_handle(upload->multi, easy) == CURLM_OK;
    if (!upload_line->in_flight)
        upload->aborted = true;
}

/* Reads the next line that is not empty into the slot. Returns false at the end of the file, and
 * when reading fails, which also aborts the upload. */
static bool upload_read_line(struct upload *upload, struct upload_line *upload_line)
{
    struct line_reader *lines = upload->input->lines;

    while (!upload->is_at_end) {
        upload_line->offset = lines->offset;
        if (!lines_next(lines, &upload_line->memory, &upload_line->size, &upload_line->text)) {
            upload->is_at_end = true;
            if (ferror(lines->in)) {
                subcommand_error(upload->command, "%s: %s", upload->input->name, strerror(errno));
                upload->aborted = true;
            }
            return false;
        }
        upload_line->number = lines->number;
        if (upload_line->text.n > 0)
            return true;
    }
    return false;
}

/* Fills each free slot with the next line, and starts the request of each line that has none and
 * whose pause is over. */
static void upload_start_lines(struct upload *upload)
{
    int64_t now_us = clock_monotonic_us();

    for (int64_t i = 0;
         i < upload->settings->parallel && now_us >= upload->pause_until_us && !upload->aborted;
         i++) {
        struct upload_line *upload_line = &upload->lines[i];

        if (!upload_line->is_used) {
            upload_line->is_used = upload_read_line(upload, upload_line);
            upload_line->tries = 0;
            upload_line->not_before_us = 0;
        }
        if (upload_line->is_used && !upload_line->in_flight && now_us >= upload_line->not_before_us)
            upload_send_line(upload, upload_line);
    }
}

/* Removes each finished request from libcurl and processes its response. */
static void upload_process_finished(struct upload *upload)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(upload->multi, &left))) {
        struct upload_line *upload_line = NULL;
        CURLcode result = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &upload_line);
        (void)curl_multi_remove_handle(upload->multi, upload_line->easy);
        upload_line->in_flight = false;
        upload_on_response(upload, upload_line, result);
    }
}

/* Returns whether a request is running or, with in_flight_only false, whether a line has no final
 * response. */
static bool upload_has_lines(const struct upload *upload, bool in_flight_only)
{
    for (int i = 0; i < UPLOAD_PARALLEL_MAX; i++) {
        if (in_flight_only ? upload->lines[i].in_flight : upload->lines[i].is_used)
            return true;
    }
    return false;
}

/* Sends until the file is read and every line has its final response. An aborted upload only waits
 * for the requests that are running. */
static void upload_send_all(struct upload *upload)
{
    int running;

    do {
        upload_start_lines(upload);
        (void)curl_multi_perform(upload->multi, &running);
        upload_process_finished(upload);
        upload_show_progress(upload);
        /* 100 or 10 ms; a response ends the wait early, but the end of a line's pause does not, so
         * the wait is short when there are only pauses */
        (void)curl_multi_poll(upload->multi, NULL, 0, running > 0 ? 100 : 10, NULL);
    } while (upload->aborted ? upload_has_lines(upload, true /* in flight only */)
                             : upload_has_lines(upload, false /* also lines that wait */) ||
                                   !upload->is_at_end);
}

/* ---- start and finish ---- */

/* Prepares URL, headers and handles. False when memory is exhausted; upload_release then frees what
 * was allocated. */
static bool upload_init(struct upload *upload)
{
    const char *token = upload->settings->token ? upload->settings->token : getenv("MASTERY_TOKEN");
    struct str base = str_of(upload->settings->url);
    char *header = NULL;

    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    if (asprintf(&upload->url, "%.*s/api/v1/mastery/ingest", STR_ARG(base)) < 0 ||
        asprintf(&header, "Authorization: Bearer %s", token ? token : "") < 0)
        return false;
    upload->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (upload->headers) /* if this fails, the engine responds 401 and the upload is aborted */
        (void)curl_slist_append(upload->headers, header);
    free(header);
    upload->arena = arena_new(1 << 16, 16 << 20);
    upload->multi = curl_multi_init();
    for (int i = 0; i < UPLOAD_PARALLEL_MAX; i++) {
        upload->lines[i].easy = i < upload->settings->parallel ? curl_easy_init() : NULL;
        if (i < upload->settings->parallel && !upload->lines[i].easy)
            return false;
    }
    return upload->headers && upload->arena && upload->multi;
}

/* Frees what upload_init has allocated. After a failure some handles are still NULL, which all
 * functions called here accept. */
static void upload_release(struct upload *upload)
{
    for (int i = 0; i < UPLOAD_PARALLEL_MAX; i++) {
        curl_easy_cleanup(upload->lines[i].easy);
        free(upload->lines[i].memory);
    }
    (void)curl_multi_cleanup(upload->multi);
    curl_slist_free_all(upload->headers);
    arena_free(upload->arena);
    free(upload->url);
}

/* Prints the summary as JSON. Returns `status`. */
static enum ctl_exit upload_print_json(struct upload *upload, int64_t took_us, enum ctl_exit status)
{
    struct json_line line;
    struct jw *w = json_line_begin(&line, upload->arena);

    jw_int(w, "accepted", upload->accepted);
    jw_int(w, "rejected", upload->rejected);
    jw_bool(w, "finished", !upload->aborted);
    jw_number(w, "seconds", (double)took_us / 1e6);
    return json_line_end(&line, upload->command, status);
}

/* Prints the summary, and returns the exit status. The position is saved when the upload was
 * aborted, so that --resume can continue, and removed when the upload is complete. */
static enum ctl_exit upload_finish(struct upload *upload, int64_t took_us)
{
    const char *path = upload->input->position_path;
    enum ctl_exit status = upload->rejected > 0 ? CTL_FAILED : CTL_DONE;
    const char *hint = "";

    progress_clear();
    if (upload->aborted) {
        status = CTL_UNAVAILABLE;
        hint =
            path ? "; not finished: continue with --resume" : "; not finished: repeat the command";
        upload_save_position(upload);
    } else if (path) {
        (void)unlink(path); /* nothing is left to resume */
    }
    if (upload->settings->json)
        return upload_print_json(upload, took_us, status);
    (void)printf("%" PRId64 " accepted, %" PRId64 " rejected, %.1f s%s\n", upload->accepted,
                 upload->rejected, (double)took_us / 1e6, hint);
    return status;
}

/* struct upload is in the arena, because its UPLOAD_PARALLEL_MAX responses are too big for the
 * stack; it is NULL when out of memory. */
enum ctl_exit upload_run(const struct subcommand *command, const struct upload_settings *settings,
                         const struct upload_input *input, struct arena *arena)
{
    struct upload *upload = arena_zalloc(arena, sizeof(*upload));
    int64_t began_us = clock_monotonic_us();
    enum ctl_exit status = CTL_FAILED;

    if (!upload || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        subcommand_error(command, "out of memory");
        return CTL_FAILED;
    }
    upload->command = command;
    upload->settings = settings;
    upload->input = input;
    if (upload_init(upload)) {
        upload_send_all(upload);
        status = upload_finish(upload, clock_monotonic_us() - began_us);
    } else {
        subcommand_error(command, "out of memory");
    }
    upload_release(upload);
    curl_global_cleanup();
    return status;
}
