/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits a bulk delivery of Dapr's sidecar, one JSON text with many events of unrelated publishers,
 * into the texts of its entries. Nothing is parsed, so an event that is too large or no valid JSON
 * for this application affects its own entry only. */
#ifndef INGEST_DAPR_BULK_H
#define INGEST_DAPR_BULK_H

#include "app/base/arena.h"

#define DAPR_BULK_TYPE "com.dapr.event.sent.bulk"

/* JSON texts of the members entryId and event, parts of the body; p NULL: the entry has none. */
struct dapr_bulk_entry {
    struct str id, event;
};

struct dapr_bulk {
    struct dapr_bulk_entry *entries;
    size_t n;
};

/* Returns false when the body is no bulk, or one whose entries cannot be found, or without memory.
 */
bool dapr_bulk_split(struct str body, struct arena *arena, struct dapr_bulk *ret);

#endif
