/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes a dead letter in round trips: is the entry still in its stream; add the letter; is the
 * entry still there; if not, remove the letter again. The second look closes the race with an
 * erasure, which removes from the streams first and from the dead letters later: an entry that is
 * there after the letter was written is found by that erasure in both places. */
#include "app/worker/dead_letter.h"

#include "app/base/buf.h"
#include "app/http/json.h"
#include "app/store/dead_letter.h"
#include "app/store/erasure.h"

struct dead_letter_state {
    struct dead_letter_item item;
    dead_letter_done *done;
    void *caller_data; /* task->data of the caller */
    struct command *command;
    struct str letter_id;
};

/* Puts back the data of the caller before calling it. */
static void dead_letter_end(struct task *task, enum dead_letter_result result)
{
    const struct dead_letter_state *state = task->data;

    task->data = state->caller_data;
    state->done(task, result);
}

/* The text as a JSON string with quotes; p is NULL without memory. */
static struct str dead_letter_quote(struct arena *arena, struct str text)
{
    struct buf out;

    buf_init(&out, arena);
    buf_json_string(&out, text);
    return out.failed ? (struct str){0} : buf_view(&out);
}

static struct command *dead_letter_queue_add(struct pipeline *pipeline,
                                             const struct dead_letter_item *item, int64_t now_ms)
{
    struct str payload = item->payload;
    size_t offset;

    if (!json_check(payload, JSON_VALUES_MAX, pipeline->arena, &offset))
        payload = dead_letter_quote(pipeline->arena, payload);
    /* dead_letter_cmd_add treats an empty text as absent: out of memory must not pass as that */
    if (!item->reason.p || !item->source.p || !payload.p)
        pipeline->failed = true;
    return dead_letter_cmd_add(pipeline, item->reason, item->source, payload, now_ms);
}

/* The entry was erased meanwhile, and its letter has been removed again. */
static void dead_letter_on_removed(struct task *task)
{
    dead_letter_end(task, task_failed(task) ? DEAD_LETTER_FAILED : DEAD_LETTER_ENTRY_GONE);
}

static void dead_letter_on_look(struct task *task);

/* Queries whether the entry is still in its stream. */
static void dead_letter_look(struct task *task)
{
    struct dead_letter_state *state = task->data;

    pipeline_clear(&task->pipeline);
    state->command = stream_cmd_has_entry(&task->pipeline, state->item.stream, state->item.id);
    task_submit(task, dead_letter_on_look);
}

static void dead_letter_on_added(struct task *task)
{
    struct dead_letter_state *state = task->data;

    if (task_failed(task) || reply_text(state->command->reply, &state->letter_id) != REPLY_OK)
        dead_letter_end(task, DEAD_LETTER_FAILED);
    else
        dead_letter_look(task);
}

/* After the first look there is no letter yet: letter_id.p is NULL. */
static void dead_letter_on_look(struct task *task)
{
    struct dead_letter_state *state = task->data;
    bool has_letter = state->letter_id.p != NULL, has_entry;

    if (task_failed(task) || !stream_parse_has_entry(state->command, &has_entry)) {
        dead_letter_end(task, DEAD_LETTER_FAILED);
        return;
    }
    if (has_entry == has_letter) { /* the entry is there after the letter was, or never was */
        dead_letter_end(task, has_entry ? DEAD_LETTER_STORED : DEAD_LETTER_ENTRY_GONE);
        return;
    }
    pipeline_clear(&task->pipeline);
    if (has_entry) {
        state->command = dead_letter_queue_add(&task->pipeline, &state->item, task->worker->now_ms);
        task_submit(task, dead_letter_on_added);
    } else {
        /* XDEL leaves the bytes in the stream until its node is freed: so it is rebuilt */
        (void)dead_letter_cmd_remove(&task->pipeline, state->letter_id);
        erasure_cmd_rebuild_stream(&task->pipeline, key_dead_letters);
        task_submit(task, dead_letter_on_removed);
    }
}

void dead_letter_put(struct task *task, const struct dead_letter_item *item, dead_letter_done *done)
{
    struct dead_letter_state *state = arena_zalloc(task->arena, sizeof(*state));

    if (!state) {
        done(task, DEAD_LETTER_FAILED);
        return;
    }
    *state = (struct dead_letter_state){.item = *item, .done = done, .caller_data = task->data};
    task->data = state;
    dead_letter_look(task);
}
