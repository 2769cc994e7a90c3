/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/queue.h"

#include "app/store/keys.h"

#define GROUP STR("workers")

/* KEYS: high, normal, low. ARGV: group, worker, room, then how many of each level come first.
 * Answers jobs: level, id, fields, deliveries. */
struct script script_take = {
    .name = "take",
    .body =
        STR_INIT("local jobs, room = {}, tonumber(ARGV[3])\n"
                 "local function read(level, count)\n"
                 "  return redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', count,\n"
                 "                     'STREAMS', KEYS[level], '>')\n"
                 "end\n"
                 "local function take(level, count)\n"
                 "  if count <= 0 then return end\n"
                 "  local r = read(level, count)\n"
                 "  if r and r.err then\n"
                 "    redis.call('XGROUP', 'CREATE', KEYS[level], ARGV[1], '0', 'MKSTREAM')\n"
                 "    r = read(level, count)\n"
                 "  end\n"
                 "  for _, e in ipairs(r and r[1] and r[1][2] or {}) do\n"
                 "    jobs[#jobs + 1] = {level - 1, e[1], e[2], 1}\n"
                 "    room = room - 1\n"
                 "  end\n"
                 "end\n"
                 "for level = 1, 3 do take(level, math.min(room, tonumber(ARGV[3 + level]))) end\n"
                 "for level = 1, 3 do take(level, room) end\n"
                 "return jobs\n"),
};

/* KEYS and answer as above. ARGV: group, worker, room, idle ms. What is pending but deleted is
 * dropped from the pending list by XAUTOCLAIM itself. Names of workers that have long been gone are
 * taken out of the group on the way. */
struct script script_claim = {
    .name = "claim",
    .body = STR_INIT(
        "local jobs, room = {}, tonumber(ARGV[3])\n"
        "for level = 1, 3 do\n"
        "  local at, key = '0-0', KEYS[level]\n"
        "  repeat\n"
        "    if room <= 0 then return jobs end\n"
        "    local r = redis.pcall('XAUTOCLAIM', key, ARGV[1], ARGV[2], ARGV[4], at, 'COUNT', "
        "room)\n"
        "    if r.err then break end\n"
        "    for _, e in ipairs(r[2]) do\n"
        "      local p = redis.call('XPENDING', key, ARGV[1], e[1], e[1], 1)\n"
        "      jobs[#jobs + 1] = {level - 1, e[1], e[2], p[1][4]}\n"
        "      room = room - 1\n"
        "    end\n"
        "    at = r[1]\n"
        "  until at == '0-0'\n"
        "  local names = redis.pcall('XINFO', 'CONSUMERS', key, ARGV[1])\n"
        "  for _, c in ipairs(names.err and {} or names) do\n"
        "    if c[4] == 0 and c[6] > 3600000 then\n"
        "      redis.call('XGROUP', 'DELCONSUMER', key, ARGV[1], c[2])\n"
        "    end\n"
        "  end\n"
        "end\n"
        "return jobs\n"),
};

/* KEYS: the job's stream, later. ARGV: group, worker, id, then what: "" to finish it, "later" with
 * when and what, "next" with kind and body. One that an erasure has taken is still pending, and
 * must not come back. */
struct script script_finish = {
    .name = "finish",
    .body = STR_INIT("local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)\n"
                     "if not p[1] or p[1][2] ~= ARGV[2] then return 0 end\n"
                     "redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])\n"
                     "if redis.call('XDEL', KEYS[1], ARGV[3]) == 0 then return 0 end\n"
                     "if ARGV[4] == 'later' then\n"
                     "  redis.call('ZADD', KEYS[2], ARGV[5], ARGV[6])\n"
                     "elseif ARGV[4] == 'next' then\n"
                     "  redis.call('XADD', KEYS[1], '*', 'k', ARGV[5], 'b', ARGV[6], 't', '0')\n"
                     "end\n"
                     "return 1\n"),
};

/* KEYS: the job's stream. ARGV: group, worker, id. */
struct script script_keep = {
    .name = "keep",
    .body = STR_INIT("local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)\n"
                     "if not p[1] or p[1][2] ~= ARGV[2] then return 0 end\n"
                     "redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')\n"
                     "return 1\n"),
};

/* KEYS: high, normal, low, later. ARGV: now, most. */
struct script script_due = {
    .name = "due",
    .body = STR_INIT(
        "local due = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])\n"
        "for _, job in ipairs(due) do\n"
        "  local level, kind, tries, body = job:match('^(%d) (%S+) (%d+) %S+ (.*)$')\n"
        "  redis.call('XADD', KEYS[level + 1], '*', 'k', kind, 'b', body, 't', tries)\n"
        "  redis.call('ZREM', KEYS[4], job)\n"
        "end\n"
        "return #due\n"),
};

/* KEYS: high, normal, low. ARGV: group, worker. */
struct script script_leave = {
    .name = "leave",
    .body =
        STR_INIT("for level = 1, 3 do\n"
                 "  local p = redis.pcall('XPENDING', KEYS[level], ARGV[1], '-', '+', 1, ARGV[2])\n"
                 "  if not p.err and not p[1] then\n"
                 "    redis.call('XGROUP', 'DELCONSUMER', KEYS[level], ARGV[1], ARGV[2])\n"
                 "  end\n"
                 "end\n"
                 "return 1\n"),
};

