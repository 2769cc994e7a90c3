/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Merges the sources of all listed shards, each of which is sorted by time already. The first step
 * reads a few records (a "page") of each stream, the counts of the open segments, and for each
 * shard the id of the segment that is next, without its records. A later step reads a page of twice
 * the size, but only of the streams whose pages have been merged completely, and those segments
 * that have records which may be next. So few records are read that are not listed.
 *
 * A segment may be closed between two steps of a list, or between two lists of which the second
 * goes on where the first has ended. The closed segment has the records that were open, with the
 * same ids. To miss none of them, each step that reads what is open also looks up the next segment
 * again, and does so after that read. A record that is then found in both places is listed once.
 * With a filter by student, segments are first looked up when the student's pseudonym has been
 * read, because the key of the student's index contains it. */
#include "app/service/audit_list.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/service/audit_list_find.h"
#include "app/service/audit_segment_pack.h"

enum {
    AUDIT_PAGE_FIRST = 8,        /* records of one stream that the first step reads */
    AUDIT_PAGE_LARGEST = 128,    /* most records of one stream that a step reads */
    AUDIT_SEGMENTS_FIRST = 2,    /* is doubled before the first segments are read */
    AUDIT_SEGMENTS_LARGEST = 16, /* most segments that a step reads */
    AUDIT_COUNTS_SCANNED = 4000, /* about how many counts of an open segment a step reads */
};

/* ---- sources ---- */

/* Whether the record with the id is older than list->position, the record that was examined last
 * (at first the cursor where the list begins). Records of different shards may have the same id;
 * the merge lists the one of the higher shard first. So in a shard below that of the position, a
 * record with the same id has not been listed yet. */
static bool audit_list_is_next(const struct audit_list *list, unsigned shard, struct str id)
{
    int order;

    if (!*list->position.id)
        return true;
    order = stream_id_compare(id, str_of(list->position.id));
    return order < 0 || (order == 0 && shard < list->position.shard);
}

/* Sets the id of what the source has next: of the record after those that were merged, or of the
 * segment to read; -1 if there is neither. */
static void source_set_next_id(struct audit_list_source *s)
{
    struct str id = s->next < s->n ? s->page[s->next].id : str_of(s->segment), number = id;
    struct str ms = str_cut(&number, '-');

    s->ms = s->number = -1;
    (void)str_to_int64(ms, 0, INT64_MAX, &s->ms);
    (void)str_to_int64(number, 0, INT64_MAX, &s->number);
}

/* Whether the source has nothing next: its page is merged, and it has no segment to read. */
static bool source_is_empty(const struct audit_list_source *s)
{
    return s->next == s->n && !*s->segment;
}

/* Whether the next record (or segment) of source a is newer than that of b. */
static bool source_is_newer(const struct audit_list_source *a, const struct audit_list_source *b)
{
    return a->ms != b->ms ? a->ms > b->ms : a->number > b->number;
}

/* ---- reading ---- */

/* Returns where the next read of a stream begins, as an argument of XREVRANGE: "+": at the newest
 * record; "(ID": at the one that is next older than ID; "ID": at ID itself, which in a shard below
 * that of the cursor has not been listed (audit_list_is_next). */
static struct str audit_list_start(const struct audit_list *list, unsigned shard,
                                   const struct audit_list_source *s, struct arena *arena)
{
    if (s->n > 0)
        return arena_printf(arena, "(%.*s", STR_ARG(s->page[s->n - 1].id));
    if (!*list->from.id)
        return STR("+");
    return arena_printf(arena, "%s%s", shard < list->from.shard ? "" : "(", list->from.id);
}

/* Queues the read of the next page of a stream. */
static void audit_list_queue_page(struct audit_list *list, unsigned shard,
                                  enum audit_source_kind kind, struct pipeline *pipeline)
{
    struct audit_list_source *s = &list->sources[shard][kind];
    struct str from = audit_list_start(list, shard, s, pipeline->arena);

    s->cmd = audit_cmd_newest(pipeline,
                              kind == AUDIT_SOURCE_OPEN ? AUDIT_STREAM_OPEN : AUDIT_STREAM_SCHEMA_1,
                              shard, from, (int)list->page_size);
}

