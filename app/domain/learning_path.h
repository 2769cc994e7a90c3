/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plans a learning path: items of the catalogue that raise a learner's score to a target level,
 * each after its prerequisites, within a time budget. The plan includes the score that is expected
 * at its end (docs/mastery-model.md, Learning paths). */
#ifndef DOMAIN_LEARNING_PATH_H
#define DOMAIN_LEARNING_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "app/domain/recommendation.h"

enum {
    PATH_STEPS_MAX = 20,
    PATH_MIN_STEPS = 3,        /* fewest steps of a path, even when the target is reached earlier */
    STUDY_MINUTES_PER_DAY = 45 /* assumed study time; converts minutes to days */
};

/* What the request wants of the path. */
struct path_options {
    bool has_target; /* false: the target is the level above the current one, at most master */
    enum level target;
    int max_minutes; /* longest total time of the path; 0: no limit */
};

struct learning_path {
    struct recommendation steps[PATH_STEPS_MAX]; /* each item after its prerequisites */
    size_t step_count;
    int minutes;           /* sum of the steps' minutes */
    int days;              /* minutes / STUDY_MINUTES_PER_DAY, rounded up */
    double expected_score; /* score at the end of the path; never below the current one */
    enum level current_level, target_level;
};

/* Plans a path for the learner. Until the target is reached, it appends the item that, with its
 * missing prerequisites, raises the expected score most per minute, among those that fit into the
 * time that is left. A prerequisite below the learner's level in its component is not missing. When
 * nothing fits, the path ends before the target, possibly without any step. */
void learning_path_plan(const struct catalogue *catalogue, const struct learner *learner,
                        const struct path_options *options, struct learning_path *ret);

#endif
