/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Idempotency records: what is stored about a request with an Idempotency-Key. A record is "running
 * DIGEST OWNER END_MS EFFECT" while the request runs: its owner has a lease until END_MS, and
 * EFFECT is the id of the change. Afterwards it is "done DIGEST STATUS STUDENT LOCATION", a line
 * feed and the body of the response. None of the texts before the line feed has a space. */
#include "app/store/idempotency.h"

#include "app/base/buf.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

struct str idempotency_key(struct arena *arena, const char *role, struct str user, struct str hash)
{
    return key_idempotency(arena, role, user, hash);
}

/* Calls idempotency_acquire.lua. The record expires after IDEMPOTENCY_TTL_MS, which is longer than
 * running_ms, so that a later request with another body still finds it and is refused. */
struct command *idempotency_cmd_acquire(struct pipeline *pipeline, struct str key,
                                        struct str digest, struct str owner, int64_t running_ms)
{
    struct str argv[] = {key, digest, owner, command_int(pipeline->arena, running_ms),
                         command_int(pipeline->arena, IDEMPOTENCY_TTL_MS)};

    return pipeline_add_script(pipeline, &script_idempotency_acquire, 1, 5, argv);
}

/* Longest time in which a request may store its response after it has acquired the key; no request
 * runs that long. It guarantees that no record outlives its entry in the student's list, so that an
 * erasure finds all records. */
enum { IDEMPOTENCY_RUN_MAX_MS = 600000 };

struct command *idempotency_cmd_register(struct pipeline *pipeline, struct str student,
                                         struct str key)
{
    return pipeline_add_script(
        pipeline, &script_idempotency_register, 2, 4,
        (struct str[]){key_student(pipeline->arena, student, STUDENT_KEY_IDEMPOTENCY),
                       key_student(pipeline->arena, student, STUDENT_KEY_ERASED), key,
                       command_int(pipeline->arena, IDEMPOTENCY_TTL_MS + IDEMPOTENCY_RUN_MAX_MS)});
}

/* Parses a record: "running DIGEST OWNER END_MS EFFECT", or "done DIGEST STATUS STUDENT LOCATION"
 * with the body after a line feed. A record that is done has no EFFECT (the id of the change),
 * because no repetition makes the change. Returns false for any other form. Only successful
 * responses are stored. */
static bool idempotency_parse_record(struct str text, struct str owner,
                                     struct idempotency_record *ret)
{
    struct str first_line = str_cut(&text, '\n'), state = str_cut(&first_line, ' ');
    int64_t status;

    ret->digest = str_cut(&first_line, ' ');
    if (str_equal(state, STR("running"))) {
        ret->state = str_equal(str_cut(&first_line, ' '), owner) ? IDEMPOTENCY_ACQUIRED
                                                                 : IDEMPOTENCY_RUNNING;
        /* END_MS is not needed: the script has replied how much time is left */
        (void)str_cut(&first_line, ' ');
        ret->effect = first_line;
        return true;
    }
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

/* Parses the script's reply, a list: the record, and for how long another request still owns it. */
bool idempotency_parse_acquire(const struct command *command, struct str owner,
                               struct idempotency_record *ret, struct problem *p)
{
    struct str text;
    size_t n;

    *ret = (struct idempotency_record){.state = IDEMPOTENCY_RUNNING};
    if (!reply_expect_array(command->reply, 2, &n, p))
        return false;
    if (n == 2 && reply_text(reply_at(command->reply, 0), &text) == REPLY_OK &&
        reply_int(reply_at(command->reply, 1), &ret->left_ms) == REPLY_OK &&
        idempotency_parse_record(text, owner, ret))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

/* Queues idempotency_finish.lua, which ends this request's ownership of the key. outcome: "free"
 * (delete the record), "end" (a repetition may acquire the key at once), or the record with the
 * response, which is stored for IDEMPOTENCY_TTL_MS. A record that is older than any request can be
 * (IDEMPOTENCY_RUN_MAX_MS) is not replaced by a response; the last argument is the time that it
 * must still have left. */
static struct command *idempotency_cmd_finish(struct pipeline *pipeline, struct str key,
                                              struct str owner, struct str outcome)
{
    struct arena *arena = pipeline->arena;

    return pipeline_add_script(
        pipeline, &script_idempotency_finish, 1, 5,
        (struct str[]){key, owner, outcome, command_int(arena, IDEMPOTENCY_TTL_MS),
                       command_int(arena, IDEMPOTENCY_TTL_MS - IDEMPOTENCY_RUN_MAX_MS)});
}

/* Prints "done DIGEST STATUS STUDENT LOCATION", a line feed and the body of the response. The
 * script stores this text only in place of the running record of this owner. */
struct command *idempotency_cmd_save(struct pipeline *pipeline, struct str key, struct str owner,
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
    return idempotency_cmd_finish(pipeline, key, owner, buf_view(&value));
}

void idempotency_cmd_release(struct pipeline *pipeline, struct str key, struct str owner)
{
    (void)idempotency_cmd_finish(pipeline, key, owner, STR("free"));
}

void idempotency_cmd_end(struct pipeline *pipeline, struct str key, struct str owner)
{
    (void)idempotency_cmd_finish(pipeline, key, owner, STR("end"));
}
