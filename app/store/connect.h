/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What link.c needs of hiredis: a context, for its reader and its write buffer, without a socket
 * and with a limit for the size of replies. The socket is transport.c's: hiredis would resolve the
 * host name itself, in the event loop's thread (hazards X2), has no TLS (hazards H1), and may fail
 * without an error code (hazards H5). */
#ifndef STORE_CONNECT_H
#define STORE_CONNECT_H

#include <hiredis/hiredis.h>

/* What hiredis needs to refuse an array reply with too many elements. Must outlive the context. */
struct reply_bounds {
    const redisReplyObjectFunctions *original; /* functions with which hiredis builds replies */
    redisReplyObjectFunctions bounded;         /* the same, but with a limit for arrays */
};

/* Returns a context whose fd is -1, or NULL when out of memory. bounds must outlive the context;
 * NULL if its reader gets functions of the caller's own (reply_builder.h). */
redisContext *connect_new_context(struct reply_bounds *bounds);

#endif
