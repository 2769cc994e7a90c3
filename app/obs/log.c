/* SPDX-License-Identifier: GPL-3.0-or-later */
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
    LINE_MAX_BYTES = PIPE_BUF, /* so that every line reaches a pipe in one piece */
    /* Room behind the buffer's last line: the JSON writer may ask for the worst case of a text. */
    LINE_ROOM = 32 * 1024,
    KEY_MAX = 64, /* HMAC-SHA-256 itself replaces longer keys by their digest */
    MIDDLE_SIZE = 128,
};

static const char cut_end[] = ",\"cut\":true}\n";

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARNING] = "warning",
    [LOG_ERROR] = "error",
};
enum { LEVELS = sizeof(level_names) / sizeof(level_names[0]) };

enum sink { SINK_FILE, SINK_PIPE, SINK_SOCKET };

enum { HASHES_KEPT = 512, HASHED_ID_MAX = 64 };
struct hashed {
    size_t n; /* 0: empty */
    char id[HASHED_ID_MAX];
    char text[LOG_HASH_SIZE];
};

struct log {
    int fd; /* our own */
    enum sink sink;
    bool ask_first; /* fd shares its flags with other processes: poll before writing */
    enum log_level min_level;
    char middle[MIDDLE_SIZE]; /* the part of a line that is the same in each: service to pid */
    size_t middle_length;
    int64_t time_ms; /* of time_text */
    char time_text[TIME_TEXT_SIZE];
    unsigned char key[KEY_MAX];
    size_t key_length;
    struct hashed hashed[HASHES_KEPT]; /* the same callers come again and again */
    uint64_t dropped, unreported;
    struct arena *no_room; /* hands nothing out: the line's buf cannot grow */
    struct buf line;
    struct jw writer;
    size_t head_length; /* of the line begun */
    size_t used;        /* whole lines in buffer */
    char buffer[BUFFER_SIZE + LINE_ROOM];
};

/* --- Where it goes --- */

static enum sink sink_of(mode_t mode)
{
    if (S_ISREG(mode))
        return SINK_FILE;
    return S_ISSOCK(mode) ? SINK_SOCKET : SINK_PIPE;
}

/* A description of our own, so that O_NONBLOCK does not change the file of others. Sockets cannot
 * be reopened, nor can files of another user; those are asked before each write. */
