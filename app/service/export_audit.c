/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exports the audit records about a student. The students of a shard (group of Redis keys) share
 * its audit log, which names them by pseudonym (random name) only. It is read place by place, the
 * oldest records first: the stream of schema 1 (the form of version 0.1.0); the closed segments
 * (packs of up to 256 records) that the student's index names; the records of the open segment (the
 * newest ones, not packed yet); its counts (accesses of which the worker makes records later).
 *
 * The first place has records only until the retention of a migrated store's old records is over,
 * and the last two are never more than those of about one segment: so the cost grows with the
 * student's own records. The worker may close the open segment while it is read. Its records are
 * therefore added to the document only when the index, read again, names no new segment of the
 * student; otherwise the new segment is read instead. */
#include "app/service/audit_entry.h"
#include "app/service/audit_segment_pack.h"
#include "app/service/export_reader.h"
#include "app/store/audit_index.h"

#include <stdio.h>

/* The places that are read, in this order (export_read.phase). PHASE_SEGMENTS reads some of the
 * segments that the index names, and goes back to PHASE_INDEX for the next ones. */
enum {
    PHASE_SCHEMA_1,
    PHASE_INDEX,
    PHASE_SEGMENTS,
    PHASE_OPEN,
    PHASE_COUNTS,
    PHASE_INDEX_AGAIN,
    PHASES
};
/* COUNTS_PAGE: number of counts that one step of the scan requests, a hint to Redis. COUNTS_MAX:
 * most counts that a reply may have. */
enum { COUNTS_PAGE = 1000, COUNTS_MAX = 8000 };

/* Queues the read of the next page of a stream of audit records: after the entry whose id is the
 * cursor ("(" excludes it), or from the start ("-"). */
static void export_queue_stream(struct export_read *read, struct pipeline *pipeline, unsigned shard,
                                enum audit_stream stream)
{
    struct str from = *read->cursor ? arena_printf(pipeline->arena, "(%s", read->cursor) : STR("-");

    read->cmd = audit_cmd_range(pipeline, stream, shard, from, STR("+"), EXPORT_PAGE);
}

/* Queues the read of the next page of records in the form of version 0.1.0 (schema 1). */
static void export_queue_schema_1(struct export_read *read, struct pipeline *pipeline,
                                  unsigned shard)
{
    export_queue_stream(read, pipeline, shard, AUDIT_STREAM_SCHEMA_1);
}

/* Queues the read of the next page of the open segment: the newest records, not packed yet. */
static void export_queue_open(struct export_read *read, struct pipeline *pipeline, unsigned shard)
{
    export_queue_stream(read, pipeline, shard, AUDIT_STREAM_OPEN);
}

/* Queues the read of the index that names the closed segments with records of the student. */
static void export_queue_index(struct export_read *read, struct pipeline *pipeline, unsigned shard)
{
    read->cmd =
        audit_index_cmd_get(pipeline, shard, arena_copy(pipeline->arena, str_of(read->pseudonym)));
}

/* Queues the reads of the segments whose ids the last step has stored. read->cmd is the first of
 * these commands; each leads to the next by command->next. */
static void export_queue_segments(struct export_read *read, struct pipeline *pipeline,
                                  unsigned shard)
{
    for (size_t i = 0; i < read->id_count; i++) {
        struct str id = arena_copy(pipeline->arena, str_of(read->ids[i]));

        (void)audit_segment_cmd_range(pipeline, shard, id, id, /* count */ 1);
    }
    read->cmd = pipeline->first;
}

/* Queues the next step of the scan of the open segment's counts (accesses of which the worker makes
 * records later). Here read->cursor is that of the scan; empty: from the start. */
static void export_queue_counts(struct export_read *read, struct pipeline *pipeline, unsigned shard)
{
    struct str from = *read->cursor ? arena_copy(pipeline->arena, str_of(read->cursor)) : STR("0");

    read->cmd = audit_cmd_scan_counts(pipeline, AUDIT_STREAM_OPEN, shard, from, COUNTS_PAGE);
}

/* Writes those of the n records that are about the student. */
static void export_write_entries(struct export_read *read, const struct audit_entry *entries,
                                 size_t n, struct problem *p)
{
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        if (!audit_entry_involves(&entries[i], str_of(read->pseudonym)))
            continue;
        audit_entry_write(export_value_begin(&read->writer), &entries[i], key_shard(read->student));
        export_value_end(&read->writer, p);
        /* Audit records do not count as data of the student: a request about an id that does not
         * exist leaves one, too, and the export of such an id must end with NOT_FOUND. */
        read->writer.value_count--;
    }
}

/* Prepares the read of the next page. is_full: the place may have more, so the cursor becomes
 * `last`, the id of the last entry or the cursor of a scan. Otherwise the next place (phase) is
 * read from its start. */
static void export_move_cursor(struct export_read *read, bool is_full, struct str last)
{
    if (is_full) {
        (void)snprintf(read->cursor, sizeof(read->cursor), "%.*s", STR_ARG(last));
    } else {
        *read->cursor = '\0';
        read->phase++;
    }
    read->has_more = true;
}

/* Writes the records of a page of a stream. */
static void export_write_stream(struct export_read *read, struct problem *p)
{
    struct audit_entry *entries = arena_array(read->writer.arena, EXPORT_PAGE, sizeof(*entries));
    size_t n = 0;

    if (!entries) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    if (!audit_parse_entries(read->cmd, EXPORT_PAGE, entries, &n, p))
        return;
    export_write_entries(read, entries, n, p);
    export_move_cursor(read, n == EXPORT_PAGE, n > 0 ? entries[n - 1].id : STR(""));
}

