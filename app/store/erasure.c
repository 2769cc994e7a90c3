/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands of the erasure of a student. The caller decides their order and repeats them after a
 * crash (app/service/erase.c). The script erasure_shard.lua gets all keys of the student as KEYS,
 * since a script may only touch keys that it was given. */
#include "app/store/erasure.h"

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/domain/mastery.h"
#include "app/store/reply.h"
#include "app/store/schema.h"

/* Days for which there can be a key of a kind that has one key per day: the days of the history,
 * and a few more before and after for clocks that differ. */
enum { DAYS_BACK = HISTORY_DAYS + 4, DAYS = DAYS_BACK + 4 };
/* Numbers for erasure_shard.lua. FIXED_KEYS: keys before those to delete. FIXED_ARGS: student, dry
 * run and token; the audit record; two for each of journal and outbox. GROUPS: groups of keys to
 * delete, one for each kind and one for the key that maps the token to the student. */
enum { FIXED_KEYS = 5, FIXED_ARGS = 3 + ERASURE_RECORD_FIELDS + 4, GROUPS = STUDENT_KEY_COUNT + 1 };

/* SEARCH_BYTES: bytes that one run of erasure_search.lua reads, in about a millisecond.
 * SEARCH_FOUND_MAX: most entries accepted in its reply; it finds far fewer. */
enum { SEARCH_BYTES = 256 << 10, SEARCH_FOUND_MAX = 100000 };

/* ---- what is read before the erasure ---- */

struct command *erasure_cmd_tombstone(struct pipeline *pipeline, struct str student)
{
    return pipeline_add(
        pipeline, COMMAND_READ, 2,
        (struct str[]){STR("GET"), key_student(pipeline->arena, student, STUDENT_KEY_ERASED)});
}

/* Looks only whether the tombstone (key that exists once an erasure has begun) exists; its value
 * does not matter. Nil, and a failed command, leave the p of the local text NULL. */
bool erasure_parse_tombstone(const struct command *command, bool *ret_begun, struct problem *p)
{
    struct str tombstone = {0};
    bool ok = reply_expect_text_or_nil(command->reply, &tombstone, p);

    *ret_begun = tombstone.p != NULL;
    return ok;
}

void erasure_cmd_lookup(struct pipeline *pipeline, struct str student, struct erasure_lookup *ret)
{
    ret->token = pipeline_add(
        pipeline, COMMAND_READ, 2,
        (struct str[]){STR("GET"), key_student(pipeline->arena, student, STUDENT_KEY_RECOMMENDED)});
    ret->tombstone = erasure_cmd_tombstone(pipeline, student);
}

/* The token (random text in the ids of the student's recommendations) is the first line of
 * STUDENT_KEY_RECOMMENDED. Both replies are parsed even if the first one fails; the problem shows
 * the failure. */
bool erasure_parse_lookup(const struct erasure_lookup *lookup, struct str *ret_token,
                          bool *ret_begun, struct problem *p)
{
    struct str token = STR("");

    (void)erasure_parse_tombstone(lookup->tombstone, ret_begun, p);
    if (reply_text(lookup->token->reply, &token) == REPLY_ERROR)
        reply_problem(lookup->token->reply, p);
    *ret_token = str_cut(&token, '\n');
    return p->code == PROBLEM_NONE;
}

/* ---- searching a stream ---- */

struct command *erasure_cmd_search(struct pipeline *pipeline, struct str stream,
                                   struct str previous, struct str text)
{
    struct arena *arena = pipeline->arena;
    struct str from = arena_printf(arena, "%s%.*s", previous.n > 0 ? "(" : "-", STR_ARG(previous));

    return pipeline_add_read_script(
        pipeline, &script_erasure_search, 1, 4,
        (struct str[]){stream, from, text, command_int(arena, SEARCH_BYTES)});
}

/* The reply is a list: the entries that were found, the id of the last entry that was examined, and
 * 1 if the stream has more. When out of memory, reply_problem is called with a reply that is no
 * error, and then sets INTERNAL_ERROR. */
bool erasure_parse_search(const struct command *command, struct arena *arena,
                          struct erasure_part *ret, struct problem *p)
{
    const redisReply *found = reply_at(command->reply, 0);
    int64_t has_more;
    size_t n;

