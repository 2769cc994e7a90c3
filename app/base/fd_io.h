/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole reads and writes of file descriptors that block. Calls that a signal has interrupted are
 * made again. */
#ifndef BASE_FD_IO_H
#define BASE_FD_IO_H

#include <stdbool.h>
#include <sys/types.h>

#include "app/base/str.h"

/* Reads until the end of the file, but at most size bytes. Returns the number of bytes read, or -1
 * with errno. */
ssize_t fd_read_all(int fd, char *bytes, size_t size);
/* Writes the whole text. False with errno; a part may then have been written. */
bool fd_write_all(int fd, struct str text);

#endif
