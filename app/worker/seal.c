/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run seals the new audit records of all held shards in three round trips: (1) read the new
 * records or, if the end of a chain is unknown, its latest seal (a link of the HMAC chain over the
 * records); (2) add the new seals; (3) store the new heads (MACs of the latest seals). The script
 * that adds a seal compares the head of the chain before it, so that two workers cannot both
 * continue one chain. If it is unknown what Redis has stored, the end of that chain is read again
 * before the next seal. */
#include "app/worker/seal.h"

#include "app/store/lease.h"
#include "app/store/schema.h"
#include "app/worker/audit_report.h"

/* Most audit records under one seal. */
enum { RECORDS_PER_SEAL = 64 };

static const int64_t INTERVAL_US = 1000000; /* time between two runs */
/* Time between two runs once new records are in segments (audit_segments.c): a process that did not
 * know of the change yet may still have added a record to be sealed. */
static const int64_t IDLE_INTERVAL_US = 10000000;

/* Loads the keys for sealing again if the secrets were reloaded (app/service/secrets_reload.h),
 * which their generation number shows. If that fails, the old keys remain in use until the next
 * reload. */
static void seals_reload_keys(struct seals *seals)
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

/* ---- logging ---- */

/* Logs an anchor for each chain that has grown, once a minute; while draining at once, since the
 * process ends before the minute is over. */
static void seals_log_anchors(struct seals *seals)
{
    const struct worker_context *w = seals->worker;

    if (w->now_us < seals->next_anchor_us && !worker_draining(w))
        return;
    seals->next_anchor_us = w->now_us + AUDIT_REPORT_INTERVAL_US;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        const struct audit_link *link = &seals->v[shard].link;

        if (seals->v[shard].unanchored)
            audit_report_anchor(w, shard, "seal", link->seal_number, link->head);
        seals->v[shard].unanchored = false;
    }
}

/* Reports that the chain of seals of a shard cannot be read and is therefore not continued. */
static void seals_report_unreadable(struct seals *seals, unsigned shard)
{
    static const struct audit_failure failure = {
        .status = "unreadable",
        .event = "audit.unreadable",
        .reason = "the seals cannot be read; see mastery-ctl audit verify",
        .consequence = "nothing is sealed there"};

    audit_report_failure(seals->worker, shard, &seals->next_error_log_us, &failure);
}

/* ---- a run ---- */

/* Ends a run; also the callback of the third round trip (heads), whose replies are ignored. */
static void seals_end(struct task *task)
{
    struct seals *seals = task->owner;

    periodic_end(&seals->schedule, task);
}

/* Called when the latest seal of a shard was read: it becomes the known end of the chain. Without
 * any seal, the end has the number 0, which the first seal follows. The next run starts at once,
 * since the shard may have unsealed records. */
static void seals_on_latest(struct seals *seals, unsigned shard)
{
    struct seal_shard *s = &seals->v[shard];
    struct problem p = {.code = PROBLEM_NONE};
    const struct command *command = s->cmd;
    struct audit_seal latest;
    size_t n;

    s->cmd = NULL;
    if (!audit_seal_parse(command, 1, &latest, &n, &p) ||
        (n > 0 && !audit_link_from_seal(&latest, &s->link))) {
        seals_report_unreadable(seals, shard);
        return;
    }
    if (n == 0)
        s->link = (struct audit_link){.seal_number = 0};
    s->link_known = true;
    periodic_schedule(&seals->schedule, /* delay_us */ 0);
}

/* Called when the new records of a shard were read: queues the command that adds a seal over them.
 * s->cmd stays NULL if there are no records, the lease is over, or the seal cannot be computed. */
static void seals_on_records(struct seals *seals, struct task *task, unsigned shard)
{
    struct seal_shard *s = &seals->v[shard];
    /* new seals use the first key */
    const struct audit_key *key = &task->worker->engine->audit_keys.v[0];
    struct audit_entry entries[RECORDS_PER_SEAL];
    struct problem p = {.code = PROBLEM_NONE};
    struct str fields[SEAL_FIELDS];
    const struct command *command = s->cmd;
    size_t n;

    s->cmd = NULL;
    if (!audit_parse_entries(command, RECORDS_PER_SEAL, entries, &n, &p)) {
        seals_report_unreadable(seals, shard);
        return;
    }
    if (n == 0 || !shards_lease_held(seals->shards, shard) ||
        !audit_seal_next(task->arena, key, shard, &s->link, entries, n, fields, &s->next_link))
        return;
    if (n == RECORDS_PER_SEAL) /* there may be more records: the next run starts at once */
        periodic_schedule(&seals->schedule, /* delay_us */ 0);
    s->next_count = n;
    s->cmd = audit_seal_cmd_add(&task->pipeline, shard, task->worker->id, fields);
}