    if (reply_array(found, SEARCH_FOUND_MAX, &n) != REPLY_OK ||
        reply_text(reply_at(command->reply, 1), &ret->last) != REPLY_OK ||
        reply_int(reply_at(command->reply, 2), &has_more) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    ret->has_more = has_more == 1;
    ret->entries = arena_array(arena, n, sizeof(*ret->entries));
    if (ret->entries && stream_parse(found, n, ret->entries, &ret->n) == REPLY_OK)
        return true;
    reply_problem(found, p);
    return false;
}

/* ---- deleting in the student's shard ---- */

/* Puts the student's keys of one kind of record, which the script deletes, into `keys`. Returns
 * their number: 1, or DAYS for a kind with one key per day; 0 for a kind that is not
 * ERASE_WITH_SHARD, because the script does not delete it. */
static int erasure_put_keys(struct pipeline *pipeline, const struct erasure_shard *erasure,
                            size_t kind, struct str *keys)
{
    if (student_kinds[kind].erase != ERASE_WITH_SHARD)
        return 0;
    if (student_kinds[kind].family == KEY_SINGLE) {
        keys[0] = key_of_kind(pipeline->arena, erasure->student, &student_kinds[kind]);
        return 1;
    }
    if (!key_days_of_kind(pipeline->arena, erasure->student, &student_kinds[kind],
                          erasure->today - DAYS_BACK, DAYS, keys))
        pipeline->failed = true;
    return DAYS;
}

/* Builds the call of erasure_shard.lua. The keys to delete come in GROUPS groups, one per kind and
 * one for the key that maps the token to the student. One argument per group says how many keys it
 * has. */
struct command *erasure_cmd_shard(struct pipeline *pipeline, const struct erasure_shard *erasure)
{
    enum { KEYS_MAX = FIXED_KEYS + STUDENT_KEY_COUNT * DAYS + 1 };
    struct str *argv = arena_array(pipeline->arena, KEYS_MAX + FIXED_ARGS + GROUPS, sizeof(*argv));
    struct str groups[GROUPS], *arg; /* groups: the number of keys of each, as text */
    unsigned shard = key_shard(erasure->student);
    int keys = 0, group_size;
    bool has_token;

    if (!argv) /* out of memory: a script without arguments fails the pipeline */
        return pipeline_add_script(pipeline, &script_erasure_shard, 0, 0, NULL);
    argv[keys++] = key_student(pipeline->arena, erasure->student, STUDENT_KEY_ERASED);
    argv[keys++] = key_shard_record(pipeline->arena, shard, SHARD_KEY_JOURNAL);
    argv[keys++] = key_shard_record(pipeline->arena, shard, SHARD_KEY_OUTBOX);
    argv[keys++] = key_shard_record(
        pipeline->arena, shard, schema_writes_packed() ? SHARD_KEY_AUDIT_OPEN : SHARD_KEY_AUDIT);
    argv[keys++] = key_student(pipeline->arena, erasure->student, STUDENT_KEY_RECOMMENDED);
    for (size_t kind = 0; kind < STUDENT_KEY_COUNT; kind++, keys += group_size) {
        group_size = erasure_put_keys(pipeline, erasure, kind, argv + keys);
        groups[kind] = command_int(pipeline->arena, group_size);
    }
    has_token = erasure->token.n > 0; /* a student without recommendations has none */
    if (has_token)
        argv[keys++] = key_recommended(pipeline->arena, erasure->token);
    groups[STUDENT_KEY_COUNT] = has_token ? STR("1") : STR("0");
    arg = argv + keys;
    *arg++ = erasure->student;
    *arg++ = erasure->dry_run ? STR("1") : STR("0");
    *arg++ = erasure->token.p ? erasure->token : STR("");
    arg = mempcpy(arg, erasure->record, sizeof(erasure->record));
    for (int i = 0; i < 2; i++) { /* journal, outbox */
        *arg++ = erasure->swept[i].seen.p ? erasure->swept[i].seen : STR("");
        *arg++ = erasure->swept[i].removed ? STR("1") : STR("0");
    }
    arg = mempcpy(arg, groups, sizeof(groups));
    return pipeline_add_script(pipeline, &script_erasure_shard, keys, (int)(arg - argv), argv);
}

/* Returns the index in ret_counts of the count at position i of the reply. The reply has first the
 * counts of the GROUPS groups of keys, whose last group is the key that maps the token to the
 * student, then those of the journal and the outbox. */
static size_t erasure_count_index(size_t i)
{
    if (i < STUDENT_KEY_COUNT)
        return i;
    if (i == STUDENT_KEY_COUNT)
        return ERASED_INDEX;
    return i == GROUPS ? ERASED_JOURNAL : ERASED_OUTBOX;
}

/* The script replies a number (of any value) and has erased nothing if the student has another
 * token than the one in its arguments; else it replies the list of counts (erasure_count_index). */
enum erasure_outcome erasure_parse_shard(const struct command *command,
                                         int64_t ret_counts[ERASED_SHARD_COUNTS], struct problem *p)
{
    int64_t number;
    size_t n = 0;

    if (reply_int(command->reply, &number) == REPLY_OK)
        return ERASURE_RETRY;
    if (reply_array(command->reply, GROUPS + 2, &n) != REPLY_OK || n != GROUPS + 2)
        reply_problem(command->reply, p);
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        if (reply_count(reply_at(command->reply, i), &ret_counts[erasure_count_index(i)]) !=
            REPLY_OK)
            reply_problem(command->reply, p);
    }
    return p->code == PROBLEM_NONE ? ERASURE_DONE : ERASURE_PROBLEM;
}

