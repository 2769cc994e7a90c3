/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and writes the files of the archive. To append to a file, it is opened and locked, and its
 * last line shows which segments it already has. A last line without a line feed is cut off: a
 * process that was killed has left it. When a write fails, for example because the disk is full,
 * what was written of it is cut off, too. */
#include "app/service/audit_archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/base/clock.h"
#include "app/base/json_write.h"
#include "app/http/json.h"
#include "app/store/keys.h"

enum {
    NAME_SIZE = 17,        /* SS-YYYY-MM.jsonl and NUL */
    SHARD_DIGITS = 2,      /* digits of the shard at the beginning of a name */
    TAIL_FIRST = 64 << 10, /* bytes from the end of a file that are read first, for its last line */
    TAIL_LARGEST = 16 << 20, /* most bytes that are read for it */
};
#define NAME_END ".jsonl"

/* ---- names ---- */

/* Prints the name of the file for a segment whose last record has this id. */
static void archive_name(unsigned shard, struct str id, char ret[NAME_SIZE])
{
    int64_t ms, number;
    char time[TIME_TEXT_SIZE];

    audit_segment_split_id(id, &ms, &number);
    time_print(ms, time); /* YYYY-MM-... */
    (void)snprintf(ret, NAME_SIZE, "%02x-%.7s" NAME_END, shard & 0xff, time);
}

/* Parses the name of a file. False: it is no name of a file of the archive. *ret_end_ms: time
 * (epoch ms) when its month ends. */
static bool archive_parse_name(const char *name, unsigned *ret_shard, int64_t *ret_end_ms)
{
    enum { MONTH_MAX_DAYS = 31 };
    struct str text = str_of(name);
    char begin[TIME_TEXT_SIZE], other[NAME_SIZE];
    int64_t begin_ms;

    if (text.n != NAME_SIZE - 1 || strcmp(name + NAME_SIZE - sizeof(NAME_END), NAME_END) != 0 ||
        name[SHARD_DIGITS] != '-' || !key_parse_shard((struct str){name, SHARD_DIGITS}, ret_shard))
        return false;
    (void)snprintf(begin, sizeof(begin), "%.7s-01T00:00:00.000Z", name + SHARD_DIGITS + 1);
    if (!time_parse(str_of(begin), &begin_ms))
        return false;
    *ret_end_ms = begin_ms;
    do { /* day by day, until a day belongs to another file */
        *ret_end_ms += DAY_MS;
        time_print(*ret_end_ms, begin);
        (void)snprintf(other, sizeof(other), "%.3s%.7s" NAME_END, name, begin);
    } while (strcmp(other, name) == 0 && *ret_end_ms <= begin_ms + MONTH_MAX_DAYS * DAY_MS);
    return true;
}

/* ---- lines ---- */

/* Appends a segment as a line: a JSON object with its shard, number, last id, head, number of
 * records and text. False: out of memory. */
static bool archive_put_line(struct buf *out, const struct audit_segment_text *segment,
                             struct arena *arena)
{
    struct str text = audit_segment_print(arena, segment);
    struct jw w = {.out = out};
    char shard[SHARD_DIGITS + 1];

    if (!text.p)
        return false;
    (void)snprintf(shard, sizeof(shard), "%02x", segment->shard & 0xff);
    jw_object(&w, NULL);
    jw_text(&w, "shard", shard);
    jw_int(&w, "segment", segment->link.number);
    jw_text(&w, "id", segment->link.last_id);
    jw_text(&w, "head", segment->link.head);
    jw_int(&w, "records", (int64_t)segment->n);
    jw_str(&w, "text", text);
    jw_object_end(&w);
    buf_char(out, '\n');
    return !out->failed;
}

/* Returns the text of an object's member; p is NULL when it is absent or no string. */
static struct str archive_member(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;

    if (!json_object_object_get_ex(object, name, &found) ||
        !json_object_is_type(found, json_type_string))
        return (struct str){0};
    return (struct str){json_object_get_string(found), (size_t)json_object_get_string_len(found)};
}

/* Parses a line. *ret: the segment that is in its member "text", with the head from its member
 * "head". *ret_text: that text. False: the line is no segment, or out of memory. */
static bool archive_parse_line(struct arena *arena, struct str line, struct audit_segment_text *ret,
                               struct str *ret_text)
{
    struct problem unused = {.code = PROBLEM_NONE};
    struct json_object *object = json_parse(line, arena, &unused);
    struct str head;

    if (!object || !json_object_is_type(object, json_type_object))
        return false;
    *ret_text = archive_member(object, "text");
    head = archive_member(object, "head");
    if (!ret_text->p || head.n != (size_t)2 * AUDIT_SEGMENT_HEAD ||
        !audit_segment_parse_text(arena, *ret_text, ret))
        return false;
    (void)snprintf(ret->link.head, sizeof(ret->link.head), "%.*s", STR_ARG(head));
    return true;
}

/* ---- writing ---- */

