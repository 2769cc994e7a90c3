/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Seeding: writes days of history for many students, in two passes over all students. The first
 * pass checks them, the second one writes. 64 slots run concurrently on one connection to Redis,
 * each for one student at a time. The loop waits for replies when no slot can continue. */
#include "app/service/seed.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/service/record.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

/* The reason with which an erased student is refused. */
static const char seed_erased[] = "is erased, so it gets no new data";

/* SEED_SLOTS: students that are processed concurrently. The others: bytes of the arena of a slot,
 * at first and at most. */
enum { SEED_SLOTS = 64, SEED_ARENA_FIRST = 8192, SEED_ARENA_CAP = 1 << 20 };

/* A slot processes one student after the other, concurrently with the other slots of its run. */
struct seed_slot {
    struct seed_run *run;
    size_t student;      /* index of its student in seed->students */
    bool busy;           /* the step of this pass has not finished with the student */
    struct arena *arena; /* memory for the commands of one day */
    struct pipeline pipeline;
    struct problem problem;
    struct command *profile_cmd, *erased_cmd; /* commands of the first pass, which read the profile
                                                 and the tombstone; NULL until they are queued */
    /* second pass: `record` was begun and has not finished */
    bool recording;
    /* second pass: index in seed_student.days of the day that is being written */
    size_t day;
    struct record record; /* second pass: writes the day `day` */
};

/* Runs the next step for a slot's student. Returns STEP_MORE when commands are queued, STEP_DONE
 * when finished. */
typedef enum step seed_slot_step(struct seed_slot *slot);

struct seed_run {
    struct seed *seed;
    struct engine *engine;
    seed_slot_step *step; /* step function of this pass */
    size_t next;          /* index of the next student that no slot has yet */
    size_t waiting;       /* slots that wait for replies */
    bool unavailable;     /* Redis is unavailable: stops the run */
    bool refused;         /* a student was refused: stops the run, unless keep_going */
    size_t days_total;    /* number of days that can be written, of all students */
    size_t *first_days;   /* index of the first day that can be written, for each student */
    char correlation_id[UUID_TEXT_SIZE];
    struct seed_slot slots[SEED_SLOTS];
};

/* Returns the slot's current student. */
static const struct seed_student *seed_student(const struct seed_slot *slot)
{
    return &slot->run->seed->students[slot->student];
}

/* Returns whether the run must stop: no further student is begun, but days that are being written
 * are finished. */
static bool seed_is_stopped(const struct seed_run *run)
{
    return run->unavailable || (run->refused && !run->seed->keep_going);
}

/* Reports that a student is refused. Without keep_going this stops the run. */
static void seed_refuse(struct seed_slot *slot, const char *reason)
{
    struct seed *seed = slot->run->seed;

    slot->run->refused = true;
    seed->on_refused(seed->context, seed_student(slot)->id, reason);
}

/* Stops the run when Redis is unavailable (SERVICE_UNAVAILABLE, 503). Any other problem refuses the
 * student; for FORBIDDEN (403) there are two possible reasons. */
static void seed_handle_problem(struct seed_slot *slot)
{
    switch (problem_status(slot->problem.code)) {
    case 503: slot->run->unavailable = true; break;
    case 403:
        seed_refuse(slot, slot->record.is_erased ? seed_erased
                                                 : "has withdrawn consent to data processing");
        break;
    default:
        seed_refuse(slot, "has data that cannot be read, or that Redis refuses to change");
        break;
    }
}

/* ---- first pass: check ---- */

/* Sets the first day that can be written: days before existing_day, the day of the student's
 * current state (INT32_MIN: no data), are skipped. If days are skipped, the student is reported as
 * refused. */
static void seed_skip_older_days(struct seed_slot *slot, int32_t existing_day)
{
    const struct seed_student *student = seed_student(slot);
    char day[DAY_TEXT_SIZE], reason[80];
    size_t first = 0;

    while (first < student->n && student->days[first].day < existing_day)
        first++;
    slot->run->first_days[slot->student] = first;
    slot->run->days_total += student->n - first;
    if (first == 0)
        return;
    day_print(existing_day, day);
    (void)snprintf(reason, sizeof(reason),
                   "has data of %s: %zu older day%s cannot be put before it", day, first,
                   first == 1 ? "" : "s");
    seed_refuse(slot, reason);
}

