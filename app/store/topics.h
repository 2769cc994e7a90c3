/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's topics in Redis: field t of the profile, one binary string, the packed topics
 * (docs/data-model.md, Packed topics). The frequent requests (query, calculate) do not read the
 * field. Only the scripts that write a change of the student (lua/student_change.lua) write it,
 * together with the event that names the topics. */
#ifndef STORE_TOPICS_H
#define STORE_TOPICS_H

#include "app/base/problem.h"
#include "app/domain/topics.h"
#include "app/store/pipeline.h"

/* Version byte of packed topics. */
enum { TOPICS_VERSION = 1 };

/* Returns the packed form of the topics (topics.c), in the arena; its p is NULL when out of memory.
 * A topic's set of components fits a byte: one bit for each of COMPONENTS. */
struct str topics_pack(struct arena *arena, const struct topic *topics, size_t n);
/* Reads packed topics into an array of *ret_n topics in the arena, whose ids point into `packed`.
 * False, with the outputs unchanged, when the text is not in this form, holds values that no
 * evidence can have, or when out of memory. */
bool topics_unpack(struct str packed, struct arena *arena, struct topic **ret, size_t *ret_n);

struct student_topics {
    bool exists;     /* the student has data, though perhaps none about topics */
    struct topic *v; /* the topics, in stored order; topics_rank of domain/topics.h ranks them */
    size_t n;
};

/* Queues the read of a student's state, topics and withdrawn consents. */
struct command *student_cmd_topics(struct pipeline *pipeline, struct str student);
/* Parses the reply to student_cmd_topics into the arena of the pipeline; the ids point into the
 * reply. student_has_withdrawn works on the same command. False with p set when the reply is
 * missing or not valid. */
bool student_parse_topics(const struct command *command, struct student_topics *ret,
                          struct problem *p);

#endif
