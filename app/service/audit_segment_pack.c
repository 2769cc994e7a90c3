/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The records are in columns, because the values of one column are alike, which makes the text
 * short when it is compressed. Ids are in the first column, as the time in ms since that of the
 * record before, and the number, if it is not 0. The second one is the time in ms from the first to
 * the last access of a counted record, else empty. The actor is "=" where it is the student that
 * the record is about. */
#include "app/service/audit_segment_pack.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/base/buf.h"
#include "app/base/compress.h"
#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/store/keys.h"

enum {
    TEXT_MAX = 4 << 20, /* bytes of a segment's text: far more than 256 records have */
};

/* The columns after ids and times, in this order; the random ones first. */
static const enum audit_field columns[AUDIT_FIELDS] = {
    AUDIT_COUNT,  AUDIT_SUBJECT,  AUDIT_CORRELATION, AUDIT_ACTOR,   AUDIT_ROLE,
    AUDIT_ACTION, AUDIT_RESOURCE, AUDIT_SUCCESS,     AUDIT_DETAILS,
};

/* ---- ids ---- */

/* Splits an id into its two numbers; a text that is no id is 0-0. */
static void segment_split_id(struct str id, int64_t *ret_ms, int64_t *ret_number)
{
    int64_t ms = 0, number = 0;
    struct str rest = id;

    if (str_to_int64(str_cut(&rest, '-'), 0, INT64_MAX / 2, &ms))
        (void)str_to_int64(rest, 0, INT64_MAX / 2, &number);
    *ret_ms = ms;
    *ret_number = number;
}

/* For qsort. */
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
            segment_split_id(previous, &ms, &number);
            entries[i].id = arena_printf(arena, "%lld-%lld", (long long)ms, (long long)number + 1);
            if (!entries[i].id.p)
                return false;
        }
        previous = entries[i].id;
    }
    return true;
}

/* ---- packing ---- */

/* Writes the columns of ids and of times. */
static void segment_put_times(struct buf *text, const struct audit_entry *entries, size_t n)
{
    int64_t before_ms = 0, ms, number;

    for (size_t i = 0; i < n; i++, before_ms = ms) {
        segment_split_id(entries[i].id, &ms, &number);
        buf_int(text, ms - before_ms);
        if (number != 0)
            buf_printf(text, "-%lld", (long long)number);
        buf_char(text, '\n');
    }
    for (size_t i = 0; i < n; i++) {
        segment_split_id(entries[i].id, &ms, &number);
        if (entries[i].last_ms > 0)
            buf_int(text, entries[i].last_ms > ms ? entries[i].last_ms - ms : 0);
        buf_char(text, '\n');
    }
}

/* Whether the actor of the record is the student that it is about. */
static bool segment_is_self(const struct audit_entry *entry)
{
    struct str actor = entry->v[AUDIT_ACTOR], prefix = STR(AUDIT_ACTOR_STUDENT);

    return entry->v[AUDIT_SUBJECT].n > 0 && str_starts_with(actor, prefix) &&
           str_equal((struct str){actor.p + prefix.n, actor.n - prefix.n}, entry->v[AUDIT_SUBJECT]);
}

/* Writes the text of a segment. */
static void segment_put_text(struct buf *text, const struct audit_key *key, unsigned shard,
                             const struct audit_segment_link *link,
                             const struct audit_entry *entries, size_t n)
{
    buf_printf(text, "%02x\n%lld\n%s\n%s\n%s\n%zu\n%lld\n", shard & 0xff,
               (long long)link->number + 1, link->head, link->last_id, key->id, n,
               (long long)link->total + (long long)n);
    segment_put_times(text, entries, n);
    for (size_t c = 0; c < AUDIT_FIELDS; c++) {
        for (size_t i = 0; i < n; i++) {
            bool is_self = columns[c] == AUDIT_ACTOR && segment_is_self(&entries[i]);

            buf_str(text, is_self ? AUDIT_ACTOR_SELF : entries[i].v[columns[c]]);
            buf_char(text, '\n');
        }
    }
}

void audit_segment_compute_head(const struct audit_key *key, struct str text,
                                char ret_head[AUDIT_HEAD_SIZE])
{
    unsigned char digest[DIGEST_SIZE];

    digest_hmac(key->secret, text, digest);
    hex_print(digest, DIGEST_SIZE, ret_head);
}

/* For qsort. */
static int segment_compare_names(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Returns the pseudonyms of the students that the records are about or who are their actors, each
 * once. NULL: out of memory. */
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
                        const struct audit_segment_link *link, const struct audit_entry *entries,
                        size_t n, struct audit_segment *ret, struct audit_segment_link *ret_link)
{
    struct audit_segment_link next = {.number = link->number + 1,
                                      .total = link->total + (int64_t)n};
    struct audit_segment segment = {
        .id = entries[n - 1].id, .valid = true, .count = (int64_t)n, .total = next.total};
    struct buf text;

    buf_init(&text, arena);
    (void)buf_reserve(&text, 256 + n * 160); /* a failure is in text.failed */
    segment_put_text(&text, key, shard, link, entries, n);
    if (text.failed)
        return false;
    segment.packed = compress(arena, DICTIONARY_AUDIT, buf_view(&text));
    segment.students = segment_students(arena, entries, n, &segment.student_count);
    digest_hmac(key->secret, buf_view(&text), next.raw_head);
    hex_print(next.raw_head, AUDIT_SEGMENT_HEAD, next.head);
    (void)snprintf(next.last_id, sizeof(next.last_id), "%.*s", STR_ARG(segment.id));
    segment.head = arena_copy(arena, (struct str){(const char *)next.raw_head, AUDIT_SEGMENT_HEAD});
    *ret = segment;
    *ret_link = next;
    return segment.packed.p && segment.head.p && segment.students;
}

