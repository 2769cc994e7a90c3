/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The buffer of audit events: an array of events, and a hash table of indexes into the array.
 * Aggregated and denied events are searched in the hash table, and an equal one is counted instead
 * of added. Immediate events are always appended, and are not in the hash table. */
#include "app/service/audit_buffer.h"

#include <stdlib.h>

#include "app/store/keys.h"

enum { AUDIT_SLOTS = 2 * AUDIT_BUFFER_MAX }; /* length of the hash table */

bool audit_buffer_init(struct audit_buffer *buffer)
{
    *buffer = (struct audit_buffer){.slots = calloc(AUDIT_SLOTS, sizeof(*buffer->slots)),
                                    .v = calloc(AUDIT_BUFFER_MAX, sizeof(*buffer->v))};
    return buffer->slots && buffer->v;
}

void audit_buffer_release(struct audit_buffer *buffer)
{
    free(buffer->slots);
    free(buffer->v);
    *buffer = (struct audit_buffer){0};
}

void audit_buffer_clear(struct audit_buffer *buffer)
{
    if (buffer->n > 0)
        memset(buffer->slots, 0, AUDIT_SLOTS * sizeof(*buffer->slots));
    buffer->n = 0;
}

/* Continues the hash `h` with a text, by FNV-1a. This hash has no secret key, so a client could
 * choose ids whose hashes collide. The harm is small, because the table is at least half empty and
 * is cleared about twice a second. */
static uint32_t audit_hash_text(uint32_t h, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619U;
    return h;
}

/* Hashes only route, actor and student, from the two constants of FNV-1a on. Events that differ in
 * other values may have the same hash: audit_entry_equals then distinguishes them. The lowest three
 * bits of the route's address are 0 for all routes and are left out. */
static uint32_t audit_hash_event(const struct audit_event *event)
{
    uint32_t h = 2166136261U ^ (uint32_t)((uintptr_t)event->route >> 3);

    return audit_hash_text(audit_hash_text(h * 16777619U, event->principal->user), event->student);
}

/* True when the n bytes at `text` are the same as s. */
static bool audit_text_is(const char *text, unsigned char n, struct str s)
{
    return n == s.n && (n == 0 || memcmp(text, s.p, n) == 0);
}

/* True when the event can be counted in the entry, because all recorded values are equal. Two are
 * not compared: the correlation id (the request's id; the first event's is recorded for all), and
 * `success`, which depends on the status. */
static bool audit_entry_equals(const struct audit_buffer_entry *entry,
                               const struct audit_event *event)
{
    return entry->route == event->route && entry->mode == event->mode && entry->via == event->via &&
           entry->status == event->status && entry->role == event->principal->role &&
           entry->minute == event->now_ms / 60000 &&
           audit_text_is(entry->student, entry->student_n, event->student) &&
           audit_text_is(entry->actor, entry->actor_n, event->principal->user) &&
           audit_text_is(entry->resource_name, entry->resource_name_n, event->resource_name) &&
           audit_text_is(entry->subjects, entry->subjects_n, event->subjects);
}

/* Copies a text into a field of `size` bytes and returns its length. A text that is longer than the
 * field would be cut. This does not happen, since ids have at most the size of their fields and
 * audit_hook.c limits the length of the subjects. */
static unsigned char audit_copy_text(char *field, size_t size, struct str s)
{
    size_t n = s.n < size ? s.n : size;

    if (n > 0)
        memcpy(field, s.p, n);
    return (unsigned char)n;
}

/* Copies the event into an entry of the buffer. The first four texts live as long as the process,
 * so only their addresses are copied. */
void audit_entry_fill(struct audit_buffer_entry *entry, const struct audit_event *event)
{
    entry->due_us = 0;
    entry->refusals = 0;
    entry->action = event->action;
    entry->resource_type = event->resource_type;
    entry->route = event->route;
    entry->via = event->via;
    entry->minute = event->now_ms / 60000;
    entry->count = 1;
    entry->mode = event->mode;
    entry->role = event->principal->role;
    entry->status = event->status;
    entry->success = event->success;
    entry->actor_n = audit_copy_text(entry->actor, sizeof(entry->actor), event->principal->user);
    entry->student_n = audit_copy_text(entry->student, sizeof(entry->student), event->student);
    entry->resource_name_n =
        audit_copy_text(entry->resource_name, sizeof(entry->resource_name), event->resource_name);
    entry->subjects_n = audit_copy_text(entry->subjects, sizeof(entry->subjects), event->subjects);
    entry->correlation_n =
        audit_copy_text(entry->correlation, sizeof(entry->correlation), event->correlation_id);
}

struct str audit_entry_actor(const struct audit_buffer_entry *entry)
{
    return (struct str){entry->actor, entry->actor_n};
}

struct str audit_entry_student(const struct audit_buffer_entry *entry)
{
    return (struct str){entry->student, entry->student_n};
}

unsigned audit_entry_shard(const struct audit_buffer_entry *entry)
{
    return key_shard(entry->student_n > 0 ? audit_entry_student(entry) : audit_entry_actor(entry));
}

/* Adds a new entry at the end of the array; the caller adds it to the hash table. False: the buffer
 * is full. */
static bool audit_buffer_append(struct audit_buffer *buffer, const struct audit_event *event)
{
    if (buffer->n == AUDIT_BUFFER_MAX)
        return false;
    audit_entry_fill(&buffer->v[buffer->n++], event);
    return true;
}

/* Searches the hash table by linear probing. A slot has the entry's index plus 1; 0 is empty. */
bool audit_buffer_add(struct audit_buffer *buffer, const struct audit_event *event)
{
    uint32_t slot;

    if (event->mode == AUDIT_IMMEDIATE)
        return audit_buffer_append(buffer, event);
    for (slot = audit_hash_event(event) % AUDIT_SLOTS; buffer->slots[slot] != 0;
         slot = (slot + 1) % AUDIT_SLOTS) {
        struct audit_buffer_entry *entry = &buffer->v[buffer->slots[slot] - 1];

        if (audit_entry_equals(entry, event)) {
            entry->count++;
            return true;
        }
    }
    if (!audit_buffer_append(buffer, event))
        return false;
    buffer->slots[slot] = (uint32_t)buffer->n;
    return true;
}
