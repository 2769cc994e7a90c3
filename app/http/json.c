/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/http/json.h"

#include <limits.h>
#include <stdlib.h>

/* How many keys of open objects fit without asking the arena, and up to how many keys of one object
 * every pair is compared rather than the keys sorted. */
enum { KEYS_ON_STACK = 32, PAIRWISE_MAX = 16 };

/* A key as decoded; offset: of its opening quote, for the error. */
struct key {
    const char *p;
    uint32_t n;
    uint32_t offset;
};

struct level {
    bool is_object;
    size_t first_key; /* of this object in keys; inner objects' keys come above and go before */
};

struct scanner {
    const char *start, *at, *end;
    size_t values_left;
    size_t depth;
    struct level levels[JSON_DEPTH_MAX];
    struct key *keys;
    size_t key_count, key_room;
    struct arena *scratch;
    struct key first_keys[KEYS_ON_STACK];
};

enum state { VALUE_DUE, VALUE_DONE, BROKEN };

static void skip_space(struct scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

static bool is_digit(const struct scanner *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool is_next(const struct scanner *s, char c)
{
    return s->at < s->end && *s->at == c;
}

/* Length of the UTF-8 sequence at p, 0 if there is no well-formed one: Unicode 15, table 3-7. */
static size_t utf8_sequence(const char *p, const char *end)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t left = (size_t)(end - p);
    size_t n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    if (n <= 1)
        return n;
    if (u[0] > 0xf4 || left < n)
        return 0;
    unsigned char low = u[0] == 0xe0 ? 0xa0 : u[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = u[0] == 0xed ? 0x9f : u[0] == 0xf4 ? 0x8f : 0xbf;
    if (u[1] < low || u[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    }
    return n;
}

bool utf8_valid(struct str text)
{
    for (size_t i = 0, n; i < text.n; i += n) {
        n = utf8_sequence(text.p + i, text.p + text.n);
        if (n == 0)
            return false;
    }
    return true;
}

/* The four digits at p, -1 if they are not hexadecimal. */
static int hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The escape \uHHHH at p, both halves of a surrogate pair. Its length, 0 if it is none or one that
 * is not let in: U+0000, half a pair. */
static size_t unicode_escape(const char *p, const char *end, uint32_t *ret_code)
{
    int first = end - p >= 6 ? hex4(p + 2) : -1;
    if (first <= 0 || (first >= 0xdc00 && first <= 0xdfff))
        return 0;
    *ret_code = (uint32_t)first;
    if (first < 0xd800 || first > 0xdbff)
        return 6;
    int second = end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8) : -1;
    if (second < 0xdc00 || second > 0xdfff)
        return 0;
    *ret_code = 0x10000 + (((uint32_t)first & 0x3ff) << 10) + ((uint32_t)second & 0x3ff);
    return 12;
}

static size_t escape(const char *p, const char *end, uint32_t *ret_code)
{
    static const char letters[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";
    if (end - p < 2)
        return 0;
    if (p[1] == 'u')
        return unicode_escape(p, end, ret_code);
    const char *letter = p[1] ? strchr(letters, p[1]) : NULL;
    if (!letter)
        return 0;
    *ret_code = (unsigned char)codes[letter - letters];
    return 2;
}

/* Stands on the opening quote, goes behind the closing one. */
static bool scan_string(struct scanner *s, bool *ret_escaped)
{
    *ret_escaped = false;
    for (s->at++; s->at < s->end;) {
        unsigned char c = (unsigned char)*s->at;
        uint32_t code;
        size_t n = 1;
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c == '\\') {
            *ret_escaped = true;
            n = escape(s->at, s->end, &code);
        } else if (c < 0x20) {
            n = 0;
        } else if (c >= 0x80) {
            n = utf8_sequence(s->at, s->end);
        }
        if (n == 0)
            return false;
        s->at += n;
    }
    return false;
}

static size_t utf8_put(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(lead[n] | code);
    return n;
}

/* The text of a scanned string that has escapes. It never gets longer by decoding. */
static bool decode(struct str raw, struct arena *scratch, struct key *key)
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
        p += escape(p, end, &code);
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

/* A key and its colon. */
static enum state scan_key(struct scanner *s)
{
    const char *quote = s->at;
    bool escaped;
    if (!is_next(s, '"') || !scan_string(s, &escaped))
        return BROKEN;
    struct str raw = {quote + 1, (size_t)(s->at - quote) - 2};
    struct key *key = key_add(s);
    if (!key)
        return BROKEN;
    *key = (struct key){raw.p, (uint32_t)raw.n, (uint32_t)(quote - s->start)};
    if (escaped && !decode(raw, s->scratch, key))
        return BROKEN;
    skip_space(s);
    if (!is_next(s, ':'))
        return BROKEN;
    s->at++;
    skip_space(s);
    return VALUE_DUE;
}

/* By length first: cheap, and any total order will do. */
static int key_compare(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    return a->n != b->n ? (a->n < b->n ? -1 : 1) : memcmp(a->p, b->p, a->n);
}

static uint32_t later_of_pairs(const struct key *keys, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (key_compare(&keys[i], &keys[k]) == 0)
                return keys[i].offset;
        }
    }
    return UINT32_MAX;
}

