/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The records are in columns. The first one has the ids: the time as ms since the record before (of
 * the first record, since the epoch) and, if it is not 0, a dash and the number. The second column
 * has, for a count of accesses, the time in ms from the first access to the last, else it is empty.
 * The actor is "=" where it is the student that the record is about. */
#include "app/service/audit_segment_text.h"

#include <stdio.h>

#include "app/base/buf.h"
#include "app/store/keys.h"

/* The columns after ids and times, in this order. */
static const enum audit_field columns[AUDIT_FIELDS] = {
    AUDIT_COUNT,  AUDIT_SUBJECT,  AUDIT_CORRELATION, AUDIT_ACTOR,   AUDIT_ROLE,
    AUDIT_ACTION, AUDIT_RESOURCE, AUDIT_SUCCESS,     AUDIT_DETAILS,
};

void audit_segment_split_id(struct str id, int64_t *ret_ms, int64_t *ret_number)
{
    int64_t ms = 0, number = 0;
    struct str rest = id;

    if (str_to_int64(str_cut(&rest, '-'), 0, INT64_MAX / 2, &ms))
        (void)str_to_int64(rest, 0, INT64_MAX / 2, &number);
    *ret_ms = ms;
    *ret_number = number;
}

/* ---- printing ---- */

/* Writes the first two columns: ids, and times from first to last access. */
static void text_put_times(struct buf *text, const struct audit_entry *entries, size_t n)
{
    int64_t before_ms = 0, ms, number;

    for (size_t i = 0; i < n; i++, before_ms = ms) {
        audit_segment_split_id(entries[i].id, &ms, &number);
        buf_int(text, ms - before_ms);
        if (number != 0)
            buf_printf(text, "-%lld", (long long)number);
        buf_char(text, '\n');
    }
    for (size_t i = 0; i < n; i++) {
        audit_segment_split_id(entries[i].id, &ms, &number);
        if (entries[i].last_ms > 0)
            buf_int(text, entries[i].last_ms - ms);
        buf_char(text, '\n');
    }
}

struct str audit_segment_actor(const struct audit_entry *entry)
{
    struct str actor = entry->v[AUDIT_ACTOR], prefix = STR(AUDIT_ACTOR_STUDENT);
    bool is_self =
        entry->v[AUDIT_SUBJECT].n > 0 && str_starts_with(actor, prefix) &&
        str_equal((struct str){actor.p + prefix.n, actor.n - prefix.n}, entry->v[AUDIT_SUBJECT]);

    return is_self ? AUDIT_ACTOR_SELF : actor;
}

struct str audit_segment_print(struct arena *arena, const struct audit_segment_text *segment)
{
    struct buf text;

    buf_init(&text, arena);
    (void)buf_reserve(&text, 256 + segment->n * 160); /* a failure is in text.failed */
    buf_printf(&text, "%02x\n%lld\n%.*s\n%.*s\n%.*s\n%zu\n%lld\n", segment->shard & 0xff,
               (long long)segment->link.number, STR_ARG(segment->previous_head),
               STR_ARG(segment->previous_id), STR_ARG(segment->key_id), segment->n,
               (long long)segment->link.total);
    text_put_times(&text, segment->entries, segment->n);
    for (size_t c = 0; c < AUDIT_FIELDS; c++) {
        for (size_t i = 0; i < segment->n; i++) {
            const struct audit_entry *entry = &segment->entries[i];

            buf_str(&text,
                    columns[c] == AUDIT_ACTOR ? audit_segment_actor(entry) : entry->v[columns[c]]);
            buf_char(&text, '\n');
        }
    }
    return text.failed ? (struct str){0} : buf_view(&text);
}

/* ---- reading ---- */

/* Cuts the next line off the text. False: there is none. */
static bool text_cut_line(struct str *text, struct str *ret)
{
    if (text->n == 0)
        return false;
    *ret = str_cut(text, '\n');
    return true;
}

/* Reads the lines before the columns: shard, number of the segment, head and last id of the segment
 * before, first digits of the key's id, number of records, number of all records so far. */
static bool text_read_header(struct str *text, struct audit_segment_text *ret)
{
    struct str lines[7];
    int64_t n;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!text_cut_line(text, &lines[i]))
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

/* Reads the first two columns: ids, and times from first to last access. */
static bool text_read_times(struct str *text, struct arena *arena,
                            struct audit_segment_text *segment)
{
    int64_t ms = 0, part, number;
    struct str line;

    for (size_t i = 0; i < segment->n; i++) {
        if (!text_cut_line(text, &line) ||
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
        if (!text_cut_line(text, &line))
            return false;
        if (line.n == 0)
            continue;
        audit_segment_split_id(segment->entries[i].id, &ms, &number);
        if (!str_to_int64(line, 0, INT64_MAX / 2 - ms, &part))
            return false;
        segment->entries[i].last_ms = ms + part;
    }
    return true;
}

bool audit_segment_name_actors(struct arena *arena, struct audit_segment_text *segment)
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

bool audit_segment_parse_text(struct arena *arena, struct str text, struct audit_segment_text *ret)
{
    struct audit_segment_text found = {.n = 0};

    if (!text_read_header(&text, &found))
        return false;
    found.entries = arena_zalloc(arena, found.n * sizeof(*found.entries));
    if (!found.entries || !text_read_times(&text, arena, &found))
        return false;
    for (size_t c = 0; c < AUDIT_FIELDS; c++) {
        for (size_t i = 0; i < found.n; i++) {
            if (!text_cut_line(&text, &found.entries[i].v[columns[c]]))
                return false;
            found.entries[i].valid = true;
        }
    }
    (void)snprintf(found.link.last_id, sizeof(found.link.last_id), "%.*s",
                   STR_ARG(found.entries[found.n - 1].id));
    if (text.n > 0 || !audit_segment_name_actors(arena, &found))
        return false;
    *ret = found;
    return true;
}
