/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connects without hiredis and avoids three of its problems: the host name that it resolves while
 * the program waits, failures without an error code (hazards H5), and arrays of any size. */
#include "app/store/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/un.h>

#if HIREDIS_MAJOR == 0
typedef int array_size;
#else
typedef size_t array_size;
#endif

/* Creates an array reply, as hiredis does, if its size is acceptable. Without this limit hiredis
 * allocates an array of any length that the header of a reply claims (hazards H7). No command of
 * this program has a reply with so many elements. NULL makes the parser report an error. */
static void *redis_create_array(const redisReadTask *task, array_size elements)
{
    enum { ELEMENTS_MAX = 1 << 20 };
    const struct reply_bounds *bounds = task->privdata;

    return elements > ELEMENTS_MAX ? NULL : bounds->original->createArray(task, elements);
}

/* Replaces the function of the reader that creates arrays; all others stay the original ones. */
static void redis_bound_replies(redisReader *reader, struct reply_bounds *bounds)
{
    bounds->original = reader->fn;
    bounds->bounded = *reader->fn;
    bounds->bounded.createArray = redis_create_array;
    reader->fn = &bounds->bounded;
    reader->privdata = bounds;
}

/* redisConnectFd is for a connection that exists already and may block; this one does not. */
redisContext *connect_new_context(struct reply_bounds *bounds)
{
    redisContext *context = redisConnectFd(-1);

    if (!context)
        return NULL;
    context->flags &= ~REDIS_BLOCK;
    context->fd = -1;
    redis_bound_replies(context->reader, bounds);
    return context;
}

/* Checks only what fails at once. That no server accepts the connection is noticed later, when the
 * link writes or reads. The context closes the socket. */
bool connect_start(redisContext *context, const struct sockaddr *address, socklen_t length)
{
    const int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    context->fd = fd;
    if (address->sa_family != AF_UNIX) /* small commands must not wait for the replies to others */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connect(fd, address, length) == 0 || errno == EINPROGRESS;
}

bool connect_start_unix(redisContext *context, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return connect_start(context, (const struct sockaddr *)&address, sizeof(address));
}
