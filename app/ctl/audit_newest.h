/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl audit list: prints the newest records of the audit log, of Redis and of the archive.
 */
#ifndef CTL_AUDIT_NEWEST_H
#define CTL_AUDIT_NEWEST_H

#include "app/ctl/subcommand.h"

/* What mastery-ctl audit list prints, and by which connection and memory. */
struct audit_newest {
    const struct subcommand *command;
    struct engine *engine;
    struct arena *arena;
    /* only records of this actor, about this student, from and until this time (RFC 3339); NULL:
     * any */
    const char *user, *student, *since, *until;
    size_t limit; /* most records that are printed */
    bool json;    /* true: a line of JSON for each record, instead of a table */
};

/* Prints the newest records that pass the filters. Returns the exit status: CTL_USAGE, after an
 * error, when `since` or `until` is not a time. */
enum ctl_exit audit_newest_print(const struct audit_newest *newest);

#endif
