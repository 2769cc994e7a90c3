/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/audit.h"

#include <stdlib.h>

#include "app/base/json_write.h"
#include "app/service/audit_buffer.h"
#include "app/service/engine.h"
#include "app/store/keys.h"

enum {
    ROUND_MAX = 512, /* notes that are sent in one round */
    CROWDED = AUDIT_BUFFER_MAX * 3 / 4,
    ARENA_FIRST = 16384,
    ARENA_CAP = 8 << 20,
};
static const int64_t PAUSE_US = 200000; /* after a round that failed */

enum stage { IDLE, ACTORS, ITEMS };

/* What goes into one command: notes of one shard, either all counted or none. */
enum { BUCKETS = 2 * SHARDS };

struct group {
    struct command *command;
    size_t from, n; /* in order */
};

struct audit {
    struct audit_buffer filling, flying; /* what comes in, and what is on its way */
    int64_t first_us;                    /* when the first of filling came */
    int64_t noted_us;                    /* now, of the latest tick */
    int64_t again_us;                    /* no round before */
    bool at_once;                        /* something in filling does not wait */
    size_t held;                         /* room in filling that is spoken for */
    enum stage stage;
    struct arena *arena; /* of the round under way */
    struct pipeline pipeline;
    /* of flying: by bucket; those before sent have been taken */
    uint16_t order[AUDIT_BUFFER_MAX];
    uint16_t buckets[AUDIT_BUFFER_MAX];
    size_t sent, in_round;
    struct command *actors[ROUND_MAX]; /* pseudonyms of students who act elsewhere, or NULL */
    struct group groups[ROUND_MAX];
    size_t group_count;
};

struct audit *audit_new(void)
{
    struct audit *audit = calloc(1, sizeof(*audit));

    if (!audit)
        return NULL;
    audit->arena = arena_new(ARENA_FIRST, ARENA_CAP);
    if (audit_buffer_init(&audit->filling) && audit_buffer_init(&audit->flying) && audit->arena)
        return audit;
    audit_free(audit);
    return NULL;
}

void audit_free(struct audit *audit)
{
    if (!audit)
        return;
    audit_buffer_release(&audit->filling);
    audit_buffer_release(&audit->flying);
    arena_free(audit->arena);
    free(audit);
}

/* ---- what comes in ---- */

size_t audit_room(const struct audit *audit)
{
    return audit ? AUDIT_BUFFER_MAX - audit->filling.n - audit->held : 0;
}

bool audit_reserve(struct audit *audit)
{
    if (audit && audit_room(audit) == 0)
        return false;
    if (audit)
        audit->held++;
    return true;
}

void audit_unreserve(struct audit *audit)
{
    if (audit)
        audit->held--;
}

void audit_event_add(struct audit *audit, const struct audit_event *note)
{
    if (!audit || audit->filling.n == AUDIT_BUFFER_MAX)
        return;
    if (audit->filling.n == 0)
        audit->first_us = audit->noted_us;
    audit->at_once = audit->at_once || note->way != AUDIT_AGGREGATED;
    audit_buffer_add(&audit->filling, note);
}

size_t audit_pending(const struct audit *audit)
{
    return audit ? audit->filling.n + (audit->flying.n - audit->sent) : 0;
}

/* ---- a round ---- */

static struct str actor_of(const struct audit_buffer_entry *n)
{
    return (struct str){n->actor, n->actor_n};
}

static struct str student_of(const struct audit_buffer_entry *n)
{
    return (struct str){n->student, n->student_n};
}

/* A record lies with the student it is about; else with who acted. */
static uint16_t bucket_of(const struct audit_buffer_entry *n)
{
    unsigned shard = key_shard(n->student_n > 0 ? student_of(n) : actor_of(n));

    return (uint16_t)(2 * shard + (n->way == AUDIT_AGGREGATED));
}

