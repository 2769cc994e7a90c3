/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Merges the audit logs of all shards, each of which is sorted already. The first step reads a few
 * records of each shard; a later one reads twice as many, but only of the shards that have run
 * out. So a page of a busy shard does not read much of the others. */
#include "app/service/audit_list.h"

#include <stdio.h>

enum { AUDIT_PAGE_FIRST = 8, AUDIT_PAGE_LARGEST = 128 }; /* records of one shard in a step */

/* ---- cursors ---- */

bool audit_cursor_parse(struct str text, struct audit_cursor *ret)
{
    struct audit_cursor cursor;
    int64_t ms, sequence;
    struct str shard = text, time = str_cut(&shard, '-'), number = str_cut(&shard, '-');

    if (!str_to_int64(time, 0, INT64_MAX, &ms) || !str_to_int64(number, 0, INT64_MAX, &sequence) ||
        !key_parse_shard(shard, &cursor.shard))
        return false;
    (void)snprintf(cursor.id, sizeof(cursor.id), "%lld-%lld", (long long)ms, (long long)sequence);
    *ret = cursor;
    return true;
}

void audit_cursor_print(const struct audit_cursor *cursor, char ret[AUDIT_CURSOR_SIZE])
{
    (void)snprintf(ret, AUDIT_CURSOR_SIZE, "%s-%02x", cursor->id, cursor->shard & 0xff);
}

/* ---- reading ---- */

/* Where the next read of the shard begins, as in XREVRANGE. Records of different shards may have
 * the same id; the merge puts the higher shard first, so for shards below that of the
 * cursor the id itself is still to come. */
static struct str audit_list_start(const struct audit_list *list, unsigned shard,
                                   struct arena *arena)
{
    const struct audit_list_shard *s = &list->shards[shard];

    if (s->n > 0)
        return arena_printf(arena, "(%.*s", STR_ARG(s->page[s->n - 1].id));
    if (!*list->from.id)
        return STR("+");
    return arena_printf(arena, "%s%s", shard < list->from.shard ? "" : "(", list->from.id);
}

static void audit_list_queue_shard(struct audit_list *list, unsigned shard,
                                   struct pipeline *pipeline)
{
    struct str from = audit_list_start(list, shard, pipeline->arena);

    list->shards[shard].page_cmd = audit_cmd_newest(pipeline, shard, from, (int)list->page_size);
}

/* Doubles the page, because a shard that has run out once probably has most of the records. */
static enum step audit_list_queue_more(struct audit_list *list, struct pipeline *pipeline)
{
    pipeline_clear(pipeline);
    list->page_size =
        list->page_size >= AUDIT_PAGE_LARGEST ? AUDIT_PAGE_LARGEST : 2 * list->page_size;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        const struct audit_list_shard *s = &list->shards[shard];

        if (s->next == s->n && !s->exhausted)
            audit_list_queue_shard(list, shard, pipeline);
    }
    return STEP_MORE;
}

static enum step audit_list_begin(struct audit_list *list, struct pipeline *pipeline,
                                  struct problem *p)
{
    list->started = true;
    list->page_size = AUDIT_PAGE_FIRST;
    list->items = arena_array(pipeline->arena, list->limit, sizeof(*list->items));
    if (!list->items) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return STEP_DONE;
    }
    list->last = list->from;
    pipeline_clear(pipeline);
    if (list->user.n > 0)
        list->pseudonym_cmd = audit_cmd_get_pseudonym(pipeline, list->user);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        list->count_cmds[shard] = audit_cmd_count(pipeline, shard);
        audit_list_queue_shard(list, shard, pipeline);
    }
    return STEP_MORE;
}

/* ---- replies ---- */

static bool audit_list_is_filtered(const struct audit_list *list)
{
    return list->user.n > 0 || list->resource_type.n > 0;
}

/* Reads the replies that come only once: the lengths of the logs, and the pseudonym. */
static bool audit_list_read_head(struct audit_list *list, struct arena *arena, struct problem *p)
{
    struct str pseudonym;
    int64_t count;

    for (unsigned shard = 0; shard < SHARDS && !audit_list_is_filtered(list); shard++) {
        if (reply_int(list->count_cmds[shard]->reply, &count) != REPLY_OK) {
            reply_problem(list->count_cmds[shard]->reply, p);
            return false;
        }
        list->total += count;
    }
    if (!list->pseudonym_cmd)
        return true;
    if (!audit_parse_pseudonym(list->pseudonym_cmd, &pseudonym, p))
        return false;
    list->pseudonym_cmd = NULL;
    if (pseudonym.n > 0)
        list->pseudonym_actor = arena_printf(arena, "student:%.*s", STR_ARG(pseudonym));
    return true;
}

