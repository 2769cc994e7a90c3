/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/seal.h"

#include <stdio.h>

#include "app/store/lease.h"
#include "app/worker/task.h"

enum { RECORDS_A_SEAL = 64 };
enum { SEALED, OVERTAKEN, UNREADABLE }; /* the words of METRIC_AUDIT_SEALS */

static const int64_t ROUND_US = 1000000;
static const int64_t ANCHOR_US = 60000000;

/* The secrets have changed, perhaps ours among them (service/rotation.h). */
static void follow_rotation(struct seals *seals)
{
    struct engine *engine = seals->worker->engine;
    struct audit_keys keys;
    char error[200];
    struct jw *jw;

    if (seals->key_generation == engine->secrets.generation)
        return;
    seals->key_generation = engine->secrets.generation;
    if (audit_keys_load(&engine->config, &keys, error)) {
        audit_keys_release(&engine->audit_keys);
        engine->audit_keys = keys;
        return;
    }
    jw = log_begin(engine->log, LOG_ERROR, "keys.refused");
    jw_text(jw, "reason", error);
    jw_text(jw, "consequence", "the old keys stay");
    log_end(engine->log);
}

/* ---- telling ---- */

static void tell_anchor(struct seals *seals, unsigned shard)
{
    const struct audit_link *link = &seals->v[shard].link;
    struct jw *jw = log_begin(seals->worker->engine->log, LOG_INFO, "audit.anchor");
    char name[3];

    (void)snprintf(name, sizeof(name), "%02x", shard & 0xff);
    jw_text(jw, "shard", name);
    jw_int(jw, "seal", link->seal_number);
    jw_text(jw, "head", link->head);
    log_end(seals->worker->engine->log);
}

static void tell_anchors(struct seals *seals)
{
    if (seals->worker->now_us < seals->next_anchor_us && !worker_draining(seals->worker))
        return;
    seals->next_anchor_us = seals->worker->now_us + ANCHOR_US;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (seals->v[shard].unanchored)
            tell_anchor(seals, shard);
        seals->v[shard].unanchored = false;
    }
}

/* A chain whose end cannot be read is not gone on with: said once a minute. */
static void complain(struct seals *seals, unsigned shard)
{
    struct jw *jw;

    metrics_add(seals->worker->engine->metrics, METRIC_AUDIT_SEALS, UNREADABLE, 0, 1);
    if (seals->worker->now_us < seals->next_error_log_us)
        return;
    seals->next_error_log_us = seals->worker->now_us + ANCHOR_US;
    jw = log_begin(seals->worker->engine->log, LOG_ERROR, "audit.unreadable");
    jw_int(jw, "shard", shard);
    jw_text(jw, "consequence", "nothing is sealed there; see mastery-ctl audit verify");
    log_end(seals->worker->engine->log);
}

/* ---- a round ---- */

static void end(struct task *task)
{
    struct seals *seals = task->owner;

    seals->busy = false;
    task_end(task);
}

static void learn(struct seals *seals, unsigned shard)
{
    struct seal_shard *s = &seals->v[shard];
    struct problem p = {.code = PROBLEM_NONE};
    struct audit_seal latest;
    size_t n;

    if (!audit_seal_parse(s->cmd, 1, &latest, &n, &p) ||
        (n > 0 && !audit_link_from_seal(&latest, &s->link))) {
        complain(seals, shard);
        return;
    }
    if (n == 0)
        s->link = (struct audit_link){.seal_number = 0};
    s->link_known = true;
    seals->next_run_us =
        seals->worker->now_us; /* what it does not cover yet is looked for at once */
}

