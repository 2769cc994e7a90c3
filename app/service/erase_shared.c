/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The phases of an erasure about records that students share: cohorts, batches, dead letters (items
 * that were given up), and idempotency records (responses stored under a caller's Idempotency-Key).
 * These records are in other Redis slots than the student's keys, so no single script can delete
 * them all. Instead, each page can be repeated. */
#include <stdio.h>

#include "app/service/erase_internal.h"
#include "app/service/letter_names.h"
#include "app/store/batch.h"
#include "app/store/dead_letter.h"
#include "app/store/reply.h"
#include "app/store/stream.h"

enum {
    ERASE_LIST_PAGE = 200,         /* cohorts or batches in one page */
    ERASE_IDEMPOTENCY_PAGE = 5000, /* keys of idempotency records in one page */
    ERASE_KEYS_PER_COMMAND = 500,  /* keys in one DEL or EXISTS command */
};

/* ---- cohorts and batches: one command for each entry of a page ---- */

/* True when the reply to a command about one cohort or batch says that the student was in it. The
 * reply is then a number above 0 (of what was removed), or any text (what is stored of the
 * student). */
static bool erase_reply_is_hit(const redisReply *reply)
{
    struct str text;
    int64_t n;

    return (reply_int(reply, &n) == REPLY_OK && n > 0) || reply_text(reply, &text) == REPLY_OK;
}

/* Counts the cohorts or batches that had the student in erase->counts[kind], if the last step's
 * commands were about single ones, and returns true. False: the last step has read a page, so there
 * is nothing to count yet. */
static bool erase_count_hits(struct erase *erase, size_t kind)
{
    const struct command *command = erase->first_replied_cmd;
    size_t n = erase->entry_cmd_count;

    for (size_t i = 0; i < n && command; i++, command = command->next) {
        if (erase_reply_is_hit(command->reply))
            erase->counts[kind]++;
    }
    erase->entry_cmd_count = 0;
    return n > 0;
}

/* Returns the number of elements in the reply with the page, at most `max`. When the reply is an
 * error, sets a problem and returns 0. */
static size_t erase_page_length(const struct erase *erase, size_t max, struct problem *p)
{
    size_t n = 0;

    if (reply_array(erase->phase_cmd->reply, max, &n) == REPLY_OK)
        return n;
    reply_problem(erase->phase_cmd->reply, p);
    return 0;
}

/* Queues the read of a page of all cohort ids. */
static void erase_queue_cohorts(struct erase *erase, struct pipeline *pipeline)
{
    erase->phase_cmd = erasure_cmd_cohorts(pipeline, str_of(erase->cursor), ERASE_LIST_PAGE);
}

/* Called first with a page of cohort ids: queues the removal of the student from each cohort (which
 * only checks when the pass only counts), and moves the cursor to the last id, or to "" after the
 * last page. Called again with the replies to the removals: counts them. */
static void erase_parse_cohorts(struct erase *erase, struct pipeline *pipeline, struct problem *p)
{
    struct str id = STR("");
    size_t n;

    if (erase_count_hits(erase, STUDENT_KEY_COUNT + SHARED_KEY_ROSTERS)) {
        erase->has_more = *erase->cursor != '\0';
        return;
    }
    n = erase_page_length(erase, ERASE_LIST_PAGE, p);
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(erase->phase_cmd->reply, i), &id) == REPLY_OK)
            (void)erasure_cmd_leave_cohort(pipeline, id, erase->student, erase_only_counts(erase),
                                           erase->now_ms);
    }
    erase->entry_cmd_count = pipeline->count;
    (void)snprintf(erase->cursor, sizeof(erase->cursor), "%.*s",
                   n == ERASE_LIST_PAGE ? (int)id.n : 0, id.p);
}

const struct erase_phase erase_cohorts_phase = {erase_queue_cohorts, erase_parse_cohorts};

/* Queues the read of a page of the batches that the student is in. */
static void erase_queue_batches(struct erase *erase, struct pipeline *pipeline)
{
    erase->phase_cmd = erasure_cmd_index(pipeline, erase->student, STUDENT_KEY_BATCHES,
                                         erase->offset, ERASE_LIST_PAGE);
}

