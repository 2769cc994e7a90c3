/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/fake_redis.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool fake_redis_open(struct fake_redis *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memset(f, 0, sizeof(*f));
    f->listener = -1;
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/me-unit-XXXXXX");
    if (!mkdtemp(f->folder))
        return false;
    (void)snprintf(f->path, sizeof(f->path), "%s/s", f->folder);
    memcpy(address.sun_path, f->path, strlen(f->path));
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return f->listener >= 0 &&
           bind(f->listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
           listen(f->listener, FAKE_CONNECTIONS) == 0;
}

bool fake_redis_open_port(struct fake_redis *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(address);

    memset(f, 0, sizeof(*f));
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (f->listener < 0 || bind(f->listener, (struct sockaddr *)&address, n) != 0 ||
        listen(f->listener, FAKE_CONNECTIONS) != 0 ||
        getsockname(f->listener, (struct sockaddr *)&address, &n) != 0)
        return false;
    f->port = ntohs(address.sin_port);
    return true;
}

void fake_redis_close(struct fake_redis *f)
{
    if (!*f->folder && f->port == 0)
        return;
    for (int i = 0; i < f->count; i++) {
        if (f->peers[i] >= 0)
            (void)close(f->peers[i]);
    }
    if (f->listener >= 0)
        (void)close(f->listener);
    if (*f->folder) {
        (void)unlink(f->path);
        (void)rmdir(f->folder);
    }
    memset(f, 0, sizeof(*f));
    f->listener = -1;
}

bool fake_redis_accept(struct fake_redis *f)
{
    int fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 || f->count == FAKE_CONNECTIONS)
        return false;
    if (f->port > 0) /* a reply must not wait until the one before it is acknowledged */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    f->peers[f->count++] = fd;
    f->n = 0;
    return true;
}

/* Parses a decimal number up to CR LF. NULL: it is not complete. */
static const char *read_number(const char *p, const char *end, long *ret)
{
    const char *line_end = memchr(p, '\n', (size_t)(end - p));

    if (!line_end)
        return NULL;
    *ret = strtol(p, NULL, 10);
    return line_end + 1;
}

/* Returns the end of the command at p, its name in ret_name. NULL: it is not complete. */
static const char *read_command(const char *p, const char *end, char ret_name[FAKE_NAME])
{
    long argc, n;

    if (p == end || !(p = read_number(p + 1, end, &argc)))
        return NULL;
    for (long i = 0; i < argc; i++) {
        if (p == end || !(p = read_number(p + 1, end, &n)) || end - p < n + 2)
            return NULL;
        if (i == 0)
            (void)snprintf(ret_name, FAKE_NAME, "%.*s", (int)n, p);
        p += n + 2;
    }
    return p;
}

bool fake_redis_hear(struct fake_redis *f, char ret_name[FAKE_NAME])
{
    int fd = f->count > 0 ? f->peers[f->count - 1] : -1;
    ssize_t got = fd < 0 ? 0 : read(fd, f->bytes + f->n, sizeof(f->bytes) - f->n);
    const char *next;

    if (got > 0)
        f->n += (size_t)got;
    next = read_command(f->bytes, f->bytes + f->n, ret_name);
    if (!next)
        return false;
    f->n -= (size_t)(next - f->bytes);
    memmove(f->bytes, next, f->n);
    return true;
}

void fake_redis_say(struct fake_redis *f, const char *bytes)
{
    (void)!write(f->peers[f->count - 1], bytes, strlen(bytes));
}

bool fake_redis_say_late(struct fake_redis *f, const char *bytes)
{
    return send(f->peers[f->count - 2], bytes, strlen(bytes), MSG_NOSIGNAL) > 0;
}

void fake_redis_hang_up(struct fake_redis *f)
{
    (void)close(f->peers[f->count - 1]);
    f->peers[f->count - 1] = -1;
}
