/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/erasure.h"

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/domain/mastery.h"
#include "app/store/reply.h"

/* Days of a daily kind that can be there: those kept, and what clocks that differ may have made. */
enum { DAYS_BACK = HISTORY_DAYS + 4, DAYS = DAYS_BACK + 4 };
enum { FIXED_KEYS = 5, FIXED_ARGS = 3 + ERASURE_RECORD + 4, GROUPS = ERASED_INDEX + 1 };

/* What was removed from a stream stays in memory, and in dumps, as long as its neighbours do: the
 * stream is made anew from what is left, entry by entry, under the same ids. Not a long one, for
 * which all others would have to wait: there its neighbours go as the worker gets on. */
#define LUA_MAKE_ANEW                                                                              \
    "local function make_anew(key)\n"                                                              \
    "  if redis.call('XLEN', key) > 10000 then return end\n"                                       \
    "  local left = redis.call('XRANGE', key, '-', '+')\n"                                         \
    "  redis.call('DEL', key)\n"                                                                   \
    "  for _, entry in ipairs(left) do redis.call('XADD', key, entry[1], unpack(entry[2])) end\n"  \
    "end\n"

/* KEYS: stream, without groups. */
struct script script_make_anew = {
    .name = "make_anew",
    .body = STR_INIT(LUA_MAKE_ANEW "make_anew(KEYS[1])\nreturn 1\n"),
};

/* KEYS: tombstone, journal, outbox, audit, the student's recommendation token, then the keys to go,
 * group by group. ARGV: student, 1 to count only, the token that there should be, the audit record,
 * of journal and outbox the last entry seen before and 1 when some were removed before, then how
 * many keys each group has. Answers 0 when there is another token by now; else how many
 * keys of each group there were, and how many entries of journal and outbox. An entry is the
 * student's when it says so as JSON, or cannot be read and holds the id in quotes. */
struct script script_erase = {
    .name = "erase",
    .body = STR_INIT(
        LUA_MAKE_ANEW
        "local student, dry = ARGV[1], ARGV[2] == '1'\n"
        "local own = redis.call('GET', KEYS[5]) or ''\n"
        "if own:match('^%x*') ~= ARGV[3] then return 0 end\n"
        "local was, counts, at = redis.call('GET', KEYS[1]), {}, 6\n"
        "for group = 16, #ARGV do\n"
        "  local n, last = 0, at + tonumber(ARGV[group]) - 1\n"
        "  for i = at, last do n = n + redis.call(dry and 'EXISTS' or 'DEL', KEYS[i]) end\n"
        "  at = last + 1\n"
        "  counts[#counts + 1] = n\n"
        "end\n"
        "if not dry then redis.call('SET', KEYS[1], 'erasing') end\n"
        "local function concerns(text)\n"
        "  if not text:find('\"' .. student .. '\"', 1, true) then return false end\n"
        "  local good, entry = pcall(cjson.decode, text)\n"
        "  if not good or type(entry) ~= 'table' then return true end\n"
        "  return entry.student_id == student or entry.subject == student\n"
        "end\n"
        "local function sweep(key, seen, removed)\n"
        "  local n, from = 0, seen == '' and '-' or '(' .. seen\n"
        "  repeat\n"
        "    local page = redis.call('XRANGE', key, from, '+', 'COUNT', 1000)\n"
        "    for _, entry in ipairs(page) do\n"
        "      from = '(' .. entry[1]\n"
        "      if concerns(entry[2][2]) then\n"
        "        n = n + 1\n"
        "        if not dry then redis.call('XDEL', key, entry[1]) end\n"
        "      end\n"
        "    end\n"
        "  until #page < 1000\n"
        "  if (n > 0 or removed == '1') and not dry then make_anew(key) end\n"
        "  return n\n"
        "end\n"
        "counts[#counts + 1] = sweep(KEYS[2], ARGV[12], ARGV[13])\n"
        "counts[#counts + 1] = sweep(KEYS[3], ARGV[14], ARGV[15])\n"
        "if not dry and not was then\n"
        "  redis.call('XADD', KEYS[4], '*', 'a', ARGV[4], 'r', ARGV[5], 't', ARGV[6], 'o', "
        "ARGV[7],\n"
        "             'w', '', 's', ARGV[8], 'c', ARGV[9], 'd', ARGV[10], 'n', ARGV[11])\n"
        "end\n"
        "return counts\n"),
};

/* KEYS: list of idempotency records, tombstone. ARGV: how long the tombstone stays (s). */
struct script script_erased = {
    .name = "erased",
    .body = STR_INIT("redis.call('DEL', KEYS[1])\n"
                     "redis.call('SET', KEYS[2], 'erased', 'EX', ARGV[1])\n"
                     "return 1\n"),
};

/* KEYS: cohort. ARGV: student, 1 to count only, now. Answers 1 when the student was in it. Whoever
 * is about to write the whole roster finds the tombstone when he links it. */
