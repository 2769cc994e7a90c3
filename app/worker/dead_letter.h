/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes an entry that the worker cannot process to the dead letters (a Redis stream that is kept
 * for an operator). The entry is in a stream (a journal, an outbox or the job queue) from which an
 * erasure of a student may remove it at any moment; a dead letter must not retain what was
 * erased. */
#ifndef WORKER_DEAD_LETTER_H
#define WORKER_DEAD_LETTER_H

#include "app/worker/task.h"

struct dead_letter_item {
    struct str stream; /* key of the stream that contains the entry */
    struct str id;     /* id of the entry in `stream`; the caller removes the entry */
    struct str reason; /* why the entry cannot be processed; p NULL counts as out of memory */
    /* Where the entry comes from, for the operator; p NULL counts as out of memory. */
    struct str source;
    /* Content of the entry. The dead letter has it only if it is JSON and names its student, so
     * that an erasure can find it; otherwise it has only the number of its bytes. */
    struct str payload;
    bool always_keep; /* the payload holds nothing about a student: it is kept in any case */
};

enum dead_letter_result {
    DEAD_LETTER_STORED, /* the dead letter is stored, and the entry was still in its stream then */
    DEAD_LETTER_ENTRY_GONE, /* an erasure has removed the entry: no dead letter exists */
    DEAD_LETTER_FAILED,     /* Redis failed or there is no memory: the caller tries again later */
};
/* Called once with the result of dead_letter_put. */
typedef void dead_letter_done(struct task *task, enum dead_letter_result result);

/* Writes the dead letter in several round trips of the task, and then calls done. The caller's
 * task->data is restored before that call. The texts of item must live as long as the task. If the
 * worker dies before the caller has removed the entry, both the entry and the dead letter exist: a
 * change may appear twice, but is never lost. */
void dead_letter_put(struct task *task, const struct dead_letter_item *item,
                     dead_letter_done *done);

#endif
