/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run closes open segments in four round trips: (1) of each held shard, it reads how many records
 * and counts the open segment has or, if the end of the chain is unknown, the latest closed
 * segment; (2) it reads the open records and counts of a few shards; (3) a script closes the
 * segment of each of these shards that is due; (4) the new heads are stored. The script compares
 * the head of the chain, and the open records and counts, with what was read before. So two workers
 * cannot both continue one chain, and no access is lost or counted twice. If it is unknown what
 * Redis has stored, the end of that chain is read again first.
 *
 * Only records and counts that are at least SETTLED_MS old are closed. Records and counts are read
 * one after the other, and what is added between the two reads must not be older than the last
 * record of the segment. */
#include "app/worker/audit_segments.h"

#include <stdlib.h>

#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/store/lease.h"
#include "app/store/schema.h"
#include "app/worker/audit_report.h"

enum {
    SHARDS_PER_RUN = 8,    /* most shards whose open records one run reads */
    COUNTS_SCANNED = 2000, /* about how many counts one HSCAN of a shard returns */
    COUNTS_MAX = 8000,     /* most counts that are accepted in its reply */
    OPEN_MAX = AUDIT_SEGMENT_RECORDS + COUNTS_MAX, /* most entries of struct open_items */
    REMOVED_COUNTS_MAX = 16, /* most fields that are no counts, which a run removes of a shard */
    /* most counts that a closing removes: those in the segment, and counts of 0 */
    CLOSED_COUNTS_MAX = 2 * AUDIT_SEGMENT_RECORDS,
};

/* Time from a run that has read open segments to the next run, unless more are known to be due. */
static const int64_t INTERVAL_US = 1000000;
/* Longest time between two runs otherwise, because two commands for each shard are much for an idle
 * Redis. */
static const int64_t IDLE_INTERVAL_US = 10000000;
/* Least age of an open record or count that is closed. */
static const int64_t SETTLED_MS = 500;

/* The records and counts of a shard's open segment, as they were read. */
struct open_items {
    struct audit_entry *entries;                /* the records, then those made of counts */
    const struct audit_counted_read **of_count; /* of each entry: its count; NULL: it is a record */
    struct audit_counted_read *counts;
    size_t n, count_n; /* number of entries; of counts */
};

/* ---- logging ---- */

/* Logs an anchor (number and head of the latest segment) for each chain that has grown, once a
 * minute; while draining at once, since the process ends before the minute is over. */
static void segments_log_anchors(struct audit_segments *segments)
{
    const struct worker_context *w = segments->worker;

    if (w->now_us < segments->next_anchor_us && !worker_draining(w))
        return;
    segments->next_anchor_us = w->now_us + AUDIT_REPORT_INTERVAL_US;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        const struct audit_segment_link *link = &segments->v[shard].link;

        if (segments->v[shard].unanchored)
            audit_report_anchor(w, shard, "segment", link->number, link->head);
        segments->v[shard].unanchored = false;
    }
}

/* Counts and logs that the segments of a shard cannot be read and its chain is therefore not
 * continued. */
static void segments_report_unreadable(struct audit_segments *segments, unsigned shard)
{
    static const struct audit_failure failure = {
        .status = "unreadable",
        .event = "audit.unreadable",
        .reason = "the segments cannot be read; see mastery-ctl audit verify",
        .consequence = "no segment is closed there"};

    audit_report_failure(segments->worker, shard, &segments->next_error_log_us, &failure);
}

/* Logs a field of the hash of counts that has another form than a count. Only another program can
 * have written it, and it is then removed. Its texts may name persons, so the log line has only the
 * shard, and size and digest of "FIELD\nVALUE". */
static void segments_log_removed(const struct audit_segments *segments, unsigned shard,
                                 const struct audit_counted_read *count, struct arena *arena)
{
    struct log *log = segments->worker->engine->log;
    struct str text =
        arena_printf(arena, "%.*s\n%.*s", STR_ARG(count->field), STR_ARG(count->value));
    unsigned char digest[DIGEST_SIZE];
    char digits[2 * DIGEST_SIZE + 1];
    struct jw *jw;

    if (!text.p)
        return;
    digest_sha256(text, digest);
    hex_print(digest, sizeof(digest), digits);
    jw = log_begin(log, LOG_ERROR, "audit.count_removed");
    audit_report_shard(jw, shard);
    jw_int(jw, "bytes", (int64_t)text.n);
    jw_text(jw, "sha256", digits);
    log_end(log);
}

