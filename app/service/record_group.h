/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Group commit: the leader of a student's queue (record_queue.h) is written by one script together
 * with the changes that wait in the queue. Each is computed from the state that the one before it
 * leaves, and has a result, a mark (by which a repeated event_id is recognised) and a journal entry
 * of its own, as if they were written one after the other. They are written all or none. Only for
 * record.c. */
#ifndef SERVICE_RECORD_GROUP_H
#define SERVICE_RECORD_GROUP_H

#include "app/service/record.h"

/* Returns the UTC day to which the change belongs. */
int32_t record_day(const struct record *record);
/* Sets record->state, the student's state from which the change is computed, is_first (there is no
 * data yet), and the mastery level before the change, which is left unset if is_first. */
void record_set_base(struct record *record, const struct mastery_state *current);
/* Applies the change to the closing state of its own day or of a later one. A recomputation changes
 * nothing: the state keeps its day, because the student did nothing today. */
void record_apply(const struct record *record, struct mastery_state *state);

/* Queues the script that writes `record`, which leads its queue or is in no queue, and, if
 * with_others, changes that wait in the queue. packed: the packed state that Redis must still have.
 * days: the day_count closing states to write, oldest first, to which the change is applied
 * already; the last one is the current state. base: the closing state before them (struct
 * student_change), or NULL. False when out of memory. */
bool record_group_write(struct record *record, struct pipeline *pipeline, struct str packed,
                        struct mastery_state *days, size_t day_count,
                        const struct mastery_state *base, bool with_others);

/* Decides about the other changes that were in the script of `record`, by the outcome of the
 * script: sets their outcome and lets them go on. CHANGE_OUTDATED decides about none of them,
 * CHANGE_DUPLICATE about those whose event_id was recorded before (the reply has their mark), other
 * outcomes about all. But a change that repeats the event_id of another one in the script has no
 * entry of its own: after CHANGE_SAVED it is a duplicate, after a failure it waits on. After
 * CHANGE_SAVED the queue gets the new state. */
void record_settle_others(struct record *record, enum change_outcome outcome,
                          const struct pipeline *pipeline);

#endif
