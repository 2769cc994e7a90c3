/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A record of the audit log as JSON, for the audit route and the export. */
#ifndef SERVICE_AUDIT_ENTRY_H
#define SERVICE_AUDIT_ENTRY_H

#include "app/base/json_write.h"
#include "app/store/audit.h"

/* True when the record is about a student: when it has the student's pseudonym (the random name
 * that records have instead of the id) as the student concerned or as the actor. */
bool audit_entry_involves(const struct audit_entry *entry, struct str pseudonym);
/* Writes the record as an object {id, user_id, action, resource, timestamp, success, details,
 * correlation_id}, as an element of an array. shard: the shard whose log has the record. */
void audit_entry_write(struct jw *w, const struct audit_entry *entry, unsigned shard);

#endif