/* The end of a file of the archive. number and head are those of the segment in its last line. */
struct archive_end {
    off_t size;                 /* bytes of the file without an unfinished last line */
    int64_t number;             /* 0: the file has no segment */
    char head[AUDIT_HEAD_SIZE]; /* in hex */
};

/* Looks for the last whole line, one that ends with a line feed, in `tail`, the last bytes of a
 * file. is_all: these are the whole file. *ret_line: the line without its line feed; empty if the
 * file has none. *ret_rest: number of bytes after that line. False: more bytes must be read,
 * because the line begins before them. */
static bool archive_find_line(struct str tail, bool is_all, struct str *ret_line, size_t *ret_rest)
{
    const char *end = tail.n > 0 ? memrchr(tail.p, '\n', tail.n) : NULL, *before;

    *ret_line = STR("");
    *ret_rest = tail.n;
    if (!end)
        return is_all;
    *ret_rest = tail.n - (size_t)(end + 1 - tail.p);
    before = end > tail.p ? memrchr(tail.p, '\n', (size_t)(end - tail.p)) : NULL;
    if (!before && !is_all)
        return false;
    before = before ? before + 1 : tail.p;
    *ret_line = (struct str){before, (size_t)(end - before)};
    return true;
}

/* Finds the last whole line of a file of `size` bytes: reads its end, and four times as much each
 * time until the line is found. False with errno; EBADMSG: its last line is no segment. */
static bool archive_read_end(int fd, off_t size, struct arena *arena, struct archive_end *ret)
{
    struct audit_segment_text segment;
    struct str line = STR(""), text;
    size_t room = TAIL_FIRST, rest = 0;

    for (;; room *= 4) {
        size_t n = (off_t)room < size ? room : (size_t)size;
        char *tail = arena_alloc(arena, n + 1);
        ssize_t got = tail ? pread(fd, tail, n, size - (off_t)n) : -1;

        if (got < 0 || (size_t)got != n) {
            errno = !tail ? ENOMEM : got < 0 ? errno : EIO;
            return false;
        }
        if (archive_find_line((struct str){tail, n}, (off_t)n == size, &line, &rest))
            break;
        if (room >= TAIL_LARGEST) {
            errno = EBADMSG;
            return false;
        }
    }
    *ret = (struct archive_end){.size = size - (off_t)rest};
    if (line.n == 0 && ret->size == 0)
        return true;
    if (!archive_parse_line(arena, line, &segment, &text)) {
        errno = EBADMSG;
        return false;
    }
    ret->number = segment.link.number;
    memcpy(ret->head, segment.link.head, sizeof(ret->head));
    return true;
}

/* Writes all bytes. False with errno. */
static bool archive_write(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t written = write(fd, bytes.p, bytes.n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            errno = written == 0 ? ENOSPC : errno;
            return false;
        }
        bytes.p += written;
        bytes.n -= (size_t)written;
    }
    return true;
}

/* Sets *ret_known to how many of the n segments to append, from the first on, the file already has.
 * False: the file is in conflict with them: its last segment has the number of one of them but
 * another head, or a larger number than all of them. */
static bool archive_compare(const struct archive_end *end,
                            const struct audit_segment_text *segments, size_t n, size_t *ret_known)
{
    *ret_known = 0;
    if (end->number < segments[0].link.number)
        return true;
    for (size_t i = 0; i < n; i++) {
        if (segments[i].link.number != end->number)
            continue;
        *ret_known = i + 1;
        return strcmp(segments[i].link.head, end->head) == 0;
    }
    return false;
}

/* Appends segments of one month to the open file, but for those that it already has. Locks the file
 * until it is closed. A file that another process has locked is a failure. */
static enum audit_archive_result archive_append_open(int fd,
                                                     const struct audit_segment_text *segments,
                                                     size_t n, struct arena *arena)
{
    struct archive_end end;
    struct stat status;
    struct buf lines;
    size_t known;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &status) != 0 ||
        !archive_read_end(fd, status.st_size, arena, &end))
        return errno == EBADMSG ? AUDIT_ARCHIVE_CONFLICT : AUDIT_ARCHIVE_FAILED;
    if (!archive_compare(&end, segments, n, &known))
        return AUDIT_ARCHIVE_CONFLICT;
    buf_init(&lines, arena);
    for (size_t i = known; i < n; i++) {
        if (!archive_put_line(&lines, &segments[i], arena)) {
            errno = ENOMEM;
            return AUDIT_ARCHIVE_FAILED;
        }
    }
    if (end.size != status.st_size && ftruncate(fd, end.size) != 0)
        return AUDIT_ARCHIVE_FAILED;
    if (!archive_write(fd, buf_view(&lines)) || fsync(fd) != 0) {
        int error = errno;

        if (ftruncate(fd, end.size) == 0) /* else the next run cuts an unfinished line off */
            errno = error;
        return AUDIT_ARCHIVE_FAILED;
    }
    return AUDIT_ARCHIVED;
}

