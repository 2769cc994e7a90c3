/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CUnit/CUnit.h>
#include <json-c/json.h>

#include "app/obs/log.h"

void log_tests(void);

enum { READ_MAX = 2 * 1024 * 1024 };

struct pipe_ends {
    int read_fd, write_fd;
};

static struct pipe_ends open_pipe(void)
{
    int fds[2];

    CU_ASSERT_FATAL(pipe2(fds, O_CLOEXEC) == 0);
    CU_ASSERT_FATAL(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    return (struct pipe_ends){fds[0], fds[1]};
}

static void close_pipe(struct pipe_ends ends)
{
    (void)close(ends.read_fd);
    (void)close(ends.write_fd);
}

/* Reads what is there now, NUL-terminated; the caller frees it. */
static char *drain(int fd)
{
    char *text = malloc(READ_MAX + 1);
    size_t n = 0;
    ssize_t got;

    CU_ASSERT_FATAL(text != NULL);
    while (n < READ_MAX && (got = read(fd, text + n, READ_MAX - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    return text;
}

static struct log *open_log(int fd, const char *level)
{
    struct log *log = log_open(fd, "test-program", level);

    CU_ASSERT_FATAL(log != NULL);
    return log;
}

/* The value of a member as text; "" when it is absent. */
static const char *member(json_object *line, const char *key)
{
    json_object *value = NULL;

    return json_object_object_get_ex(line, key, &value) ? json_object_get_string(value) : "";
}

static json_object *parse_line(struct str line)
{
    json_tokener *tokener = json_tokener_new();
    json_object *object;

    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    object = json_tokener_parse_ex(tokener, line.p, (int)line.n);
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        object = json_tokener_parse_ex(tokener, "", 1);
    CU_ASSERT_EQUAL(json_tokener_get_error(tokener), json_tokener_success);
    json_tokener_free(tokener);
    return object;
}

static void write_line(struct log *log, const char *event, int64_t number)
{
    struct jw *w = log_begin(log, LOG_INFO, event);

    jw_int(w, "number", number);
    log_end(log);
}

static void a_line_has_the_agreed_members(void)
{
    const struct pipe_ends ends = open_pipe();
    struct log *log = open_log(ends.write_fd, "info");
    char pid[16];

    struct jw *w = log_begin(log, LOG_WARNING, "store.away");
    jw_str(w, "reason", STR("quote \" line\n end \x01 \xff"));
    jw_object(w, "more");
    jw_int(w, "n", 1);
    jw_object_end(w);
    log_end(log);
    log_flush(log);
    char *text = drain(ends.read_fd);
    CU_ASSERT(strlen(text) > 0 && strchr(text, '\n') == text + strlen(text) - 1);
    json_object *line = parse_line((struct str){text, strlen(text) - 1});
    CU_ASSERT_EQUAL(strlen(member(line, "time")), strlen("2026-01-31T23:59:59.123Z"));
    CU_ASSERT_STRING_EQUAL(member(line, "level"), "warning");
    CU_ASSERT_STRING_EQUAL(member(line, "event"), "store.away");
    CU_ASSERT_STRING_EQUAL(member(line, "service"), "mastery-engine");
    CU_ASSERT_STRING_EQUAL(member(line, "program"), "test-program");
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    CU_ASSERT_STRING_EQUAL(member(line, "pid"), pid);
    CU_ASSERT_STRING_EQUAL(member(line, "reason"), "quote \" line\n end \x01 \xef\xbf\xbd");
    json_object_put(line);
    free(text);
    log_close(log);
    close_pipe(ends);
}

static void the_time_is_the_clocks_in_every_line(void)
{
    const struct pipe_ends ends = open_pipe();
    struct log *log = open_log(ends.write_fd, "info");
    char last[32] = "";

    for (int i = 0; i < 30; i++) { /* over a full second, so that its text changes once at least */
        write_line(log, "tick", i);
        (void)nanosleep(&(struct timespec){.tv_nsec = 37000000}, NULL);
    }
    log_flush(log);
    char *text = drain(ends.read_fd);
    struct str rest = str_of(text);
    while (rest.n > 0) {
        json_object *line = parse_line(str_cut(&rest, '\n'));
        CU_ASSERT(strcmp(last, member(line, "time")) < 0);
        (void)snprintf(last, sizeof(last), "%s", member(line, "time"));
        json_object_put(line);
    }
    const time_t now = time(NULL);
    struct tm parts;
    char now_text[32];
    (void)strftime(now_text, sizeof(now_text), "%Y-%m-%dT%H:%M", gmtime_r(&now, &parts));
    CU_ASSERT(strncmp(last, now_text, 13) == 0 || strcmp(last, now_text) < 0);
    free(text);
    log_close(log);
    close_pipe(ends);
}

static void lines_below_the_level_are_not_written(void)
{
    static const struct {
        const char *min_level;
        const char *expected; /* levels that are written */
    } cases[] = {
        {"debug", "dbug info warn erro"}, {"info", "info warn erro"},
        {"warning", "warn erro"},         {"error", "erro"},
        {"unknown", "info warn erro"},
    };
    static const char *const events[] = {"dbug", "info", "warn", "erro"};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct pipe_ends ends = open_pipe();
        struct log *log = open_log(ends.write_fd, cases[i].min_level);
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            jw_text(log_begin(log, (enum log_level)level, "x"), "mark", events[level]);
            log_end(log);
            CU_ASSERT_EQUAL(log_enabled(log, (enum log_level)level),
                            strstr(cases[i].expected, events[level]) != NULL);
        }
        log_flush(log);
        char *text = drain(ends.read_fd);
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            char mark[32];
            (void)snprintf(mark, sizeof(mark), "\"mark\":\"%s\"}\n", events[level]);
            CU_ASSERT_EQUAL(strstr(text, mark) != NULL,
                            strstr(cases[i].expected, events[level]) != NULL);
        }
        CU_ASSERT_EQUAL(log_dropped(log), 0);
        free(text);
        log_close(log);
        close_pipe(ends);
    }
}

static void nothing_is_written_before_the_flush_and_close_flushes(void)
{
    const struct pipe_ends ends = open_pipe();
    struct log *log = open_log(ends.write_fd, "info");

    write_line(log, "one", 1);
    char *text = drain(ends.read_fd);
    CU_ASSERT_STRING_EQUAL(text, "");
    free(text);
    log_close(log);
    text = drain(ends.read_fd);
    CU_ASSERT(strstr(text, "\"number\":1}\n") != NULL);
    free(text);
    close_pipe(ends);
    log_close(NULL);
}

static void a_line_that_is_too_long_keeps_its_head(void)
{
    static const struct {
        size_t text_length;
        bool cut;
    } cases[] = {{3500, false}, {PIPE_BUF, true}, {40000, true}, {300000, true}};
    char *long_text = malloc(300000);

    CU_ASSERT_FATAL(long_text != NULL);
    memset(long_text, 'x', 300000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct pipe_ends ends = open_pipe();
        struct log *log = open_log(ends.write_fd, "info");
        jw_str(log_begin(log, LOG_INFO, "long"), "text",
               (struct str){long_text, cases[i].text_length});
        log_end(log);
        write_line(log, "next", 2);
        log_flush(log);
        char *text = drain(ends.read_fd);
        struct str rest = str_of(text);
        json_object *line = parse_line(str_cut(&rest, '\n'));
        CU_ASSERT_STRING_EQUAL(member(line, "event"), "long");
        CU_ASSERT_STRING_EQUAL(member(line, "cut"), cases[i].cut ? "true" : "");
        CU_ASSERT_EQUAL(strlen(member(line, "text")), cases[i].cut ? 0 : cases[i].text_length);
        json_object_put(line);
        line = parse_line(str_cut(&rest, '\n'));
        CU_ASSERT_STRING_EQUAL(member(line, "event"), "next");
        json_object_put(line);
        free(text);
        log_close(log);
        close_pipe(ends);
    }
    free(long_text);
}

/* Numbers rise from line to line; a log.dropped line before a gap has its width. */
static int64_t check_sequence(struct str text, int64_t *ret_reported)
{
    int64_t expected = 0;

    *ret_reported = 0;
    while (text.n > 0) {
        json_object *line = parse_line(str_cut(&text, '\n'));
        if (strcmp(member(line, "event"), "log.dropped") == 0) {
            expected += atoll(member(line, "count"));
            *ret_reported += atoll(member(line, "count"));
            CU_ASSERT_STRING_EQUAL(member(line, "level"), "warning");
        } else {
            CU_ASSERT_EQUAL(atoll(member(line, "number")), expected);
            expected++;
        }
        json_object_put(line);
    }
    return expected;
}

static void a_stalled_reader_costs_lines_not_time_and_learns_how_many(bool by_socket)
{
    enum { LINES = 5000 };
    int fds[2];
    char *got = calloc(1, READ_MAX);
    size_t n = 0;

    CU_ASSERT_FATAL(got != NULL);
    CU_ASSERT_FATAL((by_socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) : pipe(fds)) == 0);
    struct log *log = open_log(fds[1], "error");
    CU_ASSERT_EQUAL(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    log_close(log);
    log = open_log(fds[1], "info");
    (void)alarm(10); /* a write that blocks ends the test */
    for (int i = 0; i < LINES; i++) {
        write_line(log, "line", i);
        log_flush(log);
    }
    CU_ASSERT(log_dropped(log) > 0 && log_dropped(log) < LINES);
    CU_ASSERT_FATAL(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    for (int i = 0; i < 40; i++) {
        char *text = drain(fds[0]);
        n += (size_t)snprintf(got + n, READ_MAX - n, "%s", text);
        free(text);
        log_flush(log);
    }
    write_line(log, "line", LINES);
    log_flush(log);
    char *text = drain(fds[0]);
    (void)snprintf(got + n, READ_MAX - n, "%s", text);
    free(text);
    (void)alarm(0);
    int64_t reported;
    CU_ASSERT_EQUAL(check_sequence(str_of(got), &reported), LINES + 1);
    CU_ASSERT_EQUAL((uint64_t)reported, log_dropped(log));
    free(got);
    log_close(log);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void a_stalled_pipe_costs_lines_not_time(void)
{
    a_stalled_reader_costs_lines_not_time_and_learns_how_many(false);
}

static void a_stalled_socket_costs_lines_not_time(void)
{
    a_stalled_reader_costs_lines_not_time_and_learns_how_many(true);
}

/* The pipe of another user cannot be opened again, so the log must not change its flags. */
static void fill_foreign_pipe(int fd)
{
    enum { NOBODY = 65534 };

    (void)alarm(10); /* a write that blocks ends the process */
    if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0)
        _exit(2);
    struct log *log = log_open(fd, "test-program", "info");
    for (int i = 0; log && i < 5000; i++) {
        write_line(log, "line", i);
        log_flush(log);
    }
    _exit(log && log_dropped(log) > 0 ? 0 : 1);
}

static void a_stalled_pipe_that_is_not_ours_costs_lines_not_time(void)
{
    const struct pipe_ends ends = open_pipe();
    int status = -1;

    CU_ASSERT_EQUAL(fchmod(ends.write_fd, 0), 0);
    const pid_t child = fork();
    CU_ASSERT_FATAL(child >= 0);
    if (child == 0)
        fill_foreign_pipe(ends.write_fd);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CU_ASSERT_EQUAL(fcntl(ends.write_fd, F_GETFL) & O_NONBLOCK, 0);
    char *text = drain(ends.read_fd);
    int64_t reported;
    CU_ASSERT(check_sequence(str_of(text), &reported) > 100);
    free(text);
    close_pipe(ends);
}

static void whole_lines_are_written_in_pieces_of_4_kib(void)
{
    int fds[2];
    char piece[2 * PIPE_BUF];
    ssize_t n;
    int pieces = 0;

    /* A datagram socket delivers the chunks as they were written. */
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) == 0);
    struct log *log = open_log(fds[1], "info");
    for (int i = 0; i < 100; i++)
        write_line(log, "line", i);
    log_flush(log);
    while ((n = read(fds[0], piece, sizeof(piece))) > 0) {
        CU_ASSERT(n <= PIPE_BUF && piece[0] == '{' && piece[n - 1] == '\n');
        pieces++;
    }
    CU_ASSERT(pieces > 1 && pieces < 10);
    log_close(log);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void two_that_share_a_full_pipe_never_mix_their_lines(void)
{
    const struct pipe_ends ends = open_pipe();
    struct log *logs[2] = {open_log(ends.write_fd, "info"), open_log(ends.write_fd, "info")};
    char *got = calloc(1, READ_MAX);
    size_t n = 0, lines = 0;

    CU_ASSERT_FATAL(got != NULL && fcntl(ends.write_fd, F_SETPIPE_SZ, 2 * PIPE_BUF) > 0);
    for (int i = 0; i < 600; i++) {
        write_line(logs[i % 2], "line", i);
        write_line(logs[i % 2], "a.line.with.a.longer.name", i * 1000);
        log_flush(logs[i % 2]);
        /* An odd amount, less than comes in: the pipe is full nearly always. */
        const ssize_t some = read(ends.read_fd, got + n, 187);
        n += some > 0 ? (size_t)some : 0;
    }
    for (int i = 0; i < 200; i++) {
        log_flush(logs[i % 2]);
        char *text = drain(ends.read_fd);
        n += (size_t)snprintf(got + n, READ_MAX - n, "%s", text);
        free(text);
    }
    for (struct str rest = {got, n}; rest.n > 0; lines++)
        json_object_put(parse_line(str_cut(&rest, '\n')));
    CU_ASSERT_EQUAL(lines, 1200);
    free(got);
    log_close(logs[0]);
    log_close(logs[1]);
    close_pipe(ends);
}

static void a_file_is_appended_to_by_several(void)
{
    char path[] = "/tmp/test-log-XXXXXX";
    const int fd = mkstemp(path);

    CU_ASSERT_FATAL(fd >= 0);
    struct log *a = open_log(fd, "info"), *b = open_log(fd, "info");
    for (int i = 0; i < 100; i++)
        write_line(i % 2 ? a : b, "line", i);
    log_flush(a);
    log_close(b);
    log_close(a);
    char *text = drain(fd);
    struct str rest = str_of(text);
    int lines = 0;
    for (; rest.n > 0; lines++)
        json_object_put(parse_line(str_cut(&rest, '\n')));
    CU_ASSERT_EQUAL(lines, 100);
    free(text);
    (void)close(fd);
    (void)unlink(path);
}

static void a_reader_that_is_gone_does_no_harm(void)
{
    const struct pipe_ends ends = open_pipe();
    struct log *log = open_log(ends.write_fd, "info");

    (void)signal(SIGPIPE, SIG_IGN); /* as main does */
    (void)close(ends.read_fd);
    for (int i = 0; i < 3000; i++) {
        write_line(log, "line", i);
        log_flush(log);
    }
    CU_ASSERT(log_dropped(log) > 0);
    log_close(log);
    (void)close(ends.write_fd);
}

static void a_bad_descriptor_is_refused(void)
{
    CU_ASSERT_PTR_NULL(log_open(-1, "test-program", "info"));
}

static void a_hash_depends_on_key_and_id_alone(void)
{
    struct log *a = open_log(STDERR_FILENO, "info"), *b = open_log(STDERR_FILENO, "info");
    char x[LOG_HASH_SIZE], y[LOG_HASH_SIZE], long_key[100];

    log_hash(a, STR("student-1"), x);
    log_hash(b, STR("student-1"), y);
    CU_ASSERT_STRING_NOT_EQUAL(x, y); /* random keys before one is set */

    /* RFC 4231, test case 2 */
    log_set_key(a, STR("Jefe"));
    log_hash(a, STR("what do ya want for nothing?"), x);
    CU_ASSERT_STRING_EQUAL(x, "5bdcc146bf60754e");
    log_hash(a, STR("what do ya want for nothing!"), y);
    CU_ASSERT_STRING_NOT_EQUAL(x, y);

    /* RFC 4231, test case 6: a key of 131 bytes counts whole */
    memset(long_key, 0xaa, sizeof(long_key));
    char key[131];
    memset(key, 0xaa, sizeof(key));
    log_set_key(b, (struct str){key, sizeof(key)});
    log_hash(b, STR("Test Using Larger Than Block-Size Key - Hash Key First"), x);
    CU_ASSERT_STRING_EQUAL(x, "60e431591ee0b67f");
    log_close(a);
    log_close(b);
}

void log_tests(void)
{
    CU_Suite *suite = CU_add_suite("log", NULL, NULL);

    CU_add_test(suite, "a line has the agreed members", a_line_has_the_agreed_members);
    CU_add_test(suite, "the time is the clock's in every line",
                the_time_is_the_clocks_in_every_line);
    CU_add_test(suite, "lines below the level are not written",
                lines_below_the_level_are_not_written);
    CU_add_test(suite, "nothing is written before the flush, and close flushes",
                nothing_is_written_before_the_flush_and_close_flushes);
    CU_add_test(suite, "a line that is too long keeps its head",
                a_line_that_is_too_long_keeps_its_head);
    CU_add_test(suite, "a stalled pipe costs lines, not time", a_stalled_pipe_costs_lines_not_time);
    CU_add_test(suite, "a stalled pipe that is not ours costs lines, not time",
                a_stalled_pipe_that_is_not_ours_costs_lines_not_time);
    CU_add_test(suite, "a stalled socket costs lines, not time",
                a_stalled_socket_costs_lines_not_time);
    CU_add_test(suite, "whole lines are written in pieces of 4 KiB",
                whole_lines_are_written_in_pieces_of_4_kib);
    CU_add_test(suite, "two that share a full pipe never mix their lines",
                two_that_share_a_full_pipe_never_mix_their_lines);
    CU_add_test(suite, "a file is appended to by several", a_file_is_appended_to_by_several);
    CU_add_test(suite, "a reader that is gone does no harm", a_reader_that_is_gone_does_no_harm);
    CU_add_test(suite, "a bad descriptor is refused", a_bad_descriptor_is_refused);
    CU_add_test(suite, "a hash depends on key and id alone", a_hash_depends_on_key_and_id_alone);
}
