/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the audit record of an event. A record never names a student by id, but by a pseudonym (a
 * random name). That of the student concerned is added by the script that adds the record, that of
 * a student who acts by this module. */
#ifndef SERVICE_AUDIT_ITEM_H
#define SERVICE_AUDIT_ITEM_H

#include "app/service/audit_buffer.h"
#include "app/store/audit.h"

/* True when the actor's pseudonym must be read before the record can be made. */
bool audit_item_needs_pseudonym(const struct audit_buffer_entry *event);
/* Makes *ret: the audit record of an event, and what else the script that adds it needs, in the
 * arena or pointing into the event. The actor is "self" for a student's own data and the pseudonym
 * in the reply of pseudonym_cmd for a student who acts on other data; pseudonym_cmd may be NULL for
 * all others. False when out of memory or when the pseudonym could not be read. */
bool audit_item_make(struct arena *arena, const struct audit_buffer_entry *event,
                     const struct command *pseudonym_cmd, struct audit_item *ret);

#endif
