/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides which process owns which slot (one process's section) of the shared file of metrics. The
 * owner holds an open-file-description lock (fcntl, F_OFD_SETLK) on the slot's first byte, which
 * the kernel releases when the process ends in any way. With a write lock, a new owner is still
 * clearing the gauges of the previous one; with a read lock, the gauges are those of the owner. A
 * write lock on the header's first byte is the permit to retire. No process waits for a lock. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "app/obs/metrics_layout.h"

/* Returns the fcntl lock of this type (F_RDLCK, F_WRLCK, F_UNLCK) on the first byte of `part`, a
 * slot or the header. */
static struct flock lock_of(const struct metrics *metrics, const void *part, short type)
{
    return (struct flock){.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = (const char *)part - (const char *)metrics->header,
                          .l_len = 1};
}

/* Sets or releases this process's lock on a slot or the header, without waiting. False with errno,
 * which is EAGAIN when another process has a conflicting lock. */
static bool lock_set(const struct metrics *metrics, const void *part, short type)
{
    struct flock lock = lock_of(metrics, part, type);

    return fcntl(metrics->fd, F_OFD_SETLK, &lock) == 0;
}

/* F_OFD_GETLK reports only conflicting locks of other processes. Therefore the own slot is
 * recognised by its index, and the request is for a write lock, which conflicts with the read lock
 * of an owner. */
bool metrics_slot_live(const struct metrics *metrics, size_t index)
{
    struct flock lock = lock_of(metrics, metrics_slot(metrics, index), F_WRLCK);

    return (metrics->own_slot && index == metrics->own_index) ||
           (fcntl(metrics->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_RDLCK);
}

/* Resets gauges and circuit breakers for a new owner. The counts stay, so that sums never fall. */
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

/* Raises slots_used to `used`; does nothing when it is as great already. A failed exchange loads
 * the value that another process has stored into `seen`, and the loop compares again. */
static void raise_slots_used(struct metrics_header *header, uint64_t used)
{
    unsigned long long seen = atomic_load(&header->slots_used);

    while (seen < used && !atomic_compare_exchange_weak(&header->slots_used, &seen, used))
        ;
}

/* Acquires the first slot that no running process owns. False with ret_error when there is none. */
bool metrics_acquire_slot(struct metrics *metrics, char ret_error[200])
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (!lock_set(metrics, metrics_slot(metrics, i), F_WRLCK))
            continue;
        slot_clear_gauges(metrics_slot(metrics, i));
        atomic_store(&metrics_slot(metrics, i)->pid, getpid());
        /* cannot fail: no other process has a lock here */
        (void)lock_set(metrics, metrics_slot(metrics, i), F_RDLCK);
        metrics->own_index = i;
        metrics->own_slot = metrics_slot(metrics, i);
        raise_slots_used(metrics->header, i + 1);
        return true;
    }
    (void)snprintf(ret_error, 200, "no slot of the metrics file can be locked (%d slots): %s",
                   SLOTS, errno == EAGAIN ? "all belong to running processes" : strerror(errno));
    return false;
}

/* Unlocks the slot, so that another process may own it, and the header, whose lock is the permit to
 * retire, if this process has it. */
void metrics_release_slot(struct metrics *metrics)
{
    if (!metrics->own_slot)
        return;
    /* Closing the file releases no lock while a child of this process has it open too. */
    (void)lock_set(metrics, metrics->own_slot, F_UNLCK);
    (void)lock_set(metrics, metrics->header, F_UNLCK);
    metrics->own_slot = NULL;
}

/* --- The permit to retire --- */

enum { REPLACEMENT_WAIT_MS = 10000 }; /* longest wait for the process that replaces the last one */

/* Returns how many of the running processes accept connections. */
static long long count_serving(const struct metrics *metrics)
{
    const size_t used = metrics_slots_used(metrics);
    long long serving = 0;

    for (size_t i = 0; i < used; i++)
        if (metrics_slot_live(metrics, i))
            serving += atomic_load(&metrics_slot(metrics, i)->gauges[GAUGE_SERVING]);
    return serving;
}

/* Returns whether the process that last retired (ended after MAX_REQUESTS) has been replaced: as
 * many processes serve as when it got the permit to retire. Also true when fewer have served for
 * REPLACEMENT_WAIT_MS, or when `since` is in the future, because it was written before the machine
 * was restarted. */
static bool is_replaced(struct metrics_header *header, long long serving, int64_t now_ms)
{
    long long since = 0;

    if (serving >= atomic_load(&header->permit_serving))
        return true;
    if (atomic_compare_exchange_strong(&header->permit_short_since_ms, &since, now_ms))
        since = now_ms; /* this process is the first one to notice that a process is missing */
    return now_ms < since || now_ms - since >= REPLACEMENT_WAIT_MS;
}

/* The permit is the lock on the header, which the kernel releases when the process ends.
 * permit_serving, the number of processes that serve now, shows later whether the process was
 * replaced. */
bool metrics_take_permit(struct metrics *metrics, int64_t now_ms)
{
    if (!lock_set(metrics, metrics->header, F_WRLCK))
        return false;
    const long long serving = count_serving(metrics);
    if (!is_replaced(metrics->header, serving, now_ms)) {
        (void)lock_set(metrics, metrics->header, F_UNLCK);
        return false;
    }
    atomic_store(&metrics->header->permit_serving, serving);
    atomic_store(&metrics->header->permit_short_since_ms, 0);
    return true;
}
