/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the first fault in a chain of a shard's audit log. Faults are distinguished by kind as far
 * as possible, because an operator has to find out what was done and when. */
#include "app/service/audit_verify.h"

#include <stdio.h>

const char *const audit_fault_texts[AUDIT_FAULTS] = {
    [AUDIT_INTACT] = "is intact",
    [AUDIT_CHANGED] = "was changed",
    [AUDIT_REMOVED] = "was removed",
    [AUDIT_INSERTED] = "was inserted",
    [AUDIT_REORDERED] = "was moved: it has the content of another record",
    [AUDIT_SEAL_CHANGED] = "was changed",
    [AUDIT_SEAL_REMOVED] = "follows a seal that was removed",
    [AUDIT_SEAL_MOVED] = "is in the wrong place",
    [AUDIT_FORKED] =
        "was built on the same seal as the one before it: two workers sealed at the same time",
    [AUDIT_START_TRUNCATED] =
        "is the first, but the records before it were too young for retention to remove",
    [AUDIT_END_TRUNCATED] =
        "is the last, but there were later ones: the end of the chain was removed",
    [AUDIT_REPLACED] = "has another head than was recorded elsewhere: the chain was made anew",
    [AUDIT_UNSEALED] = "is not under a seal: check that a worker is running",
    [AUDIT_LINE_BROKEN] = "is followed by a line of the archive that is no segment",
    [AUDIT_NO_KEY] = "was made with a key that is not in AUDIT_KEY: add that key",
    [AUDIT_NO_MEMORY] = "could not be checked: out of memory",
};

/* How much longer than the worker may take (seal_s) a record may be without a seal before this is a
 * fault. A minute is more than any normal delay of a worker that runs. */
static const int64_t AUDIT_UNSEALED_MAX_MS = 60000;
/* The largest expected difference between two clocks: that of the worker which removed old records,
 * and that of the program which verifies the chain. */
static const int64_t AUDIT_CLOCK_SLACK_MS = INT64_C(3600000);

/* Sets the fault that was found in a seal or segment, and its id. Always returns false, so that a
 * caller can return the result. */
static bool audit_seal_fault(struct audit_check *check, enum audit_fault fault, struct str id)
{
    check->fault = fault;
    check->is_record = false;
    (void)snprintf(check->id, sizeof(check->id), "%.*s", STR_ARG(id));
    return false;
}

/* Sets the fault that was found in an audit record, and the record's id. Always returns false. */
static bool audit_record_fault(struct audit_check *check, enum audit_fault fault, struct str id)
{
    (void)audit_seal_fault(check, fault, id);
    check->is_record = true;
    return false;
}

/* ---- seals ---- */

/* What a seal or segment says about its place in the chain. */
struct audit_place {
    struct str id;
    int64_t number;
    struct str previous_head, previous_last; /* head and last record of the one before */
};

/* Checks the oldest seal or segment that still exists. If its number is 1, it must name none before
 * it. If its number is larger, retention must have removed those before it, so the last record
 * before it must be older than retention keeps records. */
static bool audit_check_first(struct audit_check *check, const struct audit_place *place)
{
    bool has_no_previous = place->previous_head.n == 0 && place->previous_last.n == 0;
    int64_t before_ms;

    if (place->number == 1)
        return has_no_previous || audit_seal_fault(check, AUDIT_SEAL_MOVED, place->id);
    if (!stream_id_time(place->previous_last, &before_ms) ||
        before_ms > check->retained_since_ms + AUDIT_CLOCK_SLACK_MS)
        return audit_seal_fault(check, AUDIT_START_TRUNCATED, place->id);
    return true;
}

/* Checks that the seal or segment follows the one that was checked before: its number is the next
 * one, and it names the other's head and last record. The same number and the same previous head
 * are a fork of the chain. */
static bool audit_check_place(struct audit_check *check, const struct audit_place *place)
{
    if (check->link.seal_number == 0)
        return audit_check_first(check, place);
    if (place->number == check->link.seal_number + 1 &&
        str_equal(place->previous_head, str_of(check->link.head)) &&
        str_equal(place->previous_last, str_of(check->link.last_record_id)))
        return true;
    if (place->number == check->link.seal_number &&
        str_equal(place->previous_head, str_of(check->previous_head)))
        return audit_seal_fault(check, AUDIT_FORKED, place->id);
    return audit_seal_fault(
        check, place->number > check->link.seal_number + 1 ? AUDIT_SEAL_REMOVED : AUDIT_SEAL_MOVED,
        place->id);
}

