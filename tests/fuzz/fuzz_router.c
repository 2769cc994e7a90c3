/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Input: one byte for method and listener, then the path. Parameters of a match must lie inside the
 * path, and the route must agree with the methods that are reported as allowed. */
#include <stdint.h>
#include <stdlib.h>

#include "app/http/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* clang-format off */
static const struct route routes[] = {
    {.name = "root",     .method = GET,    .pattern = "/"},
    {.name = "health",   .method = GET,    .pattern = "/health"},
    {.name = "sidecar",  .method = POST,   .pattern = "/d/e", .flags = ROUTE_SIDECAR_ONLY},
    {.name = "list",     .method = GET,    .pattern = "/c"},
    {.name = "get",      .method = GET,    .pattern = "/c/{i}", .aliases = {"/a/c/{i}", "/b/c/{i}"}},
    {.name = "put",      .method = PUT,    .pattern = "/c/{i}"},
    {.name = "drop",     .method = DELETE, .pattern = "/c/{i}"},
    {.name = "status",   .method = GET,    .pattern = "/s/status/{i}"},
    {.name = "withdraw", .method = POST,   .pattern = "/s/{i}/withdraw"},
    {.name = "three",    .method = GET,    .pattern = "/t/{a}/{b}/{c}"},
    {.name = "two",      .method = GET,    .pattern = "/t/{a}/x/{b}"},
};
/* clang-format on */
static const struct route_table table = {"all", routes, sizeof routes / sizeof *routes, NULL};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_values(const struct path_values *values, struct str path)
{
    require(values->n <= PATH_VALUES_MAX);
    for (size_t i = 0; i < values->n; i++) {
        struct str value = values->v[i].value;
        require(value.n > 0 && value.p >= path.p && value.p + value.n <= path.p + path.n);
        require(memchr(value.p, '/', value.n) == NULL);
        require(values->v[i].name.n == 1);
    }
}

static void require_agreement(const struct router *router, const struct route_match *match,
                              enum http_method method, bool sidecar)
{
    unsigned allowed = match->allowed_methods;
    require(!match->route || allowed & 1U << method);
    require(allowed == 0 || allowed & 1U << OPTIONS);
    require(!(allowed & 1U << GET) == !(allowed & 1U << HEAD));
    if (!match->route)
        return;
    require(router_route(router, match->index) == match->route);
    require(match->route->method == (method == HEAD ? GET : method));
    require(sidecar || !(match->route->flags & ROUTE_SIDECAR_ONLY));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct router *router;
    struct route_match match;
    if (size == 0)
        return 0;
    if (!router)
        router = router_new(&table, 1);
    require(router != NULL);
    enum http_method method = (enum http_method)(data[0] % HTTP_METHODS);
    bool sidecar = data[0] & 0x80;
    struct str path = {(const char *)data + 1, size - 1};
    router_match(router, method, path, sidecar, &match);
    require_values(&match.path, path);
    require_agreement(router, &match, method, sidecar);
    return 0;
}
