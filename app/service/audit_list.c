/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Merges the audit logs of all shards, each of which is sorted by time already. The first step
 * reads a few records (a "page") of each shard. A later step reads a page of twice the size, but
 * only of the shards whose pages have been merged completely. When most records are in one shard,
 * few records of the other shards are read. */
#include "app/service/audit_list.h"

#include <stdio.h>

/* Records of one shard that a step reads: in the first step, and at most. */
enum { AUDIT_PAGE_FIRST = 8, AUDIT_PAGE_LARGEST = 128 };

/* ---- cursors ---- */

/* Parses a cursor. Its id is printed anew from the two numbers in it, so that no text of a client
 * gets into a command. */
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

/* Returns the id at which the next read of the shard begins, as an argument of XREVRANGE: "+" for
 * the newest record, "(ID" for the record after ID. Records of different shards may have the same
 * id; the merge lists the one of the higher shard first. So in a shard below that of the cursor,
 * the record with the id of the cursor has not been listed yet, and is included. */
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

/* Queues the read of the shard's next page. */
static void audit_list_queue_shard(struct audit_list *list, unsigned shard,
                                   struct pipeline *pipeline)
{
    struct str from = audit_list_start(list, shard, pipeline->arena);

    list->shards[shard].page_cmd = audit_cmd_newest(pipeline, shard, from, (int)list->page_size);
}

/* Queues the next page of each shard whose page has been merged, unless its log has ended. The page
 * size is doubled, because such a shard probably has most of the records. */
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

/* The first step: queues the length and the first page of every shard's log, and the read of the
 * pseudonym (the random name of a student in audit records) for a filter by user. */
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
    if (list->user.n > 0) {
        list->pseudonym_cmd = audit_cmd_get_pseudonym(pipeline, list->user);
        list->user_actor = audit_actor_of_id(pipeline->arena, list->user);
    }
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        list->count_cmds[shard] = audit_cmd_count(pipeline, shard);
        audit_list_queue_shard(list, shard, pipeline);
    }
    return STEP_MORE;
}

/* True when only records of one user or one resource type are listed. */
static bool audit_list_is_filtered(const struct audit_list *list)
{
    return list->user.n > 0 || list->resource_type.n > 0;
}

/* Reads the replies to commands of the first step only: the pseudonym, and the lengths of the logs.
 * Their sum is the total, unless there is a filter: then the matches are counted in the scan. */
static bool audit_list_read_first_replies(struct audit_list *list, struct arena *arena,
                                          struct problem *p)
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
        list->pseudonym_actor = arena_printf(arena, AUDIT_ACTOR_STUDENT "%.*s", STR_ARG(pseudonym));
    return true;
}

/* Reads the reply with the shard's page. A page with fewer records than requested is the last one
 * of its log. */
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

/* Reads the pages of the shards from which the last step has read one. False with a problem. */
static bool audit_list_read_pages(struct audit_list *list, struct arena *arena, struct problem *p)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (list->shards[shard].page_cmd && !audit_list_read_page(list, shard, arena, p))
            return false;
    }
    return true;
}

/* ---- merging ---- */

/* True when the record passes the filters by user and by resource type. The type is the part of the
 * resource before the first slash: the filter "cohort" matches the resource "cohort/c1". */
static bool audit_list_matches(const struct audit_list *list, const struct audit_entry *entry)
{
    struct str resource = entry->v[AUDIT_RESOURCE], actor = entry->v[AUDIT_ACTOR];

    if (list->resource_type.n > 0 && !str_equal(str_cut(&resource, '/'), list->resource_type))
        return false;
    return list->user.n == 0 || str_equal(actor, list->user_actor) ||
           (list->pseudonym_actor.n > 0 && str_equal(actor, list->pseudonym_actor));
}

/* Finds the shard with the newest record that has not been merged. *ret_shard is SHARDS when no
 * shard has any more. False when the next page of a shard must be read first, because its next
 * record might be the newest. */
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

/* True when the merge can stop. Without a filter this is when the list is full. With a filter,
 * older records are still examined after the list is full, up to AUDIT_LIST_SCAN_MAX in all, to
 * count the matches for `total`. */
static bool audit_list_is_complete(const struct audit_list *list)
{
    return audit_list_is_filtered(list) ? list->scanned >= AUDIT_LIST_SCAN_MAX
                                        : list->n == list->limit;
}

/* Merges the shard's next record: appends it to the list if it matches and the list is not full.
 * The cursor for the next list is moved to every record that was examined while the list was not
 * full, so that the next list does not examine it again. */
static void audit_list_add_newest(struct audit_list *list, unsigned shard)
{
    struct audit_list_shard *s = &list->shards[shard];
    const struct audit_entry *entry = &s->page[s->next++];
    bool has_room = list->n < list->limit, match = audit_list_matches(list, entry);

    list->scanned++;
    if (match && audit_list_is_filtered(list))
        list->total++;
    if (match && !has_room)
        list->has_more = true;
    if (!has_room)
        return;
    if (match)
        list->items[list->n++] = (struct audit_list_item){.shard = shard, .entry = *entry};
    (void)snprintf(list->last.id, sizeof(list->last.id), "%.*s", STR_ARG(entry->id));
    list->last.shard = shard;
}

/* Merges records until the list is complete (STEP_DONE) or a shard's next page is needed
 * (STEP_MORE). has_more is set even if the records that were not examined would not match: only the
 * next list finds that out. */
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

/* Calls audit_list_begin at first, to queue the first reads; each later call reads the replies and
 * merges. Returns STEP_DONE also when p has a problem. count_cmds[0] is NULL once the replies of
 * the first step have been read. */
enum step audit_list_step(struct audit_list *list, struct pipeline *pipeline, struct problem *p)
{
    if (!list->started)
        return audit_list_begin(list, pipeline, p);
    if (pipeline->status != PIPELINE_COMPLETE) {
        problem_unavailable(p, /* retry_after_s */ 1);
        return STEP_DONE;
    }
    if (list->count_cmds[0] && !audit_list_read_first_replies(list, pipeline->arena, p))
        return STEP_DONE;
    list->count_cmds[0] = NULL; /* the replies of the first step have been read */
    return audit_list_read_pages(list, pipeline->arena, p) ? audit_list_merge(list, pipeline)
                                                           : STEP_DONE;
}
