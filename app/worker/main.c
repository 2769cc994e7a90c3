/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-worker: processes in the background what requests have stored in Redis: journals (changes
 * of students' data), events to publish, jobs, audit records. The argument --check makes it check
 * the configuration and start nothing. */
#include <curl/curl.h>
#include <stdlib.h>

#include "app/http/router.h"
#include "app/routes/routes.h"
#include "app/runtime/process.h"
#include "app/worker/loop.h"

/* Opens the engine and runs the worker; only_check: checks the configuration and writes nothing.
 * Returns the exit status, after a failure slowly (see main). engine_close also releases an engine
 * that engine_open has opened only in part. */
static int worker_main(const struct router *router, bool only_check)
{
    struct engine engine;
    unsigned subsystems = ENGINE_METRICS | ENGINE_SEALING | (only_check ? ENGINE_CHECK : 0);
    int status = EXIT_SUCCESS;

    if (!engine_open(&engine, "mastery-worker", router, subsystems))
        status = process_fail_slowly(PROCESS_WRONG_CONFIG);
    else if (!only_check && worker_run(&engine) != EXIT_SUCCESS)
        status = process_fail_slowly(PROCESS_FAILED);
    engine_close(&engine);
    return status;
}

/* Prepares the process and runs the worker. Signals and hardening come first, before libraries can
 * start threads. A failure ends the process only after a second or two (process_fail_slowly):
 * supervisors stop restarting a process that ends at once several times. */
int main(int argc, char *argv[])
{
    size_t count;
    const struct route_table *tables = route_tables(&count);
    /* needed here because the layout of the shared metrics depends on the routes */
    struct router *router;
    int status;

    process_set_signals();
    process_harden();
    router = router_new(tables, count);
    if (!router || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return process_fail_slowly(PROCESS_FAILED);
    status = worker_main(router, process_check_requested(argc, argv));
    router_free(router);
    curl_global_cleanup();
    return status;
}
