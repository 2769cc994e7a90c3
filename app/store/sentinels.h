/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sentinels are processes of Redis that watch a master and its replicas, and make a replica the new
 * master when the old one fails. This module queries the sentinels of REDIS_URL, all at once, for
 * the address of the master, and never blocks. A reply is only a hint: the caller checks the role
 * of the server itself. */
#ifndef STORE_SENTINELS_H
#define STORE_SENTINELS_H

#include "app/base/config.h"
#include "app/base/redis_url.h"
#include "app/store/tls_files.h"

struct sentinels;

enum sentinels_state {
    SENTINELS_QUERIED, /* too few have replied yet */
    SENTINELS_NAMED,   /* sentinels_master() is known */
    SENTINELS_FAILED,  /* no sentinel has named a master, and none did before; sentinels_error() */
};

/* Makes the struct, with no query. url: has the addresses of the sentinels; files: the same as for
 * transport_new. All arguments must outlive the result. Returns NULL when out of memory or of
 * descriptors. */
struct sentinels *sentinels_new(const struct config *config, const struct redis_url *url,
                                struct tls_files *files);
void sentinels_free(struct sentinels *sentinels); /* accepts NULL */
/* Begins to query all sentinels over new connections. Ends queries that are still running. */
void sentinels_start(struct sentinels *sentinels);
/* Continues the queries without blocking. Decides which addresses may be the master's when more
 * than half of the sentinels have named the same one, or when all have replied or failed.
 * has_waited (the caller has waited long enough): decides by the replies that have arrived or,
 * without any, by what the sentinels named in an earlier query. Then the connections are closed. */
enum sentinels_state sentinels_poll(struct sentinels *sentinels, bool has_waited);
/* Closes the connections. */
void sentinels_stop(struct sentinels *sentinels);
/* Returns a descriptor that is readable when sentinels_poll() can continue. */
int sentinels_fd(const struct sentinels *sentinels);
/* Returns whether a reply with an address has arrived, or a master is known from an earlier query.
 */
bool sentinels_have_reply(const struct sentinels *sentinels);
/* Returns the address that most sentinels have named for attempt 0, other named addresses for
 * attempts 1, 2, ... To be called after SENTINELS_NAMED; valid until the next sentinels_poll(). */
const struct redis_host *sentinels_master(const struct sentinels *sentinels, size_t attempt);
/* Returns whether more than half of the sentinels have named another address than `host` in the
 * latest query. */
bool sentinels_name_other(const struct sentinels *sentinels, const struct redis_host *host);
/* Returns why no sentinel has named a master. */
const char *sentinels_error(const struct sentinels *sentinels);
/* Returns whether sentinels_error() may be shown to all: it names no host or user, and says what an
 * operator has to do. */
bool sentinels_error_is_public(const struct sentinels *sentinels);

#endif