/* ---- (4) heads ---- */

/* Ends a run; also the callback of the round trip of the heads, whose replies are ignored. */
static void segments_end(struct task *task)
{
    struct audit_segments *segments = task->owner;

    periodic_end(&segments->schedule, task);
}

/* ---- (3) closing ---- */

/* Processes the reply to closing the segment of one shard. If it is closed, it is the new end of
 * the chain, and its head is queued for audit:heads. If another worker has continued the chain
 * (SEGMENT_OUTDATED), the end of the chain is read again. */
static void segments_on_shard_closed(struct audit_segments *segments, struct task *task,
                                     unsigned shard)
{
    struct metrics *metrics = task->worker->engine->metrics;
    struct segment_shard *s = &segments->v[shard];
    struct problem p = {.code = PROBLEM_NONE};
    int64_t result;

    s->open_since_ms = 0; /* not known any more: the oldest record may be closed */
    if (!audit_segment_parse_close(s->cmd, &result, &p)) {
        segments_report_unreadable(segments, shard);
    } else if (result == LEASE_LOST) {
        shards_lease_lost(segments->shards, shard);
    } else if (result == SEGMENT_OUTDATED) {
        metrics_add(metrics, METRIC_AUDIT_SEALS, "overtaken", NULL, 1);
        s->link_known = false;
    } else {
        metrics_add(metrics, METRIC_AUDIT_SEALS, "made", NULL, 1);
        metrics_add(metrics, METRIC_AUDIT_RECORDS, NULL, NULL, s->next_count);
        s->link = s->next_link;
        s->unanchored = true;
        if (s->next_count == AUDIT_SEGMENT_RECORDS) /* there may be more open records */
            periodic_schedule(&segments->schedule, /* delay_us */ 0);
        audit_head_cmd_set(&task->pipeline, AUDIT_CHAIN_SEGMENTS, shard,
                           arena_printf(task->arena, "%lld", (long long)s->link.number),
                           arena_copy(task->arena, str_of(s->link.head)));
    }
}

/* Called with the replies to closing segments: queues the new heads of the chains for audit:heads.
 * Without replies, the segments may or may not be closed, so the next run reads the latest segment
 * of these chains again. A head that cannot be stored is not tried again, since the head of the
 * next segment replaces it. */
static void segments_on_closed(struct task *task)
{
    struct audit_segments *segments = task->owner;
    bool failed = task_failed(task);

    pipeline_clear(&task->pipeline);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (!segments->v[shard].cmd)
            continue;
        if (failed)
            segments->v[shard].link_known = false;
        else
            segments_on_shard_closed(segments, task, shard);
    }
    if (failed)
        segments_end(task);
    else
        task_submit(task, segments_end);
}

/* ---- (2) what is open ---- */

/* Makes an audit record of each count, and appends it to the entries. A count of 0 has no record:
 * it is for a refusal that was recorded at once and not repeated. Invalid counts are left out. */
static void segments_add_counts(struct arena *arena, struct open_items *items)
{
    for (size_t i = 0; i < items->count_n; i++) {
        if (audit_entry_of_count(arena, &items->counts[i], &items->entries[items->n]))
            items->of_count[items->n++] = &items->counts[i];
    }
}

/* Parses the replies with the open records and counts of the shard. Returns false when they cannot
 * be parsed, or when out of memory. The cursor of HSCAN is not used: counts that the one reply does
 * not have get into a later segment. */
static bool segments_read_open(struct task *task, const struct segment_shard *s,
                               struct open_items *ret)
{
    struct arena *arena = task->arena;
    struct problem p = {.code = PROBLEM_NONE};
    struct str cursor;

    ret->entries = arena_array(arena, OPEN_MAX, sizeof(*ret->entries));
    ret->of_count = arena_array(arena, OPEN_MAX, sizeof(const void *));
    ret->counts = arena_array(arena, COUNTS_MAX, sizeof(*ret->counts));
    if (!ret->entries || !ret->of_count || !ret->counts ||
        !audit_parse_entries(s->cmd, AUDIT_SEGMENT_RECORDS, ret->entries, &ret->n, &p) ||
        !audit_parse_counts(s->second_cmd, AUDIT_STREAM_OPEN, COUNTS_MAX, &cursor, ret->counts,
                            &ret->count_n, &p))
        return false;
    segments_add_counts(arena, ret);
    return true;
}