static void sort_by_bucket(struct audit *audit)
{
    size_t starts[BUCKETS + 1] = {0};

    for (size_t i = 0; i < audit->flying.n; i++) {
        audit->buckets[i] = bucket_of(&audit->flying.v[i]);
        starts[audit->buckets[i] + 1]++;
    }
    for (size_t s = 0; s < BUCKETS; s++)
        starts[s + 1] += starts[s];
    for (size_t i = 0; i < audit->flying.n; i++)
        audit->order[starts[audit->buckets[i]]++] = (uint16_t)i;
}

static const struct audit_buffer_entry *noted_at(const struct audit *audit, size_t i)
{
    return &audit->flying.v[audit->order[i]];
}

static bool acts_on_himself(const struct audit_buffer_entry *n)
{
    return n->role == ROLE_STUDENT && str_equal(actor_of(n), student_of(n));
}

static struct str details_of(struct arena *arena, const struct audit_buffer_entry *n)
{
    struct buf text;
    struct jw w = {.out = &text};

    buf_init(&text, arena);
    jw_object(&w, NULL);
    jw_text(&w, "route", n->route);
    if (n->via)
        jw_text(&w, "via", n->via);
    if (!n->success)
        jw_int(&w, "status", n->status);
    if (n->subjects_n > 0) {
        buf_char(&text, ',');
        buf_str(&text, (struct str){n->subjects, n->subjects_n});
    }
    jw_object_end(&w);
    return text.failed ? (struct str){0} : buf_view(&text);
}

/* pseudonym: of a student who acts on somebody else. */
static bool make_item(struct arena *arena, const struct audit_buffer_entry *n,
                      const struct command *pseudonym, struct audit_item *ret)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct str actor = actor_of(n), own;

    if (acts_on_himself(n)) {
        actor = AUDIT_ACTOR_SELF;
    } else if (n->role == ROLE_STUDENT) {
        if (!pseudonym || !audit_parse_pseudonym(pseudonym, &own, &p))
            return false;
        actor = arena_printf(arena, "student:%.*s", STR_ARG(own));
    }
    *ret = (struct audit_item){
        .record = {.actor = actor,
                   .role = str_of(role_names[n->role]),
                   .action = str_of(n->action),
                   .resource = n->resource_name_n == 0
                                   ? str_of(n->resource_type)
                                   : arena_printf(arena, "%s/%.*s", n->resource_type,
                                                  (int)n->resource_name_n, n->resource_name),
                   .success = n->success,
                   .correlation_id = {n->correlation, n->correlation_n},
                   .details = details_of(arena, n),
                   .count = n->count},
        .student = student_of(n),
        .mode = n->way,
        .minute = n->minute};
    return actor.p && ret->record.resource.p && ret->record.details.p;
}

/* Notes from `from` on that go into one command. */
static size_t run_length(const struct audit *audit, size_t from, size_t end)
{
    size_t n = 1;

    while (from + n < end && n < AUDIT_ITEMS_MAX &&
           audit->buckets[audit->order[from + n]] == audit->buckets[audit->order[from]])
        n++;
    return n;
}

static void ask_group(struct audit *audit, size_t from, size_t n)
{
    struct audit_item *items = arena_array(audit->arena, n, sizeof(*items));

    for (size_t i = 0; i < n; i++) {
        if (!items || !make_item(audit->arena, noted_at(audit, from + i),
                                 audit->actors[from + i - audit->sent], &items[i])) {
            audit->pipeline.failed = true;
            return;
        }
    }
    audit->groups[audit->group_count++] =
        (struct group){.command = audit_cmd_items(&audit->pipeline,
                                                  audit->buckets[audit->order[from]] / 2, items, n),
                       .from = from,
                       .n = n};
}

static void send_items(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;
    size_t end = audit->sent + audit->in_round;

    pipeline_clear(&audit->pipeline);
    audit->group_count = 0;
    audit->stage = ITEMS;
    for (size_t from = audit->sent, n; from < end; from += n) {
        n = run_length(audit, from, end);
        ask_group(audit, from, n);
    }
    store_submit(engine->store, &audit->pipeline, now_us);
}

