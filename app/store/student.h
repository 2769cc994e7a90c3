/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's mastery in Redis: the profile (current result and packed state) and the snapshots of
 * days. Functions named ask_ note commands, those named read_ look at their replies. */
#ifndef STORE_STUDENT_H
#define STORE_STUDENT_H

#include "app/base/problem.h"
#include "app/domain/consent.h"
#include "app/domain/mastery.h"
#include "app/store/reply.h"
#include "app/store/store.h"

/* The packed form of a mastery_state: version byte, then the members, little-endian. */
enum { STATE_PACKED_MAX = 256, STATE_SCHEMA = 1 };
size_t state_pack(const struct mastery_state *s, unsigned char ret[STATE_PACKED_MAX]);
/* False for any other version or size, and for values that no state of ours can have. */
bool state_unpack(struct str packed, struct mastery_state *ret);

/* Whether consent of this kind is withdrawn, from the answer to student_cmd_profile, _state or
 * _consent. True as well when that cannot be told. */
bool student_has_withdrawn(const struct command *command, enum consent consent);
/* The same for who has not read anything else of the answer yet, whether there is one. */
bool student_parse_withdrawn(const struct command *command, enum consent consent,
                             bool *ret_withdrawn, struct problem *p);
struct command *student_cmd_consent(struct pipeline *a, struct str student); /* nothing else */

struct student_profile {
    bool exists;
    struct str result_json; /* the MasteryResult as stored, to be spliced into answers */
    struct str packed;
    struct mastery_state state; /* empty when it does not exist */
};

struct command *student_cmd_profile(struct pipeline *a, struct str student);
/* False with INTERNAL_ERROR or SERVICE_UNAVAILABLE in p. The texts point into the reply. */
bool student_parse_profile(const struct command *command, struct student_profile *ret,
                           struct problem *p);

/* Without the result, for those who have nothing to splice it in: a fifth of the bytes. */
struct command *student_cmd_state(struct pipeline *a, struct str student);
/* An empty state when the student does not exist. */
bool student_parse_state(const struct command *command, struct mastery_state *ret,
                         struct problem *p);

/* Room for the days of the history, the one before it, and one that has begun elsewhere. */
enum { STUDENT_DAYS_MAX = HISTORY_DAYS + 2 };
/* The snapshots of the days first .. first + count - 1; count <= STUDENT_DAYS_MAX. One round trip.
 */
struct command *student_cmd_days(struct pipeline *a, struct str student, int32_t first, int count);
/* The i-th of the days asked for, one by one. Beyond the last one: REPLY_ERROR. */
enum reply_result student_parse_day(const struct command *command, size_t i,
                                    struct mastery_state *ret);
/* Fills ret_days with those that are there, oldest first; ret_days has room for the count. */
bool student_parse_days(const struct command *command, struct mastery_state *ret_days,
                        size_t *ret_count, struct problem *p);

/* So many days from the event's own its id is remembered: by then it would be too old anyway. */
enum { MARK_DAYS = HISTORY_DAYS + 2 };

/* One change, all or nothing: profile, day snapshots and journal entry, only if the packed state in
 * Redis is still `expected` (empty: none) and the student is not erased. */
struct student_change {
    struct str student;
    struct str expected;
    struct str result_json;
    const struct mastery_state *days; /* closing states to write, the current one last */
    size_t day_count;
    struct str journal;  /* JSON of the entry */
    struct str event_id; /* not empty: the change is made once for this id */
    struct str mark;     /* kept beside the id for whoever brings it again; may be empty */
    int32_t event_day;   /* its UTC day: the id is remembered for MARK_DAYS from then */
};

/* ret_packed: the packed current state, as it will be when the change is made. */
struct command *student_cmd_change(struct pipeline *a, const struct student_change *change,
                                   struct str *ret_packed);

enum change_outcome {
    CHANGE_SAVED,
    CHANGE_OUTDATED,  /* somebody else was faster: *ret_packed is what is there now */
    CHANGE_DUPLICATE, /* counted before: nothing has changed; *ret_packed is the mark left then */
    CHANGE_ERASED,    /* the student is erased: no new data */
    CHANGE_WITHDRAWN, /* consent to data processing is withdrawn: no new data */
    CHANGE_PROBLEM,   /* p says what */
};
enum change_outcome student_parse_change(const struct command *command, struct str *ret_packed,
                                         struct problem *p);

/* The mark beside an event's id. MISSING: the event has not been counted. */
struct command *student_cmd_mark(struct pipeline *a, struct str student, struct str event_id);
bool student_parse_mark(const struct command *command, bool *ret_counted, struct str *ret_mark,
                        struct problem *p);
/* A piece of the marks under key: those of days before oldest go. Answers the cursor of the next
 * piece; "0" is the first one, and means the end. */
struct command *student_cmd_trim_marks(struct pipeline *a, struct str key, struct str cursor,
                                       int32_t oldest);

#endif
