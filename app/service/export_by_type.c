/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers of the export for each Redis type; a reader reads the values of a section and writes
 * them. A kind of record without a reader of its own is exported as it is stored, so that a new
 * kind in store/keys.h can never be missing from an export. */
#include <stdio.h>

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/base/str_list.h"
#include "app/base/utf8.h"
#include "app/http/json.h"
#include "app/service/export_reader.h"
#include "app/store/student_days.h"

/* The largest number of elements that a reply may have: far more than one student's records can
 * have, and still too few to exhaust the memory. */
enum { EXPORT_ELEMENTS_MAX = 1 << 20 };

/* Returns the Redis key of the section's kind of record for the student. */
static struct str export_key(const struct export_read *read, struct arena *arena)
{
    return key_of_kind(arena, read->student, read->kind);
}

/* Queues a read command whose only argument is the key of the section's kind. */
static void export_queue_key(struct export_read *read, struct pipeline *pipeline,
                             struct str command_name)
{
    read->cmd = pipeline_add(pipeline, COMMAND_READ, 2,
                             (struct str[]){command_name, export_key(read, pipeline->arena)});
}

/* Writes a value of Redis as a JSON text. JSON cannot have arbitrary bytes, so a value that is not
 * UTF-8 is written as hexadecimal digits. */
static void export_write_stored(struct export_read *read, struct jw *w, struct str value)
{
    char *hex;

    if (utf8_valid(value)) {
        jw_str(w, NULL, value);
        return;
    }
    hex = arena_alloc(read->writer.arena, 2 * value.n + 1);
    if (!hex) {
        w->out->failed = true;
        return;
    }
    hex_print((const unsigned char *)value.p, value.n, hex);
    jw_str(w, NULL, (struct str){hex, 2 * value.n});
}

/* Writes a member name that comes from Redis. The JSON writer's functions take only literal names
 * and do not escape them, so the name is written like a text value, followed by the colon. No comma
 * may come between the name and its value. */
static void export_write_name(struct jw *w, struct str name)
{
    jw_str(w, NULL, name);
    buf_char(w->out, ':');
    w->comma = false;
}

/* Writes the n elements of a reply, which are alternately names and values (as in the reply to
 * HGETALL and in stream entries), as members of an object. */
static void export_write_fields(struct export_read *read, struct jw *w, const redisReply *fields,
                                size_t n)
{
    struct str name, value;

    for (size_t i = 0; i + 1 < n; i += 2) {
        if (reply_text(reply_at(fields, i), &name) != REPLY_OK ||
            reply_text(reply_at(fields, i + 1), &value) != REPLY_OK)
            continue;
        export_write_name(w, name);
        export_write_stored(read, w, value);
    }
}

/* ---- strings ---- */

void export_queue_get(struct export_read *read, struct pipeline *pipeline)
{
    export_queue_key(read, pipeline, STR("GET"));
}

/* Writes the reply to a GET: the stored value, or null when the key does not exist. */
static void export_write_string(struct export_read *read, struct problem *p)
{
    struct str value;

    switch (reply_text(read->cmd->reply, &value)) {
    case REPLY_ERROR: reply_problem(read->cmd->reply, p); break;
    case REPLY_MISSING: export_put_null(&read->writer); break;
    case REPLY_OK:
        export_write_stored(read, export_value_begin(&read->writer), value);
        export_value_end(&read->writer, p);
        break;
    }
}

/* ---- one string a day ---- */

/* Returns the oldest day of which there can be a record. */
static int32_t export_first_day(const struct export_read *read)
{
    return day_of_ms(read->now_ms) - HISTORY_DAYS;
}

/* Queues one MGET of the keys of all days, from the oldest on. When out of memory for the keys, the
 * pipeline is marked as failed, and the store then does not send it. */
static void export_queue_daily(struct export_read *read, struct pipeline *pipeline)
{
    struct str argv[1 + STUDENT_DAYS_MAX] = {STR("MGET")};

    if (!key_days_of_kind(pipeline->arena, read->student, read->kind, export_first_day(read),
                          STUDENT_DAYS_MAX, argv + 1))
        pipeline->failed = true;
    read->cmd = pipeline_add(pipeline, COMMAND_READ, 1 + STUDENT_DAYS_MAX, argv);
}

/* Writes {date, value} for each day that has a value. Element i of the reply is the value of day i
 * after the oldest one. */
static void export_write_daily(struct export_read *read, struct problem *p)
{
    struct str value;
    size_t n = 0;

    if (reply_array(read->cmd->reply, STUDENT_DAYS_MAX, &n) != REPLY_OK)
        reply_problem(read->cmd->reply, p);
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        struct jw *w;

        if (reply_text(reply_at(read->cmd->reply, i), &value) != REPLY_OK)
            continue;
        w = export_value_begin(&read->writer);
        jw_object(w, NULL);
        jw_day(w, "date", export_first_day(read) + (int32_t)i);
        export_write_name(w, STR("value"));
        export_write_stored(read, w, value);
        jw_object_end(w);
        export_value_end(&read->writer, p);
    }
}

/* Queues the read of all fields of a hash. */
static void export_queue_hash(struct export_read *read, struct pipeline *pipeline)
{
    export_queue_key(read, pipeline, STR("HGETALL"));
}

