/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and writes as often as needed: the kernel may transfer fewer bytes than requested. */
#include "app/base/fd_io.h"

#include <errno.h>
#include <unistd.h>

ssize_t fd_read_all(int fd, char *bytes, size_t size)
{
    size_t n = 0;

    while (n < size) {
        ssize_t got = read(fd, bytes + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

bool fd_write_all(int fd, struct str text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text = (struct str){text.p + n, text.n - (size_t)n};
    }
    return true;
}