/* Reads a page of the index. ZRANGE takes the positions of the first and the last element, both
 * inclusive. */
struct command *erasure_cmd_index(struct pipeline *pipeline, struct str student,
                                  enum student_key index, int64_t offset, int count)
{
    struct str key = key_student(pipeline->arena, student, index);

    return pipeline_add(pipeline, COMMAND_READ, 4,
                        (struct str[]){STR("ZRANGE"), key, command_int(pipeline->arena, offset),
                                       command_int(pipeline->arena, offset + count - 1)});
}

/* Deletes the student's indexes (ERASE_AT_END in keys.def) last, because the earlier steps of the
 * erasure find the student's records in other slots by these indexes. */
void erasure_cmd_finish(struct pipeline *pipeline, struct str student, int64_t tombstone_s)
{
    struct str argv[STUDENT_KEY_COUNT + 2];
    int keys = 0;

    argv[keys++] = key_student(pipeline->arena, student, STUDENT_KEY_ERASED);
    for (size_t kind = 0; kind < STUDENT_KEY_COUNT; kind++) {
        if (student_kinds[kind].erase == ERASE_AT_END)
            argv[keys++] = key_student(pipeline->arena, student, (enum student_key)kind);
    }
    argv[keys] = command_int(pipeline->arena, tombstone_s);
    (void)pipeline_add_script(pipeline, &script_erasure_finish, keys, keys + 1, argv);
}

/* ---- the epoch ---- */

void erasure_cmd_change_epoch(struct pipeline *pipeline)
{
    (void)pipeline_add_script(pipeline, &script_erasure_epoch, 1, 1,
                              (struct str[]){key_erasure_epoch});
}

struct command *erasure_cmd_get_epoch(struct pipeline *pipeline)
{
    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("GET"), key_erasure_epoch});
}

int64_t erasure_parse_epoch(const struct command *command)
{
    struct str text;
    int64_t epoch;

    switch (reply_text(command->reply, &text)) {
    case REPLY_MISSING: return 0;
    case REPLY_OK: return str_to_int64(text, 1, INT64_MAX, &epoch) ? epoch : -1;
    case REPLY_ERROR: break;
    }
    return -1;
}

/* ---- cohorts ---- */

/* BYLEX ranges over ids in their order; "(" excludes the id that follows, "-" is the first one. */
struct command *erasure_cmd_cohorts(struct pipeline *pipeline, struct str previous, int count)
{
    struct str from =
        arena_printf(pipeline->arena, "%s%.*s", previous.n > 0 ? "(" : "-", STR_ARG(previous));

