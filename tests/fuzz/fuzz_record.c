/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Input: a byte that chooses a parser of stored records, then the reply of Redis with them. These
 * are the parsers that fuzz_reply.c does not reach through a connection: the audit log with its
 * seals, batches, consent, erasures, and the effects of journal entries. */
#include <stdint.h>
#include <stdlib.h>

#include "app/base/json_write.h"
#include "app/http/json.h"
#include "app/service/audit_entry.h"
#include "app/service/audit_segment_pack.h"
#include "app/service/audit_verify.h"
#include "app/service/batch_json.h"
#include "app/service/journal_entry.h"
#include "app/store/batch.h"
#include "app/store/clock_skew.h"
#include "app/store/consent.h"
#include "app/store/erasure.h"
#include "app/store/keys.h"
#include "app/store/unfinished.h"
#include "tests/unit/reply_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHARD = 7, RECORDS_MAX = 64 };
static const int64_t now_ms = INT64_C(1769860800000); /* 2026-01-31T12:00:00Z */

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool parsed_or_problem(bool read, const struct problem *p)
{
    require(read == (p->code == PROBLEM_NONE));
    return read;
}

static void touch(struct str text)
{
    unsigned sum = 0;

    for (size_t i = 0; i < text.n; i++)
        sum += (unsigned char)text.p[i];
    require(sum <= 255 * text.n); /* the sanitizer checks each byte that is read */
}

static void require_json(struct buf *out, struct arena *arena)
{
    struct problem p = {0};

    require(json_parse(buf_view(out), arena, &p) != NULL);
}

static void fuzz_entries(const struct command *command, struct arena *arena)
{
    struct audit_entry entries[RECORDS_MAX];
    struct problem p = {0};
    size_t n = 0;

    if (!parsed_or_problem(audit_parse_entries(command, RECORDS_MAX, entries, &n, &p), &p))
        return;
    require(n <= RECORDS_MAX);
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < AUDIT_FIELDS; k++)
            touch(entries[i].v[k]);
        (void)audit_entry_involves(&entries[i], STR("p"));
    }
    (void)arena;
}

/* Seals, checked as a chain of one shard; the key is not the one that signed them. */
static void fuzz_seals(const struct command *command, struct arena *arena)
{
    struct audit_seal seals[RECORDS_MAX];
    struct audit_check check = {.shard = SHARD};
    struct audit_keys keys = {0};
    struct audit_link link;
    struct problem p = {0};
    size_t n = 0;

    check.keys = &keys;
    if (!parsed_or_problem(audit_seal_parse(command, RECORDS_MAX, seals, &n, &p), &p))
        return;
    for (size_t i = 0; i < n; i++) {
        if (audit_link_from_seal(&seals[i], &link))
            require(link.seal_number > 0 && strlen(link.head) < AUDIT_HEAD_SIZE);
    }
    for (size_t i = 0; i < n && audit_check_seal(&check, &seals[i], arena); i++)
        abort(); /* no key: never intact */
    require(n == 0 || check.fault < AUDIT_FAULTS);
}

static void fuzz_heads(const struct command *command, struct arena *arena)
{
    struct audit_head heads[SHARDS];
    struct problem p = {0};

    (void)arena;
    for (enum audit_chain chain = 0; chain < AUDIT_CHAINS; chain++) {
        p = (struct problem){0};
        if (!parsed_or_problem(audit_heads_parse(command, chain, heads, &p), &p))
            return;
        for (size_t i = 0; i < SHARDS; i++)
            require(!heads[i].exists || heads[i].number > 0);
    }
}

static void fuzz_reads(const struct command *command, struct arena *arena)
{
    struct audit_counted_read reads[RECORDS_MAX];
    struct problem p = {0};
    struct str cursor;
    size_t n = 0;

    for (enum audit_stream stream = 0; stream <= AUDIT_STREAM_OPEN; stream++) {
        p = (struct problem){0};
        if (!parsed_or_problem(
                audit_parse_counts(command, stream, RECORDS_MAX, &cursor, reads, &n, &p), &p))
            return;
        for (size_t i = 0; i < n; i++) {
            struct audit_entry entry;

            touch(reads[i].field);
            touch(reads[i].value);
            touch(reads[i].subject);
            if (audit_entry_of_count(arena, &reads[i], &entry))
                require(stream_id_valid(entry.id) || stream == AUDIT_STREAM_SCHEMA_1);
        }
        touch(cursor);
    }
}

static void fuzz_segments(const struct command *command, struct arena *arena)
{
    struct audit_segment segments[RECORDS_MAX];
    struct audit_segment_text text;
    struct str printed;
    struct problem p = {0};
    size_t n = 0;

    if (!parsed_or_problem(audit_segment_parse(command, RECORDS_MAX, segments, &n, &p), &p))
        return;
    for (size_t i = 0; i < n; i++) {
        if (!audit_segment_unpack(arena, &segments[i], &text))
            continue;
        require(text.n > 0 && text.n <= AUDIT_SEGMENT_RECORDS);
        for (size_t k = 0; k < text.n; k++)
            touch(text.entries[k].v[AUDIT_DETAILS]);
        printed = audit_segment_print(arena, &text);
        require(!printed.p || audit_segment_parse_text(arena, printed, &text));
    }
}

