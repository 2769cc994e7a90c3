/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/audit_item.h"

#include "app/base/json_write.h"

/* True when a student acts on the student's own data. */
static bool audit_item_is_own_data(const struct audit_buffer_entry *event)
{
    return event->role == ROLE_STUDENT &&
           str_equal(audit_entry_actor(event), audit_entry_student(event));
}

/* True when a student acts on other data than the student's own: the record then names the student,
 * as the actor, by pseudonym. */
bool audit_item_needs_pseudonym(const struct audit_buffer_entry *event)
{
    return event->role == ROLE_STUDENT && !audit_item_is_own_data(event);
}

/* Returns the details of the event's audit record as a JSON object; its p is NULL when out of
 * memory. event->subjects consists of JSON members already, so it is copied as it is. */
static struct str audit_details(struct arena *arena, const struct audit_buffer_entry *event)
{
    struct buf text;
    struct jw w = {.out = &text};

    buf_init(&text, arena);
    jw_object(&w, NULL);
    jw_text(&w, "route", event->route);
    if (event->via)
        jw_text(&w, "via", event->via);
    if (!event->success)
        jw_int(&w, "status", event->status);
    if (event->subjects_n > 0) {
        buf_char(&text, ',');
        buf_str(&text, (struct str){event->subjects, event->subjects_n});
    }
    jw_object_end(&w);
    return text.failed ? (struct str){0} : buf_view(&text);
}

bool audit_item_make(struct arena *arena, const struct audit_buffer_entry *event,
                     const struct command *pseudonym_cmd, struct audit_item *ret)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct str actor = audit_entry_actor(event), pseudonym;

    if (audit_item_is_own_data(event)) {
        actor = AUDIT_ACTOR_SELF;
    } else if (event->role == ROLE_STUDENT) {
        if (!pseudonym_cmd || !audit_parse_pseudonym(pseudonym_cmd, &pseudonym, &p))
            return false;
        actor = arena_printf(arena, AUDIT_ACTOR_STUDENT "%.*s", STR_ARG(pseudonym));
    } else {
        actor = audit_actor_of_id(arena, actor);
    }
    *ret = (struct audit_item){
        .record = {.actor = actor,
                   .role = str_of(role_names[event->role]),
                   .action = str_of(event->action),
                   .resource =
                       event->resource_name_n == 0
                           ? str_of(event->resource_type)
                           : arena_printf(arena, "%s/%.*s", event->resource_type,
                                          (int)event->resource_name_n, event->resource_name),
                   .success = event->success,
                   .correlation_id = {event->correlation, event->correlation_n},
                   .details = audit_details(arena, event),
                   .count = event->count},
        .student = audit_entry_student(event),
        .mode = event->mode,
        .minute = event->minute};
    return actor.p && ret->record.resource.p && ret->record.details.p;
}
