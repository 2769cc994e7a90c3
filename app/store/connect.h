/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens a connection for link.c as a hiredis context: non-blocking, and with a limit for the size
 * of replies. */
#ifndef STORE_CONNECT_H
#define STORE_CONNECT_H

#include <hiredis/hiredis.h>

#include "app/base/redis_url.h"

/* What hiredis needs to refuse an array reply with too many elements. Must outlive the context. */
struct reply_bounds {
    const redisReplyObjectFunctions *original; /* functions with which hiredis builds replies */
    redisReplyObjectFunctions bounded;         /* the same, but with a limit for arrays */
};

/* Starts to connect and does not wait for the result. NULL with the reason, cut to error_size
 * bytes, in ret_error. */
redisContext *redis_connect(const struct redis_url *address, struct reply_bounds *bounds,
                            char *ret_error, size_t error_size);

#endif
