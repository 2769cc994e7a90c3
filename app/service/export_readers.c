/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers of the export for the kinds of records that people should be able to read: with dates
 * instead of numbers of milliseconds, names instead of codes. A reader reads the values of a
 * section and writes them. A kind that is not in the table own_readers is exported as it is stored
 * (export_by_type.c). */
#include <stdio.h>

#include "app/base/clock.h"
#include "app/service/export_reader.h"
#include "app/service/letter_names.h"
#include "app/service/mastery_json.h"
#include "app/service/recommend_json.h"
#include "app/store/batch.h"
#include "app/store/consent.h"
#include "app/store/dead_letter.h"
#include "app/store/erasure.h"
#include "app/store/prediction.h"
#include "app/store/recommendation.h"
#include "app/store/student_days.h"
#include "app/store/topics.h"

/* Queues the read of the student's profile, from which the mastery result is computed. */
static void export_queue_profile(struct export_read *read, struct pipeline *pipeline)
{
    read->cmd = student_cmd_state(pipeline, read->student);
}

/* Writes the student's mastery result; null when there is none. */
static void export_write_profile(struct export_read *read, struct problem *p)
{
    struct student_profile profile;

    if (!student_parse_profile(read->cmd, &profile, p))
        return;
    if (profile.exists) {
        mastery_write_result(export_value_begin(&read->writer), NULL, read->student, &profile.state,
                             /* with_components */ true);
        export_value_end(&read->writer, p);
    } else {
        export_put_null(&read->writer);
    }
}

/* Queues the read of the snapshots (closing states of a day) of the history, today included. One
 * more day is read: when a client's clock is ahead, its event may be of tomorrow. */
static void export_queue_days(struct export_read *read, struct pipeline *pipeline)
{
    int32_t first = day_of_ms(read->now_ms) - HISTORY_DAYS + 1;

    read->cmd = student_cmd_days(pipeline, read->student, NULL, first, HISTORY_DAYS + 1);
}

/* Parses the snapshots from the reply to read->cmd, oldest first. Returns false with p set. */
static bool export_parse_days(const struct export_read *read, struct mastery_state **ret_days,
                              size_t *ret_n, struct problem *p)
{
    *ret_days = arena_array(read->writer.arena, STUDENT_DAYS_MAX, sizeof(**ret_days));
    if (!*ret_days)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return *ret_days && student_parse_days(read->cmd, *ret_days, ret_n, p);
}

/* Writes each snapshot as an element of the section's list, oldest first. */
static void export_write_days(struct export_read *read, struct problem *p)
{
    struct mastery_state *days;
    size_t n = 0;

    if (!export_parse_days(read, &days, &n, p))
        return;
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        mastery_write_day(export_value_begin(&read->writer), &days[i]);
        export_value_end(&read->writer, p);
    }
}

/* Queues two commands: read->cmd reads the snapshots, read->second_cmd the current state. */
static void export_queue_activity(struct export_read *read, struct pipeline *pipeline)
{
    export_queue_days(read, pipeline);
    read->second_cmd = student_cmd_state(pipeline, read->student);
}

/* Writes the activity, which is computed from the current state and the snapshots; null for a
 * student without data. */
static void export_write_activity(struct export_read *read, struct problem *p)
{
    struct mastery_state current, *days;
    size_t n = 0;

    if (!export_parse_days(read, &days, &n, p) ||
        !student_parse_state(read->second_cmd, &current, p))
        return;
    if (mastery_state_empty(&current)) {
        export_put_null(&read->writer);
        return;
    }
    mastery_write_activity(export_value_begin(&read->writer), NULL, &current, days, n,
                           day_of_ms(read->now_ms));
    export_value_end(&read->writer, p);
}

/* Queues the read of the student's topics. */
static void export_queue_topics(struct export_read *read, struct pipeline *pipeline)
{
    read->cmd = student_cmd_topics(pipeline, read->student);
}

/* Writes the topics in the form of the response of mastery/topics. Evidence is written as of each
 * topic's last event, not decayed to now, so that two exports of the same data are equal. */
