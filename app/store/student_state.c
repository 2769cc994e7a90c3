/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packed form of a student's state. */
#include <endian.h>
#include <math.h>

#include "app/store/student.h"

enum { FLAG_STATED = 1, FLAG_OWN_WEIGHTS = 2 };

static unsigned char *put64(unsigned char *p, uint64_t value)
{
    value = htole64(value);
    memcpy(p, &value, sizeof(value));
    return p + sizeof(value);
}

static unsigned char *put32(unsigned char *p, uint32_t value)
{
    value = htole32(value);
    memcpy(p, &value, sizeof(value));
    return p + sizeof(value);
}

static unsigned char *put_double(unsigned char *p, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return put64(p, bits);
}

size_t state_pack(const struct mastery_state *s, unsigned char ret[STATE_PACKED_MAX])
{
    unsigned char *p = ret;

    *p++ = STATE_SCHEMA;
    *p++ = (unsigned char)((s->stated ? FLAG_STATED : 0) | (s->own_weights ? FLAG_OWN_WEIGHTS : 0));
    p = put32(p, (uint32_t)s->day);
    p = put32(p, s->active_days);
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        p = put_double(p, s->evidence[i].sum);
        p = put_double(p, s->evidence[i].weight);
        p = put64(p, (uint64_t)s->evidence[i].at_ms);
    }
    for (int i = 0; i < COMPONENTS; i++)
        p = put_double(p, s->components[i]);
    for (int i = 0; i < COMPONENTS; i++)
        p = put_double(p, s->weights[i]);
    p = put64(p, (uint64_t)s->stated_at_ms);
    p = put64(p, (uint64_t)s->last_event_ms);
    p = put64(p, (uint64_t)s->updated_at_ms);
    p = put32(p, s->samples);
    p = put32(p, s->exercises);
    p = put32(p, s->quizzes);
    p = put64(p, s->revision);
    return (size_t)(p - ret);
}

/* Reading moves through the text; its length was checked once before. */
struct reader {
    const char *p;
};

static uint64_t get64(struct reader *r)
{
    uint64_t value;

    memcpy(&value, r->p, sizeof(value));
    r->p += sizeof(value);
    return le64toh(value);
}

static uint32_t get32(struct reader *r)
{
    uint32_t value;

    memcpy(&value, r->p, sizeof(value));
    r->p += sizeof(value);
    return le32toh(value);
}

static double get_double(struct reader *r)
{
    uint64_t bits = get64(r);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static bool share(double x)
{
    return x >= 0 && x <= 1; /* false for NaN */
}

static bool plausible(const struct mastery_state *s)
{
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        const struct evidence *e = &s->evidence[i];

        if (!isfinite(e->sum) || !isfinite(e->weight) || e->weight < 0 || e->sum < 0 ||
            e->sum > e->weight * (1 + 1e-9) + 1e-300)
            return false;
    }
    for (int i = 0; i < COMPONENTS; i++) {
        if (!(s->weights[i] >= 0 && s->weights[i] <= 1 + WEIGHTS_SUM_TOLERANCE) ||
            !share(s->components[i]))
            return false;
    }
    return s->day > -1000000 && s->day < 10000000;
}

bool state_unpack(struct str packed, struct mastery_state *ret)
{
    static const size_t size =
        2 + 2 * 4 + EVIDENCE_COMPONENTS * 24 + 2 * COMPONENTS * 8 + 3 * 8 + 3 * 4 + 8;
    struct mastery_state s;
    struct reader r;

    if (packed.n != size || packed.p[0] != STATE_SCHEMA)
        return false;
    r.p = packed.p + 2;
    s.stated = packed.p[1] & FLAG_STATED;
    s.own_weights = packed.p[1] & FLAG_OWN_WEIGHTS;
    s.day = (int32_t)get32(&r);
    s.active_days = get32(&r);
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        s.evidence[i].sum = get_double(&r);
        s.evidence[i].weight = get_double(&r);
        s.evidence[i].at_ms = (int64_t)get64(&r);
    }
    for (int i = 0; i < COMPONENTS; i++)
        s.components[i] = get_double(&r);
    for (int i = 0; i < COMPONENTS; i++)
        s.weights[i] = get_double(&r);
    s.stated_at_ms = (int64_t)get64(&r);
    s.last_event_ms = (int64_t)get64(&r);
    s.updated_at_ms = (int64_t)get64(&r);
    s.samples = get32(&r);
    s.exercises = get32(&r);
    s.quizzes = get32(&r);
    s.revision = get64(&r);
    if (!plausible(&s))
        return false;
    *ret = s;
    return true;
}