static struct str number(struct asks *a, int64_t value)
{
    return arena_printf(a->arena, "%lld", (long long)value);
}

void queue_ask_add(struct asks *a, enum queue_level level, struct str kind, struct str body)
{
    (void)ask_command(a, ASK_WRITE, 9,
                      (struct str[]){STR("XADD"), key_queues[level], STR("*"), STR("k"), kind,
                                     STR("b"), body, STR("t"), STR("0")});
}

struct ask *queue_ask_take(struct asks *a, struct str worker, size_t room,
                           const size_t first[QUEUE_LEVELS])
{
    struct str argv[QUEUE_LEVELS + 6];
    int n = 0;

    for (int level = 0; level < QUEUE_LEVELS; level++)
        argv[n++] = key_queues[level];
    argv[n++] = GROUP;
    argv[n++] = worker;
    argv[n++] = number(a, (int64_t)room);
    for (int level = 0; level < QUEUE_LEVELS; level++)
        argv[n++] = number(a, (int64_t)first[level]);
    return ask_script(a, &script_take, QUEUE_LEVELS, n, argv);
}

struct ask *queue_ask_claim(struct asks *a, struct str worker, size_t room, int64_t idle_ms)
{
    struct str argv[] = {
        key_queues[QUEUE_HIGH],   key_queues[QUEUE_NORMAL], key_queues[QUEUE_LOW], GROUP, worker,
        number(a, (int64_t)room), number(a, idle_ms)};

    return ask_script(a, &script_claim, QUEUE_LEVELS, 7, argv);
}

/* level, id, fields, deliveries */
static bool read_job(const redisReply *reply, struct queue_job *ret)
{
    struct stream_entry entry = {.fields = reply_at(reply, 2)};
    struct str tries = STR("0");
    int64_t level, deliveries;

    *ret = (struct queue_job){.kind = STR(""), .body = STR("")};
    if (reply_int(reply_at(reply, 0), &level) != REPLY_THERE || level < 0 ||
        level >= QUEUE_LEVELS || reply_text(reply_at(reply, 1), &ret->id) != REPLY_THERE ||
        reply_int(reply_at(reply, 3), &deliveries) != REPLY_THERE)
        return false;
    ret->level = (enum queue_level)level;
    (void)stream_field(&entry, STR("k"), &ret->kind);
    (void)stream_field(&entry, STR("b"), &ret->body);
    (void)stream_field(&entry, STR("t"), &tries);
    (void)str_to_int64(tries, 0, INT32_MAX, &ret->tries);
    ret->tries += deliveries - 1;
    return true;
}

bool queue_read_jobs(const struct ask *ask, struct queue_job *ret_jobs, size_t *ret_count,
                     struct problem *p)
{
    size_t n;

    if (reply_array(ask->reply, QUEUE_TAKE_MAX, &n) != REPLY_THERE) {
        reply_problem(ask->reply, p);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!read_job(reply_at(ask->reply, i), &ret_jobs[i])) {
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
            return false;
        }
    }
    *ret_count = n;
    return true;
}

void queue_ask_keep(struct asks *a, struct str worker, const struct queue_job *job)
{
    (void)ask_script(a, &script_keep, 1, 4,
                     (struct str[]){key_queues[job->level], GROUP, worker, job->id});
}

static struct ask *ask_finish(struct asks *a, struct str worker, const struct queue_job *job,
                              struct str what, struct str first, struct str second)
{
    struct str argv[] = {
        key_queues[job->level], key_queue_later, GROUP, worker, job->id, what, first, second};

    return ask_script(a, &script_finish, 2, sizeof(argv) / sizeof(argv[0]), argv);
}

struct ask *queue_ask_finish(struct asks *a, struct str worker, const struct queue_job *job)
{
    return ask_finish(a, worker, job, STR(""), STR(""), STR(""));
}

void queue_ask_follow(struct asks *a, struct str worker, const struct queue_job *job,
                      struct str kind, struct str body)
{
    (void)ask_finish(a, worker, job, STR("next"), kind, body);
}

struct ask *queue_ask_put_off(struct asks *a, struct str worker, const struct queue_job *job,
                              int64_t due_ms)
{
    struct str again =
        arena_printf(a->arena, "%d %.*s %lld %.*s %.*s", (int)job->level, STR_ARG(job->kind),
                     (long long)job->tries + 1, STR_ARG(job->id), STR_ARG(job->body));

    return ask_finish(a, worker, job, STR("later"), number(a, due_ms), again);
}

void queue_ask_due(struct asks *a, int64_t now_ms)
{
    (void)ask_script(a, &script_due, 4, 6,
                     (struct str[]){key_queues[QUEUE_HIGH], key_queues[QUEUE_NORMAL],
                                    key_queues[QUEUE_LOW], key_queue_later, number(a, now_ms),
                                    number(a, QUEUE_TAKE_MAX)});
}

void queue_ask_leave(struct asks *a, struct str worker)
{
    (void)ask_script(a, &script_leave, QUEUE_LEVELS, 5,
                     (struct str[]){key_queues[QUEUE_HIGH], key_queues[QUEUE_NORMAL],
                                    key_queues[QUEUE_LOW], GROUP, worker});
}
