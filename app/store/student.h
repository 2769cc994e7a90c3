/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's mastery in Redis: the profile (current result, and the state as one binary string,
 * the packed state), the snapshots (closing states of UTC days), and the marks (ids of events that
 * were counted already). X_cmd_Y() queues a command, and X_parse_Y() parses its reply. A parse
 * function that returns false has set the problem p to SERVICE_UNAVAILABLE or INTERNAL_ERROR.
 * Parsed texts point into the reply. */
#ifndef STORE_STUDENT_H
#define STORE_STUDENT_H

#include "app/base/problem.h"
#include "app/domain/consent.h"
#include "app/domain/mastery.h"
#include "app/domain/topics.h"
#include "app/store/pipeline.h"
#include "app/store/reply.h"

/* Most bytes of a packed state, and the version number of its format (docs/data-model.md, Packed
 * state). */
enum { STATE_PACKED_MAX = 256, STATE_SCHEMA = 1 };
/* Writes the packed form of state to ret. Returns its size in bytes. */
size_t state_pack(const struct mastery_state *state, unsigned char ret[STATE_PACKED_MAX]);
/* Reads a packed state. False when it has another version or size, or values that no state can
 * have; *ret is unchanged then. */
bool state_unpack(struct str packed, struct mastery_state *ret);
/* Returns whether a state can have these values: if not, its stored form is damaged. */
bool state_is_plausible(const struct mastery_state *state);

/* Returns the packed state as a text in the arena; p is NULL when out of memory. */
struct str student_pack(struct arena *arena, const struct mastery_state *state);

/* Returns whether this kind of consent is withdrawn, from the reply to student_cmd_state or
 * student_cmd_consent. True also when the reply is missing or cannot be read.
 */
bool student_has_withdrawn(const struct command *command, enum consent consent);
/* Like student_has_withdrawn, for callers that parse nothing else of the reply and must know
 * whether it could be read: sets *ret_withdrawn, or returns false with p set when the reply is
 * missing or no array. */
bool student_parse_withdrawn(const struct command *command, enum consent consent,
                             bool *ret_withdrawn, struct problem *p);
/* Reads which kinds of consent the student has withdrawn, and nothing else. */
struct command *student_cmd_consent(struct pipeline *pipeline, struct str student);

/* Reads the student's packed state and the consents that the student has withdrawn. */
struct command *student_cmd_state(struct pipeline *pipeline, struct str student);
/* Parses the reply to student_cmd_state or student_cmd_topics (topics.h). *ret is the initial
 * mastery state if the student has none. */
bool student_parse_state(const struct command *command, struct mastery_state *ret,
                         struct problem *p);

struct student_profile {
    bool exists;                /* the student has a state */
    struct str packed;          /* the packed state, in the reply; empty if !exists */
    struct mastery_state state; /* the packed state, unpacked; the initial state if !exists */
};
/* Like student_parse_state, for callers that change the student or must know whether there is one.
 */
bool student_parse_profile(const struct command *command, struct student_profile *ret,
                           struct problem *p);

/* The last bytes of a packed state: the time when it was written, the counters of the day, and the
 * revision. Two different states of a student never have the same stamp. */
enum { STATE_STAMP_SIZE = 8 + 3 * 4 + 8 };
/* Returns the stamp of the state in the reply to student_cmd_state or student_cmd_topics; empty
 * when there is none. It points into the reply. */
struct str student_stamp(const struct command *command);

/* Most entries of one change. */
enum { STUDENT_ENTRIES_MAX = 64 };
/* What one request adds to a student. A change has one entry for each of the requests that it
 * stores together. */
struct student_entry {
    struct str journal; /* journal entry as JSON */
    /* Id of the event, which must not have been counted before; empty: no event. Different from
     * those of the change's other entries. */
    struct str event_id;
    /* Text of the mark: stored with event_id, returned when the event is repeated; may be empty. */
    struct str mark;
    int32_t event_day; /* UTC day of the event (days since 1970-01-01) */
    /* Packed observations of topics (topics_pack), which the script adds to the stored topics;
     * empty: none. */
    struct str topics;
};

/* A change of a student, which Redis makes as a whole or not at all: profile, snapshots, and for
 * each request that it serves a journal entry (from which the worker derives further updates) and
 * the mark of the event, by which the same event is recognised when it is repeated. It is made only
 * if the packed state in Redis still equals `expected`, the student is not erased, and none of the
 * events has been counted. */
struct student_change {
    struct str student;
    /* Packed state that the change started from; empty: the student had none. */
    struct str expected;
    /* The new MasteryResult as JSON, which is stored only with the forms of 0.1.0
     * (student_change_needs_result); otherwise empty. */
    struct str result_json;
    /* The state at the end of each day that changes, oldest first. The last one is the new current
     * state. */
    const struct mastery_state *days;
    size_t day_count;
    /* The state at the end of the latest day before days[0]; NULL: there is none, or days[0] has a
     * snapshot already. */
    const struct mastery_state *base;
    const struct student_entry *entries;
    size_t entry_count; /* number of entries, 1 to STUDENT_ENTRIES_MAX */
    int64_t now_ms;     /* present time; needed only with topics */
};

/* Returns whether a change must have result_json, because records are written in the forms of
 * 0.1.0. */
bool student_change_needs_result(void);
/* Queues the change. *ret_packed: the packed state that it will leave. */
struct command *student_cmd_change(struct pipeline *pipeline, const struct student_change *change,
                                   struct str *ret_packed);

enum change_outcome {
    CHANGE_SAVED,
    CHANGE_OUTDATED,  /* the stored state was not `expected`; *ret_packed is the stored one */
    CHANGE_DUPLICATE, /* events were counted before: those that have a student_parse_known_mark */
    CHANGE_ERASED,    /* the student is erased: no new data is accepted */
    CHANGE_WITHDRAWN, /* consent to data processing is withdrawn: no new data is accepted */
    CHANGE_PROBLEM,   /* the reply is an error or missing; *p has the reason */
};

/* Parses the reply to student_cmd_change. *ret_packed and *p are set only where the outcome says
 * so. */
enum change_outcome student_parse_change(const struct command *command, struct str *ret_packed,
                                         struct problem *p);
/* Returns whether the outcome is CHANGE_DUPLICATE because the event of entry i was counted before.
 * If so, *ret_mark is the text of the mark that is stored for it. */
bool student_parse_known_mark(const struct command *command, size_t i, struct str *ret_mark);

/* Removes old entries from one page of the student's stream (of events or predictions) at `key`:
 * those that arrived, or whose event happened, before the UTC day `oldest`. cursor: "0" for the
 * first page. The reply is the cursor of the next page, "0" after the last page. */
struct command *student_cmd_trim_entries(struct pipeline *pipeline, struct str key,
                                         struct str cursor, int32_t oldest);

#endif
