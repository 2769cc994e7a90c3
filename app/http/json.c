/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks a JSON text strictly, then lets json-c parse it. The check is a scanner without recursion.
 * A level is an object or array whose closing bracket has not been scanned yet; the scanner keeps
 * the levels in a stack of JSON_DEPTH_MAX. A key is the name of an object's member; the scanner
 * keeps the decoded keys of all open objects in one array, and finds duplicates when an object
 * closes. It allocates memory when there are more than KEYS_ON_STACK keys, or keys with escapes. */
#include "app/http/json.h"

#include <limits.h>
#include <stdlib.h>

#include "app/base/buf.h"
#include "app/base/percent.h"
#include "app/base/utf8.h"

enum {
    KEYS_ON_STACK = 32, /* number of keys that need no memory from the arena */
    PAIRWISE_MAX = 16,  /* number of keys up to which comparing all pairs is faster than sorting */
};

struct key {
    const char *p;   /* text of the key with its escapes decoded; not NUL-terminated */
    uint32_t n;      /* length of the decoded text in bytes */
    uint32_t offset; /* offset of the opening quote in the JSON text, for error reports */
};

struct level {
    bool is_object;   /* true: an object; false: an array */
    size_t first_key; /* index of an object's first key in scanner.keys */
};

struct scanner {
    const char *start, *at, *end; /* JSON text; at: the next byte to scan */
    /* how many values may still follow; an object counts as 8, an array as 4 (scan_cost) */
    size_t values_left;
    bool has_too_many;                   /* the scan has failed because values_left was too small */
    size_t depth;                        /* number of levels in use */
    struct level levels[JSON_DEPTH_MAX]; /* stack of the open objects and arrays */
    struct key *keys;                    /* keys of all open objects, the outermost object first */
    size_t key_count, key_room; /* number of keys, and of elements that keys has room for */
    struct arena *scratch;      /* memory for more keys and for decoded keys */
    /* Copy of the text up to `copied`, in which numbers are marked (scan_mark_double); empty: no
     * number was marked so far. */
    struct buf marked;
    const char *copied;
    /* memory of the first keys, on the stack; `keys` points to it until there are more keys */
    struct key first_keys[KEYS_ON_STACK];
};

/* What the scanner has to find next. */
enum state {
    VALUE_EXPECTED, /* a value must follow */
    VALUE_DONE,     /* a comma, a closing bracket or the end of the text must follow */
    INVALID,        /* the text is wrong at scanner.at, and the scan ends */
};

/* Moves scanner->at past white space. */
static void skip_space(struct scanner *scanner)
{
    while (scanner->at < scanner->end && (*scanner->at == ' ' || *scanner->at == '\n' ||
                                          *scanner->at == '\r' || *scanner->at == '\t'))
        scanner->at++;
}

/* Returns whether the next character is a digit. */
static bool next_is_digit(const struct scanner *scanner)
{
    return scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9';
}

/* Returns whether the next character is c. */
static bool next_is(const struct scanner *scanner, char c)
{
    return scanner->at < scanner->end && *scanner->at == c;
}

/* Returns the number that the four hexadecimal digits at p give; -1 when one of them is no such
 * digit. */
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

/* Decodes the escape \uHHHH at p, or two of them that form a surrogate pair, into a code point.
 * Returns the length of the escape: 6 or 12 bytes. Returns 0 for a malformed escape, for U+0000,
 * and for one half of a surrogate pair without the other. */
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

/* Decodes the escape at p, which begins with a backslash, into a code point. Returns the length of
 * the escape in bytes; 0 when it is invalid. */
