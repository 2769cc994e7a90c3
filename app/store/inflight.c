/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/inflight.h"

#include <stdlib.h>

#include "app/base/ids.h"
#include "app/store/student.h"

enum { BUCKETS = 256 };

struct link {
    struct link *next;
    char student[ID_MAX];
    size_t student_n;
    unsigned under_way;
    const void *turn; /* whose it is; NULL: nobody's */
    bool valid;
    size_t packed_n;
    char packed[STATE_PACKED_MAX];
};

struct inflight {
    struct link *buckets[BUCKETS];
};

struct inflight *inflight_new(void)
{
    return calloc(1, sizeof(struct inflight));
}

void inflight_free(struct inflight *chain)
{
    for (size_t i = 0; chain && i < BUCKETS; i++) {
        while (chain->buckets[i]) {
            struct link *l = chain->buckets[i];

            chain->buckets[i] = l->next;
            free(l);
        }
    }
    free(chain);
}

/* Where the link to the student is, or would be appended. */
static struct link **find(struct inflight *chain, struct str student)
{
    unsigned hash = 5381;
    struct link **at;

    for (size_t i = 0; i < student.n; i++)
        hash = hash * 33 + (unsigned char)student.p[i];
    at = &chain->buckets[hash % BUCKETS];
    while (*at && !str_equal(student, (struct str){(*at)->student, (*at)->student_n}))
        at = &(*at)->next;
    return at;
}

bool inflight_latest(struct inflight *chain, struct str student, struct str *ret_packed)
{
    const struct link *l = *find(chain, student);

    if (!l || !l->valid)
        return false;
    *ret_packed = (struct str){l->packed, l->packed_n};
    return true;
}

/* The link to the student, made when there is none; NULL without memory. */
static struct link *obtain(struct inflight *chain, struct str student)
{
    struct link **at = find(chain, student), *l = *at;

    if (l || student.n > sizeof(l->student))
        return l;
    l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    memcpy(l->student, student.p, student.n);
    l->student_n = student.n;
    *at = l;
    return l;
}

static void drop_unused(struct link **at)
{
    struct link *l = *at;

    if (l->under_way > 0 || l->turn)
        return;
    *at = l->next;
    free(l);
}

void inflight_add(struct inflight *chain, struct str student, struct str packed)
{
    struct link *l = packed.n <= STATE_PACKED_MAX ? obtain(chain, student) : NULL;

    if (!l)
        return;
    memcpy(l->packed, packed.p, packed.n);
    l->packed_n = packed.n;
    l->valid = true;
    l->under_way++;
}

void inflight_remove(struct inflight *chain, struct str student, bool made)
{
    struct link **at = find(chain, student), *l = *at;

    if (!l || l->under_way == 0)
        return;
    l->under_way--;
    if (!made || l->under_way == 0)
        l->valid = false;
    drop_unused(at);
}

void inflight_lock(struct inflight *chain, struct str student, const void *who)
{
    struct link *l = obtain(chain, student);

    if (l && !l->turn)
        l->turn = who;
}

bool inflight_is_locked(struct inflight *chain, struct str student, const void *who)
{
    const struct link *l = *find(chain, student);

    return l && l->turn && l->turn != who;
}

void inflight_unlock(struct inflight *chain, struct str student, const void *who)
{
    struct link **at = find(chain, student), *l = *at;

    if (!l || l->turn != who)
        return;
    l->turn = NULL;
    drop_unused(at);
}