/* Queues the read of some counts of a shard. cursor: that of HSCAN, "0" at first. */
static void audit_list_queue_counts(struct audit_list *list, unsigned shard,
                                    struct pipeline *pipeline, struct str cursor)
{
    list->sources[shard][AUDIT_SOURCE_COUNTS].cmd =
        audit_cmd_scan_counts(pipeline, AUDIT_STREAM_OPEN, shard, cursor, AUDIT_COUNTS_SCANNED);
}

/* Queues the read of the segment that the source names (s->segment). */
static void audit_list_queue_segment(struct audit_list *list, unsigned shard,
                                     struct pipeline *pipeline)
{
    struct audit_list_source *s = &list->sources[shard][AUDIT_SOURCE_SEGMENTS];
    struct str id = arena_copy(pipeline->arena, str_of(s->segment));

    s->cmd = audit_segment_cmd_range(pipeline, shard, id, id, 1);
}

/* Returns the shard with the segment to read next: the newest of those that are neither read nor
 * being read, unless it is older than the next record of `best`. SHARDS: none. best: the source
 * with the newest record that has been read and not merged; NULL: there is none. */
static unsigned audit_list_newest_segment(const struct audit_list *list,
                                          const struct audit_list_source *best)
{
    unsigned found = SHARDS;

    for (unsigned i = 0; i < list->shard_count; i++) {
        unsigned shard = list->first_shard + i;
        const struct audit_list_source *s = &list->sources[shard][AUDIT_SOURCE_SEGMENTS];

        if (s->cmd || s->next < s->n || !*s->segment || (best && source_is_newer(best, s)))
            continue;
        if (found == SHARDS || source_is_newer(s, &list->sources[found][AUDIT_SOURCE_SEGMENTS]))
            found = shard;
    }
    return found;
}

/* Queues the next page of each stream whose page has been merged, unless the stream has ended, and
 * the reads of the segments that are next. The size of the pages and the number of segments are
 * doubled each time, up to their limits. */
static enum step audit_list_queue_more(struct audit_list *list, struct pipeline *pipeline,
                                       const struct audit_list_source *best)
{
    pipeline_clear(pipeline);
    list->page_size =
        list->page_size >= AUDIT_PAGE_LARGEST ? AUDIT_PAGE_LARGEST : 2 * list->page_size;
    list->segments =
        list->segments >= AUDIT_SEGMENTS_LARGEST ? AUDIT_SEGMENTS_LARGEST : 2 * list->segments;
    for (unsigned i = 0; i < list->shard_count; i++) {
        for (enum audit_source_kind kind = 0; kind < AUDIT_SOURCE_SEGMENTS; kind++) {
            unsigned shard = list->first_shard + i;
            const struct audit_list_source *s = &list->sources[shard][kind];

            if (source_is_empty(s) && !s->exhausted) {
                audit_list_queue_page(list, shard, kind, pipeline);
                if (kind == AUDIT_SOURCE_OPEN) /* which may be closed by now */
                    audit_list_cmd_find(list, shard, pipeline);
            }
        }
    }
    for (size_t n = 0; n < list->segments; n++) {
        unsigned shard = audit_list_newest_segment(list, best);

        if (shard == SHARDS)
            break;
        audit_list_queue_segment(list, shard, pipeline);
    }
    return STEP_MORE;
}

/* Queues the first reads of a shard. */
static void audit_list_begin_shard(struct audit_list *list, unsigned shard,
                                   struct pipeline *pipeline)
{
    struct audit_list_source *sources = list->sources[shard];

    list->length_cmds[shard][0] = audit_cmd_count(pipeline, AUDIT_STREAM_SCHEMA_1, shard);
    list->length_cmds[shard][1] = audit_cmd_count(pipeline, AUDIT_STREAM_OPEN, shard);
    audit_list_queue_page(list, shard, AUDIT_SOURCE_SCHEMA_1, pipeline);
    audit_list_queue_page(list, shard, AUDIT_SOURCE_OPEN, pipeline);
    audit_list_queue_counts(list, shard, pipeline, STR("0"));
    audit_list_cmd_find(list, shard, pipeline);
    sources[AUDIT_SOURCE_SEGMENTS].exhausted = true; /* until the reply names a segment */
    sources[AUDIT_SOURCE_COUNTS].exhausted = true;   /* all are read before the merge */
}

