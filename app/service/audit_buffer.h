/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notes of one interval: in the order in which they came, repeated ones counted. A step of each
 * request, so it allocates nothing. */
#ifndef SERVICE_AUDIT_BUFFER_H
#define SERVICE_AUDIT_BUFFER_H

#include "app/base/ids.h"
#include "app/service/audit.h"

enum { AUDIT_BUFFER_MAX = 4096, AUDIT_SUBJECTS_MAX = 127 };

struct audit_buffer_entry {
    const char *action, *resource_type, *route, *via;
    int64_t minute, count;
    enum audit_mode way;
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
    uint32_t *slots; /* position in v + 1, 0 for empty; linear probing; twice as many as
                        AUDIT_BUFFER_MAX */
    struct audit_buffer_entry *v;
};

bool audit_buffer_init(
    struct audit_buffer *notes); /* false without memory; release is due all the same */
void audit_buffer_release(struct audit_buffer *notes);
void audit_buffer_clear(struct audit_buffer *notes);
/* Counts it, or puts it behind the others. n < AUDIT_BUFFER_MAX must hold. */
void audit_buffer_add(struct audit_buffer *notes, const struct audit_event *note);

#endif
