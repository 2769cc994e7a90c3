/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Functions that hiredis' parser calls for each object of a reply (a redisReply: the whole reply,
 * or an element of an array); for an array before its elements. When a command is abandoned by its
 * owner, only a part of its array may have arrived; no object of it is used afterwards. */
#include "app/store/reply_builder.h"

#include <string.h>

/* The type in which hiredis passes the number of elements of an array: int before version 1. */
#if HIREDIS_MAJOR == 0
typedef int array_size;
#else
typedef size_t array_size;
#endif

/* Returns a new object, followed by `room` bytes, and makes it an element of its parent if it has
 * one. Returns NULL when the reply is discarded; a lack of memory discards the rest of the reply.
 */
static redisReply *builder_add(const redisReadTask *task, size_t room)
{
    struct reply_builder *builder = task->privdata;
    redisReply *reply = builder->arena ? arena_alloc(builder->arena, sizeof(*reply) + room) : NULL;

    builder->is_building = true;
    if (!reply) {
        builder->arena = NULL;
        return NULL;
    }
    *reply = (redisReply){.type = task->type};
    if (task->parent)
        ((redisReply *)task->parent->obj)->element[task->idx] = reply;
    return reply;
}

/* Returns what a callback gives to the parser for an object: the object (reply) or, when the reply
 * is discarded and so reply is NULL, the address of the builder. NULL would be an error of the
 * whole connection to the parser, which does not dereference the pointer. */
static void *builder_object(const redisReadTask *task, redisReply *reply)
{
    return reply ? (void *)reply : task->privdata;
}

/* Builds the object of a bulk string, a status or an error (task->type), with a copy of the bytes
 * and a NUL after them. */
static void *builder_string(const redisReadTask *task, char *text, size_t n)
{
    redisReply *reply = builder_add(task, n + 1);

    if (reply) {
        reply->str = memcpy(reply + 1, text, n);
        reply->str[n] = '\0';
        reply->len = n;
    }
    return builder_object(task, reply);
}

/* Refuses too long an array by returning NULL, which makes the parser report an error: otherwise
 * hiredis would allocate as many elements as the header of the reply claims (hazards H7). No
 * command of this program has such a long reply. A lack of memory, in contrast, only discards the
 * reply (builder_add). */
static void *builder_array(const redisReadTask *task, array_size elements)
{
    enum { ELEMENTS_MAX = 1 << 20 };
    redisReply *reply;

    if (elements > ELEMENTS_MAX)
        return NULL;
    reply = builder_add(task, (size_t)elements * sizeof(redisReply *));
    if (reply) {
        reply->elements = (size_t)elements;
        reply->element = (redisReply **)(reply + 1);
    }
    return builder_object(task, reply);
}

/* Builds an integer object. When out of memory, the whole reply is discarded (builder_add). */
static void *builder_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = builder_add(task, 0);

    if (reply)
        reply->integer = value;
    return builder_object(task, reply);
}

/* Builds the object of the reply nil. */
static void *builder_nil(const redisReadTask *task)
{
    redisReply *reply = builder_add(task, 0);

    if (reply)
        /* not task->type, which is the type of the text or array that is nil */
        reply->type = REDIS_REPLY_NIL;
    return builder_object(task, reply);
}

/* Does nothing: the arena releases the objects. */
static void builder_free(void *reply)
{
    (void)reply;
}

void reply_builder_init(struct reply_builder *builder, redisReader *reader)
{
    *builder = (struct reply_builder){.functions = {.createString = builder_string,
                                                    .createArray = builder_array,
                                                    .createInteger = builder_integer,
                                                    .createNil = builder_nil,
                                                    .freeObject = builder_free}};
    reader->fn = &builder->functions;
    reader->privdata = builder;
}

void reply_builder_aim(struct reply_builder *builder, struct arena *arena)
{
    builder->arena = arena;
}

void reply_builder_discard(struct reply_builder *builder)
{
    if (builder->is_building)
        builder->arena = NULL;
}

redisReply *reply_builder_take(struct reply_builder *builder, void *reply)
{
    builder->is_building = false;
    return builder->arena ? reply : NULL;
}
