/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a student's event log: all stored learning events of the student, each once. First come the
 * events that the worker has not moved yet from the journal (changes not yet processed) to the
 * student's stream of events, then those in the stream, which has HISTORY_DAYS days. The other
 * order would miss an event that the worker moves meanwhile. In this order such an event is found
 * in both places, and is skipped in the second (hazards X28).
 *
 * One step reads one page, which is limited in bytes, so that the memory does not grow with the
 * number of events; only the ids of events from the journal are stored. */
#ifndef SERVICE_EVENT_LOG_H
#define SERVICE_EVENT_LOG_H

#include <json-c/json.h>

#include "app/base/problem.h"
#include "app/base/str_list.h"
#include "app/store/pipeline.h"
#include "app/store/stream.h"

/* A learning event of the student's event log. */
struct logged_event {
    /* The event as JSON, as event_input_json wrote it, not checked. Its p is NULL when the entry of
     * the stream has none. Valid only during the call of the visitor. */
    struct str text;
    /* When the engine received the event or, for an event in the stream, when the worker processed
     * it, a little later. In milliseconds since the epoch; 0: unknown. */
    int64_t recorded_at_ms;
};
/* Called for each event. context: the parameter of event_log_parse. May set a problem, which ends
 * the reading of the page. */
typedef void event_log_visitor(void *context, const struct logged_event *event, struct problem *p);

/* State of the reading of a student's event log. */
struct event_log {
    /* in: set by the caller */
    struct str student;
    struct arena *arena; /* memory that lives as long as the reading */
    /* private: used only by event_log.c */
    struct command *cmd;         /* reads the current page */
    char cursor[STREAM_ID_SIZE]; /* id of the last entry that was read; empty: none yet */
    /* the journal has been read, the pages of the student's stream follow */
    bool in_stream;
    /* ids of the events from the journal, which are skipped in the stream; sorted for that search
     * when in_stream becomes true */
    struct str_list journal_ids;
    size_t journal_ids_capacity; /* number of texts for which journal_ids has room */
};

/* Returns the UTC day (days since 1970-01-01) of an event, a JSON object, by its member
 * `timestamp`; `otherwise` if the event is NULL or has no readable timestamp. */
int32_t event_log_day(struct json_object *event, int32_t otherwise);
/* Queues the command that reads the next page. */
void event_log_queue(struct event_log *log, struct pipeline *pipeline);
/* Parses the page that was read, and calls `visit` for each event in it until that sets a problem.
 * scratch: memory for one page. Returns whether another page follows; false also after a problem:
 * SERVICE_UNAVAILABLE, INTERNAL_ERROR, or one that the visitor has set. */
bool event_log_parse(struct event_log *log, struct arena *scratch, event_log_visitor *visit,
                     void *context, struct problem *p);

#endif
