/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moves closed segments (groups of up to 256 audit records) from Redis to files, the archive
 * (app/service/audit_archive.h), if AUDIT_ARCHIVE_DIR is set. A worker does so for the shards whose
 * leases it holds. A segment is moved when its last record is more than AUDIT_ARCHIVE_S seconds
 * old, but never the latest segment of a shard. It is removed from Redis only when it is on the
 * disk. A file has the segments of one shard and month. When segments are written, at most once a
 * day, files whose month ended more than AUDIT_DAYS ago are deleted. */
#ifndef WORKER_AUDIT_ARCHIVING_H
#define WORKER_AUDIT_ARCHIVING_H

#include <pthread.h>
#include <stdatomic.h>

#include "app/service/audit_archive.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

/* A write of segments to files of the archive by a thread, since a slow disk must not block the
 * event loop (hazards X2). The loop fills in what is to be written and starts the thread. It reads
 * `result` and `error` when the thread has set `done`. */
struct archive_write {
    pthread_t thread;
    struct task *task;  /* the task whose arena has the segments; NULL: nothing is being written */
    const char *folder; /* the setting AUDIT_ARCHIVE_DIR */
    const struct audit_segment_text *segments;
    size_t n; /* number of segments */
    /* id of the first segment that is not written; it stays in Redis, with all later ones */
    struct str first_kept;
    /* files whose month ended before this time (epoch ms) are deleted; 0: none are */
    int64_t remove_before_ms;
    enum audit_archive_result result; /* of writing the segments */
    int error; /* errno of a failure to write, or to delete old files; 0: none */
    atomic_bool done;
};

struct audit_archiving {
    struct worker_context *worker;
    struct shards *shards;
    struct periodic schedule;
    struct archive_write write;
    unsigned shard;            /* the shard of the current or latest run */
    bool full;                 /* the run moves as many segments as a run can: there may be more */
    int64_t next_us[SHARDS];   /* monotonic: when the shard is looked at again */
    int64_t next_removal_us;   /* monotonic: from then on a write also deletes old files */
    int64_t next_error_log_us; /* monotonic: when a failure may be logged again */
};

/* Prepares the runs, which move old closed segments of the audit log to the archive. */
void audit_archiving_init(struct audit_archiving *archiving, struct worker_context *w,
                          struct shards *shards);
/* Waits until a running write has ended, because its thread uses the memory of a task. To be called
 * before tasks are freed. */
void audit_archiving_close(struct audit_archiving *archiving);
/* Called in every loop iteration: starts a run if one is due, and continues one whose write has
 * ended. */
void audit_archiving_tick(struct audit_archiving *archiving);

#endif
