/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The in-flight writes: writes to students that this process has sent and that Redis has not
 * acknowledged yet. A second write to the same student must start from the packed state (the
 * student's mastery state as one binary string) that the first one will leave. If it started from
 * the state stored in Redis, it would be refused as outdated. So writes of one process to one
 * student follow each other instead of racing. Writes of other processes may still race with them;
 * one of the two then has to be repeated. */
#ifndef STORE_INFLIGHT_H
#define STORE_INFLIGHT_H

#include "app/base/str.h"

struct inflight;

/* Makes an empty set of in-flight writes (sent, but not acknowledged yet). Returns NULL when out of
 * memory. */
struct inflight *inflight_new(void);
/* Frees the set of in-flight writes; accepts NULL. */
void inflight_free(struct inflight *inflight);
/* Finds the packed state that the latest unfinished write to the student will leave. False: no
 * write is unfinished, or its state is not usable. */
bool inflight_latest(struct inflight *inflight, struct str student, struct str *ret_packed);
/* Records a write that will leave the state `packed`. When out of memory, nothing is recorded;
 * the next write then races with this one, which costs it a round trip. */
void inflight_add(struct inflight *inflight, struct str student, struct str packed);
/* Records that one write to the student is finished. saved: Redis accepted it. When it is false,
 * the states of later writes, which started from it, are not used any more. */
void inflight_remove(struct inflight *inflight, struct str student, bool saved);

/* Starting from an unfinished write works only for writes that need no more than the packed state.
 * A write that must read other records of the student would find them changed by the next write
 * each time. So it locks the student, and other writes wait until it unlocks. owner: an address
 * that is unique to the one who locks. Locking has no effect while another owner has the lock. */
void inflight_lock(struct inflight *inflight, struct str student, const void *owner);
/* Returns true while an owner other than `owner` has locked the student: the caller must then delay
 * its write. */
bool inflight_is_locked(struct inflight *inflight, struct str student, const void *owner);
/* Unlocks the student, if `owner` has the lock. */
void inflight_unlock(struct inflight *inflight, struct str student, const void *owner);

#endif
