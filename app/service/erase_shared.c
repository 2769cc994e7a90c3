/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The phases of an erasure about records that students share: cohorts, batches, queued and delayed
 * jobs, dead letters, and the idempotency records. They lie in other slots than the student's keys,
 * so no script covers them all; each page can be repeated instead. */
#include <stdio.h>

#include "app/service/erase_internal.h"
#include "app/service/json_mentions.h"
#include "app/store/batch.h"
#include "app/store/queue.h"
#include "app/store/reply.h"

/* What one step reads or changes. */
enum {
    ERASE_LIST_PAGE = 200,         /* cohorts, batches */
    ERASE_DELAYED_PAGE = 1000,     /* delayed jobs */
    ERASE_IDEMPOTENCY_PAGE = 5000, /* keys of idempotency records */
    ERASE_KEYS_PER_COMMAND = 500,  /* keys of one DEL or EXISTS */
};

/* ---- cohorts and batches: one command for each entry of a page ---- */

/* Whether the reply says that the student was there: a number above 0, or any text. */
static bool erase_reply_is_hit(const redisReply *reply)
{
    struct str text;
    int64_t n;

    return (reply_int(reply, &n) == REPLY_OK && n > 0) || reply_text(reply, &text) == REPLY_OK;
}

/* Counts the replies about the entries of the page before; false when there are none, because the
 * replies are those of a page. */
static bool erase_count_hits(struct erase *e, size_t kind)
{
    const struct command *command = e->first_replied_cmd;
    size_t n = e->entry_cmd_count;

    for (size_t i = 0; i < n && command; i++, command = command->next)
        e->counts[kind] += erase_reply_is_hit(command->reply);
    e->entry_cmd_count = 0;
    return n > 0;
}

/* The number of ids in the reply of a page; 0 with a problem. */
static size_t erase_page_length(const struct erase *e, size_t max, struct problem *p)
{
    size_t n = 0;

    if (reply_array(e->phase_cmd->reply, max, &n) == REPLY_OK)
        return n;
    reply_problem(e->phase_cmd->reply, p);
    return 0;
}

static void erase_queue_cohorts(struct erase *e, struct pipeline *pipeline)
{
    e->phase_cmd = erasure_cmd_cohorts(pipeline, str_of(e->cursor), ERASE_LIST_PAGE);
}

static void erase_parse_cohorts(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    struct str id = STR("");
    size_t n;

    if (erase_count_hits(e, ERASED_ROSTERS)) {
        e->has_more = *e->cursor != '\0';
        return;
    }
    n = erase_page_length(e, ERASE_LIST_PAGE, p);
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(e->phase_cmd->reply, i), &id) == REPLY_OK)
            (void)erasure_cmd_leave_cohort(pipeline, id, e->student, erase_only_counts(e),
                                           e->now_ms);
    }
    e->entry_cmd_count = pipeline->count;
    (void)snprintf(e->cursor, sizeof(e->cursor), "%.*s", n == ERASE_LIST_PAGE ? (int)id.n : 0,
                   id.p);
}

const struct erase_phase erase_cohorts_phase = {erase_queue_cohorts, erase_parse_cohorts};

/* Reads the newest batches first: batches created meanwhile move the others to higher offsets,
 * where they are read again, and batches expire at the far end. So none is skipped. */
static void erase_queue_batches(struct erase *e, struct pipeline *pipeline)
{
    e->phase_cmd = batch_cmd_page(pipeline, e->offset, ERASE_LIST_PAGE);
}

static void erase_parse_batches(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    struct str id;
    size_t n;

    if (erase_count_hits(e, ERASED_BATCHES)) {
        e->has_more = e->offset > 0;
        return;
    }
    n = erase_page_length(e, ERASE_LIST_PAGE, p);
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(e->phase_cmd->reply, i), &id) != REPLY_OK)
            continue;
        if (erase_only_counts(e))
            (void)batch_cmd_has_student(pipeline, id, e->student);
        else
            (void)batch_cmd_remove_student(pipeline, id, e->student);
    }
    e->entry_cmd_count = pipeline->count;
    e->offset = n == ERASE_LIST_PAGE ? e->offset + ERASE_LIST_PAGE : 0;
}

const struct erase_phase erase_batches_phase = {erase_queue_batches, erase_parse_batches};

/* ---- jobs ---- */

static struct str erase_job_queue(const struct erase *e)
{
    switch (e->phase) {
    case ERASE_QUEUE_HIGH: return key_queues[QUEUE_HIGH];
    case ERASE_QUEUE_NORMAL: return key_queues[QUEUE_NORMAL];
    default: return key_queues[QUEUE_LOW];
    }
}

static void erase_queue_jobs(struct erase *e, struct pipeline *pipeline)
{
    erase_queue_stream_page(e, pipeline, erase_job_queue(e));
}

static void erase_parse_jobs(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    erase_parse_stream_page(e, pipeline, erase_job_queue(e), STR("b"), json_mentions_id,
                            ERASED_JOBS, p);
}

