/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/audit_waiting.h"

#include <stdlib.h>

enum { AUDIT_SHARD_MAX = 256 };                /* most waiting events of one shard */
static const int64_t AUDIT_REPEAT_US = 500000; /* pause before an event is sent again */

bool audit_waiting_init(struct audit_waiting *waiting)
{
    *waiting = (struct audit_waiting){.v = calloc(AUDIT_WAITING_MAX, sizeof(*waiting->v))};
    return waiting->v != NULL;
}

void audit_waiting_release(struct audit_waiting *waiting)
{
    free(waiting->v);
    *waiting = (struct audit_waiting){0};
}

bool audit_waiting_shard_is_full(const struct audit_waiting *waiting,
                                 const struct audit_buffer_entry *event)
{
    return waiting->of_shard[audit_entry_shard(event)] >= AUDIT_SHARD_MAX;
}

void audit_waiting_push(struct audit_waiting *waiting, const struct audit_buffer_entry *event,
                        int refusals, int64_t now_us)
{
    struct audit_buffer_entry *added =
        &waiting->v[(waiting->first + waiting->n++) % AUDIT_WAITING_MAX];

    *added = *event;
    added->refusals = refusals;
    added->due_us = now_us + AUDIT_REPEAT_US;
    waiting->of_shard[audit_entry_shard(event)]++;
}

const struct audit_buffer_entry *audit_waiting_pop(struct audit_waiting *waiting)
{
    const struct audit_buffer_entry *event = &waiting->v[waiting->first];

    waiting->first = (waiting->first + 1) % AUDIT_WAITING_MAX;
    waiting->n--;
    waiting->of_shard[audit_entry_shard(event)]--;
    return event;
}

int64_t audit_waiting_due_us(const struct audit_waiting *waiting)
{
    return waiting->n > 0 ? waiting->v[waiting->first].due_us : INT64_MAX;
}