/* The first step: queues the first reads of every shard, and of the pseudonyms (the random names of
 * students in audit records) for the filters. */
static enum step audit_list_begin(struct audit_list *list, struct pipeline *pipeline,
                                  struct problem *p)
{
    list->started = list->counts_left = true;
    list->find_after_counts = list->student.n > 0;
    list->page_size = AUDIT_PAGE_FIRST;
    list->segments = AUDIT_SEGMENTS_FIRST;
    list->items = arena_array(pipeline->arena, list->limit, sizeof(*list->items));
    if (!list->items) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return STEP_DONE;
    }
    list->last = list->position = list->from;
    pipeline_clear(pipeline);
    list->first_shard = list->student.n > 0 ? key_shard(list->student) : 0;
    list->shard_count = list->student.n > 0 ? 1 : SHARDS;
    if (list->student.n > 0)
        list->student_cmd = audit_cmd_get_pseudonym(pipeline, list->student);
    if (list->user.n > 0) {
        list->user_cmd = audit_cmd_get_pseudonym(pipeline, list->user);
        list->user_actor = audit_actor_of_id(pipeline->arena, list->user);
    }
    for (unsigned i = 0; i < list->shard_count; i++)
        audit_list_begin_shard(list, list->first_shard + i, pipeline);
    return STEP_MORE;
}

/* True when the list has a filter by user, student or type of resource. since_ms does not count: it
 * only ends the list. */
static bool audit_list_is_filtered(const struct audit_list *list)
{
    return list->user.n > 0 || list->student.n > 0 || list->resource_type.n > 0;
}

/* Reads the replies with the lengths of a shard's streams and, unless it is looked up later, the id
 * of the segment to read first. Adds the number of records to list->total, but not with a filter:
 * then the total counts matches. False with a problem. */
static bool audit_list_read_lengths(struct audit_list *list, unsigned shard, struct problem *p)
{
    struct audit_list_source *segments = &list->sources[shard][AUDIT_SOURCE_SEGMENTS];
    bool is_filtered = audit_list_is_filtered(list);
    int64_t count = 0;

    if (list->find_cmds[shard] && !audit_list_parse_find(list, shard, segments->segment, &count, p))
        return false;
    list->total += is_filtered ? 0 : count;
    source_set_next_id(segments);
    for (size_t i = 0; i < 2; i++) {
        if (!reply_expect_int(list->length_cmds[shard][i]->reply, &count, p))
            return false;
        list->total += is_filtered ? 0 : count;
        list->length_cmds[shard][i] = NULL;
    }
    return true;
}

/* True when the record passes the filters. The type of a resource is the part before the first
 * slash: the filter "cohort" matches the resource "cohort/c1". */
bool audit_list_matches(const struct audit_list *list, const struct audit_entry *entry)
{
    struct str resource = entry->v[AUDIT_RESOURCE], actor = entry->v[AUDIT_ACTOR];

    if (list->resource_type.n > 0 && !str_equal(str_cut(&resource, '/'), list->resource_type))
        return false;
    if (list->student.n > 0 &&
        (list->subject.n == 0 || !str_equal(entry->v[AUDIT_SUBJECT], list->subject)))
        return false;
    return list->user.n == 0 || str_equal(actor, list->user_actor) ||
           (list->pseudonym_actor.n > 0 && str_equal(actor, list->pseudonym_actor));
}

/* Compares two records for qsort, which puts the newer one first. */
static int audit_list_compare_entries(const void *a, const void *b)
{
    const struct audit_entry *first = a, *second = b;

    return stream_id_compare(second->id, first->id);
}

/* Makes records of the n counts, and adds those that match to the page, which has room for n more.
 * Without a filter, also adds the number of records to the total. */
static void audit_list_add_counts(struct audit_list *list, unsigned shard, struct arena *arena,
                                  const struct audit_counted_read *counts, size_t n)
{
    struct audit_list_source *s = &list->sources[shard][AUDIT_SOURCE_COUNTS];

    for (size_t i = 0; i < n; i++) {
        struct audit_entry *entry = &s->page[s->n];

        if (!audit_entry_of_count(arena, &counts[i], entry))
            continue;
        list->total += !audit_list_is_filtered(list);
        if (audit_list_is_next(list, shard, entry->id) && audit_list_matches(list, entry))
            s->n++;
    }
    qsort(s->page, s->n, sizeof(*s->page), audit_list_compare_entries);
    source_set_next_id(s);
}

