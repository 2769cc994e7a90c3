/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes a cohort: its record, and the links from teachers and students to it, by which access is
 * decided. store/cohort.h says in which order, and why a change that is interrupted never grants
 * access that neither the old nor the new roster grants. */
#ifndef SERVICE_ROSTER_H
#define SERVICE_ROSTER_H

#include "app/base/ids.h"
#include "app/http/route.h"
#include "app/store/cohort.h"
#include "app/store/reply.h"

struct roster_change {
    struct cohort new_roster; /* in: the roster to write; exists false: delete the cohort.
                                 created_at_ms is set here */
    /* out: the roster before the change; once it is read, its lists are reduced to the members who
     * are not in new_roster */
    struct cohort old_roster;
    int64_t lease_ms; /* in: duration of the lease (store/lease.h), renewed by each step */
    /* in: write the roster and its links again as it is stored, for a change that was interrupted;
     * only new_roster.id is set by the caller */
    bool repair;
    /* private: used only by roster.c */
    int phase;   /* phase of the change: an enum in roster.c */
    size_t next; /* index of the next member in this phase's list */
    /* number of replies that were read to commands that add links of students to the cohort */
    size_t link_attempts;
    struct str_list erased; /* students of the change who are erased and got no link */
    char lease_holder[UUID_TEXT_SIZE];
    int64_t lease_until_ms; /* end of the lease, in the clock of Redis */
    struct command *lease_cmd, *read_cmd;
    struct problem failure; /* problem that has ended the change; the step after the release of the
                               lease returns it */
};

/* Runs the next step of the change. Call again after each pipeline until STEP_DONE. Problems:
 * NOT_FOUND (nothing to delete), CONFLICT (another change of this cohort is running, or began when
 * the lease of this one had ended), SERVICE_UNAVAILABLE (repeat the change). The worker completes
 * an interrupted change from the stored record (store/unfinished.h). */
enum step roster_change_step(struct roster_change *change, struct pipeline *pipeline,
                             struct problem *p);

#endif
