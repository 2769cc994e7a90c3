/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What follows from an entry of the journal: an audit record, an entry of the student's event log,
 * events to publish. Each kind of entry is a row of a table in the .c. The effects are only
 * described here; the worker carries them out (store/journal.h). */
#ifndef SERVICE_JOURNAL_ENTRY_H
#define SERVICE_JOURNAL_ENTRY_H

#include "app/store/journal.h"

struct journal_source {
    unsigned shard;
    struct str id;   /* of the entry in its stream */
    struct str text; /* JSON, as service/record writes it */
    bool publish;    /* events are published (a sidecar is configured) */
};

/* Everything in *ret lives in the arena, or points into the source. False with the reason when the
 * text is no entry of a known kind, or without memory. */
bool journal_entry_effects(const struct journal_source *source, struct arena *arena,
                           struct journal_effects *ret, const char **ret_reason);

#endif