static void fuzz_batch(const struct command *command, struct arena *arena)
{
    struct batch batch;
    struct problem p = {0};
    struct buf out;
    struct jw w = {.out = &out};
    int64_t left_s;

    if (!parsed_or_problem(batch_parse(command, &batch, &p), &p) || !batch.exists)
        return;
    require(batch_progress(&batch) >= 0 && batch_progress(&batch) <= 100);
    require(!batch_time_left(&batch, now_ms, &left_s) || left_s >= 0);
    buf_init(&out, arena);
    jw_object(&w, NULL);
    batch_write_status(&w, STR("b"), &batch, now_ms);
    jw_object_end(&w);
    require_json(&out, arena);
}

static void fuzz_results(const struct command *command, struct arena *arena)
{
    struct batch_result results[RECORDS_MAX];
    struct problem p = {0};
    bool exists = false;
    int64_t total = 0;
    size_t n = 0;

    (void)arena;
    if (!parsed_or_problem(
            batch_parse_results(command, RECORDS_MAX, &exists, &total, results, &n, &p), &p))
        return;
    require(n <= RECORDS_MAX && total >= 0);
    for (size_t i = 0; i < n; i++) {
        touch(results[i].student);
        touch(results[i].text);
    }
}

static void fuzz_chunk(const struct command *command, struct arena *arena)
{
    struct batch_item items[BATCH_CHUNK];
    struct batch_update update;
    struct problem p = {0}, q = {0};
    size_t n = 0;

    (void)arena;
    (void)parsed_or_problem(batch_parse_save(command, &update, &q), &q);
    if (parsed_or_problem(batch_parse_start_chunk(command, &update, items, &n, &p), &p))
        require(n <= BATCH_CHUNK);
}

static void fuzz_consent(const struct command *command, struct arena *arena)
{
    struct consent_history histories[CONSENTS];
    struct consent_record record;
    struct problem p = {0}, q = {0};

    require((consent_parse_change(command, &record, &q) == CONSENT_PROBLEM) ==
            (q.code != PROBLEM_NONE));
    if (!parsed_or_problem(consent_parse(command, arena, histories, &p), &p))
        return;
    for (int kind = 0; kind < CONSENTS; kind++) {
        require(histories[kind].n <= CONSENT_HISTORY_MAX);
        for (size_t i = 0; i < histories[kind].n; i++)
            touch(histories[kind].v[i].actor);
    }
}

static void fuzz_left_over(const struct command *command, struct arena *arena)
{
    struct str students[ERASURES_UNFINISHED_MAX], id, request;
    struct clock_skew skew = {0};
    enum unfinished_kind kind;
    bool begun;
    struct problem p = {0};
    size_t n = erasure_parse_unfinished(command, students);

    (void)arena;
    require(n <= ERASURES_UNFINISHED_MAX);
    for (size_t i = 0; i < n; i++)
        touch(students[i]);
    if (unfinished_parse_oldest(command, &kind, &id)) {
        require(kind <= UNFINISHED_KINDS);
        touch(id);
    }
    if (erasure_parse_aof_request(command, &request))
        touch(request);
    (void)erasure_parse_aof_rewrite(command);
    (void)parsed_or_problem(erasure_parse_tombstone(command, &begun, &p), &p);
    clock_skew_measure(&skew, command);
}

static void (*const parsers[])(const struct command *command, struct arena *arena) = {
    fuzz_entries, fuzz_seals, fuzz_heads,   fuzz_reads,     fuzz_batch,
    fuzz_results, fuzz_chunk, fuzz_consent, fuzz_left_over, fuzz_segments,
};
enum { PARSERS = sizeof(parsers) / sizeof(parsers[0]) };

/* An entry of the journal is a text of its own, whatever the reply was in which it came. */
static void fuzz_journal_entry(struct str text, struct arena *arena)
{
    const struct journal_source source = {
        .shard = SHARD, .id = STR("1769860800000-4"), .text = text, .publish = true};
    struct journal_effects effects;
    const char *reason = NULL;

    if (!journal_entry_effects(&source, arena, &effects, &reason)) {
        require(reason && *reason);
        return;
    }
    require(effects.message_count <= JOURNAL_MESSAGES_MAX);
    touch(effects.student);
    touch(effects.student_event);
    for (size_t i = 0; i < effects.message_count; i++)
        touch(effects.messages[i].event);
}

/* The store's connection refuses arrays that claim more elements (hazards H7); reply_of does not.
 */
static bool has_huge_array(struct str reply)
{
    for (size_t i = 0; i < reply.n; i++) {
        if (reply.p[i] == '*' && strtoull(reply.p + i + 1, NULL, 10) > 1 << 20)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096, 32 << 20);
    struct pipeline pipeline;
    struct str rest;

    if (size > 0) {
        size_t chosen = data[0] % (PARSERS + 1);

        pipeline_init(&pipeline, arena, NULL);
        rest = arena_copy(arena, (struct str){(const char *)data + 1, size - 1});
        if (chosen == PARSERS) {
            fuzz_journal_entry(rest, arena);
        } else if (!has_huge_array(rest)) {
            struct command command = {.pipeline = &pipeline, .reply = reply_of(arena, rest)};

            if (command.reply)
                parsers[chosen](&command, arena);
        }
    }
    arena_free(arena);
    return 0;
}
