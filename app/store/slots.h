/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The slots of Redis Cluster: every key is in one of 16384, and every slot is on one node. Source:
 * Redis Cluster specification, "Key distribution model" and "Hash tags". */
#ifndef STORE_SLOTS_H
#define STORE_SLOTS_H

#include "app/store/pipeline.h"

enum { SLOTS = 16384, SLOT_NONE = -1 };

/* The slot of a key: CRC16 of the text between the first { and the next }, of the whole key if that
 * text is empty or missing. */
int slot_of_key(struct str key);
/* The slot of the keys of a command, which must all be in one; SLOT_NONE: it has no key. */
int slot_of_command(const struct command *command);

#endif
