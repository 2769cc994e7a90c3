/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dead letters are inputs that can never be processed, stored for an operator (mastery-ctl dead).
 * The stream queue:{dead} has their ids. The hash queue:{dead}:letters has their texts, JSON
 * objects with the members reason, source, event, perhaps bytes_not_kept, and at. The texts are in
 * a hash because a deleted field leaves no bytes in Redis, unlike a deleted stream entry. The
 * sorted set queue:{dead}:index has the names in each dead letter (texts that may be ids of
 * students), so that the dead letters about a student are found without reading all. */
#ifndef STORE_DEAD_LETTER_H
#define STORE_DEAD_LETTER_H

#include "app/base/problem.h"
#include "app/base/str_list.h"
#include "app/store/pipeline.h"

/* At most DEAD_LETTERS_MAX dead letters are stored. Of an event longer than DEAD_LETTER_BYTES_MAX
 * only that many bytes are stored, as a JSON string. */
enum { DEAD_LETTERS_MAX = 10000, DEAD_LETTER_BYTES_MAX = 16384 };
enum { DEAD_LETTERS_PAGE = 100 }; /* most dead letters that one command removes or finds */

struct dead_letter_new {
    struct str reason; /* why the event cannot be processed */
    struct str source; /* how the event arrived, such as "dapr" */
    /* the event as JSON; empty: it is not stored, and the member `event` becomes null */
    struct str payload;
    /* length of a payload that is not stored; 0: it is stored, or there is none */
    size_t bytes_not_kept;
    struct str_list names; /* texts in the payload that may be ids of students; without spaces */
};
/* Stores a dead letter (an event that can never be processed, for an operator), with now_ms as its
 * time. */
struct command *dead_letter_cmd_add(struct pipeline *pipeline, const struct dead_letter_new *letter,
                                    int64_t now_ms);
/* Parses the reply to dead_letter_cmd_add. Returns true if the dead letter was stored; *ret_id
 * points into the reply. */
bool dead_letter_parse_add(const struct command *command, struct str *ret_id, struct problem *p);
/* Replaces the text of a dead letter (an event that was given up), if it still exists.
 * letter->names is not used: the event must be the old one, so that the index still has the right
 * names (ids of students in it). */
struct command *dead_letter_cmd_update(struct pipeline *pipeline, struct str id,
                                       const struct dead_letter_new *letter, int64_t now_ms);

struct dead_letter {
    struct str id;                 /* id of the letter */
    struct str reason, source, at; /* at: time in RFC 3339. A text that is absent is empty. */
    struct str event;              /* the event as JSON; empty if the entry has another form */
    bool complete; /* true: the event is a JSON object and not a string that was cut */
};

/* Reads at most `count` dead letters, oldest first. from: id of the first one; "-" for the oldest;
 * "(" and an id for the first one after that id. */
struct command *dead_letter_cmd_list(struct pipeline *pipeline, struct str from, int count);
/* Reads the newest dead letter (an event that was given up, kept for an operator). */
struct command *dead_letter_cmd_newest(struct pipeline *pipeline);
/* Parses the reply to dead_letter_cmd_list or dead_letter_cmd_newest. ret_letters has room for max.
 * The texts are in the arena or in the reply. */
bool dead_letter_parse_list(const struct command *command, struct arena *arena, size_t max,
                            struct dead_letter *ret_letters, size_t *ret_count, struct problem *p);
/* Reads one dead letter (an event that was given up, kept for an operator). */
struct command *dead_letter_cmd_get(struct pipeline *pipeline, struct str id);
/* Parses the reply to dead_letter_cmd_get. *ret_exists: whether there is such a letter; then all of
 * *ret but its id is set. The texts are in the arena. */
bool dead_letter_parse_get(const struct command *command, struct arena *arena, bool *ret_exists,
                           struct dead_letter *ret, struct problem *p);

/* Removes the dead letters (events that were given up) with these ids, at most DEAD_LETTERS_PAGE.
 * The reply is the number of those that existed. */
struct command *dead_letter_cmd_remove(struct pipeline *pipeline, const struct str *ids, size_t n);
/* Removes the oldest dead letters that are older than before_ms (epoch ms), at most
 * DEAD_LETTERS_PAGE. The reply is their number. */
struct command *dead_letter_cmd_trim(struct pipeline *pipeline, int64_t before_ms);

/* Queues two commands that show whether there are dead letters of version 0.1.0, whose texts are in
 * the stream and whose names are in no index: the numbers of entries in the stream and of fields in
 * the hash. Returns the first command. */
struct command *dead_letter_cmd_count(struct pipeline *pipeline);
/* Parses the replies to the commands of dead_letter_cmd_count; command: its result. *ret_has_old:
 * whether there are dead letters of version 0.1.0, whose names are in no index. */
bool dead_letter_parse_has_old(const struct command *command, bool *ret_has_old, struct problem *p);

/* Reads the ids of the dead letters that have the student's id among their names (texts that may be
 * ids of students): at most DEAD_LETTERS_PAGE, those after the id `previous`; "" means from the
 * first. */
struct command *dead_letter_cmd_find(struct pipeline *pipeline, struct str student,
                                     struct str previous);
/* Parses the reply to dead_letter_cmd_find. ret_ids has room for DEAD_LETTERS_PAGE; the ids point
 * into the reply. */
bool dead_letter_parse_find(const struct command *command, struct str *ret_ids, size_t *ret_count,
                            struct problem *p);

#endif
