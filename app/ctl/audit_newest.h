/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl audit list: prints the newest records of the audit log, of Redis and of the archive.
 */
#ifndef CTL_AUDIT_NEWEST_H
#define CTL_AUDIT_NEWEST_H

#include "app/ctl/subcommand.h"

struct audit_newest {
    const struct subcommand *command;
    struct engine *engine;
    struct arena *arena;
    /* only records of this actor, about this student, from and until this time (RFC 3339); NULL:
     * any */
    const char *user, *student, *since, *until;
    size_t limit; /* how many */
    bool json;
};

enum ctl_exit audit_newest_print(const struct audit_newest *newest);

#endif
