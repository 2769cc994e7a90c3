/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses and continues W3C traces. With an invalid traceparent a new trace is started; with an
 * invalid tracestate the trace is continued without it. Both come from clients and are checked byte
 * by byte before they are used. tracestate is a list of members key=value, separated by commas. */
#include "app/obs/trace.h"

#include "app/base/ids.h"
#include "app/base/percent.h"

/* Offsets in a traceparent, 00-TRACEID-PARENTID-FLAGS, where the parent's id is its span id; and
 * limits of a tracestate, in members and bytes (W3C Trace Context level 2, sections 3.2 and 3.3).
 */
enum {
    TRACE_ID_AT = 3,
    PARENT_ID_AT = 36,
    FLAGS_AT = 53,
    TRACEPARENT_LENGTH = 55,
    FLAG_SAMPLED = 1,
    FLAG_RANDOM = 2,
    MEMBERS_MAX = 32,
    KEY_MAX = 256,
    VALUE_MAX = 256,
    MEMBER_LONG = 128, /* members key=value longer than this are the first to be dropped */
};

/* Returns whether all n bytes are hexadecimal digits in lower case; the standard forbids A to F. */
static bool is_hex(const char *p, size_t n)
{
    size_t i = 0;

    while (i < n && hex_digit(p[i]) >= 0 && !(p[i] >= 'A' && p[i] <= 'F'))
        i++;
    return i == n;
}

/* Returns whether the n bytes have the form of a trace id or span id: hexadecimal digits, not all
 * 0. */
static bool trace_id_valid(const char *p, size_t n)
{
    bool zero = true;

    for (size_t i = 0; i < n; i++)
        zero &= p[i] == '0';
    return !zero && is_hex(p, n);
}

/* Returns whether the version (the first two digits) is allowed and fits the length of the
 * traceparent. Version 00 has exactly TRACEPARENT_LENGTH bytes. A later version may have more
 * fields after another dash. Version ff is forbidden. */
static bool version_valid(struct str text)
{
    if (memcmp(text.p, "00", 2) == 0)
        return text.n == TRACEPARENT_LENGTH;
    return is_hex(text.p, 2) && memcmp(text.p, "ff", 2) != 0 &&
           (text.n == TRACEPARENT_LENGTH || text.p[TRACEPARENT_LENGTH] == '-');
}

/* Returns whether the text is VERSION-TRACEID-SPANID-FLAGS. */
static bool traceparent_valid(struct str text)
{
    return text.n >= TRACEPARENT_LENGTH && version_valid(text) && text.p[TRACE_ID_AT - 1] == '-' &&
           text.p[PARENT_ID_AT - 1] == '-' && text.p[FLAGS_AT - 1] == '-' &&
           trace_id_valid(text.p + TRACE_ID_AT, TRACE_ID_SIZE - 1) &&
           trace_id_valid(text.p + PARENT_ID_AT, SPAN_ID_SIZE - 1) && is_hex(text.p + FLAGS_AT, 2);
}

/* Writes a random id: the 2n hexadecimal digits of n random bytes (at most 16), not all 0, and
 * NUL. */
static void random_id(char *ret_text, size_t n)
{
    static const unsigned char zeros[16];
    unsigned char bytes[sizeof(zeros)];

    do
        random_bytes(bytes, n);
    while (memcmp(bytes, zeros, n) == 0);
    hex_print(bytes, n, ret_text);
}

/* Returns whether the character is allowed in the key of a member of a tracestate. */
static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
           c == '/' || c == '@';
}

/* Returns whether the text is a valid key of a member of a tracestate: 1 to KEY_MAX characters, the
 * first of which is a letter or a digit. */
static bool key_valid(struct str key)
{
    if (key.n == 0 || key.n > KEY_MAX || strchr("_-*/@", key.p[0]))
        return false;
    for (size_t i = 0; i < key.n; i++)
        if (!is_key_char(key.p[i]))
            return false;
    return true;
}

/* Returns whether the text is a valid value of a member of a tracestate. The caller has removed
 * white space at its end. */
static bool value_valid(struct str value)
{
    if (value.n == 0 || value.n > VALUE_MAX)
        return false;
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < 0x20 || value.p[i] > 0x7e || value.p[i] == '=')
            return false;
    return true;
}

/* Returns whether the text is a valid member key=value of a tracestate. */
static bool member_valid(struct str member)
{
    const char *equals = memchr(member.p, '=', member.n);

    if (!equals)
        return false;
    const size_t key_length = (size_t)(equals - member.p);
    return key_valid((struct str){member.p, key_length}) &&
           value_valid((struct str){equals + 1, member.n - key_length - 1});
}

/* Splits a tracestate at its commas into members. Empty members are allowed and count towards
 * MEMBERS_MAX, but are not stored in ret_members. False when a member is invalid or there are more
 * than MEMBERS_MAX. */