/* Called first with a page of batch ids: queues a command for each batch that checks for the
 * student or removes it. Called again with the replies to these commands: counts the batches that
 * had the student. erase->offset is 0 after the last page. */
static void erase_parse_batches(struct erase *erase, struct pipeline *pipeline, struct problem *p)
{
    struct str id;
    size_t n;

    if (erase_count_hits(erase, STUDENT_KEY_BATCHES)) {
        erase->has_more = erase->offset > 0;
        return;
    }
    n = erase_page_length(erase, ERASE_LIST_PAGE, p);
    for (size_t i = 0; i < n; i++) {
        if (reply_text(reply_at(erase->phase_cmd->reply, i), &id) != REPLY_OK)
            continue;
        if (erase_only_counts(erase))
            (void)batch_cmd_has_student(pipeline, id, erase->student);
        else
            (void)batch_cmd_remove_student(pipeline, id, erase->student);
    }
    erase->entry_cmd_count = pipeline->count;
    erase->offset = n == ERASE_LIST_PAGE ? erase->offset + ERASE_LIST_PAGE : 0;
}

const struct erase_phase erase_batches_phase = {erase_queue_batches, erase_parse_batches};

/* ---- dead letters ---- */

/* The stages of the phase of dead letters, in their order; erase->offset has the stage, as this
 * phase reads nothing by rank. ERASE_COUNT_LETTERS: finds out whether there are dead letters of
 * version 0.1.0. ERASE_OLD_LETTERS: searches those, which are in no index and have their text in
 * the stream's entry. ERASE_INDEXED_LETTERS: reads all later dead letters by the index. */
enum { ERASE_COUNT_LETTERS, ERASE_OLD_LETTERS, ERASE_INDEXED_LETTERS };

/* Queues the command of the stage in erase->offset: counts the dead letters, or reads the next page
 * of them. The stream is searched for entries that contain "event", a member of each dead letter:
 * only those of version 0.1.0 have their text there. */
static void erase_queue_dead_letters(struct erase *erase, struct pipeline *pipeline)
{
    struct str cursor = str_of(erase->cursor);

    switch (erase->offset) {
    case ERASE_COUNT_LETTERS: erase->phase_cmd = dead_letter_cmd_count(pipeline); break;
    case ERASE_OLD_LETTERS:
        erase->phase_cmd =
            erasure_cmd_search(pipeline, key_dead_letters, cursor, STR("\"event\":"));
        break;
    case ERASE_INDEXED_LETTERS:
        erase->phase_cmd = dead_letter_cmd_find(pipeline, erase->student, cursor);
        break;
    }
}

/* Processes the dead letters of version 0.1.0 in one page of the stream, which is searched because
 * they are in no index; the field "e" is their JSON. Counts those that contain the student's id,
 * and queues their removal unless the pass only counts. has_more is always true: after the last
 * page of the stream, the index is read from its start (an empty cursor). */
static void erase_parse_old_letters(struct erase *erase, struct pipeline *pipeline,
                                    struct problem *p)
{
    struct erasure_part part;
    struct str text;

    if (!erasure_parse_search(erase->phase_cmd, pipeline->arena, &part, p))
        return;
    for (size_t i = 0; i < part.n; i++) {
        if (stream_field(&part.entries[i], STR("e"), &text) != REPLY_OK ||
            !letter_mentions(text, erase->student, pipeline->arena))
            continue;
        erase->counts[STUDENT_KEY_COUNT + SHARED_KEY_DEAD_LETTERS]++;
        if (!erase_only_counts(erase))
            (void)dead_letter_cmd_remove(pipeline, &part.entries[i].id, /* ids */ 1);
    }
    erase->has_more = true;
    erase->offset = part.has_more ? ERASE_OLD_LETTERS : ERASE_INDEXED_LETTERS;
    (void)snprintf(erase->cursor, sizeof(erase->cursor), "%.*s",
                   part.has_more ? (int)part.last.n : 0, part.last.p);
}

/* Counts the dead letters of a page of the index, and queues their removal unless the pass only
 * counts. The index has a dead letter under each id in it, so none is parsed here. */
