/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens and maps the shared file of metrics, or makes a new one. The path must never name an
 * incomplete file with a valid header, so a new file is written under a temporary name and then
 * renamed to the path. Processes that start at the same time wait for each other by a lock (flock)
 * on the file that the path names; the kernel releases the lock when its holder dies. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/base/clock.h"
#include "app/obs/metrics_layout.h"

#define MAGIC UINT64_C(0x3173656e67656d6d) /* the first bytes of every file of metrics */

/* Writes an error line: what failed (such as "open"), the path, and the text of errno. Always
 * returns false. */
static bool file_fail(char ret_error[200], const char *what, const char *path)
{
    (void)snprintf(ret_error, 200, "%s %.100s: %s", what, path, strerror(errno));
    return false;
}

/* Returns the size of the file of metrics in bytes. */
static size_t file_size(const struct metrics *metrics)
{
    return sizeof(struct metrics_header) + SLOTS * metrics->stride;
}

/* Returns whether the open file has the size and the header of this build's layout. */
static bool file_has_layout(const struct metrics *metrics, int fd)
{
    struct metrics_header found;
    struct stat about;

    return fstat(fd, &about) == 0 && (size_t)about.st_size == file_size(metrics) &&
           pread(fd, &found, sizeof(found), /* offset */ 0) == (ssize_t)sizeof(found) &&
           found.magic == MAGIC && found.layout == metrics_layout_hash(metrics) &&
           found.size == file_size(metrics);
}

/* Fills the new file with zeros and the header. False with errno. The space is allocated at once,
 * so that a full tmpfs gives an error here, and not a SIGBUS when the memory is first written. */
static bool file_fill(const struct metrics *metrics, int fd)
{
    struct metrics_header header = {
        .magic = MAGIC, .layout = metrics_layout_hash(metrics), .size = file_size(metrics)};

    atomic_init(&header.counting_since_ms, clock_wall_ms());
    const int failed = posix_fallocate(fd, /* offset */ 0, (off_t)file_size(metrics));
    if (failed != 0) {
        errno = failed;
        return false;
    }
    /* open() lets the umask remove the group's rights; fchmod restores them, because worker and
     * request processes may run as different users of one group */
    return fchmod(fd, 0660) == 0 &&
           pwrite(fd, &header, sizeof(header), /* offset */ 0) == (ssize_t)sizeof(header);
}

/* Writes a complete new file under a temporary name (the path and this process's id), renames it to
 * the path and returns its descriptor; -1 with ret_error. */
static int file_make(const struct metrics *metrics, const char *path, char ret_error[200])
{
    char temporary[4096];

    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid()) >=
        sizeof(temporary)) {
        errno = ENAMETOOLONG;
        file_fail(ret_error, "make", path);
        return -1;
    }
    const int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0660);
    if (fd < 0) {
        file_fail(ret_error, "make", temporary);
        return -1;
    }
    if (file_fill(metrics, fd) && rename(temporary, path) == 0)
        return fd;
    file_fail(ret_error, "make", path);
    (void)unlink(temporary);
    (void)close(fd);
    return -1;
}

/* Returns whether the path still names the file that fd is open on. */
static bool file_is_at(int fd, const char *path)
{
    struct stat of_fd, of_path;

    return fstat(fd, &of_fd) == 0 && stat(path, &of_path) == 0 && of_fd.st_dev == of_path.st_dev &&
           of_fd.st_ino == of_path.st_ino;
}

/* Waits for the exclusive lock on the file; repeats the call when a signal interrupts it. False
 * with errno. */
static bool file_lock(int fd)
{
    int result;

    do
        result = flock(fd, LOCK_EX);
    while (result < 0 && errno == EINTR);
    return result == 0;
}

/* Opens the file, or creates an empty one when there is none; -1 with errno. The first attempt has
 * no O_CREAT, because in /dev/shm the kernel refuses O_CREAT for an existing file of another user
 * (fs.protected_regular), even when this process's group may write to it. */
static int open_or_create(const char *path)
{
    const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const int fd = open(path, flags);

    return fd >= 0 || errno != ENOENT ? fd : open(path, flags | O_CREAT, 0660);
}

/* Returns whether the calling process has the group, as its own or as a supplementary one. */
static bool file_has_group(gid_t group)
{
    gid_t groups[256];
    const int n = getgroups((int)(sizeof(groups) / sizeof(groups[0])), groups);

    for (int i = 0; i < n; i++)
        if (groups[i] == group)
            return true;
    return group == getegid();
}

/* Returns whether only this user, root, and members of this process's groups can write to the file,
 * whose content is used without further checks. In a folder where all users may make files, such as
 * /dev/shm, another user may have made it first. */
