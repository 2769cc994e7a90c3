/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list {ss}:retention of each shard (ss: its number in hex): the students with records that
 * will be too old, by the day (days since 1970-01-01 UTC) on which the worker has to look. It is a
 * sorted set. A name in the list is the student's id as it is in keys (key_student_part). The
 * scripts that add events, closed days, marks and predictions, or that follow such a script
 * (journal_process.lua), add the student with the day on which the new record will be too old,
 * unless an earlier day is stored. So the worker finds those who are due without looking at the
 * others.
 *
 * A store with the schema number 1 (schema.h) has no such list, because 0.1.0 would not remove an
 * erased student from it. */
#ifndef STORE_RETENTION_H
#define STORE_RETENTION_H

#include "app/store/keys.h"
#include "app/store/pipeline.h"

/* Reads the names of at most `count` students of the shard who are due on the day `today` (days
 * since 1970-01-01) or before. */
struct command *retention_cmd_due(struct pipeline *pipeline, unsigned shard, int32_t today,
                                  int count);
/* Sets the day on which the student is due next, after records that were too old have been removed.
 * The reply is that day, or 0 if no record will be too old, so that the student is no longer in the
 * list. */
struct command *retention_cmd_plan(struct pipeline *pipeline, unsigned shard, struct str student,
                                   int32_t today);
/* Adds the student of this key, who is due at once, to the list of the key's shard, unless the list
 * has the student or the key no longer exists. The reply is 1 if the student was added, else 0. */
struct command *retention_cmd_add(struct pipeline *pipeline, struct str student, struct str key);
/* Removes the student from the list of the student's shard. The reply is 1 if the student was in
 * it, else 0. */
struct command *retention_cmd_remove(struct pipeline *pipeline, struct str student);
/* Removes a name from the shard's list, whether or not it is that of a student. The reply is 1 if
 * the list had it, else 0. */
struct command *retention_cmd_remove_name(struct pipeline *pipeline, unsigned shard,
                                          struct str name);

#endif