struct script script_leave_cohort = {
    .name = "leave_cohort",
    .body = STR_INIT("local students = redis.call('HGET', KEYS[1], 'students') or ''\n"
                     "if not students:find(ARGV[1], 1, true) then return 0 end\n"
                     "local kept, found = {}, 0\n"
                     "for id in students:gmatch('%S+') do\n"
                     "  if id == ARGV[1] then found = 1 else kept[#kept + 1] = id end\n"
                     "end\n"
                     "if found == 1 and ARGV[2] ~= '1' then\n"
                     "  redis.call('HDEL', KEYS[1], 'students')\n"
                     "  redis.call('HSET', KEYS[1], 'students', table.concat(kept, ' '),\n"
                     "             'student_count', #kept, 'updated_at', ARGV[3])\n"
                     "end\n"
                     "return found\n"),
};

static struct str number(struct asks *a, int64_t value)
{
    return arena_printf(a->arena, "%lld", (long long)value);
}

/* ---- looking ---- */

struct ask *erasure_ask_begun(struct asks *a, struct str student)
{
    return ask_command(
        a, ASK_READ, 2,
        (struct str[]){STR("GET"), key_student(a->arena, student, STUDENT_KEY_ERASED)});
}

bool erasure_read_begun(const struct ask *ask, bool *ret_begun, struct problem *p)
{
    struct str tombstone;
    enum reply there = reply_text(ask->reply, &tombstone);

    *ret_begun = there == REPLY_THERE;
    if (there == REPLY_ERROR)
        reply_problem(ask->reply, p);
    return there != REPLY_ERROR;
}

void erasure_ask_look(struct asks *a, struct str student, struct erasure_look *ret)
{
    ret->token = ask_command(
        a, ASK_READ, 2,
        (struct str[]){STR("GET"), key_student(a->arena, student, STUDENT_KEY_RECOMMENDED)});
    ret->tombstone = erasure_ask_begun(a, student);
}

bool erasure_read_look(const struct erasure_look *look, struct str *ret_token, bool *ret_begun,
                       struct problem *p)
{
    struct str token = STR("");

    (void)erasure_read_begun(look->tombstone, ret_begun, p);
    if (reply_text(look->token->reply, &token) == REPLY_ERROR)
        reply_problem(look->token->reply, p);
    *ret_token = str_cut(&token, '\n');
    return p->code == PROBLEM_NONE;
}

/* ---- the shard ---- */

/* The keys of a kind that go in the shard's script; returns how many. */
static int put_keys(struct asks *a, const struct erasure_shard *e, size_t kind, struct str *keys)
{
    if (kind == STUDENT_KEY_ERASED || kind == STUDENT_KEY_IDEMPOTENCY)
        return 0;
    if (student_kinds[kind].family == KEY_SINGLE) {
        keys[0] = key_of_kind(a->arena, e->student, &student_kinds[kind]);
        return 1;
    }
    if (!key_days_of_kind(a->arena, e->student, &student_kinds[kind], e->today - DAYS_BACK, DAYS,
                          keys))
        a->failed = true;
    return DAYS;
}

struct ask *erasure_ask_shard(struct asks *a, const struct erasure_shard *e)
{
    enum { KEYS_MAX = FIXED_KEYS + STUDENT_KEY_COUNT * DAYS + 1 };
    struct str *argv = arena_array(a->arena, KEYS_MAX + FIXED_ARGS + GROUPS, sizeof(*argv));
    struct str groups[GROUPS], *arg;
    unsigned shard = key_shard(e->student);
    int keys = 0, n;

    if (!argv) {
        a->failed = true;
        return ask_script(a, &script_erase, 0, 0, NULL);
    }
    argv[keys++] = key_student(a->arena, e->student, STUDENT_KEY_ERASED);
    argv[keys++] = key_shard_record(a->arena, shard, SHARD_KEY_JOURNAL);
    argv[keys++] = key_shard_record(a->arena, shard, SHARD_KEY_OUTBOX);
    argv[keys++] = key_shard_record(a->arena, shard, SHARD_KEY_AUDIT);
    argv[keys++] = key_student(a->arena, e->student, STUDENT_KEY_RECOMMENDED);
    for (size_t kind = 0; kind < STUDENT_KEY_COUNT; kind++, keys += n) {
        n = put_keys(a, e, kind, argv + keys);
        groups[kind] = number(a, n);
    }
    n = e->token.n > 0;
    if (n)
        argv[keys++] = key_recommended(a->arena, e->token);
    groups[ERASED_INDEX] = number(a, n);
    arg = argv + keys;
    *arg++ = e->student;
    *arg++ = e->dry ? STR("1") : STR("0");
    *arg++ = e->token.p ? e->token : STR("");
    arg = mempcpy(arg, e->record, sizeof(e->record));
    for (int i = 0; i < 2; i++) {
        *arg++ = e->swept[i].seen.p ? e->swept[i].seen : STR("");
        *arg++ = e->swept[i].removed ? STR("1") : STR("0");
    }
    arg = mempcpy(arg, groups, sizeof(groups));
    return ask_script(a, &script_erase, keys, (int)(arg - argv), argv);
}

