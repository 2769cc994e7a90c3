/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of cohorts and batches that are being created or changed in several steps, because their
 * keys are in several slots, so that no script can do it at once. It is the sorted set
 * `unfinished`, with entries "KIND ID" by the time of Redis at which they were added. The process
 * that begins a change adds the entry with the first step, and removes it with the last one. The
 * worker finishes the changes that stay in the list because their process died or Redis lost data
 * (worker/unfinished.c). Finishing must do no harm to a change that is still in progress. Erasures
 * have their own list (store/erasure.h). */
#ifndef STORE_UNFINISHED_H
#define STORE_UNFINISHED_H

#include "app/store/pipeline.h"

enum unfinished_kind { UNFINISHED_COHORT, UNFINISHED_BATCH, UNFINISHED_KINDS };

/* Adds a cohort or batch, which has this id, to the list of unfinished changes when its change
 * begins. */
void unfinished_cmd_add(struct pipeline *pipeline, enum unfinished_kind kind, struct str id);

/* Removes a cohort or batch from the list of unfinished changes when its change is complete. */
void unfinished_cmd_remove(struct pipeline *pipeline, enum unfinished_kind kind, struct str id);

/* Reads the oldest entry of the list of unfinished changes to cohorts and batches that was added at
 * least age_ms ago. */
struct command *unfinished_cmd_oldest(struct pipeline *pipeline, int64_t age_ms);
/* Parses the reply to unfinished_cmd_oldest. Returns false when there is no such entry, or the
 * command has failed. *ret_kind is UNFINISHED_KINDS for an entry that this program did not write.
 * *ret_id points into the reply. */
bool unfinished_parse_oldest(const struct command *command, enum unfinished_kind *ret_kind,
                             struct str *ret_id);
/* Removes the entry in the reply to `oldest` (an unfinished_cmd_oldest) from the list of unfinished
 * changes, even one that this program did not write. */
void unfinished_cmd_drop(struct pipeline *pipeline, const struct command *oldest);

#endif
