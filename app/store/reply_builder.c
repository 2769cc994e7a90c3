/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parser calls a function for each object of a reply (a redisReply: the whole, or an element of
 * an array), an array before its elements, and gets back what builder_object returns. A part of
 * an array may have arrived when its command is given up; no object of it is used after that. */
#include "app/store/reply_builder.h"

#include <string.h>

#if HIREDIS_MAJOR == 0
typedef int array_size;
#else
typedef size_t array_size;
#endif

/* Returns a new object with `room` bytes behind it, which is an element of its parent if it has
 * one. NULL: the reply is discarded, or is from now on for lack of memory. */
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

/* What the parser gets for an object. reply is NULL if the reply is discarded (builder_add). NULL
 * would make the parser report an error of the whole connection, so it gets another pointer then,
 * the builder: it does not look into the object. */
static void *builder_object(const redisReadTask *task, redisReply *reply)
{
    return reply ? (void *)reply : task->privdata;
}

/* Builds a text, with a copy of its bytes and a NUL behind it. */
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

/* Without the limit hiredis would make room for as many elements as the header of a reply claims
 * (hazards H7). No command of this program has a reply with so many. NULL makes the parser report
 * an error. Without memory the reply is discarded instead (builder_add), which is no error. */
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

/* Builds a number. Without memory the whole reply is discarded (builder_add). */
static void *builder_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = builder_add(task, 0);

    if (reply)
        reply->integer = value;
    return builder_object(task, reply);
}

static void *builder_nil(const redisReadTask *task)
{
    redisReply *reply = builder_add(task, 0);

    if (reply)
        reply->type = REDIS_REPLY_NIL; /* not task->type: that of the text or array that is nil */
    return builder_object(task, reply);
}

/* The arena releases the objects. */
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