/* An element of the list by which the entries of an open segment are sorted. */
struct open_item {
    struct str id; /* id of the entry, which begins with its time */
    size_t index;  /* in the arrays of struct open_items */
};

/* Compares two struct open_item by their ids, and so by time, for qsort. */
static int segments_compare_items(const void *a, const void *b)
{
    const struct open_item *first = a, *second = b;

    return stream_id_compare(first->id, second->id);
}

/* Returns the entries of the open segment sorted by id, oldest first; NULL when out of memory. */
static struct open_item *segments_sort(struct arena *arena, const struct open_items *items)
{
    struct open_item *sorted = arena_array(arena, items->n, sizeof(*sorted));

    for (size_t i = 0; sorted && i < items->n; i++)
        sorted[i] = (struct open_item){items->entries[i].id, i};
    if (sorted)
        qsort(sorted, items->n, sizeof(*sorted), segments_compare_items);
    return sorted;
}

/* Selects the oldest entries for a segment: at most AUDIT_SEGMENT_RECORDS, none younger than
 * SETTLED_MS. Copies them to ret_entries, and puts what the closing removes from Redis into
 * ret_open: the ids of the records (array `ids`), and the counts (array `counts`). Counts of 0,
 * which have no record, are removed with any segment. Returns the number of entries. */
static size_t segments_select_oldest(const struct worker_context *w, const struct open_items *items,
                                     const struct open_item *sorted,
                                     struct audit_entry *ret_entries, struct str *ids,
                                     const struct audit_counted_read **counts,
                                     struct audit_open *ret_open)
{
    size_t n = 0;
    int64_t at_ms;

    *ret_open = (struct audit_open){.ids = ids, .counts = counts};
    for (; n < items->n && n < AUDIT_SEGMENT_RECORDS; n++) {
        size_t i = sorted[n].index;

        if (!stream_id_time(sorted[n].id, &at_ms) || at_ms > w->now_ms - SETTLED_MS)
            break;
        ret_entries[n] = items->entries[i];
        if (items->of_count[i])
            counts[ret_open->count_count++] = items->of_count[i];
        else
            ids[ret_open->id_count++] = items->entries[i].id;
    }
    for (size_t i = 0; i < items->count_n && ret_open->count_count < CLOSED_COUNTS_MAX; i++) {
        if (items->counts[i].valid && items->counts[i].record.count == 0)
            counts[ret_open->count_count++] = &items->counts[i];
    }
    return n;
}

/* Queues the script that closes the shard's segment with its oldest entries. s->cmd stays NULL if
 * nothing is old enough, the lease is over, or memory is short. */
static void segments_close(struct audit_segments *segments, struct task *task, unsigned shard,
                           const struct open_items *items, const struct open_item *sorted)
{
    struct segment_shard *s = &segments->v[shard];
    struct arena *arena = task->arena;
    /* new segments use the first key */
    const struct audit_key *key = &task->worker->engine->audit_keys.v[0];
    struct audit_entry *entries = arena_array(arena, AUDIT_SEGMENT_RECORDS, sizeof(*entries));
    struct str *ids = arena_array(arena, AUDIT_SEGMENT_RECORDS, sizeof(*ids)), previous = STR("");
    const struct audit_counted_read **counts =
        arena_array(arena, CLOSED_COUNTS_MAX, sizeof(const void *));
    struct audit_segment segment;
    struct audit_open open;
    size_t n;

    if (!entries || !ids || !counts || !shards_lease_held(segments->shards, shard))
        return;
    n = segments_select_oldest(task->worker, items, sorted, entries, ids, counts, &open);
    if (n == 0 || !audit_segment_order(arena, &s->link, entries, n) ||
        !audit_segment_pack(arena, key, shard, &s->link, entries, n, &segment, &s->next_link))
        return;
    if (s->link.number > 0)
        previous =
            arena_copy(arena, (struct str){(const char *)s->link.raw_head, AUDIT_SEGMENT_HEAD});
    s->next_count = n;
    s->cmd = audit_segment_cmd_close(&task->pipeline, shard, task->worker->id, previous, &segment,
                                     task->worker->engine->config.audit_days, &open);
}

