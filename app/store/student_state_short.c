/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The short form of a state (about 80 bytes instead of 190), of which a student has one for each
 * active day. Exactly the same state comes out again:
 *
 *   a byte 1, the version
 *   a number: the set of members that follow (enum member)
 *   the members in the order of the set; in between, where the set says nothing, the numbers that
 *   every state has
 *
 * A number has 7 bits in each byte, the lowest first; the highest bit of a byte says that another
 * follows. A time is the difference in ms from the start of the day, its sign in the lowest bit. */
#include <endian.h>
#include <string.h>

#include "app/base/clock.h"
#include "app/store/student_days.h"

enum { SHORT_VERSION = 1 };

enum member {
    HAS_STATED = 1,
    HAS_OWN_WEIGHTS = 2,
    HAS_EVIDENCE = 4, /* 4, 8, 16: of the first, second, third component */
    HAS_COMPONENTS = 32,
    HAS_WEIGHTS = 64,
    HAS_DEFAULT_WEIGHTS = 128, /* the default ones, which do not follow */
    HAS_STATED_AT = 256,
    HAS_LAST_EVENT = 512,
    HAS_UPDATED_AT = 1024,
    ALL_MEMBERS = 2047
};

/* ---- writing ---- */

static unsigned char *short_put_number(unsigned char *p, uint64_t value)
{
    for (; value > 127; value >>= 7)
        *p++ = (unsigned char)(value & 127) | 128;
    *p++ = (unsigned char)value;
    return p;
}

static unsigned char *short_put_time(unsigned char *p, int64_t ms, int32_t day)
{
    int64_t difference = (int64_t)((uint64_t)ms - (uint64_t)day_start_ms(day));

    return short_put_number(p, (uint64_t)difference << 1 ^ (difference < 0 ? UINT64_MAX : 0));
}

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

/* Whether all bytes are 0, as those of positive zeros are. */
static bool short_is_zero(const void *p, size_t n)
{
    static const char zeros[sizeof(double[COMPONENTS])];

    return memcmp(p, zeros, n) == 0;
}

/* Returns the set of members to write. */
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
    /* the same bytes are wanted: NOLINTNEXTLINE(*-suspicious-memory-comparison,cert-*) */
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

/* What is left to read. After a failure everything reads as 0. */
struct short_reader {
    struct str text;
    bool failed;
};

static uint64_t short_get_number(struct short_reader *r, uint64_t max)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && r->text.n > 0; shift += 7) {
        unsigned char byte = (unsigned char)*r->text.p;

        r->text = (struct str){r->text.p + 1, r->text.n - 1};
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128 && value <= max)
            return value;
    }
    r->failed = true;
    return 0;
}

static int64_t short_get_time(struct short_reader *r, int32_t day)
{
    uint64_t number = short_get_number(r, UINT64_MAX);
    uint64_t difference = number >> 1 ^ (number & 1 ? UINT64_MAX : 0);

    return (int64_t)((uint64_t)day_start_ms(day) + difference);
}

static void short_get_doubles(struct short_reader *r, double *ret_values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;

        if (r->text.n < sizeof(bits)) {
            r->failed = true;
            return;
        }
        memcpy(&bits, r->text.p, sizeof(bits));
        r->text = (struct str){r->text.p + sizeof(bits), r->text.n - sizeof(bits)};
        bits = le64toh(bits);
        memcpy(&ret_values[i], &bits, sizeof(bits));
    }
}

static void short_get_evidence(struct short_reader *r, int32_t day, struct evidence *ret)
{
    double values[2] = {0};

    short_get_doubles(r, values, 2);
    *ret = (struct evidence){values[0], values[1], short_get_time(r, day)};
}

bool state_unpack_short(struct str text, int32_t day, struct mastery_state *ret)
{
    struct mastery_state state;
    struct short_reader r = {.text = text};
    unsigned members;

    if (short_get_number(&r, SHORT_VERSION) != SHORT_VERSION)
        return false;
    mastery_state_init(&state);
    members = (unsigned)short_get_number(&r, ALL_MEMBERS);
    state.day = day;
    state.stated = members & HAS_STATED;
    state.own_weights = members & HAS_OWN_WEIGHTS;
    state.active_days = (uint32_t)short_get_number(&r, UINT32_MAX);
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        if (members & (unsigned)HAS_EVIDENCE << i)
            short_get_evidence(&r, day, &state.evidence[i]);
    }
    if (members & HAS_COMPONENTS)
        short_get_doubles(&r, state.components, COMPONENTS);
    if (members & HAS_WEIGHTS)
        short_get_doubles(&r, state.weights, COMPONENTS);
    if (members & HAS_DEFAULT_WEIGHTS)
        memcpy(state.weights, default_weights, sizeof(state.weights));
    if (members & HAS_STATED_AT)
        state.stated_at_ms = short_get_time(&r, day);
    if (members & HAS_LAST_EVENT)
        state.last_event_ms = short_get_time(&r, day);
    if (members & HAS_UPDATED_AT)
        state.updated_at_ms = short_get_time(&r, day);
    state.samples = (uint32_t)short_get_number(&r, UINT32_MAX);
    state.exercises = (uint32_t)short_get_number(&r, UINT32_MAX);
    state.quizzes = (uint32_t)short_get_number(&r, UINT32_MAX);
    state.revision = short_get_number(&r, UINT64_MAX);
    if (r.failed || r.text.n > 0 || !state_is_plausible(&state))
        return false;
    *ret = state;
    return true;
}
