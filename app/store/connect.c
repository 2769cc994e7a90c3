/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connects with hiredis and avoids two of its problems: replies with arrays of any size, and
 * failures without an error code. */
#include "app/store/connect.h"

#include <stdio.h>

#if HIREDIS_MAJOR == 0
typedef int array_size;
#else
typedef size_t array_size;
#endif

/* Creates an array reply, as hiredis does, if its size is acceptable. Without this limit hiredis
 * allocates an array of any length that the header of a reply claims (hazards H7). No command of
 * this program has a reply with so many elements. NULL makes the parser report an error. */
static void *redis_create_array(const redisReadTask *task, array_size elements)
{
    enum { ELEMENTS_MAX = 1 << 20 };
    const struct reply_bounds *bounds = task->privdata;

    return elements > ELEMENTS_MAX ? NULL : bounds->original->createArray(task, elements);
}

/* Replaces the function of the reader that creates arrays; all others stay the original ones. */
static void redis_bound_replies(redisReader *reader, struct reply_bounds *bounds)
{
    bounds->original = reader->fn;
    bounds->bounded = *reader->fn;
    bounds->bounded.createArray = redis_create_array;
    reader->fn = &bounds->bounded;
    reader->privdata = bounds;
}

/* Checks only what fails at once. That no server accepts the connection is noticed later, when the
 * link writes or reads. A context that failed is freed here. */
redisContext *redis_connect(const struct redis_url *address, struct reply_bounds *bounds,
                            char *ret_error, size_t error_size)
{
    redisContext *context = address->path ? redisConnectUnixNonBlock(address->path)
                                          : redisConnectNonBlock(address->host, address->port);

    /* A failure may come with err = 0 (hazards H5), so the descriptor is checked as well. */
    if (context && !context->err && context->fd >= 0) {
        redis_bound_replies(context->reader, bounds);
        return context;
    }
    (void)snprintf(ret_error, error_size, "connect: %s",
                   context && context->err ? context->errstr : "failed");
    if (context)
        redisFree(context);
    return NULL;
}
