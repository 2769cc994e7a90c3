/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a text in a stream or queue concerns a student, so that an erasure has to delete it. */
#ifndef SERVICE_JSON_MENTIONS_H
#define SERVICE_JSON_MENTIONS_H

#include "app/base/str.h"

/* For jobs and dead letters, which hold events of any form, valid or not. True when a string in the
 * JSON is the id or has it in quotes (an event that was stored as text), or when student_id or
 * subject is a number that reads like the id. A text that is no JSON: when it has the id in quotes.
 * The id `ab` is not found in `abc`. */
bool json_mentions_id(struct str text, struct str student);

/* For entries of journal and outbox: true when student_id or subject is the id, or when the text is
 * no JSON object and has the id in quotes. The script erasure_shard.lua decides in the same way. */
bool entry_belongs_to(struct str text, struct str student);

#endif
