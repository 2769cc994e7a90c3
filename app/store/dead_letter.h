/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dead letters: input that can never be processed, kept for an operator (mastery-ctl dead). They
 * are one stream, trimmed by length. An entry's field `e` is {"reason","source","event","at"}. */
#ifndef STORE_DEAD_LETTER_H
#define STORE_DEAD_LETTER_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

/* About DEAD_LETTERS_MAX are kept. Of a longer event the first DEAD_LETTER_BYTES_MAX bytes are
 * kept, as a JSON string. */
enum { DEAD_LETTERS_MAX = 10000, DEAD_LETTER_BYTES_MAX = 16384 };

/* payload: the event as JSON; empty: null. source: how it came, such as dapr. */
struct command *dead_letter_cmd_add(struct pipeline *pipeline, struct str reason, struct str source,
                                    struct str payload, int64_t now_ms);
/* True if it was stored. */
bool dead_letter_parse_add(const struct command *command, struct problem *p);

struct dead_letter {
    struct str id; /* in the stream */
    struct str reason, source, at;
    struct str event; /* JSON; empty if the entry has another form */
    bool complete;    /* event was not cut */
};

/* At most count, oldest first; `from` as for stream_cmd_range. */
struct command *dead_letter_cmd_list(struct pipeline *pipeline, struct str from, int count);
/* The newest one. */
struct command *dead_letter_cmd_newest(struct pipeline *pipeline);
/* Parses the reply to either. ret_letters has room for max. Texts are in the arena or the reply. */
bool dead_letter_parse_list(const struct command *command, struct arena *arena, size_t max,
                            struct dead_letter *ret_letters, size_t *ret_count, struct problem *p);
/* Replies 1 if it existed. */
struct command *dead_letter_cmd_remove(struct pipeline *pipeline, struct str id);

#endif