/* A student who acts on somebody else, or on nobody, has a pseudonym in another slot: asked for
 * first. */
static void begin_round(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;
    size_t left = audit->flying.n - audit->sent;

    audit->in_round = left < ROUND_MAX ? left : ROUND_MAX;
    arena_reset(audit->arena);
    pipeline_init(&audit->pipeline, audit->arena, NULL);
    for (size_t i = 0; i < audit->in_round; i++) {
        const struct audit_buffer_entry *n = noted_at(audit, audit->sent + i);

        audit->actors[i] = n->role == ROLE_STUDENT && !acts_on_himself(n)
                               ? audit_cmd_make_pseudonym(&audit->pipeline, actor_of(n))
                               : NULL;
    }
    if (audit->pipeline.count == 0 && !audit->pipeline.failed) {
        send_items(engine, now_us);
        return;
    }
    audit->stage = ACTORS;
    store_submit(engine->store, &audit->pipeline, now_us);
}

/* Groups that were not taken are put to where the next round begins. */
static size_t keep_failed(struct audit *audit)
{
    uint16_t kept[ROUND_MAX];
    size_t n = 0;

    for (size_t g = 0; g < audit->group_count; g++) {
        const struct group *group = &audit->groups[g];
        struct problem p = {.code = PROBLEM_NONE};

        if (audit_parse_items(group->command, &p))
            continue;
        memcpy(kept + n, audit->order + group->from, group->n * sizeof(*kept));
        n += group->n;
    }
    audit->sent += audit->in_round - n;
    if (n > 0)
        memcpy(audit->order + audit->sent, kept, n * sizeof(*kept));
    return n;
}

static void end_round(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;
    size_t before = audit->sent;

    audit->stage = IDLE;
    if (audit->pipeline.status != PIPELINE_COMPLETE || keep_failed(audit) > 0)
        audit->again_us = now_us + PAUSE_US;
    if (audit->sent > before)
        metrics_add(engine->metrics, METRIC_AUDIT_NOTES, 0, 0, audit->sent - before);
    if (audit->sent == audit->flying.n) {
        audit_buffer_clear(&audit->flying);
        audit->sent = 0;
    }
}

/* ---- the turn ---- */

static int64_t due_us(const struct engine *engine)
{
    const struct audit *audit = engine->audit;
    bool now =
        audit->flying.n > 0 || audit->at_once || audit->filling.n >= CROWDED || engine->draining;

    if (audit_pending(audit) == 0 || audit->stage != IDLE)
        return INT64_MAX;
    if (now)
        return audit->again_us;
    return audit->first_us + AUDIT_MAX_DELAY_US > audit->again_us
               ? audit->first_us + AUDIT_MAX_DELAY_US
               : audit->again_us;
}

static void take_off(struct audit *audit)
{
    struct audit_buffer empty = audit->flying;

    audit->flying = audit->filling;
    audit->filling = empty;
    audit->at_once = false;
    sort_by_bucket(audit);
}

void audit_tick(struct engine *engine, int64_t now_us)
{
    struct audit *audit = engine->audit;

    if (!audit)
        return;
    audit->noted_us = now_us;
    if (now_us < due_us(engine))
        return;
    if (audit->flying.n == 0)
        take_off(audit);
    begin_round(engine, now_us);
}

bool audit_on_replies(struct engine *engine, const struct pipeline *done, int64_t now_us)
{
    struct audit *audit = engine->audit;

    if (!audit || done != &audit->pipeline)
        return false;
    if (audit->stage == ACTORS && audit->pipeline.status == PIPELINE_COMPLETE)
        send_items(engine, now_us);
    else
        end_round(engine, now_us);
    return true;
}

int64_t audit_wait_us(const struct engine *engine, int64_t now_us)
{
    int64_t due = engine->audit ? due_us(engine) : INT64_MAX;

    if (due == INT64_MAX)
        return due;
    return due > now_us ? due - now_us : 0;
}