/* Reads a reply with counts of the open segment of a shard, and adds them to the page, which
 * therefore grows. Queues the read of the next ones unless they are the last. False with a problem.
 */
static bool audit_list_read_counts(struct audit_list *list, unsigned shard,
                                   struct pipeline *pipeline, struct problem *p)
{
    struct audit_list_source *s = &list->sources[shard][AUDIT_SOURCE_COUNTS];
    struct arena *arena = pipeline->arena;
    size_t room = audit_counts_replied(s->cmd), n;
    struct audit_counted_read *counts = arena_array(arena, room, sizeof(*counts));
    struct audit_entry *page = arena_array(arena, s->n + room, sizeof(*page));
    struct str cursor;

    if (!counts || !page) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    if (!audit_parse_counts(s->cmd, AUDIT_STREAM_OPEN, room, &cursor, counts, &n, p))
        return false;
    s->cmd = NULL;
    if (s->n > 0)
        memcpy(page, s->page, s->n * sizeof(*page));
    s->page = page;
    audit_list_add_counts(list, shard, arena, counts, n);
    if (!str_equal(cursor, STR("0")))
        audit_list_queue_counts(list, shard, pipeline, arena_copy(arena, cursor));
    return true;
}

/* Reads the replies to commands of the first step only: the pseudonyms and the lengths. */
static bool audit_list_read_first_replies(struct audit_list *list, struct arena *arena,
                                          struct problem *p)
{
    struct str pseudonym;

    for (unsigned i = 0; i < list->shard_count; i++) {
        if (!audit_list_read_lengths(list, list->first_shard + i, p))
            return false;
    }
    if (list->user_cmd) {
        if (!audit_parse_pseudonym(list->user_cmd, &pseudonym, p))
            return false;
        list->user_cmd = NULL;
        if (pseudonym.n > 0)
            list->pseudonym_actor =
                arena_printf(arena, AUDIT_ACTOR_STUDENT "%.*s", STR_ARG(pseudonym));
    }
    if (!list->student_cmd)
        return true;
    if (!audit_parse_pseudonym(list->student_cmd, &list->subject, p))
        return false;
    list->student_cmd = NULL;
    return true;
}

/* Reads the reply with a page of a stream. A page with fewer records than requested is the last
 * one. False with a problem. */
static bool audit_list_read_page(struct audit_list *list, struct audit_list_source *s,
                                 struct arena *arena, struct problem *p)
{
    s->page = arena_array(arena, list->page_size, sizeof(*s->page));
    s->next = 0;
    if (!s->page) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    if (!audit_parse_entries(s->cmd, list->page_size, s->page, &s->n, p))
        return false;
    s->cmd = NULL;
    s->exhausted = s->n < list->page_size;
    source_set_next_id(s);
    return true;
}

/* Reads the reply with a segment: those of its records that are next become the page, newest first,
 * and the segment before it is read next. A segment that cannot be read is listed as one record
 * without texts. One that Redis no longer has, because of its retention or the archive, ends the
 * source. False with a problem. */
static bool audit_list_read_segment(struct audit_list *list, unsigned shard, struct arena *arena,
                                    struct problem *p)
{
    struct audit_list_source *s = &list->sources[shard][AUDIT_SOURCE_SEGMENTS];
    struct audit_segment segment;
    struct audit_segment_text text = {.n = 0};
    int64_t gone_ms;
    size_t n;

    if (!audit_segment_parse(s->cmd, 1, &segment, &n, p))
        return false;
    if (n == 0 && stream_id_time(str_of(s->segment), &gone_ms) && gone_ms > list->gone_ms)
        list->gone_ms = gone_ms;
    s->cmd = NULL;
    s->n = s->next = 0;
    *s->segment = '\0';
    if (n > 0 && !audit_segment_unpack(arena, &segment, &text)) {
        text.entries = arena_array(arena, 1, sizeof(*text.entries));
        text.n = text.entries ? 1 : 0;
        for (size_t i = 0; i < AUDIT_FIELDS && text.n > 0; i++)
            text.entries[0].v[i] = STR("");
        if (text.n > 0)
            text.entries[0].id = segment.id;
    }
    s->page = arena_array(arena, text.n, sizeof(*s->page));
    if (!s->page) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    for (size_t i = text.n; i-- > 0;) { /* newest first */
        if (audit_list_is_next(list, shard, text.entries[i].id))
            s->page[s->n++] = text.entries[i];
    }
    (void)snprintf(list->loaded[shard], STREAM_ID_SIZE, "%.*s", n > 0 ? (int)segment.id.n : 0,
                   n > 0 ? segment.id.p : "");
    if (n > 0)
        (void)snprintf(s->segment, sizeof(s->segment), "%.*s",
                       STR_ARG(audit_list_previous(list, arena, &segment, &text)));
    source_set_next_id(s);
    return true;
}

