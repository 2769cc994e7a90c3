/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The upper limit of requests per second with nginx and libfcgi. This program handles connections
 * like the engine (own accept4, socket passed to libfcgi in ipcFd, one libev loop, kept
 * connections), but does no work: it reads the body and sends a constant JSON response. It listens
 * on descriptor 0, as the processes of the pool do. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <ev.h>
#include <fcgiapp.h>

static const char response[] = "Status: 200 OK\r\n"
                               "Content-Type: application/json\r\n"
                               "Content-Length: 16\r\n"
                               "\r\n"
                               "{\"success\":true}";

struct connection {
    ev_io readable;
    FCGX_Request request;
};

static void connection_close(struct ev_loop *loop, struct connection *c)
{
    ev_io_stop(loop, &c->readable);
    FCGX_Free(&c->request, 1);
    free(c);
}

/* Reads a whole request, sends the response, and keeps the connection open if nginx wants that. */
static void on_readable(struct ev_loop *loop, ev_io *readable, int events)
{
    struct connection *c = (struct connection *)readable->data;
    FCGX_Request *r = &c->request;
    char body[16384];

    (void)events;
    if (FCGX_Accept_r(r) != 0) {
        connection_close(loop, c);
        return;
    }
    while (FCGX_GetStr(body, (int)sizeof body, r->in) == (int)sizeof body)
        ;
    if (FCGX_GetError(r->in) != 0)
        r->keepConnection = 0;
    (void)FCGX_PutStr(response, (int)sizeof response - 1, r->out);
    FCGX_Finish_r(r);
    if (r->ipcFd < 0)
        connection_close(loop, c);
}

static void connection_open(struct ev_loop *loop, int fd)
{
    static const struct timeval timeout = {.tv_usec = 500000};
    struct connection *c = calloc(1, sizeof *c);

    if (c == NULL || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
        FCGX_InitRequest(&c->request, -1, 0) != 0) {
        free(c);
        (void)close(fd);
        return;
    }
    c->request.ipcFd = fd;
    c->request.keepConnection = 1;
    ev_io_init(&c->readable, on_readable, fd, EV_READ);
    c->readable.data = c;
    ev_io_start(loop, &c->readable);
}

static void on_new_connection(struct ev_loop *loop, ev_io *listener, int events)
{
    int fd;

    (void)events;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        connection_open(loop, fd);
}

int main(void)
{
    struct ev_loop *loop = ev_default_loop(0);
    ev_io listener;

    if (loop == NULL || FCGX_Init() != 0)
        return EXIT_FAILURE;
    ev_io_init(&listener, on_new_connection, STDIN_FILENO, EV_READ);
    ev_io_start(loop, &listener);
    ev_run(loop, 0);
    return EXIT_SUCCESS;
}
