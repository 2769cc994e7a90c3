/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes replies for tests from the bytes that Redis would send. */
#ifndef TESTS_REPLY_FIXTURE_H
#define TESTS_REPLY_FIXTURE_H

#include <hiredis/hiredis.h>

#include "app/base/arena.h"

/* Parses one reply, which is released with the arena. NULL: the bytes are no reply. */
redisReply *reply_of(struct arena *arena, struct str bytes);
/* Encodes a bulk string, "$n\r\n...\r\n", in the arena. */
struct str bulk_of(struct arena *arena, struct str text);

#endif
