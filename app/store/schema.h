/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schema number is the number of the format of all records, stored in the key `schema`. It
 * rises only with a change that earlier versions could not read or would destroy; new keys or
 * fields do not raise it. Only `mastery-ctl migrate` raises that of a store. A program that finds a
 * higher number than its own does not use the store. It can use a store with a lower number, or
 * with none. So returning to an earlier version either works or is refused before anything is
 * written. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "app/store/pipeline.h"

enum { STORE_SCHEMA = 3 }; /* this program's schema number: the highest that it knows */

/* The numbers, and what programs of this version do with a store that has them:
 *
 *   1  the forms of 0.1.0. Written in these forms, so that 0.1.0 may run at the same time, or again
 *   2  `mastery-ctl migrate` is running or was cut short: both forms are there; packed is written
 *   3  packed forms alone. A new store begins with it
 *
 * Readers accept both forms with every number below 3. A process reads the number when it connects.
 * A process that is connected already while the number is raised to 2 finds that out by the fence
 * of a shard: the key {ss}:schema (ss: the shard in hex). `migrate` writes this key in a shard
 * before it converts a record there, and every script that writes a form of 0.1.0 first checks that
 * the key does not exist. So no record in a form of 0.1.0 is made in a shard that is being
 * converted. */
enum { SCHEMA_OLD_FORMS = 1, SCHEMA_MIXED = 2, SCHEMA_PACKED = 3 };

/* Queues the read of the stored schema number, so that a connected process notices when it is
 * raised: once a second, with other commands. Returns NULL, and queues nothing, when the process
 * knows that the number is the highest already. */
struct command *schema_cmd_watch(struct pipeline *pipeline);
/* Calls schema_learn with the number in the reply to schema_cmd_watch. command may be NULL. */
void schema_parse_watch(const struct command *command);
/* Records the schema number of the store, for the whole process: from a handshake, or SCHEMA_MIXED
 * from a script that has found a fence. 0: the store is new and gets this program's number. */
void schema_learn(int64_t number);
/* Returns whether this process knows the schema number. Without it the change of a student is not
 * written (student_cmd_change): in the wrong form, others could not find it. A write follows a
 * read, so the number is known by then, unless the node of a cluster that has it is unavailable. A
 * process then learns from the shard that it writes to whether packed forms are written, which a
 * worker has recorded there (schema_cmd_mark). */
bool schema_is_known(void);
/* Returns whether records are written in their packed forms: the schema number is 2 or more. False
 * while it is not known. */
bool schema_writes_packed(void);
/* Returns whether records in the forms of 0.1.0 may exist: the schema number is below 3, or not
 * known. */
bool schema_has_old_forms(void);

/* Reads the stored schema number (of the format of all records). */
struct command *schema_cmd_get(struct pipeline *pipeline);
/* Reads the stored schema number (of the format of all records), and stores this program's if there
 * is none, because the store is new. The reply is the same whether the storing worked or not: it
 * fails when Redis is full, but then all other writes fail too. */
struct command *schema_cmd_write(struct pipeline *pipeline);
/* Raises the stored schema number, for `mastery-ctl migrate`; a higher one stays. The reply is the
 * number that is stored afterwards. */
struct command *schema_cmd_raise(struct pipeline *pipeline, int64_t number);
/* Writes the fence of a shard, a key that the scripts check: once it exists, none of them writes
 * data in a form of 0.1.0 in the shard. */
struct command *schema_cmd_fence(struct pipeline *pipeline, unsigned shard);
/* Writes the key of a fence, unless the shard has it: from it, processes that cannot read the
 * schema number learn that packed forms are written. Only for a process that writes packed forms
 * itself. */
struct command *schema_cmd_mark(struct pipeline *pipeline, unsigned shard);
/* Tries a write that changes nothing, on the key of the schema number. The reply is a number if
 * Redis takes writes now, else the error that every write would get (READONLY, OOM, MISCONF,
 * NOREPLICAS, ...). */
struct command *schema_cmd_try_write(struct pipeline *pipeline);
/* Like schema_cmd_try_write, but on `key`, which must have a text as its value, or not exist. */
struct command *schema_cmd_try_write_of(struct pipeline *pipeline, struct str key);
/* Parses the reply to schema_cmd_get or schema_cmd_write. True if this program may use the store by
 * its schema number; *ret_found is the stored number, 0 if there is none. False, with the reason in
 * ret_why, if the number is too high or the stored value is no number. */
bool schema_parse(const struct command *command, int64_t *ret_found, char *ret_why,
                  size_t why_size);

#endif
