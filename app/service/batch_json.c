/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the status of a batch (many students computed in the background) as clients see it. The
 * times of a start or an end that has not happened yet are null. */
#include "app/service/batch_json.h"

#include <math.h>

double batch_progress(const struct batch *batch)
{
    return batch->total > 0 ? 100.0 * (double)batch->processed / (double)batch->total : 100;
}

/* Multiplies the mean time for one processed student by the number of students that remain. */
bool batch_time_left(const struct batch *batch, int64_t now_ms, int64_t *ret_s)
{
    double remaining_ms;

    *ret_s = 0;
    if (batch_ended(batch->status))
        return true;
    if (batch->processed == 0)
        return false;
    remaining_ms = (double)(now_ms - batch->started_ms) / (double)batch->processed *
                   (double)(batch->total - batch->processed);
    /* the product is negative when this clock is behind that of the worker that started the batch
     */
    *ret_s = remaining_ms > 0 ? (int64_t)ceil(remaining_ms / 1e3) : 0;
    return true;
}

/* Writes a time, or null for ms 0: the start or end has not happened yet. */
static void batch_write_time(struct jw *w, const char *key, int64_t ms)
{
    if (ms == 0)
        jw_null(w, key);
    else
        jw_time(w, key, ms);
}

/* estimated_time_remaining is null while the speed of the batch is unknown. */
void batch_write_status(struct jw *w, struct str id, const struct batch *batch, int64_t now_ms)
{
    int64_t remaining_s;

    jw_str(w, "batch_id", id);
    jw_text(w, "status", batch_status_names[batch->status]);
    jw_number(w, "progress_percentage", batch_progress(batch));
    jw_int(w, "total_students", batch->total);
    jw_int(w, "processed_students", batch->processed);
    jw_int(w, "failed_count", batch->failed);
    if (batch_time_left(batch, now_ms, &remaining_s))
        jw_int(w, "estimated_time_remaining", remaining_s);
    else
        jw_null(w, "estimated_time_remaining");
    jw_text(w, "priority", batch_priority_names[batch->priority]);
    jw_time(w, "created_at", batch->created_ms);
    batch_write_time(w, "started_at", batch->started_ms);
    batch_write_time(w, "completed_at", batch->completed_ms);
}
