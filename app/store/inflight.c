/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The in-flight writes (writes that Redis has not acknowledged yet): a hash table with an entry for
 * each student that has some, or a lock. The table does not grow, because it has at most as many
 * entries as the process has concurrent writes, a few hundred. */
#include "app/store/inflight.h"

#include <stdlib.h>

#include "app/base/ids.h"
#include "app/store/student.h"

enum { INFLIGHT_BUCKETS = 256 };

struct inflight_entry {
    struct inflight_entry *next;
    char student[ID_MAX]; /* id, without a NUL */
    size_t student_n;
    unsigned writes;   /* number of unfinished writes */
    const void *owner; /* owner of the lock on this student's writes; NULL: not locked */
    bool valid;        /* `packed` is the state that the latest write will leave */
    size_t packed_n;
    char packed[STATE_PACKED_MAX];
};

struct inflight {
    struct inflight_entry *buckets[INFLIGHT_BUCKETS];
};

struct inflight *inflight_new(void)
{
    return calloc(1, sizeof(struct inflight));
}

/* Frees the entries of all buckets, even those whose writes have not finished, then the table. */
void inflight_free(struct inflight *inflight)
{
    for (size_t i = 0; inflight && i < INFLIGHT_BUCKETS; i++) {
        while (inflight->buckets[i]) {
            struct inflight_entry *entry = inflight->buckets[i];

            inflight->buckets[i] = entry->next;
            free(entry);
        }
    }
    free(inflight);
}

/* Finds the link that points to the entry of the student, so that the caller can remove or insert
 * an entry. The link contains NULL when there is no entry. */
static struct inflight_entry **inflight_find(struct inflight *inflight, struct str student)
{
    unsigned hash = 5381; /* djb2 */
    struct inflight_entry **link;

    for (size_t i = 0; i < student.n; i++)
        hash = hash * 33 + (unsigned char)student.p[i];
    link = &inflight->buckets[hash % INFLIGHT_BUCKETS];
    while (*link && !str_equal(student, (struct str){(*link)->student, (*link)->student_n}))
        link = &(*link)->next;
    return link;
}

/* Looks for the student's latest write. The returned text points into the entry and is valid until
 * the next call for this student. */
bool inflight_latest(struct inflight *inflight, struct str student, struct str *ret_packed)
{
    const struct inflight_entry *entry = *inflight_find(inflight, student);

    if (!entry || !entry->valid)
        return false;
    *ret_packed = (struct str){entry->packed, entry->packed_n};
    return true;
}

/* Returns the entry of the student, which is created if there is none. NULL: out of memory, or
 * the id is too long. */
static struct inflight_entry *inflight_obtain(struct inflight *inflight, struct str student)
{
    struct inflight_entry **place = inflight_find(inflight, student), *entry = *place;

    if (entry || student.n > sizeof(entry->student))
        return entry;
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    memcpy(entry->student, student.p, student.n);
    entry->student_n = student.n;
    *place = entry;
    return entry;
}

/* Frees the entry at *place, unless it has an unfinished write or a lock. */
static void inflight_drop_unused(struct inflight_entry **place)
{
    struct inflight_entry *entry = *place;

    if (entry->writes > 0 || entry->owner)
        return;
    *place = entry->next;
    free(entry);
}

/* Obtains the student's entry and stores `packed` in it, in place of the state of an earlier
 * write. A state that is too long is not recorded, just as when out of memory. */
void inflight_add(struct inflight *inflight, struct str student, struct str packed)
{
    struct inflight_entry *entry =
        packed.n <= STATE_PACKED_MAX ? inflight_obtain(inflight, student) : NULL;

    if (!entry)
        return;
    memcpy(entry->packed, packed.p, packed.n);
    entry->packed_n = packed.n;
    entry->valid = true;
    entry->writes++;
}

/* When a write was refused, the later writes that started from it will be refused as well, so
 * their state is not used any more. Once all writes are finished, the state stored in Redis is the
 * latest. */
void inflight_remove(struct inflight *inflight, struct str student, bool saved)
{
    struct inflight_entry **place = inflight_find(inflight, student), *entry = *place;

    if (!entry || entry->writes == 0)
        return;
    entry->writes--;
    if (!saved || entry->writes == 0)
        entry->valid = false;
    inflight_drop_unused(place);
}

/* Stores the owner in the student's entry. Without an entry (out of memory) the student stays
 * unlocked; see inflight_is_locked. */
void inflight_lock(struct inflight *inflight, struct str student, const void *owner)
{
    struct inflight_entry *entry = inflight_obtain(inflight, student);

    if (entry && !entry->owner)
        entry->owner = owner;
}

/* False also when there was no memory for the lock; the writes then race, and one of them is
 * repeated. */
bool inflight_is_locked(struct inflight *inflight, struct str student, const void *owner)
{
    const struct inflight_entry *entry = *inflight_find(inflight, student);

    return entry && entry->owner && entry->owner != owner;
}

/* Ends the lock on the student's writes, if this owner has it; otherwise does nothing. */
void inflight_unlock(struct inflight *inflight, struct str student, const void *owner)
{
    struct inflight_entry **place = inflight_find(inflight, student), *entry = *place;

    if (!entry || entry->owner != owner)
        return;
    entry->owner = NULL;
    inflight_drop_unused(place);
}
