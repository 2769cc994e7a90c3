/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sends audit events (who accessed whose data) to the audit log in Redis. There are two buffers:
 * requests add events to `collecting`, and `sending` has the events that are being sent. When
 * `sending` is empty, the two buffers are exchanged. The events of `sending` are sent in batches of
 * 512 at most, one batch at a time. A batch is one pipeline, with a command for each bucket (the
 * events of one shard and mode). Another pipeline comes before it when pseudonyms (random names
 * that records have instead of students' ids) must be read first. When replies are lost, one more
 * pipeline queries which commands have run, before anything else is sent.
 *
 * Each event of `sending` is sent once. Those that Redis has not recorded are moved to the queue
 * `waiting`, from where they return to `sending` after a pause, so that they hold up no other
 * event. The queue has bounds, in total and for each shard. An event that exceeds them, or was
 * refused too often, is written to the log. */
#include "app/service/audit.h"

#include <stdlib.h>

#include "app/base/ids.h"
#include "app/service/audit_buffer.h"
#include "app/service/audit_item.h"
#include "app/service/audit_unstored.h"
#include "app/service/audit_waiting.h"
#include "app/service/engine.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

enum {
    AUDIT_BATCH_MAX = 512, /* most events in one batch */
    /* from this many collected events on, they are sent without delay, before the buffer is full */
    AUDIT_CROWDED = AUDIT_BUFFER_MAX * 3 / 4,
    AUDIT_REFUSALS_MAX = 20,   /* refusals by Redis after which an event is written to the log */
    AUDIT_SENDER_BYTES = 8,    /* random bytes of the id of this process */
    AUDIT_ARENA_FIRST = 16384, /* size of the arena's first block in bytes */
    AUDIT_ARENA_CAP = 8 << 20, /* largest size of the arena in bytes */
};
static const int64_t AUDIT_RETRY_US =
    200000; /* pause after a batch that failed as a whole, such as when Redis is unavailable */
/* How long events for the other nodes of a Redis Cluster wait because one node is away. A replica
 * takes the place of that node in less time. */
static const int64_t AUDIT_LOST_US = 10000000;

/* What the process waits for. AUDIT_IDLE: for events to send. AUDIT_AWAITS_PSEUDONYMS: for replies
 * with pseudonyms. AUDIT_AWAITS_ITEMS: for replies to the commands that record events. When some of
 * the latter are lost, AUDIT_UNCERTAIN: a pause until the process may query what has been recorded;
 * then AUDIT_AWAITS_FENCES: for the replies to that query (audit_cmd_fence). */
enum audit_stage {
    AUDIT_IDLE,
    AUDIT_AWAITS_PSEUDONYMS,
    AUDIT_AWAITS_ITEMS,
    AUDIT_UNCERTAIN,
    AUDIT_AWAITS_FENCES
};

/* A bucket is the set of events that may go into the same command: events of one shard that are
 * either all aggregated or all not. Its number is 2 * shard, plus 1 if the events are aggregated.
 */
enum { AUDIT_BUCKETS = 2 * SHARDS };

/* Events of a batch that one command sends, all of the same bucket: audit.order[first .. first + n
 * - 1]. A batch has at most one group of each bucket. */
struct audit_group {
    struct command *command; /* records the events, or queries whether they are recorded */
    size_t first, n;
};

struct audit {
    struct audit_buffer collecting, sending;
    struct audit_waiting waiting;
    struct audit_unstored unstored;
    int64_t first_us; /* time when the oldest event of `collecting` was added */
    int64_t tick_us;  /* time of the latest call of audit_tick */
    int64_t lost_us;  /* time since which replies have been missing, over all batches; 0: none is */
    int64_t retry_us; /* earliest time of the next batch; 0: no batch has failed yet */
    bool has_urgent;  /* `collecting` has an event that must not be delayed */
    enum audit_stage stage;
    char sender[AUDIT_SENDER_BYTES * 2 + 1]; /* random id of this process */
    int64_t number;      /* number of the batch: identifies its commands (struct audit_send) */
    struct arena *arena; /* memory of the current batch */
    struct pipeline pipeline;
    uint16_t order[AUDIT_BUFFER_MAX];   /* indexes into `sending`, sorted by bucket */
    uint16_t buckets[AUDIT_BUFFER_MAX]; /* bucket number of each event of `sending` */
    size_t sent;       /* events whose batch has ended: those of order[0 .. sent - 1] */
    size_t batch_size; /* events in the current batch, from order[sent] on */
    /* reads the actor's pseudonym, for each event of the batch; NULL: the event needs none */
    struct command *pseudonym_cmds[AUDIT_BATCH_MAX];
    struct audit_group groups[AUDIT_BATCH_MAX]; /* the commands of the batch */
    size_t group_count;                         /* number of elements of `groups` */
};

/* Allocates the buffers. When an allocation fails, audit_free releases what has been allocated
 * until then. */
struct audit *audit_new(void)
{
    struct audit *audit = calloc(1, sizeof(*audit));
    unsigned char id[AUDIT_SENDER_BYTES];

    if (!audit)
        return NULL;
    random_bytes(id, sizeof(id));
    hex_print(id, sizeof(id), audit->sender);
    audit->arena = arena_new(AUDIT_ARENA_FIRST, AUDIT_ARENA_CAP);
    if (audit_buffer_init(&audit->collecting) && audit_buffer_init(&audit->sending) &&
        audit_waiting_init(&audit->waiting) && audit->arena)
        return audit;
    audit_free(audit);
    return NULL;
}

/* Events that have not been sent are lost: the end of a process calls audit_log_pending before. */
void audit_free(struct audit *audit)
{
    if (!audit)
        return;
    audit_buffer_release(&audit->collecting);
    audit_buffer_release(&audit->sending);
    audit_waiting_release(&audit->waiting);
    arena_free(audit->arena);
    free(audit);
}

/* ---- collecting ---- */

/* The event counts as added at the time of the latest audit_tick, because an event itself has only
 * the time of day. An event that is not aggregated is urgent: it is sent in the same loop
 * iteration. */
void audit_event_add(struct engine *engine, const struct audit_event *event)
{
    struct audit *audit = engine->audit;
    struct audit_buffer_entry entry;

    if (!audit)
        return;
    if (audit->collecting.n == 0)
        audit->first_us = audit->tick_us;
    audit->has_urgent = audit->has_urgent || event->mode != AUDIT_AGGREGATED;
    if (audit_buffer_add(&audit->collecting, event))
        return;
    audit_entry_fill(&entry, event);
    audit_unstored_log(engine, &audit->unstored, &entry, "no_room");
}

/* Counts the collected events, those of `sending` whose batch has not ended, and those that wait to
 * be sent again. */
size_t audit_pending(const struct audit *audit)
{
    return audit ? audit->collecting.n + (audit->sending.n - audit->sent) + audit->waiting.n : 0;
}

/* ---- buckets ---- */

/* Returns the bucket number of an event. */
static uint16_t audit_bucket(const struct audit_buffer_entry *event)
{
    return (uint16_t)(2 * audit_entry_shard(event) + (event->mode == AUDIT_AGGREGATED));
}

/* Fills `order` by a counting sort, which keeps the order of the events within a bucket. starts[b]
 * is at first the number of events in the buckets before b, which is the position of b's first
 * event in `order`, and then the position of b's next event. */
static void audit_sort_by_bucket(struct audit *audit)
{
    size_t starts[AUDIT_BUCKETS + 1] = {0};

    for (size_t i = 0; i < audit->sending.n; i++) {
        audit->buckets[i] = audit_bucket(&audit->sending.v[i]);
        starts[audit->buckets[i] + 1]++;
    }
    for (size_t b = 0; b < AUDIT_BUCKETS; b++)
        starts[b + 1] += starts[b];
    for (size_t i = 0; i < audit->sending.n; i++)
        audit->order[starts[audit->buckets[i]]++] = (uint16_t)i;
}

/* Returns the event at position i of `order`. */
static const struct audit_buffer_entry *audit_event_at(const struct audit *audit, size_t i)
{
    return &audit->sending.v[audit->order[i]];
}

/* ---- events to be sent again ---- */

/* Adds an event that Redis has not recorded to the queue `waiting`. The event goes to the log
 * instead if Redis has refused it too often or too many events of its shard wait. When the queue is
 * full, its oldest event goes to the log to make room. refused: Redis has refused the event this
 * time. */
static void audit_repeat_later(struct engine *engine, const struct audit_buffer_entry *event,
                               bool refused, int64_t now_us)
{
    struct audit *audit = engine->audit;
    int refusals = event->refusals + refused;

    if (refusals >= AUDIT_REFUSALS_MAX || audit_waiting_shard_is_full(&audit->waiting, event)) {
        audit_unstored_log(engine, &audit->unstored, event, refused ? "refused" : "no_room");
        return;
    }
    if (audit->waiting.n == AUDIT_WAITING_MAX)
        audit_unstored_log(engine, &audit->unstored, audit_waiting_pop(&audit->waiting), "no_room");
    audit_waiting_push(&audit->waiting, event, refusals, now_us);
}

/* Moves the events that are due from `waiting` to `sending`, as far as `sending` has room. */
static void audit_repeat_due(struct audit *audit, int64_t now_us)
{
    while (audit_waiting_due_us(&audit->waiting) <= now_us && audit->sending.n < AUDIT_BUFFER_MAX)
        audit->sending.v[audit->sending.n++] = *audit_waiting_pop(&audit->waiting);
}

/* ---- a batch ---- */

/* Returns how many events, from order[first] on and before order[end], have the same bucket. */
static size_t audit_group_length(const struct audit *audit, size_t first, size_t end)
{
    size_t n = 1;

    while (first + n < end &&
           audit->buckets[audit->order[first + n]] == audit->buckets[audit->order[first]])
        n++;
    return n;
}

/* Returns the number of events in the batch that begins at order[sent], AUDIT_BATCH_MAX at most.
 * One command adds AUDIT_ITEMS_MAX records at most; the batch ends before a bucket would need a
 * second command, because the query for lost replies knows one command for each bucket. */
static size_t audit_batch_length(const struct audit *audit)
{
    size_t end = audit->sending.n, n, length = 0;

    do {
        n = audit_group_length(audit, audit->sent + length, end);
        length += n < AUDIT_ITEMS_MAX ? n : AUDIT_ITEMS_MAX;
    } while (n <= AUDIT_ITEMS_MAX && length < AUDIT_BATCH_MAX && audit->sent + length < end);
    return length < AUDIT_BATCH_MAX ? length : AUDIT_BATCH_MAX;
}

/* Identifies the command of a group, all of whose events have the same bucket. */
static struct audit_send audit_group_send(const struct audit *audit,
                                          const struct audit_group *group)
{
    unsigned bucket = audit->buckets[audit->order[group->first]];

    return (struct audit_send){.sender = str_of(audit->sender),
                               .number = audit->number,
                               .shard = bucket / 2,
                               .aggregated = bucket % 2 == 1};
}

/* Queues the command that adds the records of order[first .. first + n - 1]. An event whose record
 * cannot be made (its pseudonym could not be read, or out of memory) waits to be sent again. It is
 * left out: the other events move up in `order`. It counts as refused by Redis, so that an event
 * whose record can never be made ends in the log. */
static void audit_queue_group(struct engine *engine, size_t first, size_t n, int64_t now_us)
{
    struct audit *audit = engine->audit;
    struct audit_item *items = arena_array(audit->arena, n, sizeof(*items));
    struct audit_group *group = &audit->groups[audit->group_count];
    struct audit_send send;
    size_t made = 0;

    for (size_t i = 0; i < n; i++) {
        const struct audit_buffer_entry *event = audit_event_at(audit, first + i);
        const struct command *pseudonym_cmd = audit->pseudonym_cmds[first + i - audit->sent];

        if (items && audit_item_make(audit->arena, event, pseudonym_cmd, &items[made]))
            audit->order[first + made++] = audit->order[first + i];
        else
            audit_repeat_later(engine, event, /* refused */ true, now_us);
    }
    if (made == 0)
        return;
    *group = (struct audit_group){.first = first, .n = made};
    send = audit_group_send(audit, group);
    group->command = audit_cmd_items(&audit->pipeline, &send, items, made);
    audit->group_count++;
}

/* Sends the records of the batch: one command for each group of events with the same bucket. The
 * pipeline is cleared before, but the commands that have read the pseudonyms stay in the arena with
 * their replies, and pseudonym_cmds points to them: the next batch resets the arena. */
static void audit_send_items(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;
    size_t end = audit->sent + audit->batch_size;

    pipeline_clear(&audit->pipeline);
    audit->pipeline.is_unordered = true;
    audit->group_count = 0;
    audit->number++;
    audit->stage = AUDIT_AWAITS_ITEMS;
    for (size_t first = audit->sent, n; first < end; first += n) {
        n = audit_group_length(audit, first, end);
        audit_queue_group(engine, first, n, now_us);
    }
    store_submit(engine->store, &audit->pipeline, now_us);
}

/* Starts a batch with the oldest events that are not in Redis yet. A student who acts on other data
 * than his own is recorded by pseudonym. The pseudonym is in another Redis slot than the record, so
 * the script that adds the record cannot read it, and another pipeline reads it first. Without such
 * events, or without memory for their commands, the records are sent at once. */
static void audit_start_batch(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;

    audit->batch_size = audit_batch_length(audit);
    arena_reset(audit->arena);
    pipeline_init(&audit->pipeline, audit->arena, /* owner */ NULL);
    audit->pipeline.is_unordered = true;
    for (size_t i = 0; i < audit->batch_size; i++) {
        const struct audit_buffer_entry *event = audit_event_at(audit, audit->sent + i);

        audit->pseudonym_cmds[i] =
            audit_item_needs_pseudonym(event)
                ? audit_cmd_make_pseudonym(&audit->pipeline, audit_entry_actor(event))
                : NULL;
    }
    if (audit->pipeline.count == 0 && !audit->pipeline.failed) {
        audit_send_items(engine, now_us);
        return;
    }
    audit->stage = AUDIT_AWAITS_PSEUDONYMS;
    store_submit(engine->store, &audit->pipeline, now_us);
}

/* Returns whether the reply to the command of a group says which of its events are recorded. An
 * error reply to the command that records means "not recorded", but an error reply to the query
 * says nothing. In the stage AUDIT_AWAITS_FENCES the command is that query, a fence
 * (audit_cmd_fence), else the one that records. */
static bool audit_group_is_known(const struct audit *audit, const struct audit_group *group)
{
    bool queried = audit->stage == AUDIT_AWAITS_FENCES;

    return group->command && group->command->reply &&
           (!queried || reply_error_of(group->command->reply) == REPLY_NO_ERROR);
}

/* True if it is certain which events of the batch Redis has recorded: it has replied to each
 * command, or nothing was sent (the pseudonyms could not be read, or there was no memory for the
 * commands). A reply may be missing for lack of memory even if the pipeline is complete. */
static bool audit_outcome_is_known(const struct audit *audit)
{
    bool queried = audit->stage == AUDIT_AWAITS_FENCES;

    if (!queried && (audit->stage == AUDIT_AWAITS_PSEUDONYMS || audit->pipeline.failed))
        return true;
    for (size_t g = 0; g < audit->group_count; g++) {
        if (!audit_group_is_known(audit, &audit->groups[g]))
            return false;
    }
    return true;
}

/* Called when a reply of the batch was lost: sends a fence (audit_cmd_fence) for each of its
 * commands. The reply to a fence says whether the command has run. If it has not, the fence forbids
 * it, because the command may still be on its way: only then may its events be sent again. */
static void audit_send_fences(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;

    arena_reset(audit->arena);
    pipeline_init(&audit->pipeline, audit->arena, /* owner */ NULL);
    audit->pipeline.is_unordered = true;
    for (size_t g = 0; g < audit->group_count; g++) {
        struct audit_send send = audit_group_send(audit, &audit->groups[g]);

        audit->groups[g].command = audit_cmd_fence(&audit->pipeline, &send);
    }
    audit->stage = AUDIT_AWAITS_FENCES;
    store_submit(engine->store, &audit->pipeline, now_us);
}

/* Moves the events of the batch that Redis has not recorded to the queue of those to be sent again.
 * The outcome of the batch must be known. The events count as refused if the command that records
 * has replied so. They do not if nothing was sent, or if the replies are those to the query.
 * Returns the number of events that Redis has recorded. */
static size_t audit_repeat_unrecorded(struct engine *engine, int64_t now_us)
{
    const struct audit *audit = engine->audit;
    bool failed[AUDIT_ITEMS_MAX];
    bool refused = audit->stage == AUDIT_AWAITS_ITEMS && !audit->pipeline.failed;
    size_t recorded = 0;

    for (size_t g = 0; g < audit->group_count; g++) {
        const struct audit_group *group = &audit->groups[g];

        audit_parse_items(group->command, group->n, failed);
        for (size_t i = 0; i < group->n; i++) {
            if (failed[i])
                audit_repeat_later(engine, audit_event_at(audit, group->first + i), refused,
                                   now_us);
            else
                recorded++;
        }
    }
    return recorded;
}

/* Ends the batch, whose outcome is known or given up. When the pseudonyms could not be read, no
 * record was sent, and all events of the batch wait to be sent again. */
static void audit_end_batch(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;
    size_t recorded = 0;

    if (audit->stage != AUDIT_AWAITS_PSEUDONYMS)
        recorded = audit_repeat_unrecorded(engine, now_us);
    for (size_t i = 0; audit->stage == AUDIT_AWAITS_PSEUDONYMS && i < audit->batch_size; i++)
        audit_repeat_later(engine, audit_event_at(audit, audit->sent + i), /* refused */ false,
                           now_us);
    audit->stage = AUDIT_IDLE;
    if (audit->pipeline.status != PIPELINE_COMPLETE)
        audit->retry_us = now_us + AUDIT_RETRY_US;
    if (recorded > 0)
        metrics_add(engine->metrics, METRIC_AUDIT_NOTES, /* labels */ NULL, NULL, recorded);
    audit->sent += audit->batch_size;
    if (audit->sent == audit->sending.n) {
        audit_buffer_clear(&audit->sending);
        audit->sent = 0;
    }
}

/* ---- the end of the process ---- */

/* Writes the events order[first .. first + n - 1] to the log. */
static void audit_log_events(struct engine *engine, size_t first, size_t n, const char *reason)
{
    struct audit *audit = engine->audit;

    for (size_t i = first; i < first + n; i++)
        audit_unstored_log(engine, &audit->unstored, audit_event_at(audit, i), reason);
}

/* Events of a batch whose outcome is unknown (the stages from AUDIT_AWAITS_ITEMS on) get the reason
 * "uncertain", because Redis may have recorded them. All others get the reason "shutdown". */
void audit_log_pending(struct engine *engine)
{
    struct audit *audit = engine->audit;
    bool uncertain;
    size_t unsent; /* position in `order` of the first event whose record was not sent */

    if (!audit)
        return;
    uncertain = audit->stage >= AUDIT_AWAITS_ITEMS;
    unsent = audit->sent + (uncertain ? audit->batch_size : 0);
    while (audit->waiting.n > 0)
        audit_unstored_log(engine, &audit->unstored, audit_waiting_pop(&audit->waiting),
                           "shutdown");
    for (size_t g = 0; uncertain && g < audit->group_count; g++)
        audit_log_events(engine, audit->groups[g].first, audit->groups[g].n, "uncertain");
    audit_log_events(engine, unsent, audit->sending.n - unsent, "shutdown");
    for (size_t i = 0; i < audit->collecting.n; i++)
        audit_unstored_log(engine, &audit->unstored, &audit->collecting.v[i], "shutdown");
}

/* Writes to the log the events of the batch of which it is still unknown whether they are recorded:
 * a Redis Cluster node has been away for AUDIT_LOST_US, and they must not hold up the events for
 * the other nodes. Their groups get n = 0, so that audit_repeat_unrecorded does not send them
 * again. */
static void audit_give_up_lost(struct engine *engine)
{
    struct audit *audit = engine->audit;

    for (size_t g = 0; g < audit->group_count; g++) {
        struct audit_group *group = &audit->groups[g];

        if (audit_group_is_known(audit, group))
            continue;
        audit_log_events(engine, group->first, group->n, "uncertain");
        group->n = 0;
    }
}

/* ---- every loop iteration ---- */

/* Returns the monotonic time when the next batch, or the query after lost replies, is to be sent; 0
 * or a time in the past: at once. INT64_MAX: there is nothing to send, or a batch is on its way, so
 * that only another event or a reply changes the time. */
static int64_t audit_due_us(const struct engine *engine)
{
    const struct audit *audit = engine->audit;
    bool is_urgent = audit->has_urgent || audit->collecting.n >= AUDIT_CROWDED || engine->draining;
    int64_t due_us = INT64_MAX;

    if (audit->stage == AUDIT_UNCERTAIN)
        return audit->retry_us;
    if (audit->stage != AUDIT_IDLE)
        return INT64_MAX;
    if (audit->collecting.n > 0)
        due_us = is_urgent ? 0 : audit->first_us + AUDIT_MAX_DELAY_US;
    if (audit_waiting_due_us(&audit->waiting) < due_us)
        due_us = audit_waiting_due_us(&audit->waiting);
    if (audit->sending.n > 0)
        due_us = 0;
    return due_us > audit->retry_us ? due_us : audit->retry_us;
}

/* Makes the collected events, and those that are due to be sent again, the events to send.
 * `sending` must be empty; its memory then collects new events. */
static void audit_exchange_buffers(struct audit *audit, int64_t now_us)
{
    struct audit_buffer empty = audit->sending;

    audit->sending = audit->collecting;
    audit->collecting = empty;
    audit->has_urgent = false;
    audit_repeat_due(audit, now_us);
    audit_sort_by_bucket(audit);
}

/* If replies to the last batch were lost, queries what has been recorded. Else starts a batch if
 * one is due: of what is left in `sending`, or when nothing is left, of the events collected since
 * and of those that are to be sent again. */
void audit_tick(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;

    if (!audit)
        return;
    audit->tick_us = now_us;
    if (now_us < audit_due_us(engine))
        return;
    if (audit->stage == AUDIT_UNCERTAIN) {
        audit_send_fences(engine, now_us);
        return;
    }
    if (audit->sending.n == 0)
        audit_exchange_buffers(audit, now_us);
    audit_start_batch(engine, now_us);
}

/* Returns whether the batch must be given up, since events for other nodes wait: the query after
 * its lost replies has lost replies, too, a node of a Redis Cluster is away, and replies have been
 * missing for AUDIT_LOST_US. This time begins in this function, at the first lost reply (lost_us).
 * It ends when the outcome of a batch is known, but not when a batch is given up. */
static bool audit_is_held_up(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;

    if (audit->lost_us == 0)
        audit->lost_us = now_us;
    return audit->stage == AUDIT_AWAITS_FENCES && store_is_degraded(engine->store, now_us) &&
           now_us - audit->lost_us >= AUDIT_LOST_US;
}

/* There are three kinds of pipelines. After one that has read pseudonyms, the records are sent.
 * After one that has sent records, or has queried which are recorded, the batch ends; but when
 * replies were lost, a query follows after a pause. While a node of a Redis Cluster is away, its
 * pseudonyms cannot be read: the events that need them wait, and the others are sent. */
bool audit_on_replies(struct engine *engine, const struct pipeline *completed, int64_t now_us)
{
    struct audit *audit = engine->audit;

    if (!audit || completed != &audit->pipeline)
        return false;
    if (audit->stage == AUDIT_AWAITS_PSEUDONYMS &&
        (audit->pipeline.status == PIPELINE_COMPLETE || store_is_degraded(engine->store, now_us))) {
        audit_send_items(engine, now_us);
    } else if (audit_outcome_is_known(audit)) {
        audit->lost_us = 0;
        audit_end_batch(engine, now_us);
    } else if (audit_is_held_up(engine, now_us)) {
        audit_give_up_lost(engine);
        audit_end_batch(engine, now_us);
    } else {
        audit->stage = AUDIT_UNCERTAIN;
        audit->retry_us = now_us + AUDIT_RETRY_US;
    }
    return true;
}

int64_t audit_wait_us(const struct engine *engine, int64_t now_us)
{
    int64_t due = engine->audit ? audit_due_us(engine) : INT64_MAX;

    if (due == INT64_MAX)
        return due;
    return due > now_us ? due - now_us : 0;
}
