/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers have seven bits in each byte, the lowest first; the highest bit says that another byte
 * follows. What is alike in many records is in two lists, each different value once: the subjects
 * (pseudonyms), and the kinds. A kind is all that is alike in the records of one kind of access:
 * all fields but time, subject, request and count. Each record has a code for its subject and one
 * for its kind: "the next value of the list" where the value occurs for the first time, else the
 * position of the value. The id of the last record is not in the bytes, because the stream's entry
 * has it as its own id. The others are given by their distances to the next one. */
#include "app/service/audit_segment_code.h"

#include <stdio.h>

#include "app/base/buf.h"
#include "app/base/ids.h"
#include "app/base/percent.h"

/* The fields of a kind, in the order of its lines. */
static const enum audit_field kind_fields[] = {AUDIT_ROLE,    AUDIT_ACTION,  AUDIT_RESOURCE,
                                               AUDIT_SUCCESS, AUDIT_DETAILS, AUDIT_ACTOR};
enum {
    KIND_FIELDS = sizeof(kind_fields) / sizeof(kind_fields[0]),
    /* codes of subjects and kinds */
    NO_SUBJECT = 0,  /* a record without subject */
    NEW_SUBJECT = 1, /* the first record with the next subject of the list */
    OLD_SUBJECT = 2, /* OLD_SUBJECT + i: subject i of the list, from 0, which has occurred before */
    NEW_KIND = 0,    /* the first record with the next kind of the list */
    OLD_KIND = 1,    /* OLD_KIND + i: kind i of the list, from 0, which has occurred before */
    KEY_BYTES = AUDIT_SEGMENT_KEY_DIGITS / 2, /* bytes of the key's id that are stored */
    SHORT_DIGITS = 16, /* hexadecimal digits of a pseudonym of this version, stored as bytes */
    LONG_DIGITS = 32,  /* those of a pseudonym that version 0.1.0 made */
};

/* ---- writing ---- */

/* Writes a number, seven bits in each byte. */
static void code_put_number(struct buf *out, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        buf_char(out, (char)(value | 0x80));
    buf_char(out, (char)value);
}

