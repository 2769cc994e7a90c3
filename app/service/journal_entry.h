/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The effects of a journal entry (a change of a student's data that the worker has not processed
 * yet): an audit record, an entry of the student's event log, and events to publish. The table
 * `kinds` in journal_entry.c has a row for each kind of entry. These functions only describe the
 * effects; the worker carries them out (store/journal.h). */
#ifndef SERVICE_JOURNAL_ENTRY_H
#define SERVICE_JOURNAL_ENTRY_H

#include "app/store/journal.h"

struct journal_source {
    unsigned shard;
    struct str id;   /* id of the entry in the shard's journal, a Redis stream */
    struct str text; /* the entry as JSON, as service/record.c writes it */
    bool publish;    /* Dapr's sidecar, which publishes events, is configured */
};

/* Makes what the worker does for a journal entry (source->text): the audit record, the entry of the
 * event log and the events to publish. The texts in *ret are in the arena or in *source. Returns
 * false when the text is not an entry of a known kind, or when out of memory; *ret_reason then says
 * which. */
bool journal_entry_effects(const struct journal_source *source, struct arena *arena,
                           struct journal_effects *ret, const char **ret_reason);

#endif
