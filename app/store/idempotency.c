/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Idempotency records: what is stored about a request with an Idempotency-Key. A record is "running
 * DIGEST OWNER END_MS" while the request runs. Afterwards it is "done DIGEST STATUS STUDENT
 * LOCATION", a line feed and the body of the response. None of the texts before the line feed has a
 * space. */
#include "app/store/idempotency.h"

#include "app/base/buf.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

struct str idempotency_key(struct arena *arena, const char *role, struct str user, struct str hash)
{
    return key_idempotency(arena, role, user, hash);
}

/* The record is kept for IDEMPOTENCY_TTL_MS, longer than running_ms, so that a later request with
 * another body still finds it and is refused. */
struct command *idempotency_cmd_acquire(struct pipeline *pipeline, struct str key,
                                        struct str digest, struct str owner, int64_t running_ms)
{
    struct str argv[] = {key, digest, owner, command_int(pipeline->arena, running_ms),
                         command_int(pipeline->arena, IDEMPOTENCY_TTL_MS)};

    return pipeline_add_script(pipeline, &script_idempotency_acquire, 1, 5, argv);
}

/* A time that is longer than any request may run (REQUEST_DEADLINE_S). A record is written only
 * while its request runs. So no record outlives its entry in the student's list, and an erasure
 * finds all of them. */
enum { IDEMPOTENCY_RUN_MAX_MS = 600000 };

void idempotency_cmd_register(struct pipeline *pipeline, struct str student, struct str key)
{
    (void)pipeline_add_script(
        pipeline, &script_idempotency_register, 2, 4,
        (struct str[]){key_student(pipeline->arena, student, STUDENT_KEY_IDEMPOTENCY),
                       key_student(pipeline->arena, student, STUDENT_KEY_ERASED), key,
                       command_int(pipeline->arena, IDEMPOTENCY_TTL_MS + IDEMPOTENCY_RUN_MAX_MS)});
}

/* Parses a record. Returns false if it has another form. The numbers 200 and 299 are the limits of
 * HTTP statuses of success; only such responses are stored. */
static bool idempotency_parse_record(struct str text, struct idempotency_record *ret)
{
    struct str first_line = str_cut(&text, '\n'), state = str_cut(&first_line, ' ');
    int64_t status;

    ret->digest = str_cut(&first_line, ' ');
    ret->state = IDEMPOTENCY_RUNNING;
    if (str_equal(state, STR("running")))
        return true;
    ret->state = IDEMPOTENCY_DONE;
    if (!str_equal(state, STR("done")) ||
        !str_to_int64(str_cut(&first_line, ' '), 200, 299, &status))
        return false;
    ret->status = (int)status;
    ret->student = str_cut(&first_line, ' ');
    ret->location = first_line;
    ret->body = text;
    return true;
}

/* The script replies nil when it has acquired the key, else the existing record. */
bool idempotency_parse_acquire(const struct command *command, struct idempotency_record *ret,
                               struct problem *p)
{
    struct str text;

    *ret = (struct idempotency_record){.state = IDEMPOTENCY_ACQUIRED};
    switch (reply_text(command->reply, &text)) {
    case REPLY_MISSING: return true;
    case REPLY_OK:
        if (idempotency_parse_record(text, ret))
            return true;
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    case REPLY_ERROR: break;
    }
    reply_problem(command->reply, p);
    return false;
}

/* Prints "done DIGEST STATUS STUDENT LOCATION", a line feed and the body of the response. The
 * script stores this text only in place of the running record of this owner. */
void idempotency_cmd_save(struct pipeline *pipeline, struct str key, struct str owner,
                          const struct idempotency_record *record)
{
    struct buf value;

    buf_init(&value, pipeline->arena);
    (void)buf_reserve(&value, record->body.n + 256);
    buf_text(&value, "done ");
    buf_str(&value, record->digest);
    buf_char(&value, ' ');
    buf_int(&value, record->status);
    buf_char(&value, ' ');
    buf_str(&value, record->student);
    buf_char(&value, ' ');
    buf_str(&value, record->location);
    buf_char(&value, '\n');
    buf_str(&value, record->body);
    if (value.failed) /* out of memory */
        pipeline->failed = true;
    (void)pipeline_add_script(pipeline, &script_idempotency_finish, 1, 4,
                              (struct str[]){key, owner, buf_view(&value),
                                             command_int(pipeline->arena, IDEMPOTENCY_TTL_MS)});
}

/* Without a new record idempotency_finish.lua deletes the old one. */
void idempotency_cmd_release(struct pipeline *pipeline, struct str key, struct str owner)
{
    (void)pipeline_add_script(pipeline, &script_idempotency_finish, 1, 2,
                              (struct str[]){key, owner});
}
