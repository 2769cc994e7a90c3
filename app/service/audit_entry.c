/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Audit records as JSON. The records come from Redis, where another program may have written them,
 * so nothing in them is assumed to be well-formed. */
#include "app/service/audit_entry.h"

#include "app/http/json.h"

static const struct str student_prefix = STR_INIT(AUDIT_ACTOR_STUDENT);

/* Compares the pseudonym with the student who acts, who is stored as "student:PSEUDONYM", and with
 * the student concerned, stored as the pseudonym alone. An empty pseudonym matches no record: the
 * student has none, so no record is about this student. */
bool audit_entry_involves(const struct audit_entry *entry, struct str pseudonym)
{
    struct str actor = entry->v[AUDIT_ACTOR];

    if (pseudonym.n == 0)
        return false;
    if (str_equal(entry->v[AUDIT_SUBJECT], pseudonym))
        return true;
    return str_starts_with(actor, student_prefix) &&
           str_equal((struct str){actor.p + student_prefix.n, actor.n - student_prefix.n},
                     pseudonym);
}

/* Writes the member "resource", TYPE/NAME. If the record has a type only and is about one student,
 * the name is the pseudonym of the student (the random name that records have instead of the id).
 */
static void audit_write_resource(struct jw *w, const struct audit_entry *entry)
{
    const struct str resource = entry->v[AUDIT_RESOURCE], subject = entry->v[AUDIT_SUBJECT];
    struct str joined;

    if (subject.n == 0 || (resource.n > 0 && memchr(resource.p, '/', resource.n))) {
        jw_str(w, "resource", resource);
        return;
    }
    joined = arena_printf(w->out->arena, "%.*s/%.*s", STR_ARG(resource), STR_ARG(subject));
    if (joined.p)
        jw_str(w, "resource", joined);
    else
        w->out->failed = true;
}

/* Adds the members of the record's details, a JSON object as text, to the object that is being
 * written. Details that are empty or no JSON object are left out. */
static void audit_splice_details(struct jw *w, struct str details)
{
    struct problem not_json = {.code = PROBLEM_NONE};

    if (details.n <= 2 || details.p[0] != '{' || details.p[details.n - 1] != '}' ||
        !json_parse(details, w->out->arena, &not_json))
        return;
    buf_char(w->out, ',');
    buf_str(w->out, (struct str){details.p + 1, details.n - 2});
}

/* Writes the member "details". Its role, student and count come from fields of the record. A count
 * of accesses (last_ms > 0) has the times of the first one, from its id, and of the last one. All
 * other members come from the JSON text in the field AUDIT_DETAILS. */
static void audit_write_details(struct jw *w, const struct audit_entry *entry)
{
    int64_t count = 0, first_ms = 0;

    (void)str_to_int64(entry->v[AUDIT_COUNT], 0, INT64_MAX, &count);
    jw_object(w, "details");
    jw_str(w, "role", entry->v[AUDIT_ROLE]);
    jw_str(w, "student", entry->v[AUDIT_SUBJECT]);
    jw_int(w, "count", count);
    if (entry->last_ms > 0) {
        (void)stream_id_time(entry->id, &first_ms);
        jw_time(w, "first", first_ms);
        jw_time(w, "last", entry->last_ms);
    }
    audit_splice_details(w, entry->v[AUDIT_DETAILS]);
    jw_object_end(w);
}

/* Writes a record. Its id is unique only within its shard. The id that clients see begins with the
 * shard in hexadecimal digits, and so is unique in the whole log. */
void audit_entry_write(struct jw *w, const struct audit_entry *entry, unsigned shard)
{
    struct str id = arena_printf(w->out->arena, "%02x-%.*s", shard, STR_ARG(entry->id));
    int64_t at_ms = 0;

    (void)stream_id_time(entry->id, &at_ms);
    if (!id.p)
        w->out->failed = true;
    jw_object(w, NULL);
    jw_str(w, "id", id);
    jw_str(w, "user_id", audit_actor_shown(entry->v[AUDIT_ACTOR]));
    jw_str(w, "action", entry->v[AUDIT_ACTION]);
    audit_write_resource(w, entry);
    jw_time(w, "timestamp", at_ms);
    jw_bool(w, "success", str_equal(entry->v[AUDIT_SUCCESS], STR("1")));
    audit_write_details(w, entry);
    jw_str(w, "correlation_id", entry->v[AUDIT_CORRELATION]);
    jw_object_end(w);
}
