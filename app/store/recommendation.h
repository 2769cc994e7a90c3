/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's recommendations in Redis, and the student's feedback on them.
 *
 * A recommendation is an item of a UTC day; its id consists of the student's token, the day and a
 * number. There are two texts: per day its recommendations, a line each, and per student the token
 * with the latest feedback, from which the confidence of later recommendations is computed. A day's
 * text expires when the day is no longer part of the history, the student's text 90 days after its
 * last change. Both are read and written as a whole, and written only if they are still as they
 * were read (docs/data-model.md, Recommendations). */
#ifndef STORE_RECOMMENDATION_H
#define STORE_RECOMMENDATION_H

#include "app/base/problem.h"
#include "app/domain/recommendation.h"
#include "app/store/pipeline.h"

enum { FEEDBACK_HISTORY_MAX = 20, RECOMMENDATION_ID_SIZE = 64 };

/* A recommendation as it was first made on its day. */
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
    double score, gap, confidence; /* in [0,1] */
    bool has_feedback;             /* the members below are set */
    int64_t feedback_at_ms;
    struct feedback feedback;
};

/* Feedback of the last 90 days, as the confidence of later recommendations needs it. */
struct feedback_record {
    int32_t feedback_day; /* UTC day of the feedback */
    int32_t day;          /* with number: the recommendation that it is about */
    int number;
    enum action action;
    enum component area;
    double usefulness;
};

/* One day's recommendations and the student's feedback history. */
struct recommendations {
    int32_t day;
    struct str token;                /* empty: the student has none yet */
    struct recommendation_record *v; /* of the day; v[i].number is i + 1 */
    size_t n;
    struct feedback_record feedback_history[FEEDBACK_HISTORY_MAX]; /* oldest first */
    size_t feedback_count;
    struct str path;                   /* latest learning path, if it was read; may be empty */
    struct str day_text, student_text; /* as read: a change is made only if they are unchanged */
};

/* ---- ids: rec_TOKEN-YYYYMMDD-NUMBER ---- */

/* Makes a token: the student's shard and 128 random bits, as hexadecimal digits. */
struct str recommendation_token(struct arena *arena, struct str student);
void recommendation_id_print(struct str token, int32_t day, int number,
                             char ret_id[RECOMMENDATION_ID_SIZE]);
/* False: not an id. *ret_token points into id. */
bool recommendation_id_parse(struct str id, struct str *ret_token, int32_t *ret_day,
                             int *ret_number);
/* Reads the student of a token. */
struct command *recommendation_cmd_student(struct pipeline *pipeline, struct str token);
/* *ret_student: empty if there is no such token. */
bool recommendation_parse_student(const struct command *command, struct str *ret_student,
                                  struct problem *p);

/* ---- one day, which may be added to ---- */

struct command *recommendation_cmd_get(struct pipeline *pipeline, struct str student, int32_t day,
                                       bool with_path);
/* Also parses the reply to a change that was RECOMMENDATIONS_OUTDATED, which has no path. Texts
 * point into the reply. ret->v has room for `room` more. */
bool recommendation_parse(const struct command *command, struct arena *arena, int32_t day,
                          size_t room, struct recommendations *ret, struct problem *p);

/* Sets the feedback on the recommendation of that number (1..n), in place of any earlier one. */
void recommendation_add_feedback(struct recommendations *recommendations, int number,
                                 const struct feedback *feedback, int64_t now_ms);

struct recommendation_change {
    struct str student;
    const struct recommendations *recommendations; /* with a token and with the texts as read */
    int32_t today;
    struct str path; /* new learning path; empty: the stored one stays */
};
struct command *recommendation_cmd_change(struct pipeline *pipeline,
                                          const struct recommendation_change *change);

enum recommendation_outcome {
    RECOMMENDATIONS_SAVED,
    RECOMMENDATIONS_OUTDATED,  /* the texts have changed: see recommendation_parse */
    RECOMMENDATIONS_ERASED,    /* the student is erased: nothing was written */
    RECOMMENDATIONS_WITHDRAWN, /* consent to data processing is withdrawn: nothing was written */
    RECOMMENDATIONS_PROBLEM,   /* p says why */
};
enum recommendation_outcome recommendation_parse_change(const struct command *command,
                                                        struct problem *p);

/* ---- many days ---- */

enum { RECOMMENDATION_DAYS_MAX = HISTORY_DAYS };
/* Reads count days from `first` on; count <= RECOMMENDATION_DAYS_MAX. */
struct command *recommendation_cmd_days(struct pipeline *pipeline, struct str student,
                                        int32_t first, int count);
/* The recommendations of all those days, oldest first. */
bool recommendation_parse_days(const struct command *command, struct arena *arena, int32_t first,
                               struct recommendation_record **ret_records, size_t *ret_count,
                               struct str *ret_token, struct problem *p);

#endif
