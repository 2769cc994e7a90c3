/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moves closed segments of the audit logs of the shards that this worker holds to the archive
 * (app/service/audit_archive.h), if AUDIT_ARCHIVE_DIR is set: those whose last record is older than
 * AUDIT_ARCHIVE_S, but never the latest of a shard. Redis forgets a segment when it is on the disk.
 * Files that are past AUDIT_DAYS are deleted. */
#ifndef WORKER_AUDIT_ARCHIVING_H
#define WORKER_AUDIT_ARCHIVING_H

#include <pthread.h>
#include <stdatomic.h>

#include "app/service/audit_archive.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

/* What a thread writes to files, so that a slow disk does not hold up the event loop (hazards X2).
 * The loop changes nothing of it until `done`. */
struct archive_write {
    pthread_t thread;
    struct task *task; /* whose arena has the segments; NULL: nothing is being written */
    const char *folder;
    const struct audit_segment_text *segments;
    size_t n;
    struct str first_kept; /* id of the segment after these */
    int64_t
        remove_before_ms; /* files whose month ended before that (epoch ms) are deleted; 0: none */
    enum audit_archive_result result;
    int error; /* errno of a failure; 0: none */
    atomic_bool done;
};

struct audit_archiving {
    struct worker_context *worker;
    struct shards *shards;
    struct periodic schedule;
    struct archive_write write;
    unsigned shard;            /* of the current run */
    bool full;                 /* the current run has moved as many segments as a run can */
    int64_t next_us[SHARDS];   /* monotonic: when the shard is looked at again */
    int64_t next_removal_us;   /* monotonic: when old files are looked for */
    int64_t next_error_log_us; /* monotonic: when a failure may be logged again */
};

void audit_archiving_init(struct audit_archiving *archiving, struct worker_context *w,
                          struct shards *shards);
/* Waits for a running write. To be called before tasks are freed. */
void audit_archiving_close(struct audit_archiving *archiving);
/* Called in every loop iteration: starts a run if one is due. */
void audit_archiving_tick(struct audit_archiving *archiving);

#endif
