/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes hiredis' parser build replies in an arena: that of the pipeline whose command the reply
 * belongs to. So a reply costs no malloc or free, and is released with the pipeline's arena. */
#ifndef STORE_REPLY_BUILDER_H
#define STORE_REPLY_BUILDER_H

#include <hiredis/hiredis.h>

#include "app/base/arena.h"

struct reply_builder {
    redisReplyObjectFunctions functions;
    struct arena *arena; /* arena of the reply that is being parsed; NULL: the reply is discarded */
    bool is_building;    /* a part of a reply has been built, so `arena` must not change */
};

/* Makes the reader build its replies through `builder`, which must outlive it. */
void reply_builder_init(struct reply_builder *builder, redisReader *reader);
/* Sets the arena of the next reply. Must not be called when a part of a reply has been built. */
void reply_builder_aim(struct reply_builder *builder, struct arena *arena);
/* To be called before the arena that holds the first objects of an incomplete reply is reset. The
 * parser then no longer accesses these objects, and the rest of the reply is discarded on arrival.
 */
void reply_builder_discard(struct reply_builder *builder);
/* To be called with the pointer from redisReaderGetReply. Returns the complete reply, which is in
 * the arena; NULL when it was to be discarded or memory was short: the pointer is then a mere sign
 * that the reply is complete, and must not be read. */
redisReply *reply_builder_take(struct reply_builder *builder, void *reply);

#endif
