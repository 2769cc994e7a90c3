/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lets hiredis' parser build replies in an arena: that of the pipeline whose command gets the
 * reply. So a reply costs no call of malloc or free, and is released with the pipeline's arena. */
#ifndef STORE_REPLY_BUILDER_H
#define STORE_REPLY_BUILDER_H

#include <hiredis/hiredis.h>

#include "app/base/arena.h"

struct reply_builder {
    redisReplyObjectFunctions functions;
    struct arena *arena; /* of the reply that is being parsed; NULL: that reply is discarded */
    bool is_building;    /* a part of a reply has been built, so `arena` must not change */
};

/* Makes the reader build its replies by `builder`, which must outlive it. */
void reply_builder_init(struct reply_builder *builder, redisReader *reader);
/* Sets the arena of the next reply. Only while no part of a reply has been built. */
void reply_builder_aim(struct reply_builder *builder, struct arena *arena);
/* To be called before the arena of the reply that is being parsed is reset: what has arrived of it
 * is not touched any more, and the rest is discarded when it arrives. */
void reply_builder_discard(struct reply_builder *builder);
/* To be called with the reply that the reader has returned. Returns it, which is in the arena;
 * NULL: it was discarded, or memory was short, and the pointer is no reply then. */
redisReply *reply_builder_take(struct reply_builder *builder, void *reply);

#endif
