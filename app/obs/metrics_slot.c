/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who owns a slot. The owner word is the pid, a mark while the new owner clears the gauges, and the
 * process's start time in clock ticks since boot, which tells it from a later process of that pid:
 *
 *     63 .. 42 pid | 41 starting | 40 .. 0 start time
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/obs/metrics_layout.h"

enum {
    PID_SHIFT = 42,  /* Linux pids stay below 2^22 */
    FIELD_STATE = 3, /* of /proc/PID/stat, proc(5) */
    FIELD_START = 22,
};
#define STARTING   (UINT64_C(1) << 41)
#define START_MASK (STARTING - 1)

/* The text of /proc/PID/stat from field 3 on: the name before it may hold anything, ")" too. */
static const char *read_stat(int pid, char *text, size_t size)
{
    char path[40];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    const ssize_t n = read(fd, text, size - 1);
    (void)close(fd);
    if (n <= 0) {
        errno = ESRCH; /* it ended between open and read */
        return NULL;
    }
    text[n] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end && name_end[1] == ' ' ? name_end + 2 : NULL;
}

enum life { LIFE_RUNS, LIFE_ENDED, LIFE_UNKNOWN };

/* A zombie has ended: nobody may have waited for a process that was killed. */
static enum life look_at(int pid, uint64_t *ret_start)
{
    char text[1024];

    errno = 0;
    const char *at = read_stat(pid, text, sizeof(text));
    if (!at)
        return errno == ENOENT || errno == ESRCH ? LIFE_ENDED : LIFE_UNKNOWN;
    if (*at == 'Z' || *at == 'X')
        return LIFE_ENDED;
    for (int field = FIELD_STATE; at && field < FIELD_START; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        return LIFE_UNKNOWN;
    *ret_start = strtoull(at, NULL, 10) & START_MASK;
    return LIFE_RUNS;
}

static bool owner_runs(uint64_t owner)
{
    uint64_t start = 0;

    switch (look_at((int)(owner >> PID_SHIFT), &start)) {
    case LIFE_RUNS: return start == (owner & START_MASK);
    case LIFE_ENDED: return false;
    case LIFE_UNKNOWN: return true; /* better a slot too few than one with two owners */
    }
    return true;
}

bool metrics_slot_live(const struct slot *slot)
{
    const uint64_t owner = atomic_load(&slot->owner);

    return owner != 0 && !(owner & STARTING) && owner_runs(owner);
}

static void clear_gauges(struct slot *slot)
{
    for (size_t i = 0; i < GAUGES; i++)
        atomic_store(&slot->gauges[i], 0);
    for (size_t i = 0; i < BREAKERS; i++) {
        atomic_store(&slot->breakers[i].state, BREAKER_GAUGE_CLOSED);
        atomic_store(&slot->breakers[i].failures, 0);
        atomic_store(&slot->breakers[i].opened_at_ms, 0);
    }
}

static bool take(struct slot *slot, uint64_t self)
{
    unsigned long long owner = atomic_load(&slot->owner);

    if (owner != 0 && owner_runs(owner))
        return false;
    if (!atomic_compare_exchange_strong(&slot->owner, &owner, self | STARTING))
        return false;
    clear_gauges(slot);
    atomic_store(&slot->owner, self);
    return true;
}

static void raise_slots_used(struct metrics_header *header, uint64_t used)
{
    unsigned long long seen = atomic_load(&header->slots_used);

    while (seen < used && !atomic_compare_exchange_weak(&header->slots_used, &seen, used))
        ;
}

bool metrics_acquire_slot(struct metrics *m, char ret_error[200])
{
    uint64_t start = 0;

    if (look_at((int)getpid(), &start) != LIFE_RUNS) {
        (void)snprintf(ret_error, 200, "read /proc/%d/stat: %s", (int)getpid(), strerror(errno));
        return false;
    }
    const uint64_t self = (uint64_t)getpid() << PID_SHIFT | start;
    for (size_t i = 0; i < SLOTS; i++) {
        if (!take(metrics_slot(m, i), self))
            continue;
        m->own_slot = metrics_slot(m, i);
        raise_slots_used(m->header, i + 1);
        return true;
    }
    (void)snprintf(ret_error, 200, "all %d slots of the metrics file belong to running processes",
                   SLOTS);
    return false;
}

void metrics_release_slot(struct metrics *m)
{
    if (!m->own_slot)
        return;
    clear_gauges(m->own_slot);
    atomic_store(&m->own_slot->owner, 0);
    m->own_slot = NULL;
}