static void erase_parse_indexed_letters(struct erase *erase, struct pipeline *pipeline,
                                        struct problem *p)
{
    struct str ids[DEAD_LETTERS_PAGE];
    size_t n;

    if (!dead_letter_parse_find(erase->phase_cmd, ids, &n, p) || n == 0)
        return;
    erase->counts[STUDENT_KEY_COUNT + SHARED_KEY_DEAD_LETTERS] += (int64_t)n;
    if (!erase_only_counts(erase))
        (void)dead_letter_cmd_remove(pipeline, ids, n);
    erase->has_more = n == DEAD_LETTERS_PAGE;
    (void)snprintf(erase->cursor, sizeof(erase->cursor), "%.*s", STR_ARG(ids[n - 1]));
}

/* Processes the reply to erase_queue_dead_letters, by the stage in erase->offset. Old dead letters
 * are those of version 0.1.0, which are in no index. */
static void erase_parse_dead_letters(struct erase *erase, struct pipeline *pipeline,
                                     struct problem *p)
{
    bool has_old;

    switch (erase->offset) {
    case ERASE_COUNT_LETTERS:
        if (!dead_letter_parse_has_old(erase->phase_cmd, &has_old, p))
            return;
        erase->offset = has_old ? ERASE_OLD_LETTERS : ERASE_INDEXED_LETTERS;
        erase->has_more = true;
        break;
    case ERASE_OLD_LETTERS: erase_parse_old_letters(erase, pipeline, p); break;
    case ERASE_INDEXED_LETTERS: erase_parse_indexed_letters(erase, pipeline, p); break;
    }
}

const struct erase_phase erase_dead_letters_phase = {erase_queue_dead_letters,
                                                     erase_parse_dead_letters};

/* Queues the read of a page of keys of the student's idempotency records. */
static void erase_queue_idempotency(struct erase *erase, struct pipeline *pipeline)
{
    erase->phase_cmd = erasure_cmd_index(pipeline, erase->student, STUDENT_KEY_IDEMPOTENCY,
                                         erase->offset, ERASE_IDEMPOTENCY_PAGE);
}

/* Adds up the replies to the EXISTS or DEL commands for the idempotency records: each is the number
 * of its keys that existed. Unless the last page was the end, the next page is read. */
static void erase_sum_idempotency(struct erase *erase)
{
    for (const struct command *command = erase->first_replied_cmd; command;
         command = command->next) {
        int64_t n = 0;

        if (reply_int(command->reply, &n) == REPLY_OK)
            erase->counts[STUDENT_KEY_IDEMPOTENCY] += n;
    }
    erase->entry_cmd_count = 0;
    erase->has_more = erase->offset > 0;
}

/* Called first with a page of keys of idempotency records: queues commands that count or delete
 * them, up to 500 keys in each. Called again with the replies to these commands: adds them up.
 * erase->offset is 0 after the last page. */
static void erase_parse_idempotency(struct erase *erase, struct pipeline *pipeline,
                                    struct problem *p)
{
    bool only_counts = erase_only_counts(erase);
    size_t n;

    if (erase->entry_cmd_count > 0) {
        erase_sum_idempotency(erase);
        return;
    }
    n = erase_page_length(erase, ERASE_IDEMPOTENCY_PAGE, p);
    for (size_t first = 0; first < n; first += ERASE_KEYS_PER_COMMAND) {
        struct str argv[1 + ERASE_KEYS_PER_COMMAND] = {only_counts ? STR("EXISTS") : STR("DEL")};
        int argc = 1;

        for (size_t i = first; i < n && i < first + ERASE_KEYS_PER_COMMAND; i++) {
            if (reply_text(reply_at(erase->phase_cmd->reply, i), &argv[argc]) == REPLY_OK)
                argc++;
        }
        (void)pipeline_add(pipeline, only_counts ? COMMAND_READ : COMMAND_WRITE, argc, argv);
    }
    erase->entry_cmd_count = pipeline->count;
    erase->offset = n == ERASE_IDEMPOTENCY_PAGE ? erase->offset + ERASE_IDEMPOTENCY_PAGE : 0;
}

const struct erase_phase erase_idempotency_phase = {erase_queue_idempotency,
                                                    erase_parse_idempotency};
