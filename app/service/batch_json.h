/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The status of a batch as JSON, for responses and callbacks. */
#ifndef SERVICE_BATCH_JSON_H
#define SERVICE_BATCH_JSON_H

#include "app/base/json_write.h"
#include "app/store/batch.h"

/* Students that have a result, in percent of all. */
double batch_progress(const struct batch *batch);
/* Seconds until the batch ends at its speed so far, rounded up; 0 when it has ended. False while it
 * has no result yet. */
bool batch_time_left(const struct batch *batch, int64_t now_ms, int64_t *ret_s);
/* Writes the members of the status into an open object. */
void batch_write_status(struct jw *w, struct str id, const struct batch *batch, int64_t now_ms);

#endif
