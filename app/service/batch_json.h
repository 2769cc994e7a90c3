/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The status of a batch (many students computed in the background) as JSON, for responses and for
 * callbacks (a POST to the URL that the batch named). */
#ifndef SERVICE_BATCH_JSON_H
#define SERVICE_BATCH_JSON_H

#include "app/base/json_write.h"
#include "app/store/batch.h"

/* Returns the percentage of students that have been processed; 100 when there are no students. */
double batch_progress(const struct batch *batch);
/* Estimates the seconds until the batch ends if its speed stays the same, rounded up; 0 when it has
 * ended. False while no student has been processed, so that the speed is unknown. */
bool batch_time_left(const struct batch *batch, int64_t now_ms, int64_t *ret_s);
/* Writes the status as members of the object that the caller has begun. id: the id of the batch. */
void batch_write_status(struct jw *w, struct str id, const struct batch *batch, int64_t now_ms);

#endif
