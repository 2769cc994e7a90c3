/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plans a learning path to a level: items of the catalogue, each after its prerequisites, within a
 * time budget, and the expected score at its end (docs/mastery-model.md, Learning paths). */
#ifndef DOMAIN_LEARNING_PATH_H
#define DOMAIN_LEARNING_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "app/domain/recommendation.h"

enum {
    PATH_STEPS_MAX = 20,
    PATH_MIN_STEPS = 3,        /* even when the target is reached earlier */
    STUDY_MINUTES_PER_DAY = 45 /* converts minutes to days */
};

struct path_options {
    bool has_target; /* false: the target is the level above the current one, at most master */
    enum level target;
    int max_minutes; /* 0: no limit */
};

struct learning_path {
    struct recommendation steps[PATH_STEPS_MAX]; /* each after its prerequisites */
    size_t step_count;
    int minutes;
    int days;              /* at STUDY_MINUTES_PER_DAY, rounded up */
    double expected_score; /* never below the current one */
    enum level current_level, target_level;
};

/* Repeatedly appends the item that, with its missing prerequisites, raises the expected score most
 * for its minutes and fits into the time, until the target is reached. A prerequisite below the
 * learner's level in its component is not missing. When nothing fits the path has no steps. */
void learning_path_plan(const struct catalogue *c, const struct learner *l,
                        const struct path_options *options, struct learning_path *ret);

#endif