    return pipeline_add(pipeline, COMMAND_READ, 8,
                        (struct str[]){STR("ZRANGE"), key_cohorts, from, STR("+"), STR("BYLEX"),
                                       STR("LIMIT"), STR("0"),
                                       command_int(pipeline->arena, count)});
}

struct command *erasure_cmd_leave_cohort(struct pipeline *pipeline, struct str cohort,
                                         struct str student, bool dry_run, int64_t now_ms)
{
    return pipeline_add_script(pipeline, &script_erasure_leave_cohort, 1, 4,
                               (struct str[]){key_cohort(pipeline->arena, cohort), student,
                                              dry_run ? STR("1") : STR("0"),
                                              command_int(pipeline->arena, now_ms)});
}

/* ---- erasures that are not complete ---- */

/* Adds the student to the sorted set with the score now_ms; registering the student again replaces
 * the score. */
void erasure_cmd_register(struct pipeline *pipeline, struct str student, int64_t now_ms)
{
    (void)pipeline_add(
        pipeline, COMMAND_WRITE, 4,
        (struct str[]){STR("ZADD"), key_erasures, command_int(pipeline->arena, now_ms), student});
}

void erasure_cmd_unregister(struct pipeline *pipeline, struct str student)
{
    (void)pipeline_add(pipeline, COMMAND_WRITE, 3,
                       (struct str[]){STR("ZREM"), key_erasures, student});
}

struct command *erasure_cmd_unfinished(struct pipeline *pipeline, int64_t before_ms)
{
    return pipeline_add(pipeline, COMMAND_READ, 8,
                        (struct str[]){STR("ZRANGE"), key_erasures, STR("-inf"),
                                       command_int(pipeline->arena, before_ms), STR("BYSCORE"),
                                       STR("LIMIT"), STR("0"),
                                       command_int(pipeline->arena, ERASURES_UNFINISHED_MAX)});
}

/* Collects the ids. Elements that are no texts are skipped, and an error is like an empty list. */
size_t erasure_parse_unfinished(const struct command *command, struct str *ret_students)
{
    size_t n = 0, count = 0;

    (void)reply_array(command->reply, ERASURES_UNFINISHED_MAX, &count);
    for (size_t i = 0; i < count; i++) {
        if (reply_text(reply_at(command->reply, i), &ret_students[n]) == REPLY_OK)
            n++;
    }
    return n;
}

/* ---- copies that Redis keeps ---- */

/* Stores the request for a rewrite as a unique text, so that clearing one does not clear another
 * that was made while the rewrite was running. That rewrite may have missed the deletions before
 * the other request. Clears the slow log last: in a cluster that fails if any node is away. */
void erasure_cmd_purge_traces(struct pipeline *pipeline)
{
    char request[UUID_TEXT_SIZE];

    uuid_make(request);
    (void)pipeline_add(
        pipeline, COMMAND_WRITE, 3,
        (struct str[]){STR("SET"), key_aof_rewrite, arena_printf(pipeline->arena, "%s", request)});
    (void)pipeline_add(pipeline, COMMAND_WRITE, 2, (struct str[]){STR("SLOWLOG"), STR("RESET")});
}

struct command *erasure_cmd_rewrite_aof(struct pipeline *pipeline)
{
    struct command *command =
        pipeline_add(pipeline, COMMAND_WRITE, 1, (struct str[]){STR("BGREWRITEAOF")});

    if (command)
        command->usual_error = "ERR Background append only file rewriting already";
    return command;
}

/* An error reply means that another rewrite is running (command->usual_error) or that the command
 * failed. */
bool erasure_parse_aof_rewrite(const struct command *command)
{
    return reply_status(command->reply) == REPLY_OK;
}

struct command *erasure_cmd_get_aof_request(struct pipeline *pipeline)
{
    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("GET"), key_aof_rewrite});
}

bool erasure_parse_aof_request(const struct command *command, struct str *ret_request)
{
    return reply_text(command->reply, ret_request) == REPLY_OK;
}

void erasure_cmd_clear_aof_request(struct pipeline *pipeline, struct str request)
{
    (void)pipeline_add_script(pipeline, &script_delete_if_equal, 1, 2,
                              (struct str[]){key_aof_rewrite, request});
}
