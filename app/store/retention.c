/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on the lists of students with records that will be too old. */
#include "app/store/retention.h"

#include "app/store/schema.h"

/* Returns the key of the list of the shard. */
static struct str retention_key(struct arena *arena, unsigned shard)
{
    return key_shard_record(arena, shard, SHARD_KEY_RETENTION);
}

struct command *retention_cmd_due(struct pipeline *pipeline, unsigned shard, int32_t today,
                                  int count)
{
    struct arena *arena = pipeline->arena;
    struct str argv[] = {STR("ZRANGEBYSCORE"),
                         retention_key(arena, shard),
                         STR("-inf"),
                         command_int(arena, today),
                         STR("LIMIT"),
                         STR("0"),
                         command_int(arena, count)};

    return pipeline_add(pipeline, COMMAND_READ, sizeof(argv) / sizeof(argv[0]), argv);
}

/* Calls retention_plan.lua. Keys: the list, and each record of the student that may become too old;
 * the marks of 0.1.0 only while there may be some. Arguments: name of the student in the list,
 * today. */
struct command *retention_cmd_plan(struct pipeline *pipeline, unsigned shard, struct str student,
                                   int32_t today)
{
    enum { KEYS_MAX = 6, ARGS = 2 };
    struct arena *arena = pipeline->arena;
    struct str argv[KEYS_MAX + ARGS];
    int keys = 0;

    argv[keys++] = retention_key(arena, shard);
    argv[keys++] = key_student_in_shard(arena, shard, student, STUDENT_KEY_MARKS);
    argv[keys++] = key_student_in_shard(arena, shard, student, STUDENT_KEY_DAYS);
    argv[keys++] = key_student_in_shard(arena, shard, student, STUDENT_KEY_EVENTS);
    argv[keys++] = key_student_in_shard(arena, shard, student, STUDENT_KEY_PREDICTIONS);
    if (schema_has_old_forms())
        argv[keys++] = key_student_in_shard(arena, shard, student, STUDENT_KEY_SCHEMA_1_MARKS);
    argv[keys] = key_student_part(arena, student);
    argv[keys + 1] = command_int(arena, today);
    return pipeline_add_script(pipeline, &script_retention_plan, keys, keys + ARGS, argv);
}

/* Calls retention_add.lua. Keys: the list, and the key that was found. Argument: name of the
 * student in the list. */
struct command *retention_cmd_add(struct pipeline *pipeline, struct str student, struct str key)
{
    struct arena *arena = pipeline->arena;
    unsigned shard = 0;
    struct str argv[3] = {{0}, key, key_student_part(arena, student)};

    (void)key_parse_hash_tag(key, &shard); /* each key of a student has one */
    argv[0] = retention_key(arena, shard);

    return pipeline_add_script(pipeline, &script_retention_add, 2, 3, argv);
}

struct command *retention_cmd_remove_name(struct pipeline *pipeline, unsigned shard,
                                          struct str name)
{
    return pipeline_add(pipeline, COMMAND_WRITE, 3,
                        (struct str[]){STR("ZREM"), retention_key(pipeline->arena, shard), name});
}

struct command *retention_cmd_remove(struct pipeline *pipeline, struct str student)
{
    return retention_cmd_remove_name(pipeline, key_shard(student),
                                     key_student_part(pipeline->arena, student));
}
