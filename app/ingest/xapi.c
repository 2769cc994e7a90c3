/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Converts an xAPI statement to a learning event: student, time and id in this file, type and data
 * in xapi_map.c. All faults of a statement are reported together, except that a fault of its form
 * (xapi_form.c) ends the conversion at once, because the remaining code relies on the form. */
#include "app/ingest/xapi.h"

#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/http/json_value.h"
#include "app/ingest/xapi_form.h"
#include "app/ingest/xapi_internal.h"
#include "app/ingest/xapi_text.h"

enum { XAPI_OBJECT_ID_MAX = 256 }; /* longest id of a statement's object, in bytes */

bool xapi_version_supported(struct str version)
{
    return str_equal(version, STR("1.0")) || xapi_is_version(version);
}

const char *xapi_version_of_response(struct str requested)
{
    return str_starts_with(requested, STR("2.")) ? "2.0.0" : XAPI_VERSION;
}

/* Returns whether this statement has field errors, or memory is exhausted. All statements of a
 * request share one problem; the first reader->errors_before errors are those of earlier statements
 * and do not count. */
static bool xapi_has_failed(const struct xapi_reader *reader)
{
    const struct problem *problem = reader->binding->problem;

    return problem->field_count > reader->errors_before || problem->code == PROBLEM_INTERNAL_ERROR;
}

/* Returns the student's id, which is actor.account.name or, without an account, the mail address in
 * actor.mbox. Without both, returns a text whose p is NULL. Adds a field error when there is no id,
 * or when it is not valid. */
static struct str xapi_student(const struct xapi_reader *reader)
{
    static const struct str scheme = STR_INIT("mailto:");
    struct json_object *actor = json_value_member(reader->statement, "actor");
    struct str id = json_value_member_text(json_value_member(actor, "account"), "name");
    struct str mbox = json_value_member_text(actor, "mbox");
    const char *field = id.p ? "account.name" : mbox.p ? "mbox" : "account";

    if (!id.p && str_starts_with(mbox, scheme))
        id = (struct str){mbox.p + scheme.n, mbox.n - scheme.n};
    if (!id_valid(id))
        xapi_refuse(reader, "actor", field,
                    id.p ? "must have a student id: " ID_FORM
                         : "is required (or mbox): its name is the student id");
    return id;
}

/* Returns the statement's timestamp in ms since the epoch; now_ms, the time of arrival, for a
 * statement without one (xAPI-Data.md, 2.4.7). The form was checked, so parsing cannot fail. */
static int64_t xapi_time(const struct xapi_reader *reader, int64_t now_ms)
{
    struct str text = json_value_member_text(reader->statement, "timestamp");
    int64_t at_ms = now_ms;

    if (text.p)
        (void)xapi_parse_time(text, &at_ms);
    return at_ms;
}

/* Makes an id for a statement that has none. It is the same when the same request is sent again: a
 * digest of the statement's place in the list, the day of the request (unless the statement has a
 * timestamp), and the request's identity. Its p is NULL when out of memory. */
static struct str xapi_make_id(const struct xapi_reader *reader, const struct xapi_request *request)
{
    bool has_time = json_value_member(reader->statement, "timestamp");
    struct arena *arena = reader->binding->arena;
    struct str name =
        arena_printf(arena, "%zu %d %.*s", reader->path ? reader->path->index : 0,
                     has_time ? 0 : (int)day_of_ms(request->now_ms), STR_ARG(request->identity));
    unsigned char digest[DIGEST_SIZE];
    char uuid[UUID_TEXT_SIZE];

    if (!name.p)
        return name;
    digest_sha256(name, digest);
    uuid_of_digest(digest, uuid);
    return arena_copy(arena, str_of(uuid));
}

/* Sets ret->id to the statement's id, or to one that is made for it, and the event id to the same
 * UUID in lower case: UUIDs are equal in upper and lower case, but event ids are compared byte by
 * byte. Returns false when out of memory. */
