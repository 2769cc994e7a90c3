/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/seed.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/service/record.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

enum { FLIGHTS = 64, ARENA_FIRST = 8192, ARENA_CAP = 1 << 20 };

/* One student under way. */
struct flight {
    struct run *run;
    size_t student;
    bool busy;
    struct arena *arena; /* of the round trips of one day */
    struct pipeline pipeline;
    struct problem problem;
    struct command *profile, *erased; /* looking */
    bool recording;                   /* writing: record is under way */
    size_t day;
    struct record record;
};

typedef enum step flight_step(struct flight *f);

struct run {
    struct seed *seed;
    struct engine *engine;
    flight_step *step; /* of the phase: looking or writing */
    size_t next;       /* student to take off */
    size_t waiting;    /* flights whose asks are with the store */
    bool away, refused;
    size_t days_total;
    size_t *first_day; /* a student: the first of its days to write */
    char correlation_id[UUID_TEXT_SIZE];
    struct flight flights[FLIGHTS];
};

static const struct seed_student *student_of(const struct flight *f)
{
    return &f->run->seed->students[f->student];
}

static bool stopped(const struct run *run)
{
    return run->away || (run->refused && !run->seed->keep_going);
}

static void refuse(struct flight *f, const char *why)
{
    struct seed *seed = f->run->seed;

    f->run->refused = true;
    seed->on_refused(seed->context, student_of(f)->id, why);
}

/* What a round trip left in f->problem. */
static void note_problem(struct flight *f)
{
    switch (problem_status(f->problem.code)) {
    case 503: f->run->away = true; break;
    case 404: refuse(f, "erased: no new data"); break;
    case 403: refuse(f, "consent to data processing is withdrawn"); break;
    default: refuse(f, "what is stored cannot be read, or is refused by the store"); break;
    }
}

/* ---- looking ---- */

/* Leaves out the days before what is there. */
static void place_behind(struct flight *f, int32_t there)
{
    const struct seed_student *student = student_of(f);
    char day[DAY_TEXT_SIZE], why[80];
    size_t first = 0;

    while (first < student->n && student->days[first].day < there)
        first++;
    f->run->first_day[f->student] = first;
    f->run->days_total += student->n - first;
    if (first == 0)
        return;
    day_print(there, day);
    (void)snprintf(why, sizeof(why), "has data of %s: %zu older day%s cannot be put before it", day,
                   first, first == 1 ? "" : "s");
    refuse(f, why);
}

static enum step look(struct flight *f)
{
    const struct seed_student *student = student_of(f);
    struct student_profile profile;
    int64_t erased = 0;

    if (!f->profile) {
        f->profile = student_cmd_profile(&f->pipeline, student->id);
        f->erased = pipeline_add(
            &f->pipeline, COMMAND_READ, 2,
            (struct str[]){STR("EXISTS"), key_student(f->arena, student->id, STUDENT_KEY_ERASED)});
        return STEP_MORE;
    }
    f->run->first_day[f->student] = student->n;
    if (!student_parse_profile(f->profile, &profile, &f->problem))
        note_problem(f);
    else if (!profile.exists && reply_int(f->erased->reply, &erased) == REPLY_OK && erased)
        refuse(f, "erased: no new data");
    else
        place_behind(f, profile.exists ? profile.state.day : INT32_MIN);
    return STEP_DONE;
}

/* ---- writing ---- */

static void begin_record(struct flight *f)
{
    const struct run *run = f->run;
    const struct seed_day *day = &student_of(f)->days[f->day];
    bool today = day->day == day_of_ms(run->seed->now_ms);

    arena_reset(f->arena);
    pipeline_init(&f->pipeline, f->arena, f);
    f->record = (struct record){
        .student = student_of(f)->id,
        .now_ms = today ? run->seed->now_ms : day_start_ms(day->day) + DAY_MS / 2,
        .actor = STR("mastery-ctl"),
        .correlation_id = str_of(run->correlation_id),
    };
    memcpy(f->record.components, day->components, sizeof(day->components));
    f->recording = true;
}

static void count_day(struct flight *f)
{
    struct seed *seed = f->run->seed;

    seed->days_written++;
    seed->students_written += f->day == f->run->first_day[f->student];
    if (seed->on_progress)
        seed->on_progress(seed->context, seed->days_written, f->run->days_total);
    f->day++;
}

static enum step write_days(struct flight *f)
{
    while (f->recording || (f->day < student_of(f)->n && !stopped(f->run))) {
        if (!f->recording)
            begin_record(f);
        if (record_step(&f->record, f->run->engine, &f->pipeline, &f->problem) == STEP_MORE)
            return STEP_MORE;
        f->recording = false;
        if (f->problem.code != PROBLEM_NONE) {
            note_problem(f);
            return STEP_DONE;
        }
        count_day(f);
    }
    return STEP_DONE;
}

/* ---- flying ---- */

static bool take_off(struct flight *f)
{
    struct run *run = f->run;

    if (run->next == run->seed->n || stopped(run))
        return false;
    f->student = run->next++;
    f->busy = true;
    f->problem = (struct problem){.code = PROBLEM_NONE};
    f->profile = f->erased = NULL;
    f->recording = false;
    f->day = run->first_day[f->student];
    arena_reset(f->arena);
    pipeline_init(&f->pipeline, f->arena, f);
    return true;
}

/* As far as it goes without waiting. */
static void carry_on(struct flight *f)
{
    while (f->busy || take_off(f)) {
        if (f->run->step(f) == STEP_MORE) {
            store_submit(f->run->engine->store, &f->pipeline, clock_monotonic_us());
            f->run->waiting++;
            return;
        }
        f->busy = false;
    }
}

/* Sends what was asked for and waits until something happens. */
static void wait_for_store(struct store *store)
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

/* One phase: the step for every student. Comes back when nothing is with the store any more. */
static void fly(struct run *run, flight_step *step)
{
    struct store *store = run->engine->store;
    struct pipeline *done;

    run->step = step;
    run->next = 0;
    for (size_t i = 0; i < FLIGHTS; i++)
        carry_on(&run->flights[i]);
    while (run->waiting > 0) {
        while ((done = store_next_done(store))) {
            run->waiting--;
            carry_on(done->owner);
        }
        if (run->waiting > 0)
            wait_for_store(store);
    }
}

static void run_free(struct run *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < FLIGHTS; i++)
        arena_free(run->flights[i].arena);
    free(run->first_day);
    free(run);
}

static struct run *run_new(struct seed *seed, struct engine *engine)
{
    struct run *run = calloc(1, sizeof(*run));
    bool whole;

    if (!run)
        return NULL;
    run->seed = seed;
    run->engine = engine;
    run->first_day = calloc(seed->n + 1, sizeof(*run->first_day));
    whole = run->first_day != NULL;
    uuid_make(run->correlation_id);
    for (size_t i = 0; i < FLIGHTS; i++) {
        run->flights[i].run = run;
        run->flights[i].arena = arena_new(ARENA_FIRST, ARENA_CAP);
        whole = whole && run->flights[i].arena;
    }
    if (whole)
        return run;
    run_free(run);
    return NULL;
}

enum seed_outcome seed_run(struct seed *seed, struct engine *engine)
{
    struct run *run = run_new(seed, engine);
    enum seed_outcome outcome;

    seed->students_written = seed->days_written = 0;
    if (!run)
        return SEED_NO_MEMORY;
    fly(run, look);
    fly(run, write_days); /* takes nobody off when looking has stopped the run */
    outcome = run->away ? SEED_UNAVAILABLE : run->refused ? SEED_REFUSED : SEED_DONE;
    run_free(run);
    return outcome;
}
