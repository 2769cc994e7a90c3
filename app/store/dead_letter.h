/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dead letters: what could not be taken and never will be as it is, kept for people to look at
 * (mastery-ctl dead). One stream, trimmed by length; an entry's field `e` is
 * {"reason","source","event","at"}. */
#ifndef STORE_DEAD_LETTER_H
#define STORE_DEAD_LETTER_H

#include "app/base/problem.h"
#include "app/store/store.h"

/* About so many are kept, and of each so many bytes: the beginning, as a text, of what is longer.
 */
enum { DEAD_LETTERS_MAX = 10000, DEAD_LETTER_BYTES_MAX = 16384 };

/* payload: a JSON text, kept as such; JSON null when it is empty. source: which way it came. */
struct command *dead_letter_cmd_add(struct pipeline *a, struct str reason, struct str source,
                                    struct str payload, int64_t now_ms);
/* Whether it is kept. */
bool dead_letter_parse_add(const struct command *command, struct problem *p);

struct dead_letter {
    struct str id; /* of the entry in its stream */
    struct str reason, source, at;
    struct str event; /* JSON; empty when the entry is not ours */
    bool complete;    /* event is all of what came */
};

/* The oldest from that id on ("-": from the first), at most count. */
struct command *dead_letter_cmd_list(struct pipeline *a, struct str from, int count);
/* The newest one alone. */
struct command *dead_letter_cmd_newest(struct pipeline *a);
/* What either gave. ret_letters has room for max. The texts live in the arena, or in the reply. */
bool dead_letter_parse_list(const struct command *command, struct arena *arena, size_t max,
                            struct dead_letter *ret_letters, size_t *ret_count, struct problem *p);
/* 1 when it was there. */
struct command *dead_letter_cmd_remove(struct pipeline *a, struct str id);

#endif