static bool file_is_trusted(int fd, const char *path, char ret_error[200])
{
    struct stat about;

    if (fstat(fd, &about) != 0)
        return file_fail(ret_error, "open", path);
    if (S_ISREG(about.st_mode) && (about.st_mode & S_IRWXO) == 0 &&
        (about.st_uid == geteuid() || about.st_uid == 0 || file_has_group(about.st_gid)))
        return true;
    (void)snprintf(ret_error, 200,
                   "METRICS_FILE %.60s: is not a file of this user or group alone; "
                   "remove it, or set METRICS_FILE to another path",
                   path);
    return false;
}

/* Opens the file at path, or creates an empty one, locks it, and returns its descriptor; -1 with
 * ret_error. While this process waits for the lock, another one may rename a new file to the path;
 * the loop then opens that one. */
static int open_locked(const char *path, char ret_error[200])
{
    for (;;) {
        const int fd = open_or_create(path);
        if (fd < 0) {
            file_fail(ret_error, "open", path);
            return -1;
        }
        /* file_fail, which is always false, is called only to write the message */
        if (!file_is_trusted(fd, path, ret_error) ||
            (!file_lock(fd) && !file_fail(ret_error, "lock", path))) {
            (void)close(fd);
            return -1;
        }
        if (file_is_at(fd, path))
            return fd;
        (void)close(fd);
    }
}

/* Maps the file metrics->fd into memory and sets metrics->header. False with ret_error. */
static bool file_map(struct metrics *metrics, int protection, const char *path, char ret_error[200])
{
    void *mapping =
        mmap(NULL, file_size(metrics), protection, MAP_SHARED, metrics->fd, /* offset */ 0);

    if (mapping == MAP_FAILED)
        return file_fail(ret_error, "map", path);
    metrics->header = mapping;
    return true;
}

/* Returns the bytes from the start of a slot to that of the next one, which begins on a new cache
 * line. */
static size_t file_stride(const struct metrics *metrics)
{
    const size_t line = 64; /* bytes of a cache line */
    const size_t slot_size = sizeof(struct slot) + metrics->cell_count * sizeof(atomic_ullong);

    return (slot_size + line - 1) / line * line;
}

/* Opens and maps the metrics file. If its layout is not that of this build, replaces it by a new
 * file with the same path. Only one process does so, since it holds the lock on the old file, and
 * those that have waited for the lock open the new one (open_locked). metrics->fd, which is -1
 * before, is the file in use. False with ret_error; metrics_close then closes metrics->fd. */
bool metrics_map(struct metrics *metrics, const char *path, char ret_error[200])
{
    metrics->stride = file_stride(metrics);
    const int locked = open_locked(path, ret_error);
    if (locked < 0)
        return false;
    metrics->fd = file_has_layout(metrics, locked) ? locked : file_make(metrics, path, ret_error);
    const bool mapped =
        metrics->fd >= 0 && file_map(metrics, PROT_READ | PROT_WRITE, path, ret_error);
    /* Closing the descriptor would not release the lock, because the mapping keeps the file
     * open. */
    (void)flock(locked, LOCK_UN);
    if (metrics->fd != locked)
        (void)close(locked);
    return mapped;
}

bool metrics_map_reader(struct metrics *metrics, const char *path, char ret_error[200])
{
    metrics->stride = file_stride(metrics);
    metrics->fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (metrics->fd < 0)
        return file_fail(ret_error, "open", path);
    if (!file_is_trusted(metrics->fd, path, ret_error))
        return false;
    if (!file_has_layout(metrics, metrics->fd)) {
        (void)snprintf(ret_error, 200, "%.100s is the metrics file of another version", path);
        return false;
    }
    return file_map(metrics, PROT_READ, path, ret_error);
}

/* An existing file must be trusted (file_is_trusted). Where there is none, the folder must allow a
 * new one ("./" is the folder of a path without a slash). */
bool metrics_check(const char *path, char ret_error[200])
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    const int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool good;

    if (fd < 0 && errno != ENOENT)
        return file_fail(ret_error, "open", path);
    if (fd >= 0) {
        good = file_is_trusted(fd, path, ret_error);
        (void)close(fd);
        return good;
    }
    (void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 2,
                   slash ? path : "./");
    return access(folder, W_OK | X_OK) == 0 || file_fail(ret_error, "make", path);
}

/* Unmaps and closes what metrics_map has opened. Resets header and fd, so that a second call does
 * nothing. */
void metrics_unmap(struct metrics *metrics)
{
    if (metrics->header)
        (void)munmap(metrics->header, file_size(metrics));
    if (metrics->fd >= 0)
        (void)close(metrics->fd);
    metrics->header = NULL;
    metrics->fd = -1;
}
