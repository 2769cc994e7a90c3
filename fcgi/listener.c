/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds or creates the listening Unix socket. FCGX_OpenSocket is not used, because it ends the
 * process when it fails. */
#include "fcgi/listener.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Connections that wait in the queue of the socket until a process accepts them. */
enum { BACKLOG = 1024 };

/* Returns true if fd is a listening socket; false also for a closed descriptor or one that is not a
 * socket. */
static bool listener_is_listening(int fd)
{
    int listening = 0;
    socklen_t n = sizeof(listening);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening;
}

/* Creates a listening Unix socket at path. Returns its descriptor, or -1 with errno. An existing
 * file at path is removed first: a process that was killed leaves its socket, with which bind would
 * fail. */
static int listener_create(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    int fd;

    if (n >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, n + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)unlink(path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* Uses the socket that was passed by the supervisor, if any, rather than FCGI_LISTEN. */
int listener_open(const char *path)
{
    int fd;

    if (listener_is_listening(STDIN_FILENO))
        return STDIN_FILENO;
    if (!path || !*path) {
        (void)fputs("mastery-fcgi: file descriptor 0 is not a listening socket: start it by "
                    "spawn-fcgi or systemd, or set FCGI_LISTEN\n",
                    stderr);
        return -1;
    }
    fd = listener_create(path);
    if (fd < 0)
        (void)fprintf(stderr, "FCGI_LISTEN: cannot listen on %s: %s\n", path, strerror(errno));
    return fd;
}
