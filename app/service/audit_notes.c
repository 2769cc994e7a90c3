/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/audit_notes.h"

#include <stdlib.h>

enum { SLOTS = 2 * NOTES_MAX };

bool notes_init(struct notes *notes)
{
    *notes = (struct notes){.slots = calloc(SLOTS, sizeof(*notes->slots)),
                            .v = calloc(NOTES_MAX, sizeof(*notes->v))};
    return notes->slots && notes->v;
}

void notes_release(struct notes *notes)
{
    free(notes->slots);
    free(notes->v);
    *notes = (struct notes){0};
}

void notes_clear(struct notes *notes)
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

static uint32_t hash_note(const struct audit_note *note)
{
    uint32_t h = 2166136261U ^ (uint32_t)((uintptr_t)note->route >> 3);

    return hash_text(hash_text(h * 16777619U, note->who->user), note->student);
}

static bool same_text(const char *kept, unsigned char n, struct str s)
{
    return n == s.n && (n == 0 || memcmp(kept, s.p, n) == 0);
}

static bool same(const struct noted *kept, const struct audit_note *note)
{
    return kept->route == note->route && kept->way == note->way && kept->via == note->via &&
           kept->status == note->status && kept->role == note->who->role &&
           kept->minute == note->now_ms / 60000 &&
           same_text(kept->student, kept->student_n, note->student) &&
           same_text(kept->actor, kept->actor_n, note->who->user) &&
           same_text(kept->name, kept->name_n, note->name) &&
           same_text(kept->many, kept->many_n, note->many);
}

static unsigned char copy(char *into, size_t max, struct str s)
{
    size_t n = s.n < max ? s.n : max;

    if (n > 0)
        memcpy(into, s.p, n);
    return (unsigned char)n;
}

static void append(struct notes *notes, const struct audit_note *note)
{
    struct noted *noted = &notes->v[notes->n++];

    noted->action = note->action;
    noted->area = note->area;
    noted->route = note->route;
    noted->via = note->via;
    noted->minute = note->now_ms / 60000;
    noted->count = 1;
    noted->way = note->way;
    noted->role = note->who->role;
    noted->status = note->status;
    noted->success = note->success;
    noted->actor_n = copy(noted->actor, sizeof(noted->actor), note->who->user);
    noted->student_n = copy(noted->student, sizeof(noted->student), note->student);
    noted->name_n = copy(noted->name, sizeof(noted->name), note->name);
    noted->many_n = copy(noted->many, sizeof(noted->many), note->many);
    noted->correlation_n =
        copy(noted->correlation, sizeof(noted->correlation), note->correlation_id);
}

/* What is told at once is told each time. */
void notes_add(struct notes *notes, const struct audit_note *note)
{
    uint32_t slot;

    if (note->way == AUDIT_AT_ONCE) {
        append(notes, note);
        return;
    }
    for (slot = hash_note(note) % SLOTS; notes->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        struct noted *kept = &notes->v[notes->slots[slot] - 1];

        if (same(kept, note)) {
            kept->count++;
            return;
        }
    }
    append(notes, note);
    notes->slots[slot] = (uint32_t)notes->n;
}
