/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cohorts: named lists of students, with the teachers who teach them. The hash cohort:{ID} is the
 * record of the cohort, and is authoritative. Two kinds of sets are indexes of it:
 * `teacher:{T}:cohorts` has the cohorts of a teacher, `{ss}:student:S:cohorts` those of a student
 * (ss: the student's shard as two hexadecimal digits). A member of such a set is called a link. A
 * teacher may see a student if the two sets have a cohort in common, which takes one round trip to
 * find out.
 *
 * A request that changes a cohort holds the cohort's lease, the key cohort:{ID}:lock (lease.h). It
 * removes links first, then writes the record, then adds links. So a change that stops half-way
 * leaves fewer rights, never more. A repetition of the request completes the change, and so does
 * the worker (unfinished.h). Redis refuses each of these writes when the lease has ended, so that
 * those of two changes are never mixed. */
#ifndef STORE_COHORT_H
#define STORE_COHORT_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

enum {
    COHORT_STUDENTS_MAX = 10000, /* students in one cohort */
    COHORT_TEACHERS_MAX = 100,   /* teachers in one cohort */
    COHORT_CHUNK = 1000,         /* number of links that one pipeline changes */
};

struct cohort {
    bool exists; /* false: there is no such cohort; only id is set */
    struct str id;
    struct str name;
    struct str_list teachers; /* both lists have the order of the request */
    struct str_list students;
    int64_t student_count; /* number of students, known even when the list was not read */
    int64_t created_at_ms, updated_at_ms;
};

/* Reads the record of a cohort: name, times, teachers and students. */
struct command *cohort_cmd_get(struct pipeline *pipeline, struct str cohort);
/* Reads the record of a cohort without the list of its students. */
struct command *cohort_cmd_get_summary(struct pipeline *pipeline, struct str cohort);
/* Parses the reply to cohort_cmd_get or cohort_cmd_get_summary; after the latter the list of
 * students is empty. id: the cohort's id. Texts point into the reply; the lists are in the arena.
 */
bool cohort_parse(const struct command *command, struct arena *arena, struct str id,
                  struct cohort *ret, struct problem *p);

/* The writes of a request that creates, updates or deletes a cohort: the record, and the links to
 * it that are added or removed. until_ms: end of the cohort's lease (epoch ms) in the clock of
 * Redis (lease.h). The reply to each of these commands is a number, LEASE_LOST when the lease has
 * ended. */

/* Writes the cohort's record and its place in the list of all cohorts; not the links, by which
 * students and teachers lead to the cohort. Redis refuses it after until_ms, the end of the
 * cohort's lease. */
void cohort_cmd_write(struct pipeline *pipeline, const struct cohort *cohort, int64_t until_ms);
/* Deletes the cohort's record and its place in the list of all cohorts; not the links, by which
 * students and teachers lead to the cohort. Redis refuses it after until_ms, the end of the
 * cohort's lease. */
void cohort_cmd_delete(struct pipeline *pipeline, struct str cohort, int64_t until_ms);
/* Whether a link, the cohort in the set of cohorts of a student or teacher, is added or removed. */
enum link_change { LINK_ADD, LINK_REMOVE };
/* Adds the cohort to the student's set of cohorts, or removes it. Redis refuses it after until_ms,
 * the end of the cohort's lease. */
void cohort_cmd_link_student(struct pipeline *pipeline, enum link_change change, struct str student,
                             struct str cohort, int64_t until_ms);
/* Adds the cohort to the teacher's set of cohorts, or removes it. Redis refuses it after until_ms,
 * the end of the cohort's lease. */
void cohort_cmd_link_teacher(struct pipeline *pipeline, enum link_change change, struct str teacher,
                             struct str cohort, int64_t until_ms);
/* Parses the reply to cohort_cmd_link_student. Returns false if the student could not be linked
 * because of an erasure. */
bool cohort_parse_link(const struct command *command);

/* Reads the ids of the cohorts that the student is in. */
struct command *cohort_cmd_of_student(struct pipeline *pipeline, struct str student);
/* Reads the ids of the cohorts that the teacher teaches. */
struct command *cohort_cmd_of_teacher(struct pipeline *pipeline, struct str teacher);
/* Parses the reply to cohort_cmd_of_student or cohort_cmd_of_teacher. The list is in the arena, its
 * texts point into the reply. */
bool cohort_parse_ids(const struct command *command, struct arena *arena, struct str_list *ret,
                      struct problem *p);
/* Compares the replies to cohort_cmd_of_student and cohort_cmd_of_teacher: *ret_teaches becomes
 * true if student and teacher have a cohort in common. It is false when a reply is an error; the
 * function then returns false. */
bool cohort_parse_teaches(const struct command *of_student, const struct command *of_teacher,
                          bool *ret_teaches, struct problem *p);
/* Reads the sorted ids of `limit` cohorts after the first `offset`. */
struct command *cohort_cmd_page(struct pipeline *pipeline, int64_t offset, int64_t limit);
/* Reads the number of all cohorts. */
struct command *cohort_cmd_total(struct pipeline *pipeline);

#endif
