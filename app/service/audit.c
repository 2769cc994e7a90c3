/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two buffers: `collecting` gets the events of requests, `sending` those that are on their way to
 * Redis. When `sending` is empty, the two are exchanged. `sending` is worked off in batches, one at
 * a time; a batch is one pipeline with a command per shard and mode, preceded by another pipeline
 * when pseudonyms have to be known first. Events that fail stay in `sending` for the next batch. */
#include "app/service/audit.h"

#include <stdlib.h>

#include "app/base/json_write.h"
#include "app/service/audit_buffer.h"
#include "app/service/engine.h"
#include "app/store/keys.h"

enum {
    AUDIT_BATCH_MAX = 512,                    /* events of one batch */
    AUDIT_CROWDED = AUDIT_BUFFER_MAX * 3 / 4, /* collected events that are sent without delay */
    AUDIT_ARENA_FIRST = 16384,
    AUDIT_ARENA_CAP = 8 << 20,
};
static const int64_t AUDIT_RETRY_US = 200000; /* pause after a batch that failed */

enum audit_stage { AUDIT_IDLE, AUDIT_AWAITS_PSEUDONYMS, AUDIT_AWAITS_ITEMS };

/* Events that go into the same command: one shard, either all aggregated or none (2 * shard, plus 1
 * for aggregated ones). */
enum { AUDIT_BUCKETS = 2 * SHARDS };

/* The events of one command of the batch. */
struct audit_group {
    struct command *command;
    size_t first, n; /* positions in order */
};

struct audit {
    struct audit_buffer collecting, sending;
    int64_t first_us; /* when the first event of collecting was added */
    int64_t tick_us;  /* time of the latest tick */
    int64_t retry_us; /* no batch before that time */
    bool has_urgent;  /* collecting has an event that must not be delayed */
    size_t reserved;  /* events that collecting must have room for */
    enum audit_stage stage;
    struct arena *arena; /* of the batch */
    struct pipeline pipeline;
    uint16_t order[AUDIT_BUFFER_MAX];   /* indexes into sending, sorted by bucket */
    uint16_t buckets[AUDIT_BUFFER_MAX]; /* the bucket of each event of sending */
    size_t sent;                        /* order[0 .. sent - 1] are in Redis */
    size_t batch_size;                  /* events from order[sent] on that are in the batch */
    struct command *pseudonym_cmds[AUDIT_BATCH_MAX]; /* of each event in the batch; may be NULL */
    struct audit_group groups[AUDIT_BATCH_MAX];
    size_t group_count;
};

struct audit *audit_new(void)
{
    struct audit *audit = calloc(1, sizeof(*audit));

    if (!audit)
        return NULL;
    audit->arena = arena_new(AUDIT_ARENA_FIRST, AUDIT_ARENA_CAP);
    if (audit_buffer_init(&audit->collecting) && audit_buffer_init(&audit->sending) && audit->arena)
        return audit;
    audit_free(audit);
    return NULL;
}

void audit_free(struct audit *audit)
{
    if (!audit)
        return;
    audit_buffer_release(&audit->collecting);
    audit_buffer_release(&audit->sending);
    arena_free(audit->arena);
    free(audit);
}

/* ---- collecting ---- */

size_t audit_room(const struct audit *audit)
{
    return audit ? AUDIT_BUFFER_MAX - audit->collecting.n - audit->reserved : 0;
}

/* Without an audit (engine->audit is NULL) everything is allowed and nothing recorded. */
bool audit_reserve(struct audit *audit)
{
    if (audit && audit_room(audit) == 0)
        return false;
    if (audit)
        audit->reserved++;
    return true;
}

void audit_unreserve(struct audit *audit)
{
    if (audit)
        audit->reserved--;
}

void audit_event_add(struct audit *audit, const struct audit_event *event)
{
    if (!audit || audit->collecting.n == AUDIT_BUFFER_MAX)
        return;
    if (audit->collecting.n == 0)
        audit->first_us = audit->tick_us;
    audit->has_urgent = audit->has_urgent || event->mode != AUDIT_AGGREGATED;
    audit_buffer_add(&audit->collecting, event);
}

size_t audit_pending(const struct audit *audit)
{
    return audit ? audit->collecting.n + (audit->sending.n - audit->sent) : 0;
}

/* ---- buckets ---- */

static struct str audit_actor(const struct audit_buffer_entry *event)
{
    return (struct str){event->actor, event->actor_n};
}

static struct str audit_student(const struct audit_buffer_entry *event)
{
    return (struct str){event->student, event->student_n};
}

