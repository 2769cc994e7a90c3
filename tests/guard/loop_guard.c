/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linked into the servers of test builds (configure --enable-sanitizers): a call that may block the
 * event loop aborts the process with the name of the call, so that any test that causes one fails
 * (hazards X2). The functions here take the place of those of libc, for the program as well as for
 * the libraries that it uses; they pass each call on. The thread of the loop is the one that calls
 * ev_run; other threads, such as those that resolve names, may block.
 *
 * Writing to a regular file is not counted as blocking, nor is a socket with SO_SNDTIMEO, which is
 * how the connections of libfcgi are limited (hazards F3). */
#include <dlfcn.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

static _Thread_local bool in_loop;

/* Declares `next`, the function of that name that this file has displaced. */
#define NEXT(function)                                                                             \
    static __typeof__(&function) next;                                                             \
    if (!next)                                                                                     \
    guard_find(&next, #function)

/* The copy avoids a cast from the object pointer of dlsym, which ISO C forbids. */
static void guard_find(void *ret_function, const char *name)
{
    const void *found = dlsym(RTLD_NEXT, name);

    memcpy(ret_function, &found, sizeof(found));
}

/* Ends the process, after a message that no other thread can divide. */
static void guard_fail(const char *call)
{
    char text[80];
    int n = snprintf(text, sizeof(text), "loop guard: %s may block the event loop\n", call);

    in_loop = false;
    (void)!write(STDERR_FILENO, text, (size_t)n);
    abort();
}

/* Fails if a write of n bytes to fd could block without a limit. */
static void guard_check_write(int fd, size_t n, const char *call)
{
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    struct timeval limit = {0, 0};
    socklen_t size = sizeof(limit);
    struct stat about;
    int saved = errno, flags = in_loop ? fcntl(fd, F_GETFL) : -1;

    if (flags >= 0 && !(flags & O_NONBLOCK) && fstat(fd, &about) == 0 && !S_ISREG(about.st_mode) &&
        (getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &size) != 0 ||
         (limit.tv_sec == 0 && limit.tv_usec == 0)) &&
        !(S_ISFIFO(about.st_mode) && n <= PIPE_BUF && poll(&writable, 1, 0) == 1))
        guard_fail(call);
    errno = saved;
}

int ev_run(struct ev_loop *loop, int flags) EV_THROW
{
    NEXT(ev_run);

    in_loop = true;
    return next(loop, flags);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    NEXT(getaddrinfo);

    if (in_loop)
        guard_fail("getaddrinfo");
    return next(name, service, hints, result);
}

int fsync(int fd)
{
    NEXT(fsync);

    if (in_loop)
        guard_fail("fsync");
    return next(fd);
}

int fdatasync(int fd)
{
    NEXT(fdatasync);

    if (in_loop)
        guard_fail("fdatasync");
    return next(fd);
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
    NEXT(connect);

    if (in_loop && !(fcntl(fd, F_GETFL) & O_NONBLOCK))
        guard_fail("connect");
    return next(fd, address, length);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    NEXT(write);

    guard_check_write(fd, n, "write");
    return next(fd, bytes, n);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    NEXT(writev);

    guard_check_write(fd, SIZE_MAX, "writev");
    return next(fd, pieces, count);
}

ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
    NEXT(send);

    if (!(flags & MSG_DONTWAIT))
        guard_check_write(fd, n, "send");
    return next(fd, bytes, n, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    NEXT(sendmsg);

    if (!(flags & MSG_DONTWAIT))
        guard_check_write(fd, SIZE_MAX, "sendmsg");
    return next(fd, message, flags);
}
