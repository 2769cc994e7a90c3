/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks of Redis, and of the workers' state in it. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "app/base/clock.h"
#include "app/ctl/doctor.h"
#include "app/service/audit_verify.h"
#include "app/store/clock_skew.h"
#include "app/store/depths.h"
#include "app/store/reply.h"
#include "app/store/schema.h"

enum {
    REDIS_MAJOR_MIN = 7,      /* oldest version that the tests use */
    MEMORY_WARN_PERCENT = 90, /* share of maxmemory from which on there is a warning */
    LAG_WARN_MS = 10000,      /* delay of the workers from which on there is a warning */
    LAG_FAIL_MS = 60000,      /* delay of the workers from which on there is a failure */
    BEAT_WAIT_MS = 4000,      /* a worker without a heartbeat for this time has ended */
    BEAT_POLL_MS = 50,        /* pause between two reads of the heartbeats */
};

/* Returns the integer in a line of INFO; 0 when there is no such line. */
static int64_t info_int(struct str section, const char *name)
{
    int64_t value = 0;

    (void)str_to_int64(reply_info_value(section, str_of(name)), 0, INT64_MAX, &value);
    return value;
}

/* Queues INFO SECTION. */
static struct command *doctor_cmd_info(struct pipeline *pipeline, const char *section)
{
    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("INFO"), str_of(section)});
}

/* Returns the text of a reply, which lives as long as the arena; empty for an error of Redis. */
static struct str doctor_text(const struct command *command)
{
    struct str text = STR("");

    (void)reply_text(command->reply, &text);
    return text;
}

/* Connects to Redis, and reads the sections of INFO that later checks use. The handshake of the
 * store checks password, schema and role; its reason is reported when it fails. A wrong schema is
 * not reported here, because doctor_schema does that. */
void doctor_redis(struct doctor *doctor, struct doctor_finding *finding)
{
    int64_t began_us = clock_monotonic_us(), major = 0;
    struct command *server, *persistence, *memory;
    struct pipeline pipeline;
    struct str version, first;

    pipeline_init(&pipeline, doctor->arena, NULL /* owner */);
    server = doctor_cmd_info(&pipeline, "server");
    persistence = doctor_cmd_info(&pipeline, "persistence");
    memory = doctor_cmd_info(&pipeline, "memory");
    if (!store_wait(doctor->engine.store, &pipeline)) {
        const char *why = store_last_error(doctor->engine.store);

        if (strstr(why, "schema")) /* doctor_schema reports this */
            doctor_ok(doctor, finding, "replies at %s", doctor->engine.config.redis_url);
        else
            doctor_trouble(
                doctor, finding, DOCTOR_FAIL,
                "start Redis, or correct REDIS_URL, REDIS_PASSWORD and the files of TLS; "
                "docs/troubleshooting.md",
                "%s: %s", doctor->engine.config.redis_url, *why ? why : "no reply in time");
        return;
    }
    doctor->has_redis = true;
    doctor->server = doctor_text(server);
    doctor->persistence = doctor_text(persistence);
    doctor->memory = doctor_text(memory);
    version = reply_info_value(doctor->server, STR("redis_version"));
    first = version;
    if (version.n > 0 && str_to_int64(str_cut(&first, '.'), 0, 1000, &major) &&
        major < REDIS_MAJOR_MIN)
        doctor_trouble(doctor, finding, DOCTOR_WARN,
                       "use Redis 7 or later, with which the engine is tested", "Redis %.*s",
                       STR_ARG(version));
    else
        doctor_ok(doctor, finding, "master, version %.*s, connected in %.1f ms",
                  STR_ARG(version.n > 0 ? version : STR("unknown")),
                  (double)(clock_monotonic_us() - began_us) / 1000);
}

/* Reads the setting appendfsync, which INFO does not have; empty when Redis does not allow CONFIG.
 */