static size_t scan_escape(const char *p, const char *end, uint32_t *ret_code)
{
    static const char letters[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";
    if (end - p < 2)
        return 0;
    if (p[1] == 'u')
        return scan_unicode_escape(p, end, ret_code);
    const char *letter = p[1] ? strchr(letters, p[1]) : NULL; /* strchr would find the NUL */
    if (!letter)
        return 0;
    *ret_code = (unsigned char)codes[letter - letters];
    return 2;
}

/* Scans a string: moves scanner->at from its opening quote past its closing quote. *ret_escaped:
 * whether it has escapes. Returns false, with scanner->at at the first wrong byte, when the string
 * is invalid. */
static bool scan_string(struct scanner *scanner, bool *ret_escaped)
{
    *ret_escaped = false;
    for (scanner->at++; scanner->at < scanner->end;) {
        unsigned char c = (unsigned char)*scanner->at;
        uint32_t code;
        size_t n = 1;
        bool valid = true;
        if (c == '"') {
            scanner->at++;
            return true;
        }
        if (c == '\\') {
            *ret_escaped = true;
            n = scan_escape(scanner->at, scanner->end, &code);
        } else if (c < 0x20) {
            n = 0;
        } else if (c >= 0x80) {
            n = utf8_sequence(scanner->at, (size_t)(scanner->end - scanner->at), &valid);
        }
        if (n == 0 || !valid)
            return false;
        scanner->at += n;
    }
    return false;
}

/* Decodes the escapes of a key. raw: the key without its quotes, which scan_string has found valid.
 * The decoded text is never longer than raw. Returns false when out of memory. */
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

/* Appends an element to the array of keys, whose size is doubled when it is full. NULL without
 * memory. */
static struct key *key_add(struct scanner *scanner)
{
    if (scanner->key_count == scanner->key_room) {
        struct key *more = arena_alloc(scanner->scratch, 2 * scanner->key_room * sizeof *more);
        if (!more)
            return NULL;
        memcpy(more, scanner->keys, scanner->key_count * sizeof *more);
        scanner->keys = more;
        scanner->key_room *= 2;
    }
    return &scanner->keys[scanner->key_count++];
}

/* Scans a key, the colon and the white space after it, and records the key. */
static enum state scan_key(struct scanner *scanner)
{
    const char *quote = scanner->at;
    bool escaped;
    if (!next_is(scanner, '"') || !scan_string(scanner, &escaped))
        return INVALID;
    struct str raw = {quote + 1, (size_t)(scanner->at - quote) - 2};
    struct key *key = key_add(scanner);
    if (!key)
        return INVALID;
    *key = (struct key){raw.p, (uint32_t)raw.n, (uint32_t)(quote - scanner->start)};
    if (escaped && !key_decode(raw, scanner->scratch, key))
        return INVALID;
    skip_space(scanner);
    if (!next_is(scanner, ':'))
        return INVALID;
    scanner->at++;
    skip_space(scanner);
    return VALUE_EXPECTED;
}

/* Orders keys by their length, then by their bytes. Any total order makes equal keys adjacent, and
 * the lengths are cheap to compare. */
static int key_compare(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    return a->n != b->n ? (a->n < b->n ? -1 : 1) : memcmp(a->p, b->p, a->n);
}

/* Finds two equal keys by comparing all pairs. Returns the offset of the second of them in the
 * text; UINT32_MAX when all keys differ. */
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

/* Finds two equal keys by sorting them, which changes their order. Returns the offset in the text
 * of the one that occurs later; UINT32_MAX when all keys differ. */
static uint32_t duplicate_after_sort(struct key *keys, size_t n)
{
    qsort(keys, n, sizeof *keys, key_compare);
    for (size_t i = 1; i < n; i++) {
        if (key_compare(&keys[i - 1], &keys[i]) == 0)
            return keys[i].offset > keys[i - 1].offset ? keys[i].offset : keys[i - 1].offset;
    }
    return UINT32_MAX;
}

/* Scans the closing bracket of the innermost object or array. The keys of an object are the last
 * ones in scanner->keys. They are compared with each other and then dropped. */
static enum state scan_close(struct scanner *scanner)
{
    const struct level *level = &scanner->levels[scanner->depth - 1];
    if (level->is_object) {
        struct key *keys = scanner->keys + level->first_key;
        size_t n = scanner->key_count - level->first_key;
        uint32_t duplicate =
            n <= PAIRWISE_MAX ? duplicate_in_pairs(keys, n) : duplicate_after_sort(keys, n);
        if (duplicate != UINT32_MAX) {
            scanner->at = scanner->start + duplicate;
            return INVALID;
        }
        scanner->key_count = level->first_key;
    }
    scanner->depth--;
    scanner->at++;
    return VALUE_DONE;
}

/* Scans an opening bracket and what follows it: a closing bracket or, in an object, the first key.
 * Otherwise a value must follow, which the caller scans. The level remembers key_count as the index
 * of its first key, so that scan_close finds the keys of this object. */
static enum state scan_open(struct scanner *scanner)
{
    if (scanner->depth == JSON_DEPTH_MAX)
        return INVALID;
    bool is_object = *scanner->at == '{';
    scanner->levels[scanner->depth++] = (struct level){is_object, scanner->key_count};
    scanner->at++;
    skip_space(scanner);
    if (next_is(scanner, is_object ? '}' : ']'))
        return scan_close(scanner);
    return is_object ? scan_key(scanner) : VALUE_EXPECTED;
}

/* Scans the given word: true, false or null. */
static enum state scan_literal(struct scanner *scanner, struct str literal)
{
    if ((size_t)(scanner->end - scanner->at) < literal.n ||
        memcmp(scanner->at, literal.p, literal.n) != 0)
        return INVALID;
    scanner->at += literal.n;
    return VALUE_DONE;
}

/* Scans decimal digits and returns how many there were. */
static size_t scan_digits(struct scanner *scanner)
{
    const char *from = scanner->at;
    while (next_is_digit(scanner))
        scanner->at++;
    return (size_t)(scanner->at - from);
}

/* Scans the exponent of a number and stores it; stores 0 when there is none. Returns false when the
 * letter e has no digits after it. Digits that would make the exponent larger than about 10^13 are
 * skipped, so that it cannot overflow: the number is then infinite or 0 anyway. */
static bool scan_exponent(struct scanner *scanner, int64_t *ret)
{
    *ret = 0;
    if (!next_is(scanner, 'e') && !next_is(scanner, 'E'))
        return true;
    scanner->at++;
    bool negative = next_is(scanner, '-');
    if (negative || next_is(scanner, '+'))
        scanner->at++;
    const char *from = scanner->at;
    for (; next_is_digit(scanner); scanner->at++) {
        if (*ret < INT64_C(1000000000000))
            *ret = *ret * 10 + (*scanner->at - '0');
    }
    if (negative)
        *ret = -*ret;
    return scanner->at > from;
}

/* Returns whether an integer with these digits is beyond 64 bits. json-c would silently replace it
 * by the largest 64-bit integer. */
static bool exceeds_64_bits(struct str digits, bool negative)
{
    struct str limit = negative ? STR("9223372036854775808") : STR("18446744073709551615");
    return digits.n > limit.n || (digits.n == limit.n && memcmp(digits.p, limit.p, limit.n) > 0);
}

/* Makes json-c read the integer that was just scanned as a double, by appending the exponent e0 to
 * it. The original text stays unchanged: scanner->marked gets a copy of the text up to here. */
static void scan_mark_double(struct scanner *scanner)
{
    buf_str(&scanner->marked,
            (struct str){scanner->copied, (size_t)(scanner->at - scanner->copied)});
    buf_text(&scanner->marked, "e0");
    scanner->copied = scanner->at;
}

/* Scans a number by the grammar of RFC 8259, and refuses a number that is infinite as a double.
 * digits: those before the point and the exponent. */
static enum state scan_number(struct scanner *scanner)
{
    const char *from = scanner->at;
    bool negative = next_is(scanner, '-');
    if (negative)
        scanner->at++;
    struct str digits = {scanner->at, 1};
    if (next_is(scanner, '0')) /* no further digit may follow it */
        scanner->at++;
    else
        digits.n = scan_digits(scanner);
    if (digits.n == 0)
        return INVALID;
    if (next_is(scanner, '.')) {
        scanner->at++;
        if (scan_digits(scanner) == 0)
            return INVALID;
    }
    int64_t exponent;
    if (!scan_exponent(scanner, &exponent))
        return INVALID;
    /* A number below 10^308 is finite. A number that may be larger is converted to find out, and
     * its value is not needed. */
    double unused_value;
    if ((int64_t)digits.n + exponent > 308 &&
        !str_to_double((struct str){from, (size_t)(scanner->at - from)}, &unused_value)) {
        scanner->at = from;
        return INVALID;
    }
    if (scanner->at == digits.p + digits.n && exceeds_64_bits(digits, negative))
        scan_mark_double(scanner);
    return VALUE_DONE;
}

/* Returns by how much a value that begins with the character c counts towards the limit of values:
 * json-c needs about 8 times as much memory for an object, and 4 times for an array, as for a
 * number. */
static size_t scan_cost(char c)
{
    if (c == '{')
        return 8;
    return c == '[' ? 4 : 1;
}

/* Scans a value or, for an object or array, only its beginning up to the first value inside. A
 * value beyond the limit (values_left) makes the text invalid. */
static enum state scan_value(struct scanner *scanner)
{
    bool unused_escaped;
    if (scanner->at == scanner->end || scanner->values_left < scan_cost(*scanner->at)) {
        scanner->has_too_many = scanner->at < scanner->end;
        return INVALID;
    }
    scanner->values_left -= scan_cost(*scanner->at);
    switch (*scanner->at) {
    case '{':
    case '[': return scan_open(scanner);
    case '"': return scan_string(scanner, &unused_escaped) ? VALUE_DONE : INVALID;
    case 't': return scan_literal(scanner, STR("true"));
    case 'f': return scan_literal(scanner, STR("false"));
    case 'n': return scan_literal(scanner, STR("null"));
    default: return scan_number(scanner);
    }
}

/* Scans what follows a value in an array or object: its closing bracket, or a comma (and then, in
 * an object, the next key). */
static enum state scan_next(struct scanner *scanner)
{
    bool is_object = scanner->levels[scanner->depth - 1].is_object;
    skip_space(scanner);
    if (next_is(scanner, is_object ? '}' : ']'))
        return scan_close(scanner);
    if (!next_is(scanner, ','))
        return INVALID;
    scanner->at++;
    skip_space(scanner);
    return is_object ? scan_key(scanner) : VALUE_EXPECTED;
}

/* Scans the whole text: one value, with white space around it. Returns whether it is valid;
 * scanner->at is the place of the error when it is not. */
static bool json_scan(struct scanner *scanner)
{
    skip_space(scanner);
    for (enum state state = VALUE_EXPECTED; state != INVALID;) {
        if (state == VALUE_EXPECTED) {
            state = scan_value(scanner);
        } else if (scanner->depth > 0) {
            state = scan_next(scanner);
        } else {
            skip_space(scanner);
            return scanner->at == scanner->end;
        }
    }
    return false;
}

/* Sets up the scanner and scans the whole text. Its array of keys is first_keys, on the stack,
 * until the open objects have more keys than fit into it. A scan that fails stops at the first
 * wrong byte, so s.at gives *ret_offset, or at the first value beyond *values_left, and then sets
 * *ret_too_many. After success *values_left is reduced, *ret_offset is unchanged, and *ret_text is
 * the text for json-c: `text` itself, or a copy with marked numbers whose p is NULL when out of
 * memory. */
static bool json_scan_text(struct str text, size_t *values_left, struct arena *scratch,
                           size_t *ret_offset, bool *ret_too_many, struct str *ret_text)
{
    struct scanner scanner;
    *ret_too_many = false;
    /* struct key has 32-bit offsets, and the lengths of json-c have the type int. */
    if (text.n == 0 || text.n >= INT_MAX) {
        *ret_offset = 0;
        return false;
    }
    /* The members are set one by one, because zeroing the arrays would cost time. */
    scanner.start = scanner.at = scanner.copied = text.p;
    scanner.end = text.p + text.n;
    scanner.values_left = *values_left;
    scanner.has_too_many = false;
    scanner.depth = 0;
    scanner.keys = scanner.first_keys;
    scanner.key_count = 0;
    scanner.key_room = KEYS_ON_STACK;
    scanner.scratch = scratch;
    buf_init(&scanner.marked, scratch);
    if (!json_scan(&scanner)) {
        *ret_offset = (size_t)(scanner.at - scanner.start);
        *ret_too_many = scanner.has_too_many;
        return false;
    }
    *values_left = scanner.values_left;
    *ret_text = text;
    if (scanner.copied > scanner.start) {
        buf_str(&scanner.marked,
                (struct str){scanner.copied, (size_t)(scanner.end - scanner.copied)});
        *ret_text = scanner.marked.failed ? (struct str){0} : buf_view(&scanner.marked);
    }
    return true;
}

bool json_check(struct str text, size_t max_values, struct arena *scratch, size_t *ret_offset)
{
    struct str unused_text;
    bool unused_too_many;
    return json_scan_text(text, &max_values, scratch, ret_offset, &unused_too_many, &unused_text);
}

/* Called when the arena is reset: releases what json-c has allocated outside of it. */
static void json_c_release(void *object)
{
    (void)json_object_put(object);
}

/* Parses a text that json_scan_text has found valid, by json-c. *ret: the value; NULL for the text
 * `null`. Returns false when json-c has no memory or finds the text invalid. */
static bool json_c_parse(struct str text, struct json_object **ret)
{
    /* json-c counts a number or string as a level of nesting too, and needs one level more than it
     * uses (hazards J2). The 8 further levels cover both. */
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 8);
    if (!tokener)
        return false;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    *ret = json_tokener_parse_ex(tokener, text.p, (int)text.n);
    /* When the text is a single number, json-c waits for more digits. The NUL ends the number. */
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
    return json_parse_counted(text, &max_values, arena, p);
}

/* Checks the text, lets json-c parse it, and makes the arena release the parsed value. A text that
 * json_scan_text has accepted is valid, so a later failure is not the client's: INTERNAL_ERROR.
 * object is NULL without an error for the text `null`: nothing to release. */
struct json_object *json_parse_counted(struct str text, size_t *values_left, struct arena *arena,
                                       struct problem *p)
{
    size_t offset;
    struct str checked;
    bool too_many;
    if (!json_scan_text(text, values_left, arena, &offset, &too_many, &checked)) {
        if (too_many) {
            problem_set(p, PROBLEM_PAYLOAD_TOO_LARGE,
                        "The body has more than %zu values, of which an object counts as 8 and a "
                        "list as 4: send less in each request",
                        *values_left);
            return NULL;
        }
        problem_set(p, PROBLEM_INVALID_JSON, NULL);
        p->has_offset = true;
        p->offset = offset;
        return NULL;
    }
    struct json_object *object = NULL;
    if (!checked.p || checked.n >= INT_MAX || !json_c_parse(checked, &object)) {
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
