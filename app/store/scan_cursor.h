/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SCAN over all nodes of a cluster, one after the other. The sender of SCAN gets and sends a cursor
 * of the cluster, "NODE-EPOCH-CURSOR": the position of the node among the members with slots, the
 * epoch of the map, and that node's own cursor. "0" begins with the first node and, as on one
 * server, ends the scan. When the map has changed, SCAN begins again: slots may have moved to a
 * node that was scanned already, and a node cannot use the cursor of another. Some keys are then
 * seen twice, which SCAN allows. */
#ifndef STORE_SCAN_CURSOR_H
#define STORE_SCAN_CURSOR_H

#include "app/store/members.h"

/* bytes of a cursor of the cluster, NODE-EPOCH-CURSOR, with the NUL at its end */
enum { SCAN_CURSOR_SIZE = 64 };

/* Returns whether the command is a SCAN. */
bool scan_cursor_is_used(const struct command *command);
/* Replaces the cursor of the cluster in a SCAN, NODE-EPOCH-CURSOR, by the node's own cursor, and
 * returns the position of that node. After a change of the map (another epoch) uses cursor 0 of the
 * first node. */
size_t scan_cursor_decode(struct command *command, const struct members *members);
/* Replaces the node's own cursor by that of the cluster, NODE-EPOCH-CURSOR, in the replies to all
 * SCANs of a pipeline that `from` has executed. epoch: of the map when the pipeline was sent. */
void scan_cursor_encode(struct pipeline *pipeline, const struct members *members,
                        const struct member *from, int64_t epoch);

#endif
