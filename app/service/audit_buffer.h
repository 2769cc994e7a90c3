/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Audit events that wait to be sent, in the order in which they were added; equal ones of
 * aggregated mode are counted instead. Adding is part of every request, so it allocates nothing. */
#ifndef SERVICE_AUDIT_BUFFER_H
#define SERVICE_AUDIT_BUFFER_H

#include "app/base/ids.h"
#include "app/service/audit.h"

enum { AUDIT_BUFFER_MAX = 4096, AUDIT_SUBJECTS_MAX = 127 };

/* A copy of struct audit_event. The texts are not NUL-terminated: NAME_n is the length of NAME. */
struct audit_buffer_entry {
    const char *action, *resource_type, *route, *via;
    int64_t minute; /* since the epoch */
    int64_t count;  /* of equal events */
    enum audit_mode mode;
    enum role role;
    int status;
    bool success;
    unsigned char actor_n, student_n, resource_name_n, subjects_n, correlation_n;
    char actor[ID_MAX], student[ID_MAX], resource_name[ID_MAX];
    char subjects[AUDIT_SUBJECTS_MAX];
    char correlation[REQUEST_ID_MAX];
};

struct audit_buffer {
    size_t n;
    struct audit_buffer_entry *v; /* room for AUDIT_BUFFER_MAX */
    /* hash table of the aggregated entries, twice as long as v, linear probing: index into v + 1,
     * 0 for an empty slot */
    uint32_t *slots;
};

/* False without memory; call audit_buffer_release in any case. */
bool audit_buffer_init(struct audit_buffer *buffer);
void audit_buffer_release(struct audit_buffer *buffer);
void audit_buffer_clear(struct audit_buffer *buffer);
/* Counts the event, or appends it. buffer->n < AUDIT_BUFFER_MAX must hold. */
void audit_buffer_add(struct audit_buffer *buffer, const struct audit_event *event);

#endif
