/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far a batch has got, as clients and callbacks are told. */
#ifndef SERVICE_BATCH_JSON_H
#define SERVICE_BATCH_JSON_H

#include "app/base/json_write.h"
#include "app/store/batch.h"

/* Share of the students that have a result, in percent. */
double batch_progress(const struct batch *b);
/* Seconds until it ends if it goes on as so far, rounded up; false when nothing can be told. */
bool batch_time_left(const struct batch *b, int64_t now_ms, int64_t *ret_s);
/* The members of the status, into an object that is open. */
void batch_write_status(struct jw *w, struct str id, const struct batch *b, int64_t now_ms);

#endif
