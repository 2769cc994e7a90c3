/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints the newest records of the audit log. Of each shard, Redis has the newest records and the
 * archive (app/service/audit_archive.h) the older ones. As shards differ in how much happens in
 * them, the newest of all may be in either, so those of both are collected and sorted. A record
 * that is in both is printed once. */
#include "app/ctl/audit_newest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/ctl/json_line.h"
#include "app/ctl/table.h"
#include "app/service/audit_archive.h"
#include "app/service/audit_list.h"

/* ---- printing ---- */

/* Prints an audit record as one row of the table: shard and id, time, outcome, actor (role),
 * action, resource, subject (the student's pseudonym), and in one column the count (x3: the record
 * is of three requests, the last at the time after "until") and the details, a JSON object. */
static void audit_print_line(struct table *table, const struct audit_list_item *found,
                             struct arena *arena)
{
    const struct audit_entry *e = &found->entry;
    struct str actor = audit_actor_shown(e->v[AUDIT_ACTOR]);
    char time[TIME_TEXT_SIZE], last[TIME_TEXT_SIZE] = "";
    int64_t at_ms = 0;

    (void)stream_id_time(e->id, &at_ms);
    time_print(at_ms, time);
    if (e->last_ms > 0)
        time_print(e->last_ms, last);
    table_row(
        table,
        (struct str[]){
            arena_printf(arena, "%02x-%.*s", found->shard, STR_ARG(e->id)), str_of(time),
            str_equal(e->v[AUDIT_SUCCESS], STR("1")) ? STR("done") : STR("FAILED"),
            arena_printf(arena, "%.*s (%.*s)", STR_ARG(actor), STR_ARG(e->v[AUDIT_ROLE])),
            e->v[AUDIT_ACTION], e->v[AUDIT_RESOURCE], e->v[AUDIT_SUBJECT],
            arena_printf(arena, "x%.*s %s%s %.*s", STR_ARG(e->v[AUDIT_COUNT]),
                         e->last_ms > 0 ? "until " : "", last, STR_ARG(e->v[AUDIT_DETAILS]))});
}

/* Prints an audit record as a line of JSON. */
static enum ctl_exit audit_print_json(const struct audit_newest *r,
                                      const struct audit_list_item *found)
{
    const struct audit_entry *e = &found->entry;
    struct json_line line;
    struct jw *w = json_line_begin(&line, r->arena);
    int64_t at_ms = 0, count = 0;

    (void)stream_id_time(e->id, &at_ms);
    (void)str_to_int64(e->v[AUDIT_COUNT], 0, INT64_MAX, &count);
    jw_str(w, "id", arena_printf(r->arena, "%02x-%.*s", found->shard, STR_ARG(e->id)));
    jw_time(w, "at", at_ms);
    jw_time(w, "last", e->last_ms > 0 ? e->last_ms : at_ms);
    jw_bool(w, "success", str_equal(e->v[AUDIT_SUCCESS], STR("1")));
    jw_str(w, "actor", audit_actor_shown(e->v[AUDIT_ACTOR]));
    jw_str(w, "role", e->v[AUDIT_ROLE]);
    jw_str(w, "action", e->v[AUDIT_ACTION]);
    jw_str(w, "resource", e->v[AUDIT_RESOURCE]);
    jw_str(w, "subject", e->v[AUDIT_SUBJECT]);
    jw_str(w, "correlation_id", e->v[AUDIT_CORRELATION]);
    jw_int(w, "count", count);
    json_line_value(w, "details", e->v[AUDIT_DETAILS], r->arena);
    return json_line_end(&line, r->command, CTL_DONE);
}

/* The newest records that were found so far. */
struct found {
    struct audit_list_item *items; /* n records; unsorted until found_cut */
    size_t n, room, limit;         /* room: elements of `items`; limit: how many are wanted */
    struct arena *texts, *other;   /* texts: of the items; other: empty, for the next found_cut */
};

/* Prints the records that were found. */
static enum ctl_exit audit_print_found(const struct audit_newest *r, const struct found *found)
{
    static const char *const heads[] = {"ID",       "AT",      "OUTCOME",        "ACTOR", "ACTION",
                                        "RESOURCE", "SUBJECT", "COUNT, DETAILS", NULL};
    enum ctl_exit status = CTL_DONE;
    struct table table;

    table_begin(&table, heads);
    for (size_t i = 0; i < found->n && status == CTL_DONE; i++) {
        if (r->json)
            status = audit_print_json(r, &found->items[i]);
        else
            audit_print_line(&table, &found->items[i], r->arena);
    }
    table_end(&table);
    return status;
}

/* ---- collecting ---- */

/* Compares two records for qsort: newest first; of the same id, the higher shard first. 0: the same
 * record. */
static int found_compare(const void *a, const void *b)
{
    const struct audit_list_item *first = a, *second = b;
    int order = stream_id_compare(second->entry.id, first->entry.id);

    if (order != 0 || first->shard == second->shard)
        return order;
    return first->shard < second->shard ? 1 : -1;
}

/* Copies the texts of a record to the arena. False: out of memory. */
static bool found_copy(struct arena *arena, struct audit_entry *entry)
{
    bool copied = true;

    entry->id = arena_copy(arena, entry->id);
    for (size_t k = 0; k < AUDIT_FIELDS; k++) {
        entry->v[k] = arena_copy(arena, entry->v[k]);
        copied = copied && entry->v[k].p;
    }
    return copied && entry->id.p;
}

/* Sorts the records that were found, and drops all but the `limit` newest, and duplicates. Copies
 * the texts of the others to the empty arena and resets the old one, so that dropped texts use no
 * memory. False: out of memory. */
