/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/journal.h"

#include "app/store/keys.h"
#include "app/store/lease.h"

/* KEYS: lease, journal, outbox, then streams of students' events. ARGV: holder, ms of the oldest
 * event that stays, ms that a stream lives on, then an entry: its id, the place in KEYS of its
 * student's stream (0: none), the text for that, the number of messages, and each message's event
 * and traceparent. Removing comes first: it says who turns the entry, and a script that has removed
 * something may add something even when Redis is full (hazards R2). */
struct script script_turn = {
    .name = "turn",
    .body = STR_INIT(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end\n"
        "local turned, at = 0, 4\n"
        "while ARGV[at] do\n"
        "  local stream, messages = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3])\n"
        "  if redis.call('XDEL', KEYS[2], ARGV[at]) == 1 then\n"
        "    turned = turned + 1\n"
        "    if stream > 0 then\n"
        "      redis.call('XADD', KEYS[stream], 'MINID', '~', ARGV[2], '*', 'e', ARGV[at + 2])\n"
        "      redis.call('PEXPIRE', KEYS[stream], ARGV[3])\n"
        "    end\n"
        "    for i = at + 4, at + 2 + 2 * messages, 2 do\n"
        "      redis.call('XADD', KEYS[3], '*', 'e', ARGV[i], 't', ARGV[i + 1])\n"
        "    end\n"
        "  end\n"
        "  at = at + 4 + 2 * messages\n"
        "end\n"
        "return turned\n"),
};

enum {
    FIXED_KEYS = 3,
    FIXED_ARGS = 3,
    ARGS_A_TURN = 4 + 2 * JOURNAL_MESSAGES_MAX,
    ARGC_MAX = FIXED_KEYS + FIXED_ARGS + JOURNAL_BATCH_MAX * (1 + ARGS_A_TURN),
};

struct ask *journal_ask(struct asks *a, unsigned shard)
{
    struct str argv[] = {STR("XRANGE"), key_shard_record(a->arena, shard, SHARD_KEY_JOURNAL),
                         STR("-"),      STR("+"),
                         STR("COUNT"),  arena_printf(a->arena, "%d", JOURNAL_BATCH_MAX)};

    return ask_command(a, ASK_READ, 6, argv);
}

bool journal_read(const struct ask *ask, struct journal_record *ret_records, size_t *ret_count,
                  struct problem *p)
{
    struct stream_entry entries[JOURNAL_BATCH_MAX];
    size_t n;

    if (stream_read(ask->reply, JOURNAL_BATCH_MAX, entries, &n) != REPLY_THERE) {
        reply_problem(ask->reply, p);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        ret_records[i] = (struct journal_record){.id = entries[i].id, .text = STR("")};
        (void)stream_field(&entries[i], STR("e"), &ret_records[i].text);
    }
    *ret_count = n;
    return true;
}

/* The place, from 1, of that student's stream among the keys; a new one is put behind them. */
static int place_of_stream(struct asks *a, const struct journal_turn *turns, size_t i,
                           struct str *keys, int *count)
{
    struct str key;

    if (turns[i].log.n == 0)
        return 0;
    key = key_student(a->arena, turns[i].student, STUDENT_KEY_EVENTS);
    for (int k = FIXED_KEYS; key.p && k < *count; k++) {
        if (str_equal(keys[k], key))
            return k + 1;
    }
    keys[(*count)++] = key;
    return *count;
}

static int fill_turn(struct asks *a, const struct journal_turn *turn, int stream, struct str *args)
{
    int n = 0;

    args[n++] = turn->id;
    args[n++] = arena_printf(a->arena, "%d", stream);
    args[n++] = stream > 0 ? turn->log : STR("");
    args[n++] = arena_printf(a->arena, "%zu", turn->message_count);
    for (size_t i = 0; i < turn->message_count; i++) {
        args[n++] = turn->messages[i].event;
        args[n++] = turn->messages[i].traceparent;
    }
    return n;
}

struct ask *journal_ask_turn(struct asks *a, unsigned shard, struct str holder,
                             const struct journal_turn *turns, size_t count, int64_t now_ms,
                             int64_t event_age_max_ms)
{
    struct str *argv = arena_array(a->arena, ARGC_MAX, sizeof(*argv));
    int streams[JOURNAL_BATCH_MAX], keys = FIXED_KEYS, argc;

    if (!argv) {
        a->failed = true;
        return ask_script(a, &script_turn, 0, 0, NULL);
    }
    argv[0] = key_shard_record(a->arena, shard, SHARD_KEY_LEASE);
    argv[1] = key_shard_record(a->arena, shard, SHARD_KEY_JOURNAL);
    argv[2] = key_shard_record(a->arena, shard, SHARD_KEY_OUTBOX);
    for (size_t i = 0; i < count; i++)
        streams[i] = place_of_stream(a, turns, i, argv, &keys);
    argc = keys;
    argv[argc++] = holder;
    argv[argc++] = arena_printf(a->arena, "%lld", (long long)(now_ms - event_age_max_ms));
    argv[argc++] = arena_printf(a->arena, "%lld", (long long)event_age_max_ms);
    for (size_t i = 0; i < count; i++)
        argc += fill_turn(a, &turns[i], streams[i], argv + argc);
    return ask_script(a, &script_turn, keys, argc, argv);
}

bool journal_read_turned(const struct ask *ask, int64_t *ret_turned, struct problem *p)
{
    if (reply_int(ask->reply, ret_turned) == REPLY_THERE)
        return true;
    reply_problem(ask->reply, p);
    return false;
}