/* ---- reading ---- */

/* Cuts the next line off the text. False: there is none. */
static bool segment_cut_line(struct str *text, struct str *ret)
{
    if (text->n == 0)
        return false;
    *ret = str_cut(text, '\n');
    return true;
}

/* Reads the lines before the columns. */
static bool segment_read_header(struct str *text, struct audit_segment_text *ret)
{
    struct str lines[7];
    int64_t n;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!segment_cut_line(text, &lines[i]))
            return false;
    }
    ret->previous_head = lines[2];
    ret->previous_id = lines[3];
    ret->key_id = lines[4];
    if (!key_parse_shard(lines[0], &ret->shard) ||
        !str_to_int64(lines[1], 1, INT64_MAX - 1, &ret->link.number) ||
        !str_to_int64(lines[5], 1, AUDIT_SEGMENT_RECORDS, &n) ||
        !str_to_int64(lines[6], 1, INT64_MAX / 2, &ret->link.total) ||
        ret->previous_head.n >= AUDIT_HEAD_SIZE || ret->previous_id.n >= STREAM_ID_SIZE)
        return false;
    ret->n = (size_t)n;
    return true;
}

/* Reads the columns of ids and of times. */
static bool segment_read_times(struct str *text, struct arena *arena,
                               struct audit_segment_text *segment)
{
    int64_t ms = 0, part, number;
    struct str line;

    for (size_t i = 0; i < segment->n; i++) {
        if (!segment_cut_line(text, &line) ||
            !str_to_int64(str_cut(&line, '-'), 0, INT64_MAX / 2 - ms, &part))
            return false;
        number = 0;
        if (line.n > 0 && !str_to_int64(line, 1, INT64_MAX / 2, &number))
            return false;
        ms += part;
        segment->entries[i].id = arena_printf(arena, "%lld-%lld", (long long)ms, (long long)number);
        if (!segment->entries[i].id.p)
            return false;
    }
    for (size_t i = 0; i < segment->n; i++) {
        if (!segment_cut_line(text, &line))
            return false;
        if (line.n == 0)
            continue;
        segment_split_id(segment->entries[i].id, &ms, &number);
        if (!str_to_int64(line, 0, INT64_MAX / 2 - ms, &part))
            return false;
        segment->entries[i].last_ms = ms + part;
    }
    return true;
}

/* Writes the actor of each record that has "=". */
static bool segment_name_actors(struct arena *arena, struct audit_segment_text *segment)
{
    for (size_t i = 0; i < segment->n; i++) {
        struct audit_entry *entry = &segment->entries[i];

        if (!str_equal(entry->v[AUDIT_ACTOR], AUDIT_ACTOR_SELF))
            continue;
        entry->v[AUDIT_ACTOR] =
            arena_printf(arena, AUDIT_ACTOR_STUDENT "%.*s", STR_ARG(entry->v[AUDIT_SUBJECT]));
        if (!entry->v[AUDIT_ACTOR].p)
            return false;
    }
    return true;
}

bool audit_segment_unpack(struct arena *arena, const struct audit_segment *segment,
                          struct audit_segment_text *ret)
{
    struct audit_segment_text found = {.n = 0};
    struct str rest;

    if (!segment->valid || segment->head.n != AUDIT_SEGMENT_HEAD ||
        !decompress(arena, DICTIONARY_AUDIT, segment->packed, TEXT_MAX, &found.text))
        return false;
    rest = found.text;
    if (!segment_read_header(&rest, &found) || (int64_t)found.n != segment->count ||
        found.link.total != segment->total)
        return false;
    found.entries = arena_array(arena, found.n, sizeof(*found.entries));
    if (!found.entries || !segment_read_times(&rest, arena, &found))
        return false;
    for (size_t c = 0; c < AUDIT_FIELDS; c++) {
        for (size_t i = 0; i < found.n; i++) {
            if (!segment_cut_line(&rest, &found.entries[i].v[columns[c]]))
                return false;
            found.entries[i].valid = true;
        }
    }
    memcpy(found.link.raw_head, segment->head.p, AUDIT_SEGMENT_HEAD);
    hex_print(found.link.raw_head, AUDIT_SEGMENT_HEAD, found.link.head);
    (void)snprintf(found.link.last_id, sizeof(found.link.last_id), "%.*s",
                   STR_ARG(found.entries[found.n - 1].id));
    if (rest.n > 0 || !str_equal(str_of(found.link.last_id), segment->id) ||
        !segment_name_actors(arena, &found))
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
