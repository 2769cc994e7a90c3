/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/chain.h"

#include <stdlib.h>

#include "app/base/ids.h"
#include "app/store/student.h"

enum { BUCKETS = 256 };

struct link {
    struct link *next;
    char student[ID_MAX];
    size_t student_n;
    unsigned under_way;
    bool valid;
    size_t packed_n;
    char packed[STATE_PACKED_MAX];
};

struct chain {
    struct link *buckets[BUCKETS];
};

struct chain *chain_new(void)
{
    return calloc(1, sizeof(struct chain));
}

void chain_free(struct chain *chain)
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
static struct link **find(struct chain *chain, struct str student)
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

bool chain_latest(struct chain *chain, struct str student, struct str *ret_packed)
{
    const struct link *l = *find(chain, student);

    if (!l || !l->valid)
        return false;
    *ret_packed = (struct str){l->packed, l->packed_n};
    return true;
}

void chain_add(struct chain *chain, struct str student, struct str packed)
{
    struct link **at = find(chain, student), *l = *at;

    if (student.n > sizeof(l->student) || packed.n > sizeof(l->packed))
        return;
    if (!l) {
        l = calloc(1, sizeof(*l));
        if (!l)
            return;
        memcpy(l->student, student.p, student.n);
        l->student_n = student.n;
        *at = l;
    }
    memcpy(l->packed, packed.p, packed.n);
    l->packed_n = packed.n;
    l->valid = true;
    l->under_way++;
}

void chain_remove(struct chain *chain, struct str student, bool made)
{
    struct link **at = find(chain, student), *l = *at;

    if (!l)
        return;
    if (!made)
        l->valid = false;
    if (--l->under_way > 0)
        return;
    *at = l->next;
    free(l);
}
