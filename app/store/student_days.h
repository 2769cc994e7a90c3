/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The closing states of a student's UTC days. The state of the current day, the latest one with a
 * change, is in the profile. The states of earlier days are together in one text, the closed days
 * {ss}:student:ID:days (ss: the shard in hex), a record for each day, the newest first:
 *
 *   2 bytes  the day (days since 1970-01-01, big-endian)
 *   1 byte   length of the state
 *   the state in its short form (state_pack_short)
 *
 * When days that are too old to be read are removed, the latest of them stays: its state is the one
 * with which the first of the other days began (its opening). A late event of a day between the two
 * needs it.
 *
 * In the form of 0.1.0 each day has a key of its own with the packed state, and each opening too.
 * While such keys may exist (schema_has_old_forms), they are read together with the closed days,
 * which take precedence. */
#ifndef STORE_STUDENT_DAYS_H
#define STORE_STUDENT_DAYS_H

#include "app/store/student.h"

/* Most bytes of the short form of a state, whose length is one byte in a record; bytes of a record
 * (day and length) before the state; most bytes of a record. */
enum {
    STATE_SHORT_MAX = 255,
    DAY_HEADER_SIZE = 3,
    DAY_RECORD_MAX = DAY_HEADER_SIZE + STATE_SHORT_MAX
};
/* Writes the short form of a state, without its day: members that have their usual value are left
 * out, and times are relative to the day. Returns its size in bytes; 0: the day is not one of 0 to
 * 65535, as in a state without any data. */
size_t state_pack_short(const struct mastery_state *state, unsigned char ret[STATE_SHORT_MAX]);
/* Reads the short form of a state, which is that of this day. False when it is not in this form, or
 * has values that no state can have; *ret is unchanged then. */
bool state_unpack_short(struct str text, int32_t day, struct mastery_state *ret);

/* Returns the record of a state for the closed days (day, length, short form), in the arena. Its p
 * is NULL when out of memory, or when the day does not fit 2 bytes. */
struct str student_day_record(struct arena *arena, const struct mastery_state *state);
/* Cuts the first record off the closed days *days; *ret_short is its state in short form, which
 * points into *days. False: there is none, or the text is damaged (*days is then not empty). */
bool student_day_cut(struct str *days, int32_t *ret_day, struct str *ret_short);

/* Most days that are read at once: those of the history, the day before it, and one more: by the
 * clock of another process the next day may have begun already. */
enum { STUDENT_DAYS_MAX = HISTORY_DAYS + 2 };
/* Reads the closing states of the days `first` (days since 1970-01-01) to first + count - 1; count
 * is at most STUDENT_DAYS_MAX. state: a command that was queued before this one and reads the
 * student's state (student_cmd_state, student_cmd_topics); it must live until the reply is parsed.
 * NULL: there is none, and the state is read too.
 *
 * The closed days are read after the state. So a change in between that begins the next day leaves
 * no gap: the day of the state that was read is then one of the closed days too. While a cluster
 * moves the slot, the order may be the other way round. A caller that writes what it has computed
 * from the days must therefore use student_cmd_days_at_once. */
struct command *student_cmd_days(struct pipeline *pipeline, struct str student,
                                 const struct command *state, int32_t first, int count);
/* Like student_cmd_days, for the `count` days that end with `today`. When these are few, it reads
 * only the beginning of the closed days, where the newest are. */
struct command *student_cmd_latest_days(struct pipeline *pipeline, struct str student,
                                        const struct command *state, int32_t today, int count);
/* Like student_cmd_days, but by one script, in which nothing can change between the reads.
 * *ret_openings: the command whose reply student_parse_opening reads for these days; it may be the
 * same as the one that is returned. */
struct command *student_cmd_days_at_once(struct pipeline *pipeline, struct str student,
                                         int32_t first, int count, struct command **ret_openings);
/* Reads what student_cmd_topics and student_cmd_days read, but no days if the stored state still
 * has this stamp (its last bytes, student_stamp), which means that the caller knows them. The text
 * `stamp` must live until the reply has arrived. */
struct command *student_cmd_changed(struct pipeline *pipeline, struct str student, struct str stamp,
                                    int32_t first, int count);
/* Splits the reply to student_cmd_changed into two: *ret_topics can be parsed like a
 * student_cmd_topics, *ret_days like a student_cmd_days. *ret_days has no reply (NULL) when the
 * state has the stamp. False with p set when the reply is an error. */
bool student_parse_changed(const struct command *command, struct command *ret_topics,
                           struct command *ret_days, struct problem *p);
/* Parses the opening of a day, the latest state before it, from the reply to *ret_openings of
 * student_cmd_days_at_once. REPLY_MISSING: there is none. REPLY_ERROR: the day is not one of those
 * that were requested, or the reply cannot be read. */
enum reply_result student_parse_opening(const struct command *command, int32_t day,
                                        struct mastery_state *ret);

/* The days in a reply to student_cmd_days, before their states are unpacked. */
struct student_days {
    int32_t first; /* the first day that was requested (days since 1970-01-01) */
    size_t count;  /* number of days that were requested */
    struct student_day {
        struct str text;      /* p is NULL: the day has no state */
        bool is_short;        /* the text is a state in its short form, else a packed one */
    } days[STUDENT_DAYS_MAX]; /* element i is of the day first + i */
};
/* Finds the texts of the days in the reply to student_cmd_days or a similar command. False with p
 * set when the reply is an error or damaged. */
bool student_parse_day_texts(const struct command *command, struct student_days *ret,
                             struct problem *p);
/* Unpacks the state of the day days->first + i. REPLY_MISSING: the day has none. REPLY_ERROR: i >=
 * days->count, or the state cannot be read. */
enum reply_result student_day_state(const struct student_days *days, size_t i,
                                    struct mastery_state *ret);
/* Parses the reply to student_cmd_days or a similar command: all states that exist, oldest first.
 * ret_days has room for as many days as were requested. False with p set when the reply is an
 * error, or a state cannot be read. */
bool student_parse_days(const struct command *command, struct mastery_state *ret_days,
                        size_t *ret_count, struct problem *p);
/* Removes the days before `oldest` from the closed days at `key`, except the latest of them. The
 * reply is "0", as that of the last page of student_cmd_trim_entries. */
struct command *student_cmd_trim_days(struct pipeline *pipeline, struct str key, int32_t oldest);

#endif