static struct str doctor_appendfsync(struct doctor *doctor)
{
    struct str value = STR("");
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, doctor->arena, NULL /* owner */);
    command = pipeline_add(&pipeline, COMMAND_READ, 3,
                           (struct str[]){STR("CONFIG"), STR("GET"), STR("appendfsync")});
    if (store_wait(doctor->engine.store, &pipeline))
        (void)reply_text(reply_at(command->reply, 1), &value);
    return value;
}

/* Checks that a restart of Redis loses nothing that it has acknowledged: this requires an
 * append-only file that is written without errors and synced at each write. */
void doctor_persistence(struct doctor *doctor, struct doctor_finding *finding)
{
    struct str fsync = doctor_appendfsync(doctor);

    if (doctor->persistence.n == 0)
        doctor_skip(finding, "Redis does not allow INFO");
    else if (!str_equal(reply_info_value(doctor->persistence, STR("aof_enabled")), STR("1")))
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "redis-cli CONFIG SET appendonly yes, and the same in redis.conf",
                       "appendonly is no: writes are lost when Redis restarts");
    else if (str_equal(reply_info_value(doctor->persistence, STR("aof_last_write_status")),
                       STR("err")))
        doctor_trouble(doctor, finding, DOCTOR_FAIL, "docs/runbooks.md, \"Redis is full\"",
                       "Redis cannot write its append-only file");
    else if (str_equal(reply_info_value(doctor->persistence, STR("aof_last_bgrewrite_status")),
                       STR("err")))
        doctor_trouble(doctor, finding, DOCTOR_WARN,
                       "make room on its disk; its log has the reason",
                       "Redis could not rewrite its append-only file");
    else if (fsync.n > 0 && !str_equal(fsync, STR("always")))
        doctor_trouble(doctor, finding, DOCTOR_WARN,
                       "redis-cli CONFIG SET appendfsync always, or accept the loss of two "
                       "seconds of writes when the machine fails",
                       "appendfsync is %.*s", STR_ARG(fsync));
    else
        doctor_ok(doctor, finding, "appendonly yes, appendfsync %.*s",
                  STR_ARG(fsync.n > 0 ? fsync : STR("not shown")));
}

/* Checks that Redis refuses writes when its memory is full (noeviction) instead of deleting
 * records. */
void doctor_memory(struct doctor *doctor, struct doctor_finding *finding)
{
    struct str policy = reply_info_value(doctor->memory, STR("maxmemory_policy"));
    int64_t used = info_int(doctor->memory, "used_memory"),
            limit = info_int(doctor->memory, "maxmemory");
    int64_t percent = limit > 0 ? (int64_t)((double)used * 100 / (double)limit) : 0;

    if (doctor->memory.n == 0)
        doctor_skip(finding, "Redis does not allow INFO");
    else if (!str_equal(policy, STR("noeviction")))
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "redis-cli CONFIG SET maxmemory-policy noeviction, and in redis.conf",
                       "maxmemory-policy is %.*s: Redis may delete data", STR_ARG(policy));
    else if (percent >= MEMORY_WARN_PERCENT)
        doctor_trouble(doctor, finding, DOCTOR_WARN,
                       "raise maxmemory; docs/runbooks.md, \"Redis is full\"",
                       "%" PRId64 " %% of maxmemory are used", percent);
    else
        doctor_ok(doctor, finding, "noeviction, %.1f MiB used%s", (double)used / (1 << 20),
                  limit > 0 ? "" : ", no maxmemory");
}

/* Checks the difference of the clocks: tokens are verified by this machine's clock, but stored
 * times come from Redis' clock. */
void doctor_clock(struct doctor *doctor, struct doctor_finding *finding)
{
    int64_t ahead_ms = 0;

    if (engine_clock_is_off(&doctor->engine, &ahead_ms))
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "correct the clock of this machine or of Redis' (chrony, NTP; timedatectl)",
                       "this machine is %" PRId64 " ms %s Redis: tokens expire by the wrong time",
                       ahead_ms > 0 ? ahead_ms : -ahead_ms, ahead_ms > 0 ? "ahead of" : "behind");
    else
        doctor_ok(doctor, finding, "within %" PRId64 " ms of Redis",
                  ahead_ms > 0 ? ahead_ms : -ahead_ms);
}

