/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/reply_fixture.h"

#include "app/base/buf.h"

static void release(void *reply)
{
    freeReplyObject(reply);
}

redisReply *reply_of(struct arena *arena, struct str bytes)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    if (reader && redisReaderFeed(reader, bytes.p, bytes.n) == REDIS_OK &&
        redisReaderGetReply(reader, &reply) == REDIS_OK && reply &&
        !arena_defer(arena, release, reply))
        reply = NULL;
    redisReaderFree(reader);
    return reply;
}

struct str bulk_of(struct arena *arena, struct str text)
{
    struct buf out;

    buf_init(&out, arena);
    buf_char(&out, '$');
    buf_int(&out, (int64_t)text.n);
    buf_text(&out, "\r\n");
    buf_str(&out, text);
    buf_text(&out, "\r\n");
    return buf_view(&out);
}
