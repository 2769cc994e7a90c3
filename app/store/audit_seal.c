/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and writes seals, which make changes to the audit log detectable, as entries of a stream,
 * and the copies of their heads. A seal's head is the HMAC over its fields. Computing and verifying
 * the HMACs is in app/service. */
#include "app/store/audit_seal.h"

#include "app/store/keys.h"

/* Names of one letter, as for the fields of audit records. */
static const struct str seal_field_names[SEAL_FIELDS] = {
    [SEAL_NUMBER] = STR_INIT("q"),        [SEAL_PREVIOUS_HEAD] = STR_INIT("p"),
    [SEAL_PREVIOUS_LAST] = STR_INIT("b"), [SEAL_FIRST] = STR_INIT("f"),
    [SEAL_LAST] = STR_INIT("l"),          [SEAL_COUNT] = STR_INIT("n"),
    [SEAL_KEY] = STR_INIT("k"),           [SEAL_MACS] = STR_INIT("m"),
    [SEAL_HEAD] = STR_INIT("h"),
};

struct command *audit_seal_cmd_latest(struct pipeline *pipeline, unsigned shard)
{
    struct str key = key_shard_record(pipeline->arena, shard, SHARD_KEY_AUDIT_SEALS);

    return stream_cmd_newest(pipeline, key, STR("+"), /* count */ 1);
}

struct command *audit_seal_cmd_range(struct pipeline *pipeline, unsigned shard, struct str from,
                                     int count)
{
    struct str key = key_shard_record(pipeline->arena, shard, SHARD_KEY_AUDIT_SEALS);

    return stream_cmd_range(pipeline, key, from, STR("+"), count);
}

/* Parses one entry of the stream of seals. A seal with other fields is returned as invalid and with
 * empty texts, so that a verification can report it. */
static void audit_seal_parse_entry(const struct stream_entry *from, struct audit_seal *ret)
{
    *ret = (struct audit_seal){.id = from->id};
    ret->valid = stream_match_fields(from, seal_field_names, SEAL_FIELDS, ret->v);
    for (size_t i = 0; i < SEAL_FIELDS && !ret->valid; i++)
        ret->v[i] = STR("");
}

/* A seal with other fields is returned as invalid. An element that is no stream entry at all
 * makes the whole reply fail with INTERNAL_ERROR. */
bool audit_seal_parse(const struct command *command, size_t max, struct audit_seal *ret_seals,
                      size_t *ret_count, struct problem *p)
{
    struct stream_entry entry;
    size_t n;

    if (!reply_expect_array(command->reply, max, &n, p))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!stream_entry_parse(reply_at(command->reply, i), &entry)) {
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
            return false;
        }
        audit_seal_parse_entry(&entry, &ret_seals[i]);
    }
    *ret_count = n;
    return true;
}

/* Calls schema_1_audit_seal_add.lua. The previous head is passed twice: as a field of the seal, and
 * alone, for the script's comparison with the head of the latest seal. */
struct command *audit_seal_cmd_add(struct pipeline *pipeline, unsigned shard, struct str holder,
                                   const struct str v[SEAL_FIELDS])
{
    struct str argv[4 + 2 * SEAL_FIELDS];
    int argc = 0;

    argv[argc++] = key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE);
    argv[argc++] = key_shard_record(pipeline->arena, shard, SHARD_KEY_AUDIT_SEALS);
    argv[argc++] = holder;
    argv[argc++] = v[SEAL_PREVIOUS_HEAD];
    for (int i = 0; i < SEAL_FIELDS; i++) {
        argv[argc++] = seal_field_names[i];
        argv[argc++] = v[i];
    }
    return pipeline_add_script(pipeline, &script_schema_1_audit_seal_add, 2, argc, argv);
}

bool audit_seal_parse_add(const struct command *command, int64_t *ret, struct problem *p)
{
    return reply_expect_int(command->reply, ret, p);
}

/* Records and seals are removed together, so that the first remaining seal covers the first
 * remaining record. The script does nothing without the lease. */
struct command *audit_seal_cmd_trim(struct pipeline *pipeline, unsigned shard, struct str holder,
                                    struct str first_record, struct str first_seal)
{
    struct str argv[] = {key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE),
                         key_shard_record(pipeline->arena, shard, SHARD_KEY_AUDIT),
                         key_shard_record(pipeline->arena, shard, SHARD_KEY_AUDIT_SEALS),
                         holder,
                         first_record,
                         first_seal};

    return pipeline_add_script(pipeline, &script_schema_1_audit_seal_trim, 3, 6, argv);
}

/* ---- heads ---- */

/* What follows the shard's two digits in the names of the fields of audit:heads. */
static const struct str chain_suffixes[AUDIT_CHAINS] = {
    [AUDIT_CHAIN_SEALS] = STR_INIT(""),
    [AUDIT_CHAIN_SEGMENTS] = STR_INIT(":segments"),
};

/* Writes the field of the shard (two hexadecimal digits, then the suffix of the chain) with the
 * value "NUMBER HEAD". A text that could not be allocated makes pipeline_add mark the pipeline as
 * failed. */
void audit_head_cmd_set(struct pipeline *pipeline, enum audit_chain chain, unsigned shard,
                        struct str number, struct str head)
{
    struct str argv[] = {
        STR("HSET"), key_audit_heads,
        arena_printf(pipeline->arena, "%02x%s", shard, chain_suffixes[chain].p),
        arena_printf(pipeline->arena, "%.*s %.*s", STR_ARG(number), STR_ARG(head))};

    (void)pipeline_add(pipeline, COMMAND_WRITE, 4, argv);
}

struct command *audit_heads_cmd_get(struct pipeline *pipeline)
{
    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("HGETALL"), key_audit_heads});
}

/* HGETALL replies [field, value, field, value, ...]. A field that cannot be parsed counts as absent
 * (the verification then reports the missing head), and fields of the other chain are skipped. */
bool audit_heads_parse(const struct command *command, enum audit_chain chain,
                       struct audit_head *ret_heads, struct problem *p)
{
    size_t n;
    unsigned shard;
    struct str field, value;

    if (!reply_expect_array(command->reply, SIZE_MAX, &n, p))
        return false;
    for (size_t i = 0; i < SHARDS; i++)
        ret_heads[i] = (struct audit_head){.exists = false};
    for (size_t i = 0; i + 1 < n; i += 2) {
        struct audit_head latest = {.exists = true};

        if (reply_text(reply_at(command->reply, i), &field) != REPLY_OK ||
            reply_text(reply_at(command->reply, i + 1), &value) != REPLY_OK || field.n < 2 ||
            !str_equal((struct str){field.p + 2, field.n - 2}, chain_suffixes[chain]) ||
            !key_parse_shard((struct str){field.p, 2}, &shard) ||
            !str_to_int64(str_cut(&value, ' '), 1, INT64_MAX, &latest.number))
            continue;
        latest.head = value;
        ret_heads[shard] = latest;
    }
    return true;
}
