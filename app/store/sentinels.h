/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sentinels are processes of Redis that watch a master and its replicas, and make a replica the new
 * master when the old one is gone. This queries those of REDIS_URL, all at once, for the address of
 * the master, and never waits. A reply is a hint: the caller checks the role of the server itself.
 */
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

/* url: with the names of sentinels; files: as for transport_new; all must outlive the result. NULL:
 * out of memory or of descriptors. */
struct sentinels *sentinels_new(const struct config *config, const struct redis_url *url,
                                struct tls_files *files);
void sentinels_free(struct sentinels *sentinels); /* accepts NULL */
/* Begins to query all sentinels, over new connections, and ends queries that still run. */
void sentinels_start(struct sentinels *sentinels);
/* Goes on as far as possible, and decides when more than half of the sentinels have named the same
 * address, or when all have replied or failed. has_waited (the caller has waited long enough):
 * decides by what is known now, if something is: replies, or else the masters of an earlier round.
 * A decision closes the connections. */
enum sentinels_state sentinels_poll(struct sentinels *sentinels, bool has_waited);
/* Closes the connections. */
void sentinels_stop(struct sentinels *sentinels);
/* Readable when sentinels_poll() can do something. */
int sentinels_fd(const struct sentinels *sentinels);
/* Whether a reply with an address has arrived, or a master is known from before. */
bool sentinels_have_reply(const struct sentinels *sentinels);
/* The address that most sentinels have named with attempt 0, another one that some have named with
 * 1 and so on. After SENTINELS_NAMED; valid until the next sentinels_poll(). */
const struct redis_host *sentinels_master(const struct sentinels *sentinels, size_t attempt);
/* Whether more than half of the sentinels have named another address than `host` in the latest
 * round. */
bool sentinels_name_other(const struct sentinels *sentinels, const struct redis_host *host);
/* Why no sentinel has named a master. */
const char *sentinels_error(const struct sentinels *sentinels);
/* Whether anybody may read sentinels_error(): it names no host or user, but says what an operator
 * has to do. */
bool sentinels_error_is_public(const struct sentinels *sentinels);

#endif
