/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was recommended to a student, and what the student said of it.
 *
 * A recommendation is an item of a UTC day, so its id is made of the student's token, the day and a
 * number. Two texts are kept: of each day what was recommended on it, a line each, and of the
 * student the token and the latest feedback, on which the confidence of what comes next rests. A
 * day's text lives until the day falls out of the history, the other one 90 days from its last
 * change. Both are read and written whole, and written only where they still are as they were
 * read. */
#ifndef STORE_RECOMMENDATION_H
#define STORE_RECOMMENDATION_H

#include "app/base/problem.h"
#include "app/domain/recommendation.h"
#include "app/store/store.h"

enum { FEEDBACK_HISTORY_MAX = 20, RECOMMENDATION_ID_SIZE = 64 };

/* A recommendation as it was when it was first given on its day. */
struct recommendation_record {
    int32_t day;
    int number; /* from 1, in the order of the day */
    struct str item;
    int64_t at_ms;
    enum action action;
    enum component area;
    enum difficulty difficulty;
    enum priority priority;
    enum reason reason;
    int minutes;
    double score, gap, confidence;
    bool has_feedback; /* there is feedback */
    int64_t feedback_at_ms;
    struct feedback feedback;
};

/* Feedback of the last 90 days, as later confidence needs it. */
struct feedback_record {
    int32_t feedback_day; /* the day of the feedback */
    int32_t day;
    int number; /* of what it is about */
    enum action action;
    enum component area;
    double usefulness;
};

/* One day's recommendations and the student's own text. */
struct recommendations {
    int32_t day;
    struct str token;                /* empty: none has been made yet */
    struct recommendation_record *v; /* of the day; v[i].number is i + 1 */
    size_t n;
    struct feedback_record feedback_history[FEEDBACK_HISTORY_MAX]; /* the latest last */
    size_t feedback_count;
    struct str path;                   /* the latest learning path, when asked for; else empty */
    struct str day_text, student_text; /* as read: what a change must find */
};

/* ---- ids: rec_TOKEN-YYYYMMDD-NUMBER ---- */

/* A new token of the student's shard, with 128 random bits. */
struct str recommendation_token(struct arena *arena, struct str student);
void recommendation_id_print(struct str token, int32_t day, int number,
                             char ret_id[RECOMMENDATION_ID_SIZE]);
/* False for what no id of ours looks like. *ret_token points into id. */
bool recommendation_id_parse(struct str id, struct str *ret_token, int32_t *ret_day,
                             int *ret_number);
/* The student of a token; *ret_student is empty when there is none. */
struct command *recommendation_cmd_student(struct pipeline *a, struct str token);
bool recommendation_parse_student(const struct command *command, struct str *ret_student,
                                  struct problem *p);

/* ---- one day, to be added to ---- */

struct command *recommendation_cmd_get(struct pipeline *a, struct str student, int32_t day,
                                       bool with_path);
/* Texts point into the reply. ret->v has room for `room` more. */
bool recommendation_parse(const struct command *command, struct arena *arena, int32_t day,
                          size_t room, struct recommendations *ret, struct problem *p);

/* Notes feedback on the recommendation of that number (1..n), in place of any earlier one on it. */
void recommendation_add_feedback(struct recommendations *r, int number,
                                 const struct feedback *feedback, int64_t now_ms);

struct recommendation_change {
    struct str student;
    const struct recommendations
        *recommendations; /* with its token; its texts are what must be there still */
    int32_t today;
    struct str path; /* not empty: kept as the latest learning path */
};
struct command *recommendation_cmd_change(struct pipeline *a,
                                          const struct recommendation_change *change);

enum recommendation_outcome {
    RECOMMENDATIONS_SAVED,
    RECOMMENDATIONS_OUTDATED, /* somebody else was faster: recommendation_parse tells what is there,
                                 but the path */
    RECOMMENDATIONS_ERASED,   /* the student is erased: nothing was kept */
    RECOMMENDATIONS_WITHDRAWN, /* consent to data processing is: nothing was kept */
    RECOMMENDATIONS_PROBLEM,   /* p says what */
};
enum recommendation_outcome recommendation_parse_change(const struct command *command,
                                                        struct problem *p);

/* ---- many days ---- */

enum { RECOMMENDATION_DAYS_MAX = HISTORY_DAYS };
struct command *recommendation_cmd_days(struct pipeline *a, struct str student, int32_t first,
                                        int count);
/* All of those days, oldest first. */
bool recommendation_parse_days(const struct command *command, struct arena *arena, int32_t first,
                               struct recommendation_record **ret_given, size_t *ret_count,
                               struct str *ret_token, struct problem *p);

#endif