/* Processes the reply to adding the seal of one shard. If the seal was stored, it is the new end of
 * the chain, and its head is queued for audit:heads. If another worker has continued the chain
 * (SEAL_OUTDATED), the end of the chain is read again. */
static void seals_on_shard_added(struct seals *seals, struct task *task, unsigned shard)
{
    struct metrics *metrics = task->worker->engine->metrics;
    struct seal_shard *s = &seals->v[shard];
    struct problem p = {.code = PROBLEM_NONE};
    int64_t result;

    if (!audit_seal_parse_add(s->cmd, &result, &p)) {
        seals_report_unreadable(seals, shard);
    } else if (result == LEASE_LOST) {
        shards_lease_lost(seals->shards, shard);
    } else if (result == SEAL_OUTDATED) {
        metrics_add(metrics, METRIC_AUDIT_SEALS, "overtaken", NULL, 1);
        s->link_known = false;
    } else {
        metrics_add(metrics, METRIC_AUDIT_SEALS, "made", NULL, 1);
        metrics_add(metrics, METRIC_AUDIT_RECORDS, NULL, NULL, s->next_count);
        s->link = s->next_link;
        s->unanchored = true;
        audit_head_cmd_set(&task->pipeline, AUDIT_CHAIN_SEALS, shard,
                           arena_printf(task->arena, "%lld", (long long)s->link.seal_number),
                           arena_copy(task->arena, str_of(s->link.head)));
    }
}

/* Called with the replies to adding seals. Without a reply, a seal may or may not be stored: the
 * end of its chain is read again. A head that cannot be stored in the third round trip is not tried
 * again, since the head of the next seal replaces it. */
static void seals_on_added(struct task *task)
{
    struct seals *seals = task->owner;
    bool failed = task_failed(task);

    pipeline_clear(&task->pipeline);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (!seals->v[shard].cmd)
            continue;
        if (failed)
            seals->v[shard].link_known = false;
        else
            seals_on_shard_added(seals, task, shard);
    }
    if (failed)
        seals_end(task);
    else
        task_submit(task, seals_end);
}

/* Starts the second round trip: it adds a seal for each shard with new records. The task is
 * submitted even without commands, so that the run always ends in seals_on_added. */
static void seals_on_read(struct task *task)
{
    struct seals *seals = task->owner;

    if (task_failed(task)) {
        seals_end(task);
        return;
    }
    pipeline_clear(&task->pipeline);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (!seals->v[shard].cmd)
            continue;
        if (seals->v[shard].link_known)
            seals_on_records(seals, task, shard);
        else
            seals_on_latest(seals, shard);
    }
    task_submit(task, seals_on_added);
}

/* Queues the read for one shard in the first round trip: the records after the last sealed one ("("
 * excludes that record) or, if the end of the chain is unknown, the latest seal. Returns the
 * command. */
static struct command *seals_queue_read(struct task *task, unsigned shard,
                                        const struct seal_shard *s)
{
    struct str from = STR("-");

    if (!s->link_known)
        return audit_seal_cmd_latest(&task->pipeline, shard);
    if (*s->link.last_record_id)
        from = arena_printf(task->arena, "(%s", s->link.last_record_id);
    return audit_cmd_range(&task->pipeline, AUDIT_STREAM_SCHEMA_1, shard, from, STR("+"),
                           RECORDS_PER_SEAL);
}

void seals_init(struct seals *seals, struct worker_context *w, struct shards *shards)
{
    memset(seals, 0, sizeof(*seals));
    seals->worker = w;
    seals->shards = shards;
    periodic_init(&seals->schedule, w, /* delay_us */ 0);
}

/* The keys are reloaded and the anchors (latest seals, for comparison) logged even while a run is
 * in progress or the worker is draining. */
void seals_tick(struct seals *seals)
{
    struct task *task;

    seals_reload_keys(seals);
    seals_log_anchors(seals);
    if (worker_draining(seals->worker))
        return;
    task = periodic_begin(&seals->schedule, NO_SHARD, seals);
    if (!task)
        return;
    periodic_schedule(&seals->schedule, schema_writes_packed() ? IDLE_INTERVAL_US : INTERVAL_US);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct seal_shard *s = &seals->v[shard];

        s->cmd = shards_lease_held(seals->shards, shard) ? seals_queue_read(task, shard, s) : NULL;
    }
    task_submit(task, seals_on_read);
}