/* Appends segments of one month to their file, which is made if it does not exist. The fsync of the
 * folder brings the name of a new file to the disk. */
static enum audit_archive_result archive_append_month(int folder, const char *name,
                                                      const struct audit_segment_text *segments,
                                                      size_t n, struct arena *arena)
{
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                    S_IRUSR | S_IWUSR),
        error;
    enum audit_archive_result result;

    if (fd < 0)
        return AUDIT_ARCHIVE_FAILED;
    result = archive_append_open(fd, segments, n, arena);
    error = errno;
    (void)close(fd); /* a failure is harmless: fsync has reported errors of writing */
    errno = error;
    if (result == AUDIT_ARCHIVED && fsync(folder) != 0)
        result = AUDIT_ARCHIVE_FAILED;
    return result;
}

enum audit_archive_result audit_archive_append(const char *folder,
                                               const struct audit_segment_text *segments, size_t n,
                                               struct arena *arena)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;
    enum audit_archive_result result = AUDIT_ARCHIVED;
    char name[NAME_SIZE], other[NAME_SIZE];

    if (fd < 0)
        return AUDIT_ARCHIVE_FAILED;
    /* same: number of successive segments, from segments[i] on, that are of the same month */
    for (size_t i = 0, same; i < n && result == AUDIT_ARCHIVED; i += same) {
        archive_name(segments[i].shard, str_of(segments[i].link.last_id), name);
        for (same = 1; i + same < n; same++) {
            archive_name(segments[i].shard, str_of(segments[i + same].link.last_id), other);
            if (strcmp(name, other) != 0)
                break;
        }
        result = archive_append_month(fd, name, segments + i, same, arena);
    }
    error = errno;
    (void)close(fd);
    errno = error;
    return result;
}

bool audit_archive_remove_old(const char *folder, int64_t before_ms)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    unsigned shard;
    int64_t end_ms;
    bool removed = true;

    if (!dir)
        return false;
    while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): a stream of its own */
        if (archive_parse_name(entry->d_name, &shard, &end_ms) && end_ms < before_ms)
            removed = unlinkat(dirfd(dir), entry->d_name, 0) == 0 && removed;
    }
    (void)closedir(dir);
    return removed;
}

/* ---- reading ---- */

bool audit_archive_open(struct audit_archive_reader *r, const char *folder, unsigned shard,
                        struct arena *arena)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    struct buf names;
    unsigned found;
    int64_t end_ms;

    *r = (struct audit_archive_reader){.folder = folder, .shard = shard};
    if (!dir)
        return false;
    buf_init(&names, arena);
    while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): a stream of its own */
        struct str name;

        if (!archive_parse_name(entry->d_name, &found, &end_ms) || found != shard)
            continue;
        name = arena_copy(arena, str_of(entry->d_name));
        buf_put(&names, &name, sizeof(name));
        names.failed = names.failed || !name.p;
        r->name_n++;
    }
    (void)closedir(dir);
    r->names = arena_array(arena, r->name_n, sizeof(*r->names));
    if (names.failed || !r->names) {
        errno = ENOMEM;
        return false;
    }
    if (r->name_n > 0)
        memcpy(r->names, buf_view(&names).p, r->name_n * sizeof(*r->names));
    str_sort(r->names, r->name_n);
    return true;
}

/* Closes the file that is being read, if one is open. */
static void archive_close_file(struct audit_archive_reader *r)
{
    if (r->file)
        (void)fclose(r->file);
    r->file = NULL;
}

void audit_archive_close(struct audit_archive_reader *r)
{
    archive_close_file(r);
    free(r->line);
    r->line = NULL;
}

/* Opens the next file, which must exist in the list of names. False with errno. */
static bool archive_open_next(struct audit_archive_reader *r, struct arena *arena)
{
    struct str path = arena_printf(arena, "%s/%.*s", r->folder, STR_ARG(r->names[r->next]));

    if (!path.p) {
        errno = ENOMEM;
        return false;
    }
    r->next++;
    r->file = fopen(path.p, "re");
    return r->file;
}

enum audit_archive_read audit_archive_next(struct audit_archive_reader *r, struct arena *arena,
                                           struct audit_segment_text *ret, struct str *ret_text)
{
    for (;;) {
        ssize_t n;

        if (!r->file && r->next == r->name_n)
            return AUDIT_ARCHIVE_END;
        if (!r->file && !archive_open_next(r, arena))
            return AUDIT_ARCHIVE_ERROR;
        n = getline(&r->line, &r->size, r->file);
        /* a last line without a line feed was left by a worker that was killed; it is skipped,
         * since Redis still has the segment */
        if (n > 0 && r->line[n - 1] == '\n')
            return archive_parse_line(arena, (struct str){r->line, (size_t)n - 1}, ret, ret_text)
                       ? AUDIT_ARCHIVE_SEGMENT
                       : AUDIT_ARCHIVE_BROKEN;
        if (n < 0 && ferror(r->file))
            return AUDIT_ARCHIVE_ERROR;
        archive_close_file(r);
    }
}
