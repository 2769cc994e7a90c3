/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The phases of an erasure about records that students share: cohorts, batches, queued and delayed
 * jobs, dead letters (items that were given up), and idempotency records (responses stored under a
 * caller's Idempotency-Key). These records are in other Redis slots than the student's keys, so no
 * single script can delete them all. Instead, each page can be repeated. */
#include <stdio.h>

#include "app/service/erase_internal.h"
#include "app/service/json_mentions.h"
#include "app/store/batch.h"
#include "app/store/queue.h"
#include "app/store/reply.h"

enum {
    ERASE_LIST_PAGE = 200,         /* cohorts or batches in one page */
    ERASE_DELAYED_PAGE = 1000,     /* delayed jobs in one page */
    ERASE_IDEMPOTENCY_PAGE = 5000, /* keys of idempotency records in one page */
    ERASE_KEYS_PER_COMMAND = 500,  /* keys in one DEL or EXISTS command */
};

/* ---- cohorts and batches: one command for each entry of a page ---- */

/* True when the reply to a command about one cohort or batch says that the student was in it: a
 * number above 0, or any text. */
static bool erase_reply_is_hit(const redisReply *reply)
{
    struct str text;
    int64_t n;

    return (reply_int(reply, &n) == REPLY_OK && n > 0) || reply_text(reply, &text) == REPLY_OK;
}

/* When the last step's commands were about single entries, counts those that had the student, and
 * returns true. False: the last step has read a page, so there is nothing to count yet. */
static bool erase_count_hits(struct erase *e, size_t kind)
{
    const struct command *command = e->first_replied_cmd;
    size_t n = e->entry_cmd_count;

    for (size_t i = 0; i < n && command; i++, command = command->next)
        e->counts[kind] += erase_reply_is_hit(command->reply);
    e->entry_cmd_count = 0;
    return n > 0;
}

/* Returns the number of elements in the reply with the page, at most `max`. When the reply is an
 * error, sets a problem and returns 0. */
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

/* Called first with a page of cohort ids: queues the removal of the student from each cohort, and
 * moves the cursor to the last id, or to "" after the last page. Called again with the replies to
 * the removals: counts them. */
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

/* Queues the read of a page of batches, from the newest to the oldest. A batch that is created
 * between two pages moves the others to higher offsets, so one may be read twice, but none is
 * skipped. Batches that expire are the oldest, at the end, and move no others. */
static void erase_queue_batches(struct erase *e, struct pipeline *pipeline)
{
    e->phase_cmd = batch_cmd_page(pipeline, e->offset, ERASE_LIST_PAGE);
}

/* Called first with a page of batch ids: queues a command for each batch. Called again with the
 * replies to these commands: counts them. e->offset is 0 after the last page. */
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

/* Returns the key of the queue from which the current phase erases. */
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

/* Counts the jobs of a page of the queue whose body (field "b") mentions the student, and queues
 * their removal unless the pass only counts. */
static void erase_parse_jobs(struct erase *e, struct pipeline *pipeline, struct problem *p)
{
    erase_parse_stream_page(e, pipeline, erase_job_queue(e), STR("b"), json_mentions_id,
                            ERASED_JOBS, p);
}

const struct erase_phase erase_queue_phase = {erase_queue_jobs, erase_parse_jobs};

/* Queues the read of a page of delayed jobs by rank, the job with the latest due time first. Jobs
 * that become due between two pages leave at the end, so that no job is skipped. Each job that the
 * erasure removes moves the later ones by one rank, so erase_parse_delayed subtracts 1 from the
 * offset for it. */
static void erase_queue_delayed(struct erase *e, struct pipeline *pipeline)
{
    struct arena *arena = pipeline->arena;
    long long first = e->offset, last = e->offset + ERASE_DELAYED_PAGE - 1;

    e->phase_cmd = pipeline_add(pipeline, COMMAND_READ, 4,
                                (struct str[]){STR("ZREVRANGE"), key_queue_later,
                                               arena_printf(arena, "%lld", first),
                                               arena_printf(arena, "%lld", last)});
}

/* The first of two phases that read the delayed jobs. A pass that only counts skips it, because it
 * would count each job in both phases. */
static void erase_queue_delayed_before(struct erase *e, struct pipeline *pipeline)
{
    if (!erase_only_counts(e))
        erase_queue_delayed(e, pipeline);
}

/* Returns the JSON body of a delayed job. A delayed job is a text: its priority, its kind and other
 * words come before the body. */
static struct str erase_delayed_body(struct str job)
{
    const char *body = memchr(job.p, '{', job.n);

    return body ? (struct str){body, job.n - (size_t)(body - job.p)} : job;
}

/* Counts the student's jobs in a page of delayed jobs, and queues their removal unless the pass
 * only counts. Moves the offset past the jobs that stay. After a problem n is 0. */
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

/* Deletes the student's dead letters from a page, and rebuilds the stream after the last page. The
 * rebuild is needed because Redis keeps the bytes of deleted entries in the memory blocks of a
 * stream until the whole block is deleted. */
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

/* Adds up the replies to EXISTS or DEL: both return how many of their keys existed. */
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

/* Called first with a page of keys: queues commands that count or delete them, up to 500 keys in
 * each. Called again with the replies to these commands: adds them up. */
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
