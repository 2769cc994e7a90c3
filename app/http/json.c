/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks JSON strictly, then lets json-c parse it. The check is a scanner without recursion:
 * it keeps the open objects and arrays in a stack of JSON_DEPTH_MAX levels, and the decoded keys of
 * the open objects in one array, so that duplicates are found when an object closes. It allocates
 * only when there are more than KEYS_ON_STACK keys or keys with escapes. */
#include "app/http/json.h"

#include <limits.h>
#include <stdlib.h>

#include "app/base/percent.h"
#include "app/base/utf8.h"

enum {
    KEYS_ON_STACK = 32, /* keys of open objects that need no memory from the arena */
    PAIRWISE_MAX = 16,  /* up to so many keys, comparing every pair is faster than sorting */
};

struct key {
    const char *p; /* decoded */
    uint32_t n;
    uint32_t offset; /* of its opening quote in the text: where an error is reported */
};

struct level {
    bool is_object;
    size_t
        first_key; /* in scanner.keys; an inner object's keys follow and are dropped at its end */
};

struct scanner {
    const char *start, *at, *end; /* at: the next byte to scan */
    size_t values_left;           /* see cost_of */
    size_t depth;
    struct level levels[JSON_DEPTH_MAX];
    struct key *keys;
    size_t key_count, key_room;
    struct arena *scratch;
    struct key first_keys[KEYS_ON_STACK];
};

/* What the text needs next: a value, a comma or a closing bracket, or nothing since it is invalid
 * (scanner.at is then the place of the error). */
enum state { VALUE_EXPECTED, VALUE_DONE, INVALID };

static void skip_space(struct scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

static bool next_is_digit(const struct scanner *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool next_is(const struct scanner *s, char c)
{
    return s->at < s->end && *s->at == c;
}

/* The value of the four hexadecimal digits at p; -1 when they are not. */
static int scan_hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Decodes \uHHHH at p, or both halves of a surrogate pair. Returns its length; 0 when it is
 * malformed or not allowed: U+0000 and half of a pair. */
static size_t scan_unicode_escape(const char *p, const char *end, uint32_t *ret_code)
{
    int first = end - p >= 6 ? scan_hex4(p + 2) : -1;
    if (first <= 0 || (first >= 0xdc00 && first <= 0xdfff))
        return 0;
    *ret_code = (uint32_t)first;
    if (first < 0xd800 || first > 0xdbff)
        return 6;
    int second = end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? scan_hex4(p + 8) : -1;
    if (second < 0xdc00 || second > 0xdfff)
        return 0;
    *ret_code = 0x10000 + (((uint32_t)first & 0x3ff) << 10) + ((uint32_t)second & 0x3ff);
    return 12;
}

/* Decodes the escape at p, which begins with a backslash. Returns its length; 0 when it is invalid.
 */
static size_t scan_escape(const char *p, const char *end, uint32_t *ret_code)
{
    static const char letters[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";
    if (end - p < 2)
        return 0;
    if (p[1] == 'u')
        return scan_unicode_escape(p, end, ret_code);
    const char *letter = p[1] ? strchr(letters, p[1]) : NULL;
    if (!letter)
        return 0;
    *ret_code = (unsigned char)codes[letter - letters];
    return 2;
}

/* From the opening quote (s->at) past the closing one. */
static bool scan_string(struct scanner *s, bool *ret_escaped)
{
    *ret_escaped = false;
    for (s->at++; s->at < s->end;) {
        unsigned char c = (unsigned char)*s->at;
        uint32_t code;
        size_t n = 1;
        bool valid = true;
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c == '\\') {
            *ret_escaped = true;
            n = scan_escape(s->at, s->end, &code);
        } else if (c < 0x20) {
            n = 0;
        } else if (c >= 0x80) {
            n = utf8_sequence(s->at, (size_t)(s->end - s->at), &valid);
        }
        if (n == 0 || !valid)
            return false;
        s->at += n;
    }
    return false;
}

/* Decodes the key, whose string scan_string has found valid. Decoding never makes a text longer. */
static bool key_decode(struct str raw, struct arena *scratch, struct key *key)
{
    char *to = arena_alloc(scratch, raw.n);
    if (!to)
        return false;
    key->p = to;
    for (const char *p = raw.p, *end = raw.p + raw.n; p < end;) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        uint32_t code = 0;
        p += scan_escape(p, end, &code);
        to += utf8_put(code, to);
    }
    key->n = (uint32_t)(to - key->p);
    return true;
}

static struct key *key_add(struct scanner *s)
{
    if (s->key_count == s->key_room) {
        struct key *more = arena_alloc(s->scratch, 2 * s->key_room * sizeof *more);
        if (!more)
            return NULL;
        memcpy(more, s->keys, s->key_count * sizeof *more);
        s->keys = more;
        s->key_room *= 2;
    }
    return &s->keys[s->key_count++];
}

/* Scans a key and its colon, and records the key. */
static enum state scan_key(struct scanner *s)
{
    const char *quote = s->at;
    bool escaped;
    if (!next_is(s, '"') || !scan_string(s, &escaped))
        return INVALID;
    struct str raw = {quote + 1, (size_t)(s->at - quote) - 2};
    struct key *key = key_add(s);
    if (!key)
        return INVALID;
    *key = (struct key){raw.p, (uint32_t)raw.n, (uint32_t)(quote - s->start)};
    if (escaped && !key_decode(raw, s->scratch, key))
        return INVALID;
    skip_space(s);
    if (!next_is(s, ':'))
        return INVALID;
    s->at++;
    skip_space(s);
    return VALUE_EXPECTED;
}

/* Any total order will do to find equal keys; comparing the lengths first is cheap. */
static int key_compare(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    return a->n != b->n ? (a->n < b->n ? -1 : 1) : memcmp(a->p, b->p, a->n);
}

/* The offset of the second of two equal keys; UINT32_MAX when all differ. */
static uint32_t duplicate_in_pairs(const struct key *keys, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (key_compare(&keys[i], &keys[k]) == 0)
                return keys[i].offset;
        }
    }
    return UINT32_MAX;
}

