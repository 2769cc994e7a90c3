/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines are built in place at the end of one buffer and written by log_flush, once a loop
 * iteration. Nothing here blocks or allocates after log_open: a line without room is dropped and
 * counted.
 *
 * struct log.line always refers to buffer + used. Between lines it is marked as failed, so that
 * fields written by mistake, or into a line that is not logged, have no effect. */
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
    LINE_MAX_BYTES = PIPE_BUF, /* the kernel writes so much to a pipe in one piece */
    /* Extra room after the buffer: the JSON writer reserves the worst case of a text, which is far
     * more than a line may have in the end. */
    LINE_ROOM = 32 * 1024,
    KEY_MAX = 64, /* HMAC-SHA-256 itself replaces longer keys by their digest */
    MIDDLE_SIZE = 128,
};

static const char cut_mark[] =
    ",\"cut\":true}\n"; /* replaces the fields of a line that is too long */

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARNING] = "warning",
    [LOG_ERROR] = "error",
};
enum { LEVELS = sizeof(level_names) / sizeof(level_names[0]) };

enum sink { SINK_FILE, SINK_PIPE, SINK_SOCKET };

/* A cached result of log_hash: the same ids occur again and again. */
enum { CACHED_HASHES = 512, CACHED_ID_MAX = 64 };
struct cached_hash {
    size_t n; /* of id; 0: unused */
    char id[CACHED_ID_MAX];
    char text[LOG_HASH_SIZE];
};

struct log {
    int fd; /* closed by log_close */
    enum sink sink;
    bool must_poll; /* fd may block, since it shares its flags with other processes: poll first */
    enum log_level min_level;
    char middle[MIDDLE_SIZE]; /* JSON that is the same in every line: after the event, to the pid */
    size_t middle_length;
    int64_t time_ms; /* of time_text */
    char time_text[TIME_TEXT_SIZE];
    unsigned char key[KEY_MAX];
    size_t key_length;
    struct cached_hash hashes[CACHED_HASHES]; /* index: log_hash_slot */
    uint64_t dropped, unreported;             /* lines; unreported: since the last log.dropped */
    struct arena *empty_arena;                /* allocates nothing, so that line cannot grow */
    struct buf line;
    struct jw writer;
    size_t head_length; /* of the line between log_begin and log_end; 0: there is none */
    size_t used;        /* bytes of complete lines in buffer */
    char buffer[BUFFER_SIZE + LINE_ROOM];
};

/* --- Opening --- */

static enum sink sink_of_mode(mode_t mode)
{
    if (S_ISREG(mode))
        return SINK_FILE;
    return S_ISSOCK(mode) ? SINK_SOCKET : SINK_PIPE;
}

/* Opens the file again, because O_NONBLOCK on the given descriptor would change it for all
 * processes that share it. Sockets cannot be reopened, nor files of another user: sockets have
 * MSG_DONTWAIT, and pipes are polled before each write. */
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
    log->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return log->fd >= 0;
}

static enum log_level level_of(const char *name)
{
    for (int i = 0; name && i < (int)LEVELS; i++)
        if (strcmp(name, level_names[i]) == 0)
            return (enum log_level)i;
    return LOG_INFO;
}

struct log *log_open(int fd, const char *program, const char *min_level)
{
    struct log *log = malloc(sizeof(*log));

