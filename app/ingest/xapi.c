/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From an xAPI statement to a finished event: who, when, under which id, then type and data
 * (xapi_map.c). Every fault is reported, not only the first, so that a client can mend all at once;
 * only a wrong form (xapi_form.c) ends the reading, because the rest relies on it. */
#include "app/ingest/xapi.h"

#include "app/base/ids.h"
#include "app/http/json_value.h"
#include "app/ingest/xapi_form.h"
#include "app/ingest/xapi_internal.h"
#include "app/ingest/xapi_text.h"

enum { XAPI_OBJECT_ID_MAX = 256 };

bool xapi_version_supported(struct str version)
{
    return str_equal(version, STR("1.0")) || xapi_is_version(version);
}

/* The problem is shared by all statements of the request: only errors that were added since this
 * one was begun are its own. */
static bool xapi_has_failed(const struct xapi_reader *r)
{
    const struct problem *problem = r->binding->problem;

    return problem->field_count > r->errors_before || problem->code == PROBLEM_INTERNAL_ERROR;
}

/* The student's id is the name of the actor's account. */
static struct str xapi_student(const struct xapi_reader *r)
{
    struct json_object *actor = json_value_member(r->statement, "actor");
    struct str name = json_value_member_text(json_value_member(actor, "account"), "name");

    if (!id_valid(name))
        xapi_refuse(r, "actor", name.p ? "account.name" : "account",
                    name.p ? "must be a student id: 1 to 64 characters of A-Z a-z 0-9 _ -"
                           : "is required: its name is the student id");
    return name;
}

/* A statement without a timestamp happened when it arrived (xAPI-Data.md, 2.4.7). */
static int64_t xapi_time(const struct xapi_reader *r, int64_t now_ms)
{
    struct str text = json_value_member_text(r->statement, "timestamp");
    int64_t at_ms = now_ms;

    if (text.p)
        (void)xapi_parse_time(text, &at_ms);
    return at_ms;
}

/* UUIDs are equal in either case, event ids are compared by bytes: hence the lower case. False
 * without memory. */
static bool xapi_read_id(const struct xapi_reader *r, struct xapi_event *ret)
{
    char uuid[UUID_TEXT_SIZE];
    struct arena *arena = r->binding->arena;
    char *lower;

    ret->id = json_value_member_text(r->statement, "id");
    if (!ret->id.p) {
        uuid_make(uuid);
        ret->id = arena_copy(arena, str_of(uuid));
    }
    lower = ret->id.p ? arena_alloc(arena, ret->id.n) : NULL;
    if (!lower)
        return false;
    for (size_t i = 0; i < ret->id.n; i++) {
        char c = ret->id.p[i];

        lower[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    }
    ret->input.event_id = (struct str){lower, ret->id.n};
    return true;
}

/* Checks the event by the rules of ingest. The data was made here and fits, so what can fail is the
 * time; its error gets the statement's path. */
static void xapi_finish_event(struct xapi_reader *r, int64_t now_ms, struct xapi_event *ret)
{
    struct arena *arena = r->binding->arena;
    struct problem fault = {0};

    if (event_input_finish(&ret->input, now_ms, arena, &fault))
        return;
    if (fault.code == PROBLEM_INTERNAL_ERROR)
        field_no_memory(r->binding);
    for (const struct field_error *e = fault.fields; e; e = e->next) {
        struct str message = arena_copy(arena, e->message);

        field_fail(r->binding, &(struct field_path){.parent = r->path, .name = e->field},
                   message.p ? message.p : "is not valid");
    }
}

/* The order of the checks is the order of the field errors in the response. */
static void xapi_read_event(struct xapi_reader *r, int64_t now_ms, struct xapi_event *ret)
{
    const struct xapi_mapping *mapping = xapi_find_mapping(r);

    ret->input.student = xapi_student(r);
    ret->input.has_student = true;
    ret->input.at_ms = xapi_time(r, now_ms);
    ret->input.has_time = true;
    ret->input.source = STR("xapi");
    ret->input.has_source = true;
    if (r->object_id.n > XAPI_OBJECT_ID_MAX)
        xapi_refuse(r, "object", "id", "must be of at most 256 characters");
    if (mapping)
        ret->input.type = (int)xapi_map_data(mapping, r);
    ret->input.has_type = mapping != NULL;
    ret->input.data = r->data;
    if (!xapi_has_failed(r))
        xapi_finish_event(r, now_ms, ret);
}

bool xapi_parse(struct json_object *statement, const struct field_path *path, int64_t now_ms,
                const struct binding *binding, struct xapi_event *ret)
{
    struct xapi_reader r = {
        .binding = binding, .path = path, .errors_before = binding->problem->field_count};

    *ret = (struct xapi_event){0};
    xapi_check_form(statement, path, binding);
    if (xapi_has_failed(&r))
        return false;
    r.statement = statement;
    r.result = json_value_member(statement, "result");
    r.context = json_value_member(statement, "context");
    r.object_id = json_value_member_text(json_value_member(statement, "object"), "id");
    r.data = json_value_new_object(binding->arena);
    if (!r.data || !xapi_read_id(&r, ret)) {
        field_no_memory(binding);
        return false;
    }
    xapi_read_event(&r, now_ms, ret);
    ret->digest = xapi_digest(statement, binding->arena);
    if (!ret->digest.p)
        field_no_memory(binding);
    return !xapi_has_failed(&r);
}
