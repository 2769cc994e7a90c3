/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/idempotency.h"

#include "app/base/buf.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

/* The record: "running DIGEST", or "done DIGEST STATUS STUDENT" and the body behind a line feed. */

struct str idempotency_key(struct arena *arena, const char *role, struct str user, struct str hash)
{
    return key_idempotency(arena, role, user, hash);
}

struct ask *idempotency_ask_take(struct asks *a, struct str key, struct str digest)
{
    struct str value = arena_printf(a->arena, "running %.*s", STR_ARG(digest));
    struct str ms = arena_printf(a->arena, "%d", IDEMPOTENCY_RUNNING_MS);

    if (!value.p || !ms.p)
        a->failed = true;
    return ask_command(
        a, ASK_WRITE, 7,
        (struct str[]){STR("SET"), key, value, STR("NX"), STR("GET"), STR("PX"), ms});
}

/* KEYS: the student's list, tombstone. ARGV: the record's key, how long the list lives (ms). */
struct script script_idempotency_note = {
    .name = "idempotency_note",
    .body = STR_INIT("if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end\n"
                     "redis.call('SADD', KEYS[1], ARGV[1])\n"
                     "return redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"),
};

void idempotency_ask_note(struct asks *a, struct str student, struct str key)
{
    (void)ask_script(
        a, &script_idempotency_note, 2, 4,
        (struct str[]){key_student(a->arena, student, STUDENT_KEY_IDEMPOTENCY),
                       key_student(a->arena, student, STUDENT_KEY_ERASED), key,
                       arena_printf(a->arena, "%d", IDEMPOTENCY_KEPT_MS + IDEMPOTENCY_RUNNING_MS)});
}

static bool parse(struct str text, struct idempotency_record *ret)
{
    struct str head = str_cut(&text, '\n'), state = str_cut(&head, ' ');
    int64_t status;

    ret->digest = str_cut(&head, ' ');
    ret->state = IDEMPOTENCY_RUNNING;
    if (str_equal(state, STR("running")))
        return true;
    ret->state = IDEMPOTENCY_DONE;
    if (!str_equal(state, STR("done")) || !str_to_int64(str_cut(&head, ' '), 200, 299, &status))
        return false;
    ret->status = (int)status;
    ret->student = head;
    ret->body = text;
    return true;
}

bool idempotency_read_take(const struct ask *ask, struct idempotency_record *ret, struct problem *p)
{
    struct str text;

    *ret = (struct idempotency_record){.state = IDEMPOTENCY_TAKEN};
    switch (reply_text(ask->reply, &text)) {
    case REPLY_MISSING: return true;
    case REPLY_THERE:
        if (parse(text, ret))
            return true;
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    case REPLY_ERROR: break;
    }
    reply_problem(ask->reply, p);
    return false;
}

void idempotency_ask_keep(struct asks *a, struct str key, const struct idempotency_record *record)
{
    struct str ms = arena_printf(a->arena, "%d", IDEMPOTENCY_KEPT_MS);
    struct buf value;

    buf_init(&value, a->arena);
    (void)buf_reserve(&value, record->body.n + 256);
    buf_text(&value, "done ");
    buf_str(&value, record->digest);
    buf_char(&value, ' ');
    buf_int(&value, record->status);
    buf_char(&value, ' ');
    buf_str(&value, record->student);
    buf_char(&value, '\n');
    buf_str(&value, record->body);
    if (value.failed || !ms.p)
        a->failed = true;
    (void)ask_command(a, ASK_WRITE, 6,
                      (struct str[]){STR("SET"), key, buf_view(&value), STR("XX"), STR("PX"), ms});
}

void idempotency_ask_free(struct asks *a, struct str key)
{
    (void)ask_command(a, ASK_WRITE, 2, (struct str[]){STR("DEL"), key});
}
