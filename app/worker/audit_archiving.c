/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run moves closed segments of one shard from Redis to the archive, in two round trips: (1) it
 * reads the oldest segments, and a thread writes those that are old enough to files, since the disk
 * may take long; (2) a script removes the written segments from Redis. If the worker ends between
 * the two, the next run finds the segments in the files, does not write them again, and removes
 * them from Redis. */
#include "app/worker/audit_archiving.h"

#include <errno.h>

#include "app/base/clock.h"
#include "app/service/audit_segment_pack.h"
#include "app/store/lease.h"
#include "app/store/reply.h"
#include "app/worker/audit_report.h"

enum { SEGMENTS_A_RUN = 16 }; /* most segments that a run moves */

/* longest time until a shard is looked at again (archiving_interval_us) */
static const int64_t INTERVAL_US = 60000000;
/* least time between two deletions of old files; the thread does them with a write of segments */
static const int64_t REMOVAL_US = INT64_C(86400000000);
/* time between two looks of the loop whether the thread has ended */
static const int64_t POLL_US = 10000;

/* Counts a failure of the archive (segments of the shard were not archived, or old files were not
 * deleted), and logs it, once a minute at most; `why` is the reason. Nothing is lost: Redis keeps
 * what is not archived. */
static void archiving_report(struct audit_archiving *archiving, const char *why)
{
    const struct worker_context *w = archiving->worker;
    const struct audit_failure failure = {.status = "unarchived",
                                          .event = "audit.unarchived",
                                          .folder = w->engine->config.audit_archive_dir,
                                          .reason = why,
                                          .consequence = "the segments stay in Redis"};

    audit_report_failure(w, archiving->shard, &archiving->next_error_log_us, &failure);
}

/* Returns the time until a shard is looked at again: a minute, or AUDIT_ARCHIVE_S if that is
 * less. */
static int64_t archiving_interval_us(const struct audit_archiving *archiving)
{
    int64_t age_us = archiving->worker->engine->config.audit_archive_s * INT64_C(1000000);

    return age_us < INTERVAL_US ? age_us : INTERVAL_US;
}

/* Called with the reply of the script that removes the archived segments from Redis: ends the run.
 * If the run has moved as many segments as it could, the shard is due again at once. After a
 * failure the next run of the shard removes them. */
static void archiving_on_forgotten(struct task *task)
{
    struct audit_archiving *archiving = task->owner;
    struct problem p = {.code = PROBLEM_NONE};
    const struct command *command = task->data;
    int64_t result = 0;

    if (!task_failed(task) && reply_expect_int(command->reply, &result, &p)) {
        if (result == LEASE_LOST)
            shards_lease_lost(archiving->shards, archiving->shard);
        else if (archiving->full)
            archiving->next_us[archiving->shard] = 0;
    }
    periodic_end(&archiving->schedule, task);
}

/* The thread of a write: writes the segments to their files and then, if remove_before_ms is set,
 * deletes old files. It sets `done` last, after which the event loop reads the results. */
static void *archiving_thread(void *owned)
{
    struct archive_write *write = owned;
    struct arena *arena = arena_new(1 << 16, 256 << 20); /* bytes at first, and at most */

    write->result = AUDIT_ARCHIVE_FAILED;
    write->error = 0;
    errno = ENOMEM; /* the reason of the failure if there is no arena */
    if (arena)
        write->result = audit_archive_append(write->folder, write->segments, write->n, arena);
    if (write->result == AUDIT_ARCHIVE_FAILED)
        write->error = errno;
    if (write->remove_before_ms != 0 &&
        !audit_archive_remove_old(write->folder, write->remove_before_ms) && write->error == 0)
        write->error = errno;
    arena_free(arena);
    atomic_store(&write->done, true);
    return NULL;
}

/* Returns the time (epoch ms) for remove_before_ms: AUDIT_DAYS ago. Returns 0, so that nothing is
 * deleted, if less than REMOVAL_US has passed since the last deletion. */
static int64_t archiving_remove_before_ms(struct audit_archiving *archiving)
{
    const struct worker_context *w = archiving->worker;

    if (w->now_us < archiving->next_removal_us)
        return 0;
    archiving->next_removal_us = w->now_us + REMOVAL_US;
    return w->now_ms - w->engine->config.audit_days * INT64_C(86400000);
}

/* Starts the thread that writes the n segments of `texts` to their files. first_kept: id of the
 * first segment that stays in Redis. Returns false when out of memory or threads. */
static bool archiving_start_write(struct audit_archiving *archiving, struct task *task,
                                  const struct audit_segment_text *texts, size_t n,
                                  struct str first_kept)
{
    struct archive_write *write = &archiving->write;
    struct str folder =
        arena_copy(task->arena, str_of(task->worker->engine->config.audit_archive_dir));

    write->folder = folder.p;
    write->segments = texts;
    write->n = n;
    write->first_kept = arena_copy(task->arena, first_kept);
    write->remove_before_ms = archiving_remove_before_ms(archiving);
    atomic_store(&write->done, false);
    if (!folder.p || !write->first_kept.p ||
        pthread_create(&write->thread, NULL, archiving_thread, write) != 0)
        return false;
    write->task = task;
    return true;
}

/* Called when the thread has ended. Reports a failure. If all segments are on the disk, sends the
 * script that removes them from Redis. */
