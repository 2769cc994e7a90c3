/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests whether an entry of a journal or outbox concerns a student, so that an erasure of the
 * student must delete it. */
#ifndef SERVICE_JSON_MENTIONS_H
#define SERVICE_JSON_MENTIONS_H

#include "app/base/str.h"

/* Returns whether the text, an entry of the journal (changes that the worker has not processed yet)
 * or of the outbox (events to publish), is about the student: the member student_id or subject is
 * the id, or the text is not a JSON object and has the id in quotes. The Lua script
 * erasure_shard.lua decides in the same way. */
bool entry_belongs_to(struct str text, struct str student);

#endif
