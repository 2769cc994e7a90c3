/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mean mastery of each topic over the students of a group, added one student's topic at a time.
 * A hash table in an arena, with open addressing; it grows with the number of different topics. */
#ifndef SERVICE_TOPIC_MEANS_H
#define SERVICE_TOPIC_MEANS_H

#include "app/base/arena.h"

/* Most different topics of a group. Further topics are not added, so that memory is bounded. Only
 * events that name a new topic each time lead to so many. */
enum { TOPIC_MEANS_MAX = 65536 };

struct topic_mean {
    struct str id;   /* p is NULL in a free place of the table */
    double sum;      /* sum of the students' mastery of the topic */
    size_t students; /* number of students who have the topic */
};

/* To be initialised with zeros and the arena. */
struct topic_means {
    struct arena *arena;
    struct topic_mean *places; /* `capacity` places, a power of two; NULL at first */
    size_t capacity, n;        /* n of the places are used */
    bool failed;               /* out of memory: topics are missing */
};

/* Adds the mastery of one student. Returns the id as it is stored, so that it lives as long as the
 * arena; its p is NULL when out of memory or when there are too many topics. */
struct str topic_means_add(struct topic_means *means, struct str id, double mastery);
/* Sorts the topics, the weakest first; equal ones by the bytes of their ids. Afterwards they are
 * places[0] to places[n - 1], and no more can be added. */
void topic_means_rank(struct topic_means *means);
/* Returns the mean mastery of the topic, rounded to 12 decimals. */
double topic_mean_value(const struct topic_mean *topic);

#endif
