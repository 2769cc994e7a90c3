/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A way to a level: items of the catalogue in an order that can be followed, within a time budget,
 * and the score to expect at its end (docs/mastery-model.md, "Learning paths"). */
#ifndef DOMAIN_LEARNING_PATH_H
#define DOMAIN_LEARNING_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "app/domain/recommendation.h"

enum {
    PATH_STEPS_MAX = 20,
    PATH_MIN_STEPS = 3,        /* even when the target is reached sooner */
    STUDY_MINUTES_PER_DAY = 45 /* what `days` reckons with */
};

struct path_options {
    bool has_target;
    enum level target; /* not given: the level above the present one, at most master */
    int max_minutes;   /* 0: no limit */
};

struct learning_path {
    struct recommendation steps[PATH_STEPS_MAX]; /* prerequisites before what needs them */
    size_t step_count;
    int minutes;
    int days;              /* at STUDY_MINUTES_PER_DAY, rounded up */
    double expected_score; /* never below the present one */
    enum level current_level, target_level;
};

/* Takes, again and again, the item that with its missing prerequisites raises the expected score
 * most for its minutes and still fits the time, until the target is reached. An item easier than
 * the learner's level in its component is not missing. No step at all when nothing fits. */
void learning_path_plan(const struct catalogue *c, const struct learner *l,
                        const struct path_options *wish, struct learning_path *ret);

#endif
