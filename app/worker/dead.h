/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Burying what the worker cannot deal with. */
#ifndef WORKER_DEAD_H
#define WORKER_DEAD_H

#include "app/store/dead_letter.h"

/* Asks to keep a dead letter. payload: any text; what is no JSON is kept as a JSON string. */
struct ask *dead_ask(struct asks *a, struct str reason, struct str source, struct str payload,
                     int64_t now_ms);

#endif
