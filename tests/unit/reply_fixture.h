/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of Redis for tests, from the bytes that it would send. */
#ifndef TESTS_REPLY_FIXTURE_H
#define TESTS_REPLY_FIXTURE_H

#include <hiredis/hiredis.h>

#include "app/base/arena.h"

/* The one reply that the bytes are; released with the arena. NULL when they are none. */
redisReply *reply_of(struct arena *arena, struct str bytes);
/* "$n\r\n...\r\n", in the arena. */
struct str bulk_of(struct arena *arena, struct str text);

#endif
