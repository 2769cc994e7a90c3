/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A segment is packed from its text's values (audit_segment_text.h) into few bytes
 * (audit_segment_code.h), which are compressed. */
#include "app/service/audit_segment_pack.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/base/compress.h"
#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/service/audit_segment_code.h"

enum {
    BYTES_MAX = 4 << 20, /* most bytes of a segment, decompressed: far more than 256 records have */
};

/* ---- order ---- */

/* Compares two records by their ids, for qsort. */
static int segment_compare_entries(const void *a, const void *b)
{
    const struct audit_entry *first = a, *second = b;

    return stream_id_compare(first->id, second->id);
}

bool audit_segment_order(struct arena *arena, const struct audit_segment_link *link,
                         struct audit_entry *entries, size_t n)
{
    struct str previous = str_of(link->last_id);
    int64_t ms, number;

    qsort(entries, n, sizeof(*entries), segment_compare_entries);
    for (size_t i = 0; i < n; i++) {
        if (previous.n > 0 && stream_id_compare(entries[i].id, previous) <= 0) {
            audit_segment_split_id(previous, &ms, &number);
            entries[i].id = arena_printf(arena, "%lld-%lld", (long long)ms, (long long)number + 1);
            if (!entries[i].id.p)
                return false;
        }
        previous = entries[i].id;
    }
    return true;
}

/* Changes the records to what a segment can store. A number of accesses that is no number, because
 * another program has written it, becomes 0. A count of accesses (last_ms > 0) loses the id of its
 * request. The time of its last access becomes that of the first if it is earlier, or if the count
 * is 1. */
static bool segment_normalize(struct arena *arena, struct audit_entry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct audit_entry *entry = &entries[i];
        int64_t ms, number, count = 0;

        audit_segment_split_id(entry->id, &ms, &number);
        (void)str_to_int64(entry->v[AUDIT_COUNT], 0, INT64_MAX / 2, &count);
        entry->v[AUDIT_COUNT] = arena_printf(arena, "%lld", (long long)count);
        if (!entry->v[AUDIT_COUNT].p)
            return false;
        if (entry->last_ms == 0)
            continue;
        entry->v[AUDIT_CORRELATION] = STR("");
        if (entry->last_ms < ms || count == 1)
            entry->last_ms = ms;
    }
    return true;
}

/* ---- packing ---- */

void audit_segment_compute_head(const struct audit_key *key, struct str text,
                                char ret_head[AUDIT_HEAD_SIZE])
{
    unsigned char digest[DIGEST_SIZE];

    digest_hmac(key->secret, text, digest);
    hex_print(digest, AUDIT_SEGMENT_HEAD, ret_head);
}

/* Computes the head of the segment from its text and stores it in segment->link, as bytes and in
 * hex. False: out of memory. */
static bool segment_set_head(struct arena *arena, const struct audit_key *key,
                             struct audit_segment_text *segment)
{
    unsigned char digest[DIGEST_SIZE];
    struct str text = audit_segment_print(arena, segment);

    if (!text.p)
        return false;
    digest_hmac(key->secret, text, digest);
    memcpy(segment->link.raw_head, digest, AUDIT_SEGMENT_HEAD);
    hex_print(digest, AUDIT_SEGMENT_HEAD, segment->link.head);
    return true;
}

/* Compares two pseudonyms, for qsort. */
static int segment_compare_names(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Returns the pseudonyms of the students that the records are about or who are their actors, each
 * once. *ret_count: their number. NULL: out of memory. */
static const struct str *segment_students(struct arena *arena, const struct audit_entry *entries,
                                          size_t n, size_t *ret_count)
{
    static const struct str prefix = STR_INIT(AUDIT_ACTOR_STUDENT);
    struct str *names = arena_array(arena, 2 * n, sizeof(*names));
    size_t count = 0, kept = 0;

    for (size_t i = 0; names && i < n; i++) {
        struct str actor = entries[i].v[AUDIT_ACTOR];

        if (entries[i].v[AUDIT_SUBJECT].n > 0)
            names[count++] = entries[i].v[AUDIT_SUBJECT];
        if (str_starts_with(actor, prefix) && actor.n > prefix.n)
            names[count++] = (struct str){actor.p + prefix.n, actor.n - prefix.n};
    }
    if (names)
        qsort(names, count, sizeof(*names), segment_compare_names);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !str_equal(names[i], names[kept - 1]))
            names[kept++] = names[i];
    }
    *ret_count = kept;
    return names;
}