/* The step of the first pass: reads the student's data and tombstone (mark of an erased student),
 * and sets the first day that can be written. It is called twice: queues the reads, and processes
 * the replies. */
static enum step seed_check_student(struct seed_slot *slot)
{
    const struct seed_student *student = seed_student(slot);
    struct student_profile profile;
    int64_t is_erased = 0;

    if (!slot->profile_cmd) {
        slot->profile_cmd = student_cmd_state(&slot->pipeline, student->id);
        slot->erased_cmd =
            pipeline_add(&slot->pipeline, COMMAND_READ, 2,
                         (struct str[]){STR("EXISTS"),
                                        key_student(slot->arena, student->id, STUDENT_KEY_ERASED)});
        return STEP_MORE;
    }
    slot->run->first_days[slot->student] = student->n; /* no day, unless the check succeeds */
    if (!student_parse_profile(slot->profile_cmd, &profile, &slot->problem) ||
        !reply_expect_int(slot->erased_cmd->reply, &is_erased, &slot->problem))
        seed_handle_problem(slot);
    else if (!profile.exists && is_erased)
        seed_refuse(slot, seed_erased);
    else
        seed_skip_older_days(slot, profile.exists ? profile.state.day : INT32_MIN);
    return STEP_DONE;
}

/* ---- second pass: write ---- */

/* Returns an id for the statement of one day, with the day and a digest of its components: equal
 * components give equal ids. When an interrupted run is repeated, the last written day is written
 * again, and counts only once because of its id. The p of the id is NULL when out of memory. */
static struct str seed_statement_id(const struct seed_day *day, struct arena *arena)
{
    unsigned char digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];

    digest_sha256((struct str){(const char *)day->components, sizeof(day->components)}, digest);
    hex_print(digest, DIGEST_SIZE, hex);
    return arena_printf(arena, "seed:%d:%.32s", (int)day->day, hex);
}

/* Begins the statement of one day: the components of mastery as a client could have stated them on
 * that day. Its time is noon UTC, far from both neighbouring days, or the present time for today.
 */
static void seed_begin_record(struct seed_slot *slot)
{
    const struct seed_run *run = slot->run;
    const struct seed_day *day = &seed_student(slot)->days[slot->day];
    bool today = day->day == day_of_ms(run->seed->now_ms);

    arena_reset(slot->arena);
    pipeline_init(&slot->pipeline, slot->arena, slot);
    slot->record = (struct record){
        .student = seed_student(slot)->id,
        .kind = RECORD_STATEMENT,
        .now_ms = today ? run->seed->now_ms : day_start_ms(day->day) + DAY_MS / 2,
        .actor = STR("mastery-ctl"),
        .correlation_id = str_of(run->correlation_id),
        .event_id = seed_statement_id(day, slot->arena),
    };
    memcpy(slot->record.components, day->components, sizeof(day->components));
    slot->recording = true;
}

/* Counts a written day. A student counts as written with the first of the student's days. */
static void seed_count_day(struct seed_slot *slot)
{
    struct seed *seed = slot->run->seed;

    seed->days_written++;
    if (slot->day == slot->run->first_days[slot->student])
        seed->students_written++;
    if (seed->on_progress)
        seed->on_progress(seed->context, seed->days_written, slot->run->days_total);
    slot->day++;
}

/* The step of the second pass: records day after day. STEP_MORE: replies are needed. STEP_DONE: the
 * student's days are written, the run has stopped, or there was a problem. */
static enum step seed_write_days(struct seed_slot *slot)
{
    while (slot->recording || (slot->day < seed_student(slot)->n && !seed_is_stopped(slot->run))) {
        if (!slot->recording)
            seed_begin_record(slot);
        if (record_step(&slot->record, slot->run->engine, &slot->pipeline, &slot->problem) ==
            STEP_MORE)
            return STEP_MORE;
        slot->recording = false;
        if (slot->problem.code != PROBLEM_NONE) {
            seed_handle_problem(slot);
            return STEP_DONE;
        }
        seed_count_day(slot);
    }
    return STEP_DONE;
}

/* ---- running ---- */

