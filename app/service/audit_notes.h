/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notes of one interval: in the order in which they came, repeated ones counted. A step of each
 * request, so it allocates nothing. */
#ifndef SERVICE_AUDIT_NOTES_H
#define SERVICE_AUDIT_NOTES_H

#include "app/base/ids.h"
#include "app/service/audit.h"

enum { NOTES_MAX = 4096, NOTE_MANY_MAX = 127 };

struct noted {
    const char *action, *area, *route, *via;
    int64_t minute, count;
    enum audit_way way;
    enum role role;
    int status;
    bool success;
    unsigned char actor_n, student_n, name_n, many_n, correlation_n;
    char actor[ID_MAX], student[ID_MAX], name[ID_MAX];
    char many[NOTE_MANY_MAX];
    char correlation[REQUEST_ID_MAX];
};

struct notes {
    size_t n;
    uint32_t
        *slots; /* position in v + 1, 0 for empty; linear probing; twice as many as NOTES_MAX */
    struct noted *v;
};

bool notes_init(struct notes *notes); /* false without memory; release is due all the same */
void notes_release(struct notes *notes);
void notes_clear(struct notes *notes);
/* Counts it, or puts it behind the others. n < NOTES_MAX must hold. */
void notes_add(struct notes *notes, const struct audit_note *note);

#endif
