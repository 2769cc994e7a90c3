/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/dead.h"

#include "app/base/buf.h"
#include "app/http/json.h"
#include "app/store/dead_letter.h"
#include "app/store/erasure.h"
#include "app/worker/worker.h"

struct burial {
    struct dead dead;
    dead_done *done;
    void *own; /* the caller's */
    struct ask *asked;
    struct str letter; /* its id */
};

static void end(struct worker *w, struct task *task, enum dead_end how)
{
    const struct burial *b = task->own;

    task->own = b->own;
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

static struct ask *ask_letter(struct asks *a, const struct dead *dead, int64_t now_ms)
{
    struct str payload = dead->payload;
    size_t offset;

    if (!json_check(payload, JSON_VALUES_MAX, a->arena, &offset))
        payload = quoted(a->arena, payload);
    if (!dead->reason.p || !dead->source.p || !payload.p)
        a->failed = true;
    return dead_letter_ask(a, dead->reason, dead->source, payload, now_ms);
}

/* ---- taking it back ---- */

static void on_taken_back(struct worker *w, struct task *task)
{
    end(w, task, task_failed(task) ? DEAD_FAILED : DEAD_GONE);
}

static void take_back(struct worker *w, struct task *task)
{
    const struct burial *b = task->own;

    asks_clear(&task->asks);
    (void)dead_letter_ask_drop(&task->asks, b->letter);
    erasure_ask_make_anew(&task->asks, key_dead_letters);
    task_submit(w, task, on_taken_back);
}

/* ---- its steps ---- */

static void ask_entry(struct worker *w, struct task *task, task_answered *answered)
{
    struct burial *b = task->own;

    asks_clear(&task->asks);
    b->asked = stream_ask_entry(&task->asks, b->dead.stream, b->dead.id);
    task_submit(w, task, answered);
}

/* An entry that is there after the letter: an erasure that takes it comes to the letters later. */
static void on_looked_again(struct worker *w, struct task *task)
{
    const struct burial *b = task->own;
    bool there;

    if (task_failed(task) || !stream_read_there(b->asked, &there))
        end(w, task, DEAD_FAILED);
    else if (there)
        end(w, task, DEAD_KEPT);
    else
        take_back(w, task);
}

static void on_kept(struct worker *w, struct task *task)
{
    struct burial *b = task->own;

    if (task_failed(task) || reply_text(b->asked->reply, &b->letter) != REPLY_THERE)
        end(w, task, DEAD_FAILED);
    else
        ask_entry(w, task, on_looked_again);
}

static void on_looked(struct worker *w, struct task *task)
{
    struct burial *b = task->own;
    bool there;

    if (task_failed(task) || !stream_read_there(b->asked, &there)) {
        end(w, task, DEAD_FAILED);
        return;
    }
    if (!there) {
        end(w, task, DEAD_GONE);
        return;
    }
    asks_clear(&task->asks);
    b->asked = ask_letter(&task->asks, &b->dead, w->now_ms);
    task_submit(w, task, on_kept);
}

void dead_bury(struct worker *w, struct task *task, const struct dead *dead, dead_done *done)
{
    struct burial *b = arena_zalloc(task->arena, sizeof(*b));

    if (!b) {
        done(w, task, DEAD_FAILED);
        return;
    }
    *b = (struct burial){.dead = *dead, .done = done, .own = task->own};
    task->own = b;
    ask_entry(w, task, on_looked);
}
