/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recommends content to one student: reads the student's mastery and feedback, chooses items or a
 * learning path, and saves those that are new today, so that feedback and history can refer to
 * them. On the same day, with unchanged mastery and feedback, the same request chooses the same
 * items and writes nothing. Takes one pipeline to read, and one to write when there is something
 * new. */
#ifndef SERVICE_RECOMMEND_H
#define SERVICE_RECOMMEND_H

#include "app/base/json_write.h"
#include "app/domain/learning_path.h"
#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/store/recommendation.h"
#include "app/store/student.h"

/* RECOMMEND_ATTEMPTS_MAX: most attempts to save when other requests of the student save, too.
 * PATH_ID_SIZE: bytes of a learning path's id, with the NUL. */
enum { RECOMMEND_ATTEMPTS_MAX = 10, PATH_ID_SIZE = 38 };

enum recommend_kind {
    RECOMMEND_ITEMS,
    RECOMMEND_PREVIEW, /* items without ids: nothing is saved, no feedback is possible */
    RECOMMEND_PATH,    /* a learning path; NOT_FOUND for a student without data */
};

struct recommend {
    /* in: set by the caller */
    struct str student;
    enum recommend_kind kind;
    struct recommendation_filter filter;
    struct path_options path_options; /* options of the path; only for RECOMMEND_PATH */
    int64_t now_ms;
    /* out: set when the last step ends without a problem */
    bool has_data;          /* the student's state is not empty */
    struct learner learner; /* mastery and feedback, in the form in which items are chosen */
    const struct recommendation *v; /* the n chosen items, or the n steps of the path */
    size_t n;
    const int *numbers; /* number of each item of v on the day, from 1; NULL for a preview */
    struct recommendation chosen[RECOMMENDATIONS_MAX];
    struct learning_path path; /* the path; only for RECOMMEND_PATH */
    char path_id[PATH_ID_SIZE];
    struct recommendations today; /* what has been recommended today, with what is new */
    /* private: used only by recommend.c. recommended_cmd reads the recommendations of today and the
     * feedback; state_cmd and topics_cmd read the mastery */
    struct command *state_cmd, *topics_cmd, *recommended_cmd, *write_cmd;
    int attempts;
};

/* Runs the next step of a recommendation. Call with the input fields set and all others zeroed,
 * then again after each pipeline until STEP_DONE, which is also returned after a problem. The first
 * call only queues reads: so an access check in the same pipeline is decided before anything is
 * written. */
enum step recommend_step(struct recommend *recommend, const struct engine *engine,
                         struct pipeline *pipeline, struct problem *p);

#endif