static bool found_cut(struct found *found)
{
    struct arena *old = found->texts;
    size_t n = 0;
    bool copied = true;

    qsort(found->items, found->n, sizeof(*found->items), found_compare);
    for (size_t i = 0; i < found->n && n < found->limit; i++) {
        if (n > 0 && found_compare(&found->items[n - 1], &found->items[i]) == 0)
            continue; /* it is in Redis and in the archive */
        found->items[n] = found->items[i];
        copied = copied && found_copy(found->other, &found->items[n].entry);
        n++;
    }
    found->n = n;
    found->texts = found->other;
    found->other = old;
    arena_reset(old);
    return copied;
}

/* Adds a record, with a copy of its texts. When there is no room, first drops all but the `limit`
 * newest. False: out of memory. */
static bool found_add(struct found *found, unsigned shard, const struct audit_entry *entry)
{
    struct audit_list_item *item;

    if (found->n == found->room && !found_cut(found))
        return false;
    item = &found->items[found->n++];
    *item = (struct audit_list_item){.shard = shard, .entry = *entry};
    return found_copy(found->texts, &item->entry);
}

/* Adds those records of a segment of the archive that pass all filters of the list: not before
 * l->since_ms, before the position l->from (an empty id: any), accepted by audit_list_matches.
 * False: out of memory. */
static bool found_add_segment(struct found *found, const struct audit_list *l,
                              const struct audit_segment_text *segment)
{
    for (size_t i = 0; i < segment->n; i++) {
        const struct audit_entry *entry = &segment->entries[i];
        int64_t at_ms;

        if (!stream_id_time(entry->id, &at_ms) || at_ms < l->since_ms ||
            (*l->from.id && stream_id_compare(entry->id, str_of(l->from.id)) >= 0) ||
            !audit_list_matches(l, entry))
            continue;
        if (!found_add(found, segment->shard, entry))
            return false;
    }
    return true;
}

/* Adds those records of the archive that pass the filters of the list `l`. lines: memory for one
 * line, reset for each. Skips a line that is no segment, because `verify` reports it. False after
 * an error on standard error. */
static bool found_add_archive(const struct audit_newest *r, struct found *found,
                              const struct audit_list *l, struct arena *lines)
{
    const char *folder = r->engine->config.audit_archive_dir;
    struct audit_segment_text segment;
    struct str text;
    bool good = true;

    for (unsigned i = 0; i < l->shard_count && good; i++) {
        struct audit_archive_reader reader;
        enum audit_archive_read result = AUDIT_ARCHIVE_SEGMENT;

        good = audit_archive_open(&reader, folder, l->first_shard + i, r->arena);
        while (good && result != AUDIT_ARCHIVE_END) {
            arena_reset(lines);
            result = audit_archive_next(&reader, lines, &segment, &text);
            good = result != AUDIT_ARCHIVE_ERROR &&
                   (result != AUDIT_ARCHIVE_SEGMENT || found_add_segment(found, l, &segment));
        }
        audit_archive_close(&reader);
    }
    if (!good)
        subcommand_error(r->command, "cannot read the archive in %s: %s", folder, strerror(errno));
    return good;
}

/* Collects the newest records of Redis, which are in the list `l`, and of the archive, if there is
 * one, and prints the newest of both. Returns the exit status. */
static enum ctl_exit newest_collect(const struct audit_newest *r, const struct audit_list *l)
{
    enum { TEXTS_MAX = 256 << 20 }; /* bytes */
    struct found found = {.limit = r->limit, .room = 2 * r->limit};
    struct arena *lines = arena_new(1 << 16, 64 << 20);
    enum ctl_exit status = CTL_FAILED;
    bool good;

    found.texts = arena_new(1 << 16, TEXTS_MAX);
    found.other = arena_new(1 << 16, TEXTS_MAX);
    found.items = arena_array(r->arena, found.room, sizeof(*found.items));
    good = found.texts && found.other && found.items && lines;
    for (size_t i = 0; i < l->n && good; i++)
        good = found_add(&found, l->items[i].shard, &l->items[i].entry);
    if (good && *r->engine->config.audit_archive_dir)
        good = found_add_archive(r, &found, l, lines);
    if (good && found_cut(&found))
        status = audit_print_found(r, &found);
    arena_free(lines);
    arena_free(found.texts);
    arena_free(found.other);
    return status;
}

/* Each audit_list_step queues the commands that read the next records, and merges those that have
 * been read by time. A failure of Redis is in p, whose code is checked after the loop. */
enum ctl_exit audit_newest_print(const struct audit_newest *r)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct audit_list *l = arena_zalloc(r->arena, sizeof(*l));
    struct pipeline pipeline;
    int64_t until_ms = 0;

    if (!l)
        return CTL_FAILED;
    l->limit = r->limit;
    l->user = str_of(r->user);
    l->student = str_of(r->student);
    if (r->since && !time_parse(str_of(r->since), &l->since_ms))
        return subcommand_usage_error(r->command, "--since is a time such as 2026-01-15T10:00:00Z");
    if (r->until && !time_parse(str_of(r->until), &until_ms))
        return subcommand_usage_error(r->command, "--until is a time such as 2026-01-15T10:00:00Z");
    if (r->until)
        audit_cursor_until(until_ms, &l->from);
    pipeline_init(&pipeline, r->arena, NULL /* owner */);
    while (audit_list_step(l, &pipeline, &p) == STEP_MORE) {
        if (!subcommand_round_trip(r->engine, &pipeline, &p))
            break;
    }
    if (p.code != PROBLEM_NONE)
        return subcommand_fail(r->command, r->engine, &p);
    return newest_collect(r, l);
}