/* Gives the slot its next student; false when there is none, or the run has stopped. */
static bool seed_next_student(struct seed_slot *slot)
{
    struct seed_run *run = slot->run;

    if (run->next == run->seed->n || seed_is_stopped(run))
        return false;
    slot->student = run->next++;
    slot->busy = true;
    slot->problem = (struct problem){.code = PROBLEM_NONE};
    slot->profile_cmd = slot->erased_cmd = NULL;
    slot->recording = false;
    slot->day = run->first_days[slot->student];
    arena_reset(slot->arena);
    pipeline_init(&slot->pipeline, slot->arena, slot);
    return true;
}

/* Runs the slot until it has to wait for replies, or there are no students left for it. */
static void seed_advance_slot(struct seed_slot *slot)
{
    while (slot->busy || seed_next_student(slot)) {
        if (slot->run->step(slot) == STEP_MORE) {
            store_submit(slot->run->engine->store, &slot->pipeline, clock_monotonic_us());
            slot->run->waiting++;
            return;
        }
        slot->busy = false;
    }
}

/* Sends the queued commands, and blocks until replies arrive or the store has work: store_tick
 * returns the microseconds until it must be called again, or 0 when replies are ready. */
static void seed_wait_for_store(struct store *store)
{
    struct pollfd ready = {.events = POLLIN};
    int64_t now_us = clock_monotonic_us(), next_us;

    store_flush(store, now_us);
    next_us = store_tick(store, now_us);
    if (next_us == 0)
        return;
    ready.fd = store_fd(store);
    ready.events = (short)(POLLIN | (store_wants_write(store) ? POLLOUT : 0));
    (void)poll(&ready, 1, (int)(next_us / 1000) + 1);
    if (ready.revents)
        store_on_ready(store, clock_monotonic_us());
}

/* Runs a pass: the step for every student. Returns when no slot waits for replies. */
static void seed_run_pass(struct seed_run *run, seed_slot_step *step)
{
    struct store *store = run->engine->store;
    struct pipeline *completed;

    run->step = step;
    run->next = 0;
    for (size_t i = 0; i < SEED_SLOTS; i++)
        seed_advance_slot(&run->slots[i]);
    while (run->waiting > 0) {
        while ((completed = store_next_done(store))) {
            run->waiting--;
            seed_advance_slot(completed->owner);
        }
        if (run->waiting > 0)
            seed_wait_for_store(store);
    }
}

/* Releases the run; NULL is ignored. In a run that was only partly made, the missing members are
 * NULL, which free and arena_free accept. */
static void seed_run_free(struct seed_run *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < SEED_SLOTS; i++)
        arena_free(run->slots[i].arena);
    free(run->first_days);
    free(run);
}

/* Makes a run and the memory of its slots. NULL when out of memory; `complete` collects whether all
 * allocations succeeded. The array of first days has one element too many, so that calloc is not
 * called for 0 bytes, for which it may return NULL. */
static struct seed_run *seed_run_new(struct seed *seed, struct engine *engine)
{
    struct seed_run *run = calloc(1, sizeof(*run));
    bool complete;

    if (!run)
        return NULL;
    run->seed = seed;
    run->engine = engine;
    run->first_days = calloc(seed->n + 1, sizeof(*run->first_days));
    complete = run->first_days != NULL;
    uuid_make(run->correlation_id);
    for (size_t i = 0; i < SEED_SLOTS; i++) {
        run->slots[i].run = run;
        run->slots[i].arena = arena_new(SEED_ARENA_FIRST, SEED_ARENA_CAP);
        complete = complete && run->slots[i].arena;
    }
    if (complete)
        return run;
    seed_run_free(run);
    return NULL;
}

/* Runs both passes, and returns the outcome that stopped the run. When students were refused and
 * Redis was unavailable, returns SEED_UNAVAILABLE, because on_refused has already reported each
 * refusal. */
enum seed_outcome seed_run(struct seed *seed, struct engine *engine)
{
    struct seed_run *run = seed_run_new(seed, engine);
    enum seed_outcome outcome;

    seed->students_written = seed->days_written = 0;
    if (!run)
        return SEED_NO_MEMORY;
    seed_run_pass(run, seed_check_student);
    seed->now_ms = store_now_ms(engine->store);
    seed_run_pass(run, seed_write_days); /* does nothing when the first pass stopped the run */
    outcome = run->unavailable ? SEED_UNAVAILABLE : run->refused ? SEED_REFUSED : SEED_DONE;
    seed_run_free(run);
    return outcome;
}
