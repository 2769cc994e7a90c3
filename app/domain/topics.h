/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mastery by topic: exercises and quizzes name the topics that they belong to, and each topic has
 * its own evidence, of the same kind as the components of mastery (domain/mastery.h). While a topic
 * has little evidence, the mastery that is shown is close to the student's mean over all topics
 * (docs/mastery-model.md, Topics). Pure functions: no clock, no I/O. */
#ifndef DOMAIN_TOPICS_H
#define DOMAIN_TOPICS_H

#include "app/base/str.h"
#include "app/domain/mastery.h"

enum {
    EVENT_TOPICS_MAX = 20,    /* topics of one event */
    STUDENT_TOPICS_MAX = 256, /* topics of one student; the least recently seen one is dropped */
};
/* A topic's mastery is the mean of its own observations and, with this weight, of the mean of the
 * student's observations of all topics. */
#define TOPIC_PRIOR_WEIGHT 2.0

struct topic {
    struct str id;
    uint32_t components;      /* components in which the topic was observed: bits 1 << QUIZ (by a
                                 quiz), 1 << QUALITY (by an exercise); only these name topics */
    struct evidence evidence; /* sum of its observations, whose weights decay; weight > 0 */
    /* the student's mastery of the topic in [0,1], set by topics_rank; rounded to 12 decimals, as
     * every score, so that rounding errors do not decide the order */
    double mastery;
};

/* Makes the observation that an event gives to each of its topics: for an exercise its quality, for
 * a quiz its score, with its weight. Returns the number of topics: 0 for an event of another type.
 * The ids point into the event. */
size_t topics_of_event(const struct learning_event *event, struct topic ret[EVENT_TOPICS_MAX]);

/* Sets the mastery of each topic of a student, and sorts the topics: the weakest first, equal ones
 * by the bytes of their ids. Times that are more than STATE_AHEAD_MAX_MS after now_ms are replaced
 * by now_ms, as in mastery_state_limit_times. */
void topics_rank(struct topic *topics, size_t n, int64_t now_ms);

#endif
