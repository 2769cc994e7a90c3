/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers have seven bits in each byte, the lowest first; the highest bit says that another byte
 * follows. A list names a value that is new in it by a code, and one that it had before by its
 * place. What is alike in all records of a kind of access (all but time, subject, request and
 * count) is such a value, and so is a pseudonym. The id of the last record is that of the stream's
 * entry; the others are given by their distance to the one after. */
#include "app/service/audit_segment_code.h"

#include <stdio.h>

#include "app/base/buf.h"
#include "app/base/ids.h"
#include "app/base/percent.h"

/* What is alike in all records of a kind, in the order of its lines. */
static const enum audit_field kind_fields[] = {AUDIT_ROLE,    AUDIT_ACTION,  AUDIT_RESOURCE,
                                               AUDIT_SUCCESS, AUDIT_DETAILS, AUDIT_ACTOR};
enum {
    KIND_FIELDS = sizeof(kind_fields) / sizeof(kind_fields[0]),
    NO_SUBJECT = 0,  /* codes of subjects: the record has none */
    NEW_SUBJECT = 1, /* the next one of the list */
    OLD_SUBJECT = 2, /* added to the place of one that an earlier record has */
    NEW_KIND = 0,    /* codes of kinds: the next one of the list */
    OLD_KIND = 1,    /* added to the place of one that an earlier record has */
    KEY_BYTES = AUDIT_SEGMENT_KEY_DIGITS / 2,
    /* digits of a pseudonym that is stored as bytes: of this version, of 0.1.0 */
    SHORT_DIGITS = 16,
    LONG_DIGITS = 32,
};

/* ---- writing ---- */

static void code_put_number(struct buf *out, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        buf_char(out, (char)(value | 0x80));
    buf_char(out, (char)value);
}

/* Writes a number that may be negative: 0, -1, 1, -2, ... as 0, 1, 2, 3, ... */
static void code_put_signed(struct buf *out, int64_t value)
{
    code_put_number(out, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

/* Writes the bytes of a text of hexadecimal digits. */
static void code_put_hex(struct buf *out, struct str digits)
{
    for (size_t i = 0; i + 1 < digits.n; i += 2)
        buf_char(out, (char)(hex_digit(digits.p[i]) * 16 + hex_digit(digits.p[i + 1])));
}

/* Writes what precedes the records. */
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

/* Writes the distances of ids: those of times, then those of numbers. */
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

/* Returns how many accesses the record counts. */
static int64_t code_count_of(const struct audit_entry *entry)
{
    int64_t count = 0;

    (void)str_to_int64(entry->v[AUDIT_COUNT], 0, INT64_MAX / 2, &count);
    return count;
}

/* Writes the counts; then, of counted records with several accesses, the time from the first to the
 * last. */
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

/* Whether the pseudonym is stored as the bytes of its digits. */
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

/* A list of the records that have brought a new value. */
struct code_list {
    const struct audit_entry *of[AUDIT_SEGMENT_RECORDS];
    size_t n;
};

static bool code_same_subject(const struct audit_entry *a, const struct audit_entry *b)
{
    return str_equal(a->v[AUDIT_SUBJECT], b->v[AUDIT_SUBJECT]);
}

static bool code_same_kind(const struct audit_entry *a, const struct audit_entry *b)
{
    for (size_t i = 0; i + 1 < KIND_FIELDS; i++) {
        if (!str_equal(a->v[kind_fields[i]], b->v[kind_fields[i]]))
            return false;
    }
    return str_equal(audit_segment_actor(a), audit_segment_actor(b));
}

/* Returns the place in the list of a record with the same value; the list's length, after the
 * record was added to it: there is none. */
static size_t code_find(struct code_list *list, const struct audit_entry *entry,
                        bool (*same)(const struct audit_entry *, const struct audit_entry *))
{
    size_t i = 0;

    while (i < list->n && !same(list->of[i], entry))
        i++;
    if (i == list->n)
        list->of[list->n++] = entry;
    return i;
}

/* Writes the codes of subjects. */
static void code_put_subject_codes(struct buf *out, const struct audit_segment_text *segment,
                                   struct code_list *subjects)
{
    for (size_t i = 0; i < segment->n; i++) {
        size_t known = subjects->n, place;

        if (segment->entries[i].v[AUDIT_SUBJECT].n == 0) {
            code_put_number(out, NO_SUBJECT);
            continue;
        }
        place = code_find(subjects, &segment->entries[i], code_same_subject);
        code_put_number(out, place == known ? NEW_SUBJECT : OLD_SUBJECT + place);
    }
}

/* Writes the codes of kinds. */
static void code_put_kind_codes(struct buf *out, const struct audit_segment_text *segment,
                                struct code_list *kinds)
{
    for (size_t i = 0; i < segment->n; i++) {
        size_t known = kinds->n, place = code_find(kinds, &segment->entries[i], code_same_kind);

        code_put_number(out, place == known ? NEW_KIND : OLD_KIND + place);
    }
}

/* Writes the list of subjects: how each is written, then all of them. */
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

/* Writes the list of kinds, and the requests of records that are no counts, a line each. */
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

/* Takes n bytes. False: there are fewer. */
static bool code_take(struct str *bytes, uint64_t n, struct str *ret)
{
    if (bytes->n < n)
        return false;
    *ret = (struct str){bytes->p, (size_t)n};
    bytes->p += n;
    bytes->n -= (size_t)n;
    return true;
}

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

/* Takes a number of at most max. */
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

/* Takes a line. */
static bool code_take_line(struct str *bytes, struct str *ret)
{
    if (bytes->n == 0 || !memchr(bytes->p, '\n', bytes->n))
        return false;
    *ret = str_cut(bytes, '\n');
    return true;
}

/* What precedes the records. The id of the segment before is relative to the first record's, which
 * is not known yet. */
struct code_previous {
    int64_t since_ms, number;
};

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

/* Takes the ids, from the last one back, and then that of the segment before. */
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

/* Takes the list of subjects. */
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

/* Takes subjects and kinds. */
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
