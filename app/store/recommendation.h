/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's recommendations in Redis, and the student's feedback on them.
 *
 * A recommendation is an item of the catalogue, recommended on a UTC day. Its id consists of the
 * student's token (a random text that does not reveal the student), the day and a number. Two texts
 * are stored. The day's text has the recommendations of a day, a line each. The student's text has
 * the token and the latest feedback, from which the confidence of later recommendations is
 * computed. The day's text expires when the day is no longer part of the history, the student's
 * text 90 days after its last change. Both are read and written as a whole, and written only if
 * Redis still has them as they were read (docs/data-model.md, Recommendations). */
#ifndef STORE_RECOMMENDATION_H
#define STORE_RECOMMENDATION_H

#include "app/base/problem.h"
#include "app/domain/recommendation.h"
#include "app/store/pipeline.h"

enum {
    FEEDBACK_HISTORY_MAX = 20,  /* largest number of feedbacks in the student's text */
    RECOMMENDATION_ID_SIZE = 64 /* bytes of an id, with its terminating null byte */
};

/* A recommendation as it was first made on its day. */
struct recommendation_record {
    int32_t day; /* days since 1970-01-01 */
    /* number on its day, from 1, in the order in which the recommendations were made */
    int number;
    struct str item; /* id of the item in the catalogue */
    int64_t at_ms;   /* when the recommendation was made */
    enum action action;
    enum component area;
    enum difficulty difficulty;
    enum priority priority;
    enum reason reason;
    int minutes; /* time that the item takes */
    /* each in [0,1]: value of the component `area`; how far it is below its threshold; confidence
     * of the recommendation */
    double score, gap, confidence;
    bool has_feedback; /* true: the members below are set */
    int64_t feedback_at_ms;
    struct feedback feedback;
};

/* One feedback of the last 90 days, with the parts that the confidence of later recommendations
 * needs. */
struct feedback_record {
    int32_t feedback_day; /* UTC day of the feedback */
    int32_t day; /* `day` and `number` identify the recommendation that the feedback is about */
    int number;
    enum action action;
    enum component area;
    double usefulness; /* how useful the recommendation was according to this feedback, in [0,1] */
};

/* One day's recommendations and the student's feedback history. */
struct recommendations {
    int32_t day;
    struct str token;                /* the student's token; empty: the student has none yet */
    struct recommendation_record *v; /* recommendations of the day; v[i].number is i + 1 */
    size_t n;
    struct feedback_record feedback_history[FEEDBACK_HISTORY_MAX]; /* oldest first */
    size_t feedback_count;
    struct str path; /* latest learning path as stored; empty if none or not read */
    struct str day_text, student_text; /* texts as read from Redis, with which a change compares */
};

/* ---- ids: rec_TOKEN-YYYYMMDD-NUMBER ---- */

/* Makes a token, which represents the student in the ids of recommendations: the number of the
 * student's shard and 128 random bits, as hexadecimal digits. */
struct str recommendation_token(struct arena *arena, struct str student);
/* Prints the id of a recommendation, rec_TOKEN-YYYYMMDD-NUMBER, with its terminating null byte. */
void recommendation_id_print(struct str token, int32_t day, int number,
                             char ret_id[RECOMMENDATION_ID_SIZE]);
/* Parses the id of a recommendation, rec_TOKEN-YYYYMMDD-NUMBER. Returns false if it is none.
 * *ret_token points into id. */
bool recommendation_id_parse(struct str id, struct str *ret_token, int32_t *ret_day,
                             int *ret_number);
/* Reads the id of the student that has this token (a random text, which the ids of the student's
 * recommendations contain). */
struct command *recommendation_cmd_student(struct pipeline *pipeline, struct str token);
/* Parses the reply to recommendation_cmd_student. *ret_student: the id of the student; empty if
 * there is no such token. */
bool recommendation_parse_student(const struct command *command, struct str *ret_student,
                                  struct problem *p);

/* ---- one day, which may be added to ---- */

/* Reads the text with the day's recommendations, the student's text (token and latest feedback)
 * and, if with_path, the latest learning path. */
struct command *recommendation_cmd_get(struct pipeline *pipeline, struct str student, int32_t day,
                                       bool with_path);
/* Parses the reply to recommendation_cmd_get, or the reply to a change whose outcome is
 * RECOMMENDATIONS_OUTDATED, which has no learning path. Texts point into the reply. ret->v is in
 * the arena and has room for `room` more recommendations. */
bool recommendation_parse(const struct command *command, struct arena *arena, int32_t day,
                          size_t room, struct recommendations *ret, struct problem *p);

/* Sets the feedback on the recommendation with this number (1 to n). It replaces any earlier
 * feedback on it. */
void recommendation_add_feedback(struct recommendations *recommendations, int number,
                                 const struct feedback *feedback, int64_t now_ms);

/* What recommendation_cmd_change writes. */
struct recommendation_change {
    struct str student;
    /* The new content. Its day_text and student_text are the texts as they were read: the script
     * writes only if Redis still has the same, because another request may have changed them
     * meanwhile. */
    const struct recommendations *recommendations;
    int32_t today;   /* days since 1970-01-01 */
    struct str path; /* new learning path to store; empty: the stored one stays */
};
/* Writes the text with the day's recommendations and the student's text (token and latest
 * feedback), if Redis still has both as they were read. */
struct command *recommendation_cmd_change(struct pipeline *pipeline,
                                          const struct recommendation_change *change);

enum recommendation_outcome {
    RECOMMENDATIONS_SAVED,
    RECOMMENDATIONS_OUTDATED,  /* another request has changed the texts; recommendation_parse reads
                                  them from the reply */
    RECOMMENDATIONS_ERASED,    /* the student is erased: nothing was written */
    RECOMMENDATIONS_WITHDRAWN, /* consent to data processing is withdrawn: nothing was written */
    RECOMMENDATIONS_PROBLEM,   /* the command failed; *p has the reason */
};

/* Parses the reply to recommendation_cmd_change. Sets *p only when it returns
 * RECOMMENDATIONS_PROBLEM. */
enum recommendation_outcome recommendation_parse_change(const struct command *command,
                                                        struct problem *p);

/* ---- many days ---- */

enum { RECOMMENDATION_DAYS_MAX = HISTORY_DAYS }; /* most days that one command reads */
/* Reads the recommendations of `count` days from first_day on; count <= RECOMMENDATION_DAYS_MAX. */
struct command *recommendation_cmd_days(struct pipeline *pipeline, struct str student,
                                        int32_t first_day, int count);
/* Parses the reply to recommendation_cmd_days into an array in the arena, oldest first. first_day:
 * the same as for that command, because the texts in the reply do not name their days. *ret_token:
 * the student's token; empty if there is none. Texts point into the reply. */
bool recommendation_parse_days(const struct command *command, struct arena *arena,
                               int32_t first_day, struct recommendation_record **ret_records,
                               size_t *ret_count, struct str *ret_token, struct problem *p);

#endif