    if (!log)
        return NULL;
    memset(log, 0, offsetof(struct log, buffer));
    log->empty_arena = arena_new(1, 1);
    if (!log->empty_arena || !log_open_sink(log, fd)) {
        arena_free(log->empty_arena);
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
    log->key_length = DIGEST_SIZE;
    random_bytes(log->key, log->key_length);
    return log;
}

void log_close(struct log *log)
{
    if (!log)
        return;
    log_flush(log);
    (void)close(log->fd);
    arena_free(log->empty_arena);
    explicit_bzero(log->key, sizeof(log->key));
    free(log);
}

/* --- Lines --- */

/* Prints the time into log->time_text. Within the same second only the milliseconds are replaced,
 * which is much cheaper. */
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

static void log_line_begin(struct log *log, enum log_level level, const char *event)
{
    struct buf *line = &log->line;

    update_time(log);
    *line = (struct buf){.p = log->buffer + log->used,
                         .size = LINE_ROOM - sizeof(cut_mark),
                         .arena = log->empty_arena};
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

/* Completes the line. One that is too long keeps its head and loses all its fields ("cut":true), so
 * that every line is valid JSON. */
static void log_line_end(struct log *log)
{
    struct buf *line = &log->line;

    buf_str(line, STR("}\n"));
    if (line->failed || line->n > LINE_MAX_BYTES) {
        memcpy(line->p + log->head_length, cut_mark, sizeof(cut_mark) - 1);
        line->n = log->head_length + sizeof(cut_mark) - 1;
    }
    log->used += line->n;
    line->failed = true;
}

static bool log_has_room(const struct log *log)
{
    return log->used <= BUFFER_SIZE - LINE_MAX_BYTES;
}

bool log_enabled(const struct log *log, enum log_level level)
{
    return level >= log->min_level;
}

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

void log_end(struct log *log)
{
    if (log->head_length == 0)
        return;
    log_line_end(log);
    log->head_length = 0;
}

uint64_t log_dropped(const struct log *log)
{
    return log->dropped;
}

/* --- Writing --- */

static bool log_would_block(const struct log *log)
{
    struct pollfd writable = {.fd = log->fd, .events = POLLOUT};

    return poll(&writable, 1, 0) != 1 || !(writable.revents & POLLOUT);
}

static ssize_t log_write_chunk(struct log *log, const char *p, size_t n)
{
    ssize_t written;

    do
        written = log->sink == SINK_SOCKET ? send(log->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL)
                                           : write(log->fd, p, n);
    while (written < 0 && errno == EINTR);
    return written;
}

/* How many of the n bytes at p to write at once. A file: all. A pipe: whole lines up to PIPE_BUF,
 * which the kernel does not mix with the lines of other processes. A datagram socket: as a pipe. */
static size_t log_chunk_length(const struct log *log, const char *p, size_t n)
{
    if (log->sink == SINK_FILE || n <= PIPE_BUF)
        return n;
    const char *end = memrchr(p, '\n', PIPE_BUF);
    /* Without a newline this is the remainder of a line of which a full device took only the start.
     */
    return end ? (size_t)(end - p) + 1 : PIPE_BUF;
}

/* Writes as much as possible without blocking and moves the remainder to the start of the buffer.
 */
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

/* Logs how many lines were dropped, after the last line that was not. */
static void log_report_dropped(struct log *log)
{
    const uint64_t count = log->unreported;

    log->unreported = 0;
    log_line_begin(log, LOG_WARNING, "log.dropped");
    jw_int(&log->writer, "count", (int64_t)count);
    log_line_end(log);
    log->head_length = 0;
}

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
    explicit_bzero(log->key, sizeof(log->key));
    memset(log->hashes, 0, sizeof(log->hashes));
    if (key.n > KEY_MAX) {
        digest_sha256(key, log->key);
        log->key_length = DIGEST_SIZE;
    } else {
        if (key.n > 0)
            memcpy(log->key, key.p, key.n);
        log->key_length = key.n;
    }
}

/* The only place where the id may be cached; ids with the same slot replace each other. */
static struct cached_hash *log_hash_slot(struct log *log, struct str id)
{
    unsigned hash = 5381;

    for (size_t i = 0; i < id.n; i++)
        hash = hash * 33 + (unsigned char)id.p[i];
    return &log->hashes[hash % CACHED_HASHES];
}

void log_hash(struct log *log, struct str id, char ret_text[LOG_HASH_SIZE])
{
    struct cached_hash *cached = log_hash_slot(log, id);
    unsigned char digest[DIGEST_SIZE];

    if (id.n > 0 && str_equal(id, (struct str){cached->id, cached->n})) {
        memcpy(ret_text, cached->text, LOG_HASH_SIZE);
        return;
    }
    digest_hmac((struct str){(const char *)log->key, log->key_length}, id, digest);
    hex_print(digest, (LOG_HASH_SIZE - 1) / 2, ret_text);
    if (id.n > CACHED_ID_MAX)
        return;
    cached->n = id.n;
    memcpy(cached->id, id.p, id.n);
    memcpy(cached->text, ret_text, LOG_HASH_SIZE);
}
