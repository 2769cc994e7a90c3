/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run is for one shard and takes two round trips: (1) its oldest segments; then those that are
 * old enough are written to their files by a thread, since the disk may take long; (2) the script
 * that removes them from Redis. If the worker ends between the two, the next run finds them in the
 * files, and does not write them again. */
#include "app/worker/audit_archiving.h"

#include <errno.h>

#include "app/base/clock.h"
#include "app/service/audit_segment_pack.h"
#include "app/store/lease.h"
#include "app/store/reply.h"
#include "app/worker/audit_report.h"

enum { SEGMENTS_A_RUN = 16 };

/* Time until a shard is looked at again, and after which old files are looked for. */
static const int64_t INTERVAL_US = 60000000, REMOVAL_US = INT64_C(86400000000);
/* How often the loop looks whether the thread has ended. */
static const int64_t POLL_US = 10000;

/* Reports a failure. Nothing is lost: Redis keeps what is not archived. */
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

/* Returns the time until a shard is looked at again. */
static int64_t archiving_interval_us(const struct audit_archiving *archiving)
{
    int64_t age_us = archiving->worker->engine->config.audit_archive_s * INT64_C(1000000);

    return age_us < INTERVAL_US ? age_us : INTERVAL_US;
}

/* Called when Redis has forgotten what is archived. */
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

/* The thread. */
static void *archiving_thread(void *owned)
{
    struct archive_write *write = owned;
    struct arena *arena = arena_new(1 << 16, 256 << 20); /* bytes at first, and at most */

    write->result = AUDIT_ARCHIVE_FAILED;
    write->error = 0;
    errno = ENOMEM;
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

/* Returns the time before which files are deleted (epoch ms), once a day; else 0. */
static int64_t archiving_remove_before_ms(struct audit_archiving *archiving)
{
    const struct worker_context *w = archiving->worker;

    if (w->now_us < archiving->next_removal_us)
        return 0;
    archiving->next_removal_us = w->now_us + REMOVAL_US;
    return w->now_ms - w->engine->config.audit_days * INT64_C(86400000);
}

/* Starts the thread that writes n segments to their files. False: there is no memory for it. */
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

/* Goes on when the thread has ended: Redis may forget what is on the disk. */
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

/* Returns how many of the segments, of which there are n, are to be moved: those that are old
 * enough, but not the last one, which may be the latest of the shard. */
static size_t archiving_count_old(const struct worker_context *w,
                                  const struct audit_segment *segments, size_t n)
{
    int64_t before_ms = w->now_ms - w->engine->config.audit_archive_s * INT64_C(1000), at_ms;
    size_t old = 0;

    while (old + 1 < n && stream_id_time(segments[old].id, &at_ms) && at_ms < before_ms)
        old++;
    return old;
}

/* Called with the oldest segments of the shard. A segment that cannot be read stays in Redis, with
 * all after it, and is reported. */
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

/* Returns the shard that is to be looked at next; SHARDS: none is due. */
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
    task->data =
        audit_segment_cmd_range(&task->pipeline, shard, STR("-"), STR("+"), SEGMENTS_A_RUN + 1);
    task_submit(task, archiving_on_segments);
}