static void export_write_topics(struct export_read *read, struct problem *p)
{
    struct student_topics topics;

    if (!student_parse_topics(read->cmd, &topics, p))
        return;
    topics_rank(topics.v, topics.n, read->now_ms);
    for (size_t i = 0; i < topics.n && p->code == PROBLEM_NONE; i++) {
        mastery_write_topic(export_value_begin(&read->writer), &topics.v[i],
                            topics.v[i].evidence.at_ms);
        export_value_end(&read->writer, p);
    }
}

/* Queues the read of the next page of the student's event log. */
static void export_queue_events(struct export_read *read, struct pipeline *pipeline)
{
    event_log_queue(&read->events, pipeline);
}

/* Writes a learning event, which is stored as JSON text. export_read: the context that
 * export_write_events passes. */
static void export_write_event(void *export_read, const struct logged_event *event,
                               struct problem *p)
{
    struct export_read *read = export_read;

    export_put_json(&read->writer, event->text, p);
}

/* Writes the events of a page of the event log. */
static void export_write_events(struct export_read *read, struct problem *p)
{
    read->has_more =
        event_log_parse(&read->events, read->writer.arena, export_write_event, read, p);
}

/* Writes a stored prediction: the score predicted for a day, its interval, and the intervention
 * (help for the student) that it assumes, if any. Fields that are not those of a prediction are the
 * problem INTERNAL_ERROR, after which the whole document is discarded. */
static void export_write_prediction(struct export_read *read, const struct stream_entry *entry,
                                    struct problem *p)
{
    struct prediction_record record;
    struct jw *w = export_value_begin(&read->writer);

    if (!prediction_parse_fields(entry->fields, &record)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    jw_object(w, NULL);
    jw_time(w, "made_at", record.made_at_ms);
    jw_day(w, "date", record.target_day);
    jw_number(w, "predicted_score", record.score);
    jw_object(w, "interval");
    jw_number(w, "lower", record.lower);
    jw_number(w, "upper", record.upper);
    jw_object_end(w);
    jw_str(w, "model", record.model);
    if (record.intervention.n > 0)
        jw_str(w, "intervention_type", record.intervention);
    jw_object_end(w);
    export_value_end(&read->writer, p);
}

/* Writes the predictions of a page of their stream. */
static void export_write_predictions(struct export_read *read, struct problem *p)
{
    export_write_page(read, export_write_prediction, p);
}

/* ---- recommendations, learning path ---- */

/* Returns the oldest day of which there can be recommendations: they are stored for
 * RECOMMENDATION_DAYS_MAX days, today included. */
static int32_t export_first_recommendation_day(const struct export_read *read)
{
    return day_of_ms(read->now_ms) - RECOMMENDATION_DAYS_MAX + 1;
}

/* Queues the read of the recommendations of all days. */
static void export_queue_recommendations(struct export_read *read, struct pipeline *pipeline)
{
    read->cmd = recommendation_cmd_days(
        pipeline, read->student, export_first_recommendation_day(read), RECOMMENDATION_DAYS_MAX);
}

/* Writes the recommendations of all days, oldest first. Their descriptions come from the catalogue.
 * `token` is the random text that the ids of the student's recommendations contain. */
static void export_write_recommendations(struct export_read *read, struct problem *p)
{
    struct recommendation_record *records;
    struct str token;
    size_t n;

    if (!recommendation_parse_days(read->cmd, read->writer.arena,
                                   export_first_recommendation_day(read), &records, &n, &token, p))
        return;
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        recommend_write_record(export_value_begin(&read->writer), token, &records[i],
                               read->engine->catalogue);
        export_value_end(&read->writer, p);
    }
}

/* Writes the learning path, which is stored as JSON text; null when the student has none. */
static void export_write_path(struct export_read *read, struct problem *p)
{
    struct str text;

    switch (reply_text(read->cmd->reply, &text)) {
    case REPLY_ERROR: reply_problem(read->cmd->reply, p); break;
    case REPLY_MISSING: export_put_null(&read->writer); break;
    case REPLY_OK: export_put_json(&read->writer, text, p); break;
    }
}

/* Queues the read of the student's decisions about consent. */
static void export_queue_consents(struct export_read *read, struct pipeline *pipeline)
{
    read->cmd = consent_cmd_get(pipeline, read->student);
}

/* Writes one decision of the student about a kind of consent. name: that kind, such as "analytics".
 */