static void archiving_on_written(struct audit_archiving *archiving)
{
    struct archive_write *write = &archiving->write;
    struct task *task = write->task;

    (void)pthread_join(write->thread, NULL);
    write->task = NULL;
    if (write->result == AUDIT_ARCHIVE_CONFLICT)
        archiving_report(archiving,
                         "a file has other segments than Redis; see mastery-ctl audit verify");
    else if (write->error != 0)
        archiving_report(archiving, strerror(write->error)); /* NOLINT(concurrency-mt-unsafe) */
    if (write->result != AUDIT_ARCHIVED) {
        periodic_end(&archiving->schedule, task);
        return;
    }
    pipeline_clear(&task->pipeline);
    task->data = audit_segment_cmd_forget(&task->pipeline, archiving->shard, task->worker->id,
                                          write->first_kept);
    task_submit(task, archiving_on_forgotten);
}

/* Returns how many of the n oldest segments of a shard are to be moved: those whose last record is
 * older than AUDIT_ARCHIVE_S, but not the last of the n, which may be the latest of the shard. The
 * id of a segment is that of its last record, and contains the time. */
static size_t archiving_count_old(const struct worker_context *w,
                                  const struct audit_segment *segments, size_t n)
{
    int64_t before_ms = w->now_ms - w->engine->config.audit_archive_s * INT64_C(1000), at_ms;
    size_t old = 0;

    while (old + 1 < n && stream_id_time(segments[old].id, &at_ms) && at_ms < before_ms)
        old++;
    return old;
}

/* Called with the oldest segments of the shard: starts the write of those that are old enough. A
 * segment that cannot be read stays in Redis, with all after it, and is reported.
 * segments[readable], the first that stays, exists, because the last one that was read is never
 * moved. */
static void archiving_on_segments(struct task *task)
{
    struct audit_archiving *archiving = task->owner;
    struct audit_segment segments[SEGMENTS_A_RUN + 1];
    struct audit_segment_text *texts =
        arena_array(task->arena, SEGMENTS_A_RUN, sizeof(struct audit_segment_text));
    struct problem p = {.code = PROBLEM_NONE};
    size_t n = 0, old = 0, readable = 0;

    if (!texts || task_failed(task) ||
        !audit_segment_parse(task->data, SEGMENTS_A_RUN + 1, segments, &n, &p)) {
        periodic_end(&archiving->schedule, task);
        return;
    }
    old = archiving_count_old(task->worker, segments, n);
    while (readable < old &&
           audit_segment_unpack(task->arena, &segments[readable], &texts[readable]) &&
           texts[readable].shard == archiving->shard)
        readable++;
    if (readable < old)
        archiving_report(archiving, "a segment cannot be read; see mastery-ctl audit verify");
    archiving->full = readable == SEGMENTS_A_RUN;
    if (readable == 0 || !shards_lease_held(archiving->shards, archiving->shard) ||
        !archiving_start_write(archiving, task, texts, readable, segments[readable].id))
        periodic_end(&archiving->schedule, task);
}

void audit_archiving_init(struct audit_archiving *archiving, struct worker_context *w,
                          struct shards *shards)
{
    memset(archiving, 0, sizeof(*archiving));
    archiving->worker = w;
    archiving->shards = shards;
    periodic_init(&archiving->schedule, w, /* delay_us */ 0);
}

void audit_archiving_close(struct audit_archiving *archiving)
{
    if (archiving->write.task)
        (void)pthread_join(archiving->write.thread, NULL);
    archiving->write.task = NULL;
}

/* Returns the shard of the next run: the first one that is due and whose lease this worker holds,
 * counted from the shard after that of the latest run. SHARDS: there is none. */
static unsigned archiving_next_shard(const struct audit_archiving *archiving)
{
    const struct worker_context *w = archiving->worker;

    for (unsigned i = 0; i < SHARDS; i++) {
        unsigned shard = (archiving->shard + 1 + i) % SHARDS;

        if (shards_lease_held(archiving->shards, shard) && archiving->next_us[shard] <= w->now_us)
            return shard;
    }
    return SHARDS;
}

/* Starts a run for the next shard that is due. While the thread of a run writes, the loop wakes
 * every POLL_US to see whether it has ended; this goes on even while the worker is draining. */
void audit_archiving_tick(struct audit_archiving *archiving)
{
    const struct worker_context *w = archiving->worker;
    struct task *task;
    unsigned shard;

    if (archiving->write.task) {
        if (atomic_load(&archiving->write.done))
            archiving_on_written(archiving);
        else
            worker_wake_at(archiving->worker, w->now_us + POLL_US);
        return;
    }
    if (!*w->engine->config.audit_archive_dir || worker_draining(w) ||
        !periodic_due(&archiving->schedule))
        return;
    shard = archiving_next_shard(archiving);
    if (shard == SHARDS) {
        periodic_schedule(&archiving->schedule, archiving_interval_us(archiving));
        return;
    }
    task = periodic_begin(&archiving->schedule, shard, archiving);
    if (!task)
        return;
    archiving->shard = shard;
    archiving->full = false;
    archiving->next_us[shard] = w->now_us + archiving_interval_us(archiving);
    /* one more than a run moves, because the last one that is read always stays */
    task->data =
        audit_segment_cmd_range(&task->pipeline, shard, STR("-"), STR("+"), SEGMENTS_A_RUN + 1);
    task_submit(task, archiving_on_segments);
}