bool audit_segment_pack(struct arena *arena, const struct audit_key *key, unsigned shard,
                        const struct audit_segment_link *link, struct audit_entry *entries,
                        size_t n, struct audit_segment *ret, struct audit_segment_link *ret_link)
{
    struct audit_segment_text text = {
        .shard = shard,
        .link = {.number = link->number + 1, .total = link->total + (int64_t)n},
        .previous_head = str_of(link->head),
        .previous_id = str_of(link->last_id),
        .key_id = {key->id, AUDIT_SEGMENT_KEY_DIGITS},
        .entries = entries,
        .n = n};
    struct audit_segment segment = {
        .id = entries[n - 1].id, .valid = true, .count = (int64_t)n, .total = text.link.total};
    struct str bytes;

    (void)snprintf(text.link.last_id, sizeof(text.link.last_id), "%.*s", STR_ARG(segment.id));
    if (!segment_normalize(arena, entries, n) || !segment_set_head(arena, key, &text))
        return false;
    bytes = audit_segment_encode(arena, &text);
    if (!bytes.p)
        return false;
    segment.packed = compress(arena, DICTIONARY_AUDIT, bytes);
    segment.students = segment_students(arena, entries, n, &segment.student_count);
    segment.head =
        arena_copy(arena, (struct str){(const char *)text.link.raw_head, AUDIT_SEGMENT_HEAD});
    *ret = segment;
    *ret_link = text.link;
    return segment.packed.p && segment.head.p && segment.students;
}

/* ---- reading ---- */

bool audit_segment_unpack(struct arena *arena, const struct audit_segment *segment,
                          struct audit_segment_text *ret)
{
    struct audit_segment_text found = {.n = 0};
    struct str bytes;

    if (!segment->valid || segment->head.n != AUDIT_SEGMENT_HEAD || segment->count < 1 ||
        segment->count > AUDIT_SEGMENT_RECORDS || segment->total > INT64_MAX / 2 ||
        segment->id.n >= STREAM_ID_SIZE ||
        !decompress(arena, DICTIONARY_AUDIT, segment->packed, BYTES_MAX, &bytes))
        return false;
    found.n = (size_t)segment->count;
    found.link.total = segment->total;
    memcpy(found.link.raw_head, segment->head.p, AUDIT_SEGMENT_HEAD);
    hex_print(found.link.raw_head, AUDIT_SEGMENT_HEAD, found.link.head);
    (void)snprintf(found.link.last_id, sizeof(found.link.last_id), "%.*s", STR_ARG(segment->id));
    if (!audit_segment_decode(arena, bytes, &found) ||
        !str_equal(found.entries[found.n - 1].id, segment->id)) /* segment->id is not MS-NUMBER */
        return false;
    *ret = found;
    return true;
}

/* ---- counts ---- */

bool audit_entry_of_count(struct arena *arena, const struct audit_counted_read *read,
                          struct audit_entry *ret)
{
    const struct audit_record *record = &read->record;
    struct str actor = record->actor;

    if (!read->valid || record->count == 0)
        return false;
    if (str_equal(actor, AUDIT_ACTOR_SELF))
        actor = arena_printf(arena, AUDIT_ACTOR_STUDENT "%.*s", STR_ARG(read->subject));
    *ret = (struct audit_entry){
        .id = read->id,
        .valid = true,
        .last_ms = read->last_ms,
        .v = {[AUDIT_ACTOR] = actor,
              [AUDIT_ROLE] = record->role,
              [AUDIT_ACTION] = record->action,
              [AUDIT_RESOURCE] = record->resource,
              [AUDIT_SUBJECT] = read->subject,
              [AUDIT_SUCCESS] = record->success ? STR("1") : STR("0"),
              [AUDIT_CORRELATION] = record->correlation_id,
              [AUDIT_DETAILS] = record->details,
              [AUDIT_COUNT] = arena_printf(arena, "%lld", (long long)record->count)}};
    return actor.p && ret->v[AUDIT_COUNT].p;
}
