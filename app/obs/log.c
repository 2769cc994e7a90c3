/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line is built in place at the end of one buffer. The event loop calls log_flush once per loop
 * iteration to write the buffer to the file descriptor. After log_open no function here blocks or
 * allocates memory: when the buffer is full, a line is dropped and counted.
 *
 * The head of a line is its first part, from the time to the pid, which every line has. struct
 * log.line is a text buffer that begins at buffer + used. While no line is being built its
 * member `failed` is true: writes to it then have no effect, so the fields are discarded. */
#include "app/obs/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/base/ids.h"

enum {
    BUFFER_SIZE = 256 * 1024,
    /* longest write that the kernel does not mix with other writes to the same pipe */
    LINE_MAX_BYTES = PIPE_BUF,
    /* Extra bytes after the buffer. Before a text is written, the JSON writer reserves the room
     * that the text would need if each byte had to be escaped, which is far more than a finished
     * line may have. */
    LINE_ROOM = 32 * 1024,
    MIDDLE_SIZE = 128, /* bytes for the fields service, program and pid, the same in each line */
};

/* End of a line that was too long. It replaces the fields of the line. */
static const char cut_ending[] = ",\"cut\":true}\n";

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARNING] = "warning",
    [LOG_ERROR] = "error",
};
enum { LEVELS = sizeof(level_names) / sizeof(level_names[0]) };

/* What kind of file the log's descriptor is; a terminal or other device counts as a pipe. */
enum sink { SINK_FILE, SINK_PIPE, SINK_SOCKET };

struct log {
    int fd;         /* the log's own descriptor of the file that it writes to */
    enum sink sink; /* kind of that file */
    bool must_poll; /* true: a write to fd could block, so poll is called before each write */
    enum log_level min_level;
    /* the same JSON in each line, from after the event's name to the pid */
    char middle[MIDDLE_SIZE];
    size_t middle_length;
    int64_t time_ms; /* the time in time_text, in ms since the epoch; INT64_MIN: no time yet */
    char time_text[TIME_TEXT_SIZE];
    struct digest_key key;         /* HMAC key of log_hash */
    uint64_t dropped;              /* lines dropped since log_open */
    uint64_t unreported;           /* lines dropped since the latest line log.dropped was logged */
    struct arena *no_growth_arena; /* gives no memory, so that `line` cannot grow */
    struct buf line;
    struct jw writer; /* JSON writer for the fields; writes to `line` */
    /* bytes of the current line from the time to the pid; 0: no line is being built */
    size_t head_length;
    size_t used; /* bytes of complete lines in buffer that are not written yet */
    char buffer[BUFFER_SIZE + LINE_ROOM];
};

/* --- Opening --- */

/* Returns the kind of file for the mode that fstat returns. */
static enum sink sink_of_mode(mode_t mode)
{
    if (S_ISREG(mode))
        return SINK_FILE;
    return S_ISSOCK(mode) ? SINK_SOCKET : SINK_PIPE;
}

/* Sets log->fd to a descriptor of the file that fd is open on. The file is opened again with
 * O_NONBLOCK, because setting that flag on fd would set it for all processes that share fd. A
 * socket, and a file of another user, cannot be opened again: log->fd is then a duplicate of fd.
 * Writes to a socket then use MSG_DONTWAIT, and poll precedes each write to a pipe. False on
 * failure. */
static bool log_open_sink(struct log *log, int fd)
{
    char path[32];
    struct stat about;

    if (fstat(fd, &about) < 0)
        return false;
    log->sink = sink_of_mode(about.st_mode);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    log->fd = open(path, O_WRONLY | O_NONBLOCK | O_APPEND | O_CLOEXEC | O_NOCTTY);
    if (log->fd >= 0)
        return true;
    log->must_poll = log->sink == SINK_PIPE;
    log->fd = fcntl(fd, F_DUPFD_CLOEXEC, /* at least, after standard error */ 3);
    return log->fd >= 0;
}

/* Returns the level of that name; LOG_INFO for an unknown name or NULL. */
static enum log_level level_of(const char *name)
{
    for (int i = 0; name && i < (int)LEVELS; i++)
        if (strcmp(name, level_names[i]) == 0)
            return (enum log_level)i;
    return LOG_INFO;
}

/* Opens a log. Only the members before `buffer` are zeroed: the buffer is large, and its bytes are
 * written before they are read. no_growth_arena has 1 byte at most, so that no text buffer in it
 * can grow. The program's name is cut if it is too long for `middle`. The key of log_hash is random
 * until log_set_key is called. */
