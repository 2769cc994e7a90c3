/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schema number is the number of the format of all records, stored in the key `schema`. It
 * rises only with a change that earlier versions could not read or would destroy; new keys or
 * fields do not raise it. A program that finds a higher number than its own does not use the
 * store. It can use a store with a lower number, or with none. So returning to an earlier version
 * either works or is refused before anything is written. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "app/store/pipeline.h"

enum { STORE_SCHEMA = 1 }; /* this program's schema number */

/* Reads the stored schema number (of the format of all records). */
struct command *schema_cmd_get(struct pipeline *pipeline);
/* Reads the stored schema number (of the format of all records) and raises it to this program's.
 * The reply is the same whether the raising worked or not: it fails when Redis is full, but then
 * all other writes fail too. */
struct command *schema_cmd_write(struct pipeline *pipeline);
/* Tries a write that changes nothing. The reply is a number if Redis takes writes now, else the
 * error that every write would get (READONLY, OOM, MISCONF, NOREPLICAS, ...). */
struct command *schema_cmd_try_write(struct pipeline *pipeline);
/* The same with another key, which must be one of a text, or of nothing. */
struct command *schema_cmd_try_write_of(struct pipeline *pipeline, struct str key);
/* Parses the reply to schema_cmd_get or schema_cmd_write. True if this program may use the store by
 * its schema number; *ret_found is the stored number, 0 if there is none. False, with the reason in
 * ret_why, if the number is too high or the stored value is no number. */
bool schema_parse(const struct command *command, int64_t *ret_found, char *ret_why,
                  size_t why_size);

#endif
