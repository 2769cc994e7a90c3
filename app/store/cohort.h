/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cohorts: a named list of students and the teachers who teach them. The cohort's own record is the
 * truth; `teacher:{T}:cohorts` and `{ss}:student:S:cohorts` are its two indexes, from which a
 * teacher's right to a student follows in one round trip (the two sets meet). Changes take a lock,
 * first take links away, then write the record, then add links: a change that dies half-way leaves
 * fewer rights, never more, and repeating it completes it. */
#ifndef STORE_COHORT_H
#define STORE_COHORT_H

#include "app/base/problem.h"
#include "app/store/store.h"

enum {
    COHORT_STUDENTS_MAX = 10000,
    COHORT_TEACHERS_MAX = 100,
    COHORT_CHUNK = 1000, /* links changed in one round */
    COHORT_LOCK_MS = 15000,
};

struct cohort {
    bool exists;
    struct str id;
    struct str name;
    struct str_list teachers; /* in the order given */
    struct str_list students;
    int64_t student_count;
    int64_t created_at_ms, updated_at_ms;
};

struct command *cohort_cmd_get(struct pipeline *a, struct str cohort);
struct command *cohort_cmd_get_summary(struct pipeline *a,
                                       struct str cohort); /* without the students */
/* Texts point into the reply. A cohort that is not there: exists is false. */
bool cohort_parse(const struct command *command, struct arena *arena, struct str id,
                  struct cohort *ret, struct problem *p);

struct command *cohort_cmd_lock(struct pipeline *a, struct str cohort, struct str token);
bool cohort_parse_lock(const struct command *command, bool *ret_taken, struct problem *p);
void cohort_cmd_unlock(struct pipeline *a, struct str cohort, struct str token);

void cohort_cmd_write(struct pipeline *a, const struct cohort *cohort); /* record and list of all */
void cohort_cmd_delete(struct pipeline *a, struct str cohort);
enum link_change { LINK_ADD, LINK_REMOVE };
void cohort_cmd_link_student(struct pipeline *a, enum link_change change, struct str student,
                             struct str cohort);
void cohort_cmd_link_teacher(struct pipeline *a, enum link_change change, struct str teacher,
                             struct str cohort);
/* Whether the student could be linked: false for one who is erased. */
bool cohort_parse_link(const struct command *command);

/* The cohorts a student is in, a teacher teaches: sets of ids. */
struct command *cohort_cmd_of_student(struct pipeline *a, struct str student);
struct command *cohort_cmd_of_teacher(struct pipeline *a, struct str teacher);
bool cohort_parse_ids(const struct command *command, struct arena *arena, struct str_list *ret,
                      struct problem *p);
/* Whether the two sets of a student and a teacher meet. Fails closed. */
bool cohort_parse_teaches(const struct command *of_student, const struct command *of_teacher,
                          bool *ret_taught, struct problem *p);
/* One page of all cohorts, by id, and how many there are. */
struct command *cohort_cmd_page(struct pipeline *a, int64_t offset, int64_t limit);
struct command *cohort_cmd_total(struct pipeline *a);

#endif
