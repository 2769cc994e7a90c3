/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reports what happens with the keys of the identity provider (auth/provider.h) to log and metrics,
 * and gives its state for /ready. Does nothing when the keys come from settings or files. */
#ifndef SERVICE_IDENTITY_H
#define SERVICE_IDENTITY_H

#include <stdint.h>

struct engine;

/* Lets the identity provider do what is due, such as fetching its keys, and logs and counts what
 * has happened. To be called once in each loop iteration, before requests are processed; not
 * without ENGINE_TOKENS. now_us: monotonic. */
void identity_tick(struct engine *engine, int64_t now_us);
/* Returns "healthy", "unhealthy" (the latest fetch has failed, and the last keys are in use) or
 * "unavailable" (there are no keys); NULL when the keys do not come from a server. */
const char *identity_state_name(const struct engine *engine);

#endif
