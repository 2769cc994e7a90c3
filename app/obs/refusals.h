/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts of the error responses that nginx makes itself, without a process of the pool: requests
 * over a limit, bodies that are too large, and the like. For each one nginx appends one byte to a
 * file named after the status (conf/nginx, scripts/render-nginx). So the size of the file is a
 * counter that no process has to maintain.
 *
 * folder: the folder of these files; empty when nginx counts nothing. */
#ifndef OBS_REFUSALS_H
#define OBS_REFUSALS_H

#include <stdint.h>

/* All statuses of conf/nginx/errors.conf but 405, which the engine makes. */
enum { REFUSAL_STATUSES = 13 };
extern const int refusal_statuses[REFUSAL_STATUSES];

/* Returns the number of responses with this status; 0 when there is no such file. Frees the disk
 * blocks of the file when they exceed 64 KiB; its size stays. */
uint64_t refusals_count(const char *folder, int status);
void refusals_reset(const char *folder); /* sets all counts to 0 */

#endif