/* Reads the reply to a look-up of the segment that is next. Usually this is the one that was read
 * last or, if none was read, the one that is to be read anyway. Another one was closed since the
 * look-up before, and may have records that were open then; or, with a filter by student, this is
 * the first look-up. It is read next, and the page is dropped. False with a problem. */
static bool audit_list_read_find(struct audit_list *list, unsigned shard, struct problem *p)
{
    struct audit_list_source *s = &list->sources[shard][AUDIT_SOURCE_SEGMENTS];
    char id[STREAM_ID_SIZE];
    int64_t unused_total;

    if (!audit_list_parse_find(list, shard, id, &unused_total, p))
        return false;
    if (!*id || strcmp(id, list->loaded[shard]) == 0 ||
        (!*list->loaded[shard] && strcmp(id, s->segment) == 0))
        return true;
    s->n = s->next = 0;
    memcpy(s->segment, id, sizeof(id));
    source_set_next_id(s);
    return true;
}

/* Reads the pages and segments that the last step has queued. False with a problem. */
static bool audit_list_read_pages(struct audit_list *list, struct arena *arena, struct problem *p)
{
    for (unsigned i = 0; i < list->shard_count; i++) {
        unsigned shard = list->first_shard + i;
        struct audit_list_source *sources = list->sources[shard];

        for (size_t kind = 0; kind < AUDIT_SOURCE_SEGMENTS; kind++) {
            if (sources[kind].cmd && !audit_list_read_page(list, &sources[kind], arena, p))
                return false;
        }
        if (sources[AUDIT_SOURCE_SEGMENTS].cmd && !audit_list_read_segment(list, shard, arena, p))
            return false;
        if (list->find_cmds[shard] && !audit_list_read_find(list, shard, p))
            return false;
    }
    return true;
}

/* ---- merging ---- */

/* What a search for the newest record has found. */
struct audit_newest {
    struct audit_list_source *source; /* the source that has it; NULL: no source has any more */
    unsigned shard;
};

/* Finds the source with the newest record that has not been merged. False when a page or a segment
 * must be read first, because it may have a newer one; ret->source is then the source with the
 * newest record of those that were read. */
static bool audit_list_newest(struct audit_list *list, struct audit_newest *ret)
{
    const struct audit_list_source *segment = NULL;
    bool is_known = true;

    *ret = (struct audit_newest){.source = NULL};
    for (unsigned i = 0; i < list->shard_count; i++) {
        unsigned shard = list->first_shard + i;

        for (size_t kind = 0; kind < AUDIT_SOURCE_KINDS; kind++) {
            struct audit_list_source *s = &list->sources[shard][kind];

            if (s->next == s->n && !*s->segment) {
                is_known = is_known && s->exhausted;
            } else if (s->next == s->n) {
                segment = segment && source_is_newer(segment, s) ? segment : s;
            } else if (!ret->source || !source_is_newer(ret->source, s)) {
                *ret = (struct audit_newest){.source = s, .shard = shard};
            }
        }
    }
    return is_known && (!segment || (ret->source && source_is_newer(ret->source, segment)));
}

/* True when the merge can stop. Without a filter this is when the list is full. With a filter,
 * older records are still examined after the list is full, up to AUDIT_LIST_SCAN_MAX in all, to
 * count the matches for `total`. */
static bool audit_list_is_complete(const struct audit_list *list)
{
    return audit_list_is_filtered(list) ? list->scanned >= AUDIT_LIST_SCAN_MAX
                                        : list->n == list->limit;
}

/* Merges the next record of the source: appends it to the list if it matches and the list is not
 * full. The cursor for the next list is moved to every record that was examined while the list was
 * not full, so that the next list does not examine it again. */
