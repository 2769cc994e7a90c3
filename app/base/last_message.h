/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message on stderr by a process that is about to end because of a fault. */
#ifndef BASE_LAST_MESSAGE_H
#define BASE_LAST_MESSAGE_H

#include "app/base/str.h"

/* Writes the text to stderr; the caller then ends the process. If the reader of stderr has stopped
 * and the pipe is full, the write blocks, and after one second the kernel ends the process instead
 * (SIGALRM); else it would never end (hazards X7). Uses no lock and no memory that another thread
 * may hold. */
void last_message(struct str text);

#endif