struct log *log_open(int fd, const char *program, const char *min_level)
{
    struct log *log = malloc(sizeof(*log));
    unsigned char key[DIGEST_SIZE];

    if (!log)
        return NULL;
    memset(log, 0, offsetof(struct log, buffer));
    log->no_growth_arena = arena_new(1, 1);
    if (!log->no_growth_arena || !log_open_sink(log, fd)) {
        arena_free(log->no_growth_arena);
        free(log);
        return NULL;
    }
    log->min_level = level_of(min_level);
    const int length =
        snprintf(log->middle, sizeof(log->middle),
                 "\",\"service\":\"mastery-engine\",\"program\":\"%.40s\",\"pid\":%d", program,
                 (int)getpid());
    log->middle_length = (size_t)length;
    log->time_ms = INT64_MIN;
    random_bytes(key, sizeof(key));
    log_set_key(log, (struct str){(const char *)key, sizeof(key)});
    explicit_bzero(key, sizeof(key));
    return log;
}

/* Lines that cannot be written without blocking are lost. The key of log_hash is wiped, because it
 * would allow to compute the hashes of all ids and so to find the ids in a log. */
void log_close(struct log *log)
{
    if (!log)
        return;
    log_flush(log);
    (void)close(log->fd);
    arena_free(log->no_growth_arena);
    explicit_bzero(&log->key, sizeof(log->key));
    free(log);
}

/* --- Lines --- */

/* Prints the current time into log->time_text, such as 2026-01-31T23:59:59.123Z. Within the same
 * second as at the previous call, only the three digits of the milliseconds (at offsets 20 to 22)
 * are replaced, which is much cheaper. time_ms is negative before the first call. */
static void update_time(struct log *log)
{
    const int64_t now = clock_wall_ms();

    if (now == log->time_ms)
        return;
    if (log->time_ms >= 0 && now / 1000 == log->time_ms / 1000) {
        const int ms = (int)(now % 1000);
        log->time_text[20] = (char)('0' + ms / 100);
        log->time_text[21] = (char)('0' + ms / 10 % 10);
        log->time_text[22] = (char)('0' + ms % 10);
    } else {
        time_print(now, log->time_text);
    }
    log->time_ms = now;
}

/* Starts a new line in the buffer: writes its head at buffer + used. The size leaves room for
 * cut_ending, and the line cannot grow further, because no_growth_arena has no memory. */
static void log_line_begin(struct log *log, enum log_level level, const char *event)
{
    struct buf *line = &log->line;

    update_time(log);
    *line = (struct buf){.p = log->buffer + log->used,
                         .size = LINE_ROOM - sizeof(cut_ending),
                         .arena = log->no_growth_arena};
    buf_str(line, STR("{\"time\":\""));
    buf_put(line, log->time_text, TIME_TEXT_SIZE - 1);
    buf_str(line, STR("\",\"level\":\""));
    buf_text(line, level_names[level]);
    buf_str(line, STR("\",\"event\":\""));
    buf_text(line, event);
    buf_put(line, log->middle, log->middle_length);
    log->head_length = line->n;
    log->writer = (struct jw){.out = line, .comma = true};
}

/* Completes the line. A line that is too long keeps its head (time to pid), but all its fields are
 * replaced by "cut":true, so that every line is valid JSON. Then log->line is set to failed,
 * because no line is being built any more. */
static void log_line_end(struct log *log)
{
    struct buf *line = &log->line;

    buf_str(line, STR("}\n"));
    if (line->failed || line->n > LINE_MAX_BYTES) {
        memcpy(line->p + log->head_length, cut_ending, sizeof(cut_ending) - 1);
        line->n = log->head_length + sizeof(cut_ending) - 1;
    }
    log->used += line->n;
    line->failed = true;
}

/* Returns whether the buffer has room for a line of the greatest length. */
static bool log_has_room(const struct log *log)
{
    return log->used <= BUFFER_SIZE - LINE_MAX_BYTES;
}

bool log_enabled(const struct log *log, enum log_level level)
{
    return level >= log->min_level;
}

/* Flushes a full buffer first. When it is still full, the line is dropped and counted. For a line
 * that is dropped or whose level is not logged, log->line stays failed, so that the returned writer
 * discards the fields, and head_length stays 0, so that log_end does nothing. */
