/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sends audit events (who accessed whose data) to the audit log in Redis. There are two buffers:
 * requests add events to `collecting`, and `sending` has the events that are being sent. When
 * `sending` is empty, the two buffers are exchanged. The events of `sending` are sent in batches of
 * 512 at most, one batch at a time. A batch is one pipeline, with a command for each bucket (the
 * events of one shard and mode). Another pipeline comes before it when pseudonyms (random names
 * that records have instead of students' ids) must be read first. Events that Redis refuses stay in
 * `sending` for the next batch. */
#include "app/service/audit.h"

#include <stdlib.h>

#include "app/base/ids.h"
#include "app/base/json_write.h"
#include "app/service/audit_buffer.h"
#include "app/service/engine.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

enum {
    AUDIT_BATCH_MAX = 512,                    /* largest number of events in one batch */
    AUDIT_CROWDED = AUDIT_BUFFER_MAX * 3 / 4, /* from this number of events on, no delay */
    AUDIT_SENDER_BYTES = 8,                   /* random bytes of the id of this process */
    AUDIT_ARENA_FIRST = 16384,                /* size of the arena's first block in bytes */
    AUDIT_ARENA_CAP = 8 << 20,                /* largest size of the arena in bytes */
};
static const int64_t AUDIT_RETRY_US = 200000; /* pause after a batch that failed */

/* What the process waits for: nothing, or the replies with pseudonyms, or those to records. When
 * the latter are lost, it waits for the time to query what has been recorded, then for the reply.
 */
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

/* The events of the batch that one command sends: audit.order[first .. first + n - 1]. */
struct audit_group {
    struct command *command;
    /* Queries whether it has run, after its reply was lost; groups of one shard share it. */
    struct command *fence_cmd;
    int64_t number; /* number of the command (struct audit_send) */
    bool refused;   /* its reply is an error */
    size_t first, n;
};

struct audit {
    struct audit_buffer collecting, sending;
    int64_t first_us; /* time when the oldest event of `collecting` was added */
    int64_t tick_us;  /* time of the latest call of audit_tick */
    int64_t retry_us; /* earliest time of the next batch; 0: no batch has failed yet */
    bool has_urgent;  /* `collecting` has an event that must not be delayed */
    size_t reserved;  /* number of events that `collecting` must keep room for */
    enum audit_stage stage;
    char sender[AUDIT_SENDER_BYTES * 2 + 1]; /* random id of this process */
    int64_t number;                          /* of the latest command */
    struct arena *arena;                     /* memory of the current batch */
    struct pipeline pipeline;
    uint16_t order[AUDIT_BUFFER_MAX];   /* indexes into `sending`, sorted by bucket */
    uint16_t buckets[AUDIT_BUFFER_MAX]; /* bucket number of each event of `sending` */
    size_t sent;       /* number of events in Redis: those of order[0 .. sent - 1] */
    size_t batch_size; /* number of events in the batch: they begin at order[sent] */
    /* reads the actor's pseudonym, for each event of the batch; NULL: the event needs none */
    struct command *pseudonym_cmds[AUDIT_BATCH_MAX];
    struct audit_group groups[AUDIT_BATCH_MAX];
    size_t group_count;
};

/* When an allocation fails, audit_free releases what has been allocated until then. */
struct audit *audit_new(void)
{
    struct audit *audit = calloc(1, sizeof(*audit));
    unsigned char id[AUDIT_SENDER_BYTES];

    if (!audit)
        return NULL;
    random_bytes(id, sizeof(id));
    hex_print(id, sizeof(id), audit->sender);
    audit->arena = arena_new(AUDIT_ARENA_FIRST, AUDIT_ARENA_CAP);
    if (audit_buffer_init(&audit->collecting) && audit_buffer_init(&audit->sending) && audit->arena)
        return audit;
    audit_free(audit);
    return NULL;
}

/* Events that have not been sent are lost. */
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

/* With audit NULL, as in programs that record nothing, the reservation always succeeds. */
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

/* Takes the time of the latest audit_tick as the time of adding, because an event only has the time
 * of day. An event that is not aggregated is urgent: it is sent in the same loop iteration. */
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

/* Returns the bucket number of an event. Its audit record is kept in the shard of the student that
 * it concerns, so that the erasure of the student finds it. When it concerns no student, the
 * actor's id decides on the shard. */
static uint16_t audit_bucket(const struct audit_buffer_entry *event)
{
    unsigned shard = key_shard(event->student_n > 0 ? audit_student(event) : audit_actor(event));

    return (uint16_t)(2 * shard + (event->mode == AUDIT_AGGREGATED));
}

/* Fills `order` by a counting sort, which keeps the order of the events within a bucket. starts[b]
 * becomes the position in `order` of the next event of bucket b. */
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

/* ---- a batch ---- */

/* True when a student acts on the student's own data. */
static bool audit_is_own_data(const struct audit_buffer_entry *event)
{
    return event->role == ROLE_STUDENT && str_equal(audit_actor(event), audit_student(event));
}

/* Returns the details of the event's audit record as a JSON object; its p is NULL when memory is
 * out. event->subjects is JSON members already, so it is copied as it is. */
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

/* Makes *ret, the audit record of an event with what the script that adds it needs. A record never
 * names a student by id: the actor is "self" for a student's own data and the pseudonym in the
 * reply of pseudonym_cmd for a student who acts on other data. False when out of memory or when the
 * pseudonym could not be read. */
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

/* Returns how many events, from order[first] on and before order[end], go into one command. They
 * have the same bucket, and are AUDIT_ITEMS_MAX at most. */
static size_t audit_group_length(const struct audit *audit, size_t first, size_t end)
{
    size_t n = 1;

    while (first + n < end && n < AUDIT_ITEMS_MAX &&
           audit->buckets[audit->order[first + n]] == audit->buckets[audit->order[first]])
        n++;
    return n;
}

/* Returns the shard of a group. All its events have the same bucket. */
static unsigned audit_group_shard(const struct audit *audit, const struct audit_group *group)
{
    return audit->buckets[audit->order[group->first]] / 2;
}

/* The identity of the next command of this process. */
static struct audit_send audit_next_send(struct audit *audit)
{
    return (struct audit_send){.sender = str_of(audit->sender), .number = ++audit->number};
}

/* Queues the command that adds the records of order[first .. first + n - 1]. When one of them
 * cannot be made, the pipeline is marked as failed, so that the whole batch is sent again later. */
static void audit_queue_group(struct audit *audit, size_t first, size_t n)
{
    struct audit_item *items = arena_array(audit->arena, n, sizeof(*items));
    struct audit_group *group = &audit->groups[audit->group_count];
    struct audit_send send = audit_next_send(audit);

    for (size_t i = 0; i < n; i++) {
        if (!items || !audit_make_item(audit->arena, audit_event_at(audit, first + i),
                                       audit->pseudonym_cmds[first + i - audit->sent], &items[i])) {
            audit->pipeline.failed = true;
            return;
        }
    }
    *group = (struct audit_group){.number = send.number, .first = first, .n = n};
    group->command =
        audit_cmd_items(&audit->pipeline, audit_group_shard(audit, group), &send, items, n);
    audit->group_count++;
}

/* Sends the records of the batch: one command for each group of events with the same bucket. The
 * pipeline loses its commands, but the arena keeps their replies, from which the pseudonyms come.
 */
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

/* Starts a batch with the oldest events that are not in Redis yet. A student who acts on other data
 * than his own is recorded by pseudonym. The pseudonym is in another Redis slot than the record, so
 * the script that adds the record cannot read it, and another pipeline reads it first. */
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

/* True if Redis has recorded the events of the group: by the reply to its command or, when that was
 * lost, by the number of the latest command that has run in its shard. */
static bool audit_is_recorded(const struct audit *audit, const struct audit_group *group)
{
    struct problem ignored = {.code = PROBLEM_NONE}; /* the events are simply sent again */
    int64_t number;

    if (audit->stage == AUDIT_AWAITS_FENCES)
        return !group->refused && audit_parse_fence(group->fence_cmd, &number, &ignored) &&
               group->number <= number;
    return audit_parse_items(group->command, &ignored);
}

/* Splits the batch by the replies: the events that Redis has confirmed count as sent, and those of
 * refused commands are moved to order[sent], where the next batch begins. Returns the number of
 * refused events. */
static size_t audit_keep_failed(struct audit *audit)
{
    uint16_t failed[AUDIT_BATCH_MAX];
    size_t failed_count = 0;

    for (size_t g = 0; g < audit->group_count; g++) {
        const struct audit_group *group = &audit->groups[g];
        if (audit_is_recorded(audit, group))
            continue;
        memcpy(failed + failed_count, audit->order + group->first, group->n * sizeof(*failed));
        failed_count += group->n;
    }
    audit->sent += audit->batch_size - failed_count;
    if (failed_count > 0)
        memcpy(audit->order + audit->sent, failed, failed_count * sizeof(*failed));
    return failed_count;
}

/* Queries which commands of the batch have run, and forbids the others, which may still be on their
 * way: only then may their events be sent again. Groups are sorted by shard, and each shard has one
 * query. */
static void audit_send_fences(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;
    struct audit_send send = audit_next_send(audit);
    struct command *fence_cmd = NULL;

    arena_reset(audit->arena);
    pipeline_init(&audit->pipeline, audit->arena, NULL);
    for (size_t g = 0; g < audit->group_count; g++) {
        struct audit_group *group = &audit->groups[g];
        unsigned shard = audit_group_shard(audit, group);

        if (!fence_cmd || shard != audit_group_shard(audit, group - 1))
            fence_cmd = audit_cmd_fence(&audit->pipeline, shard, &send);
        group->fence_cmd = fence_cmd;
    }
    audit->stage = AUDIT_AWAITS_FENCES;
    store_submit(engine->store, &audit->pipeline, now_us);
}

/* Replies to the records are lost, so that Redis may have recorded them. Replies that are there and
 * are errors have said that it has not. */
static void audit_become_uncertain(struct audit *audit, int64_t now_us)
{
    for (size_t g = 0; audit->stage == AUDIT_AWAITS_ITEMS && g < audit->group_count; g++)
        audit->groups[g].refused =
            reply_error_of(audit->groups[g].command->reply) != REPLY_NO_ERROR;
    audit->stage = AUDIT_UNCERTAIN;
    audit->retry_us = now_us + AUDIT_RETRY_US;
}

/* True if no record of the batch was sent: a pseudonym or memory is missing. */
static bool audit_has_sent_nothing(const struct audit *audit)
{
    return audit->stage == AUDIT_AWAITS_PSEUDONYMS ||
           (audit->stage == AUDIT_AWAITS_ITEMS && audit->pipeline.failed);
}

/* Ends the batch when it is known which of its events are recorded. */
static void audit_end_batch(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;
    size_t sent_before = audit->sent;

    if (audit_has_sent_nothing(audit) || audit_keep_failed(audit) > 0)
        audit->retry_us = now_us + AUDIT_RETRY_US;
    audit->stage = AUDIT_IDLE;
    if (audit->sent > sent_before)
        metrics_add(engine->metrics, METRIC_AUDIT_NOTES, NULL, NULL, audit->sent - sent_before);
    if (audit->sent == audit->sending.n) {
        audit_buffer_clear(&audit->sending);
        audit->sent = 0;
    }
}

/* True if Redis has replied to every command of the pipeline, and to no fence with an error. */
static bool audit_replies_are_complete(const struct audit *audit)
{
    struct problem ignored = {.code = PROBLEM_NONE};

    return audit->stage == AUDIT_AWAITS_FENCES ? pipeline_check_replies(&audit->pipeline, &ignored)
                                               : audit->pipeline.status == PIPELINE_COMPLETE;
}

/* ---- every loop iteration ---- */

/* Returns the time when the next batch is to be sent. INT64_MAX: there is nothing to send, or a
 * batch is on its way, so that only another event or a reply changes the time. */
static int64_t audit_due_us(const struct engine *engine)
{
    const struct audit *audit = engine->audit;
    bool is_urgent = audit->sending.n > 0 || audit->has_urgent ||
                     audit->collecting.n >= AUDIT_CROWDED || engine->draining;
    int64_t delayed_us = audit->first_us + AUDIT_MAX_DELAY_US;

    if (audit->stage == AUDIT_UNCERTAIN)
        return audit->retry_us;
    if (audit_pending(audit) == 0 || audit->stage != AUDIT_IDLE)
        return INT64_MAX;
    return is_urgent || delayed_us < audit->retry_us ? audit->retry_us : delayed_us;
}

/* Makes the collected events those to send. `sending` must be empty; it collects from now on. */
static void audit_exchange_buffers(struct audit *audit)
{
    struct audit_buffer empty = audit->sending;

    audit->sending = audit->collecting;
    audit->collecting = empty;
    audit->has_urgent = false;
    audit_sort_by_bucket(audit);
}

/* Starts a batch if one is due. Events of `sending` that were not sent yet come first; only when
 * there are none, the collected events follow. */
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
        audit_exchange_buffers(audit);
    audit_start_batch(engine, now_us);
}

/* The replies are the pseudonyms, after which the records can be sent, or those to the records, or
 * to the query what has been recorded. When replies of the latter two are lost, the query is sent
 * after a pause: events are sent again only if they are not recorded. */
bool audit_on_replies(struct engine *engine, const struct pipeline *completed, int64_t now_us)
{
    struct audit *audit = engine->audit;

    if (!audit || completed != &audit->pipeline)
        return false;
    if (audit->stage == AUDIT_AWAITS_PSEUDONYMS && audit_replies_are_complete(audit))
        audit_send_items(engine, now_us);
    else if (audit_has_sent_nothing(audit) || audit_replies_are_complete(audit))
        audit_end_batch(engine, now_us);
    else
        audit_become_uncertain(audit, now_us);
    return true;
}

int64_t audit_wait_us(const struct engine *engine, int64_t now_us)
{
    int64_t due = engine->audit ? audit_due_us(engine) : INT64_MAX;

    if (due == INT64_MAX)
        return due;
    return due > now_us ? due - now_us : 0;
}
