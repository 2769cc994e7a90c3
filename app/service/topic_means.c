/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hash table that is at most half full, so that a search ends after a few places. A student has
 * at most 256 topics: too few to slow down the search by ids that were chosen to have the same
 * hash. */
#include "app/service/topic_means.h"

#include <stdint.h>
#include <stdlib.h>

#include "app/base/number.h"

enum { TOPIC_MEANS_FIRST = 256 }; /* places of the first table */

/* Returns a hash of the id (FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/). */
static uint32_t topic_hash(struct str id)
{
    uint32_t hash = UINT32_C(2166136261);

    for (size_t i = 0; i < id.n; i++)
        hash = (hash ^ (unsigned char)id.p[i]) * UINT32_C(16777619);
    return hash;
}

/* Returns the place of the id in a table of `capacity` places (a power of two), or the free place
 * where it must be added. */
static struct topic_mean *topic_means_find(struct topic_mean *places, size_t capacity,
                                           struct str id)
{
    size_t i = topic_hash(id) & (capacity - 1);

    while (places[i].id.p && !str_equal(places[i].id, id))
        i = (i + 1) & (capacity - 1);
    return &places[i];
}

/* Doubles the table when it is half full. The old one stays in the arena, unused. False when out of
 * memory. */
static bool topic_means_reserve(struct topic_means *means)
{
    size_t capacity = means->capacity > 0 ? 2 * means->capacity : TOPIC_MEANS_FIRST;
    struct topic_mean *places;

    if (2 * means->n < means->capacity)
        return true;
    places = arena_array(means->arena, capacity, sizeof(*places));
    if (!places)
        return false;
    for (size_t i = 0; i < means->capacity; i++) {
        if (means->places[i].id.p)
            *topic_means_find(places, capacity, means->places[i].id) = means->places[i];
    }
    means->places = places;
    means->capacity = capacity;
    return true;
}

struct str topic_means_add(struct topic_means *means, struct str id, double mastery)
{
    struct topic_mean *topic;

    if (!topic_means_reserve(means)) {
        means->failed = true;
        return (struct str){0};
    }
    topic = topic_means_find(means->places, means->capacity, id);
    if (!topic->id.p) {
        if (means->n == TOPIC_MEANS_MAX)
            return (struct str){0};
        topic->id = arena_copy(means->arena, id);
        means->failed = means->failed || !topic->id.p;
        if (!topic->id.p)
            return (struct str){0};
        means->n++;
    }
    topic->sum += mastery;
    topic->students++;
    return topic->id;
}

double topic_mean_value(const struct topic_mean *topic)
{
    return number_round12(topic->sum / (double)topic->students);
}

/* Order for qsort: the lowest mean first, then by id. */
static int topic_mean_compare(const void *a, const void *b)
{
    const struct topic_mean *x = a, *y = b;
    double of_x = topic_mean_value(x), of_y = topic_mean_value(y);

    if (of_x < of_y || of_x > of_y)
        return of_x < of_y ? -1 : 1;
    return str_compare(x->id, y->id);
}

void topic_means_rank(struct topic_means *means)
{
    size_t n = 0;

    for (size_t i = 0; i < means->capacity; i++) {
        if (means->places[i].id.p)
            means->places[n++] = means->places[i];
    }
    if (n > 1)
        qsort(means->places, n, sizeof(*means->places), topic_mean_compare);
}
