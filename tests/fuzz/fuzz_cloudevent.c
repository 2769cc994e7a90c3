/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzzes CloudEvents in both modes: the bytes as a structured envelope, and, cut at newlines, as
 * the headers and the body of a binary event. */
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

static void fuzz_structured(struct str text, struct arena *arena)
{
    struct problem p = {0};
    struct cloudevent event;
    struct json_object *envelope = json_parse(text, arena, &p);

    if (p.code != PROBLEM_NONE)
        return;
    (void)cloudevent_parse(envelope, arena, &event, &p);
    check_event(&event, &p, arena);
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
