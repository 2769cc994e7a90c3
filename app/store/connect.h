/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to Redis as the store wants it: non-blocking, its replies bounded. */
#ifndef STORE_CONNECT_H
#define STORE_CONNECT_H

#include <hiredis/hiredis.h>

#include "app/store/address.h"

/* What makes hiredis refuse a reply of too many elements; must outlive the connection. */
struct reply_bounds {
    const redisReplyObjectFunctions *original;
    redisReplyObjectFunctions bounded;
};

/* Begins to connect; NULL with the reason, which is cut to its room. */
redisContext *redis_connect(const struct store_address *at, struct reply_bounds *bounds,
                            char *ret_error, size_t error_size);

#endif
