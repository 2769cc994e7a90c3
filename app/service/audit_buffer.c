/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/audit_buffer.h"

#include <stdlib.h>

enum { SLOTS = 2 * AUDIT_BUFFER_MAX };

bool audit_buffer_init(struct audit_buffer *notes)
{
    *notes = (struct audit_buffer){.slots = calloc(SLOTS, sizeof(*notes->slots)),
                                   .v = calloc(AUDIT_BUFFER_MAX, sizeof(*notes->v))};
    return notes->slots && notes->v;
}

void audit_buffer_release(struct audit_buffer *notes)
{
    free(notes->slots);
    free(notes->v);
    *notes = (struct audit_buffer){0};
}

void audit_buffer_clear(struct audit_buffer *notes)
{
    if (notes->n > 0)
        memset(notes->slots, 0, SLOTS * sizeof(*notes->slots));
    notes->n = 0;
}

/* FNV-1a. Whoever crowds a slot makes his own requests dearer by a comparison each: the table is
 * half empty and is emptied twice a second. */
static uint32_t hash_text(uint32_t h, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619U;
    return h;
}

static uint32_t hash_note(const struct audit_event *note)
{
    uint32_t h = 2166136261U ^ (uint32_t)((uintptr_t)note->route >> 3);

    return hash_text(hash_text(h * 16777619U, note->principal->user), note->student);
}

static bool same_text(const char *kept, unsigned char n, struct str s)
{
    return n == s.n && (n == 0 || memcmp(kept, s.p, n) == 0);
}

static bool same(const struct audit_buffer_entry *kept, const struct audit_event *note)
{
    return kept->route == note->route && kept->way == note->way && kept->via == note->via &&
           kept->status == note->status && kept->role == note->principal->role &&
           kept->minute == note->now_ms / 60000 &&
           same_text(kept->student, kept->student_n, note->student) &&
           same_text(kept->actor, kept->actor_n, note->principal->user) &&
           same_text(kept->resource_name, kept->resource_name_n, note->resource_name) &&
           same_text(kept->subjects, kept->subjects_n, note->subjects);
}

static unsigned char copy(char *into, size_t max, struct str s)
{
    size_t n = s.n < max ? s.n : max;

    if (n > 0)
        memcpy(into, s.p, n);
    return (unsigned char)n;
}

static void append(struct audit_buffer *notes, const struct audit_event *note)
{
    struct audit_buffer_entry *noted = &notes->v[notes->n++];

    noted->action = note->action;
    noted->resource_type = note->resource_type;
    noted->route = note->route;
    noted->via = note->via;
    noted->minute = note->now_ms / 60000;
    noted->count = 1;
    noted->way = note->way;
    noted->role = note->principal->role;
    noted->status = note->status;
    noted->success = note->success;
    noted->actor_n = copy(noted->actor, sizeof(noted->actor), note->principal->user);
    noted->student_n = copy(noted->student, sizeof(noted->student), note->student);
    noted->resource_name_n =
        copy(noted->resource_name, sizeof(noted->resource_name), note->resource_name);
    noted->subjects_n = copy(noted->subjects, sizeof(noted->subjects), note->subjects);
    noted->correlation_n =
        copy(noted->correlation, sizeof(noted->correlation), note->correlation_id);
}

/* What is told at once is told each time. */
void audit_buffer_add(struct audit_buffer *notes, const struct audit_event *note)
{
    uint32_t slot;

    if (note->way == AUDIT_IMMEDIATE) {
        append(notes, note);
        return;
    }
    for (slot = hash_note(note) % SLOTS; notes->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        struct audit_buffer_entry *kept = &notes->v[notes->slots[slot] - 1];

        if (same(kept, note)) {
            kept->count++;
            return;
        }
    }
    append(notes, note);
    notes->slots[slot] = (uint32_t)notes->n;
}
