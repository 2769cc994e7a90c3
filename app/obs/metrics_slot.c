/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which process owns which slot of the shared file. The kernel keeps the record: the owner holds an
 * open-file-description lock (fcntl, F_OFD_SETLK) on the slot's first byte, and the kernel releases
 * it when the process ends, however it ends. A write lock means that the new owner is still
 * clearing the gauges of the last one, a read lock that the gauges are its own. No process waits
 * for a lock. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "app/obs/metrics_layout.h"

static struct flock slot_lock_of(const struct metrics *m, size_t index, short type)
{
    const char *slot = (const char *)metrics_slot(m, index);

    return (struct flock){.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = slot - (const char *)m->header,
                          .l_len = 1};
}

/* False with errno; EAGAIN: another process owns the slot. */
static bool slot_lock(const struct metrics *m, size_t index, short type)
{
    struct flock lock = slot_lock_of(m, index, type);

    return fcntl(m->fd, F_OFD_SETLK, &lock) == 0;
}

/* Our own lock does not conflict with F_OFD_GETLK on the same file, so our own slot is checked
 * first. */
bool metrics_slot_live(const struct metrics *m, size_t index)
{
    struct flock lock = slot_lock_of(m, index, F_WRLCK);

    return (m->own_slot && index == m->own_index) ||
           (fcntl(m->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_RDLCK);
}

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

static void raise_slots_used(struct metrics_header *header, uint64_t used)
{
    unsigned long long seen = atomic_load(&header->slots_used);

    while (seen < used && !atomic_compare_exchange_weak(&header->slots_used, &seen, used))
        ;
}

bool metrics_acquire_slot(struct metrics *m, char ret_error[200])
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (!slot_lock(m, i, F_WRLCK))
            continue;
        slot_clear_gauges(metrics_slot(m, i));
        (void)slot_lock(m, i, F_RDLCK); /* from a write lock this cannot conflict */
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
    /* Not left to close(): a child of this process would keep the open file, and so the lock. */
    (void)slot_lock(m, m->own_index, F_UNLCK);
    m->own_slot = NULL;
}
