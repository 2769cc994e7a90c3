/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/connect.h"

#include <stdio.h>

#if HIREDIS_MAJOR == 0
typedef int reply_count;
#else
typedef size_t reply_count;
#endif

/* hiredis believes whatever length an array claims to have and allocates it at once (hazards H7).
 * No question of ours has an answer of so many elements. */
static void *create_bounded_array(const redisReadTask *task, reply_count elements)
{
    enum { ELEMENTS_MAX = 1 << 20 };
    const struct reply_bounds *bounds = task->privdata;

    return elements > ELEMENTS_MAX ? NULL : bounds->original->createArray(task, elements);
}

static void bound_replies(redisContext *c, struct reply_bounds *bounds)
{
    bounds->original = c->reader->fn;
    bounds->bounded = *c->reader->fn;
    bounds->bounded.createArray = create_bounded_array;
    c->reader->fn = &bounds->bounded;
    c->reader->privdata = bounds;
}

redisContext *redis_connect(const struct store_address *at, struct reply_bounds *bounds,
                            char *ret_error, size_t error_size)
{
    redisContext *c =
        at->path ? redisConnectUnixNonBlock(at->path) : redisConnectNonBlock(at->host, at->port);

    /* hazards H5: an error may come with err = 0, so the descriptor is looked at as well */
    if (c && !c->err && c->fd >= 0) {
        bound_replies(c, bounds);
        return c;
    }
    (void)snprintf(ret_error, error_size, "connect: %s", c && c->err ? c->errstr : "failed");
    if (c)
        redisFree(c);
    return NULL;
}
