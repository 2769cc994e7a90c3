/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/audit_list.h"

#include <stdio.h>

enum { PAGE_FIRST = 8, PAGE_LARGEST = 128 };

/* ---- places ---- */

bool audit_place_read(struct str cursor, struct audit_place *ret)
{
    struct audit_place place;
    int64_t ms, number;
    struct str rest = cursor, time = str_cut(&rest, '-'), count = str_cut(&rest, '-');

    if (!str_to_int64(time, 0, INT64_MAX, &ms) || !str_to_int64(count, 0, INT64_MAX, &number) ||
        !key_parse_shard(rest, &place.shard))
        return false;
    (void)snprintf(place.id, sizeof(place.id), "%lld-%lld", (long long)ms, (long long)number);
    *ret = place;
    return true;
}

void audit_place_print(const struct audit_place *place, char ret[AUDIT_CURSOR_SIZE])
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

static void ask_shard(struct audit_list *l, unsigned shard, struct asks *asks)
{
    struct str from = start_of(l, shard, asks->arena);

    l->shards[shard].asked = audit_ask_newest(asks, shard, from, (int)l->page_size);
}

static enum step ask_more(struct audit_list *l, struct asks *asks)
{
    asks_clear(asks);
    l->page_size = l->page_size >= PAGE_LARGEST ? PAGE_LARGEST : 2 * l->page_size;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        const struct audit_list_shard *s = &l->shards[shard];

        if (s->next == s->n && !s->ended)
            ask_shard(l, shard, asks);
    }
    return STEP_MORE;
}

static enum step begin(struct audit_list *l, struct asks *asks, struct problem *p)
{
    l->begun = true;
    l->page_size = PAGE_FIRST;
    l->found = arena_array(asks->arena, l->limit, sizeof(*l->found));
    if (!l->found) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return STEP_DONE;
    }
    l->last = l->from;
    asks_clear(asks);
    if (l->user.n > 0)
        l->pseudonym = audit_ask_pseudonym(asks, l->user);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        l->counts[shard] = audit_ask_count(asks, shard);
        ask_shard(l, shard, asks);
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
        if (reply_int(l->counts[shard]->reply, &count) != REPLY_THERE) {
            reply_problem(l->counts[shard]->reply, p);
            return false;
        }
        l->total += count;
    }
    if (!l->pseudonym)
        return true;
    if (!audit_read_pseudonym(l->pseudonym, &pseudonym, p))
        return false;
    l->pseudonym = NULL;
    if (pseudonym.n > 0)
        l->acting = arena_printf(arena, "student:%.*s", STR_ARG(pseudonym));
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
    if (!audit_read_entries(s->asked, l->page_size, s->page, &s->n, p))
        return false;
    s->asked = NULL;
    s->ended = s->n < l->page_size;
    return true;
}

static bool take_pages(struct audit_list *l, struct arena *arena, struct problem *p)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (l->shards[shard].asked && !take_page(l, shard, arena, p))
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
           (l->acting.n > 0 && str_equal(actor, l->acting));
}

/* The shard with the newest record that has not been taken; SHARDS: none has any. False: one has to
 * be asked for more first. */
static bool newest(const struct audit_list *l, unsigned *ret_shard)
{
    *ret_shard = SHARDS;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        const struct audit_list_shard *s = &l->shards[shard], *best;

        if (s->next == s->n) {
            if (!s->ended)
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
    return is_filtered(l) ? l->looked_at >= AUDIT_LIST_SCAN_MAX : l->n == l->limit;
}

static void take(struct audit_list *l, unsigned shard)
{
    struct audit_list_shard *s = &l->shards[shard];
    const struct audit_entry *entry = &s->page[s->next++];
    bool fits = l->n < l->limit, match = matches(l, entry);

    l->looked_at++;
    if (match && is_filtered(l))
        l->total++;
    if (match && !fits)
        l->more = true;
    if (!fits)
        return;
    if (match)
        l->found[l->n++] = (struct audit_found){.shard = shard, .entry = *entry};
    (void)snprintf(l->last.id, sizeof(l->last.id), "%.*s", STR_ARG(entry->id));
    l->last.shard = shard;
}

static enum step merge(struct audit_list *l, struct asks *asks)
{
    unsigned shard;

    while (newest(l, &shard)) {
        if (shard == SHARDS)
            return STEP_DONE;
        if (enough(l)) {
            l->more = true;
            return STEP_DONE;
        }
        take(l, shard);
    }
    if (!enough(l))
        return ask_more(l, asks);
    l->more = true;
    return STEP_DONE;
}

enum step audit_list_step(struct audit_list *l, struct asks *asks, struct problem *p)
{
    if (!l->begun)
        return begin(l, asks, p);
    if (asks->status != ASKS_ANSWERED) {
        problem_unavailable(p, 1);
        return STEP_DONE;
    }
    if (l->counts[0] && !take_head(l, asks->arena, p))
        return STEP_DONE;
    l->counts[0] = NULL;
    return take_pages(l, asks->arena, p) ? merge(l, asks) : STEP_DONE;
}