enum erasure_outcome erasure_read_shard(const struct ask *ask, int64_t ret_counts[ERASED_IN_SHARD],
                                        struct problem *p)
{
    int64_t again;
    size_t n = 0;

    if (reply_int(ask->reply, &again) == REPLY_THERE)
        return ERASURE_AGAIN;
    if (reply_array(ask->reply, ERASED_IN_SHARD, &n) != REPLY_THERE || n != ERASED_IN_SHARD)
        reply_problem(ask->reply, p);
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        if (reply_int(reply_at(ask->reply, i), &ret_counts[i]) != REPLY_THERE)
            reply_problem(ask->reply, p);
    }
    return p->code == PROBLEM_NONE ? ERASURE_DONE : ERASURE_PROBLEM;
}

struct ask *erasure_ask_records(struct asks *a, struct str student, int64_t offset, int count)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_IDEMPOTENCY);

    return ask_command(
        a, ASK_READ, 4,
        (struct str[]){STR("ZRANGE"), key, number(a, offset), number(a, offset + count - 1)});
}

void erasure_ask_finish(struct asks *a, struct str student, int64_t tombstone_s)
{
    (void)ask_script(a, &script_erased, 2, 3,
                     (struct str[]){key_student(a->arena, student, STUDENT_KEY_IDEMPOTENCY),
                                    key_student(a->arena, student, STUDENT_KEY_ERASED),
                                    number(a, tombstone_s)});
}

/* ---- rosters ---- */

struct ask *erasure_ask_cohorts(struct asks *a, struct str behind, int count)
{
    struct str from = arena_printf(a->arena, "%s%.*s", behind.n > 0 ? "(" : "-", STR_ARG(behind));

    return ask_command(a, ASK_READ, 8,
                       (struct str[]){STR("ZRANGE"), key_cohorts, from, STR("+"), STR("BYLEX"),
                                      STR("LIMIT"), STR("0"), number(a, count)});
}

struct ask *erasure_ask_cohort(struct asks *a, struct str cohort, struct str student, bool dry,
                               int64_t now_ms)
{
    return ask_script(a, &script_leave_cohort, 1, 4,
                      (struct str[]){key_cohort(a->arena, cohort), student,
                                     dry ? STR("1") : STR("0"), number(a, now_ms)});
}

/* ---- those under way ---- */

void erasure_ask_note(struct asks *a, struct str student, int64_t now_ms)
{
    (void)ask_command(a, ASK_WRITE, 4,
                      (struct str[]){STR("ZADD"), key_erasures, number(a, now_ms), student});
}

void erasure_ask_forget(struct asks *a, struct str student)
{
    (void)ask_command(a, ASK_WRITE, 3, (struct str[]){STR("ZREM"), key_erasures, student});
}

struct ask *erasure_ask_unfinished(struct asks *a, int64_t before_ms)
{
    return ask_command(a, ASK_READ, 8,
                       (struct str[]){STR("ZRANGE"), key_erasures, STR("-inf"),
                                      number(a, before_ms), STR("BYSCORE"), STR("LIMIT"), STR("0"),
                                      number(a, ERASURES_UNFINISHED_MAX)});
}

size_t erasure_read_unfinished(const struct ask *ask, struct str *ret_students)
{
    size_t n = 0, there = 0;

    (void)reply_array(ask->reply, ERASURES_UNFINISHED_MAX, &there);
    for (size_t i = 0; i < there; i++)
        n += reply_text(reply_at(ask->reply, i), &ret_students[n]) == REPLY_THERE;
    return n;
}

/* ---- traces ---- */

void erasure_ask_make_anew(struct asks *a, struct str stream)
{
    (void)ask_script(a, &script_make_anew, 1, 1, (struct str[]){stream});
}

void erasure_ask_traces(struct asks *a, struct ask **ret_rewrite)
{
    (void)ask_command(a, ASK_WRITE, 2, (struct str[]){STR("SLOWLOG"), STR("RESET")});
    *ret_rewrite = ask_command(a, ASK_WRITE, 1, (struct str[]){STR("BGREWRITEAOF")});
}

bool erasure_read_rewrite(const struct ask *ask)
{
    return reply_done(ask->reply) == REPLY_THERE;
}

/* No wish is like another: one that comes while the file is being written anew is not the one that
 * is granted by it. */
void erasure_ask_rewrite_later(struct asks *a)
{
    char wish[UUID_TEXT_SIZE];

    uuid_make(wish);
    (void)ask_command(a, ASK_WRITE, 3,
                      (struct str[]){STR("SET"), key_rewrite, arena_printf(a->arena, "%s", wish)});
}

struct ask *erasure_ask_rewrite_due(struct asks *a)
{
    return ask_command(a, ASK_READ, 2, (struct str[]){STR("GET"), key_rewrite});
}

bool erasure_read_rewrite_due(const struct ask *ask, struct str *ret_wish)
{
    return reply_text(ask->reply, ret_wish) == REPLY_THERE;
}

void erasure_ask_rewrite_begun(struct asks *a, struct str wish)
{
    (void)ask_script(a, &script_unlock, 1, 2, (struct str[]){key_rewrite, wish});
}