static bool split_members(struct str text, struct str ret_members[MEMBERS_MAX], size_t *ret_count)
{
    size_t count = 0;

    for (int seen = 0;; seen++) {
        const char *comma = memchr(text.p, ',', text.n);
        const size_t length = comma ? (size_t)(comma - text.p) : text.n;
        const struct str member = str_trim((struct str){text.p, length});
        if (seen == MEMBERS_MAX || (member.n > 0 && !member_valid(member)))
            return false;
        if (member.n > 0)
            ret_members[count++] = member;
        if (!comma)
            break;
        text.p += length + 1;
        text.n -= length + 1;
    }
    *ret_count = count;
    return true;
}

/* Sets members longer than max_length to length 0, from the last one to the first, until the
 * remaining ones fit into TRACESTATE_MAX bytes. `length`: total length of all members, each with a
 * comma after it; the last comma is not written, hence the + 1 in the comparison. Returns the total
 * length after the change. */
static size_t drop_members(struct str *members, size_t count, size_t max_length, size_t length)
{
    for (size_t i = count; i-- > 0 && length > TRACESTATE_MAX + 1;) {
        if (members[i].n <= max_length)
            continue;
        length -= members[i].n + 1;
        members[i].n = 0;
    }
    return length;
}

/* Writes as many members as fit, separated by commas, to trace->state_buf and returns that text.
 * Drops members longer than MEMBER_LONG first, then others, as the standard recommends. */
static struct str shorten_state(struct trace *trace, struct str *members, size_t count)
{
    size_t length = 0;

    for (size_t i = 0; i < count; i++)
        length += members[i].n + 1;
    length = drop_members(members, count, MEMBER_LONG, length);
    drop_members(members, count, /* max_length */ 0, length);

    char *end = trace->state_buf;
    for (size_t i = 0; i < count; i++) {
        if (members[i].n == 0)
            continue;
        if (end > trace->state_buf)
            *end++ = ',';
        memcpy(end, members[i].p, members[i].n);
        end += members[i].n;
    }
    return (struct str){trace->state_buf, (size_t)(end - trace->state_buf)};
}

/* Returns the tracestate for requests to other services: the text itself when it is valid and short
 * enough, a shortened copy when it is valid but too long, and an empty text when it is invalid. */
static struct str parse_state(struct trace *trace, struct str text)
{
    struct str members[MEMBERS_MAX];
    size_t count = 0;

    if (text.n == 0 || !split_members(text, members, &count) || count == 0)
        return (struct str){NULL, 0};
    return text.n <= TRACESTATE_MAX ? text : shorten_state(trace, members, count);
}

/* Copies trace id and flags from the caller's traceparent, and stores the tracestate as parse_state
 * returns it. Of the flags only the two known bits are kept, which are in the last hexadecimal
 * digit. */
static void continue_trace(struct trace *trace, struct str traceparent, struct str tracestate)
{
    const int low = hex_digit(traceparent.p[FLAGS_AT + 1]);

    memcpy(trace->trace_id, traceparent.p + TRACE_ID_AT, TRACE_ID_SIZE - 1);
    trace->trace_id[TRACE_ID_SIZE - 1] = '\0';
    trace->flags = (unsigned char)(low & (FLAG_SAMPLED | FLAG_RANDOM));
    trace->state = parse_state(trace, tracestate);
}

/* A new trace has a random id and says so in its flags (FLAG_RANDOM). In both cases the span id is
 * new, because this request is a new span. */
void trace_begin(struct trace *trace, struct str traceparent, struct str tracestate)
{
    trace->continued = traceparent_valid(traceparent);
    if (trace->continued) {
        continue_trace(trace, traceparent, tracestate);
    } else {
        random_id(trace->trace_id, (TRACE_ID_SIZE - 1) / 2);
        trace->flags = FLAG_RANDOM;
        trace->state = (struct str){NULL, 0};
    }
    random_id(trace->span_id, (SPAN_ID_SIZE - 1) / 2);
}

/* Writes the four fields at their fixed offsets. Both known flags fit into the last digit, so the
 * first digit of the flags is always 0. */
void trace_print(const struct trace *trace, char ret_text[TRACEPARENT_SIZE])
{
    memcpy(ret_text, "00-", TRACE_ID_AT);
    memcpy(ret_text + TRACE_ID_AT, trace->trace_id, TRACE_ID_SIZE - 1);
    ret_text[PARENT_ID_AT - 1] = '-';
    memcpy(ret_text + PARENT_ID_AT, trace->span_id, SPAN_ID_SIZE - 1);
    ret_text[FLAGS_AT - 1] = '-';
    ret_text[FLAGS_AT] = '0';
    ret_text[FLAGS_AT + 1] = (char)('0' + (trace->flags & (FLAG_SAMPLED | FLAG_RANDOM)));
    ret_text[TRACEPARENT_LENGTH] = '\0';
}