static void export_write_consent(struct export_read *read, const char *name,
                                 const struct consent_record *record, struct problem *p)
{
    struct jw *w = export_value_begin(&read->writer);

    jw_object(w, NULL);
    jw_text(w, "consent_type", name);
    jw_bool(w, "granted", record->granted);
    jw_time(w, "recorded_at", record->at_ms);
    jw_str(w, "recorded_by", record->actor);
    jw_int(w, "version", record->version);
    jw_object_end(w);
    export_value_end(&read->writer, p);
}

/* Writes all decisions, grouped by kind of consent; of each kind the oldest first. */
static void export_write_consents(struct export_read *read, struct problem *p)
{
    struct consent_history all[CONSENTS];

    if (!consent_parse(read->cmd, read->writer.arena, all, p))
        return;
    for (size_t kind = 0; kind < CONSENTS; kind++) {
        for (size_t decision = 0; decision < all[kind].n && p->code == PROBLEM_NONE; decision++)
            export_write_consent(read, consent_names[kind], &all[kind].v[decision], p);
    }
}

/* ---- records elsewhere, by an index of the student ---- */

/* Stores the first EXPORT_IDS of the n ids that were read from an index in read->ids, so that the
 * next step reads the records with these ids. n 0: the index has no more ids, and no step follows.
 */
static void export_keep_ids(struct export_read *read, const struct str *ids, size_t n)
{
    read->id_count = n < EXPORT_IDS ? n : EXPORT_IDS;
    read->has_more = n > 0;
    for (size_t i = 0; i < read->id_count; i++)
        (void)snprintf(read->ids[i], sizeof(read->ids[i]), "%.*s", STR_ARG(ids[i]));
}

/* Queues the read of the next page of the index of dead letters (items that were given up), or of
 * the dead letters whose ids the last step has stored. read->cmd is the first of these commands;
 * each leads to the next by command->next. */
static void export_queue_letters(struct export_read *read, struct pipeline *pipeline)
{
    if (read->id_count == 0)
        read->cmd = dead_letter_cmd_find(pipeline, read->student, str_of(read->cursor));
    for (size_t i = 0; i < read->id_count; i++)
        (void)dead_letter_cmd_get(pipeline, str_of(read->ids[i]));
    read->cmd = pipeline->first;
}

/* Writes a dead letter: the event that was given up, and why. */
static void export_write_letter(struct export_read *read, const struct dead_letter *letter,
                                struct problem *p)
{
    struct jw *w = export_value_begin(&read->writer);

    jw_object(w, NULL);
    jw_str(w, "reason", letter->reason);
    jw_str(w, "source", letter->source);
    jw_str(w, "at", letter->at);
    jw_raw(w, "event", letter->event);
    jw_object_end(w);
    export_value_end(&read->writer, p);
}

/* Stores the ids of a page of the index or, in the step after it, writes the dead letters with
 * these ids; then the next page is read. A dead letter in the index may not be about the student
 * (its text may contain the id with another meaning): it is left out. */
static void export_write_letters(struct export_read *read, struct problem *p)
{
    const struct command *command = read->cmd;
    struct str ids[DEAD_LETTERS_PAGE];
    struct dead_letter letter;
    bool exists;
    size_t n;

    if (read->id_count == 0) {
        if (!dead_letter_parse_find(read->cmd, ids, &n, p) || n == 0)
            return;
        export_keep_ids(read, ids, n);
        (void)snprintf(read->cursor, sizeof(read->cursor), "%.*s", (int)sizeof(read->cursor) - 1,
                       read->ids[read->id_count - 1]);
        return;
    }
    for (size_t i = 0; i < read->id_count && p->code == PROBLEM_NONE;
         i++, command = command->next) {
        if (dead_letter_parse_get(command, read->writer.arena, &exists, &letter, p) && exists &&
            letter_is_about(letter.event, read->student, read->writer.arena))
            export_write_letter(read, &letter, p);
    }
    read->id_count = 0;
    read->has_more = true;
}

/* Queues the read of the next page of the student's batches, or of the student in the batches whose
 * ids the last step has stored. read->cmd is the first of these commands. */
