/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The formulas of mastery by topic. Evidence is added by the script lua/student_change.lua, whose
 * formula is that of evidence_add; here it is only evaluated. */
#include "app/domain/topics.h"

#include <stdlib.h>

#include "app/base/number.h"

/* Gives each topic of the event its last observation, which says how well the student did: the
 * quality of an exercise (whose first observation is completion), or the only observation of a
 * quiz. */
size_t topics_of_event(const struct learning_event *event, struct topic ret[EVENT_TOPICS_MAX])
{
    const struct observation *observation;

    if (!event->is_exercise && !event->is_quiz)
        return 0;
    observation = &event->observations[event->observation_count - 1];
    for (size_t i = 0; i < event->topics.n; i++)
        ret[i] = (struct topic){.id = event->topics.v[i],
                                .components = UINT32_C(1) << observation->component,
                                .evidence = {.sum = observation->weight * observation->x,
                                             .weight = observation->weight,
                                             .at_ms = event->at_ms}};
    return event->topics.n;
}

/* Order for qsort: the lowest mastery first, then by id. */
static int topic_compare(const void *left, const void *right)
{
    const struct topic *a = left, *b = right;

    if (a->mastery != b->mastery)
        return a->mastery < b->mastery ? -1 : 1;
    return str_compare(a->id, b->id);
}

/* Computes each mastery, then sorts. All evidence is decayed to the time of the newest observation,
 * not to now: so the mastery of a topic without new observations moves toward the mean while the
 * student works on other topics, but not merely because time passes. */
void topics_rank(struct topic *topics, size_t n, int64_t now_ms)
{
    int64_t newest_ms = INT64_MIN;
    double sum = 0, weight = 0, mean;

    for (size_t i = 0; i < n; i++) {
        if (topics[i].evidence.at_ms > now_ms + STATE_AHEAD_MAX_MS)
            topics[i].evidence.at_ms = now_ms;
        if (topics[i].evidence.at_ms > newest_ms)
            newest_ms = topics[i].evidence.at_ms;
    }
    for (size_t i = 0; i < n; i++) {
        struct evidence e = evidence_at(&topics[i].evidence, newest_ms);

        sum += e.sum;
        weight += e.weight;
    }
    /* 0.5 is never used, because without weight there is no topic */
    mean = weight > 0 ? sum / weight : 0.5;
    for (size_t i = 0; i < n; i++) {
        struct evidence e = evidence_at(&topics[i].evidence, newest_ms);

        topics[i].mastery = number_clamp(
            number_round12((e.sum + TOPIC_PRIOR_WEIGHT * mean) / (e.weight + TOPIC_PRIOR_WEIGHT)),
            0, 1);
    }
    if (n > 1) /* an empty array is NULL, which qsort must not get */
        qsort(topics, n, sizeof(*topics), topic_compare);
}
