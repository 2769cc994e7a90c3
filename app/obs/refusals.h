/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts of the error responses that nginx makes itself, without a process of the pool: requests
 * over a limit, bodies that are too large, and the like. nginx appends one byte for each to a file
 * with the name of the status (conf/nginx, scripts/render-nginx). So a file's size is a counter
 * that nothing can count twice or lose, and that no process has to read.
 *
 * folder: that of the files; empty: none, nginx counts nothing. */
#ifndef OBS_REFUSALS_H
#define OBS_REFUSALS_H

#include <stdint.h>

/* All statuses of conf/nginx/errors.conf but 405, which the engine makes. */
enum { REFUSAL_STATUSES = 13 };
extern const int refusal_statuses[REFUSAL_STATUSES];

/* Returns the number of responses with this status; 0 without such a file. Memory or disk blocks
 * that the bytes take are released when they are over 64 KiB; the size stays. */
uint64_t refusals_count(const char *folder, int status);
void refusals_reset(const char *folder); /* sets all counts to 0 */

#endif
