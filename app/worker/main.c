/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-worker: does what requests have left to be done. */
#include <curl/curl.h>
#include <stdlib.h>

#include "app/base/process.h"
#include "app/http/router.h"
#include "app/routes/routes.h"
#include "app/worker/worker.h"

int main(void)
{
    size_t count;
    const struct route_table *tables = route_tables(&count);
    struct router *router; /* the pool's metrics are laid out by its routes */
    struct engine engine;
    int status;

    process_set_signals();
    process_harden();
    router = router_new(tables, count);
    if (!router || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        !engine_open(&engine, "mastery-worker", router, ENGINE_METRICS))
        return process_fail_slowly();
    status = worker_run(&engine);
    engine_close(&engine);
    router_free(router);
    curl_global_cleanup();
    return status == EXIT_SUCCESS ? status : process_fail_slowly();
}
