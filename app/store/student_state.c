/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packed state is a student's mastery state as one binary string: a version byte, a byte of
 * flags, then the members in the order below, numbers little-endian, doubles as IEEE 754 bits
 * (docs/data-model.md, Packed state). All packed states have the same size. A new member needs a
 * new STATE_SCHEMA (the version byte) and code that still reads the old version, because snapshots
 * of the whole history are stored in this form. */
#include <endian.h>
#include <math.h>

#include "app/store/student.h"

/* Bits of the byte of flags: the members `stated` and `own_weights` are true. */
enum { FLAG_STATED = 1, FLAG_OWN_WEIGHTS = 2 };

/* Writes the value as 8 bytes, little-endian. Returns the position after it. */
static unsigned char *state_put64(unsigned char *p, uint64_t value)
{
    value = htole64(value);
    memcpy(p, &value, sizeof(value));
    return p + sizeof(value);
}

/* Writes the value as 4 bytes, little-endian. Returns the position after it. */
static unsigned char *state_put32(unsigned char *p, uint32_t value)
{
    value = htole32(value);
    memcpy(p, &value, sizeof(value));
    return p + sizeof(value);
}

/* Writes the value as 8 bytes, little-endian. Returns the position after it. */
static unsigned char *state_put_double(unsigned char *p, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return state_put64(p, bits);
}

/* Writes all members in the order in which state_unpack reads them. */
size_t state_pack(const struct mastery_state *state, unsigned char ret[STATE_PACKED_MAX])
{
    unsigned char *p = ret;

    *p++ = STATE_SCHEMA;
    *p++ = (unsigned char)((state->stated ? FLAG_STATED : 0) |
                           (state->own_weights ? FLAG_OWN_WEIGHTS : 0));
    p = state_put32(p, (uint32_t)state->day);
    p = state_put32(p, state->active_days);
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        p = state_put_double(p, state->evidence[i].sum);
        p = state_put_double(p, state->evidence[i].weight);
        p = state_put64(p, (uint64_t)state->evidence[i].at_ms);
    }
    for (int i = 0; i < COMPONENTS; i++)
        p = state_put_double(p, state->components[i]);
    for (int i = 0; i < COMPONENTS; i++)
        p = state_put_double(p, state->weights[i]);
    p = state_put64(p, (uint64_t)state->stated_at_ms);
    p = state_put64(p, (uint64_t)state->last_event_ms);
    p = state_put64(p, (uint64_t)state->updated_at_ms);
    p = state_put32(p, state->samples);
    p = state_put32(p, state->exercises);
    p = state_put32(p, state->quizzes);
    p = state_put64(p, state->revision);
    return (size_t)(p - ret);
}

/* A position in a packed state. The size of the state was checked before, so the functions that
 * read from it need no check. */
struct state_reader {
    const char *p;
};

/* Reads 8 bytes, little-endian, and moves the reader past them. The caller has checked the size. */
static uint64_t state_get64(struct state_reader *reader)
{
    uint64_t value;

    memcpy(&value, reader->p, sizeof(value));
    reader->p += sizeof(value);
    return le64toh(value);
}

/* Reads 4 bytes, little-endian, and moves the reader past them. The caller has checked the size. */
static uint32_t state_get32(struct state_reader *reader)
{
    uint32_t value;

    memcpy(&value, reader->p, sizeof(value));
    reader->p += sizeof(value);
    return le32toh(value);
}

/* Reads a double from 8 bytes, little-endian, and moves the reader past them. The caller has
 * checked the size. */
static double state_get_double(struct state_reader *reader)
{
    uint64_t bits = state_get64(reader);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Returns whether x is a number in [0,1], as a component's value must be. */
static bool state_is_share(double x)
{
    return x >= 0 && x <= 1; /* false for NaN */
}

/* Returns whether the formulas can have produced these values. If not, the state is corrupt, and
 * calculating with it would spread the damage. The tolerances allow for rounding. An evidence is a
 * weighted mean of observed values in [0,1]: its sum (values times weights) is at most its weight
 * (sum of the weights), or a little more. */
bool state_is_plausible(const struct mastery_state *state)
{
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        const struct evidence *evidence = &state->evidence[i];

        if (!isfinite(evidence->sum) || !isfinite(evidence->weight) || evidence->weight < 0 ||
            evidence->sum < 0 || evidence->sum > evidence->weight * (1 + 1e-9) + 1e-300)
            return false;
    }
    for (int i = 0; i < COMPONENTS; i++) {
        if (!(state->weights[i] >= 0 && state->weights[i] <= 1 + WEIGHTS_SUM_TOLERANCE) ||
            !state_is_share(state->components[i]))
            return false;
    }
    /* days since 1970-01-01: no date within thousands of years is refused */
    return state->day > -1000000 && state->day < 10000000;
}

/* Reads the members in the order in which state_pack writes them. The size is checked before
 * anything is read, the values afterwards. */
bool state_unpack(struct str packed, struct mastery_state *ret)
{
    static const size_t size =        /* bytes that state_pack writes */
        1 + 1                         /* version, flags */
        + 4 + 4                       /* day, active days */
        + EVIDENCE_COMPONENTS * 3 * 8 /* sum, weight and time of each evidence */
        + 2 * COMPONENTS * 8          /* components and their weights */
        + 3 * 8                       /* times: stated, last event, updated */
        + 3 * 4                       /* samples, exercises, quizzes */
        + 8;                          /* revision */
    struct mastery_state state;
    struct state_reader reader;

    if (packed.n != size || packed.p[0] != STATE_SCHEMA)
        return false;
    reader.p = packed.p + 2;
    state.stated = packed.p[1] & FLAG_STATED;
    state.own_weights = packed.p[1] & FLAG_OWN_WEIGHTS;
    state.day = (int32_t)state_get32(&reader);
    state.active_days = state_get32(&reader);
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        state.evidence[i].sum = state_get_double(&reader);
        state.evidence[i].weight = state_get_double(&reader);
        state.evidence[i].at_ms = (int64_t)state_get64(&reader);
    }
    for (int i = 0; i < COMPONENTS; i++)
        state.components[i] = state_get_double(&reader);
    for (int i = 0; i < COMPONENTS; i++)
        state.weights[i] = state_get_double(&reader);
    state.stated_at_ms = (int64_t)state_get64(&reader);
    state.last_event_ms = (int64_t)state_get64(&reader);
    state.updated_at_ms = (int64_t)state_get64(&reader);
    state.samples = state_get32(&reader);
    state.exercises = state_get32(&reader);
    state.quizzes = state_get32(&reader);
    state.revision = state_get64(&reader);
    if (!state_is_plausible(&state))
        return false;
    *ret = state;
    return true;
}

struct str student_pack(struct arena *arena, const struct mastery_state *state)
{
    unsigned char packed[STATE_PACKED_MAX];
    size_t n = state_pack(state, packed);

    return arena_copy(arena, (struct str){(const char *)packed, n});
}
