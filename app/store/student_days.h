/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The closing states of a student's UTC days. That of the current day, the latest one with a
 * change, is the state of the profile; those of the days before are together in one text, the
 * closed days {ss}:student:ID:days, the newest first:
 *
 *   2 bytes  the day (days since the epoch, big-endian)
 *   1 byte   length of the state
 *   the state in its short form
 *
 * Of the days that are too old to be read the latest one stays: the state with which the first of
 * the others began, its opening. A late event of a day between the two needs it.
 *
 * In the form of 0.1.0 each day has a key of its own with the packed state, and each opening too.
 * While such keys may exist (schema.h), they are read with the closed days, which take precedence.
 */
#ifndef STORE_STUDENT_DAYS_H
#define STORE_STUDENT_DAYS_H

#include "app/store/student.h"

/* Most bytes of the short form of a state, and of a record of the closed days. */
enum {
    STATE_SHORT_MAX = 255,
    DAY_HEADER_SIZE = 3,
    DAY_RECORD_MAX = DAY_HEADER_SIZE + STATE_SHORT_MAX
};
/* Writes the short form of a state, without its day: members that have their usual value are left
 * out, and times are relative to the day. Returns its size in bytes; 0: the state has no day. */
size_t state_pack_short(const struct mastery_state *state, unsigned char ret[STATE_SHORT_MAX]);
/* Reads the short form of a state of the day. False when it is not in this form, or has values that
 * no state can have; *ret is unchanged then. */
bool state_unpack_short(struct str text, int32_t day, struct mastery_state *ret);

/* Returns the record of a state for the closed days, in the arena; p is NULL when out of memory. */
struct str student_day_record(struct arena *arena, const struct mastery_state *state);
/* Cuts the first record off *days. False: there is none, or the text is damaged (*days is then not
 * empty). */
bool student_day_cut(struct str *days, int32_t *ret_day, struct str *ret_short);

/* Most days that are read at once: those of the history, the day before it, and one more because
 * the clocks of the machines differ: another process may have begun the next day. */
enum { STUDENT_DAYS_MAX = HISTORY_DAYS + 2 };
/* Reads the days `first` to first + count - 1; count is at most STUDENT_DAYS_MAX. state: a command
 * that reads the student's state (student_cmd_state, student_cmd_topics) and
 * comes before this one; NULL: there is none, and the state is read too. It must live until the
 * reply is parsed.
 *
 * The closed days are read after the state, so that a change in between that begins the next day
 * leaves no gap: the day of the state is then among the closed ones too. In a cluster that is just
 * moving the slot the order may be the other one; what is changed by days that were read uses
 * student_cmd_days_at_once. */
struct command *student_cmd_days(struct pipeline *pipeline, struct str student,
                                 const struct command *state, int32_t first, int count);
/* Reads the `count` days that end with today: less than all closed days if few are needed. */
struct command *student_cmd_latest_days(struct pipeline *pipeline, struct str student,
                                        const struct command *state, int32_t today, int count);
/* student_cmd_days by one script, and what student_parse_opening needs for these days.
 * *ret_openings may be the command that is returned. */
struct command *student_cmd_days_at_once(struct pipeline *pipeline, struct str student,
                                         int32_t first, int count, struct command **ret_openings);
/* Reads what student_cmd_topics reads, and what student_cmd_days reads, but no days if the stored
 * state still has this stamp. The text `stamp` must live until the reply. */
struct command *student_cmd_changed(struct pipeline *pipeline, struct str student, struct str stamp,
                                    int32_t first, int count);
/* Splits the reply to student_cmd_changed: *ret_topics can be parsed like a student_cmd_topics,
 * *ret_days like a student_cmd_days. *ret_days has no reply (NULL) when the state has the stamp.
 * False with p set when the reply is an error. */
bool student_parse_changed(const struct command *command, struct command *ret_topics,
                           struct command *ret_days, struct problem *p);
/* Parses the opening of a day, from the reply to student_cmd_days_at_once: the latest state before
 * it. REPLY_MISSING: there is none. */
enum reply_result student_parse_opening(const struct command *command, int32_t day,
                                        struct mastery_state *ret);

/* The days in a reply to student_cmd_days, before their states are unpacked. */
struct student_days {
    int32_t first;
    size_t count;
    struct student_day {
        struct str text;      /* p is NULL: the day has no state */
        bool is_short;        /* the text is a state in its short form, else a packed one */
    } days[STUDENT_DAYS_MAX]; /* of day first + i */
};
/* Finds the days in the reply. False with p set when the reply is an error or damaged. */
bool student_parse_day_texts(const struct command *command, struct student_days *ret,
                             struct problem *p);
/* Unpacks the state of day first + i. REPLY_MISSING: the day has none. REPLY_ERROR: i >= count, or
 * the state cannot be read. */
enum reply_result student_day_state(const struct student_days *days, size_t i,
                                    struct mastery_state *ret);
/* Parses the reply to student_cmd_days: all states that exist, oldest first. ret_days has room for
 * as many as were requested. */
bool student_parse_days(const struct command *command, struct mastery_state *ret_days,
                        size_t *ret_count, struct problem *p);
/* Removes the days before `oldest` from the closed days at `key`. The reply is "0", as that of the
 * last page of student_cmd_trim_entries. */
struct command *student_cmd_trim_days(struct pipeline *pipeline, struct str key, int32_t oldest);

#endif
