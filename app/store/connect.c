/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes a hiredis context without a connection. hiredis only has functions that connect or use a
 * socket, so the context is made with an invalid descriptor. */
#include "app/store/connect.h"

/* type of the number of elements of an array, by the version of hiredis */
#if HIREDIS_MAJOR == 0
typedef int array_size;
#else
typedef size_t array_size;
#endif

/* Called by hiredis for the header of an array reply. Returns NULL, which makes the parser report
 * an error, for an array longer than any reply of this program's commands: otherwise hiredis would
 * allocate as many elements as the header claims (hazards H7). */
static void *redis_create_array(const redisReadTask *task, array_size elements)
{
    enum { ELEMENTS_MAX = 1 << 20 };
    const struct reply_bounds *bounds = task->privdata;

    return elements > ELEMENTS_MAX ? NULL : bounds->original->createArray(task, elements);
}

/* Makes the reader (hiredis' parser of replies) refuse arrays that are too long, by replacing the
 * one function with which it creates arrays by redis_create_array. */
static void redis_bound_replies(redisReader *reader, struct reply_bounds *bounds)
{
    bounds->original = reader->fn;
    bounds->bounded = *reader->fn;
    bounds->bounded.createArray = redis_create_array;
    reader->fn = &bounds->bounded;
    reader->privdata = bounds;
}

/* Uses redisConnectFd, although that is meant for an existing connection: it makes a context that
 * does not connect. */
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
