/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's mastery in Redis: the profile (current result and packed state), the snapshots of
 * days, and the marks of counted events. X_cmd_Y() queues a command, X_parse_Y() parses its reply:
 * false means that p says why, SERVICE_UNAVAILABLE or INTERNAL_ERROR. Texts point into replies. */
#ifndef STORE_STUDENT_H
#define STORE_STUDENT_H

#include "app/base/problem.h"
#include "app/domain/consent.h"
#include "app/domain/mastery.h"
#include "app/store/pipeline.h"
#include "app/store/reply.h"

/* The packed form of a mastery_state (docs/data-model.md, Packed state). */
enum { STATE_PACKED_MAX = 256, STATE_SCHEMA = 1 };
/* Returns the size. */
size_t state_pack(const struct mastery_state *state, unsigned char ret[STATE_PACKED_MAX]);
/* False for another version or size, and for values that no state can have. */
bool state_unpack(struct str packed, struct mastery_state *ret);

/* Whether this kind of consent is withdrawn, from the reply to student_cmd_profile, _state or
 * _consent. True also if the reply does not show it. */
bool student_has_withdrawn(const struct command *command, enum consent consent);
/* The same, but false with p filled if there is no such reply: for callers that parse nothing else
 * of it. */
bool student_parse_withdrawn(const struct command *command, enum consent consent,
                             bool *ret_withdrawn, struct problem *p);
/* Reads the consents alone. */
struct command *student_cmd_consent(struct pipeline *pipeline, struct str student);

struct student_profile {
    bool exists;
    struct str result_json; /* the MasteryResult as stored, to be copied into responses */
    struct str packed;
    struct mastery_state state; /* empty if the student does not exist */
};

struct command *student_cmd_profile(struct pipeline *pipeline, struct str student);
bool student_parse_profile(const struct command *command, struct student_profile *ret,
                           struct problem *p);

/* The state without the result, a fifth of the bytes. */
struct command *student_cmd_state(struct pipeline *pipeline, struct str student);
/* *ret is an empty state if the student does not exist. */
bool student_parse_state(const struct command *command, struct mastery_state *ret,
                         struct problem *p);

/* The days of the history, the one before it, and one more for clocks that differ. */
enum { STUDENT_DAYS_MAX = HISTORY_DAYS + 2 };
/* The snapshots of the days first ... first + count - 1; count <= STUDENT_DAYS_MAX. */
struct command *student_cmd_days(struct pipeline *pipeline, struct str student, int32_t first,
                                 int count);
/* The snapshot of day first + i. REPLY_MISSING: the day has none. REPLY_ERROR: i >= count. */
enum reply_result student_parse_day(const struct command *command, size_t i,
                                    struct mastery_state *ret);
/* All snapshots that exist, oldest first. ret_days has room for count. */
bool student_parse_days(const struct command *command, struct mastery_state *ret_days,
                        size_t *ret_count, struct problem *p);

/* Days after an event's day for which its mark is kept: a later repeat is refused as too old. */
enum { MARK_DAYS = HISTORY_DAYS + 2 };

/* A change of a student, all or nothing: profile, snapshots, journal entry and mark. It is made
 * only if the packed state in Redis is still `expected` and the student is not erased. */
struct student_change {
    struct str student;
    struct str expected; /* empty: no state yet */
    struct str result_json;
    const struct mastery_state
        *days; /* closing states of days; the last one is the current state */
    size_t day_count;
    struct str journal;  /* JSON of the entry */
    struct str event_id; /* not empty: made only if no event of this id was counted */
    struct str mark;     /* stored with the id and returned when it is repeated; may be empty */
    int32_t event_day;   /* UTC day of the event, from which MARK_DAYS count */
};

/* *ret_packed: the packed state that the change leaves. */
struct command *student_cmd_change(struct pipeline *pipeline, const struct student_change *change,
                                   struct str *ret_packed);

enum change_outcome {
    CHANGE_SAVED,
    CHANGE_OUTDATED,  /* the stored state was not `expected`: *ret_packed is the stored one */
    CHANGE_DUPLICATE, /* the event was counted before: *ret_packed is its mark */
    CHANGE_ERASED,    /* the student is erased: no new data */
    CHANGE_WITHDRAWN, /* consent to data processing is withdrawn: no new data */
    CHANGE_PROBLEM,   /* p says why */
};
enum change_outcome student_parse_change(const struct command *command, struct str *ret_packed,
                                         struct problem *p);

/* The mark of an event. */
struct command *student_cmd_mark(struct pipeline *pipeline, struct str student,
                                 struct str event_id);
/* *ret_counted false: no event of that id was counted. */
bool student_parse_mark(const struct command *command, bool *ret_counted, struct str *ret_mark,
                        struct problem *p);
/* Removes the marks of days before `oldest` from one page of the marks at `key`. Replies the cursor
 * of the next page. "0" is the cursor of the first page and means the end. */
struct command *student_cmd_trim_marks(struct pipeline *pipeline, struct str key, struct str cursor,
                                       int32_t oldest);

#endif
