/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests whether a text in a stream or queue of Redis concerns a student, so that an erasure of the
 * student must delete it. */
#ifndef SERVICE_JSON_MENTIONS_H
#define SERVICE_JSON_MENTIONS_H

#include "app/base/str.h"

/* For jobs and dead letters, which may have events of any form, valid or not. True when a string in
 * the JSON is the id, or has the id in quotes (an event that was stored as text), or when a member
 * student_id or subject is a number that reads like the id. For a text that is no JSON: true when
 * it has the id in quotes. The id `ab` is not found in `abc`. */
bool json_mentions_id(struct str text, struct str student);

/* For entries of the journal (changes that the worker has not processed yet) and the outbox (events
 * to publish). True when the member student_id or subject is the id, or when the text is no JSON
 * object and has the id in quotes. The Lua script erasure_shard.lua decides in the same way. */
bool entry_belongs_to(struct str text, struct str student);

#endif
