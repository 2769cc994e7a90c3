/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stored events are validated like those of a client, so that they are converted to observations by
 * the same functions. */
#include "app/ingest/stored_event.h"

#include <stdio.h>

#include "app/http/json.h"
#include "app/http/validate.h"
#include "app/ingest/event_input.h"

/* The check of the age is made against the event's own time, so it always holds: the event was
 * young enough when it was accepted. */
bool stored_event_read(struct str text, struct arena *arena, struct explain_event *ret)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct event_input in = {0};
    struct json_object *json = json_parse(text, arena, &p);

    if (!json || !validate_object(event_rules, json, /* no prefix */ STR(""), arena, &in, &p) ||
        !event_input_finish(&in, in.at_ms, arena, &p))
        return false;
    (void)snprintf(ret->id, sizeof(ret->id), "%.*s", STR_ARG(in.event_id));
    ret->type = (enum event_type)in.type;
    ret->event = in.event;
    return true;
}
