/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/batch_json.h"

#include <math.h>

double batch_progress(const struct batch *b)
{
    return b->total > 0 ? 100.0 * (double)b->processed / (double)b->total : 100;
}

bool batch_time_left(const struct batch *b, int64_t now_ms, int64_t *ret_s)
{
    double ms;

    *ret_s = 0;
    if (batch_ended(b->status))
        return true;
    if (b->processed == 0)
        return false;
    ms =
        (double)(now_ms - b->started_ms) / (double)b->processed * (double)(b->total - b->processed);
    *ret_s = ms > 0 ? (int64_t)ceil(ms / 1e3) : 0;
    return true;
}

static void write_time_or_null(struct jw *w, const char *key, int64_t ms)
{
    if (ms == 0)
        jw_null(w, key);
    else
        jw_time(w, key, ms);
}

void batch_write_status(struct jw *w, struct str id, const struct batch *b, int64_t now_ms)
{
    int64_t left_s;

    jw_str(w, "batch_id", id);
    jw_text(w, "status", batch_status_names[b->status]);
    jw_number(w, "progress_percentage", batch_progress(b));
    jw_int(w, "total_students", b->total);
    jw_int(w, "processed_students", b->processed);
    jw_int(w, "failed_count", b->failed);
    if (batch_time_left(b, now_ms, &left_s))
        jw_int(w, "estimated_time_remaining", left_s);
    else
        jw_null(w, "estimated_time_remaining");
    jw_text(w, "priority", batch_priority_names[b->priority]);
    jw_time(w, "created_at", b->created_ms);
    write_time_or_null(w, "started_at", b->started_ms);
    write_time_or_null(w, "completed_at", b->completed_ms);
}
