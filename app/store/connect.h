/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens a hiredis context for link.c: non-blocking, and with bounded replies. */
#ifndef STORE_CONNECT_H
#define STORE_CONNECT_H

#include <hiredis/hiredis.h>

#include "app/base/redis_url.h"

/* Makes hiredis refuse a reply with too many elements. It must outlive the context. */
struct reply_bounds {
    const redisReplyObjectFunctions *original;
    redisReplyObjectFunctions bounded;
};

/* Starts to connect. NULL with the reason, cut to error_size, in ret_error. */
redisContext *redis_connect(const struct redis_url *address, struct reply_bounds *bounds,
                            char *ret_error, size_t error_size);

#endif
