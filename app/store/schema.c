/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads, stores, raises and checks the schema number (the number of the format of all records).
 * Operators see the reason in ret_why in the log (event store.away) and in the output of
 * mastery-ctl schema. */
#include "app/store/schema.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/store/keys.h"
#include "app/store/reply.h"

/* The schema number of the store that this process uses; 0: not known yet. File scope is enough,
 * because a process uses only one store. */
static int64_t schema_number;

void schema_learn(int64_t number)
{
    schema_number = number == 0 ? STORE_SCHEMA : number;
}

struct command *schema_cmd_watch(struct pipeline *pipeline)
{
    return schema_has_old_forms() ? schema_cmd_get(pipeline) : NULL;
}

void schema_parse_watch(const struct command *command)
{
    char why[160];
    int64_t number;

    if (command && schema_parse(command, &number, why, sizeof(why)) && number > schema_number)
        schema_learn(number);
}

bool schema_is_known(void)
{
    return schema_number != 0;
}

bool schema_writes_packed(void)
{
    return schema_number >= SCHEMA_MIXED;
}

bool schema_has_old_forms(void)
{
    return schema_number < SCHEMA_PACKED;
}

struct command *schema_cmd_get(struct pipeline *pipeline)
{
    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("GET"), key_schema});
}

/* Calls schema_write.lua. The command is a COMMAND_READ although it writes, because repeating it
 * after a broken connection does no harm. The argument of the script is this program's schema
 * number. */
struct command *schema_cmd_write(struct pipeline *pipeline)
{
    struct str number = command_int(pipeline->arena, STORE_SCHEMA);

    return pipeline_add_read_script(pipeline, &script_schema_write, 1, 2,
                                    (struct str[]){key_schema, number});
}

/* Calls schema_raise.lua. A stored text that is no number stays too. */
struct command *schema_cmd_raise(struct pipeline *pipeline, int64_t number)
{
    return pipeline_add_script(pipeline, &script_schema_raise, 1, 2,
                               (struct str[]){key_schema, command_int(pipeline->arena, number)});
}

struct command *schema_cmd_fence(struct pipeline *pipeline, unsigned shard)
{
    struct str key = key_shard_record(pipeline->arena, shard, SHARD_KEY_SCHEMA);

    return pipeline_add(
        pipeline, COMMAND_WRITE, 3,
        (struct str[]){STR("SET"), key, command_int(pipeline->arena, SCHEMA_MIXED)});
}

struct command *schema_cmd_mark(struct pipeline *pipeline, unsigned shard)
{
    struct str key = key_shard_record(pipeline->arena, shard, SHARD_KEY_SCHEMA);

    return pipeline_add(
        pipeline, COMMAND_WRITE, 4,
        (struct str[]){STR("SET"), key, command_int(pipeline->arena, SCHEMA_MIXED), STR("NX")});
}

/* SETRANGE with an empty text changes nothing and creates no key, but Redis refuses it whenever it
 * refuses writes. The command is a COMMAND_READ, because repeating it does no harm. */
struct command *schema_cmd_try_write_of(struct pipeline *pipeline, struct str key)
{
    return pipeline_add(pipeline, COMMAND_READ, 4,
                        (struct str[]){STR("SETRANGE"), key, STR("0"), STR("")});
}

struct command *schema_cmd_try_write(struct pipeline *pipeline)
{
    return schema_cmd_try_write_of(pipeline, key_schema);
}

/* Writes to ret_why why this program must not use the store, and returns false, which the caller
 * returns too. found: what the store has instead of a schema number that this program knows. */
static bool schema_refuse(char *ret_why, size_t why_size, const char *found)
{
    (void)snprintf(ret_why, why_size, "the store has %s, this version knows schemas up to %d",
                   found, STORE_SCHEMA);
    return false;
}

/* Compares the stored schema number with this program's, STORE_SCHEMA. Returns true if it is not
 * higher, or if there is none: a store without a number is new and empty. */
bool schema_parse(const struct command *command, int64_t *ret_found, char *ret_why, size_t why_size)
{
    struct str text;
    char found_text[40];

    *ret_found = 0;
    switch (reply_text(command->reply, &text)) {
    case REPLY_MISSING: return true;
    case REPLY_ERROR: return schema_refuse(ret_why, why_size, "no readable schema");
    case REPLY_OK: break;
    }
    if (!str_to_int64(text, 1, INT32_MAX, ret_found))
        return schema_refuse(ret_why, why_size, "a schema that is no number");
    if (*ret_found <= STORE_SCHEMA)
        return true;
    (void)snprintf(found_text, sizeof(found_text), "schema %" PRId64, *ret_found);
    return schema_refuse(ret_why, why_size, found_text);
}
