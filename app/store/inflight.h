/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes to one student that are under way from this process. A second write that is computed
 * before the first has been answered must build on the first one's state, or it would be refused as
 * outdated: writes to one student are chained, not raced (architecture section 3). */
#ifndef STORE_INFLIGHT_H
#define STORE_INFLIGHT_H

#include "app/base/str.h"

struct inflight;

struct inflight *inflight_new(void);
void inflight_free(struct inflight *chain); /* takes NULL */
/* The packed state that the latest write under way for the student will leave; false: none is. */
bool inflight_latest(struct inflight *chain, struct str student, struct str *ret_packed);
/* A write that will leave `packed` has been asked for. Without memory nothing is noted: the next
 * write then races, which costs it a round and nothing else. */
void inflight_add(struct inflight *chain, struct str student, struct str packed);
/* That write has been answered. made false: what was built on it is outdated too. */
void inflight_remove(struct inflight *chain, struct str student, bool made);

/* Chaining is for writes that need to know the latest state alone. One that must read more of the
 * student would find each time that another has been chained on in the meantime: it takes the turn,
 * and all others wait until it leaves. Nothing happens while somebody else has it. who: any address
 * of the taker's own. */
void inflight_lock(struct inflight *chain, struct str student, const void *who);
/* Somebody else has it. */
bool inflight_is_locked(struct inflight *chain, struct str student, const void *who);
void inflight_unlock(struct inflight *chain, struct str student, const void *who);

#endif
