/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-fcgi: one process of the pool. The listening socket is file descriptor 0 (spawn-fcgi,
 * systemd's StandardInput=socket), or FCGI_LISTEN is opened for development. */
#include <fcgiapp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/base/ids.h"
#include "app/http/router.h"
#include "app/routes/routes.h"
#include "fcgi/reactor.h"

enum { BACKLOG = 1024 };

/* The drain signals are taken by signalfd, so that they never cut short a read (hazards F10, F11).
 */
static void set_signals(void)
{
    static const int taken[] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGHUP};
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        (void)sigaddset(&set, taken[i]);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGUSR2, SIG_IGN);
}

static void harden(void)
{
    static const struct rlimit none = {0, 0};

    (void)umask(0007);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* If multiwatch is killed the pool must not live on with its socket (hazards M4). */
static void leave_with_parent(pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        (void)raise(SIGTERM);
}

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

/* multiwatch gives a place up when its process dies four times within its window (hazards M1): so
 * whoever cannot start takes his time. */
static int fail_slowly(void)
{
    uint16_t jitter;

    random_bytes(&jitter, sizeof(jitter));
    (void)usleep(1100000 + jitter * 10u);
    return EXIT_FAILURE;
}

int main(void)
{
    size_t count;
    const struct route_table *tables = route_tables(&count);
    struct router *router;
    struct engine engine;
    int listener, status;
    pid_t parent = getppid();

    set_signals();
    harden();
    leave_with_parent(parent);
    (void)setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "20", 1); /* hazards F5 */
    /* hiredis looks Redis's name up while the loop waits: a name server that is away must not make
     * it wait for ever. */
    (void)setenv("RES_OPTIONS", "timeout:1 attempts:1", 0);
    router = router_new(tables, count);
    listener = open_listener();
    if (!router || listener < 0 ||
        !engine_open(&engine, "mastery-fcgi", router,
                     ENGINE_METRICS | ENGINE_TOKENS | ENGINE_SERVING) ||
        FCGX_Init() != 0)
        return fail_slowly();
    status = reactor_run(&engine, listener);
    engine_close(&engine);
    router_free(router);
    return status;
}
