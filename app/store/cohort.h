/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cohorts: named lists of students, with the teachers who teach them. The hash cohort:{ID} is the
 * authoritative record. `teacher:{T}:cohorts` and `{ss}:student:S:cohorts` are indexes: a teacher
 * may see a student if the two sets have a cohort in common, which takes one round trip.
 *
 * A change holds a lock. It removes links first, then writes the record, then adds links, so that a
 * change that dies half-way leaves fewer rights, never more, and repeating it completes it. */
#ifndef STORE_COHORT_H
#define STORE_COHORT_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

enum {
    COHORT_STUDENTS_MAX = 10000,
    COHORT_TEACHERS_MAX = 100,
    COHORT_CHUNK = 1000, /* links that are changed in one pipeline */
    COHORT_LOCK_MS = 15000,
};

struct cohort {
    bool exists;
    struct str id;
    struct str name;
    struct str_list teachers; /* both in the order of the request that wrote them */
    struct str_list students;
    int64_t student_count;
    int64_t created_at_ms, updated_at_ms;
};

struct command *cohort_cmd_get(struct pipeline *pipeline, struct str cohort);
/* All but the students. */
struct command *cohort_cmd_get_summary(struct pipeline *pipeline, struct str cohort);
/* Parses the reply to either. Texts point into the reply, the lists are in the arena. */
bool cohort_parse(const struct command *command, struct arena *arena, struct str id,
                  struct cohort *ret, struct problem *p);

/* The lock expires after COHORT_LOCK_MS. token: unique to the locker. */
struct command *cohort_cmd_lock(struct pipeline *pipeline, struct str cohort, struct str token);
/* *ret_acquired false: another request has the lock. */
bool cohort_parse_lock(const struct command *command, bool *ret_acquired, struct problem *p);
void cohort_cmd_unlock(struct pipeline *pipeline, struct str cohort, struct str token);

/* Both change the record and the list of all cohorts, not the links. */
void cohort_cmd_write(struct pipeline *pipeline, const struct cohort *cohort);
void cohort_cmd_delete(struct pipeline *pipeline, struct str cohort);
enum link_change { LINK_ADD, LINK_REMOVE };
void cohort_cmd_link_student(struct pipeline *pipeline, enum link_change change, struct str student,
                             struct str cohort);
void cohort_cmd_link_teacher(struct pipeline *pipeline, enum link_change change, struct str teacher,
                             struct str cohort);
/* False if a student could not be linked, being erased. */
bool cohort_parse_link(const struct command *command);

/* The cohorts of a student, and those that a teacher teaches. */
struct command *cohort_cmd_of_student(struct pipeline *pipeline, struct str student);
struct command *cohort_cmd_of_teacher(struct pipeline *pipeline, struct str teacher);
bool cohort_parse_ids(const struct command *command, struct arena *arena, struct str_list *ret,
                      struct problem *p);
/* Whether a student and a teacher have a cohort in common. false unless both replies say so. */
bool cohort_parse_teaches(const struct command *of_student, const struct command *of_teacher,
                          bool *ret_teaches, struct problem *p);
/* A page of the ids of all cohorts, sorted, and their number. */
struct command *cohort_cmd_page(struct pipeline *pipeline, int64_t offset, int64_t limit);
struct command *cohort_cmd_total(struct pipeline *pipeline);

#endif