const struct erase_phase erase_queue_phase = {erase_queue_jobs, erase_parse_jobs};

/* Reads by rank, the latest due time first, for the same reason as with batches. Removed jobs move
 * the others up by one rank each, which erase_parse_delayed subtracts from the offset. */
static void erase_queue_delayed(struct erase *e, struct pipeline *pipeline)
{
    struct arena *arena = pipeline->arena;
    long long first = e->offset, last = e->offset + ERASE_DELAYED_PAGE - 1;

    e->phase_cmd = pipeline_add(pipeline, COMMAND_READ, 4,
                                (struct str[]){STR("ZREVRANGE"), key_queue_later,
                                               arena_printf(arena, "%lld", first),
                                               arena_printf(arena, "%lld", last)});
}

/* A pass that only counts would count a job twice that both phases see: it skips this one. */
static void erase_queue_delayed_before(struct erase *e, struct pipeline *pipeline)
{
    if (!erase_only_counts(e))
        erase_queue_delayed(e, pipeline);
}

/* A member of the sorted set is the job's priority, kind and other words, then its JSON body. */
static struct str erase_delayed_body(struct str job)
{
    const char *body = memchr(job.p, '{', job.n);

    return body ? (struct str){body, job.n - (size_t)(body - job.p)} : job;
}

static void erase_parse_delayed(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    size_t n = erase_page_length(e, ERASE_DELAYED_PAGE, p);
    struct str job;

    e->offset += (int64_t)n;
    e->has_more = n == ERASE_DELAYED_PAGE;
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(e->phase_cmd->reply, i), &job) != REPLY_OK ||
            !json_mentions_id(erase_delayed_body(job), e->student))
            continue;
        e->counts[ERASED_JOBS]++;
        if (erase_only_counts(e))
            continue;
        (void)pipeline_add(pipeline, COMMAND_WRITE, 3,
                           (struct str[]){STR("ZREM"), key_queue_later, job});
        e->offset--;
    }
}

const struct erase_phase erase_delayed_before_phase = {erase_queue_delayed_before,
                                                       erase_parse_delayed};
const struct erase_phase erase_delayed_after_phase = {erase_queue_delayed, erase_parse_delayed};

/* ---- dead letters ---- */

static void erase_queue_dead_letters(struct erase *e, struct pipeline *pipeline)
{
    erase_queue_stream_page(e, pipeline, key_dead_letters);
}

/* A stream that is read without a consumer group keeps deleted entries in its memory blocks; the
 * rebuild removes the bytes as well. */
static void erase_parse_dead_letters(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    erase_parse_stream_page(e, pipeline, key_dead_letters, STR("e"), json_mentions_id,
                            ERASED_DEAD_LETTERS, p);
    if (!e->has_more && !erase_only_counts(e) && e->counts[ERASED_DEAD_LETTERS] > 0)
        erasure_cmd_rebuild_stream(pipeline, key_dead_letters);
}

const struct erase_phase erase_dead_letters_phase = {erase_queue_dead_letters,
                                                     erase_parse_dead_letters};

/* ---- idempotency records ---- */

static void erase_queue_idempotency(struct erase *e, struct pipeline *pipeline)
{
    e->phase_cmd =
        erasure_cmd_idempotency_keys(pipeline, e->student, e->offset, ERASE_IDEMPOTENCY_PAGE);
}

/* EXISTS and DEL both return how many of their keys there were. */
static void erase_sum_idempotency(struct erase *e)
{
    for (const struct command *command = e->first_replied_cmd; command; command = command->next) {
        int64_t n = 0;

        if (reply_int(command->reply, &n) == REPLY_OK)
            e->counts[STUDENT_KEY_IDEMPOTENCY] += n;
    }
    e->entry_cmd_count = 0;
    e->has_more = e->offset > 0;
}

static void erase_parse_idempotency(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    bool only_counts = erase_only_counts(e);
    size_t n;

    if (e->entry_cmd_count > 0) {
        erase_sum_idempotency(e);
        return;
    }
    n = erase_page_length(e, ERASE_IDEMPOTENCY_PAGE, p);
    for (size_t first = 0; first < n; first += ERASE_KEYS_PER_COMMAND) {
        struct str argv[1 + ERASE_KEYS_PER_COMMAND] = {only_counts ? STR("EXISTS") : STR("DEL")};
        int argc = 1;

        for (size_t i = first; i < n && i < first + ERASE_KEYS_PER_COMMAND; i++)
            argc += reply_text(reply_at(e->phase_cmd->reply, i), &argv[argc]) == REPLY_OK;
        (void)pipeline_add(pipeline, only_counts ? COMMAND_READ : COMMAND_WRITE, argc, argv);
    }
    e->entry_cmd_count = pipeline->count;
    e->offset = n == ERASE_IDEMPOTENCY_PAGE ? e->offset + ERASE_IDEMPOTENCY_PAGE : 0;
}

const struct erase_phase erase_idempotency_phase = {erase_queue_idempotency,
                                                    erase_parse_idempotency};
