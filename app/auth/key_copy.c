/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file with a copy of the provider's keys: a first line with the name of the format, the time
 * of the fetch (wall clock, ms) and the URL of the keys, then the JWK Set as the provider has sent
 * it. It is written under a temporary name and then renamed, so that a reader never sees an
 * incomplete file. */
#include "app/auth/key_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/auth/token_keys.h"
#include "app/base/fd_io.h"

#define FORMAT_NAME "mastery-engine-keys-1"

enum {
    FILE_MAX = KEY_SET_MAX + 8192, /* most bytes of a file: a JWK Set and the line before it */
    PATH_SIZE = 4096,              /* bytes of a path with its NUL */
    ATTEMPTS_SIZE = 80,            /* bytes of the text with the times and number of the attempts */
};

/* Writes an error about a path. Returns false. */
static bool copy_fail(char ret_error[200], const char *path, const char *why)
{
    return token_keys_fail(ret_error, "JWT_JWKS_CACHE_FILE: %.90s: %s", path, why);
}

/* Opens a file that only this user may have written. Returns -1 with errno, also for a file of
 * another user, who may have made it first in a folder where all users may make files, such as
 * /dev/shm. */
static int open_own(const char *path, int flags)
{
    struct stat about;
    int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

    if (fd < 0)
        return -1;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_uid == geteuid() &&
        (about.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return fd;
    (void)close(fd);
    errno = EPERM;
    return -1;
}

/* Checks the file and its lock, PATH.lock. Each must be a file that may be trusted or, if it does
 * not exist, one that can be created in its folder. "./" is the folder of a path without a slash.
 */
bool key_copy_check(const char *path, char ret_error[200])
{
    char folder[PATH_SIZE], lock[PATH_SIZE + 8];
    const char *slash = strrchr(path, '/'), *names[] = {path, lock};

    (void)snprintf(lock, sizeof(lock), "%.*s.lock", PATH_SIZE, path);
    for (size_t i = 0; i < 2; i++) {
        int fd = open_own(names[i], O_RDONLY);

        if (fd >= 0)
            (void)close(fd);
        else if (errno != ENOENT)
            return copy_fail(ret_error, names[i],
                             errno == EPERM ? "is not a file of this user alone; remove it, or set "
                                              "another path"
                                            : strerror(errno));
    }
    (void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 2,
                   slash ? path : "./");
    return access(folder, W_OK | X_OK) == 0 || copy_fail(ret_error, folder, strerror(errno));
}

/* Parses the file: FORMAT_NAME, time and source in the first line, separated by spaces, then the
 * set. Returns false when it has another form, or is of another source. */
static bool copy_parse(struct str file, const char *source, struct key_copy *ret)
{
    struct str line = str_cut(&file, '\n');

    if (!str_equal(str_cut(&line, ' '), STR(FORMAT_NAME)) ||
        !str_to_int64(str_cut(&line, ' '), 0, INT64_MAX, &ret->fetched_ms) ||
        !str_equal(line, str_of(source)))
        return false;
    ret->text = file;
    return true;
}

/* Reads the whole file into memory that then belongs to *ret. A file longer than FILE_MAX is cut,
 * so that its set is no valid JSON. */
bool key_copy_read(const char *path, const char *source, struct key_copy *ret)
{
    int fd = open_own(path, O_RDONLY);
    char *memory = fd >= 0 ? malloc(FILE_MAX) : NULL;
    ssize_t n = memory ? fd_read_all(fd, memory, FILE_MAX) : -1;

    *ret = (struct key_copy){.memory = memory};
    if (fd >= 0)
        (void)close(fd);
    if (n > 0 && copy_parse((struct str){memory, (size_t)n}, source, ret))
        return true;
    free(memory);
    *ret = (struct key_copy){.memory = NULL};
    return false;
}

/* While this process has the lock, it is the only writer, so the temporary name is always the same.
 * A file with that name, which a killed process has left, is removed. */
bool key_copy_write(const char *path, const char *source, int64_t fetched_ms, struct str text)
{
    char temporary[PATH_SIZE], *line = NULL;
    int n = asprintf(&line, FORMAT_NAME " %lld %s\n", (long long)fetched_ms, source), fd;
    bool good;

    if (n < 0)
        return false;
    (void)snprintf(temporary, sizeof(temporary), "%s.new", path);
    (void)unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    good = fd >= 0 && fd_write_all(fd, (struct str){line, (size_t)n}) && fd_write_all(fd, text) &&
           rename(temporary, path) == 0;
    free(line);
    if (fd >= 0)
        (void)close(fd);
    return good;
}

/* Does not wait for the lock: LOCK_NB makes flock fail while another process has it. */
int key_copy_lock(const char *path)
{
    char name[PATH_SIZE];
    int fd;

    (void)snprintf(name, sizeof(name), "%s.lock", path);
    fd = open_own(name, O_RDWR | O_CREAT);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    (void)close(fd);
    errno = EWOULDBLOCK;
    return -1;
}

/* A text that cannot be parsed, such as that of an empty file, counts as no attempt. */
void key_copy_read_attempts(int fd, struct key_attempts *ret)
{
    char text[ATTEMPTS_SIZE];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    struct str rest = {text, n > 0 ? (size_t)n : 0};
    int64_t failures;

    if (!str_to_int64(str_cut(&rest, ' '), 0, INT64_MAX, &ret->tried_ms) ||
        !str_to_int64(str_cut(&rest, ' '), 0, INT64_MAX, &ret->requested_ms) ||
        !str_to_int64(str_cut(&rest, '\n'), 0, INT32_MAX, &failures))
        *ret = (struct key_attempts){.failures = 0};
    else
        ret->failures = (int)failures;
}

/* Overwrites the text of the attempts: three numbers, which key_copy_read_attempts reads. When the
 * old text was longer, its last bytes stay after the line feed, where they are not read. */
bool key_copy_write_attempts(int fd, const struct key_attempts *attempts)
{
    char text[ATTEMPTS_SIZE];
    int n = snprintf(text, sizeof(text), "%lld %lld %d\n", (long long)attempts->tried_ms,
                     (long long)attempts->requested_ms, attempts->failures);

    return pwrite(fd, text, (size_t)n, 0) == n;
}
