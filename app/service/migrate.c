/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Begins and ends a migration, and lists what is converted in between. The schema number (of the
 * format of all records) is raised before the fences are written (keys that stop scripts from
 * writing forms of 0.1.0). So a program of 0.1.0 that starts meanwhile refuses the store, and one
 * of this version writes packed forms at once. */
#include "app/service/migrate.h"

#include "app/service/migrate_student.h"
#include "app/store/keys.h"
#include "app/store/reply.h"
#include "app/store/schema.h"

const struct converter converters[] = {
    {.name = "days", .of_student = migrate_days},
    {.name = "marks", .of_student = migrate_marks},
    {.name = "events", .of_student = migrate_events},
    {.name = "results", .of_student = migrate_result},
};
const size_t converter_count = sizeof(converters) / sizeof(converters[0]);

/* Raises the schema number in Redis to `number`, unless it is higher already. *ret_number: the
 * number after that. False with a problem: Redis cannot be reached, or the number cannot be read.
 */
static bool migrate_raise(struct migrate *migrate, int64_t number, int64_t *ret_number,
                          struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;
    struct str text;

    arena_reset(migrate->arena);
    pipeline_init(&pipeline, migrate->arena, NULL /* owner */);
    command = schema_cmd_raise(&pipeline, number);
    if (!migrate_round_trip(migrate, &pipeline, p))
        return false;
    if (reply_text(command->reply, &text) == REPLY_OK &&
        str_to_int64(text, 1, INT32_MAX, ret_number))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, "the schema number cannot be read");
    return false;
}

bool migrate_begin(struct migrate *migrate, int64_t *ret_number, struct problem *p)
{
    struct pipeline pipeline;

    if (!migrate_raise(migrate, SCHEMA_MIXED, ret_number, p))
        return false;
    if (*ret_number != SCHEMA_MIXED)
        return true;
    arena_reset(migrate->arena);
    pipeline_init(&pipeline, migrate->arena, NULL /* owner */);
    for (unsigned shard = 0; shard < SHARDS; shard++)
        (void)schema_cmd_fence(&pipeline, shard);
    if (!migrate_round_trip(migrate, &pipeline, p))
        return false;
    schema_learn(SCHEMA_MIXED);
    return true;
}

bool migrate_end(struct migrate *migrate, struct problem *p)
{
    int64_t number;

    if (!migrate_raise(migrate, SCHEMA_PACKED, &number, p))
        return false;
    schema_learn(number);
    return true;
}
