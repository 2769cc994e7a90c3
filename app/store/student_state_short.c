/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The short form of a state (about 80 bytes instead of 190), which is stored for each closed day of
 * a student. Unpacking it gives exactly the state that was packed. It consists of:
 *
 *   a byte 1, the version
 *   a number: the set of optional members that are present (enum member)
 *   the members of the state, in the order of state_pack_short
 *
 * Members that every state has, such as active_days, are not in the set. A number is a varint: 7
 * bits in each byte, the lowest bits first; the highest bit of a byte is 1 if another byte follows.
 * A time is the difference in milliseconds from the start of the day, as a varint in zigzag
 * encoding (the sign is in the lowest bit). */
#include <endian.h>
#include <string.h>

#include "app/base/clock.h"
#include "app/store/student_days.h"

enum { SHORT_VERSION = 1 };
/* A byte of a varint: 7 bits of the value, and the bit that says that another byte follows. */
enum { VARINT_BITS = 127, VARINT_MORE = 128 };

/* The set of optional members, a bit for each that is present. */
enum member {
    HAS_STATED = 1,
    HAS_OWN_WEIGHTS = 2,
    HAS_EVIDENCE = 4, /* of the first component; 8 and 16 for the second and third */
    HAS_COMPONENTS = 32,
    HAS_WEIGHTS = 64,
    HAS_DEFAULT_WEIGHTS = 128, /* the weights are default_weights, and are not stored */
    HAS_STATED_AT = 256,
    HAS_LAST_EVENT = 512,
    HAS_UPDATED_AT = 1024,
    ALL_MEMBERS = 2047 /* all bits above */
};

/* ---- writing ---- */

/* Writes the value as a varint at p. Returns the position after it. */
static unsigned char *short_put_number(unsigned char *p, uint64_t value)
{
    for (; value > VARINT_BITS; value >>= 7)
        *p++ = (unsigned char)(value & VARINT_BITS) | VARINT_MORE;
    *p++ = (unsigned char)value;
    return p;
}

/* Writes a time (ms since the epoch) at p, relative to the start of the day, in zigzag encoding, so
 * that times a little before and after it are both short. Returns the position after it. */
static unsigned char *short_put_time(unsigned char *p, int64_t ms, int32_t day)
{
    int64_t difference = (int64_t)((uint64_t)ms - (uint64_t)day_start_ms(day));

    return short_put_number(p, (uint64_t)difference << 1 ^ (difference < 0 ? UINT64_MAX : 0));
}

/* Writes n doubles of 8 bytes each, little-endian, at p. Returns the position after them. */
static unsigned char *short_put_doubles(unsigned char *p, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;

        memcpy(&bits, &values[i], sizeof(bits));
        bits = htole64(bits);
        p = mempcpy(p, &bits, sizeof(bits));
    }
    return p;
}

/* Returns whether all n bytes at p are 0, which is how positive zeros are stored. n is at most the
 * size of COMPONENTS doubles. */
static bool short_is_zero(const void *p, size_t n)
{
    static const char zeros[sizeof(double[COMPONENTS])];

    return memcmp(p, zeros, n) == 0;
}

/* Returns the set of members (enum member) that the short form of this state must have: those that
 * differ from the initial state, whose weights are 0. The usual weights, default_weights, are only
 * named by HAS_DEFAULT_WEIGHTS. */
static unsigned short_members(const struct mastery_state *state)
{
    unsigned members =
        (state->stated ? HAS_STATED : 0) | (state->own_weights ? HAS_OWN_WEIGHTS : 0);

    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        const struct evidence *evidence = &state->evidence[i];

        if (!short_is_zero(&evidence->sum, sizeof(evidence->sum)) ||
            !short_is_zero(&evidence->weight, sizeof(evidence->weight)) || evidence->at_ms != 0)
            members |= (unsigned)HAS_EVIDENCE << i;
    }
    members |= short_is_zero(state->components, sizeof(state->components)) ? 0 : HAS_COMPONENTS;
    /* compares bits on purpose: NOLINTNEXTLINE(*-suspicious-memory-comparison,cert-*) */
    if (memcmp(state->weights, default_weights, sizeof(state->weights)) == 0)
        members |= HAS_DEFAULT_WEIGHTS;
    else if (!short_is_zero(state->weights, sizeof(state->weights)))
        members |= HAS_WEIGHTS;
    members |= state->stated_at_ms != INT64_MIN ? HAS_STATED_AT : 0;
    members |= state->last_event_ms != INT64_MIN ? HAS_LAST_EVENT : 0;
    members |= state->updated_at_ms != 0 ? HAS_UPDATED_AT : 0;
    return members;
}

