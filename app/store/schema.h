/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schema number of all records, in the key `schema`. It rises only with a change that earlier
 * versions could not read or would destroy; new keys or fields do not raise it. A program that
 * finds a higher number than its own does not use the store; it can read a lower one, or none. So a
 * rollback either works or is refused before anything is written. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "app/store/pipeline.h"

enum { STORE_SCHEMA = 1 };

struct command *schema_cmd_get(struct pipeline *pipeline);
/* Raises the stored number to this program's as well. The reply does not show whether that worked:
 * on a full Redis it does not, but no other write does either. */
struct command *schema_cmd_write(struct pipeline *pipeline);
/* True if this program may use the store. *ret_found: the stored number, 0 if there is none. False
 * with the reason in ret_why, also if the stored value is not a number. */
bool schema_parse(const struct command *command, int64_t *ret_found, char *ret_why,
                  size_t why_size);

#endif