static void audit_list_add_newest(struct audit_list *list, const struct audit_newest *newest)
{
    struct audit_list_source *s = newest->source;
    const struct audit_entry *entry = &s->page[s->next++];
    bool has_room = list->n < list->limit, match = audit_list_matches(list, entry);

    source_set_next_id(s);
    if (newest->shard == list->position.shard && str_equal(entry->id, str_of(list->position.id)))
        return; /* the same record again: it was open, and is now in a closed segment */
    (void)snprintf(list->position.id, sizeof(list->position.id), "%.*s", STR_ARG(entry->id));
    list->position.shard = newest->shard;
    list->scanned++;
    if (match && audit_list_is_filtered(list))
        list->total++;
    if (match && !has_room)
        list->has_more = true;
    if (!has_room)
        return;
    if (match)
        list->items[list->n++] = (struct audit_list_item){.shard = newest->shard, .entry = *entry};
    list->last = list->position;
}

/* Merges records until the list is complete (STEP_DONE) or a page must be read (STEP_MORE).
 * has_more is set even if the records that were not examined would not match: only the next list
 * finds that out. */
static enum step audit_list_merge(struct audit_list *list, struct pipeline *pipeline)
{
    struct audit_newest newest;

    while (audit_list_newest(list, &newest)) {
        if (!newest.source || newest.source->ms < list->since_ms)
            return STEP_DONE;
        if (audit_list_is_complete(list)) {
            list->has_more = true;
            return STEP_DONE;
        }
        audit_list_add_newest(list, &newest);
    }
    if (!audit_list_is_complete(list))
        return audit_list_queue_more(list, pipeline, newest.source);
    list->has_more = true;
    return STEP_DONE;
}

/* Reads the replies with counts. They come in no order, so the merge begins when all have been
 * read. When this takes more than one step, segments may be closed meanwhile, with counts that were
 * not read: so segments are looked up again before the merge. */
static enum step audit_list_read_all_counts(struct audit_list *list, struct pipeline *pipeline,
                                            struct problem *p)
{
    pipeline_clear(pipeline);
    for (unsigned i = 0; i < list->shard_count; i++) {
        unsigned shard = list->first_shard + i;

        if (list->sources[shard][AUDIT_SOURCE_COUNTS].cmd &&
            !audit_list_read_counts(list, shard, pipeline, p))
            return STEP_DONE;
    }
    list->counts_left = pipeline->count > 0;
    for (unsigned i = 0; i < list->shard_count && list->find_after_counts && !list->counts_left;
         i++)
        audit_list_cmd_find(list, list->first_shard + i, pipeline);
    list->find_after_counts |= list->counts_left;
    return pipeline->count > 0 ? STEP_MORE : audit_list_merge(list, pipeline);
}

/* Calls audit_list_begin at first, to queue the first reads; each later call reads the replies and
 * merges. Returns STEP_DONE also when p has a problem. */
enum step audit_list_step(struct audit_list *list, struct pipeline *pipeline, struct problem *p)
{
    if (!list->started)
        return audit_list_begin(list, pipeline, p);
    if (pipeline->status != PIPELINE_COMPLETE) {
        problem_unavailable(p, /* retry_after_s */ 1);
        return STEP_DONE;
    }
    if (list->length_cmds[list->first_shard][0] &&
        !audit_list_read_first_replies(list, pipeline->arena, p))
        return STEP_DONE;
    if (!audit_list_read_pages(list, pipeline->arena, p))
        return STEP_DONE;
    if (list->counts_left)
        return audit_list_read_all_counts(list, pipeline, p);
    return audit_list_merge(list, pipeline);
}

int64_t audit_list_complete_since(const struct audit_list *list, int64_t kept_since_ms)
{
    /* the latest of these times: of the filter, of retention, after the newest segment that is
     * gone, and of the last record examined if older ones may follow */
    int64_t since_ms = list->since_ms > kept_since_ms ? list->since_ms : kept_since_ms, at_ms;

    if (since_ms <= list->gone_ms)
        since_ms = list->gone_ms + 1;
    if (list->has_more && stream_id_time(str_of(list->last.id), &at_ms) && at_ms > since_ms)
        return at_ms;
    return since_ms;
}
