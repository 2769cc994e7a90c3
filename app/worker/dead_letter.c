/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes a dead letter in three or four round trips. (1) Check that the entry is still in its
 * stream. (2) Add the dead letter. (3) Check the entry again. (4) Only if the entry has
 * disappeared: remove the dead letter again, because an erasure has removed the entry.
 *
 * The second check closes the race with an erasure, which first removes entries from the streams
 * and later from the dead letters. If the entry is still in its stream after the dead letter was
 * added, an erasure that starts to remove it later will also find the dead letter. */
#include "app/worker/dead_letter.h"

#include "app/service/letter_names.h"
#include "app/store/stream.h"

struct dead_letter_state {
    struct dead_letter_item item;
    dead_letter_done *done;
    void *caller_data;       /* value of the caller's task->data, restored at the end */
    struct command *command; /* the command of the current round trip */
    struct str letter_id;    /* id of the dead letter in its stream; p NULL: not added yet */
};

/* Restores task->data for the caller, and calls the caller's function done with the outcome. */
static void dead_letter_end(struct task *task, enum dead_letter_result result)
{
    const struct dead_letter_state *state = task->data;

    task->data = state->caller_data;
    state->done(task, result);
}

/* Queues the command that adds the dead letter. The payload is kept only if it has the ids of the
 * students that it is about, so that an erasure can find it, or with item->always_keep (it contains
 * nothing about a student). When out of memory pipeline->failed is set: the task then fails, which
 * dead_letter_on_added sees. */
static struct command *dead_letter_queue_add(struct pipeline *pipeline,
                                             const struct dead_letter_item *item, int64_t now_ms)
{
    struct dead_letter_new letter = {.reason = item->reason, .source = item->source};
    struct letter_names names = {.known = false};

    letter_names_find(&names, item->payload, /* no other student */ STR(""), pipeline->arena);
    letter_set_payload(&letter, item->payload, &names, item->always_keep);
    /* a text whose p is NULL could not be allocated; dead_letter_cmd_add would omit it */
    if (!item->reason.p || !item->source.p)
        pipeline->failed = true;
    return dead_letter_cmd_add(pipeline, &letter, now_ms);
}

/* Called when the dead letter was removed again, because an erasure has removed the entry from its
 * stream meanwhile. */
static void dead_letter_on_removed(struct task *task)
{
    dead_letter_end(task, task_failed(task) ? DEAD_LETTER_FAILED : DEAD_LETTER_ENTRY_GONE);
}

static void dead_letter_on_entry_checked(struct task *task);

/* Sends the command that checks whether the entry that becomes a dead letter is still in its stream
 * (a journal, an outbox or the job queue): an erasure may remove it at any moment, and no dead
 * letter must retain what was erased. */
static void dead_letter_check_entry(struct task *task)
{
    struct dead_letter_state *state = task->data;

    pipeline_clear(&task->pipeline);
    state->command = stream_cmd_has_entry(&task->pipeline, state->item.stream, state->item.id);
    task_submit(task, dead_letter_on_entry_checked);
}

/* Called when the dead letter was added. Keeps its id, which is needed to remove it again, and
 * starts the second check whether the entry is still in its stream. */
static void dead_letter_on_added(struct task *task)
{
    struct dead_letter_state *state = task->data;
    struct problem p = {.code = PROBLEM_NONE};

    if (task_failed(task) || !dead_letter_parse_add(state->command, &state->letter_id, &p))
        dead_letter_end(task, DEAD_LETTER_FAILED);
    else
        dead_letter_check_entry(task);
}

/* Called with the reply to a check whether the entry is in its stream: the first time before the
 * dead letter is added (has_letter is false), the second time after that. */
static void dead_letter_on_entry_checked(struct task *task)
{
    struct dead_letter_state *state = task->data;
    bool has_letter = state->letter_id.p != NULL, has_entry;

    if (task_failed(task) || !stream_parse_has_entry(state->command, &has_entry)) {
        dead_letter_end(task, DEAD_LETTER_FAILED);
        return;
    }
    if (!has_entry && !has_letter) {
        /* the entry has disappeared: no dead letter is added */
        dead_letter_end(task, DEAD_LETTER_ENTRY_GONE);
    } else if (has_entry && has_letter) {
        dead_letter_end(task, DEAD_LETTER_STORED); /* the dead letter remains */
    } else if (has_entry) {
        pipeline_clear(&task->pipeline);
        state->command = dead_letter_queue_add(&task->pipeline, &state->item, task->worker->now_ms);
        task_submit(task, dead_letter_on_added);
    } else { /* the entry was erased meanwhile, so the dead letter must be deleted as well */
        pipeline_clear(&task->pipeline);
        (void)dead_letter_cmd_remove(&task->pipeline, &state->letter_id, /* count */ 1);
        task_submit(task, dead_letter_on_removed);
    }
}

/* Puts a struct dead_letter_state into task->data until the end, and starts the first check whether
 * the entry is still in its stream. */
void dead_letter_put(struct task *task, const struct dead_letter_item *item, dead_letter_done *done)
{
    struct dead_letter_state *state = arena_zalloc(task->arena, sizeof(*state));

    if (!state) {
        done(task, DEAD_LETTER_FAILED);
        return;
    }
    *state = (struct dead_letter_state){.item = *item, .done = done, .caller_data = task->data};
    task->data = state;
    dead_letter_check_entry(task);
}
