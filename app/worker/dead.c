/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/dead.h"

#include "app/base/buf.h"
#include "app/http/json.h"

static struct str quoted(struct arena *arena, struct str text)
{
    struct buf out;

    buf_init(&out, arena);
    buf_json_string(&out, text);
    return out.failed ? (struct str){0} : buf_view(&out);
}

struct ask *dead_ask(struct asks *a, struct str reason, struct str source, struct str payload,
                     int64_t now_ms)
{
    size_t offset;

    if (!json_check(payload, JSON_VALUES_MAX, a->arena, &offset))
        payload = quoted(a->arena, payload);
    if (!reason.p || !source.p || !payload.p)
        a->failed = true;
    return dead_letter_ask(a, reason, source, payload, now_ms);
}
