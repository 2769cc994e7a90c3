/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A record of the audit log, as clients get it. */
#ifndef SERVICE_AUDIT_ENTRY_H
#define SERVICE_AUDIT_ENTRY_H

#include "app/base/json_write.h"
#include "app/store/audit.h"

/* It names the student as the one concerned, or as the one who acted. */
bool audit_entry_involves(const struct audit_entry *entry, struct str pseudonym);
/* {id, user_id, action, resource, timestamp, success, details, correlation_id} */
void audit_entry_write(struct jw *w, const struct audit_entry *entry, unsigned shard);

#endif
