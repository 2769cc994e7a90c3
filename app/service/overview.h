/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The overview of a cohort: for each member what a teacher wants to see, and the order in which the
 * members need attention (domain/attention.h).
 *
 * Members are read OVERVIEW_BATCH at a time, one pipeline for each batch after the one that reads
 * the cohort's record. So the replies in memory are bounded for a cohort of any size. Of each
 * member only struct overview_member is stored. */
#ifndef SERVICE_OVERVIEW_H
#define SERVICE_OVERVIEW_H

#include "app/domain/attention.h"
#include "app/domain/prediction.h"
#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/service/overview_cache.h"
#include "app/service/topic_means.h"

enum {
    OVERVIEW_BATCH = 200, /* members whose states and snapshots one pipeline reads */
    OVERVIEW_WEAKEST = 3, /* most topics that are stored of a member */
};

/* A topic of a member, with how well the member masters it. */
struct overview_topic {
    struct str id;
    double mastery; /* mastery of the topic, in [0,1] */
};

/* What is known of a member. All sorts except OVERVIEW_BY_ID list the members in this order of
 * kinds. */
enum overview_kind {
    OVERVIEW_KNOWN, /* the student has data; all members of struct overview_member are set */
    /* there is no data about the student; of the members that follow `kind` only rank is set */
    OVERVIEW_NO_DATA,
    /* consent to analytics is withdrawn; only the id and this kind may be shown */
    OVERVIEW_WITHDRAWN,
};

struct overview_member {
    struct str id;
    enum overview_kind kind;
    double score; /* the present score, in [0,1] */
    enum level level;
    struct overview_outlook outlook;
    int64_t last_active_ms; /* time of the latest event or statement (`calculate`) */
    struct attention_facts facts;
    /* need for attention, >= 0; members with a larger need are listed first (attention_need) */
    double need;
    struct overview_topic weakest[OVERVIEW_WEAKEST]; /* the weakest topic first */
    size_t weakest_count;
    size_t rank; /* 1: needs attention most; no two members have the same */
};

struct overview {
    /* in: set by the caller */
    const struct config *config;
    struct overview_cache *cache; /* NULL: none */
    int64_t now_ms;
    struct arena *reply_arena; /* memory of one pipeline; each step resets it */
    /* out: set when the last step ends without a problem */
    struct overview_member *members; /* the n students of the cohort, by rank */
    size_t n;
    struct topic_means topics; /* topics of the members with data, the weakest first */
    /* private: used only by overview.c */
    /* the commands that read one student of the cohort */
    struct overview_read {
        struct command *topics, *days; /* read the state with topics, and the daily snapshots */
        /* used instead of `topics` and `days` when the cache has an entry of the member: reads the
         * same, but the snapshots only if the state is not the one of the entry */
        struct command *changed;
    } reads[OVERVIEW_BATCH];
    size_t first, next; /* members[first] to members[next - 1] are in the pipeline */
};

/* Allocates the members for these ids, whose texts must live as long as the overview. False, with a
 * problem, when out of memory. */
bool overview_fill(struct overview *o, struct str_list students, struct arena *arena,
                   struct problem *p);
/* Runs the next step of the reading. Call after overview_fill, then again after each pipeline until
 * STEP_DONE, which is also returned after a problem. The pipeline must use reply_arena, and nothing
 * else may use it. */
enum step overview_step(struct overview *o, struct pipeline *pipeline, struct problem *p);

enum overview_sort {
    OVERVIEW_BY_ATTENTION, /* by need for attention */
    OVERVIEW_BY_MASTERY,   /* lowest score first */
    OVERVIEW_BY_TREND,     /* declining, stable, improving; of each the largest fall first */
    OVERVIEW_BY_ID,        /* by the bytes of the ids */
    OVERVIEW_SORTS
};
extern const char *const overview_sort_names[OVERVIEW_SORTS + 1]; /* ends with NULL */

/* Sorts the members. Except by id, those without data come after those with data, and those who
 * have withdrawn consent come last. Members that are equal are sorted by id. */
void overview_order(struct overview *o, enum overview_sort sort);

#endif
