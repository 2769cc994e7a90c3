/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/dead_letter.h"

#include "app/base/buf.h"
#include "app/http/json.h"
#include "app/store/dead_letter.h"
#include "app/store/erasure.h"
#include "app/worker/worker.h"

struct burial {
    struct dead_letter_item dead;
    dead_letter_done *done;
    void *own; /* the caller's */
    struct command *asked;
    struct str letter; /* its id */
};

static void end(struct worker *w, struct task *task, enum dead_letter_result how)
{
    const struct burial *b = task->data;

    task->data = b->own;
    b->done(w, task, how);
}

/* ---- the letter ---- */

static struct str quoted(struct arena *arena, struct str text)
{
    struct buf out;

    buf_init(&out, arena);
    buf_json_string(&out, text);
    return out.failed ? (struct str){0} : buf_view(&out);
}

static struct command *ask_letter(struct pipeline *a, const struct dead_letter_item *dead,
                                  int64_t now_ms)
{
    struct str payload = dead->payload;
    size_t offset;

    if (!json_check(payload, JSON_VALUES_MAX, a->arena, &offset))
        payload = quoted(a->arena, payload);
    if (!dead->reason.p || !dead->source.p || !payload.p)
        a->failed = true;
    return dead_letter_cmd_add(a, dead->reason, dead->source, payload, now_ms);
}

/* ---- taking it back ---- */

static void on_taken_back(struct worker *w, struct task *task)
{
    end(w, task, task_failed(task) ? DEAD_LETTER_FAILED : DEAD_LETTER_ENTRY_GONE);
}

static void take_back(struct worker *w, struct task *task)
{
    const struct burial *b = task->data;

    pipeline_clear(&task->pipeline);
    (void)dead_letter_cmd_remove(&task->pipeline, b->letter);
    erasure_cmd_rebuild_stream(&task->pipeline, key_dead_letters);
    task_submit(w, task, on_taken_back);
}

/* ---- its steps ---- */

static void ask_entry(struct worker *w, struct task *task, task_on_replies *answered)
{
    struct burial *b = task->data;

    pipeline_clear(&task->pipeline);
    b->asked = stream_cmd_has_entry(&task->pipeline, b->dead.stream, b->dead.id);
    task_submit(w, task, answered);
}

/* An entry that is there after the letter: an erasure that takes it comes to the letters later. */
static void on_looked_again(struct worker *w, struct task *task)
{
    const struct burial *b = task->data;
    bool there;

    if (task_failed(task) || !stream_parse_has_entry(b->asked, &there))
        end(w, task, DEAD_LETTER_FAILED);
    else if (there)
        end(w, task, DEAD_LETTER_STORED);
    else
        take_back(w, task);
}

static void on_kept(struct worker *w, struct task *task)
{
    struct burial *b = task->data;

    if (task_failed(task) || reply_text(b->asked->reply, &b->letter) != REPLY_OK)
        end(w, task, DEAD_LETTER_FAILED);
    else
        ask_entry(w, task, on_looked_again);
}

static void on_looked(struct worker *w, struct task *task)
{
    struct burial *b = task->data;
    bool there;

    if (task_failed(task) || !stream_parse_has_entry(b->asked, &there)) {
        end(w, task, DEAD_LETTER_FAILED);
        return;
    }
    if (!there) {
        end(w, task, DEAD_LETTER_ENTRY_GONE);
        return;
    }
    pipeline_clear(&task->pipeline);
    b->asked = ask_letter(&task->pipeline, &b->dead, w->now_ms);
    task_submit(w, task, on_kept);
}

void dead_letter_put(struct worker *w, struct task *task, const struct dead_letter_item *dead,
                     dead_letter_done *done)
{
    struct burial *b = arena_zalloc(task->arena, sizeof(*b));

    if (!b) {
        done(w, task, DEAD_LETTER_FAILED);
        return;
    }
    *b = (struct burial){.dead = *dead, .done = done, .own = task->data};
    task->data = b;
    ask_entry(w, task, on_looked);
}