/* Makes the seal or segment the one that the next must follow, and counts it. */
static void audit_check_advance(struct audit_check *check, const struct audit_place *place,
                                const struct audit_link *link)
{
    (void)snprintf(check->previous_head, sizeof(check->previous_head), "%.*s",
                   STR_ARG(place->previous_head));
    check->link = *link;
    check->seals++;
}

/* Checks the seal by itself first: its form, its key, and its head, which is computed again. Then
 * checks its position in the chain. An intact seal becomes the one that the next must follow. */
bool audit_check_seal(struct audit_check *check, const struct audit_seal *seal, struct arena *arena)
{
    const struct audit_key *key = audit_keys_find(check->keys, seal->v[SEAL_KEY]);
    char head[AUDIT_HEAD_SIZE];
    struct audit_link link;
    struct audit_place place;

    if (!audit_link_from_seal(seal, &link))
        return audit_seal_fault(check, AUDIT_SEAL_CHANGED, seal->id);
    if (!key)
        return audit_seal_fault(check, AUDIT_NO_KEY, seal->id);
    if (!audit_seal_head(arena, key, check->shard, seal->v, head))
        return audit_seal_fault(check, AUDIT_NO_MEMORY, seal->id);
    if (strcmp(head, link.head) != 0)
        return audit_seal_fault(check, AUDIT_SEAL_CHANGED, seal->id);
    place = (struct audit_place){seal->id, link.seal_number, seal->v[SEAL_PREVIOUS_HEAD],
                                 seal->v[SEAL_PREVIOUS_LAST]};
    if (!audit_check_place(check, &place))
        return false;
    audit_check_advance(check, &place, &link);
    return true;
}

/* ---- segments ---- */

/* Returns AUDIT_INTACT if the head of the segment is the HMAC of its text with one of the keys that
 * it may mean: the segment has only the first digits of the key's id. Otherwise returns
 * AUDIT_SEAL_CHANGED, or AUDIT_NO_KEY if no id of a key begins with these digits. */
static enum audit_fault audit_check_segment_head(const struct audit_check *check,
                                                 const struct audit_segment_text *values,
                                                 struct str text)
{
    enum audit_fault fault = AUDIT_NO_KEY;
    char head[AUDIT_HEAD_SIZE];

    for (size_t i = 0; i < check->keys->n; i++) {
        if (!str_starts_with(str_of(check->keys->v[i].id), values->key_id))
            continue;
        audit_segment_compute_head(&check->keys->v[i], text, head);
        if (strcmp(head, values->link.head) == 0)
            return AUDIT_INTACT;
        fault = AUDIT_SEAL_CHANGED;
    }
    return fault;
}

/* Checks the segment by itself first: its shard, its key, and its head, which is computed again.
 * Then checks its position in the chain. */
bool audit_check_segment_text(struct audit_check *check, const struct audit_segment_text *values,
                              struct str text)
{
    struct str id = str_of(values->link.last_id);
    enum audit_fault fault = AUDIT_SEAL_CHANGED;
    struct audit_link link = {.seal_number = values->link.number};
    struct audit_place place = {id, values->link.number, values->previous_head,
                                values->previous_id};

    if (values->shard == check->shard && values->key_id.n == AUDIT_SEGMENT_KEY_DIGITS)
        fault = audit_check_segment_head(check, values, text);
    if (fault != AUDIT_INTACT)
        return audit_seal_fault(check, fault, id);
    if (!audit_check_place(check, &place))
        return false;
    memcpy(link.head, values->link.head, sizeof(link.head));
    memcpy(link.last_record_id, values->link.last_id, sizeof(link.last_record_id));
    audit_check_advance(check, &place, &link);
    check->records += values->n;
    return true;
}

bool audit_check_segment(struct audit_check *check, const struct audit_segment *segment,
                         struct arena *arena)
{
    struct audit_segment_text values;
    struct str text;

