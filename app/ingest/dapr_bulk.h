/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits a bulk delivery of Dapr's sidecar, one JSON text with many events of unrelated publishers,
 * into the texts of its entries. The entries are not parsed, so an event that is too large, or not
 * valid JSON for this application, affects only its own entry. */
#ifndef INGEST_DAPR_BULK_H
#define INGEST_DAPR_BULK_H

#include "app/base/arena.h"

#define DAPR_BULK_TYPE "com.dapr.event.sent.bulk"

/* JSON texts of the members entryId and event, which point into the body; their p is NULL when the
 * entry has no such member. */
struct dapr_bulk_entry {
    struct str id, event;
};

struct dapr_bulk {
    struct dapr_bulk_entry *entries;
    size_t n;
};

/* Splits the body. Returns false when it is not a bulk, when its entries cannot be found, or when
 * out of memory. */
bool dapr_bulk_split(struct str body, struct arena *arena, struct dapr_bulk *ret);

#endif