/* Begins the records of the open segment, which are not packed yet. Until export_end_open they are
 * written to read->open_text instead of the document, because the segment may be closed meanwhile.
 */
static void export_begin_open(struct export_read *read)
{
    buf_init(&read->open_text, read->events.arena);
    read->document = read->writer.out;
    read->writer.out = &read->open_text;
    read->open_comma = read->writer.comma;
    read->phase = PHASE_OPEN;
}

/* Ends what export_begin_open has begun: adds the records in open_text to the document, or drops
 * them if not `keep`. Does nothing when none was begun. */
static void export_end_open(struct export_read *read, bool keep)
{
    if (!read->document)
        return;
    read->writer.out = read->document;
    read->document = NULL;
    if (!keep)
        read->writer.comma = read->open_comma;
    else if (read->open_text.failed)
        read->writer.out->failed = true;
    else
        buf_str(read->writer.out, buf_view(&read->open_text));
}

/* Stores the ids of the next closed segments with records of the student: those after the last one
 * that was read. The index is read again for each page, and once more after the open segment, so
 * that segments that are closed meanwhile are found. */
static void export_read_index(struct export_read *read, struct problem *p)
{
    struct str index;
    size_t n, first;

    if (!audit_index_parse(read->cmd, &index, p))
        return;
    n = audit_index_count(index);
    first = *read->segment ? audit_index_after(index, str_of(read->segment)) : 0;
    for (read->id_count = 0; read->id_count < EXPORT_IDS && first < n; first++)
        audit_index_print(index, first, read->ids[read->id_count++]);
    read->has_more = true;
    if (read->id_count > 0) {
        export_end_open(read, /* keep */ false);
        read->phase = PHASE_SEGMENTS;
    } else if (read->phase == PHASE_INDEX) {
        export_begin_open(read);
    } else {
        export_end_open(read, /* keep */ true);
        read->has_more = false;
    }
}

/* Writes the records about the student in the segments that were read. A segment that cannot be
 * read is left out: mastery-ctl audit verify reports it, and an export without it is better than
 * none. So is one that is no longer there, because its retention has ended or it is in the archive.
 */
static void export_write_segments(struct export_read *read, struct problem *p)
{
    const struct command *command = read->cmd;
    struct audit_segment segment;
    struct audit_segment_text text;
    size_t n = 0;

    for (size_t i = 0; i < read->id_count && p->code == PROBLEM_NONE;
         i++, command = command->next) {
        if (audit_segment_parse(command, 1, &segment, &n, p) && n > 0 &&
            audit_segment_unpack(read->writer.arena, &segment, &text))
            export_write_entries(read, text.entries, text.n, p);
    }
    memcpy(read->segment, read->ids[read->id_count - 1], sizeof(read->segment));
    read->id_count = 0;
    read->phase = PHASE_INDEX;
    read->has_more = true;
}

/* Writes the records about the student that the worker will make of the counts in this page of the
 * scan. */
static void export_write_counts(struct export_read *read, struct problem *p)
{
    struct audit_counted_read *counts =
        arena_array(read->writer.arena, COUNTS_MAX, sizeof(*counts));
    struct str cursor = STR("0");
    size_t n = 0;

    if (!counts) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    if (!audit_parse_counts(read->cmd, AUDIT_STREAM_OPEN, COUNTS_MAX, &cursor, counts, &n, p))
        return;
    for (size_t i = 0; i < n; i++) {
        struct audit_entry entry;

        if (audit_entry_of_count(read->writer.arena, &counts[i], &entry))
            export_write_entries(read, &entry, 1, p);
    }
    export_move_cursor(read, !str_equal(cursor, STR("0")), cursor);
}

/* For each place: how a page of it is read, and how its replies are written. */
static const struct {
    void (*queue_commands)(struct export_read *read, struct pipeline *pipeline, unsigned shard);
    void (*write_replies)(struct export_read *read, struct problem *p);
} export_places[PHASES] = {
    [PHASE_SCHEMA_1] = {export_queue_schema_1, export_write_stream},
    [PHASE_INDEX] = {export_queue_index, export_read_index},
    [PHASE_SEGMENTS] = {export_queue_segments, export_write_segments},
    [PHASE_OPEN] = {export_queue_open, export_write_stream},
    [PHASE_COUNTS] = {export_queue_counts, export_write_counts},
    [PHASE_INDEX_AGAIN] = {export_queue_index, export_read_index},
};

/* Queues the read of the next page, and of the student's pseudonym. */
static void export_queue_audit(struct export_read *read, struct pipeline *pipeline)
{
    export_places[read->phase].queue_commands(read, pipeline, key_shard(read->student));
    read->second_cmd = audit_cmd_get_pseudonym(pipeline, read->student);
}

/* Writes the records of the page that are about the student. A student without a pseudonym has no
 * records, so no further page is read. */
static void export_write_audit(struct export_read *read, struct problem *p)
{
    struct str pseudonym;

    if (!audit_parse_pseudonym(read->second_cmd, &pseudonym, p) || pseudonym.n == 0) {
        export_end_open(read, /* keep */ false);
        return;
    }
    (void)snprintf(read->pseudonym, sizeof(read->pseudonym), "%.*s", STR_ARG(pseudonym));
    export_places[read->phase].write_replies(read, p);
}

const struct export_reader export_audit_reader = {true, export_queue_audit, export_write_audit};
