/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/audit_list.h"

#include <stdio.h>

enum { PAGE_FIRST = 8, PAGE_LARGEST = 128 };

/* ---- places ---- */

bool audit_cursor_parse(struct str cursor, struct audit_cursor *ret)
{
    struct audit_cursor place;
    int64_t ms, number;
    struct str rest = cursor, time = str_cut(&rest, '-'), count = str_cut(&rest, '-');

    if (!str_to_int64(time, 0, INT64_MAX, &ms) || !str_to_int64(count, 0, INT64_MAX, &number) ||
        !key_parse_shard(rest, &place.shard))
        return false;
    (void)snprintf(place.id, sizeof(place.id), "%lld-%lld", (long long)ms, (long long)number);
    *ret = place;
    return true;
}

void audit_cursor_print(const struct audit_cursor *place, char ret[AUDIT_CURSOR_SIZE])
{
    (void)snprintf(ret, AUDIT_CURSOR_SIZE, "%s-%02x", place->id, place->shard & 0xff);
}

/* ---- asking ---- */

/* Where the shard goes on. At one id the higher shards come first. */
static struct str start_of(const struct audit_list *l, unsigned shard, struct arena *arena)
{
    const struct audit_list_shard *s = &l->shards[shard];

    if (s->n > 0)
        return arena_printf(arena, "(%.*s", STR_ARG(s->page[s->n - 1].id));
    if (!*l->from.id)
        return STR("+");
    return arena_printf(arena, "%s%s", shard < l->from.shard ? "" : "(", l->from.id);
}

static void ask_shard(struct audit_list *l, unsigned shard, struct pipeline *pipeline)
{
    struct str from = start_of(l, shard, pipeline->arena);

    l->shards[shard].page_cmd = audit_cmd_newest(pipeline, shard, from, (int)l->page_size);
}

static enum step ask_more(struct audit_list *l, struct pipeline *pipeline)
{
    pipeline_clear(pipeline);
    l->page_size = l->page_size >= PAGE_LARGEST ? PAGE_LARGEST : 2 * l->page_size;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        const struct audit_list_shard *s = &l->shards[shard];

        if (s->next == s->n && !s->exhausted)
            ask_shard(l, shard, pipeline);
    }
    return STEP_MORE;
}

static enum step begin(struct audit_list *l, struct pipeline *pipeline, struct problem *p)
{
    l->started = true;
    l->page_size = PAGE_FIRST;
    l->items = arena_array(pipeline->arena, l->limit, sizeof(*l->items));
    if (!l->items) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return STEP_DONE;
    }
    l->last = l->from;
    pipeline_clear(pipeline);
    if (l->user.n > 0)
        l->pseudonym_cmd = audit_cmd_get_pseudonym(pipeline, l->user);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        l->count_cmds[shard] = audit_cmd_count(pipeline, shard);
        ask_shard(l, shard, pipeline);
    }
    return STEP_MORE;
}

/* ---- taking ---- */

static bool is_filtered(const struct audit_list *l)
{
    return l->user.n > 0 || l->resource_type.n > 0;
}

static bool take_head(struct audit_list *l, struct arena *arena, struct problem *p)
{
    struct str pseudonym;
    int64_t count;

    for (unsigned shard = 0; shard < SHARDS && !is_filtered(l); shard++) {
        if (reply_int(l->count_cmds[shard]->reply, &count) != REPLY_OK) {
            reply_problem(l->count_cmds[shard]->reply, p);
            return false;
        }
        l->total += count;
    }
    if (!l->pseudonym_cmd)
        return true;
    if (!audit_parse_pseudonym(l->pseudonym_cmd, &pseudonym, p))
        return false;
    l->pseudonym_cmd = NULL;
    if (pseudonym.n > 0)
        l->actor_text = arena_printf(arena, "student:%.*s", STR_ARG(pseudonym));
    return true;
}

static bool take_page(struct audit_list *l, unsigned shard, struct arena *arena, struct problem *p)
{
    struct audit_list_shard *s = &l->shards[shard];

    s->page = arena_array(arena, l->page_size, sizeof(*s->page));
    s->next = 0;
    if (!s->page) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    if (!audit_parse_entries(s->page_cmd, l->page_size, s->page, &s->n, p))
        return false;
    s->page_cmd = NULL;
    s->exhausted = s->n < l->page_size;
    return true;
}

static bool take_pages(struct audit_list *l, struct arena *arena, struct problem *p)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (l->shards[shard].page_cmd && !take_page(l, shard, arena, p))
            return false;
    }
    return true;
}

/* ---- merging ---- */

static bool matches(const struct audit_list *l, const struct audit_entry *entry)
{
    struct str rest = entry->v[AUDIT_RESOURCE], actor = entry->v[AUDIT_ACTOR];

    if (l->resource_type.n > 0 && !str_equal(str_cut(&rest, '/'), l->resource_type))
        return false;
    return l->user.n == 0 || str_equal(actor, l->user) ||
           (l->actor_text.n > 0 && str_equal(actor, l->actor_text));
}

/* The shard with the newest record that has not been taken; SHARDS: none has any. False: one has to
 * be asked for more first. */
static bool newest(const struct audit_list *l, unsigned *ret_shard)
{
    *ret_shard = SHARDS;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        const struct audit_list_shard *s = &l->shards[shard], *best;

        if (s->next == s->n) {
            if (!s->exhausted)
                return false;
            continue;
        }
        best = *ret_shard < SHARDS ? &l->shards[*ret_shard] : NULL;
        if (!best || stream_id_compare(s->page[s->next].id, best->page[best->next].id) >= 0)
            *ret_shard = shard;
    }
    return true;
}

/* A filter goes on counting when the page is full, as far as it may look. */
static bool enough(const struct audit_list *l)
{
    return is_filtered(l) ? l->scanned >= AUDIT_LIST_SCAN_MAX : l->n == l->limit;
}

static void take(struct audit_list *l, unsigned shard)
{
    struct audit_list_shard *s = &l->shards[shard];
    const struct audit_entry *entry = &s->page[s->next++];
    bool fits = l->n < l->limit, match = matches(l, entry);

    l->scanned++;
    if (match && is_filtered(l))
        l->total++;
    if (match && !fits)
        l->has_more = true;
    if (!fits)
        return;
    if (match)
        l->items[l->n++] = (struct audit_list_item){.shard = shard, .entry = *entry};
    (void)snprintf(l->last.id, sizeof(l->last.id), "%.*s", STR_ARG(entry->id));
    l->last.shard = shard;
}

static enum step merge(struct audit_list *l, struct pipeline *pipeline)
{
    unsigned shard;

    while (newest(l, &shard)) {
        if (shard == SHARDS)
            return STEP_DONE;
        if (enough(l)) {
            l->has_more = true;
            return STEP_DONE;
        }
        take(l, shard);
    }
    if (!enough(l))
        return ask_more(l, pipeline);
    l->has_more = true;
    return STEP_DONE;
}

enum step audit_list_step(struct audit_list *l, struct pipeline *pipeline, struct problem *p)
{
    if (!l->started)
        return begin(l, pipeline, p);
    if (pipeline->status != PIPELINE_COMPLETE) {
        problem_unavailable(p, 1);
        return STEP_DONE;
    }
    if (l->count_cmds[0] && !take_head(l, pipeline->arena, p))
        return STEP_DONE;
    l->count_cmds[0] = NULL;
    return take_pages(l, pipeline->arena, p) ? merge(l, pipeline) : STEP_DONE;
}
