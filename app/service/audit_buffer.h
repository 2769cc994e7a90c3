/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Audit events (who accessed whose data) that wait to be sent, in the order in which they were
 * added. Equal events are one entry with a count, except those of mode AUDIT_IMMEDIATE. Adding an
 * event is part of every request, so it allocates no memory. */
#ifndef SERVICE_AUDIT_BUFFER_H
#define SERVICE_AUDIT_BUFFER_H

#include "app/base/ids.h"
#include "app/service/audit.h"

enum {
    AUDIT_BUFFER_MAX = 4096,  /* events in one buffer */
    AUDIT_SUBJECTS_MAX = 127, /* bytes of an event's subjects */
};

/* A copy of struct audit_event. The copied texts are not NUL-terminated: each field NAME_n is the
 * length of the field NAME. */
struct audit_buffer_entry {
    const char *action, *resource_type, *route, *via;
    int64_t minute; /* time of the event in minutes since the epoch */
    int64_t count;  /* number of equal events that this entry counts */
    int64_t due_us; /* monotonic; when to send it again after a failure (audit_waiting.h) */
    int refusals;   /* how many times Redis has refused it (audit_waiting.h) */
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
    size_t n;                     /* number of entries in v */
    struct audit_buffer_entry *v; /* array with room for AUDIT_BUFFER_MAX entries */
    /* hash table of the entries that are not of mode AUDIT_IMMEDIATE, twice as long as v, with
     * linear probing; a slot has the index of an entry in v plus 1, or 0 when it is empty */
    uint32_t *slots;
};

/* Allocates an empty buffer. False when out of memory; audit_buffer_release must be called then,
 * too. */
bool audit_buffer_init(struct audit_buffer *buffer);
/* Frees the memory of the buffer. */
void audit_buffer_release(struct audit_buffer *buffer);
/* Removes all entries. */
void audit_buffer_clear(struct audit_buffer *buffer);
/* Adds 1 to the count of an equal entry if there is one, else appends a new entry. False: the
 * buffer is full and has no equal entry. */
bool audit_buffer_add(struct audit_buffer *buffer, const struct audit_event *event);
/* Fills an entry with a copy of the event and the count 1. */
void audit_entry_fill(struct audit_buffer_entry *entry, const struct audit_event *event);
/* Returns the id of the user who has acted. */
struct str audit_entry_actor(const struct audit_buffer_entry *entry);
/* Returns the id of the student concerned; empty: the event concerns none. */
struct str audit_entry_student(const struct audit_buffer_entry *entry);
/* Returns the number of the shard that keeps the event's record: the one of the student that it
 * concerns, so that the erasure of the student finds it, else the one of the actor's id. */
unsigned audit_entry_shard(const struct audit_buffer_entry *entry);

#endif