    if (!audit_segment_unpack(arena, segment, &values))
        return audit_seal_fault(check, AUDIT_SEAL_CHANGED, segment->id);
    text = audit_segment_print(arena, &values);
    if (!text.p)
        return audit_seal_fault(check, AUDIT_NO_MEMORY, segment->id);
    return audit_check_segment_text(check, &values, text);
}

bool audit_check_broken_line(struct audit_check *check)
{
    return audit_seal_fault(check, AUDIT_LINE_BROKEN, STR(""));
}

/* ---- records ---- */

/* Cuts the first "ID MAC" off a list "ID MAC ID MAC …". False when the list is empty. */
static bool audit_cut_mac(struct str *list, struct str *ret_id, struct str *ret_mac)
{
    if (list->n == 0)
        return false;
    *ret_id = str_cut(list, ' ');
    *ret_mac = str_cut(list, ' ');
    return true;
}

/* True when the record has the MAC under the key that the seal names. */
static bool audit_has_mac(const struct audit_check *check, const struct audit_seal *seal,
                          const struct audit_entry *entry, struct str mac, struct arena *arena)
{
    char computed[AUDIT_MAC_SIZE];
    const struct audit_key *key = audit_keys_find(check->keys, seal->v[SEAL_KEY]);

    return entry->valid && key && audit_record_mac(arena, key, entry, computed) &&
           str_equal(str_of(computed), mac);
}

/* Sets the fault of a record that does not match the MAC of its id, and returns false. When its
 * content matches the MAC of another id of the seal, the record was moved, else it was changed. */
static bool audit_fault_of_changed(struct audit_check *check, const struct audit_seal *seal,
                                   const struct audit_entry *entry, struct arena *arena)
{
    struct str list = seal->v[SEAL_MACS], mac;
    struct audit_entry moved = *entry;

    while (audit_cut_mac(&list, &moved.id, &mac)) {
        if (audit_has_mac(check, seal, &moved, mac, arena))
            return audit_record_fault(check, AUDIT_REORDERED, entry->id);
    }
    return audit_record_fault(check, AUDIT_CHANGED, entry->id);
}

/* Compares two sorted lists: the ids in the seal, and the stored records. An id on one side only is
 * a removed or an inserted record. order: where the record is relative to the id in the seal:
 * before it (< 0), equal (0), or after it (> 0, also when no records are left). */
bool audit_check_records(struct audit_check *check, const struct audit_seal *seal,
                         const struct audit_entry *entries, size_t n, struct arena *arena)
{
    struct str list = seal->v[SEAL_MACS], id, mac;
    size_t i = 0;

    while (audit_cut_mac(&list, &id, &mac)) {
        int order = i < n ? stream_id_compare(entries[i].id, id) : 1;

        if (order < 0)
            return audit_record_fault(check, AUDIT_INSERTED, entries[i].id);
        if (order > 0)
            return audit_record_fault(check, AUDIT_REMOVED, id);
        if (!audit_has_mac(check, seal, &entries[i], mac, arena))
            return audit_fault_of_changed(check, seal, &entries[i], arena);
        i++;
        check->records++;
    }
    return i == n || audit_record_fault(check, AUDIT_INSERTED, entries[i].id);
}

/* ---- beyond the chain ---- */

/* number, head: those of a seal or segment, as recorded outside the chain. A larger number than
 * that of the last one means that later ones were removed. One before the last cannot be compared
 * any more: the result is then true. These faults concern the whole chain, so they have no id. */
bool audit_check_head(struct audit_check *check, int64_t number, struct str head)
{
    if (number > check->link.seal_number)
        return audit_seal_fault(check, AUDIT_END_TRUNCATED, STR(""));
    if (number == check->link.seal_number && !str_equal(head, str_of(check->link.head)))
        return audit_seal_fault(check, AUDIT_REPLACED, STR(""));
    return true;
}

/* Compares the time in the record's id with now; an id without a readable time is a fault, too. */
bool audit_check_unsealed(struct audit_check *check, const struct audit_entry *oldest,
                          int64_t now_ms, int64_t seal_s)
{
    int64_t at_ms;

    if (stream_id_time(oldest->id, &at_ms) &&
        at_ms > now_ms - seal_s * 1000 - AUDIT_UNSEALED_MAX_MS)
        return true;
    return audit_record_fault(check, AUDIT_UNSEALED, oldest->id);
}