static bool xapi_read_id(const struct xapi_reader *reader, const struct xapi_request *request,
                         struct xapi_event *ret)
{
    struct arena *arena = reader->binding->arena;
    char *lower;

    ret->id = json_value_member_text(reader->statement, "id");
    if (!ret->id.p)
        ret->id = xapi_make_id(reader, request);
    lower = ret->id.p ? arena_alloc(arena, ret->id.n) : NULL;
    if (!lower)
        return false;
    for (size_t i = 0; i < ret->id.n; i++) {
        char c = ret->id.p[i];

        lower[i] = c;
        if (c >= 'A' && c <= 'F')
            lower[i] = (char)(c - 'A' + 'a');
    }
    ret->input.event_id = (struct str){lower, ret->id.n};
    return true;
}

/* Checks the event by the rules of all learning events. The data made by xapi_map_data obey them,
 * so only the timestamp can be refused. The errors are collected in `fault`, and then added to the
 * request's problem, with the path of the statement before the name of the field. */
static void xapi_finish_event(struct xapi_reader *reader, int64_t now_ms, struct xapi_event *ret)
{
    struct arena *arena = reader->binding->arena;
    struct problem fault = {0};

    if (event_input_finish(&ret->input, now_ms, arena, &fault))
        return;
    if (fault.code == PROBLEM_INTERNAL_ERROR)
        field_no_memory(reader->binding);
    for (const struct field_error *error = fault.fields; error; error = error->next) {
        struct str message = arena_copy(arena, error->message);

        field_fail(reader->binding,
                   &(struct field_path){.parent = reader->path, .name = error->field},
                   message.p ? message.p : "is not valid");
    }
}

/* Fills ret->input from a statement of valid form. Faults are field errors, in the order of the
 * checks here. For a statement that becomes no event, only the student is filled. */
static void xapi_read_event(struct xapi_reader *reader, int64_t now_ms, struct xapi_event *ret)
{
    ret->input.student = xapi_student(reader);
    ret->input.has_student = true;
    ret->input.type = xapi_map_data(reader);
    ret->ignored = ret->input.type == XAPI_NO_EVENT;
    if (ret->ignored)
        return;
    ret->input.has_type = true;
    ret->input.at_ms = xapi_time(reader, now_ms);
    ret->input.has_time = true;
    ret->input.source = STR("xapi");
    ret->input.has_source = true;
    ret->input.data = reader->data;
    if (reader->object_id.n > XAPI_OBJECT_ID_MAX)
        xapi_refuse(reader, "object", "id", "must be of at most 256 characters");
    if (!xapi_has_failed(reader))
        xapi_finish_event(reader, now_ms, ret);
}

/* Checks the statement's form; reads its members, id and event; makes its mark. Only a fault of the
 * form ends the steps early; the return value says whether this statement has any field errors. */
bool xapi_parse(struct json_object *statement, const struct field_path *path,
                const struct xapi_request *request, const struct binding *binding,
                struct xapi_event *ret)
{
    struct xapi_reader reader = {
        .binding = binding, .path = path, .errors_before = binding->problem->field_count};

    *ret = (struct xapi_event){0};
    xapi_check_form(statement, path, binding);
    if (xapi_has_failed(&reader))
        return false;
    reader.statement = statement;
    reader.result = json_value_member(statement, "result");
    reader.context = json_value_member(statement, "context");
    reader.object_id = json_value_member_text(json_value_member(statement, "object"), "id");
    reader.data = json_value_new_object(binding->arena);
    if (!reader.data || !xapi_read_id(&reader, request, ret)) {
        field_no_memory(binding);
        return false;
    }
    xapi_read_event(&reader, request->now_ms, ret);
    ret->mark = xapi_mark(statement, binding->arena);
    if (!ret->mark.p)
        field_no_memory(binding);
    return !xapi_has_failed(&reader);
}
