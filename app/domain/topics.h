/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mastery by topic: exercises and quizzes name the topics that they belong to, and each topic has
 * evidence of its own, of the same kind as the components of mastery (domain/mastery.h). What is
 * shown leans on the student's mean over all topics while a topic has little evidence of its own
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

/* Makes the observation that an event gives each of its topics: of an exercise the quality, of a
 * quiz the score, with its weight. Returns their number: 0 for an event of another type. The ids
 * point into the event. */
size_t topics_of_event(const struct learning_event *event, struct topic ret[EVENT_TOPICS_MAX]);

/* Sets the mastery of each topic of a student and sorts them: the weakest first, of equal ones the
 * one whose id is first in byte order. Times that are more than STATE_AHEAD_MAX_MS after now_ms are
 * replaced by now_ms, as mastery_state_limit_times does. */
void topics_rank(struct topic *topics, size_t n, int64_t now_ms);

#endif
