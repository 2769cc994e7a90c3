/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changing a cohort: the record and the links by which rights are looked up (store/cohort.h says in
 * which order, and why a change that dies half-way never leaves a right too many). */
#ifndef SERVICE_ROSTER_H
#define SERVICE_ROSTER_H

#include "app/base/ids.h"
#include "app/http/route.h"
#include "app/store/cohort.h"
#include "app/store/reply.h"

struct roster_change {
    struct cohort
        new_roster; /* in: the new roster; exists false: delete. created_at is kept or set here */
    struct cohort old_roster; /* out: what was there */
    /* own */
    int phase;
    size_t next;            /* of the links of this phase */
    size_t link_attempts;   /* students that have been tried */
    struct str_list erased; /* those of them who could not be: erased since the list was made */
    char lock_token[UUID_TEXT_SIZE];
    struct command *lock_cmd, *read_cmd;
};

/* Call again after each round until STEP_DONE. Problems: NOT_FOUND (delete of what is not there),
 * CONFLICT (another change of this cohort is under way), SERVICE_UNAVAILABLE: repeat it. */
enum step roster_change_step(struct roster_change *c, struct pipeline *pipeline, struct problem *p);

#endif
