/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/idempotency.h"

#include <inttypes.h>

#include "app/base/buf.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

/* The record: "running DIGEST OWNER UNTIL", or "done DIGEST STATUS STUDENT LOCATION" and the body
 * behind a line feed. */

/* KEYS: the record. ARGV: digest, owner, how long the request may run, how long a record is kept,
 * both in ms. Nothing when the key has been taken, else the record that is in the way. */
struct script script_idempotency_take = {
    .name = "idempotency_take",
    .body = STR_INIT(
        "local there = redis.call('GET', KEYS[1])\n"
        "local time = redis.call('TIME')\n"
        "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
        "if there then\n"
        "  local digest, ends = there:match('^running (%S+) %S+ (%d+)$')\n"
        "  if digest ~= ARGV[1] or tonumber(ends) > now then return there end\n"
        "end\n"
        "local mine = string.format('running %s %s %.0f', ARGV[1], ARGV[2], now + ARGV[3])\n"
        "redis.call('SET', KEYS[1], mine, 'PX', ARGV[4])\n"
        "return false\n"),
};

/* KEYS: the record. ARGV: owner, and the record that is to be there instead for so many ms; without
 * it, or when the owner's time is up, there is none. */
struct script script_idempotency_end = {
    .name = "idempotency_end",
    .body = STR_INIT("local there = redis.call('GET', KEYS[1]) or ''\n"
                     "local owner, ends = there:match('^running %S+ (%S+) (%d+)$')\n"
                     "if owner ~= ARGV[1] then return 0 end\n"
                     "local time = redis.call('TIME')\n"
                     "local late = time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ends)\n"
                     "if late or not ARGV[2] then return redis.call('DEL', KEYS[1]) end\n"
                     "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
                     "return 1\n"),
};

struct str idempotency_key(struct arena *arena, const char *role, struct str user, struct str hash)
{
    return key_idempotency(arena, role, user, hash);
}

struct ask *idempotency_ask_take(struct asks *a, struct str key, struct str digest,
                                 struct str owner, int64_t running_ms)
{
    struct str argv[] = {key, digest, owner, arena_printf(a->arena, "%" PRId64, running_ms),
                         arena_printf(a->arena, "%d", IDEMPOTENCY_KEPT_MS)};

    return ask_script(a, &script_idempotency_take, 1, 5, argv);
}

/* Longer than any request has its key (REQUEST_DEADLINE_S and a margin). A record is written only
 * while its request has the key, so none outlives its note, and an erasure finds them all. */
enum { LONGEST_HOLD_MS = 600000 };

/* KEYS: the student's list, tombstone. ARGV: the record's key, how long it may be there (ms). Names
 * of records that have expired leave the list, or it would grow for ever. */
struct script script_idempotency_note = {
    .name = "idempotency_note",
    .body = STR_INIT("if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end\n"
                     "local time = redis.call('TIME')\n"
                     "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
                     "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ('%.0f'):format(now))\n"
                     "redis.call('ZADD', KEYS[1], ('%.0f'):format(now + ARGV[2]), ARGV[1])\n"
                     "return redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"),
};

void idempotency_ask_note(struct asks *a, struct str student, struct str key)
{
    (void)ask_script(
        a, &script_idempotency_note, 2, 4,
        (struct str[]){key_student(a->arena, student, STUDENT_KEY_IDEMPOTENCY),
                       key_student(a->arena, student, STUDENT_KEY_ERASED), key,
                       arena_printf(a->arena, "%d", IDEMPOTENCY_KEPT_MS + LONGEST_HOLD_MS)});
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
    ret->student = str_cut(&head, ' ');
    ret->location = head;
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

void idempotency_ask_keep(struct asks *a, struct str key, struct str owner,
                          const struct idempotency_record *record)
{
    struct buf value;

    buf_init(&value, a->arena);
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
    if (value.failed)
        a->failed = true;
    (void)ask_script(a, &script_idempotency_end, 1, 4,
                     (struct str[]){key, owner, buf_view(&value),
                                    arena_printf(a->arena, "%d", IDEMPOTENCY_KEPT_MS)});
}

void idempotency_ask_free(struct asks *a, struct str key, struct str owner)
{
    (void)ask_script(a, &script_idempotency_end, 1, 2, (struct str[]){key, owner});
}
