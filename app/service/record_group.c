/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the script of a group commit from the changes that wait, and ends their waiting by its
 * reply. */
#include "app/service/record_group.h"

#include "app/base/clock.h"
#include "app/service/mastery_json.h"
#include "app/service/record_queue.h"
#include "app/store/topics.h"

/* Bytes of journal entries (one for each change) after which a group, the changes that one script
 * writes, is full: Redis does nothing else while it runs the script. */
enum { GROUP_BYTES_MAX = 128 << 10 };

/* A group, the changes that one script writes, while it is made. */
struct group {
    struct record *leader;
    struct arena *arena;
    /* the state that the last change leaves, from which the next change is computed */
    struct mastery_state state;
    struct student_entry entries[STUDENT_ENTRIES_MAX];
    size_t n, bytes; /* number of entries (changes), bytes of their journal entries */
};

/* Returns the journal entry of the change as JSON. From it the worker makes the audit record, the
 * entry of the student's event log and the events to publish (journal_entry.c). The text's p is
 * NULL when out of memory. */
static struct str record_journal_entry(struct arena *arena, const struct record *record)
{
    static const char *const kinds[] = {[RECORD_STATEMENT] = "calculated",
                                        [RECORD_EVENT] = "event",
                                        [RECORD_RECOMPUTE] = "recomputed"};
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_text(&w, "kind", kinds[record->kind]);
    jw_str(&w, "student_id", record->student);
    jw_str(&w, "actor", record->actor);
    jw_text(&w, "role", record->actor_role ? record->actor_role : "service");
    jw_int(&w, "at", record->now_ms);
    jw_number(&w, "mastery_score", record->result.score);
    jw_text(&w, "level", level_names[record->result.level]);
    jw_text(&w, "level_before", record->is_first ? NULL : level_names[record->previous_level]);
    jw_int(&w, "revision", (int64_t)record->state.revision);
    jw_str(&w, "correlation_id", record->correlation_id);
    if (record->traceparent.n > 0)
        jw_str(&w, "traceparent", record->traceparent);
    if (record->kind == RECORD_EVENT)
        jw_raw(&w, "event", record->event_json);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

int32_t record_day(const struct record *record)
{
    return day_of_ms(record->kind == RECORD_EVENT ? record->event.at_ms : record->now_ms);
}

void record_set_base(struct record *record, const struct mastery_state *current)
{
    record->state = *current;
    record->is_first = mastery_state_empty(current);
    if (!record->is_first)
        record->previous_level = mastery_level(mastery_score_of_state(current));
}

void record_apply(const struct record *record, struct mastery_state *state)
{
    if (record->kind == RECORD_EVENT)
        mastery_state_apply(state, &record->event);
    else if (record->kind == RECORD_STATEMENT)
        mastery_state_assert(state, record->components,
                             record->own_weights ? record->weights : NULL, record->now_ms);
}

/* Makes the change's entry in the script: its journal entry, its event_id with the mark (by which a
 * repetition is recognised), its topics. All of it is in the memory of the leader, which sends the
 * script, because the request of another change may end before. False when out of memory. */
static bool group_make_entry(struct group *group, const struct record *record)
{
    struct student_entry *entry = &group->entries[group->n];
    struct topic topics[EVENT_TOPICS_MAX];
    /* a record without an event has no topics */
    size_t topic_count = record->kind == RECORD_EVENT ? topics_of_event(&record->event, topics) : 0;
    bool has_id = record->event_id.n > 0;

    *entry = (struct student_entry){.journal = record_journal_entry(group->arena, record),
                                    .event_day = record_day(record)};
    if (has_id) {
        entry->event_id = arena_copy(group->arena, record->event_id);
        entry->mark = arena_copy(group->arena, record->mark);
    }
    if (topic_count > 0)
        entry->topics = topics_pack(group->arena, topics, topic_count);
    group->bytes += entry->journal.n;
    return entry->journal.p && (!has_id || (entry->event_id.p && entry->mark.p)) &&
           (topic_count == 0 || entry->topics.p);
}

/* Adds the change to the group: sets its result and its place, and makes its entry in the script.
 * state: the current state with the change applied, which gets the next revision and the time; the
 * next change is computed from it (group->state). False when out of memory. */
static bool group_add(struct group *group, struct record *record, struct mastery_state *state)
{
    state->revision++;
    state->updated_at_ms = record->now_ms;
    group->state = record->state = *state;
    mastery_of_state(state, record->now_ms, &record->result);
    record->place = group->n + 1; /* number of its entry in the script */
    record->repeats = false;
    return group_make_entry(group, record) && ++group->n;
}

/* Returns the first of the changes that wait in the leader's queue; the others follow by `next`.
 * NULL: none waits. */
static struct record *group_waiting(const struct record *leader)
{
    return leader->queue ? leader->queue->first : NULL;
}

/* Returns the change of the group that has the same event_id; NULL: none has. */
static const struct record *group_find(const struct group *group, const struct record *record)
{
    const struct record *other = group->leader;

    if (record->event_id.n == 0)
        return NULL;
    if (str_equal(other->event_id, record->event_id))
        return other;
    for (other = record->queue->first; other != record; other = other->next) {
        if (other->place > 0 && !other->repeats && str_equal(other->event_id, record->event_id))
            return other;
    }
    return NULL;
}

/* Returns whether the change can be in a group whose state so far is `state`: only a change of the
 * state's day, because a later day has a snapshot of its own, and for an earlier one more has to be
 * read. A recomputation, which is of no day, needs a state that is not empty. */
static bool group_accepts(const struct record *record, const struct mastery_state *state)
{
    return record->kind == RECORD_RECOMPUTE ? !mastery_state_empty(state)
                                            : record_day(record) == state->day;
}

/* Adds the changes that wait in the leader's queue, until the script is full or a change cannot be
 * in it: that one must lead the next script. A change whose event_id another one in the script has
 * too gets no entry. If that other one is written, this change is a duplicate with its mark, as if
 * it had come later. False when out of memory. */
static bool group_add_waiting(struct group *group)
{
    for (struct record *record = group_waiting(group->leader);
         record && group->n < STUDENT_ENTRIES_MAX; record = record->next) {
        const struct record *same = group_find(group, record);
        struct mastery_state state = group->state;

        mastery_state_limit_times(&state, record->now_ms); /* a wrong clock may have set them */
        if (record->is_settled) /* an earlier script has decided about it */
            continue;
        if (same) {
            record->place = same->place;
            record->repeats = true;
            record->previous_mark = arena_copy(record->arena, same->mark);
            continue;
        }
        record->must_lead = !group_accepts(record, &state);
        if (record->must_lead || group->bytes > GROUP_BYTES_MAX)
            break;
        record_set_base(record, &state);
        record_apply(record, &state);
        if (!group_add(group, record, &state))
            return false;
    }
    return true;
}

bool record_group_write(struct record *record, struct pipeline *pipeline, struct str packed,
                        struct mastery_state *days, size_t day_count,
                        const struct mastery_state *base, bool with_others)
{
    struct mastery_state *current = &days[day_count - 1];
    struct group group = {.leader = record, .arena = pipeline->arena};
    struct student_change change = {.student = record->student,
                                    .expected = arena_copy(pipeline->arena, packed),
                                    .days = days,
                                    .day_count = day_count,
                                    .base = base && !mastery_state_empty(base) ? base : NULL,
                                    .entries = group.entries,
                                    .now_ms = record->now_ms};

    for (struct record *other = group_waiting(record); other; other = other->next) {
        other->place = 0; /* the place in an earlier script no longer counts */
        if (!with_others)
            other->must_lead = true; /* this script leaves it out */
    }
    if (!group_add(&group, record, current) || (with_others && !group_add_waiting(&group)))
        return false;
    *current = group.state;
    change.entry_count = group.n;
    if (student_change_needs_result())
        change.result_json = mastery_result_json(pipeline->arena, record->student, &group.state);
    pipeline_clear(pipeline);
    record->write_cmd = student_cmd_change(pipeline, &change, &record->packed);
    return !pipeline->failed;
}

/* Sets the outcome of a change about which the script of another one has decided, and lets it go
 * on. Its response must wait for the replicas of the servers that executed the script (WAIT), which
 * are added to record->written; without memory for that, no response may promise the write. */
static void record_settle(struct record *record, enum change_outcome outcome,
                          const struct pipeline *pipeline)
{
    bool is_recorded = written_join(&record->written, record->arena, pipeline->written);

    record->is_settled = true;
    record->outcome = is_recorded ? outcome : CHANGE_PROBLEM;
    record->generation = pipeline->generation;
    record_queue_resume(record);
}

void record_settle_others(struct record *record, enum change_outcome outcome,
                          const struct pipeline *pipeline)
{
    struct str mark;

    if (outcome == CHANGE_SAVED && record->queue) {
        memcpy(record->queue->packed, record->packed.p, record->packed.n);
        record->queue->packed_n = record->packed.n;
    }
    for (struct record *other = group_waiting(record); other; other = other->next) {
        if (other->is_settled || other->place == 0 || outcome == CHANGE_OUTDATED)
            continue;
        if (outcome == CHANGE_DUPLICATE) {
            if (!student_parse_known_mark(record->write_cmd, other->place - 1, &mark))
                continue;
            other->previous_mark = arena_copy(other->arena, mark);
            record_settle(other, CHANGE_DUPLICATE, pipeline);
        } else if (!other->repeats) {
            record_settle(other, outcome, pipeline);
        } else if (outcome == CHANGE_SAVED) {
            record_settle(other, CHANGE_DUPLICATE, pipeline);
        }
    }
}