/* A record is kept in the shard of the student it concerns, so that erasing the student finds it;
 * without a student, in the shard that the actor's id gives. */
static uint16_t audit_bucket(const struct audit_buffer_entry *event)
{
    unsigned shard = key_shard(event->student_n > 0 ? audit_student(event) : audit_actor(event));

    return (uint16_t)(2 * shard + (event->mode == AUDIT_AGGREGATED));
}

/* Counting sort: keeps the order of events within a bucket. */
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

static const struct audit_buffer_entry *audit_event_at(const struct audit *audit, size_t i)
{
    return &audit->sending.v[audit->order[i]];
}

/* ---- a batch ---- */

static bool audit_is_own_data(const struct audit_buffer_entry *event)
{
    return event->role == ROLE_STUDENT && str_equal(audit_actor(event), audit_student(event));
}

/* The record's details as a JSON object; p is NULL without memory. */
static struct str audit_details(struct arena *arena, const struct audit_buffer_entry *event)
{
    struct buf text;
    struct jw w = {.out = &text};

    buf_init(&text, arena);
    jw_object(&w, NULL);
    jw_text(&w, "route", event->route);
    if (event->via)
        jw_text(&w, "via", event->via);
    if (!event->success)
        jw_int(&w, "status", event->status);
    if (event->subjects_n > 0) {
        buf_char(&text, ',');
        buf_str(&text, (struct str){event->subjects, event->subjects_n});
    }
    jw_object_end(&w);
    return text.failed ? (struct str){0} : buf_view(&text);
}

/* Makes the item that is sent for an event. pseudonym_cmd: has the pseudonym of a student who acts
 * on other data than his own; a record never has a student's id. */
static bool audit_make_item(struct arena *arena, const struct audit_buffer_entry *event,
                            const struct command *pseudonym_cmd, struct audit_item *ret)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct str actor = audit_actor(event), pseudonym;

    if (audit_is_own_data(event)) {
        actor = AUDIT_ACTOR_SELF;
    } else if (event->role == ROLE_STUDENT) {
        if (!pseudonym_cmd || !audit_parse_pseudonym(pseudonym_cmd, &pseudonym, &p))
            return false;
        actor = arena_printf(arena, "student:%.*s", STR_ARG(pseudonym));
    }
    *ret = (struct audit_item){
        .record = {.actor = actor,
                   .role = str_of(role_names[event->role]),
                   .action = str_of(event->action),
                   .resource =
                       event->resource_name_n == 0
                           ? str_of(event->resource_type)
                           : arena_printf(arena, "%s/%.*s", event->resource_type,
                                          (int)event->resource_name_n, event->resource_name),
                   .success = event->success,
                   .correlation_id = {event->correlation, event->correlation_n},
                   .details = audit_details(arena, event),
                   .count = event->count},
        .student = audit_student(event),
        .mode = event->mode,
        .minute = event->minute};
    return actor.p && ret->record.resource.p && ret->record.details.p;
}

/* How many events from `first` on go into one command. */
static size_t audit_group_length(const struct audit *audit, size_t first, size_t end)
{
    size_t n = 1;

    while (first + n < end && n < AUDIT_ITEMS_MAX &&
           audit->buckets[audit->order[first + n]] == audit->buckets[audit->order[first]])
        n++;
    return n;
}

/* A failure marks the pipeline, so that the whole batch is retried. */
static void audit_queue_group(struct audit *audit, size_t first, size_t n)
{
    struct audit_item *items = arena_array(audit->arena, n, sizeof(*items));

    for (size_t i = 0; i < n; i++) {
        if (!items || !audit_make_item(audit->arena, audit_event_at(audit, first + i),
                                       audit->pseudonym_cmds[first + i - audit->sent], &items[i])) {
            audit->pipeline.failed = true;
            return;
        }
    }
    audit->groups[audit->group_count++] = (struct audit_group){
        .command =
            audit_cmd_items(&audit->pipeline, audit->buckets[audit->order[first]] / 2, items, n),
        .first = first,
        .n = n};
}

/* Queues a command per group of the batch and submits them. */
static void audit_send_items(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;
    size_t end = audit->sent + audit->batch_size;

    pipeline_clear(&audit->pipeline);
    audit->group_count = 0;
    audit->stage = AUDIT_AWAITS_ITEMS;
    for (size_t first = audit->sent, n; first < end; first += n) {
        n = audit_group_length(audit, first, end);
        audit_queue_group(audit, first, n);
    }
    store_submit(engine->store, &audit->pipeline, now_us);
}

