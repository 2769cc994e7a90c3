/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens the shared file, or makes it. Its path always names a complete file: a new one is written
 * under another name and renamed over it. A lock (flock) on the old file makes processes that start
 * together wait for each other; the kernel releases it when a process dies in between. */
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

#define MAGIC UINT64_C(0x3173656e67656d6d)

static bool file_fail(char ret_error[200], const char *what, const char *path)
{
    (void)snprintf(ret_error, 200, "%s %.100s: %s", what, path, strerror(errno));
    return false;
}

static size_t file_size(const struct metrics *m)
{
    return sizeof(struct metrics_header) + SLOTS * m->stride;
}

static bool file_has_layout(const struct metrics *m, int fd)
{
    struct metrics_header found;
    struct stat about;

    return fstat(fd, &about) == 0 && (size_t)about.st_size == file_size(m) &&
           pread(fd, &found, sizeof(found), 0) == (ssize_t)sizeof(found) && found.magic == MAGIC &&
           found.layout == metrics_layout_hash(m) && found.size == file_size(m);
}

/* Allocates the space now: a full tmpfs is then an error here and not a SIGBUS later. */
static bool file_fill(const struct metrics *m, int fd)
{
    struct metrics_header header = {
        .magic = MAGIC, .layout = metrics_layout_hash(m), .size = file_size(m)};

    atomic_init(&header.counting_since_ms, clock_wall_ms());
    const int failed = posix_fallocate(fd, 0, (off_t)file_size(m));
    if (failed != 0) {
        errno = failed;
        return false;
    }
    /* fchmod, because the umask may remove the group's rights: worker and pool may share only a
     * group. */
    return fchmod(fd, 0660) == 0 &&
           pwrite(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header);
}

/* Makes a complete new file at path and returns it open; -1 with ret_error. */
static int file_make(const struct metrics *m, const char *path, char ret_error[200])
{
    char fresh[4096];

    if ((size_t)snprintf(fresh, sizeof(fresh), "%s.%d", path, (int)getpid()) >= sizeof(fresh)) {
        errno = ENAMETOOLONG;
        file_fail(ret_error, "make", path);
        return -1;
    }
    const int fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0660);
    if (fd < 0) {
        file_fail(ret_error, "make", fresh);
        return -1;
    }
    if (file_fill(m, fd) && rename(fresh, path) == 0)
        return fd;
    file_fail(ret_error, "make", path);
    (void)unlink(fresh);
    (void)close(fd);
    return -1;
}

static bool file_is_at(int fd, const char *path)
{
    struct stat of_fd, of_path;

    return fstat(fd, &of_fd) == 0 && stat(path, &of_path) == 0 && of_fd.st_dev == of_path.st_dev &&
           of_fd.st_ino == of_path.st_ino;
}

static bool file_lock(int fd)
{
    int result;

    do
        result = flock(fd, LOCK_EX);
    while (result < 0 && errno == EINTR);
    return result == 0;
}

/* Uses O_CREAT only when there is no file: in /dev/shm the kernel refuses O_CREAT for an existing
 * file of another user (fs.protected_regular), even if the group may write to it. */
static int open_or_create(const char *path)
{
    const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
    const int fd = open(path, flags);

    return fd >= 0 || errno != ENOENT ? fd : open(path, flags | O_CREAT, 0660);
}

/* Opens the file at path, or makes an empty one, and locks it. While this process waited for the
 * lock, another may have replaced the file: then it opens the new one. -1 with ret_error. */
static int open_locked(const char *path, char ret_error[200])
{
    for (;;) {
        const int fd = open_or_create(path);
        if (fd < 0) {
            file_fail(ret_error, "open", path);
            return -1;
        }
        if (!file_lock(fd)) {
            file_fail(ret_error, "lock", path);
            (void)close(fd);
            return -1;
        }
        if (file_is_at(fd, path))
            return fd;
        (void)close(fd);
    }
}

static bool file_map(struct metrics *m, const char *path, char ret_error[200])
{
    void *at = mmap(NULL, file_size(m), PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);

    if (at == MAP_FAILED)
        return file_fail(ret_error, "map", path);
    m->header = at;
    return true;
}

bool metrics_map(struct metrics *m, const char *path, char ret_error[200])
{
    const size_t line = 64; /* no two processes write to one cache line */
    const size_t slot_size = sizeof(struct slot) + m->cell_count * sizeof(atomic_ullong);

    m->stride = (slot_size + line - 1) / line * line;
    const int locked = open_locked(path, ret_error);
    if (locked < 0)
        return false;
    m->fd = file_has_layout(m, locked) ? locked : file_make(m, path, ret_error);
    const bool mapped = m->fd >= 0 && file_map(m, path, ret_error);
    /* Closing alone would not unlock: the mapping keeps the open file, and with it the lock. */
    (void)flock(locked, LOCK_UN);
    if (m->fd != locked)
        (void)close(locked);
    return mapped;
}

void metrics_unmap(struct metrics *m)
{
    if (m->header)
        (void)munmap(m->header, file_size(m));
    if (m->fd >= 0)
        (void)close(m->fd);
    m->header = NULL;
    m->fd = -1;
}
