/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The marks of a student's counted events, by which an event that is sent again is recognised. They
 * are a hash {ss}:student:ID:counted of buckets, which lib/marks.lua describes: of each event 8
 * bytes of the digest of its id, its day, and a text, the mark. The form of 0.1.0 is a hash of the
 * ids. */
#ifndef STORE_STUDENT_MARKS_H
#define STORE_STUDENT_MARKS_H

#include "app/store/student.h"

/* Number of days for which the mark of a counted event is stored, from the day of the event. An
 * event that is repeated after that time is refused as too old. */
enum { MARK_DAYS = HISTORY_DAYS + 2 };
enum { MARK_TEXT_MAX = 255 }; /* most bytes of a mark */

/* Returns the record of an event's mark, in the arena; p is NULL when out of memory, or when the
 * mark is too long. */
struct str student_mark_record(struct arena *arena, struct str event_id, int32_t day,
                               struct str mark);
/* Returns the text of a stored mark that a script has replied as "DAY TEXT". */
struct str student_mark_text(struct str mark);

/* Reads the mark of an event, which is stored when the event was counted for the student. */
struct command *student_cmd_mark(struct pipeline *pipeline, struct str student,
                                 struct str event_id);
/* Parses the reply to student_cmd_mark. *ret_counted: whether an event with this id was counted. If
 * so, *ret_mark is the text of its mark. */
bool student_parse_mark(const struct command *command, bool *ret_counted, struct str *ret_mark,
                        struct problem *p);
/* Removes old marks, those of events before the day `oldest`, from the marks at `key`. The reply is
 * "0", as that of the last page of student_cmd_trim_entries. */
struct command *student_cmd_trim_marks(struct pipeline *pipeline, struct str key, int32_t oldest);

#endif
