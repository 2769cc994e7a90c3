/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-fcgi: one process of the pool that serves FastCGI requests. The listening socket is file
 * descriptor 0 (passed by spawn-fcgi or by systemd with StandardInput=socket); for development, the
 * process opens the socket that FCGI_LISTEN names. The argument --check makes it check the
 * configuration and start nothing. */
#include <fcgiapp.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/http/router.h"
#include "app/routes/routes.h"
#include "app/runtime/process.h"
#include "fcgi/listener.h"
#include "fcgi/reactor.h"

/* The parts of the engine that this program uses. */
static const unsigned subsystems = ENGINE_METRICS | ENGINE_TOKENS | ENGINE_SERVING;

/* Checks the configuration and writes nothing. Returns the exit status. */
static int fcgi_check(const struct router *router)
{
    struct engine engine;
    bool valid = engine_open(&engine, "mastery-fcgi", router, subsystems | ENGINE_CHECK);

    engine_close(&engine);
    return valid ? EXIT_SUCCESS : process_fail_slowly(PROCESS_WRONG_CONFIG);
}

/* Opens the socket and the engine, and serves until drained. Returns the exit status. The socket is
 * opened first, since without it the process cannot serve at all. A failure ends the process only
 * after a second, because supervisors give up programs that repeatedly end at once. */
static int fcgi_serve(const struct router *router)
{
    struct engine engine;
    int status, listener = listener_open(getenv("FCGI_LISTEN"));

    if (listener < 0)
        return process_fail_slowly(PROCESS_NO_SOCKET);
    if (!engine_open(&engine, "mastery-fcgi", router, subsystems))
        status = process_fail_slowly(PROCESS_WRONG_CONFIG);
    else if (FCGX_Init() != 0)
        status = process_fail_slowly(PROCESS_FAILED);
    else
        status = reactor_run(&engine, listener);
    engine_close(&engine);
    return status;
}

/* Prepares the process (signals, hardening, limits of libraries), and then checks or serves. */
int main(int argc, char *argv[])
{
    size_t count;
    const struct route_table *tables = route_tables(&count);
    struct router *router;
    int status;
    /* read before all other calls, so that an end of the parent during them is noticed */
    pid_t parent = getppid();

    process_set_signals();
    process_harden();
    process_die_with_parent(parent); /* the pool must not outlive its supervisor multiwatch */
    /* most ms that libfcgi waits when it closes a connection, instead of 2 s (hazards F5) */
    (void)setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "20", 1);
    /* Limits of getaddrinfo, which a thread calls to resolve the host name of Redis: without them,
     * a name server that does not respond would delay it for half a minute. The 0 keeps a value
     * that is already set. */
    (void)setenv("RES_OPTIONS", "timeout:1 attempts:1", 0);
    router = router_new(tables, count);
    if (!router)
        return process_fail_slowly(PROCESS_FAILED);
    status = process_check_requested(argc, argv) ? fcgi_check(router) : fcgi_serve(router);
    router_free(router);
    return status;
}
