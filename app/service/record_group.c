/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/record_group.h"

#include "app/base/clock.h"
#include "app/service/mastery_json.h"
#include "app/service/record_line.h"
#include "app/store/topics.h"

/* Bytes of journal entries (one for each change) after which a group, the changes that one script
 * writes, is full: Redis does nothing else while it runs the script. */
enum { GROUP_BYTES_MAX = 128 << 10 };

/* A group, the changes that one script writes, while it is made. */
struct group {
    struct record *leader;
    struct arena *arena;
    /* the state that `last` leaves, from which the next change is computed */
    struct mastery_state state;
    const struct record *last; /* the change that was added last */
    struct student_entry entries[STUDENT_ENTRIES_MAX];
    size_t n, bytes; /* number of entries (changes), bytes of their journal entries */
};

/* Returns the journal entry of the change as JSON. From it the worker makes the audit record, the
 * entry of the student's event log and the events to publish (journal_entry.c). The text's p is
 * NULL when out of memory. */
static struct str record_journal_entry(struct arena *arena, const struct record *r)
{
    static const char *const kinds[] = {[RECORD_STATEMENT] = "calculated",
                                        [RECORD_EVENT] = "event",
                                        [RECORD_RECOMPUTE] = "recomputed"};
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_text(&w, "kind", kinds[r->kind]);
    jw_str(&w, "student_id", r->student);
    jw_str(&w, "actor", r->actor);
    jw_text(&w, "role", r->actor_role ? r->actor_role : "service");
    jw_int(&w, "at", r->now_ms);
    jw_number(&w, "mastery_score", r->result.score);
    jw_text(&w, "level", level_names[r->result.level]);
    jw_text(&w, "level_before", r->is_first ? NULL : level_names[r->previous_level]);
    jw_int(&w, "revision", (int64_t)r->state.revision);
    jw_str(&w, "correlation_id", r->correlation_id);
    if (r->traceparent.n > 0)
        jw_str(&w, "traceparent", r->traceparent);
    if (r->kind == RECORD_EVENT)
        jw_raw(&w, "event", r->event_json);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

int32_t record_day(const struct record *r)
{
    return day_of_ms(r->kind == RECORD_EVENT ? r->event.at_ms : r->now_ms);
}

void record_set_base(struct record *r, const struct mastery_state *current)
{
    r->state = *current;
    r->is_first = mastery_state_empty(current);
    if (!r->is_first)
        r->previous_level = mastery_level(mastery_score_of_state(current));
}

void record_apply(const struct record *r, struct mastery_state *state)
{
    if (r->kind == RECORD_EVENT)
        mastery_state_apply(state, &r->event);
    else if (r->kind == RECORD_STATEMENT)
        mastery_state_assert(state, r->components, r->own_weights ? r->weights : NULL, r->now_ms);
}

/* Makes the change's entry in the script: its journal entry, its event_id with the mark (by which a
 * repetition is recognised), its topics. All of it is in the memory of the leader, which sends the
 * script, because the request of another change may end before. False when out of memory. */
static bool group_make_entry(struct group *g, const struct record *r)
{
    struct student_entry *entry = &g->entries[g->n];
    struct topic topics[EVENT_TOPICS_MAX];
    /* only events are about topics */
    size_t topic_count = r->kind == RECORD_EVENT ? topics_of_event(&r->event, topics) : 0;
    bool has_id = r->event_id.n > 0;

    *entry = (struct student_entry){.journal = record_journal_entry(g->arena, r),
                                    .event_day = record_day(r)};
    if (has_id) {
        entry->event_id = arena_copy(g->arena, r->event_id);
        entry->mark = arena_copy(g->arena, r->mark);
    }
    if (topic_count > 0)
        entry->topics = topics_pack(g->arena, topics, topic_count);
    g->bytes += entry->journal.n;
    return entry->journal.p && (!has_id || (entry->event_id.p && entry->mark.p)) &&
           (topic_count == 0 || entry->topics.p);
}

/* Adds r to the group. state: the current state after r; the next change is computed from it
 * (g->state). The result of the last one is stored. False when out of memory. */
static bool group_add(struct group *g, struct record *r, struct mastery_state *state)
{
    state->revision++;
    state->updated_at_ms = r->now_ms;
    g->state = r->state = *state;
    mastery_of_state(state, r->now_ms, &r->result);
    r->result_json = (struct str){0}; /* it was made in an earlier attempt */
    r->place = g->n + 1;              /* number of its entry in the script */
    r->repeats = false;
    g->last = r;
    return group_make_entry(g, r) && ++g->n;
}

/* Returns the first of the changes that wait in the leader's line. */
static struct record *group_waiting(const struct record *leader)
{
    return leader->line ? leader->line->first : NULL;
}

/* Returns the change of the group that has the event_id of r; NULL: none has. */
static const struct record *group_find(const struct group *g, const struct record *r)
{
    const struct record *other = g->leader;

    if (r->event_id.n == 0)
        return NULL;
    if (str_equal(other->event_id, r->event_id))
        return other;
    for (other = r->line->first; other != r; other = other->next) {
        if (other->place > 0 && !other->repeats && str_equal(other->event_id, r->event_id))
            return other;
    }
    return NULL;
}

/* Returns whether r can be in a group whose state so far is `state`: only a change of the state's
 * day, because a later day has a snapshot of its own, and for an earlier one r has to read more. A
 * recomputation, which is of no day, needs a state that is not empty. */
static bool group_accepts(const struct record *r, const struct mastery_state *state)
{
    return r->kind == RECORD_RECOMPUTE ? !mastery_state_empty(state) : record_day(r) == state->day;
}

/* Adds the changes that wait in the leader's line, up to the first one that cannot be in the
 * script: it must lead the next one. One whose event_id is that of another in the script gets no
 * entry: if the other one is written, it is a duplicate with that one's mark, as if it had come
 * later. False when out of memory. */
static bool group_add_waiting(struct group *g)
{
    for (struct record *r = group_waiting(g->leader); r && g->n < STUDENT_ENTRIES_MAX;
         r = r->next) {
        const struct record *same = group_find(g, r);
        struct mastery_state state = g->state;

        mastery_state_limit_times(&state, r->now_ms); /* a wrong clock may have set them */
        if (r->is_settled)                            /* an earlier script has decided about it */
            continue;
        if (same) {
            r->place = same->place;
            r->repeats = true;
            r->previous_mark = arena_copy(r->arena, same->mark);
            continue;
        }
        r->must_lead = !group_accepts(r, &state);
        if (r->must_lead || g->bytes > GROUP_BYTES_MAX)
            break;
        record_set_base(r, &state);
        record_apply(r, &state);
        if (!group_add(g, r, &state))
            return false;
    }
    return true;
}

bool record_queue_write(struct record *r, struct pipeline *pipeline, struct str packed,
                        struct mastery_state *days, size_t day_count,
                        const struct mastery_state *base, bool with_others)
{
    struct mastery_state *current = &days[day_count - 1];
    struct group g = {.leader = r, .arena = pipeline->arena};
    struct student_change change = {.student = r->student,
                                    .expected = arena_copy(pipeline->arena, packed),
                                    .days = days,
                                    .day_count = day_count,
                                    .base = base && !mastery_state_empty(base) ? base : NULL,
                                    .entries = g.entries,
                                    .now_ms = r->now_ms};

    for (struct record *other = group_waiting(r); other; other = other->next) {
        other->place = 0;                                    /* it was that in an earlier script */
        other->must_lead = other->must_lead || !with_others; /* this script leaves it out */
    }
    if (!group_add(&g, r, current) || (with_others && !group_add_waiting(&g)))
        return false;
    *current = g.state;
    change.entry_count = g.n;
    change.result_json = mastery_result_json(pipeline->arena, r->student, &g.last->result,
                                             g.last->now_ms, /* with_components */ true);
    if (g.last == r)
        r->result_json = change.result_json;
    pipeline_clear(pipeline);
    r->write_cmd = student_cmd_change(pipeline, &change, &r->packed);
    return !pipeline->failed;
}

/* Sets the outcome of a change that another one's script has decided about, and lets it go on. Its
 * response must wait for the replicas of the servers that executed the script (WAIT), which are
 * added to r->written; without memory for that, no response may promise the write. */
static void record_settle(struct record *r, enum change_outcome outcome,
                          const struct pipeline *pipeline)
{
    bool is_noted = written_join(&r->written, r->arena, pipeline->written);

    r->is_settled = true;
    r->outcome = is_noted ? outcome : CHANGE_PROBLEM;
    r->generation = pipeline->generation;
    record_line_resume(r);
}

void record_settle_others(struct record *r, enum change_outcome outcome,
                          const struct pipeline *pipeline)
{
    struct str mark;

    if (outcome == CHANGE_SAVED && r->line) {
        memcpy(r->line->packed, r->packed.p, r->packed.n);
        r->line->packed_n = r->packed.n;
    }
    for (struct record *other = group_waiting(r); other; other = other->next) {
        if (other->is_settled || other->place == 0 || outcome == CHANGE_OUTDATED)
            continue;
        if (outcome == CHANGE_DUPLICATE) {
            if (!student_parse_known_mark(r->write_cmd, other->place - 1, &mark))
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
