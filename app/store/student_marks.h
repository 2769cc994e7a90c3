/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The marks of a student's counted events, by which an event that is sent again is recognised. They
 * are a hash {ss}:student:ID:counted (ss: the shard in hex) with 16 fields, the buckets. A bucket
 * is a text with a record for each of its events: 8 bytes of the digest of the event's id, 2 bytes
 * with its day, a byte with the length of its text, and the text (lua/lib/marks.lua). The form of
 * 0.1.0 is a hash with a field for each event id. */
#ifndef STORE_STUDENT_MARKS_H
#define STORE_STUDENT_MARKS_H

#include "app/store/student.h"

/* Number of days for which the mark of a counted event is stored, from the day of the event. An
 * event that is repeated after that time is refused as too old. */
enum { MARK_DAYS = HISTORY_DAYS + 2 };
enum { MARK_TEXT_MAX = 255 }; /* most bytes of a mark */

/* Returns the record of an event's mark (digest, day, length, text), in the arena; p is NULL when
 * out of memory, or when the text `mark` is too long. day: UTC day of the event (days since
 * 1970-01-01). */
struct str student_mark_record(struct arena *arena, struct str event_id, int32_t day,
                               struct str mark);
/* Returns the text of a mark, from the form "DAY TEXT" in which the scripts reply it. */
struct str student_mark_text(struct str mark);

/* Reads the mark of an event, which exists if the event was counted for the student. */
struct command *student_cmd_mark(struct pipeline *pipeline, struct str student,
                                 struct str event_id);
/* Parses the reply to student_cmd_mark. *ret_counted: whether an event with this id was counted. If
 * so, *ret_mark is the text of its mark. False with p set when the reply is an error. */
bool student_parse_mark(const struct command *command, bool *ret_counted, struct str *ret_mark,
                        struct problem *p);
/* Removes old marks, those of events before the day `oldest`, from the marks at `key`. The reply is
 * "0", as that of the last page of student_cmd_trim_entries. */
struct command *student_cmd_trim_marks(struct pipeline *pipeline, struct str key, int32_t oldest);

#endif
