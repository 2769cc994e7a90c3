/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message on stderr by a process that is about to end because of a fault. */
#ifndef BASE_LAST_MESSAGE_H
#define BASE_LAST_MESSAGE_H

#include "app/base/str.h"

/* Writes the text to stderr; the caller then ends the process. If the reader of stderr does not
 * read, the write blocks, and after one second the kernel ends the process instead (SIGALRM).
 * Without that limit a stopped reader would keep every process alive that it should report (hazards
 * X7). Uses no lock and no memory that another thread may hold. */
void last_message(struct str text);

#endif
