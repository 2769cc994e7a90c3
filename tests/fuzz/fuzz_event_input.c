/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The body of an ingest, any bytes. What is taken must move the model's state and leave one that
 * can be stored; what is not must be named. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "app/http/json.h"
#include "app/http/validate.h"
#include "app/ingest/event_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_promises(const struct event_input *in, int64_t now_ms, struct arena *arena)
{
    struct mastery_state state;
    struct mastery_result result;
    struct problem p = {0};
    struct str kept = event_input_json(in, STR("s"), arena);

    require(in->type >= 0 && in->type < EVENT_TYPES && in->event_id.n >= 8);
    require(in->at_ms >= now_ms - EVENT_AGE_MAX_MS && in->at_ms <= now_ms + EVENT_AHEAD_MAX_MS);
    require(in->warnings < 1U << EVENT_WARNINGS);
    mastery_state_init(&state);
    mastery_state_apply(&state, &in->event);
    mastery_of_state(&state, now_ms, &result);
    require(isfinite(result.score) && result.score >= 0 && result.score <= 1);
    require(kept.p && json_parse(kept, arena, &p) && p.code == PROBLEM_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t now_ms = INT64_C(1769860800000); /* 2026-01-31T12:00:00Z */
    struct arena *arena = arena_new(4096, 16 << 20);
    struct problem p = {0};
    struct event_input in = {0};
    struct json_object *body =
        size > 0 ? json_parse((struct str){(const char *)data, size}, arena, &p) : NULL;
    bool read = p.code == PROBLEM_NONE;

    if (read) {
        (void)validate_object(event_rules, body, STR(""), arena, &in, &p);
        if (event_input_finish(&in, now_ms, arena, &p))
            require_promises(&in, now_ms, arena);
        else
            require(p.field_count > 0);
    }
    arena_free(arena);
    return 0;
}