/* Checks the schema number (of the format of all records). The store refuses records of another
 * version with a text that has the word "schema"; doctor_redis reports all other errors. */
void doctor_schema(struct doctor *doctor, struct doctor_finding *finding)
{
    const char *why = store_last_error(doctor->engine.store);
    char reason[160] = "";
    struct pipeline pipeline;
    struct command *command;
    int64_t found = 0;

    pipeline_init(&pipeline, doctor->arena, NULL /* owner */);
    command = schema_cmd_get(&pipeline);
    if (doctor->has_redis && store_wait(doctor->engine.store, &pipeline)) {
        if (schema_parse(command, &found, reason, sizeof(reason))) {
            doctor_ok(doctor, finding, found > 0 ? "%" PRId64 ", this version has %d" : "none yet",
                      found, STORE_SCHEMA);
            return;
        }
        why = reason;
    }
    if (strstr(why, "schema"))
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "install the version that wrote the store; docs/runbooks.md, \"Roll back\"",
                       "%s", why);
    else
        doctor_skip(finding, "Redis cannot be reached");
}

/* ---- workers ---- */

/* Reads the heartbeats of all workers: counters in Redis that living workers raise. ret has room
 * for WORKERS_MAX. False when Redis does not reply. */
static bool doctor_read_beats(struct doctor *doctor, struct worker_heartbeat *ret,
                              size_t *ret_count)
{
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, doctor->arena, NULL /* owner */);
    command = workers_cmd_get(&pipeline);
    *ret_count = 0;
    return store_wait(doctor->engine.store, &pipeline) && workers_parse(command, ret, ret_count);
}

/* Stores in doctor->beats those heartbeats of `now` that are not in `first` with the same counter
 * (beats): only these workers are certainly alive, for the others have not raised it since then. */
static void doctor_keep_alive(struct doctor *doctor, const struct worker_heartbeat *first, size_t n,
                              const struct worker_heartbeat *now, size_t now_count)
{
    doctor->workers = 0;
    for (size_t i = 0; i < now_count; i++) {
        bool same = false;

        for (size_t k = 0; k < n; k++)
            same |= str_equal(first[k].id, now[i].id) && first[k].beats == now[i].beats;
        if (!same)
            doctor->beats[doctor->workers++] = now[i];
    }
}

/* Checks that living workers process all shards together. A worker is alive when the counter in its
 * heartbeat rises, so the check waits until all counters have risen, for at most BEAT_WAIT_MS. */
void doctor_workers(struct doctor *doctor, struct doctor_finding *finding)
{
    struct worker_heartbeat first[WORKERS_MAX], now[WORKERS_MAX];
    const struct timespec pause = {.tv_nsec = BEAT_POLL_MS * INT64_C(1000000)};
    int64_t end_us = clock_monotonic_us() + BEAT_WAIT_MS * INT64_C(1000);
    size_t n = 0, now_count = 0;
    int64_t shards = 0;

    if (!doctor_read_beats(doctor, first, &n)) {
        doctor_skip(finding, "Redis does not reply");
        return;
    }
    while (n > 0 && doctor->workers < n && clock_monotonic_us() < end_us) {
        (void)nanosleep(&pause, NULL);
        if (doctor_read_beats(doctor, now, &now_count))
            doctor_keep_alive(doctor, first, n, now, now_count);
    }
    for (size_t i = 0; i < doctor->workers; i++)
        shards += doctor->beats[i].shards;
    if (doctor->workers == 0)
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "start mastery-worker; its log says why it has ended",
                       "no worker is alive: nothing is published, sealed or computed in batches");
    else if (shards < SHARDS)
        doctor_trouble(
            doctor, finding, DOCTOR_WARN, "wait ten seconds; then look into the workers' log",
            "%zu alive, which process %" PRId64 " of %d shards", doctor->workers, shards, SHARDS);
    else
        doctor_ok(doctor, finding, "%zu alive", doctor->workers);
}