static bool open_sink(struct log *log, int fd)
{
    char path[32];
    struct stat about;

    if (fstat(fd, &about) < 0)
        return false;
    log->sink = sink_of(about.st_mode);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    log->fd = open(path, O_WRONLY | O_NONBLOCK | O_APPEND | O_CLOEXEC | O_NOCTTY);
    if (log->fd >= 0)
        return true;
    log->ask_first = log->sink == SINK_PIPE;
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
    log->no_room = arena_new(1, 1);
    if (!log->no_room || !open_sink(log, fd)) {
        arena_free(log->no_room);
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
    arena_free(log->no_room);
    explicit_bzero(log->key, sizeof(log->key));
    free(log);
}

/* --- Lines --- */

/* The text of the current millisecond: most lines differ from the last one in the last digits. */
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

static void line_begin(struct log *log, enum log_level level, const char *event)
{
    struct buf *line = &log->line;

    update_time(log);
    *line = (struct buf){
        .p = log->buffer + log->used, .size = LINE_ROOM - sizeof(cut_end), .arena = log->no_room};
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

/* A line that is too long loses its fields and says so; it never ends in the middle of one. */
static void line_end(struct log *log)
{
    struct buf *line = &log->line;

    buf_str(line, STR("}\n"));
    if (line->failed || line->n > LINE_MAX_BYTES) {
        memcpy(line->p + log->head_length, cut_end, sizeof(cut_end) - 1);
        line->n = log->head_length + sizeof(cut_end) - 1;
    }
    log->used += line->n;
    line->failed = true;
}

static bool has_room(const struct log *log)
{
    return log->used <= BUFFER_SIZE - LINE_MAX_BYTES;
}

bool log_enabled(const struct log *log, enum log_level level)
{
    return level >= log->min_level;
}

struct jw *log_begin(struct log *log, enum log_level level, const char *event)
{
    log->line.failed = true; /* what is written into a failed buf is gone */
    log->writer = (struct jw){.out = &log->line};
    if (!log_enabled(log, level))
        return &log->writer;
    if (!has_room(log))
        log_flush(log);
    if (has_room(log)) {
        line_begin(log, level, event);
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
    line_end(log);
    log->head_length = 0;
}

uint64_t log_dropped(const struct log *log)
{
    return log->dropped;
}

/* --- Writing --- */

static bool would_block(const struct log *log)
{
    struct pollfd writable = {.fd = log->fd, .events = POLLOUT};

    return poll(&writable, 1, 0) != 1 || !(writable.revents & POLLOUT);
}

static ssize_t write_piece(struct log *log, const char *p, size_t n)
{
    ssize_t written;

    do
        written = log->sink == SINK_SOCKET ? send(log->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL)
                                           : write(log->fd, p, n);
    while (written < 0 && errno == EINTR);
    return written;
}

/* Files take all at once. Pipes take whole lines up to PIPE_BUF, which the kernel never mixes with
 * those of another process, and a datagram socket takes a message of the same size. */
static size_t piece_length(const struct log *log, const char *p, size_t n)
{
    if (log->sink == SINK_FILE || n <= PIPE_BUF)
        return n;
    const char *end = memrchr(p, '\n', PIPE_BUF);
    /* Without one this is the rest of a line that a full device or socket had taken in part. */
    return end ? (size_t)(end - p) + 1 : PIPE_BUF;
}

/* As much as the reader takes now; the rest moves to the front and waits. */
static void write_out(struct log *log)
{
    size_t done = 0;

    while (done < log->used && !(log->ask_first && would_block(log))) {
        const char *p = log->buffer + done;
        const ssize_t written = write_piece(log, p, piece_length(log, p, log->used - done));
        if (written <= 0)
            break;
        done += (size_t)written;
    }
    if (done == 0)
        return;
    log->used -= done;
    memmove(log->buffer, log->buffer + done, log->used);
}

/* In the place where the lost lines would stand. */
static void report_dropped(struct log *log)
{
    const uint64_t count = log->unreported;

    log->unreported = 0;
    line_begin(log, LOG_WARNING, "log.dropped");
    jw_int(&log->writer, "count", (int64_t)count);
    line_end(log);
    log->head_length = 0;
}

void log_flush(struct log *log)
{
    write_out(log);
    if (log->unreported == 0 || !has_room(log))
        return;
    report_dropped(log);
    write_out(log);
}

/* --- Ids --- */

void log_set_key(struct log *log, struct str key)
{
    explicit_bzero(log->key, sizeof(log->key));
    memset(log->hashed, 0, sizeof(log->hashed));
    if (key.n > KEY_MAX) {
        digest_sha256(key, log->key);
        log->key_length = DIGEST_SIZE;
    } else {
        if (key.n > 0)
            memcpy(log->key, key.p, key.n);
        log->key_length = key.n;
    }
}

static struct hashed *place_of(struct log *log, struct str id)
{
    unsigned hash = 5381;

    for (size_t i = 0; i < id.n; i++)
        hash = hash * 33 + (unsigned char)id.p[i];
    return &log->hashed[hash % HASHES_KEPT];
}

void log_hash(struct log *log, struct str id, char ret_text[LOG_HASH_SIZE])
{
    struct hashed *known = place_of(log, id);
    unsigned char digest[DIGEST_SIZE];

    if (id.n > 0 && str_equal(id, (struct str){known->id, known->n})) {
        memcpy(ret_text, known->text, LOG_HASH_SIZE);
        return;
    }
    digest_hmac((struct str){(const char *)log->key, log->key_length}, id, digest);
    hex_print(digest, (LOG_HASH_SIZE - 1) / 2, ret_text);
    if (id.n > HASHED_ID_MAX)
        return;
    known->n = id.n;
    memcpy(known->id, id.p, id.n);
    memcpy(known->text, ret_text, LOG_HASH_SIZE);
}
