/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Audit events that Redis has not recorded and that wait to be sent again. All have the same pause,
 * so the oldest one is due first. The queue has bounds, in total and for each shard, so that one
 * shard that refuses everything leaves room for the others. */
#ifndef SERVICE_AUDIT_WAITING_H
#define SERVICE_AUDIT_WAITING_H

#include "app/service/audit_buffer.h"
#include "app/store/keys.h"

enum { AUDIT_WAITING_MAX = 2048 }; /* most events in the queue */

/* A first-in, first-out queue in a ring. */
struct audit_waiting {
    struct audit_buffer_entry *v; /* ring with room for AUDIT_WAITING_MAX events */
    size_t first, n;              /* index of the oldest event; number of events */
    uint16_t of_shard[SHARDS];    /* number of events of each shard */
};

/* Allocates an empty queue. False when out of memory; audit_waiting_release must be called then,
 * too. */
bool audit_waiting_init(struct audit_waiting *waiting);
/* Frees the memory of the queue. */
void audit_waiting_release(struct audit_waiting *waiting);
/* True when the queue has so many events of this one's shard that it takes no more of them. */
bool audit_waiting_shard_is_full(const struct audit_waiting *waiting,
                                 const struct audit_buffer_entry *event);
/* Adds a copy of the event, with the number of times that Redis has refused it. The queue must not
 * be full. now_us: monotonic. */
void audit_waiting_push(struct audit_waiting *waiting, const struct audit_buffer_entry *event,
                        int refusals, int64_t now_us);
/* Removes the oldest event from the queue, which must not be empty, and returns it. The result is
 * valid until the next event is added. */
const struct audit_buffer_entry *audit_waiting_pop(struct audit_waiting *waiting);
/* Returns the monotonic time when the oldest event is to be sent again; INT64_MAX: there is none.
 */
int64_t audit_waiting_due_us(const struct audit_waiting *waiting);

#endif