/* Checks how late the slowest living worker processes the changes in the journal (changes that no
 * worker has processed yet). */
void doctor_journal(struct doctor *doctor, struct doctor_finding *finding)
{
    int64_t lag_ms = 0;

    if (doctor->workers == 0) {
        doctor_skip(finding, "no worker is alive");
        return;
    }
    for (size_t i = 0; i < doctor->workers; i++)
        lag_ms = doctor->beats[i].lag_ms > lag_ms ? doctor->beats[i].lag_ms : lag_ms;
    if (lag_ms >= LAG_WARN_MS)
        doctor_trouble(doctor, finding, lag_ms >= LAG_FAIL_MS ? DOCTOR_FAIL : DOCTOR_WARN,
                       "start another worker; look for a slow Redis or sidecar "
                       "(mastery-ctl top)",
                       "changes are processed %.1f s late", (double)lag_ms / 1000);
    else
        doctor_ok(doctor, finding, "changes are processed %.1f s late at most",
                  (double)lag_ms / 1000);
}

/* Checks for dead letters (events and jobs that the workers have given up), which need an operator.
 */
void doctor_queues(struct doctor *doctor, struct doctor_finding *finding)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct depths depths;
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, doctor->arena, NULL /* owner */);
    command = depths_cmd_get(&pipeline);
    if (!store_wait(doctor->engine.store, &pipeline) || !depths_parse(command, &depths, &p))
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "look for keys of another program in this database",
                       "the lengths of the queues cannot be read: %s",
                       p.code == PROBLEM_NONE ? "no reply" : p.message);
    else if (depths.dead_letters > 0)
        doctor_trouble(doctor, finding, DOCTOR_WARN,
                       "mastery-ctl dead list; then dead retry or dead drop; docs/runbooks.md",
                       "%" PRId64 " dead letters", depths.dead_letters);
    else
        doctor_ok(doctor, finding,
                  "no dead letters; journal %" PRId64 ", outbox %" PRId64 ", jobs %" PRId64,
                  depths.journal, depths.outbox,
                  depths.jobs[QUEUE_HIGH] + depths.jobs[QUEUE_NORMAL] + depths.jobs[QUEUE_LOW]);
}

/* ---- the audit log ---- */

/* Compares the latest link of a chain (in c->link; number 0: there is none) with the head that the
 * hash audit:heads had for it, and returns the fault. The hash was read before the link: a lower
 * number in the hash means that a link was added since, a higher one that the latest link was
 * removed. With the same number the MACs must be equal. */
static enum audit_fault doctor_check_head(const struct audit_check *c,
                                          const struct audit_head *head)
{
    if (!head->exists || head->number < c->link.seal_number)
        return AUDIT_INTACT;
    return head->number > c->link.seal_number             ? AUDIT_END_TRUNCATED
           : !str_equal(head->head, str_of(c->link.head)) ? AUDIT_REPLACED
                                                          : AUDIT_INTACT;
}

/* Checks the latest seal of a shard, in the forms of schema 1; a fault is then in c. *ret_count: 1,
 * or 0 when there is no seal. False when the reply `latest` has another form. */
static bool doctor_check_seal(struct doctor *doctor, struct audit_check *c,
                              const struct command *latest, size_t *ret_count)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct audit_seal seal;

    if (!audit_seal_parse(latest, 1, &seal, ret_count, &p))
        return false;
    if (*ret_count > 0)
        (void)audit_check_seal(c, &seal, doctor->arena); /* a fault is in c->fault */
    return true;
}

/* Checks the latest segment (packed audit records) of a shard; a fault is then in c. *ret_count: 1,
 * or 0 when there is no segment. False when the reply `latest` has another form. */
