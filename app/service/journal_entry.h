/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an entry of the journal says, and what the worker makes of it. Each kind of entry is a row
 * of a table in the .c; what a row makes is data alone, so that it can be looked at in a test. */
#ifndef SERVICE_JOURNAL_ENTRY_H
#define SERVICE_JOURNAL_ENTRY_H

#include "app/store/journal.h"

struct journal_source {
    unsigned shard;
    struct str id;   /* of the entry in its stream */
    struct str text; /* JSON, as service/record writes it */
    bool publish;    /* somebody is there to publish to */
};

/* Everything in *ret lives in the arena, or points into the source. False for a text that is no
 * entry of a known kind, with the reason. */
bool journal_entry_effects(const struct journal_source *source, struct arena *arena,
                           struct journal_effects *ret, const char **ret_reason);

#endif
