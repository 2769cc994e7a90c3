/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzzes xAPI: the bytes as a statement, as a duration and as a time. Reading a statement twice
 * must give the same digest. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "app/base/ids.h"
#include "app/http/json.h"
#include "app/ingest/xapi.h"
#include "app/ingest/xapi_form.h"
#include "app/ingest/xapi_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t now_ms = INT64_C(1769860800000); /* 2026-01-31T12:00:00Z */

static void fuzz_require(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_statement(struct json_object *json, struct arena *arena)
{
    struct problem p = {0};
    const struct binding binding = {arena, &p};
    struct field_path path = {.index = 1};
    struct xapi_event event, again;

    if (!xapi_parse(json, &path, now_ms, &binding, &event)) {
        fuzz_require(p.field_count > 0);
        return;
    }
    fuzz_require(p.code == PROBLEM_NONE && id_valid(event.input.student) &&
                 event.input.event_id.n == 36);
    fuzz_require(event.mark.n >= DIGEST_HEX_SIZE - 1);
    fuzz_require(xapi_parse(json, &path, now_ms, &binding, &again) &&
                 xapi_marks_equal(event.mark, again.mark));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096, 32 << 20);
    struct problem p = {0};
    struct str text = arena_copy(arena, (struct str){(const char *)data, size});
    struct json_object *json = json_parse(text, arena, &p);
    double seconds = 0;
    int64_t at_ms;

    if (p.code == PROBLEM_NONE)
        fuzz_statement(json, arena);
    if (xapi_parse_duration(text, &seconds))
        fuzz_require(isfinite(seconds) && seconds >= 0);
    (void)xapi_parse_time(text, &at_ms);
    arena_free(arena);
    return 0;
}
