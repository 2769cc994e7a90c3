/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-fcgi: one process of the pool. The listening socket is file descriptor 0 (spawn-fcgi,
 * systemd's StandardInput=socket), or FCGI_LISTEN is opened for development. With --check it only
 * checks the configuration. */
#include <fcgiapp.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/http/router.h"
#include "app/routes/routes.h"
#include "app/runtime/process.h"
#include "fcgi/listener.h"
#include "fcgi/reactor.h"

static const unsigned subsystems = ENGINE_METRICS | ENGINE_TOKENS | ENGINE_SERVING;

/* Checks the configuration and starts nothing. */
static int fcgi_check(const struct router *router)
{
    struct engine engine;
    bool valid = engine_open(&engine, "mastery-fcgi", router, subsystems);

    engine_close(&engine);
    return valid ? EXIT_SUCCESS : process_fail_slowly(PROCESS_WRONG_CONFIG);
}

/* The listener comes first: without it there is no reason to read the configuration. */
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

int main(int argc, char *argv[])
{
    size_t count;
    const struct route_table *tables = route_tables(&count);
    struct router *router;
    int status;
    pid_t parent = getppid(); /* first, so that a parent that ends meanwhile is noticed */

    process_set_signals();
    process_harden();
    process_die_with_parent(parent); /* the pool must not outlive multiwatch */
    (void)setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "20", 1); /* hazards F5 */
    /* hiredis resolves the host name of Redis while the loop is blocked: without these limits, a
     * name server that does not respond would block it for half a minute. */
    (void)setenv("RES_OPTIONS", "timeout:1 attempts:1", 0);
    router = router_new(tables, count);
    if (!router)
        return process_fail_slowly(PROCESS_FAILED);
    status = process_check_requested(argc, argv) ? fcgi_check(router) : fcgi_serve(router);
    router_free(router);
    return status;
}