struct jw *log_begin(struct log *log, enum log_level level, const char *event)
{
    log->line.failed = true; /* writes to a failed buf have no effect */
    log->writer = (struct jw){.out = &log->line};
    if (!log_enabled(log, level))
        return &log->writer;
    if (!log_has_room(log))
        log_flush(log);
    if (log_has_room(log)) {
        log_line_begin(log, level, event);
    } else {
        log->dropped++;
        log->unreported++;
    }
    return &log->writer;
}

/* Does nothing when no line is being built, or when the line has no room: ret_mac is then
 * unchanged. */
void log_add_mac(struct log *log, char ret_mac[LOG_MAC_SIZE])
{
    unsigned char digest[DIGEST_SIZE];

    if (log->head_length == 0 || log->line.failed)
        return;
    digest_keyed(&log->key, buf_view(&log->line), digest);
    hex_print(digest, sizeof(digest), ret_mac);
    jw_text(&log->writer, "mac", ret_mac);
}

void log_end(struct log *log)
{
    if (log->head_length == 0)
        return; /* log_begin has begun no line: its level is not logged, or the buffer is full */
    log_line_end(log);
    log->head_length = 0;
}

uint64_t log_dropped(const struct log *log)
{
    return log->dropped;
}

/* --- Writing --- */

/* Returns whether a write to log->fd would block, or poll fails. Does not wait. */
static bool log_would_block(const struct log *log)
{
    struct pollfd writable = {.fd = log->fd, .events = POLLOUT};

    return poll(&writable, 1, /* timeout_ms */ 0) != 1 || !(writable.revents & POLLOUT);
}

/* Writes up to n bytes; repeats the call when a signal interrupts it. Returns what write(2)
 * returns. */
static ssize_t log_write_chunk(struct log *log, const char *p, size_t n)
{
    ssize_t written;

    do
        written = log->sink == SINK_SOCKET ? send(log->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL)
                                           : write(log->fd, p, n);
    while (written < 0 && errno == EINTR);
    return written;
}

/* Returns how many of the n bytes at p one write may have. For a file: all n. For a pipe or a
 * socket: as many whole lines as fit into PIPE_BUF bytes, because the kernel does not mix a write
 * of that size with the writes of other processes. */
static size_t log_chunk_length(const struct log *log, const char *p, size_t n)
{
    if (log->sink == SINK_FILE || n <= PIPE_BUF)
        return n;
    const char *end = memrchr(p, '\n', PIPE_BUF);
    /* Without a newline in PIPE_BUF bytes, p is the remainder of a line of which an earlier write
     * wrote only the start. */
    return end ? (size_t)(end - p) + 1 : PIPE_BUF;
}

/* Writes as much as possible without blocking, and moves the remaining bytes to the start of the
 * buffer. After an error they stay in the buffer, and the next log_flush tries again. */
static void log_write(struct log *log)
{
    size_t done = 0;

    while (done < log->used && !(log->must_poll && log_would_block(log))) {
        const char *p = log->buffer + done;
        const ssize_t written = log_write_chunk(log, p, log_chunk_length(log, p, log->used - done));
        if (written <= 0)
            break;
        done += (size_t)written;
    }
    if (done == 0)
        return;
    log->used -= done;
    memmove(log->buffer, log->buffer + done, log->used);
}

/* Adds the line log.dropped to the buffer: how many lines were dropped since the previous such
 * line. May be called from the log_begin of another line, which flushes a full buffer. It therefore
 * leaves head_length at 0: if that other line is dropped, its log_end must do nothing. */
static void log_report_dropped(struct log *log)
{
    const uint64_t count = log->unreported;

    log->unreported = 0;
    log_line_begin(log, LOG_WARNING, "log.dropped");
    jw_int(&log->writer, "count", (int64_t)count);
    log_line_end(log);
    log->head_length = 0;
}

/* The first write makes room in the buffer. Only then can the number of dropped lines be logged,
 * and the second write sends that line. */
void log_flush(struct log *log)
{
    log_write(log);
    if (log->unreported == 0 || !log_has_room(log))
        return;
    log_report_dropped(log);
    log_write(log);
}

/* --- Ids --- */

void log_set_key(struct log *log, struct str key)
{
    digest_key_init(&log->key, key);
}

void log_hash(const struct log *log, struct str id, char ret_text[LOG_HASH_SIZE])
{
    unsigned char digest[DIGEST_SIZE];

    digest_keyed(&log->key, id, digest);
    hex_print(digest, /* bytes: two digits each */ (LOG_HASH_SIZE - 1) / 2, ret_text);
}
