/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reloads secrets while the process runs. Every file that a secret comes from (NAME_FILE, public
 * keys) is read again each KEY_POLL_MS, even if its time stamp is unchanged: so a symbolic link
 * that is switched to another file, as by Kubernetes, needs no watching (hazards K7). Each process
 * does this by itself; SIGHUP makes it reload at once. A replaced secret is accepted for
 * KEY_GRACE_S seconds more.
 *
 * All or nothing: while any secret is empty, too short or malformed, none is replaced, a log line
 * gives the reason, and the gauge keys_refused counts the processes in this state.
 *
 * Code that reads a secret from engine->config when it needs it always has the current one. Code
 * that derives something from a secret must derive it again when engine->secrets.generation
 * changes. */
#ifndef SERVICE_SECRETS_RELOAD_H
#define SERVICE_SECRETS_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

struct engine;

struct secrets_state {
    int64_t next_check_us; /* monotonic time at which the files are read again; 0: not set yet */
    unsigned generation;   /* rises with each reload that has changed a secret */
    /* the latest reload was refused, because the files have invalid content */
    bool rejected;
};

/* Reloads the secrets when that is due. To be called once in each loop iteration. now_us:
 * monotonic. */
void secrets_reload_tick(struct engine *engine, int64_t now_us);
/* Reloads the secrets at once, and logs the result even if nothing has changed. The keys of the
 * identity provider are not fetched here, but by the provider's next tick. */
void secrets_reload(struct engine *engine, int64_t now_us);

#endif