static bool audit_list_read_page(struct audit_list *list, unsigned shard, struct arena *arena,
                                 struct problem *p)
{
    struct audit_list_shard *s = &list->shards[shard];

    s->page = arena_array(arena, list->page_size, sizeof(*s->page));
    s->next = 0;
    if (!s->page) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    if (!audit_parse_entries(s->page_cmd, list->page_size, s->page, &s->n, p))
        return false;
    s->page_cmd = NULL;
    s->exhausted = s->n < list->page_size;
    return true;
}

static bool audit_list_read_pages(struct audit_list *list, struct arena *arena, struct problem *p)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (list->shards[shard].page_cmd && !audit_list_read_page(list, shard, arena, p))
            return false;
    }
    return true;
}

/* ---- merging ---- */

/* The filter by type compares the resource up to its first slash: cohort matches cohort/c1. */
static bool audit_list_matches(const struct audit_list *list, const struct audit_entry *entry)
{
    struct str resource = entry->v[AUDIT_RESOURCE], actor = entry->v[AUDIT_ACTOR];

    if (list->resource_type.n > 0 && !str_equal(str_cut(&resource, '/'), list->resource_type))
        return false;
    return list->user.n == 0 || str_equal(actor, list->user) ||
           (list->pseudonym_actor.n > 0 && str_equal(actor, list->pseudonym_actor));
}

/* Finds the shard with the newest record that has not been merged; SHARDS when all are exhausted.
 * False when a shard has to be read further first: its next record might be the newest. */
static bool audit_list_newest(const struct audit_list *list, unsigned *ret_shard)
{
    *ret_shard = SHARDS;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        const struct audit_list_shard *s = &list->shards[shard], *best;

        if (s->next == s->n) {
            if (!s->exhausted)
                return false;
            continue;
        }
        best = *ret_shard < SHARDS ? &list->shards[*ret_shard] : NULL;
        if (!best || stream_id_compare(s->page[s->next].id, best->page[best->next].id) >= 0)
            *ret_shard = shard;
    }
    return true;
}

/* With a filter the scan continues beyond a full page, to count the matches for `total`. */
static bool audit_list_is_complete(const struct audit_list *list)
{
    return audit_list_is_filtered(list) ? list->scanned >= AUDIT_LIST_SCAN_MAX
                                        : list->n == list->limit;
}

/* Moves the cursor past every record that was looked at, matching or not, until the page is full.
 */
static void audit_list_add_newest(struct audit_list *list, unsigned shard)
{
    struct audit_list_shard *s = &list->shards[shard];
    const struct audit_entry *entry = &s->page[s->next++];
    bool fits = list->n < list->limit, match = audit_list_matches(list, entry);

    list->scanned++;
    if (match && audit_list_is_filtered(list))
        list->total++;
    if (match && !fits)
        list->has_more = true;
    if (!fits)
        return;
    if (match)
        list->items[list->n++] = (struct audit_list_item){.shard = shard, .entry = *entry};
    (void)snprintf(list->last.id, sizeof(list->last.id), "%.*s", STR_ARG(entry->id));
    list->last.shard = shard;
}

static enum step audit_list_merge(struct audit_list *list, struct pipeline *pipeline)
{
    unsigned shard;

    while (audit_list_newest(list, &shard)) {
        if (shard == SHARDS)
            return STEP_DONE;
        if (audit_list_is_complete(list)) {
            list->has_more = true;
            return STEP_DONE;
        }
        audit_list_add_newest(list, shard);
    }
    if (!audit_list_is_complete(list))
        return audit_list_queue_more(list, pipeline);
    list->has_more = true;
    return STEP_DONE;
}

enum step audit_list_step(struct audit_list *list, struct pipeline *pipeline, struct problem *p)
{
    if (!list->started)
        return audit_list_begin(list, pipeline, p);
    if (pipeline->status != PIPELINE_COMPLETE) {
        problem_unavailable(p, 1);
        return STEP_DONE;
    }
    if (list->count_cmds[0] && !audit_list_read_head(list, pipeline->arena, p))
        return STEP_DONE;
    list->count_cmds[0] = NULL;
    return audit_list_read_pages(list, pipeline->arena, p) ? audit_list_merge(list, pipeline)
                                                           : STEP_DONE;
}
