/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which process owns which slot (one process's part) of the shared file of metrics. The owner holds
 * an open-file-description lock (fcntl, F_OFD_SETLK) on the slot's first byte, which the kernel
 * releases when the process ends in any way. A write lock: a new owner is still clearing the gauges
 * of the previous one. A read lock: the gauges are those of the owner. No process waits for a
 * lock. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "app/obs/metrics_layout.h"

/* Returns a lock of that type (F_RDLCK, F_WRLCK, F_UNLCK) on a slot's first byte, for fcntl. */
static struct flock slot_lock_of(const struct metrics *m, size_t index, short type)
{
    const char *slot = (const char *)metrics_slot(m, index);

    return (struct flock){.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = slot - (const char *)m->header,
                          .l_len = 1};
}

/* Sets or releases this process's lock. False with errno; EAGAIN: another process owns the slot. */
static bool slot_lock(const struct metrics *m, size_t index, short type)
{
    struct flock lock = slot_lock_of(m, index, type);

    return fcntl(m->fd, F_OFD_SETLK, &lock) == 0;
}

/* F_OFD_GETLK reports only locks of other processes that conflict with the given lock. So the own
 * slot is recognised by its index, and a write lock is given, which conflicts with a read lock. */
bool metrics_slot_live(const struct metrics *m, size_t index)
{
    struct flock lock = slot_lock_of(m, index, F_WRLCK);

    return (m->own_slot && index == m->own_index) ||
           (fcntl(m->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_RDLCK);
}

/* Resets the gauges and circuit breakers; the cells stay, so that sums of counters never fall. */
static void slot_clear_gauges(struct slot *slot)
{
    for (size_t i = 0; i < GAUGES; i++)
        atomic_store(&slot->gauges[i], 0);
    for (size_t i = 0; i < METRIC_SERVICES; i++) {
        atomic_store(&slot->breakers[i].state, BREAKER_GAUGE_CLOSED);
        atomic_store(&slot->breakers[i].failures, 0);
        atomic_store(&slot->breakers[i].opened_at_ms, 0);
    }
}

/* Sets slots_used to `used` unless it is that great already. A failed exchange loads the value of
 * another process into `seen`, and the comparison is made again. */
static void raise_slots_used(struct metrics_header *header, uint64_t used)
{
    unsigned long long seen = atomic_load(&header->slots_used);

    while (seen < used && !atomic_compare_exchange_weak(&header->slots_used, &seen, used))
        ;
}

/* Acquires the first slot that no running process owns. False with ret_error when there is none. */
bool metrics_acquire_slot(struct metrics *m, char ret_error[200])
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (!slot_lock(m, i, F_WRLCK))
            continue;
        slot_clear_gauges(metrics_slot(m, i));
        (void)slot_lock(m, i, F_RDLCK); /* cannot fail: no other process has a lock here */
        m->own_index = i;
        m->own_slot = metrics_slot(m, i);
        raise_slots_used(m->header, i + 1);
        return true;
    }
    (void)snprintf(ret_error, 200, "no slot of the metrics file can be locked (%d slots): %s",
                   SLOTS, errno == EAGAIN ? "all belong to running processes" : strerror(errno));
    return false;
}

void metrics_release_slot(struct metrics *m)
{
    if (!m->own_slot)
        return;
    /* Closing the file would not release the lock while a child of this process has it open too. */
    (void)slot_lock(m, m->own_index, F_UNLCK);
    m->own_slot = NULL;
}
