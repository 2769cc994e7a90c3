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
    COHORT_PIECE = 1000, /* links changed in one round */
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

struct ask *cohort_ask(struct asks *a, struct str cohort);
struct ask *cohort_ask_summary(struct asks *a, struct str cohort); /* without the students */
/* Texts point into the reply. A cohort that is not there: exists is false. */
bool cohort_read(const struct ask *ask, struct arena *arena, struct str id, struct cohort *ret,
                 struct problem *p);

struct ask *cohort_ask_lock(struct asks *a, struct str cohort, struct str token);
bool cohort_read_lock(const struct ask *ask, bool *ret_taken, struct problem *p);
void cohort_ask_unlock(struct asks *a, struct str cohort, struct str token);

void cohort_ask_write(struct asks *a, const struct cohort *cohort); /* record and list of all */
void cohort_ask_delete(struct asks *a, struct str cohort);
enum link_change { LINK_ADD, LINK_REMOVE };
void cohort_ask_link_student(struct asks *a, enum link_change change, struct str student,
                             struct str cohort);
void cohort_ask_link_teacher(struct asks *a, enum link_change change, struct str teacher,
                             struct str cohort);
/* Whether the student could be linked: false for one who is erased. */
bool cohort_read_link(const struct ask *ask);

/* The cohorts a student is in, a teacher teaches: sets of ids. */
struct ask *cohort_ask_of_student(struct asks *a, struct str student);
struct ask *cohort_ask_of_teacher(struct asks *a, struct str teacher);
bool cohort_read_ids(const struct ask *ask, struct arena *arena, struct str_list *ret,
                     struct problem *p);
/* Whether the two sets of a student and a teacher meet. Fails closed. */
bool cohort_read_taught(const struct ask *of_student, const struct ask *of_teacher,
                        bool *ret_taught, struct problem *p);
/* One page of all cohorts, by id, and how many there are. */
struct ask *cohort_ask_page(struct asks *a, int64_t offset, int64_t limit);
struct ask *cohort_ask_total(struct asks *a);

#endif
