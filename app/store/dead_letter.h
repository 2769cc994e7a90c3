/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dead letters are input that can never be processed, kept for an operator (mastery-ctl dead). They
 * are the entries of one stream in Redis, which is trimmed by length. The field `e` of an entry is
 * a JSON object with the members reason, source, event and at. */
#ifndef STORE_DEAD_LETTER_H
#define STORE_DEAD_LETTER_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

/* About DEAD_LETTERS_MAX dead letters are kept. Of an event that is longer than
 * DEAD_LETTER_BYTES_MAX only that many bytes are kept, as a JSON string. */
enum { DEAD_LETTERS_MAX = 10000, DEAD_LETTER_BYTES_MAX = 16384 };

/* Stores a dead letter. reason: why the event cannot be processed. source: the way it came, such as
 * "dapr". payload: the event as JSON; empty: the member `event` becomes null. */
struct command *dead_letter_cmd_add(struct pipeline *pipeline, struct str reason, struct str source,
                                    struct str payload, int64_t now_ms);
/* Parses the reply to dead_letter_cmd_add. Returns true if the dead letter was stored. */
bool dead_letter_parse_add(const struct command *command, struct problem *p);

struct dead_letter {
    struct str id;                 /* id of the entry in the stream */
    struct str reason, source, at; /* at: RFC 3339 time; empty if absent */
    struct str event;              /* the event as JSON; empty if the entry has another form */
    bool complete; /* true: the event is a JSON object and not a string that was cut */
};

/* Reads at most `count` dead letters, oldest first. from: an id, as for stream_cmd_range. */
struct command *dead_letter_cmd_list(struct pipeline *pipeline, struct str from, int count);
/* Reads the newest dead letter. */
struct command *dead_letter_cmd_newest(struct pipeline *pipeline);
/* Parses the reply to either of the two. ret_letters has room for max. The texts are in the arena
 * or in the reply. */
bool dead_letter_parse_list(const struct command *command, struct arena *arena, size_t max,
                            struct dead_letter *ret_letters, size_t *ret_count, struct problem *p);
/* Removes a dead letter. Replies 1 if it existed, else 0. */
struct command *dead_letter_cmd_remove(struct pipeline *pipeline, struct str id);

#endif