static uint32_t later_of_sorted(struct key *keys, size_t n)
{
    qsort(keys, n, sizeof *keys, key_compare);
    for (size_t i = 1; i < n; i++) {
        if (key_compare(&keys[i - 1], &keys[i]) == 0)
            return keys[i].offset > keys[i - 1].offset ? keys[i].offset : keys[i - 1].offset;
    }
    return UINT32_MAX;
}

/* At the closing bracket. All keys of the object are there, and nothing above them. */
static enum state close_level(struct scanner *s)
{
    const struct level *level = &s->levels[s->depth - 1];
    if (level->is_object) {
        struct key *keys = s->keys + level->first_key;
        size_t n = s->key_count - level->first_key;
        uint32_t twice = n <= PAIRWISE_MAX ? later_of_pairs(keys, n) : later_of_sorted(keys, n);
        if (twice != UINT32_MAX) {
            s->at = s->start + twice;
            return BROKEN;
        }
        s->key_count = level->first_key;
    }
    s->depth--;
    s->at++;
    return VALUE_DONE;
}

static enum state open_level(struct scanner *s)
{
    if (s->depth == JSON_DEPTH_MAX)
        return BROKEN;
    bool is_object = *s->at == '{';
    s->levels[s->depth++] = (struct level){is_object, s->key_count};
    s->at++;
    skip_space(s);
    if (is_next(s, is_object ? '}' : ']'))
        return close_level(s);
    return is_object ? scan_key(s) : VALUE_DUE;
}

static enum state scan_literal(struct scanner *s, struct str word)
{
    if ((size_t)(s->end - s->at) < word.n || memcmp(s->at, word.p, word.n) != 0)
        return BROKEN;
    s->at += word.n;
    return VALUE_DONE;
}

static size_t scan_digits(struct scanner *s)
{
    const char *from = s->at;
    while (is_digit(s))
        s->at++;
    return (size_t)(s->at - from);
}

/* The exponent, 0 without one, false if it lacks digits. Stops counting where it is decided. */
static bool scan_exponent(struct scanner *s, int64_t *ret)
{
    *ret = 0;
    if (!is_next(s, 'e') && !is_next(s, 'E'))
        return true;
    s->at++;
    bool negative = is_next(s, '-');
    if (negative || is_next(s, '+'))
        s->at++;
    const char *from = s->at;
    for (; is_digit(s); s->at++) {
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
    if (is_next(s, '-'))
        s->at++;
    bool zero = is_next(s, '0');
    size_t whole = zero ? 1 : scan_digits(s);
    if (zero)
        s->at++;
    if (whole == 0)
        return BROKEN;
    if (is_next(s, '.')) {
        s->at++;
        if (scan_digits(s) == 0)
            return BROKEN;
    }
    int64_t exponent;
    if (!scan_exponent(s, &exponent))
        return BROKEN;
    /* Below 10^308 it is finite; only beyond does it have to be worked out. */
    double value;
    if ((int64_t)whole + exponent > 308 &&
        !str_to_double((struct str){from, (size_t)(s->at - from)}, &value)) {
        s->at = from;
        return BROKEN;
    }
    return VALUE_DONE;
}

/* What the value that begins with c counts as. */
static size_t cost_of(char c)
{
    return c == '{' ? 8 : c == '[' ? 4 : 1;
}

static enum state scan_value(struct scanner *s)
{
    bool escaped;
    if (s->at == s->end || s->values_left < cost_of(*s->at))
        return BROKEN;
    s->values_left -= cost_of(*s->at);
    switch (*s->at) {
    case '{':
    case '[': return open_level(s);
    case '"': return scan_string(s, &escaped) ? VALUE_DONE : BROKEN;
    case 't': return scan_literal(s, STR("true"));
    case 'f': return scan_literal(s, STR("false"));
    case 'n': return scan_literal(s, STR("null"));
    default: return scan_number(s);
    }
}

/* Behind a value in an array or object. */
static enum state scan_next(struct scanner *s)
{
    bool is_object = s->levels[s->depth - 1].is_object;
    skip_space(s);
    if (is_next(s, is_object ? '}' : ']'))
        return close_level(s);
    if (!is_next(s, ','))
        return BROKEN;
    s->at++;
    skip_space(s);
    return is_object ? scan_key(s) : VALUE_DUE;
}

static bool scan(struct scanner *s)
{
    skip_space(s);
    for (enum state state = VALUE_DUE; state != BROKEN;) {
        if (state == VALUE_DUE) {
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
    /* offsets are kept in 32 bits, and json-c counts in int */
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
    bool valid = scan(&s);
    if (!valid)
        *ret_offset = (size_t)(s.at - s.start);
    return valid;
}

static void release_object(void *object)
{
    (void)json_object_put(object);
}

/* text has passed json_check. False when json-c lacks memory or disagrees. */
static bool parse(struct str text, struct json_object **ret)
{
    /* json-c counts a scalar as a level, and needs one more (hazards J2) */
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 8);
    if (!tokener)
        return false;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    *ret = json_tokener_parse_ex(tokener, text.p, (int)text.n);
    /* a lone scalar could go on: the NUL tells that it does not */
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
    if (!parse(text, &object)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return NULL;
    }
    if (object && !arena_defer(arena, release_object, object)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return NULL;
    }
    return object;
}
