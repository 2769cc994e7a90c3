/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a JSON text is about a student: for what others keep of events that could not be taken.
 */
#ifndef SERVICE_JSON_MENTIONS_H
#define SERVICE_JSON_MENTIONS_H

#include "app/base/str.h"

/* One of its strings is the id, or a number where an event has the student's, or a text in which
 * the id stands in quotes (an event that was kept as it came). What is no JSON: the id stands in it
 * in quotes. `ab` is not in `abc`. */
bool json_mentions_id(struct str text, struct str student);

/* Whether an entry of journal or outbox is the student's: its student_id or subject says so, or it
 * is no JSON object and holds the id in quotes. The script `erase` says the same. */
bool entry_belongs_to(struct str text, struct str student);

#endif