static bool doctor_check_segment(struct doctor *doctor, struct audit_check *c,
                                 const struct command *latest, size_t *ret_count)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct audit_segment segment;

    if (!audit_segment_parse(latest, 1, &segment, ret_count, &p))
        return false;
    if (*ret_count > 0)
        (void)audit_check_segment(c, &segment, doctor->arena); /* a fault is in c->fault */
    return true;
}

/* Checks, in each shard, the latest link (segment or seal) of this chain: its MAC, and the copy of
 * that MAC in the hash audit:heads, which is read first. Stops at the first fault, which is in
 * ret_check->fault. Adds the number of links that were checked to *ret_links. False when Redis
 * fails. */
static bool doctor_check_heads(struct doctor *doctor, enum audit_chain chain, size_t *ret_links,
                               struct audit_check *ret_check)
{
    struct audit_head *heads = arena_array(doctor->arena, SHARDS, sizeof(*heads));
    struct command *command, *latest[SHARDS];
    struct problem p = {.code = PROBLEM_NONE};
    struct pipeline pipeline;

    pipeline_init(&pipeline, doctor->arena, NULL /* owner */);
    command = audit_heads_cmd_get(&pipeline);
    if (!heads || !store_wait(doctor->engine.store, &pipeline) ||
        !audit_heads_parse(command, chain, heads, &p))
        return false;
    pipeline_clear(&pipeline);
    for (unsigned shard = 0; shard < SHARDS; shard++)
        latest[shard] = chain == AUDIT_CHAIN_SEGMENTS ? audit_segment_cmd_latest(&pipeline, shard)
                                                      : audit_seal_cmd_latest(&pipeline, shard);
    if (!store_wait(doctor->engine.store, &pipeline))
        return false;
    for (unsigned shard = 0; shard < SHARDS && ret_check->fault == AUDIT_INTACT; shard++) {
        size_t n = 0;

        *ret_check = (struct audit_check){.keys = &doctor->engine.audit_keys,
                                          .chain = chain,
                                          .shard = shard,
                                          /* later than any time, with room for a margin: that the
                                           * links before this one are missing is no fault */
                                          .retained_since_ms = INT64_MAX / 2};
        if (!(chain == AUDIT_CHAIN_SEGMENTS
                  ? doctor_check_segment(doctor, ret_check, latest[shard], &n)
                  : doctor_check_seal(doctor, ret_check, latest[shard], &n)))
            return false;
        *ret_links += n;
        if (ret_check->fault == AUDIT_INTACT)
            ret_check->fault = doctor_check_head(ret_check, &heads[shard]);
    }
    return true;
}

/* Checks the latest segment and the latest seal of each shard's audit log; mastery-ctl audit verify
 * checks the whole log. */
void doctor_audit(struct doctor *doctor, struct doctor_finding *finding)
{
    struct audit_check c = {.fault = AUDIT_INTACT};
    size_t links = 0;
    char error[200];

    if (!audit_keys_load(&doctor->engine.config, &doctor->engine.audit_keys, error))
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "set AUDIT_KEY, without which no worker starts", "%s", error);
    else if (!doctor_check_heads(doctor, AUDIT_CHAIN_SEALS, &links, &c) ||
             (c.fault == AUDIT_INTACT &&
              !doctor_check_heads(doctor, AUDIT_CHAIN_SEGMENTS, &links, &c)))
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "look for keys of another program in this database",
                       "the heads of the chains cannot be read");
    else if (c.fault != AUDIT_INTACT)
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "mastery-ctl audit verify names what it is; docs/audit.md",
                       "shard %02x: the latest %s %s", c.shard,
                       c.chain == AUDIT_CHAIN_SEGMENTS ? "segment" : "seal",
                       audit_fault_texts[c.fault]);
    else
        doctor_ok(doctor, finding, "the latest links of %zu chains are intact", links);
}
