/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the student's events page by page: first pages of the shard's journal, which also has
 * events of other students, then pages of the student's stream. */
#include "app/service/event_log.h"

#include <stdio.h>

#include "app/base/clock.h"
#include "app/http/json.h"
#include "app/http/json_value.h"
#include "app/service/json_mentions.h"
#include "app/store/erasure.h"
#include "app/store/event_pack.h"
#include "app/store/keys.h"

/* How the events of a page are passed on: the function to call with its context, and the memory for
 * parsing. */
struct event_log_page {
    struct event_log *log;
    struct arena *scratch;
    event_log_visitor *visit;
    void *context;
};

int32_t event_log_day(struct json_object *event, int32_t otherwise)
{
    struct str timestamp = json_value_member_text(event, "timestamp");
    int64_t at_ms;

    return timestamp.p && time_parse(timestamp, &at_ms) ? day_of_ms(at_ms) : otherwise;
}

/* Queues the read of the next page, by a search whose reply is limited in bytes, because one event
 * may have 1 MiB. The shard's journal is searched for the student's id, the student's stream for
 * the empty text, which is in every entry. */
void event_log_queue(struct event_log *log, struct pipeline *pipeline)
{
    struct arena *arena = pipeline->arena;

    if (log->in_stream)
        log->cmd =
            erasure_cmd_search(pipeline, key_student(arena, log->student, STUDENT_KEY_EVENTS),
                               str_of(log->cursor), STR(""));
    else
        log->cmd = erasure_cmd_search(pipeline, key_journal(arena, log->student),
                                      str_of(log->cursor), log->student);
}

/* Adds a copy of the id of an event from the journal to the list journal_ids, whose capacity about
 * doubles when it is full. When out of memory, the reading ends with a problem: without the id, the
 * event might be visited twice. */
static void event_log_keep_id(struct event_log *log, struct str id, struct problem *p)
{
    struct str_list *ids = &log->journal_ids;
    size_t capacity = log->journal_ids_capacity;
    struct str copy = arena_copy(log->arena, id);

    if (ids->n == capacity) {
        struct str *grown = arena_array(log->arena, 2 * capacity + 8, sizeof(*grown));

        if (grown && ids->n > 0)
            memcpy(grown, ids->v, ids->n * sizeof(*grown));
        log->journal_ids_capacity = grown ? 2 * capacity + 8 : 0;
        *ids = (struct str_list){grown, grown ? ids->n : 0};
    }
    if (copy.p && ids->v)
        ids->v[ids->n++] = copy;
    else
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
}

/* Calls page->visit for the event of a journal entry, if the entry is the student's. Entries about
 * other changes have no event, nor has an entry that is not JSON (json is then NULL, which
 * json_value_member accepts). Stores the event's id, because the journal is read before the
 * student's stream: the worker may move the event to the stream in the meantime, and then it must
 * not be visited a second time. */
static void event_log_visit_journal(const struct event_log_page *page,
                                    const struct stream_entry *entry, struct problem *p)
{
    struct problem unreadable = {.code = PROBLEM_NONE};
    struct json_object *json, *event;
    struct logged_event logged;
    struct str text;

    if (stream_field(entry, STR("e"), &text) != REPLY_OK ||
        !entry_belongs_to(text, page->log->student))
        return;
    /* a problem needs no report: an entry that is not JSON has no event */
    json = json_parse(text, page->scratch, &unreadable);
    event = json_value_member(json, "event");
    if (!event)
        return;
    logged = (struct logged_event){.text = str_of(json_object_to_json_string(event)),
                                   .recorded_at_ms =
                                       json_object_get_int64(json_value_member(json, "at"))};
    page->visit(page->context, &logged, p);
    text = json_value_member_text(event, "event_id");
    if (text.p && p->code == PROBLEM_NONE)
        event_log_keep_id(page->log, text, p);
}

/* Returns whether an event of the stream was visited in the journal, from which the worker has
 * moved it meanwhile. An event without a readable id counts as not visited. */
static bool event_log_was_visited(const struct event_log_page *page, struct str event)
{
    struct problem unreadable = {.code = PROBLEM_NONE};
    struct json_object *json;
    struct str id;

    if (page->log->journal_ids.n == 0 || !event.p)
        return false; /* no event was visited in the journal, so this one need not be parsed */
    json = json_parse(event, page->scratch, &unreadable);
    id = json_value_member_text(json, "event_id");
    return id.p && str_list_contains(&page->log->journal_ids, id);
}

/* Calls page->visit for an event of the student's stream, unless it was visited in the journal. Its
 * entry has either the field "z", with the event packed (event_pack.h), or the field "e", with the
 * event as JSON. */
static void event_log_visit_stream(const struct event_log_page *page,
                                   const struct stream_entry *entry, struct problem *p)
{
    struct logged_event logged = {0};
    struct str packed;

    /* text.p stays NULL when the entry has no such field, or when the field is damaged */
    if (stream_field(entry, STR("z"), &packed) == REPLY_OK)
        (void)event_unpack(page->scratch, page->log->student, packed, &logged.text);
    else
        (void)stream_field(entry, STR("e"), &logged.text);
    (void)stream_id_time(entry->id, &logged.recorded_at_ms);
    if (!event_log_was_visited(page, logged.text))
        page->visit(page->context, &logged, p);
}

/* Returns true after every page of the journal (without a problem), because the stream follows,
 * from its start (an empty cursor). */
bool event_log_parse(struct event_log *log, struct arena *scratch, event_log_visitor *visit,
                     void *context, struct problem *p)
{
    const struct event_log_page page = {log, scratch, visit, context};
    bool was_in_stream = log->in_stream;
    struct erasure_part part;

    if (!erasure_parse_search(log->cmd, scratch, &part, p))
        return false;
    for (size_t i = 0; i < part.n && p->code == PROBLEM_NONE; i++) {
        if (was_in_stream)
            event_log_visit_stream(&page, &part.entries[i], p);
        else
            event_log_visit_journal(&page, &part.entries[i], p);
    }
    log->in_stream = was_in_stream || !part.has_more;
    if (log->in_stream && !was_in_stream)
        str_list_sort(&log->journal_ids);
    (void)snprintf(log->cursor, sizeof(log->cursor), "%.*s", part.has_more ? (int)part.last.n : 0,
                   part.last.p);
    return p->code == PROBLEM_NONE && (part.has_more || !was_in_stream);
}
