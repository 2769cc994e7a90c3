/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes an entry that the worker cannot process to the dead letters. The entry is in a stream from
 * which an erasure may remove it at any moment; what was erased must not remain as a dead letter.
 */
#ifndef WORKER_DEAD_LETTER_H
#define WORKER_DEAD_LETTER_H

#include "app/worker/task.h"

struct dead_letter_item {
    struct str stream, id; /* key and id of the entry; the caller removes it afterwards */
    struct str reason;
    struct str source;
    struct str payload; /* any text; if it is not JSON, it is stored as a JSON string */
};

enum dead_letter_result {
    DEAD_LETTER_STORED,
    DEAD_LETTER_ENTRY_GONE, /* the entry was removed from its stream: there is no dead letter */
    DEAD_LETTER_FAILED,     /* the store failed: try again */
};
typedef void dead_letter_done(struct task *task, enum dead_letter_result result);

/* Uses the caller's task for several round trips, then calls done; task->data is as before then.
 * The texts of item must live as long as the task. A worker that dies before it has removed the
 * entry leaves both entry and letter: a change may appear twice, but is never lost. */
void dead_letter_put(struct task *task, const struct dead_letter_item *item,
                     dead_letter_done *done);

#endif