/* Writes the reply to HGETALL as an object; null for an empty reply: the key does not exist. */
static void export_write_hash(struct export_read *read, struct problem *p)
{
    struct jw *w;
    size_t n = 0;

    if (reply_array(read->cmd->reply, EXPORT_ELEMENTS_MAX, &n) != REPLY_OK) {
        reply_problem(read->cmd->reply, p);
    } else if (n == 0) {
        export_put_null(&read->writer);
    } else {
        w = export_value_begin(&read->writer);
        jw_object(w, NULL);
        export_write_fields(read, w, read->cmd->reply, n);
        jw_object_end(w);
        export_value_end(&read->writer, p);
    }
}

/* Queues the read of all members of a set. */
static void export_queue_set(struct export_read *read, struct pipeline *pipeline)
{
    export_queue_key(read, pipeline, STR("SMEMBERS"));
}

/* Queues the read of all members of a sorted set, without their scores. */
static void export_queue_sorted_set(struct export_read *read, struct pipeline *pipeline)
{
    read->cmd = pipeline_add(
        pipeline, COMMAND_READ, 4,
        (struct str[]){STR("ZRANGE"), export_key(read, pipeline->arena), STR("0"), STR("-1")});
}

/* Writes the members sorted: Redis keeps a set in no particular order, and two exports of the same
 * data must be equal. */
static void export_write_set(struct export_read *read, struct problem *p)
{
    struct str_list members = {0};
    size_t n = 0;

    if (reply_array(read->cmd->reply, EXPORT_ELEMENTS_MAX, &n) != REPLY_OK) {
        reply_problem(read->cmd->reply, p);
        return;
    }
    members.v = arena_array(read->writer.arena, n + 1, sizeof(*members.v)); /* n may be 0 */
    if (!members.v) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(read->cmd->reply, i), &members.v[members.n]) == REPLY_OK)
            members.n++;
    }
    str_list_sort(&members);
    for (size_t i = 0; i < members.n && p->code == PROBLEM_NONE; i++) {
        export_write_stored(read, export_value_begin(&read->writer), members.v[i]);
        export_value_end(&read->writer, p);
    }
}

/* ---- streams ---- */

/* read->cursor is the id of the last entry that was written; empty at the first page. */
void export_queue_page(struct export_read *read, struct pipeline *pipeline)
{
    /* "(ID" begins after that entry, "-" at the start of the stream */
    struct str from =
        arena_printf(pipeline->arena, "%s%s", *read->cursor ? "(" : "-", read->cursor);

    read->cmd = pipeline_add(pipeline, COMMAND_READ, 6,
                             (struct str[]){STR("XRANGE"), export_key(read, pipeline->arena), from,
                                            STR("+"), STR("COUNT"),
                                            arena_printf(pipeline->arena, "%d", EXPORT_PAGE)});
}

/* Calls `write` for each entry. A full page means that there may be another one, which begins after
 * the last entry. An id that does not fit into the cursor cannot be one of Redis, and ends the
 * section. */
void export_write_page(struct export_read *read, export_entry_writer *write, struct problem *p)
{
    struct stream_entry entries[EXPORT_PAGE];
    size_t n = 0;
    struct str last;

    if (stream_parse(read->cmd->reply, EXPORT_PAGE, entries, &n) != REPLY_OK)
        reply_problem(read->cmd->reply, p);
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++)
        write(read, &entries[i], p);
    if (n < EXPORT_PAGE || p->code != PROBLEM_NONE)
        return;
    last = entries[n - 1].id;
    read->has_more = last.n < STREAM_ID_SIZE;
    if (read->has_more)
        (void)snprintf(read->cursor, sizeof(read->cursor), "%.*s", STR_ARG(last));
}

/* Writes a stream entry as {id, fields}. */
static void export_write_stored_entry(struct export_read *read, const struct stream_entry *entry,
                                      struct problem *p)
{
    struct jw *w = export_value_begin(&read->writer);
    size_t n = 0;

    (void)reply_array(entry->fields, EXPORT_ELEMENTS_MAX, &n); /* stream_parse has checked it */
    jw_object(w, NULL);
    jw_str(w, "id", entry->id);
    export_write_name(w, STR("fields"));
    jw_object(w, NULL);
    export_write_fields(read, w, entry->fields, n);
    jw_object_end(w);
    jw_object_end(w);
    export_value_end(&read->writer, p);
}

/* Writes a page of a stream whose kind has no reader of its own. */
static void export_write_stream(struct export_read *read, struct problem *p)
{
    export_write_page(read, export_write_stored_entry, p);
}

/* Returns the reader of a kind of record: a kind with one key for each day is read with one MGET,
 * any other kind by the type of its keys. */
const struct export_reader *export_reader_by_type(const struct student_kind *kind)
{
    static const struct export_reader daily = {
        .is_list = true, .queue_commands = export_queue_daily, .write_replies = export_write_daily};
    static const struct export_reader readers[] = {
        [TYPE_STRING] = {.is_list = false,
                         .queue_commands = export_queue_get,
                         .write_replies = export_write_string},
        [TYPE_HASH] = {.is_list = false,
                       .queue_commands = export_queue_hash,
                       .write_replies = export_write_hash},
        [TYPE_SET] = {.is_list = true,
                      .queue_commands = export_queue_set,
                      .write_replies = export_write_set},
        [TYPE_SORTED_SET] = {.is_list = true,
                             .queue_commands = export_queue_sorted_set,
                             .write_replies = export_write_set},
        [TYPE_STREAM] = {.is_list = true,
                         .queue_commands = export_queue_page,
                         .write_replies = export_write_stream},
    };

    return kind->family == KEY_DAILY ? &daily : &readers[kind->type];
}
