/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Burying what the worker cannot deal with. It lies in a stream, from which an erasure may take it
 * at any moment: what it has taken must not come back as a dead letter. */
#ifndef WORKER_DEAD_LETTER_H
#define WORKER_DEAD_LETTER_H

#include "app/worker/task.h"

struct dead_letter_item {
    struct str stream, id; /* where it lies: stays there, for the caller to remove */
    struct str reason;
    struct str source;
    struct str payload; /* any text; what is no JSON is kept as a JSON string */
};

enum dead_letter_result {
    DEAD_LETTER_STORED,     /* as a dead letter */
    DEAD_LETTER_ENTRY_GONE, /* somebody has taken it out of its stream: there is no letter */
    DEAD_LETTER_FAILED,     /* to be tried again */
};
typedef void dead_letter_done(struct worker *w, struct task *task, enum dead_letter_result end);

/* Goes on in the task, whose own is the caller's again when done is called. The texts live as long
 * as the task. A worker that dies before it has removed the entry leaves two of it, never none. */
void dead_letter_put(struct worker *w, struct task *task, const struct dead_letter_item *dead,
                     dead_letter_done *done);

#endif