size_t state_pack_short(const struct mastery_state *state, unsigned char ret[STATE_SHORT_MAX])
{
    unsigned members = short_members(state);
    unsigned char *p = ret;

    if (state->day < 0 || state->day > UINT16_MAX)
        return 0;
    *p++ = SHORT_VERSION;
    p = short_put_number(p, members);
    p = short_put_number(p, state->active_days);
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        const struct evidence *evidence = &state->evidence[i];

        if (!(members & (unsigned)HAS_EVIDENCE << i))
            continue;
        p = short_put_doubles(p, (const double[]){evidence->sum, evidence->weight}, 2);
        p = short_put_time(p, evidence->at_ms, state->day);
    }
    if (members & HAS_COMPONENTS)
        p = short_put_doubles(p, state->components, COMPONENTS);
    if (members & HAS_WEIGHTS)
        p = short_put_doubles(p, state->weights, COMPONENTS);
    if (members & HAS_STATED_AT)
        p = short_put_time(p, state->stated_at_ms, state->day);
    if (members & HAS_LAST_EVENT)
        p = short_put_time(p, state->last_event_ms, state->day);
    if (members & HAS_UPDATED_AT)
        p = short_put_time(p, state->updated_at_ms, state->day);
    p = short_put_number(p, state->samples);
    p = short_put_number(p, state->exercises);
    p = short_put_number(p, state->quizzes);
    p = short_put_number(p, state->revision);
    return (size_t)(p - ret);
}

/* ---- reading ---- */

/* The part of the short form that is still to be read. failed: the text is not in this form; what
 * was read after that must not be used. */
struct short_reader {
    struct str text;
    bool failed;
};

/* Reads a varint and removes it from the text. When it is damaged or larger than max, sets
 * reader->failed and returns 0. */
static uint64_t short_get_number(struct short_reader *reader, uint64_t max)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && reader->text.n > 0; shift += 7) {
        unsigned char byte = (unsigned char)*reader->text.p;

        reader->text = (struct str){reader->text.p + 1, reader->text.n - 1};
        value |= (uint64_t)(byte & VARINT_BITS) << shift;
        if (!(byte & VARINT_MORE) && value <= max)
            return value;
    }
    reader->failed = true;
    return 0;
}

/* Reads a time that short_put_time wrote: its difference from the start of the day. Returns
 * milliseconds since the epoch. */
static int64_t short_get_time(struct short_reader *reader, int32_t day)
{
    uint64_t number = short_get_number(reader, UINT64_MAX);
    uint64_t difference = number >> 1 ^ (number & 1 ? UINT64_MAX : 0);

    return (int64_t)((uint64_t)day_start_ms(day) + difference);
}

/* Reads n doubles of 8 bytes each, little-endian. Sets reader->failed if the text ends before. */
static void short_get_doubles(struct short_reader *reader, double *ret_values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;

        if (reader->text.n < sizeof(bits)) {
            reader->failed = true;
            return;
        }
        memcpy(&bits, reader->text.p, sizeof(bits));
        reader->text = (struct str){reader->text.p + sizeof(bits), reader->text.n - sizeof(bits)};
        bits = le64toh(bits);
        memcpy(&ret_values[i], &bits, sizeof(bits));
    }
}

/* Reads the evidence of one component: sum, weight and time. */
static void short_get_evidence(struct short_reader *reader, int32_t day, struct evidence *ret)
{
    double values[2] = {0};

    short_get_doubles(reader, values, 2);
    *ret = (struct evidence){values[0], values[1], short_get_time(reader, day)};
}

bool state_unpack_short(struct str text, int32_t day, struct mastery_state *ret)
{
    struct mastery_state state;
    struct short_reader reader = {.text = text};
    unsigned members;

    if (short_get_number(&reader, SHORT_VERSION) != SHORT_VERSION)
        return false;
    mastery_state_init(&state);
    members = (unsigned)short_get_number(&reader, ALL_MEMBERS);
    state.day = day;
    state.stated = members & HAS_STATED;
    state.own_weights = members & HAS_OWN_WEIGHTS;
    state.active_days = (uint32_t)short_get_number(&reader, UINT32_MAX);
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        if (members & (unsigned)HAS_EVIDENCE << i)
            short_get_evidence(&reader, day, &state.evidence[i]);
    }
    if (members & HAS_COMPONENTS)
        short_get_doubles(&reader, state.components, COMPONENTS);
    if (members & HAS_WEIGHTS)
        short_get_doubles(&reader, state.weights, COMPONENTS);
    if (members & HAS_DEFAULT_WEIGHTS)
        memcpy(state.weights, default_weights, sizeof(state.weights));
    if (members & HAS_STATED_AT)
        state.stated_at_ms = short_get_time(&reader, day);
    if (members & HAS_LAST_EVENT)
        state.last_event_ms = short_get_time(&reader, day);
    if (members & HAS_UPDATED_AT)
        state.updated_at_ms = short_get_time(&reader, day);
    state.samples = (uint32_t)short_get_number(&reader, UINT32_MAX);
    state.exercises = (uint32_t)short_get_number(&reader, UINT32_MAX);
    state.quizzes = (uint32_t)short_get_number(&reader, UINT32_MAX);
    state.revision = short_get_number(&reader, UINT64_MAX);
    if (reader.failed || reader.text.n > 0 || !state_is_plausible(&state))
        return false;
    *ret = state;
    return true;
}
