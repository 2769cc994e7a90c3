/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes a context of hiredis without a connection. hiredis has only functions that connect or use a
 * socket, so the context is made with an invalid descriptor. */
#include "app/store/connect.h"

#if HIREDIS_MAJOR == 0
typedef int array_size;
#else
typedef size_t array_size;
#endif

/* Creates an array reply, as hiredis does, if its size is acceptable. Without this limit hiredis
 * allocates an array of any length that the header of a reply claims (hazards H7). No command of
 * this program has a reply with so many elements. The result NULL makes the parser report an error.
 */
static void *redis_create_array(const redisReadTask *task, array_size elements)
{
    enum { ELEMENTS_MAX = 1 << 20 };
    const struct reply_bounds *bounds = task->privdata;

    return elements > ELEMENTS_MAX ? NULL : bounds->original->createArray(task, elements);
}

/* Lets the reader (hiredis' parser of replies) refuse arrays that are too long: replaces the
 * function with which it creates arrays by redis_create_array, and no other. */
static void redis_bound_replies(redisReader *reader, struct reply_bounds *bounds)
{
    bounds->original = reader->fn;
    bounds->bounded = *reader->fn;
    bounds->bounded.createArray = redis_create_array;
    reader->fn = &bounds->bounded;
    reader->privdata = bounds;
}

/* redisConnectFd is for a connection that exists already and may block; this one does not. */
redisContext *connect_new_context(struct reply_bounds *bounds)
{
    redisContext *context = redisConnectFd(/* no socket */ -1);

    if (!context)
        return NULL;
    context->flags &= ~REDIS_BLOCK;
    context->fd = -1;
    if (bounds)
        redis_bound_replies(context->reader, bounds);
    return context;
}