static void export_queue_batches(struct export_read *read, struct pipeline *pipeline)
{
    if (read->id_count == 0)
        (void)erasure_cmd_index(pipeline, read->student, STUDENT_KEY_BATCHES, read->offset,
                                EXPORT_IDS);
    for (size_t i = 0; i < read->id_count; i++)
        batch_cmd_get_student(pipeline, str_of(read->ids[i]), read->student);
    read->cmd = pipeline->first;
}

/* Writes what a batch has stored about the student: the components that were submitted, and the
 * result or error. */
static void export_write_batch(struct export_read *read, const char *id,
                               const struct batch_student *student, struct problem *p)
{
    struct jw *w = export_value_begin(&read->writer);

    jw_object(w, NULL);
    jw_text(w, "batch_id", id);
    if (student->item.stated)
        mastery_write_components(w, "components", student->item.components);
    if (student->has_result && student->result.success)
        jw_raw(w, "mastery_result", student->result.text);
    else if (student->has_result)
        jw_str(w, "error_message", student->result.text);
    jw_object_end(w);
    export_value_end(&read->writer, p);
}

/* Stores the ids of a page of the index or, in the step after it, writes the student's part of
 * these batches; batch_parse_student moves `command` on to the next batch. Batches that have
 * expired are left out, and so is the empty id of an element that is no text. */
static void export_write_batches(struct export_read *read, struct problem *p)
{
    const struct command *command = read->cmd;
    struct str ids[EXPORT_IDS];
    struct batch_student student;
    size_t n;

    if (read->id_count == 0) {
        if (!reply_expect_array(read->cmd->reply, EXPORT_IDS, &n, p))
            return;
        for (size_t i = 0; i < n; i++) {
            if (reply_text(reply_at(read->cmd->reply, i), &ids[i]) != REPLY_OK)
                ids[i] = STR("");
        }
        export_keep_ids(read, ids, n);
        read->offset += (int64_t)n;
        return;
    }
    for (size_t i = 0; i < read->id_count && p->code == PROBLEM_NONE; i++) {
        if (batch_parse_student(&command, &student, p) && student.exists)
            export_write_batch(read, read->ids[i], &student, p);
    }
    read->id_count = 0;
    read->has_more = true;
}

/* ---- the tables ---- */

/* The readers by kind of record: whether the section is a list, and the functions queue_commands
 * and write_replies. A kind without a row has no reader of its own. */
static const struct export_reader own_readers[STUDENT_KEY_COUNT] = {
    [STUDENT_KEY_PROFILE] = {false, export_queue_profile, export_write_profile},
    [STUDENT_KEY_DAYS] = {true, export_queue_days, export_write_days},
    [STUDENT_KEY_RECOMMENDATIONS] = {true, export_queue_recommendations,
                                     export_write_recommendations},
    [STUDENT_KEY_PATH] = {false, export_queue_get, export_write_path},
    [STUDENT_KEY_PREDICTIONS] = {true, export_queue_page, export_write_predictions},
    [STUDENT_KEY_EVENTS] = {true, export_queue_events, export_write_events},
    [STUDENT_KEY_CONSENT] = {true, export_queue_consents, export_write_consents},
    [STUDENT_KEY_BATCHES] = {true, export_queue_batches, export_write_batches},
};

/* Compares the suffix of the kind's keys instead of its address, because a unit test passes a copy
 * of the table student_kinds. */
const struct export_reader *export_reader_of(const struct student_kind *kind)
{
    for (size_t i = 0; i < STUDENT_KEY_COUNT; i++) {
        if (own_readers[i].queue_commands && strcmp(student_kinds[i].suffix, kind->suffix) == 0)
            return &own_readers[i];
    }
    return export_reader_by_type(kind);
}

static const struct export_reader topics_reader = {true, export_queue_topics, export_write_topics};
static const struct export_reader activity_reader = {false, export_queue_activity,
                                                     export_write_activity};
static const struct export_reader letters_reader = {true, export_queue_letters,
                                                    export_write_letters};

const struct export_section export_derived[] = {
    {"activity", &activity_reader, NULL},
    {"audit_logs", &export_audit_reader, NULL},
    {"dead_letters", &letters_reader, NULL},
    {"topics", &topics_reader, NULL},
};
const size_t export_derived_count = sizeof(export_derived) / sizeof(export_derived[0]);
