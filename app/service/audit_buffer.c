/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The buffer of audit events as an array and a hash table of indexes into it. Only aggregated and
 * denied events are looked up; immediate ones are appended each time. */
#include "app/service/audit_buffer.h"

#include <stdlib.h>

enum { AUDIT_SLOTS = 2 * AUDIT_BUFFER_MAX };

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

/* FNV-1a. No key is needed against crafted collisions: a client could only crowd slots with ids of
 * its own, in a table that is at least half empty and is cleared twice a second. */
static uint32_t audit_hash_text(uint32_t h, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619U;
    return h;
}

static uint32_t audit_hash_event(const struct audit_event *event)
{
    uint32_t h = 2166136261U ^ (uint32_t)((uintptr_t)event->route >> 3);

    return audit_hash_text(audit_hash_text(h * 16777619U, event->principal->user), event->student);
}

static bool audit_text_is(const char *text, unsigned char n, struct str s)
{
    return n == s.n && (n == 0 || memcmp(text, s.p, n) == 0);
}

/* Compares what makes two records differ. The correlation id does not: the first
 * event's is recorded for all of them. */
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

/* Longer texts than the field are cut: ids are no longer, and audit_hook bounds the subjects. */
static unsigned char audit_copy_text(char *field, size_t size, struct str s)
{
    size_t n = s.n < size ? s.n : size;

    if (n > 0)
        memcpy(field, s.p, n);
    return (unsigned char)n;
}

static void audit_buffer_append(struct audit_buffer *buffer, const struct audit_event *event)
{
    struct audit_buffer_entry *entry = &buffer->v[buffer->n++];

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

void audit_buffer_add(struct audit_buffer *buffer, const struct audit_event *event)
{
    uint32_t slot;

    if (event->mode == AUDIT_IMMEDIATE) {
        audit_buffer_append(buffer, event);
        return;
    }
    for (slot = audit_hash_event(event) % AUDIT_SLOTS; buffer->slots[slot] != 0;
         slot = (slot + 1) % AUDIT_SLOTS) {
        struct audit_buffer_entry *entry = &buffer->v[buffer->slots[slot] - 1];

        if (audit_entry_equals(entry, event)) {
            entry->count++;
            return;
        }
    }
    audit_buffer_append(buffer, event);
    buffer->slots[slot] = (uint32_t)buffer->n;
}