/* The pseudonym of a student who acts on other data than his own is in another slot than the
 * record, out of reach of the script that adds it: it is read first. */
static void audit_start_batch(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;
    size_t unsent = audit->sending.n - audit->sent;

    audit->batch_size = unsent < AUDIT_BATCH_MAX ? unsent : AUDIT_BATCH_MAX;
    arena_reset(audit->arena);
    pipeline_init(&audit->pipeline, audit->arena, NULL);
    for (size_t i = 0; i < audit->batch_size; i++) {
        const struct audit_buffer_entry *event = audit_event_at(audit, audit->sent + i);

        audit->pseudonym_cmds[i] =
            event->role == ROLE_STUDENT && !audit_is_own_data(event)
                ? audit_cmd_make_pseudonym(&audit->pipeline, audit_actor(event))
                : NULL;
    }
    if (audit->pipeline.count == 0 && !audit->pipeline.failed) {
        audit_send_items(engine, now_us);
        return;
    }
    audit->stage = AUDIT_AWAITS_PSEUDONYMS;
    store_submit(engine->store, &audit->pipeline, now_us);
}

/* Moves the events of groups that Redis refused behind those that it has, where the next batch
 * begins. Returns how many there are. */
static size_t audit_keep_failed(struct audit *audit)
{
    uint16_t failed[AUDIT_BATCH_MAX];
    size_t n = 0;

    for (size_t g = 0; g < audit->group_count; g++) {
        const struct audit_group *group = &audit->groups[g];
        struct problem p = {.code = PROBLEM_NONE};

        if (audit_parse_items(group->command, &p))
            continue;
        memcpy(failed + n, audit->order + group->first, group->n * sizeof(*failed));
        n += group->n;
    }
    audit->sent += audit->batch_size - n;
    if (n > 0)
        memcpy(audit->order + audit->sent, failed, n * sizeof(*failed));
    return n;
}

/* Called with the replies to the items, or when the pipeline failed: then none of the batch counts
 * as sent, although some records may be in Redis. */
static void audit_end_batch(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;
    size_t before = audit->sent;

    audit->stage = AUDIT_IDLE;
    if (audit->pipeline.status != PIPELINE_COMPLETE || audit_keep_failed(audit) > 0)
        audit->retry_us = now_us + AUDIT_RETRY_US;
    if (audit->sent > before)
        metrics_add(engine->metrics, METRIC_AUDIT_NOTES, NULL, NULL, audit->sent - before);
    if (audit->sent == audit->sending.n) {
        audit_buffer_clear(&audit->sending);
        audit->sent = 0;
    }
}

/* ---- every loop iteration ---- */

/* When the next batch is to be sent; INT64_MAX: not before another event or reply. */
static int64_t audit_due_us(const struct engine *engine)
{
    const struct audit *audit = engine->audit;
    bool is_urgent = audit->sending.n > 0 || audit->has_urgent ||
                     audit->collecting.n >= AUDIT_CROWDED || engine->draining;
    int64_t delayed_us = audit->first_us + AUDIT_MAX_DELAY_US;

    if (audit_pending(audit) == 0 || audit->stage != AUDIT_IDLE)
        return INT64_MAX;
    return is_urgent || delayed_us < audit->retry_us ? audit->retry_us : delayed_us;
}

static void audit_exchange_buffers(struct audit *audit)
{
    struct audit_buffer empty = audit->sending;

    audit->sending = audit->collecting;
    audit->collecting = empty;
    audit->has_urgent = false;
    audit_sort_by_bucket(audit);
}

void audit_tick(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;

    if (!audit)
        return;
    audit->tick_us = now_us;
    if (now_us < audit_due_us(engine))
        return;
    if (audit->sending.n == 0)
        audit_exchange_buffers(audit);
    audit_start_batch(engine, now_us);
}

bool audit_on_replies(struct engine *engine, const struct pipeline *completed, int64_t now_us)
{
    struct audit *audit = engine->audit;

    if (!audit || completed != &audit->pipeline)
        return false;
    if (audit->stage == AUDIT_AWAITS_PSEUDONYMS && audit->pipeline.status == PIPELINE_COMPLETE)
        audit_send_items(engine, now_us);
    else
        audit_end_batch(engine, now_us);
    return true;
}

int64_t audit_wait_us(const struct engine *engine, int64_t now_us)
{
    int64_t due = engine->audit ? audit_due_us(engine) : INT64_MAX;

    if (due == INT64_MAX)
        return due;
    return due > now_us ? due - now_us : 0;
}
