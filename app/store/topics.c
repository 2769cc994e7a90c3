/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packed topics: a version byte, then for each topic a byte with the length of its id, the id, a
 * byte with the set of components that it was observed in, and the sum, weight and time (ms) of its
 * evidence, three little-endian doubles. lua/lib/topics.lua reads and writes the same form. */
#include "app/store/topics.h"

#include <assert.h>
#include <endian.h>
#include <math.h>

#include "app/base/buf.h"
#include "app/base/ids.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

/* 2^53: whole numbers below it are exact in a double */
static const double exact_limit = 9007199254740992;
/* Bytes of a topic without its id. */
enum { TOPIC_FIXED_SIZE = 1 + 1 + 3 * 8 };

/* Appends the value as 8 bytes, little-endian. */
static void topics_put_double(struct buf *out, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    bits = htole64(bits);
    buf_str(out, (struct str){(const char *)&bits, sizeof(bits)});
}

/* Reads the value that topics_put_double wrote at p. */
static double topics_get_double(const char *p)
{
    uint64_t bits;
    double value;

    memcpy(&bits, p, sizeof(bits));
    bits = le64toh(bits);
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static_assert(ID_MAX <= UINT8_MAX, "the length of an id is one byte");

struct str topics_pack(struct arena *arena, const struct topic *topics, size_t n)
{
    struct buf out;

    buf_init(&out, arena);
    buf_char(&out, TOPICS_VERSION);
    for (size_t i = 0; i < n; i++) {
        buf_char(&out, (char)topics[i].id.n);
        buf_str(&out, topics[i].id);
        buf_char(&out, (char)topics[i].components);
        topics_put_double(&out, topics[i].evidence.sum);
        topics_put_double(&out, topics[i].evidence.weight);
        topics_put_double(&out, (double)topics[i].evidence.at_ms);
    }
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* Reads the topic at the start of *rest and removes it from there. Returns false when *rest is too
 * short, or for values that no evidence can have: the sum is the weight times a mean in [0,1], up
 * to rounding, no number of events makes a weight of 1e12, and the time a whole number that a
 * double holds exactly. */
static bool topics_get(struct str *rest, struct topic *ret)
{
    size_t id_size = rest->n > 0 ? (unsigned char)rest->p[0] : 0;
    const char *numbers;
    double sum, weight, at_ms;

    if (id_size == 0 || rest->n < TOPIC_FIXED_SIZE + id_size)
        return false;
    numbers = rest->p + 1 + id_size + 1;
    sum = topics_get_double(numbers);
    weight = topics_get_double(numbers + 8);
    at_ms = topics_get_double(numbers + 16);
    if (!(sum >= 0 && weight > 0 && weight < 1e12 && sum <= weight * (1 + 1e-9) &&
          fabs(at_ms) < exact_limit && at_ms == floor(at_ms)))
        return false;
    *ret = (struct topic){.id = {rest->p + 1, id_size},
                          .components = (unsigned char)rest->p[1 + id_size],
                          .evidence = {sum, weight, (int64_t)at_ms}};
    rest->p += TOPIC_FIXED_SIZE + id_size;
    rest->n -= TOPIC_FIXED_SIZE + id_size;
    return true;
}

bool topics_unpack(struct str packed, struct arena *arena, struct topic **ret, size_t *ret_n)
{
    size_t n = 0, room = packed.n / TOPIC_FIXED_SIZE + 1; /* at least as many as there are */
    struct topic *topics = arena_array(arena, room, sizeof(*topics));

    if (!topics || packed.n == 0 || packed.p[0] != TOPICS_VERSION)
        return false;
    packed = (struct str){packed.p + 1, packed.n - 1};
    while (packed.n > 0) {
        if (n == STUDENT_TOPICS_MAX || !topics_get(&packed, &topics[n]))
            return false;
        n++;
    }
    *ret = topics;
    *ret_n = n;
    return true;
}

/* Reads state, topics and consents; the codes of withdrawn consents are last, where
 * student_has_withdrawn expects them. */
struct command *student_cmd_topics(struct pipeline *pipeline, struct str student)
{
    struct str key = key_student(pipeline->arena, student, STUDENT_KEY_PROFILE);

    return pipeline_add(pipeline, COMMAND_READ, 5,
                        (struct str[]){STR("HMGET"), key, STR("s"), STR("t"), STR("c")});
}

/* Parses the reply [state, topics, consents]. */
bool student_parse_topics(const struct command *command, struct student_topics *ret,
                          struct problem *p)
{
    struct str state = {0}, packed = {0};
    size_t fields;

    *ret = (struct student_topics){0};
    if (!reply_expect_array(command->reply, 3, &fields, p) ||
        !reply_expect_text_or_nil(reply_at(command->reply, 0), &state, p) ||
        !reply_expect_text_or_nil(reply_at(command->reply, 1), &packed, p))
        return false;
    ret->exists = state.p != NULL;
    if (!packed.p || topics_unpack(packed, command->pipeline->arena, &ret->v, &ret->n))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}
