/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzzes CloudEvents in all forms: the bytes as a structured envelope or a batch of them, and, cut
 * at newlines, as the headers and the body of a binary event, and as a content type. */
#include <stdint.h>
#include <stdlib.h>

#include "app/base/utf8.h"
#include "app/http/json.h"
#include "app/ingest/cloudevent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t now_ms = INT64_C(1769860800000); /* 2026-01-31T12:00:00Z */

static void fuzz_require(bool holds)
{
    if (!holds)
        abort();
}

/* The result is either an event with its student, or a reason. */
static void check_event(const struct cloudevent *event, struct problem *p, struct arena *arena)
{
    struct event_input in = {0};

    if (p->code == PROBLEM_NONE && cloudevent_to_event(event, now_ms, arena, &in, p)) {
        fuzz_require(in.student.n > 0 && in.event_id.n >= 8);
        fuzz_require(event_input_json(&in, in.student, arena).p != NULL);
    } else {
        struct str reason = cloudevent_error_line(p, arena);

        fuzz_require(p->code != PROBLEM_NONE && reason.n > 0 && utf8_valid(reason));
    }
}

static void fuzz_envelope(struct json_object *envelope, struct arena *arena)
{
    struct problem p = {0};
    struct cloudevent event = {.data = NULL};
    struct event_input in;

    (void)cloudevent_parse(envelope, arena, &event, &p);
    check_event(&event, &p, arena);
    p = (struct problem){0};
    if (cloudevent_json_to_event(envelope, now_ms, arena, &in, &p)) /* as the sidecar delivers it */
        fuzz_require(p.code == PROBLEM_NONE && in.student.n > 0);
    else
        fuzz_require(p.code != PROBLEM_NONE);
}

/* A list is a batch: each of its elements is an envelope, whatever it is. */
static void fuzz_structured(struct str text, struct arena *arena)
{
    struct problem p = {0};
    struct json_object *json = json_parse(text, arena, &p);
    bool is_batch = json_object_is_type(json, json_type_array);

    if (p.code != PROBLEM_NONE)
        return;
    if (!is_batch)
        fuzz_envelope(json, arena);
    for (size_t i = 0; is_batch && i < json_object_array_length(json); i++)
        fuzz_envelope(json_object_array_get_idx(json, i), arena);
}

static void fuzz_binary(struct str text, struct arena *arena)
{
    struct problem p = {0};
    struct cloudevent event;
    struct cloudevent_headers headers;

    headers.id = str_cut(&text, '\n');
    headers.source = str_cut(&text, '\n');
    headers.specversion = str_cut(&text, '\n');
    headers.type = str_cut(&text, '\n');
    headers.subject = str_cut(&text, '\n');
    headers.time = str_cut(&text, '\n');
    headers.datacontenttype = str_cut(&text, '\n');
    (void)cloudevent_form_of(headers.datacontenttype, &headers);
    if (!cloudevent_is_binary(&headers))
        return;
    (void)cloudevent_parse_binary(&headers, text, arena, &event, &p);
    check_event(&event, &p, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096, 16 << 20);
    /* copied, so that the sanitizer sees where it ends */
    struct str text = arena_copy(arena, (struct str){(const char *)data, size});

    fuzz_structured(text, arena);
    fuzz_binary(text, arena);
    arena_free(arena);
    return 0;
}