/* Returns whether an open segment has to be closed: it has n records and counts, of which the
 * oldest is from the time open_since_ms (epoch ms). */
static bool segments_due(const struct worker_context *w, int64_t open_since_ms, size_t n)
{
    return n >= AUDIT_SEGMENT_RECORDS ||
           w->now_ms >= open_since_ms + w->engine->config.audit_seal_s * INT64_C(1000);
}

/* Logs the fields of the hash of counts that are no counts, and queues their removal, at most
 * REMOVED_COUNTS_MAX of a shard in one run. */
static void segments_remove_invalid(struct audit_segments *segments, struct task *task,
                                    unsigned shard, const struct open_items *items)
{
    struct audit_counted_read *invalid =
        arena_array(task->arena, REMOVED_COUNTS_MAX, sizeof(*invalid));
    size_t n = 0;

    if (!invalid || !shards_lease_held(segments->shards, shard))
        return;
    for (size_t i = 0; i < items->count_n && n < REMOVED_COUNTS_MAX; i++) {
        const struct audit_counted_read *count = &items->counts[i];

        if (count->valid || !count->field.p || !count->value.p)
            continue;
        segments_log_removed(segments, shard, count, task->arena);
        invalid[n++] = *count;
    }
    if (n > 0)
        (void)audit_cmd_remove_counts(&task->pipeline, shard, task->worker->id, invalid, n);
}

/* Called when the open records and counts of a shard were read: queues the script that closes the
 * segment if it is due, and the removal of fields that are no counts. */
static void segments_on_open(struct audit_segments *segments, struct task *task, unsigned shard)
{
    struct segment_shard *s = &segments->v[shard];
    struct open_items items = {.n = 0};
    const struct open_item *sorted = NULL;
    bool readable = segments_read_open(task, s, &items);

    s->cmd = NULL;
    if (!readable) {
        segments_report_unreadable(segments, shard);
        return;
    }
    segments_remove_invalid(segments, task, shard, &items);
    if (items.n > 0)
        sorted = segments_sort(task->arena, &items);
    if (!sorted || !stream_id_time(sorted[0].id, &s->open_since_ms))
        return;
    if (segments_due(task->worker, s->open_since_ms, items.n))
        segments_close(segments, task, shard, &items, sorted);
}

/* Called with the open records and counts of some shards: closes the segments that are due. The
 * task is submitted even without commands, so that the run always ends in the same way. */
static void segments_on_read(struct task *task)
{
    struct audit_segments *segments = task->owner;

    if (task_failed(task)) {
        segments_end(task);
        return;
    }
    pipeline_clear(&task->pipeline);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (segments->v[shard].cmd)
            segments_on_open(segments, task, shard);
    }
    task_submit(task, segments_on_closed);
}

/* ---- (1) how much is open ---- */

/* Called when the latest segment of a shard was read: it becomes the known end of the chain (number
 * 0: the shard has no segment). The next run, which reads how much is open there, starts at once,
 * or after INTERVAL_US if this run reads the open segments of other shards. */
static void segments_on_latest(struct audit_segments *segments, struct task *task, unsigned shard)
{
    struct segment_shard *s = &segments->v[shard];
    struct problem p = {.code = PROBLEM_NONE};
    struct audit_segment latest;
    struct audit_segment_text text;
    size_t n;

    if (!audit_segment_parse(s->cmd, 1, &latest, &n, &p) ||
        (n > 0 && !audit_segment_unpack(task->arena, &latest, &text))) {
        segments_report_unreadable(segments, shard);
        return;
    }
    s->link = n > 0 ? text.link : (struct audit_segment_link){.number = 0};
    s->open_since_ms = 0;
    s->link_known = true;
    periodic_schedule(&segments->schedule, /* delay_us */ 0);
}

/* Parses how many records and counts the shard's open segment has. Returns whether they have to be
 * read: the age of the oldest one is not known, or the segment is due. */
