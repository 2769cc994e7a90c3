/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SCAN over all nodes of a cluster, one after the other: the cursor that its user sees is
 * "NODE-CURSOR", the position of the node among the members that have slots, and that node's own
 * cursor. "0" begins with the first node and, as on one server, ends the whole. */
#ifndef STORE_SCAN_CURSOR_H
#define STORE_SCAN_CURSOR_H

#include "app/store/members.h"

/* Whether the command is a SCAN. */
bool scan_cursor_is_used(const struct command *command);
/* Puts the node's own cursor in the place of the user's, which it returns the node of. */
size_t scan_cursor_decode(struct command *command, struct arena *arena);
/* The reverse, in the replies to all SCANs of a pipeline that `from` has executed. */
void scan_cursor_encode(struct pipeline *pipeline, const struct members *members,
                        const struct member *from);

#endif
