/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writes to students that this process has sent and not finished. A second write to a student
 * must build on the state that the first one leaves, though that is not stored yet: built on the
 * stored state it would be refused as outdated. So writes to one student follow each other instead
 * of racing. Other processes may still race; then one of them has to repeat its write. */
#ifndef STORE_INFLIGHT_H
#define STORE_INFLIGHT_H

#include "app/base/str.h"

struct inflight;

struct inflight *inflight_new(void);           /* NULL: out of memory */
void inflight_free(struct inflight *inflight); /* accepts NULL */
/* The packed state that the latest unfinished write to the student leaves. False: there is none. */
bool inflight_latest(struct inflight *inflight, struct str student, struct str *ret_packed);
/* Records a write that leaves `packed`. When out of memory nothing is recorded: the next write then
 * races, which costs a round trip. */
void inflight_add(struct inflight *inflight, struct str student, struct str packed);
/* That write is finished. saved false: the states built on it are outdated, too. */
void inflight_remove(struct inflight *inflight, struct str student, bool saved);

/* Building on an unfinished write works for writes that only need the packed state. One that must
 * read more of the student would always find it changed by the next write, so it locks the student
 * and other writes wait until it unlocks. owner: any address that is unique to the locker. Locking
 * has no effect while another owner has the lock. */
void inflight_lock(struct inflight *inflight, struct str student, const void *owner);
/* True while an owner other than this one has the lock. */
bool inflight_is_locked(struct inflight *inflight, struct str student, const void *owner);
void inflight_unlock(struct inflight *inflight, struct str student, const void *owner);

#endif