/* Writes a number that may be negative, by zigzag encoding: 0, -1, 1, -2, ... as 0, 1, 2, 3, ... */
static void code_put_signed(struct buf *out, int64_t value)
{
    code_put_number(out, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

/* Writes a text of hexadecimal digits as bytes of two digits each. */
static void code_put_hex(struct buf *out, struct str digits)
{
    for (size_t i = 0; i + 1 < digits.n; i += 2)
        buf_char(out, (char)(hex_digit(digits.p[i]) * 16 + hex_digit(digits.p[i + 1])));
}

/* Writes what precedes the records: shard, number of the segment, bytes of the key's id. For all
 * but the first segment it also writes the head of the segment before, the time in ms from that
 * segment's last id to the first id of this one, and the number in that last id. */
static void code_put_header(struct buf *out, const struct audit_segment_text *segment)
{
    int64_t first_ms, ms, number;

    buf_char(out, (char)segment->shard);
    code_put_number(out, (uint64_t)segment->link.number);
    code_put_hex(out, segment->key_id);
    if (segment->link.number == 1)
        return;
    audit_segment_split_id(segment->entries[0].id, &first_ms, &number);
    audit_segment_split_id(segment->previous_id, &ms, &number);
    code_put_hex(out, segment->previous_head);
    code_put_number(out, (uint64_t)(first_ms - ms));
    code_put_number(out, (uint64_t)number);
}

/* Writes the distances between successive ids (MS-NUMBER): first those of all times, then those of
 * all numbers, less 1 since many numbers rise by 1. */
static void code_put_ids(struct buf *out, const struct audit_segment_text *segment)
{
    int64_t ms, number, next_ms, next_number;

    for (int part = 0; part < 2; part++) {
        for (size_t i = 0; i + 1 < segment->n; i++) {
            audit_segment_split_id(segment->entries[i].id, &ms, &number);
            audit_segment_split_id(segment->entries[i + 1].id, &next_ms, &next_number);
            if (part == 0)
                code_put_number(out, (uint64_t)(next_ms - ms));
            else
                code_put_signed(out, next_number - number - 1);
        }
    }
}

/* Returns how many accesses the record counts; 0 if the field is no number. */
static int64_t code_count_of(const struct audit_entry *entry)
{
    int64_t count = 0;

    (void)str_to_int64(entry->v[AUDIT_COUNT], 0, INT64_MAX / 2, &count);
    return count;
}

/* Writes for each record twice its count, and 1 more if it is a count of accesses (last_ms > 0).
 * Then writes for each of the latter the time in ms from the first access to the last, unless the
 * count is 1. */
static void code_put_counts(struct buf *out, const struct audit_segment_text *segment)
{
    int64_t ms, number;

    for (size_t i = 0; i < segment->n; i++)
        code_put_number(out, 2 * (uint64_t)code_count_of(&segment->entries[i]) +
                                 (segment->entries[i].last_ms > 0));
    for (size_t i = 0; i < segment->n; i++) {
        const struct audit_entry *entry = &segment->entries[i];

        audit_segment_split_id(entry->id, &ms, &number);
        if (entry->last_ms > 0 && code_count_of(entry) != 1)
            code_put_number(out, (uint64_t)(entry->last_ms - ms));
    }
}

/* Whether the pseudonym is stored as bytes: it has 16 or 32 digits, all hexadecimal in lower case.
 */
static bool code_is_hex(struct str subject)
{
    if (subject.n != SHORT_DIGITS && subject.n != LONG_DIGITS)
        return false;
    for (size_t i = 0; i < subject.n; i++) {
        if (hex_digit(subject.p[i]) < 0 || ascii_lower(subject.p[i]) != subject.p[i])
            return false;
    }
    return true;
}

/* The different values (subjects, or kinds) of the records, in the order in which they first occur.
 * Each is represented by the first record that has it. */
struct code_list {
    const struct audit_entry *of[AUDIT_SEGMENT_RECORDS]; /* those records */
    size_t n;                                            /* number of values */
};

/* Whether two records have the same subject. */
static bool code_same_subject(const struct audit_entry *a, const struct audit_entry *b)
{
    return str_equal(a->v[AUDIT_SUBJECT], b->v[AUDIT_SUBJECT]);
}

/* Whether two records are of the same kind. The actor, the last of kind_fields, is compared as a
 * segment has it: "=" for the subject itself. */
static bool code_same_kind(const struct audit_entry *a, const struct audit_entry *b)
{
    for (size_t i = 0; i + 1 < KIND_FIELDS; i++) {
        if (!str_equal(a->v[kind_fields[i]], b->v[kind_fields[i]]))
            return false;
    }
    return str_equal(audit_segment_actor(a), audit_segment_actor(b));
}

/* Returns the position in the list of the record's value. A new value is added at the end of the
 * list: its position is then the length that the list had before. */
static size_t code_find_or_add(struct code_list *list, const struct audit_entry *entry,
                               bool (*same)(const struct audit_entry *, const struct audit_entry *))
{
    size_t i = 0;

    while (i < list->n && !same(list->of[i], entry))
        i++;
    if (i == list->n)
        list->of[list->n++] = entry;
    return i;
}

/* Writes the code of each record's subject, and fills the list of subjects. */
static void code_put_subject_codes(struct buf *out, const struct audit_segment_text *segment,
                                   struct code_list *subjects)
{
    for (size_t i = 0; i < segment->n; i++) {
        size_t known = subjects->n, place;

        if (segment->entries[i].v[AUDIT_SUBJECT].n == 0) {
            code_put_number(out, NO_SUBJECT);
            continue;
        }
        place = code_find_or_add(subjects, &segment->entries[i], code_same_subject);
        code_put_number(out, place == known ? NEW_SUBJECT : OLD_SUBJECT + place);
    }
}

/* Writes the code of each record's kind, and fills the list of kinds. */
static void code_put_kind_codes(struct buf *out, const struct audit_segment_text *segment,
                                struct code_list *kinds)
{
    for (size_t i = 0; i < segment->n; i++) {
        size_t known = kinds->n,
               place = code_find_or_add(kinds, &segment->entries[i], code_same_kind);

        code_put_number(out, place == known ? NEW_KIND : OLD_KIND + place);
    }
}

/* Writes the list of subjects: first the form of each, then all of them. The form of a subject that
 * is stored as bytes is the number of its hexadecimal digits, 16 or 32; that of another text is
 * twice its length, and 1. */
static void code_put_subjects(struct buf *out, const struct code_list *subjects)
{
    for (size_t i = 0; i < subjects->n; i++) {
        struct str subject = subjects->of[i]->v[AUDIT_SUBJECT];

        code_put_number(out, code_is_hex(subject) ? subject.n : 2 * subject.n + 1);
    }
    for (size_t i = 0; i < subjects->n; i++) {
        struct str subject = subjects->of[i]->v[AUDIT_SUBJECT];

        if (code_is_hex(subject))
            code_put_hex(out, subject);
        else
            buf_str(out, subject);
    }
}

/* Writes a line for each field of each kind in the list. Then writes a line with the id of the
 * request of each record that is not a count of accesses. */
static void code_put_texts(struct buf *out, const struct audit_segment_text *segment,
                           const struct code_list *kinds)
{
    for (size_t i = 0; i < kinds->n; i++) {
        for (size_t k = 0; k < KIND_FIELDS; k++) {
            buf_str(out, kind_fields[k] == AUDIT_ACTOR ? audit_segment_actor(kinds->of[i])
                                                       : kinds->of[i]->v[kind_fields[k]]);
            buf_char(out, '\n');
        }
    }
    for (size_t i = 0; i < segment->n; i++) {
        if (segment->entries[i].last_ms > 0)
            continue;
        buf_str(out, segment->entries[i].v[AUDIT_CORRELATION]);
        buf_char(out, '\n');
    }
}

struct str audit_segment_encode(struct arena *arena, const struct audit_segment_text *segment)
{
    struct code_list subjects = {.n = 0}, kinds = {.n = 0};
    struct buf out;

    buf_init(&out, arena);
    (void)buf_reserve(&out, 256 + segment->n * 24); /* a failure is in out.failed */
    code_put_header(&out, segment);
    code_put_ids(&out, segment);
    code_put_counts(&out, segment);
    code_put_subject_codes(&out, segment, &subjects);
    code_put_kind_codes(&out, segment, &kinds);
    code_put_subjects(&out, &subjects);
    code_put_texts(&out, segment, &kinds);
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* ---- reading ---- */

/* Takes the next n bytes: removes them from the start of `bytes`. False: there are fewer. */
static bool code_take(struct str *bytes, uint64_t n, struct str *ret)
{
    if (bytes->n < n)
        return false;
    *ret = (struct str){bytes->p, (size_t)n};
    bytes->p += n;
    bytes->n -= (size_t)n;
    return true;
}

/* Takes a number that code_put_number has written. False: its end is missing, or it has more than
 * ten bytes. */
static bool code_take_number(struct str *bytes, uint64_t *ret)
{
    struct str byte;

    *ret = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (!code_take(bytes, 1, &byte))
            return false;
        *ret |= (uint64_t)(*byte.p & 0x7f) << shift;
        if (!(*byte.p & 0x80))
            return true;
    }
    return false;
}

/* Takes a number. False also if it is greater than max. */
static bool code_take_upto(struct str *bytes, int64_t max, int64_t *ret)
{
    uint64_t value;

    if (!code_take_number(bytes, &value) || value > (uint64_t)max)
        return false;
    *ret = (int64_t)value;
    return true;
}

/* Takes n bytes and writes them as hexadecimal digits. */
static bool code_take_hex(struct arena *arena, struct str *bytes, size_t n, struct str *ret)
{
    struct str raw;
    char *text = arena_alloc(arena, 2 * n + 1);

    if (!text || !code_take(bytes, n, &raw))
        return false;
    hex_print((const unsigned char *)raw.p, n, text);
    *ret = (struct str){text, 2 * n};
    return true;
}

/* Takes a line; *ret is without its line feed. False: there is no line feed. */
static bool code_take_line(struct str *bytes, struct str *ret)
{
    if (bytes->n == 0 || !memchr(bytes->p, '\n', bytes->n))
        return false;
    *ret = str_cut(bytes, '\n');
    return true;
}

/* The last id of the segment before this one. The time in it is relative to the id of the first
 * record, which is not known yet when the header is read. */
struct code_previous {
    int64_t since_ms; /* time from that id to the first record's */
    int64_t number;   /* the number in that id */
};

/* Reads what code_put_header has written. *ret is not set for the first segment, which has none
 * before it. */
static bool code_take_header(struct arena *arena, struct str *bytes,
                             struct audit_segment_text *segment, struct code_previous *ret)
{
    struct str shard;

    if (!code_take(bytes, 1, &shard) ||
        !code_take_upto(bytes, INT64_MAX - 1, &segment->link.number) || segment->link.number == 0 ||
        !code_take_hex(arena, bytes, KEY_BYTES, &segment->key_id))
        return false;
    segment->shard = (unsigned char)*shard.p;
    segment->previous_head = segment->previous_id = STR("");
    return segment->link.number == 1 ||
           (code_take_hex(arena, bytes, AUDIT_SEGMENT_HEAD, &segment->previous_head) &&
            code_take_upto(bytes, INT64_MAX / 2, &ret->since_ms) &&
            code_take_upto(bytes, INT64_MAX / 2, &ret->number));
}

/* Reads the distances of the ids. Computes the ids of the records from them, from the last one
 * back, and then the last id of the segment before. */
static bool code_take_ids(struct arena *arena, struct str *bytes,
                          struct audit_segment_text *segment, const struct code_previous *previous)
{
    int64_t steps_ms[AUDIT_SEGMENT_RECORDS], ms, number;
    uint64_t rises[AUDIT_SEGMENT_RECORDS];

    audit_segment_split_id(str_of(segment->link.last_id), &ms, &number);
    for (size_t i = 0; i + 1 < segment->n; i++) {
        if (!code_take_upto(bytes, INT64_MAX / 2, &steps_ms[i]))
            return false;
    }
    for (size_t i = 0; i + 1 < segment->n; i++) {
        if (!code_take_number(bytes, &rises[i]))
            return false;
    }
    for (size_t i = segment->n; i-- > 0;) {
        if (i + 1 < segment->n) {
            uint64_t rise = (rises[i] >> 1) ^ (rises[i] & 1 ? UINT64_MAX : 0);

            ms -= steps_ms[i];
            number = (int64_t)((uint64_t)number - rise - 1); /* unsigned: no overflow */
        }
        if (ms < 0 || number < 0 || number > INT64_MAX / 2)
            return false;
        segment->entries[i].id = arena_printf(arena, "%lld-%lld", (long long)ms, (long long)number);
        if (!segment->entries[i].id.p)
            return false;
    }
    if (segment->link.number == 1)
        return true;
    segment->previous_id = arena_printf(arena, "%lld-%lld", (long long)(ms - previous->since_ms),
                                        (long long)previous->number);
    return ms >= previous->since_ms && segment->previous_id.p;
}

/* Takes the counts, and then the times of the last access. A number is 2 * count, plus 1 if there
 * is such a time: its distance in ms from the first access, which is left out for a count of 1. */
static bool code_take_counts(struct arena *arena, struct str *bytes,
                             struct audit_segment_text *segment)
{
    int64_t values[AUDIT_SEGMENT_RECORDS], ms, number, span_ms;

    for (size_t i = 0; i < segment->n; i++) {
        if (!code_take_upto(bytes, INT64_MAX, &values[i]))
            return false;
        segment->entries[i].v[AUDIT_COUNT] =
            arena_printf(arena, "%lld", (long long)(values[i] / 2));
        if (!segment->entries[i].v[AUDIT_COUNT].p)
            return false;
    }
    for (size_t i = 0; i < segment->n; i++) {
        struct audit_entry *entry = &segment->entries[i];

        if (values[i] % 2 == 0)
            continue;
        audit_segment_split_id(entry->id, &ms, &number);
        span_ms = 0;
        if (values[i] / 2 != 1 && !code_take_upto(bytes, INT64_MAX / 2 - ms, &span_ms))
            return false;
        entry->last_ms = ms + span_ms;
    }
    return true;
}

/* Takes the n codes of a column, whose different values are in a list in the order in which they
 * first occur. new_code: the next value of the list, which occurs for the first time; old + i:
 * value i of the list again; others have a fixed meaning. *ret_n: the length of the list. False
 * when a code cannot be read, or its value has not occurred before. */
static bool code_take_codes(struct str *bytes, size_t n, uint64_t new_code, uint64_t old,
                            uint64_t *ret_codes, size_t *ret_n)
{
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (!code_take_number(bytes, &ret_codes[i]) ||
            (ret_codes[i] >= old && ret_codes[i] - old >= *ret_n))
            return false;
        *ret_n += ret_codes[i] == new_code;
    }
    return true;
}

/* Reads the list of n subjects as code_put_subjects has written it. False also when a subject is
 * empty or contains a line feed. */
static bool code_take_subjects(struct arena *arena, struct str *bytes, struct str *ret, size_t n)
{
    uint64_t forms[AUDIT_SEGMENT_RECORDS];

    for (size_t i = 0; i < n; i++) {
        if (!code_take_number(bytes, &forms[i]))
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (forms[i] == SHORT_DIGITS || forms[i] == LONG_DIGITS) {
            if (!code_take_hex(arena, bytes, (size_t)forms[i] / 2, &ret[i]))
                return false;
        } else if (forms[i] % 2 == 0 || !code_take(bytes, forms[i] / 2, &ret[i]) || ret[i].n == 0 ||
                   memchr(ret[i].p, '\n', ret[i].n)) {
            return false;
        }
    }
    return true;
}

/* Reads the codes and lists of subjects and kinds, and then the ids of requests. Sets the texts of
 * the records from these. */
static bool code_take_texts(struct arena *arena, struct str *bytes,
                            struct audit_segment_text *segment)
{
    uint64_t subject_codes[AUDIT_SEGMENT_RECORDS], kind_codes[AUDIT_SEGMENT_RECORDS];
    struct str subjects[AUDIT_SEGMENT_RECORDS], *kinds;
    size_t subject_n, kind_n, next_subject = 0, next_kind = 0;

    if (!code_take_codes(bytes, segment->n, NEW_SUBJECT, OLD_SUBJECT, subject_codes, &subject_n) ||
        !code_take_codes(bytes, segment->n, NEW_KIND, OLD_KIND, kind_codes, &kind_n) ||
        !code_take_subjects(arena, bytes, subjects, subject_n))
        return false;
    kinds = arena_array(arena, kind_n * KIND_FIELDS, sizeof(*kinds));
    if (!kinds)
        return false;
    for (size_t i = 0; i < kind_n * KIND_FIELDS; i++) {
        if (!code_take_line(bytes, &kinds[i]))
            return false;
    }
    for (size_t i = 0; i < segment->n; i++) {
        struct audit_entry *entry = &segment->entries[i];
        uint64_t subject = subject_codes[i], kind = kind_codes[i];
        size_t place = kind == NEW_KIND ? next_kind++ : (size_t)(kind - OLD_KIND);

        entry->v[AUDIT_SUBJECT] = STR("");
        if (subject != NO_SUBJECT)
            entry->v[AUDIT_SUBJECT] =
                subjects[subject == NEW_SUBJECT ? next_subject++ : (size_t)(subject - OLD_SUBJECT)];
        for (size_t k = 0; k < KIND_FIELDS; k++)
            entry->v[kind_fields[k]] = kinds[place * KIND_FIELDS + k];
        entry->v[AUDIT_CORRELATION] = STR("");
        if (entry->last_ms == 0 && !code_take_line(bytes, &entry->v[AUDIT_CORRELATION]))
            return false;
        entry->valid = true;
    }
    return true;
}

bool audit_segment_decode(struct arena *arena, struct str bytes, struct audit_segment_text *segment)
{
    struct code_previous previous = {.since_ms = 0};

    segment->entries = arena_zalloc(arena, segment->n * sizeof(*segment->entries));
    return segment->entries && code_take_header(arena, &bytes, segment, &previous) &&
           code_take_ids(arena, &bytes, segment, &previous) &&
           code_take_counts(arena, &bytes, segment) && code_take_texts(arena, &bytes, segment) &&
           bytes.n == 0 && audit_segment_name_actors(arena, segment);
}
