/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and resets nginx's counts of the error responses that it makes itself. A count is the size
 * of a file. nginx opens the files with O_APPEND, so it always appends at the end, even after the
 * file was cut or got holes. */
#include "app/obs/refusals.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* PATH_SIZE: bytes of a path. KEPT_BLOCKS: a file may have this many blocks of 512 bytes (64 KiB in
 * all) before they are freed. PAGE: bytes of a page; holes begin and end at its multiples. */
enum { PATH_SIZE = 4096, KEPT_BLOCKS = 128, PAGE = 4096 };

const int refusal_statuses[REFUSAL_STATUSES] = {400, 403, 404, 408, 413, 414, 415,
                                                429, 431, 500, 502, 503, 504};

/* Opens the file in which nginx counts the responses with this status. Returns -1 when there is
 * none, or when it cannot be opened. */
static int refusals_open(const char *folder, int status)
{
    char path[PATH_SIZE];

    if (*folder == '\0' ||
        snprintf(path, sizeof(path), "%s/%d", folder, status) >= (int)sizeof(path))
        return -1;
    return open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

/* The count is the size of the file. Frees the blocks of the file by a hole in place of the bytes,
 * which keeps the size. */
uint64_t refusals_count(const char *folder, int status)
{
    int fd = refusals_open(folder, status);
    struct stat about = {.st_size = 0};

    if (fd < 0)
        return 0;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        about.st_size = 0;
    /* if this fails, the memory stays in use */
    if (about.st_size >= PAGE && about.st_blocks > KEPT_BLOCKS)
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                        about.st_size - about.st_size % PAGE);
    (void)close(fd);
    return (uint64_t)about.st_size;
}

/* Empties nginx's files, whose sizes are its counts of error responses. */
void refusals_reset(const char *folder)
{
    for (int i = 0; i < REFUSAL_STATUSES; i++) {
        int fd = refusals_open(folder, refusal_statuses[i]);

        if (fd < 0)
            continue;
        (void)!ftruncate(fd, 0); /* if this fails, the count goes on; (void)! avoids a warning */
        (void)close(fd);
    }
}
