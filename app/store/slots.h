/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The slots of Redis Cluster: every key is in one of 16384, and every slot is on one node. Source:
 * Redis Cluster specification, "Key distribution model" and "Hash tags". */
#ifndef STORE_SLOTS_H
#define STORE_SLOTS_H

#include "app/store/pipeline.h"

enum { SLOTS = 16384, SLOT_NONE = -1 };

/* Returns the slot of a key: the CRC16 of the text between the first { and the next }, or of the
 * whole key if that text is empty or missing. */
int slot_of_key(struct str key);
/* Returns the slot of the keys of a command, which must all be in one slot; SLOT_NONE when it has
 * no key. */
int slot_of_command(const struct command *command);

#endif