/* Asks to seal what has been read; asked is NULL where there is nothing to do. */
static void ask_seal(struct task *task, unsigned shard)
{
    struct seals *seals = task->owner;
    struct seal_shard *s = &seals->v[shard];
    struct audit_entry entries[RECORDS_A_SEAL];
    struct problem p = {.code = PROBLEM_NONE};
    struct str v[SEAL_FIELDS];
    const struct command *read = s->cmd;
    size_t n;

    s->cmd = NULL;
    if (!audit_parse_entries(read, RECORDS_A_SEAL, entries, &n, &p)) {
        complain(seals, shard);
        return;
    }
    if (n == 0 || !shards_lease_held(seals->shards, shard) ||
        !audit_seal_next(task->arena, &seals->worker->engine->audit_keys.v[0], shard, &s->link,
                         entries, n, v, &s->next_link))
        return;
    if (n == RECORDS_A_SEAL)
        seals->next_run_us = seals->worker->now_us;
    s->next_count = n;
    s->cmd = audit_seal_cmd_add(&task->pipeline, shard, seals->worker->id, v);
}

static void take_made(struct task *task, unsigned shard)
{
    struct seals *seals = task->owner;
    struct seal_shard *s = &seals->v[shard];
    struct problem p = {.code = PROBLEM_NONE};
    int64_t made;

    if (!audit_seal_parse_add(s->cmd, &made, &p)) {
        complain(seals, shard);
        return;
    }
    if (made == LEASE_LOST) {
        shards_lease_lost(seals->shards, shard);
    } else if (made == SEAL_OUTDATED) {
        metrics_add(seals->worker->engine->metrics, METRIC_AUDIT_SEALS, OVERTAKEN, 0, 1);
        s->link_known = false;
    } else {
        metrics_add(seals->worker->engine->metrics, METRIC_AUDIT_SEALS, SEALED, 0, 1);
        metrics_add(seals->worker->engine->metrics, METRIC_AUDIT_RECORDS, 0, 0, s->next_count);
        s->link = s->next_link;
        s->unanchored = true;
        audit_head_cmd_set(&task->pipeline, shard,
                           arena_printf(task->arena, "%lld", (long long)s->link.seal_number),
                           arena_copy(task->arena, str_of(s->link.head)));
    }
}

/* What has not been answered may have been made: looked at anew. */
static void forget_asked(struct seals *seals)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (seals->v[shard].cmd)
            seals->v[shard].link_known = false;
    }
}

static void on_noted(struct task *task)
{
    end(task); /* a head that was not kept is replaced by the next one */
}

static void on_sealed(struct task *task)
{
    struct seals *seals = task->owner;

    if (task_failed(task)) {
        forget_asked(seals);
        end(task);
        return;
    }
    pipeline_clear(&task->pipeline);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (seals->v[shard].cmd)
            take_made(task, shard);
    }
    task_submit(task, on_noted);
}

static void on_read(struct task *task)
{
    struct seals *seals = task->owner;

    if (task_failed(task)) {
        end(task);
        return;
    }
    pipeline_clear(&task->pipeline);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct seal_shard *s = &seals->v[shard];

        if (!s->cmd)
            continue;
        if (s->link_known) {
            ask_seal(task, shard);
        } else {
            learn(seals, shard);
            s->cmd = NULL;
        }
    }
    task_submit(task, on_sealed);
}

static struct command *ask_shard(struct task *task, unsigned shard, const struct seal_shard *s)
{
    struct str from = STR("-");

    if (!s->link_known)
        return audit_seal_cmd_latest(&task->pipeline, shard);
    if (*s->link.last_record_id)
        from = arena_printf(task->arena, "(%s", s->link.last_record_id);
    return audit_cmd_range(&task->pipeline, shard, from, STR("+"), RECORDS_A_SEAL);
}

void seals_tick(struct seals *seals)
{
    struct task *task;

    follow_rotation(seals);
    tell_anchors(seals);
    if (seals->busy || worker_draining(seals->worker))
        return;
    if (seals->worker->now_us < seals->next_run_us) {
        worker_wake_at(seals->worker, seals->next_run_us);
        return;
    }
    task = task_begin(seals->worker, 0, seals);
    if (!task)
        return;
    seals->next_run_us = seals->worker->now_us + ROUND_US;
    seals->busy = true;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct seal_shard *s = &seals->v[shard];

        s->cmd = shards_lease_held(seals->shards, shard) ? ask_shard(task, shard, s) : NULL;
    }
    task_submit(task, on_read);
}

bool seals_busy(const struct seals *seals)
{
    return seals->busy;
}