static uint32_t duplicate_after_sort(struct key *keys, size_t n)
{
    qsort(keys, n, sizeof *keys, key_compare);
    for (size_t i = 1; i < n; i++) {
        if (key_compare(&keys[i - 1], &keys[i]) == 0)
            return keys[i].offset > keys[i - 1].offset ? keys[i].offset : keys[i - 1].offset;
    }
    return UINT32_MAX;
}

/* At the closing bracket. The keys of the closing object are the last ones in s->keys. */
static enum state scan_close(struct scanner *s)
{
    const struct level *level = &s->levels[s->depth - 1];
    if (level->is_object) {
        struct key *keys = s->keys + level->first_key;
        size_t n = s->key_count - level->first_key;
        uint32_t duplicate =
            n <= PAIRWISE_MAX ? duplicate_in_pairs(keys, n) : duplicate_after_sort(keys, n);
        if (duplicate != UINT32_MAX) {
            s->at = s->start + duplicate;
            return INVALID;
        }
        s->key_count = level->first_key;
    }
    s->depth--;
    s->at++;
    return VALUE_DONE;
}

static enum state scan_open(struct scanner *s)
{
    if (s->depth == JSON_DEPTH_MAX)
        return INVALID;
    bool is_object = *s->at == '{';
    s->levels[s->depth++] = (struct level){is_object, s->key_count};
    s->at++;
    skip_space(s);
    if (next_is(s, is_object ? '}' : ']'))
        return scan_close(s);
    return is_object ? scan_key(s) : VALUE_EXPECTED;
}

static enum state scan_literal(struct scanner *s, struct str literal)
{
    if ((size_t)(s->end - s->at) < literal.n || memcmp(s->at, literal.p, literal.n) != 0)
        return INVALID;
    s->at += literal.n;
    return VALUE_DONE;
}

static size_t scan_digits(struct scanner *s)
{
    const char *from = s->at;
    while (next_is_digit(s))
        s->at++;
    return (size_t)(s->at - from);
}

/* Stores the exponent, 0 without one; false when it has no digits. Beyond 10^12 its value no longer
 * matters, and further digits are only skipped, so that it cannot overflow. */
static bool scan_exponent(struct scanner *s, int64_t *ret)
{
    *ret = 0;
    if (!next_is(s, 'e') && !next_is(s, 'E'))
        return true;
    s->at++;
    bool negative = next_is(s, '-');
    if (negative || next_is(s, '+'))
        s->at++;
    const char *from = s->at;
    for (; next_is_digit(s); s->at++) {
        if (*ret < INT64_C(1000000000000))
            *ret = *ret * 10 + (*s->at - '0');
    }
    if (negative)
        *ret = -*ret;
    return s->at > from;
}

