/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets that change while the process runs. Each file that one comes from (NAME_FILE, public
 * keys) is read again every KEY_POLL_MS, whatever its time says: a link that is swapped, as
 * Kubernetes does it, needs no watching then (hazards K7). Each process does so by itself; SIGHUP
 * makes it look at once. What a file held before is still accepted for KEY_GRACE_S.
 *
 * All or nothing: while anything in them is empty, too short or broken, all stays as it is, a line
 * in the log says why, and keys_refused in the metrics counts the processes for which it is so.
 *
 * Whoever asks engine->config for a secret when he needs it has the present one; whoever makes
 * something of it does so again when engine->rotation.changes is another number. */
#ifndef SERVICE_SECRETS_RELOAD_H
#define SERVICE_SECRETS_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

struct engine;

struct secrets_state {
    int64_t next_check_us; /* 0: the first look is still to come */
    unsigned generation;
    bool rejected; /* what is there now is not taken */
};

/* Once a turn. now_us: monotonic. */
void secrets_reload_tick(struct engine *engine, int64_t now_us);
/* Looks at once, and tells what came of it even if nothing has changed. */
void secrets_reload(struct engine *engine, int64_t now_us);

#endif
