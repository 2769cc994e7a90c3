/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes, reads and removes the marks of counted events. The digest is the first 8 bytes of a
 * SHA-256: of a million events of one student two have the same with a probability of 1 to 37
 * million. */
#include "app/store/student_marks.h"

#include "app/base/digest.h"
#include "app/store/keys.h"
#include "app/store/reply.h"
#include "app/store/schema.h"

/* Bytes of the digest, and of a record before its text: digest, day, length of the text. */
enum { MARK_DIGEST_SIZE = 8, MARK_HEADER_SIZE = MARK_DIGEST_SIZE + 2 + 1 };

struct str student_mark_record(struct arena *arena, struct str event_id, int32_t day,
                               struct str mark)
{
    unsigned char sha[DIGEST_SIZE], *record, *p;

    if (mark.n > MARK_TEXT_MAX)
        return (struct str){0};
    record = arena_alloc(arena, MARK_HEADER_SIZE + mark.n);
    if (!record)
        return (struct str){0};
    digest_sha256(event_id, sha);
    p = mempcpy(record, sha, MARK_DIGEST_SIZE);
    *p++ = (unsigned char)(day & 255);
    *p++ = (unsigned char)(day >> 8 & 255);
    *p++ = (unsigned char)mark.n;
    if (mark.n > 0)
        memcpy(p, mark.p, mark.n);
    return (struct str){(const char *)record, MARK_HEADER_SIZE + mark.n};
}

struct str student_mark_text(struct str mark)
{
    (void)str_cut(&mark, ' ');
    return mark;
}

/* Calls student_mark.lua. Keys: the marks, and those of 0.1.0 while there may be some. Arguments:
 * the event's id, and a record of which the script uses only the digest, hence without day and
 * text. */
struct command *student_cmd_mark(struct pipeline *pipeline, struct str student, struct str event_id)
{
    struct arena *arena = pipeline->arena;
    struct str argv[4] = {key_student(arena, student, STUDENT_KEY_MARKS)};
    int keys = 1;

    if (schema_has_old_forms())
        argv[keys++] = key_student(arena, student, STUDENT_KEY_SCHEMA_1_MARKS);
    argv[keys] = event_id;
    argv[keys + 1] = student_mark_record(arena, event_id, /* day */ 0, STR(""));
    return pipeline_add_read_script(pipeline, &script_student_mark, keys, keys + 2, argv);
}

/* The reply is nil if no event with this id was counted. */
bool student_parse_mark(const struct command *command, bool *ret_counted, struct str *ret_mark,
                        struct problem *p)
{
    enum reply_result result = reply_text(command->reply, ret_mark);

    *ret_counted = result == REPLY_OK;
    if (result == REPLY_ERROR)
        reply_problem(command->reply, p);
    else if (result == REPLY_OK)
        *ret_mark = student_mark_text(*ret_mark);
    return result != REPLY_ERROR;
}

struct command *student_cmd_trim_marks(struct pipeline *pipeline, struct str key, int32_t oldest)
{
    return pipeline_add_script(pipeline, &script_student_trim_marks, 1, 2,
                               (struct str[]){key, command_int(pipeline->arena, oldest)});
}