static enum state scan_number(struct scanner *s)
{
    const char *from = s->at;
    if (next_is(s, '-'))
        s->at++;
    bool zero = next_is(s, '0');
    size_t whole = zero ? 1 : scan_digits(s);
    if (zero)
        s->at++;
    if (whole == 0)
        return INVALID;
    if (next_is(s, '.')) {
        s->at++;
        if (scan_digits(s) == 0)
            return INVALID;
    }
    int64_t exponent;
    if (!scan_exponent(s, &exponent))
        return INVALID;
    /* A number below 10^308 is finite. Only larger ones are converted, to see whether they are. */
    double value;
    if ((int64_t)whole + exponent > 308 &&
        !str_to_double((struct str){from, (size_t)(s->at - from)}, &value)) {
        s->at = from;
        return INVALID;
    }
    return VALUE_DONE;
}

/* How many values the one that begins with c counts as, by the memory that json-c uses for it. */
static size_t cost_of(char c)
{
    return c == '{' ? 8 : c == '[' ? 4 : 1;
}

static enum state scan_value(struct scanner *s)
{
    bool escaped;
    if (s->at == s->end || s->values_left < cost_of(*s->at))
        return INVALID;
    s->values_left -= cost_of(*s->at);
    switch (*s->at) {
    case '{':
    case '[': return scan_open(s);
    case '"': return scan_string(s, &escaped) ? VALUE_DONE : INVALID;
    case 't': return scan_literal(s, STR("true"));
    case 'f': return scan_literal(s, STR("false"));
    case 'n': return scan_literal(s, STR("null"));
    default: return scan_number(s);
    }
}

/* After a value in an array or object: a comma or the end. */
static enum state scan_next(struct scanner *s)
{
    bool is_object = s->levels[s->depth - 1].is_object;
    skip_space(s);
    if (next_is(s, is_object ? '}' : ']'))
        return scan_close(s);
    if (!next_is(s, ','))
        return INVALID;
    s->at++;
    skip_space(s);
    return is_object ? scan_key(s) : VALUE_EXPECTED;
}

static bool json_scan(struct scanner *s)
{
    skip_space(s);
    for (enum state state = VALUE_EXPECTED; state != INVALID;) {
        if (state == VALUE_EXPECTED) {
            state = scan_value(s);
        } else if (s->depth > 0) {
            state = scan_next(s);
        } else {
            skip_space(s);
            return s->at == s->end;
        }
    }
    return false;
}

bool json_check(struct str text, size_t max_values, struct arena *scratch, size_t *ret_offset)
{
    struct scanner s;
    /* struct key has 32-bit offsets, and json-c's lengths are int. */
    if (text.n == 0 || text.n >= INT_MAX) {
        *ret_offset = 0;
        return false;
    }
    s.start = s.at = text.p;
    s.end = text.p + text.n;
    s.values_left = max_values;
    s.depth = 0;
    s.keys = s.first_keys;
    s.key_count = 0;
    s.key_room = KEYS_ON_STACK;
    s.scratch = scratch;
    bool valid = json_scan(&s);
    if (!valid)
        *ret_offset = (size_t)(s.at - s.start);
    return valid;
}

static void json_c_release(void *object)
{
    (void)json_object_put(object);
}

/* text: valid by json_check. False when json-c has no memory or finds the text invalid. */
static bool json_c_parse(struct str text, struct json_object **ret)
{
    /* json-c counts scalars as a level too, and needs one more (hazards J2). */
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 8);
    if (!tokener)
        return false;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    *ret = json_tokener_parse_ex(tokener, text.p, (int)text.n);
    /* After a number alone json-c waits for more digits; the NUL ends it. */
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        *ret = json_tokener_parse_ex(tokener, "", 1);
    bool done = json_tokener_get_error(tokener) == json_tokener_success;
    json_tokener_free(tokener);
    return done;
}

struct json_object *json_parse(struct str text, struct arena *arena, struct problem *p)
{
    return json_parse_limited(text, JSON_VALUES_MAX, arena, p);
}

struct json_object *json_parse_limited(struct str text, size_t max_values, struct arena *arena,
                                       struct problem *p)
{
    size_t offset;
    if (!json_check(text, max_values, arena, &offset)) {
        problem_set(p, PROBLEM_INVALID_JSON, NULL);
        p->has_offset = true;
        p->offset = offset;
        return NULL;
    }
    struct json_object *object = NULL;
    if (!json_c_parse(text, &object)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return NULL;
    }
    if (object && !arena_defer(arena, json_c_release, object)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return NULL;
    }
    return object;
}

struct str json_str(struct json_object *json)
{
    if (!json_object_is_type(json, json_type_string))
        return (struct str){0};
    return (struct str){json_object_get_string(json), (size_t)json_object_get_string_len(json)};
}
