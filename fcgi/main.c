/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-fcgi: one process of the pool. The listening socket is file descriptor 0 (spawn-fcgi,
 * systemd's StandardInput=socket), or FCGI_LISTEN is opened for development. */
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/base/process.h"
#include "app/http/router.h"
#include "app/routes/routes.h"
#include "fcgi/reactor.h"

enum { BACKLOG = 1024 };

static bool is_listener(int fd)
{
    int listening = 0;
    socklen_t n = sizeof(listening);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening;
}

static int open_listener(void)
{
    const char *path = getenv("FCGI_LISTEN");

    if (is_listener(STDIN_FILENO))
        return STDIN_FILENO;
    if (path && *path)
        return FCGX_OpenSocket(path, BACKLOG);
    (void)fprintf(stderr, "mastery-fcgi: file descriptor 0 is not a listening socket: start it by "
                          "spawn-fcgi or systemd, or set FCGI_LISTEN\n");
    return -1;
}

int main(void)
{
    size_t count;
    const struct route_table *tables = route_tables(&count);
    struct router *router;
    struct engine engine;
    int listener, status;
    pid_t parent = getppid();

    process_set_signals();
    process_harden();
    process_leave_with_parent(parent); /* the pool must not outlive multiwatch */
    (void)setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "20", 1); /* hazards F5 */
    /* hiredis looks Redis's name up while the loop waits: a name server that is away must not make
     * it wait for ever. */
    (void)setenv("RES_OPTIONS", "timeout:1 attempts:1", 0);
    router = router_new(tables, count);
    listener = open_listener();
    if (!router || listener < 0)
        return process_fail_slowly();
    if (engine_open(&engine, "mastery-fcgi", router,
                    ENGINE_METRICS | ENGINE_TOKENS | ENGINE_SERVING) &&
        FCGX_Init() == 0)
        status = reactor_run(&engine, listener);
    else
        status = process_fail_slowly();
    engine_close(&engine);
    router_free(router);
    return status;
}
