/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The number of the form in which records stand in the store, in the key `schema`. It grows only
 * with a change that earlier versions could not read, or would destroy; what they can live with
 * (new keys, new members) leaves it. A program that finds a higher number than its own leaves the
 * store alone; a lower one, or none, it can read. So rolling back is safe: either it works, or it
 * says why not before anything is written. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "app/store/store.h"

enum { STORE_SCHEMA = 1 };

struct command *schema_cmd_get(struct pipeline *a);
/* Besides writes our number where there is none or a lower one; whether it could is not told: a
 * full Redis takes no writes of ours either. */
struct command *schema_cmd_write(struct pipeline *a);
/* Whether this program may use the store. *ret_found: 0 where there is no number. False with
 * ret_why as well for anything that is no number. */
bool schema_parse(const struct command *command, int64_t *ret_found, char *ret_why,
                  size_t why_size);

#endif
