/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recommending to one student: what is known is read, items or a path are chosen, and what is new
 * today is kept, so that feedback and history know of it. The same question on the same day, with
 * mastery and feedback unchanged, chooses the same and writes nothing. One round to read, and one
 * to write when there is something new. */
#ifndef SERVICE_RECOMMEND_H
#define SERVICE_RECOMMEND_H

#include "app/base/json_write.h"
#include "app/domain/learning_path.h"
#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/store/recommendation.h"
#include "app/store/student.h"

enum { RECOMMEND_ATTEMPTS_MAX = 10, PATH_ID_SIZE = 38 };

enum recommend_kind {
    RECOMMEND_ITEMS,
    RECOMMEND_PREVIEW, /* items that nobody will be able to refer to: nothing is kept */
    RECOMMEND_PATH,    /* a learning path; NOT_FOUND for a student without data */
};

struct recommend {
    /* in */
    struct str student;
    enum recommend_kind kind;
    struct recommendation_filter filter;
    struct path_options path_options; /* RECOMMEND_PATH */
    int64_t now_ms;
    /* out, when done without a problem */
    bool has_data; /* the student's state is not empty */
    struct learner learner;
    const struct recommendation *v; /* n of them: the items, or the steps of the path */
    size_t n;
    const int *numbers; /* of the day, by which their ids are made; not of RECOMMEND_PREVIEW */
    struct recommendation chosen[RECOMMENDATIONS_MAX];
    struct learning_path path; /* RECOMMEND_PATH */
    char path_id[PATH_ID_SIZE];
    struct recommendations today;
    /* own */
    struct command *profile_cmd, *read_cmd, *write_cmd;
    int attempts;
};

/* Call with recommend filled and zeroed below; again after each round of asks until STEP_DONE. The
 * first call only reads, so a right that is asked for in the same round is known before anything is
 * written. */
enum step recommend_step(struct recommend *r, const struct engine *engine,
                         struct pipeline *pipeline, struct problem *p);

/* The members of an answer that tell of it: "recommendations": […] with their ids. */
void recommend_write_items(struct jw *w, const struct recommend *r,
                           const struct catalogue *catalogue);
/* path_id, recommendations, estimated_completion, total_time_estimate, priority_areas,
 * expected_score, metadata. */
void recommend_write_path(struct jw *w, const struct recommend *r,
                          const struct catalogue *catalogue);
void recommend_write_areas(struct jw *w, const char *key, const struct learner *l);
/* One that was given before, as an object of an array. An item that has left the catalogue since
 * has no description. */
void recommend_write_record(struct jw *w, struct str token, const struct recommendation_record *g,
                            const struct catalogue *catalogue);

#endif
