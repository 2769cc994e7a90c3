/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/audit_verify.h"

#include <stdio.h>

const char *const audit_fault_texts[AUDIT_FAULTS] = {
    [AUDIT_INTACT] = "is sound",
    [AUDIT_CHANGED] = "was changed",
    [AUDIT_REMOVED] = "was removed",
    [AUDIT_INSERTED] = "was inserted",
    [AUDIT_REORDERED] = "was moved: it is another one's content",
    [AUDIT_SEAL_CHANGED] = "was changed",
    [AUDIT_SEAL_REMOVED] = "follows upon one that was removed",
    [AUDIT_SEAL_MOVED] = "does not belong where it stands",
    [AUDIT_FORKED] = "was made upon the same one as the seal before it: there were two sealers",
    [AUDIT_START_TRUNCATED] = "is the first, but what was before it was too young to go",
    [AUDIT_END_TRUNCATED] = "is the last, but there were later ones: the tail was cut off",
    [AUDIT_REPLACED] = "has another head than was noted elsewhere: the chain was made anew",
    [AUDIT_UNSEALED] = "is not under a seal: does a worker run?",
    [AUDIT_NO_KEY] = "was made with a key that is not in AUDIT_KEY",
    [AUDIT_NO_MEMORY] = "could not be checked: out of memory",
};

/* A record is sealed within a second or two while a worker runs. */
static const int64_t UNSEALED_MAX_MS = 60000;
/* Retention runs once a day, by the worker's own clock. */
static const int64_t SLACK_MS = INT64_C(3600000);

static bool find(struct audit_check *c, enum audit_fault fault, bool of_record, struct str id)
{
    c->fault = fault;
    c->is_record = of_record;
    (void)snprintf(c->id, sizeof(c->id), "%.*s", STR_ARG(id));
    return false;
}

/* ---- seals ---- */

/* The first one that is there: what it follows upon may have gone for its age, and for nothing
 * else. */
static bool check_first(struct audit_check *c, const struct audit_seal *seal, int64_t number)
{
    bool first = seal->v[SEAL_PREVIOUS_HEAD].n == 0 && seal->v[SEAL_PREVIOUS_LAST].n == 0;
    int64_t before_ms;

    if (number == 1)
        return first || find(c, AUDIT_SEAL_MOVED, false, seal->id);
    if (!stream_id_time(seal->v[SEAL_PREVIOUS_LAST], &before_ms) ||
        before_ms > c->retained_since_ms + SLACK_MS)
        return find(c, AUDIT_START_TRUNCATED, false, seal->id);
    return true;
}

static bool check_place(struct audit_check *c, const struct audit_seal *seal, int64_t number)
{
    if (c->link.seal_number == 0)
        return check_first(c, seal, number);
    if (number == c->link.seal_number + 1 &&
        str_equal(seal->v[SEAL_PREVIOUS_HEAD], str_of(c->link.head)) &&
        str_equal(seal->v[SEAL_PREVIOUS_LAST], str_of(c->link.last_record_id)))
        return true;
    if (number == c->link.seal_number &&
        str_equal(seal->v[SEAL_PREVIOUS_HEAD], str_of(c->previous_head)))
        return find(c, AUDIT_FORKED, false, seal->id);
    return find(c, number > c->link.seal_number + 1 ? AUDIT_SEAL_REMOVED : AUDIT_SEAL_MOVED, false,
                seal->id);
}

bool audit_check_seal(struct audit_check *c, const struct audit_seal *seal, struct arena *arena)
{
    const struct audit_key *key = audit_keys_find(c->keys, seal->v[SEAL_KEY]);
    char head[AUDIT_HEAD_SIZE];
    struct audit_link link;

    if (!audit_link_from_seal(seal, &link))
        return find(c, AUDIT_SEAL_CHANGED, false, seal->id);
    if (!key)
        return find(c, AUDIT_NO_KEY, false, seal->id);
    if (!audit_seal_head(arena, key, c->shard, seal->v, head))
        return find(c, AUDIT_NO_MEMORY, false, seal->id);
    if (strcmp(head, link.head) != 0)
        return find(c, AUDIT_SEAL_CHANGED, false, seal->id);
    if (!check_place(c, seal, link.seal_number))
        return false;
    (void)snprintf(c->previous_head, sizeof(c->previous_head), "%.*s",
                   STR_ARG(seal->v[SEAL_PREVIOUS_HEAD]));
    c->link = link;
    c->seals++;
    return true;
}

/* ---- records ---- */

/* The next of a seal's "ID MAC ID MAC ..."; false at its end. */
static bool next_sealed(struct str *list, struct str *ret_id, struct str *ret_mac)
{
    if (list->n == 0)
        return false;
    *ret_id = str_cut(list, ' ');
    *ret_mac = str_cut(list, ' ');
    return true;
}

static bool has_mac(const struct audit_check *c, const struct audit_seal *seal,
                    const struct audit_entry *entry, struct str mac, struct arena *arena)
{
    char own[AUDIT_MAC_SIZE];
    const struct audit_key *key = audit_keys_find(c->keys, seal->v[SEAL_KEY]);

    return entry->valid && key && audit_record_mac(arena, key, entry, own) &&
           str_equal(str_of(own), mac);
}

/* Not what was sealed under this id: is it what was sealed under another? */
static bool find_changed(struct audit_check *c, const struct audit_seal *seal,
                         const struct audit_entry *entry, struct arena *arena)
{
    struct str list = seal->v[SEAL_MACS], mac;
    struct audit_entry moved = *entry;

    while (next_sealed(&list, &moved.id, &mac)) {
        if (has_mac(c, seal, &moved, mac, arena))
            return find(c, AUDIT_REORDERED, true, entry->id);
    }
    return find(c, AUDIT_CHANGED, true, entry->id);
}

bool audit_check_records(struct audit_check *c, const struct audit_seal *seal,
                         const struct audit_entry *entries, size_t n, struct arena *arena)
{
    struct str list = seal->v[SEAL_MACS], id, mac;
    size_t i = 0;

    while (next_sealed(&list, &id, &mac)) {
        int order = i < n ? stream_id_compare(entries[i].id, id) : 1;

        if (order < 0)
            return find(c, AUDIT_INSERTED, true, entries[i].id);
        if (order > 0)
            return find(c, AUDIT_REMOVED, true, id);
        if (!has_mac(c, seal, &entries[i], mac, arena))
            return find_changed(c, seal, &entries[i], arena);
        i++;
        c->records++;
    }
    return i == n || find(c, AUDIT_INSERTED, true, entries[i].id);
}

/* ---- what is known from elsewhere ---- */

bool audit_check_head(struct audit_check *c, int64_t number, struct str head)
{
    if (number > c->link.seal_number)
        return find(c, AUDIT_END_TRUNCATED, false, STR(""));
    if (number == c->link.seal_number && !str_equal(head, str_of(c->link.head)))
        return find(c, AUDIT_REPLACED, false, STR(""));
    return true;
}

bool audit_check_unsealed(struct audit_check *c, const struct audit_entry *oldest, int64_t now_ms)
{
    int64_t at_ms;

    if (stream_id_time(oldest->id, &at_ms) && at_ms > now_ms - UNSEALED_MAX_MS)
        return true;
    return find(c, AUDIT_UNSEALED, true, oldest->id);
}