static bool segments_must_read(struct audit_segments *segments, const struct task *task,
                               unsigned shard)
{
    struct segment_shard *s = &segments->v[shard];
    int64_t records = 0, counts = 0;

    if (reply_count(s->cmd->reply, &records) != REPLY_OK ||
        reply_count(s->second_cmd->reply, &counts) != REPLY_OK) {
        segments_report_unreadable(segments, shard);
        return false;
    }
    if (records + counts == 0)
        s->open_since_ms = 0;
    return records + counts > 0 &&
           (s->open_since_ms == 0 ||
            segments_due(task->worker, s->open_since_ms, (size_t)(records + counts)));
}

/* Called with the replies of the first round trip. Queues the reads of the open records and counts
 * of at most SHARDS_PER_RUN shards, from segments->first on. If more shards have to be read, the
 * next run starts at once. */
static void segments_on_lengths(struct task *task)
{
    struct audit_segments *segments = task->owner;
    unsigned first = segments->first, chosen = 0;

    if (task_failed(task)) {
        segments_end(task);
        return;
    }
    pipeline_clear(&task->pipeline);
    for (unsigned i = 0; i < SHARDS; i++) {
        unsigned shard = (first + i) % SHARDS;
        struct segment_shard *s = &segments->v[shard];
        bool must_read = false;

        if (s->cmd && !s->link_known)
            segments_on_latest(segments, task, shard);
        else if (s->cmd)
            must_read = segments_must_read(segments, task, shard);
        s->cmd = NULL;
        if (!must_read)
            continue;
        if (chosen++ >= SHARDS_PER_RUN) /* counted too: see the end of the function */
            continue;
        segments->first = shard + 1;
        s->cmd = audit_cmd_range(&task->pipeline, AUDIT_STREAM_OPEN, shard, STR("-"), STR("+"),
                                 AUDIT_SEGMENT_RECORDS);
        s->second_cmd = audit_cmd_scan_counts(&task->pipeline, AUDIT_STREAM_OPEN, shard, STR("0"),
                                              COUNTS_SCANNED);
    }
    if (chosen > 0)
        periodic_schedule(&segments->schedule, chosen > SHARDS_PER_RUN ? 0 : INTERVAL_US);
    task_submit(task, segments_on_read);
}

/* Queues the reads for one shard in the first round trip: the numbers of its open records and
 * counts or, if the end of its chain is unknown, its latest segment. */
static void segments_queue(struct task *task, unsigned shard, struct segment_shard *s)
{
    if (!s->link_known) {
        s->cmd = audit_segment_cmd_latest(&task->pipeline, shard);
        return;
    }
    s->cmd = audit_open_cmd_length(&task->pipeline, shard);
    s->second_cmd = audit_cmd_counts_length(&task->pipeline, shard);
}

void audit_segments_init(struct audit_segments *segments, struct worker_context *w,
                         struct shards *shards)
{
    memset(segments, 0, sizeof(*segments));
    segments->worker = w;
    segments->shards = shards;
    periodic_init(&segments->schedule, w, /* delay_us */ 0);
}

/* Returns the longest time until the next run while no segment is due: IDLE_INTERVAL_US, or
 * AUDIT_SEAL_S if that is less. */
static int64_t segments_idle_us(const struct audit_segments *segments)
{
    int64_t seal_us = segments->worker->engine->config.audit_seal_s * INT64_C(1000000);

    return seal_us < IDLE_INTERVAL_US ? seal_us : IDLE_INTERVAL_US;
}

/* Starts a run if one is due. The anchors are logged even while a run is in progress or the worker
 * is draining. While records are written in the forms of schema 1 there are no segments (seal.c).
 * The end of the chain of a shard whose lease this worker does not hold becomes unknown, because
 * the holder continues the chain. */
void audit_segments_tick(struct audit_segments *segments)
{
    struct task *task;

    segments_log_anchors(segments);
    if (worker_draining(segments->worker) || !schema_writes_packed())
        return;
    task = periodic_begin(&segments->schedule, NO_SHARD, segments);
    if (!task)
        return;
    periodic_schedule(&segments->schedule, segments_idle_us(segments));
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct segment_shard *s = &segments->v[shard];

        s->cmd = NULL;
        if (shards_lease_held(segments->shards, shard))
            segments_queue(task, shard, s);
        else
            s->link_known = false;
    }
    task_submit(task, segments_on_lengths);
}
