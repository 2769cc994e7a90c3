/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes a hiredis context for link.c: it has the reader, the write buffer and a limit for the size
 * of replies, but no socket. transport.c makes the socket, because hiredis would resolve the host
 * name in the event loop's thread (hazards X2), has no TLS (hazards H1), and may fail without an
 * error code (hazards H5). */
#ifndef STORE_CONNECT_H
#define STORE_CONNECT_H

#include <hiredis/hiredis.h>

/* The functions by which hiredis refuses an array reply with too many elements. Must outlive the
 * context. */
struct reply_bounds {
    const redisReplyObjectFunctions *original; /* functions with which hiredis builds replies */
    redisReplyObjectFunctions bounded;         /* the same, but with a limit for arrays */
};

/* Returns a context whose fd is -1, or NULL when out of memory. bounds must outlive the context; it
 * is NULL when the caller gives the reader other functions (reply_builder.h). */
redisContext *connect_new_context(struct reply_bounds *bounds);

#endif
