/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fetches the identity provider's keys in a thread. Each run of the thread acquires the lock, and
 * uses the keys of the file if another process has fetched them meanwhile; otherwise it fetches,
 * and writes the file for the other processes. Until the thread sets `done`, struct run belongs to
 * the thread; the event loop reads it afterwards. Times that processes share are of the wall clock,
 * all others of the monotonic clock. */
#include "app/auth/provider.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <curl/curl.h>

#include "app/auth/key_copy.h"
#include "app/auth/key_fetch.h"
#include "app/auth/public_keys.h"
#include "app/base/clock.h"

enum {
    PAUSE_MAX_S = 30,     /* longest pause after a failed fetch, in seconds */
    PAUSE_NO_KEYS_S = 4,  /* longest pause while there are no keys at all */
    LOCK_POLL_US = 20000, /* pause between two attempts to acquire the lock */
    SECOND_US = 1000000,
};

/* Why keys are fetched. */
enum run_kind {
    RUN_DUE,       /* a fetch because the keys are old, or the latest fetch has failed */
    RUN_REQUESTED, /* a fetch because a token names an unknown key */
    RUN_FORCED,    /* a fetch because an operator wants it (SIGHUP) */
};

enum run_outcome {
    RUN_FAILED,
    RUN_COPIED, /* the keys were read from the file, where another process has stored them */
    RUN_FETCHED,
    RUN_TOO_EARLY, /* another fetch is allowed only from run.not_before_ms on */
};

struct run {
    const struct config *config;
    enum run_kind kind;
    /* when the keys that this process uses were fetched (wall clock); 0: it has none */
    int64_t have_ms;
    int64_t started_ms, started_us; /* when the run began, by the wall and the monotonic clock */
    /* the result */
    enum run_outcome outcome;
    struct token_keys keys;
    int64_t fetched_ms;    /* wall clock: when `keys` were fetched */
    int64_t not_before_ms; /* RUN_TOO_EARLY; wall clock: from when on a fetch is allowed */
    int failures;          /* failed fetches of all processes since the last successful one */
    char error[KEY_FETCH_ERROR_SIZE];
};

struct provider {
    const struct config *config;
    bool running;          /* the thread has been started, and its result has not been read */
    bool forced;           /* the next provider_tick must start a fetch */
    pthread_t thread;      /* valid while running */
    atomic_bool done;      /* the thread has written its result */
    atomic_bool cancelled; /* the thread must end soon */
    int fd;                /* eventfd, readable when the thread that fetches is done */
    struct run run;
    /* run.keys has the keys of the file, which the first provider_tick returns */
    bool has_copy;
    int64_t fetched_ms;       /* wall clock: when the keys in use were fetched; 0: there are none */
    int64_t due_us;           /* monotonic: when the next fetch is due */
    int64_t request_again_us; /* monotonic: from when on an unknown key may cause a fetch again */
    int failures;
    char error[KEY_FETCH_ERROR_SIZE];
};

/* ---- the thread ---- */

/* Returns the milliseconds since a time of the wall clock. A time in the future (the clock was set
 * back) counts as long ago. */
static int64_t age_of(int64_t time_ms)
{
    int64_t now_ms = clock_wall_ms();

    return time_ms > now_ms ? INT64_MAX : now_ms - time_ms;
}

/* Returns the pause in ms after `failures` failures in a row (1 or more): 1, 2, 4, ... seconds, up
 * to a maximum. From the sixth failure on it is the maximum; % 32 keeps the shift, which is then
 * not used, in its valid range. */
static int64_t pause_ms(int failures, bool has_keys)
{
    int64_t most = has_keys ? PAUSE_MAX_S : PAUSE_NO_KEYS_S, s = INT64_C(1) << (failures - 1) % 32;

    return (failures > 5 || s > most ? most : s) * 1000;
}

/* Acquires the lock, and waits while another process fetches, for as long as a fetch may take.
 * Returns a descriptor whose closing releases the lock; -1 when the time is over or the file cannot
 * be used. */
static int run_lock(const struct run *run, const atomic_bool *cancelled)
{
    const char *path = run->config->jwt_jwks_cache_file;
    int64_t end_us = clock_monotonic_us() + run->config->jwt_jwks_timeout_ms * INT64_C(1000);
    int fd = key_copy_lock(path);

    while (fd < 0 && errno == EWOULDBLOCK && !atomic_load(cancelled) &&
           clock_monotonic_us() < end_us) {
        (void)usleep(LOCK_POLL_US);
        fd = key_copy_lock(path);
    }
    return fd;
}

/* Fills run->keys from the text of a JWK Set. Returns false with run->error, and with no keys in
 * run->keys. */
static bool run_parse(struct run *run, struct str text)
{
    if (public_keys_parse_set(text, key_fetch_setting(run->config), run->config->jwt_algorithm,
                              &run->keys, run->error))
        return true;
    token_keys_release(&run->keys);
    return false;
}

/* Returns whether keys in the file, fetched at fetched_ms, make a fetch of this process
 * unnecessary. For RUN_DUE they must be fresh, for RUN_FORCED not older than the request. For
 * RUN_REQUESTED any set newer than that of this process may contain the unknown key. */
static bool run_is_served_by(const struct run *run, int64_t fetched_ms)
{
    switch (run->kind) {
    case RUN_DUE:
        return fetched_ms > run->have_ms &&
               age_of(fetched_ms) < run->config->jwt_jwks_refresh_s * INT64_C(1000);
    case RUN_FORCED: return fetched_ms >= run->started_ms;
    case RUN_REQUESTED: break;
    }
    return fetched_ms > run->have_ms;
}

/* Returns whether keys are too old to be used. Keys from the future (the clock was set back) count
 * as new: otherwise all keys would be lost. */
static bool is_expired(const struct config *config, int64_t fetched_ms)
{
    return clock_wall_ms() - fetched_ms >= config->jwt_jwks_max_age_s * INT64_C(1000);
}

/* Reads the keys of the file into run->keys. Returns false when they cannot be read or are not new
 * enough. */
static bool run_read_copy(struct run *run)
{
    const struct config *config = run->config;
    struct key_copy copy;
    bool taken;

    if (!key_copy_read(config->jwt_jwks_cache_file, key_fetch_source(config), &copy))
        return false;
    taken = !is_expired(config, copy.fetched_ms) && run_is_served_by(run, copy.fetched_ms) &&
            run_parse(run, copy.text);
    if (taken)
        run->fetched_ms = copy.fetched_ms;
    free(copy.memory);
    return taken;
}

/* Returns whether it is too early for another fetch, judged by the attempts of all processes:
 * RUN_DUE must wait for some time after a failure, RUN_REQUESTED for JWT_JWKS_COOLDOWN_S after the
 * latest such fetch, RUN_FORCED never. Sets run->not_before_ms to the time from which on a fetch is
 * allowed. */
static bool run_is_early(struct run *run, const struct key_attempts *attempts)
{
    int64_t last_ms = attempts->tried_ms, wait_ms = 0;

    if (run->kind == RUN_REQUESTED) {
        last_ms = attempts->requested_ms;
        wait_ms = run->config->jwt_jwks_cooldown_s * INT64_C(1000);
    } else if (run->kind == RUN_DUE && attempts->failures > 0) {
        wait_ms = pause_ms(attempts->failures, run->have_ms > 0);
    }
    run->not_before_ms = last_ms + wait_ms;
    return age_of(last_ms) < wait_ms;
}

/* Fetches the keys, and writes them to the file that all processes read. Records the attempt first,
 * so that it counts even if this process is killed during the fetch. lock is -1 when this process
 * could not acquire the lock; it then writes nothing. */
static enum run_outcome run_fetch(struct run *run, const atomic_bool *cancelled, int lock,
                                  struct key_attempts *attempts)
{
    const struct config *config = run->config;
    char *text;
    bool good;

    attempts->tried_ms = clock_wall_ms();
    if (run->kind == RUN_REQUESTED)
        attempts->requested_ms = attempts->tried_ms;
    if (lock >= 0)
        (void)key_copy_write_attempts(lock, attempts);
    text = key_fetch(config, cancelled, run->error);
    good = text && run_parse(run, str_of(text));
    run->fetched_ms = clock_wall_ms();
    attempts->failures = good ? 0 : attempts->failures + 1;
    run->failures = attempts->failures;
    if (lock >= 0 && good)
        (void)key_copy_write(config->jwt_jwks_cache_file, key_fetch_source(config), run->fetched_ms,
                             str_of(text));
    if (lock >= 0)
        (void)key_copy_write_attempts(lock, attempts);
    free(text);
    return good ? RUN_FETCHED : RUN_FAILED;
}

/* Reads the keys of the file if they are new enough; otherwise fetches, unless it is too early.
 * lock is -1 without the lock: the attempts of other processes are then unknown. */
static enum run_outcome run_with_lock(struct run *run, const atomic_bool *cancelled, int lock)
{
    struct key_attempts attempts = {.failures = run->failures};

    if (lock >= 0)
        key_copy_read_attempts(lock, &attempts);
    run->failures = attempts.failures;
    if (run_read_copy(run))
        return RUN_COPIED;
    if (run_is_early(run, &attempts))
        return RUN_TOO_EARLY;
    return run_fetch(run, cancelled, lock, &attempts);
}

/* The thread: makes one run, then sets `done` and wakes the event loop by the eventfd. (void)!
 * silences the warning that a result is ignored: a failed write would only delay the loop until its
 * next tick. */
static void *provider_thread(void *owned)
{
    struct provider *provider = owned;
    const uint64_t one = 1;
    int lock = run_lock(&provider->run, &provider->cancelled);

    provider->run.outcome = run_with_lock(&provider->run, &provider->cancelled, lock);
    if (lock >= 0)
        (void)close(lock);
    atomic_store(&provider->done, true);
    (void)!write(provider->fd, &one, sizeof(one));
    return NULL;
}

/* ---- the loop's side ---- */

/* Starts the thread. If that fails, provider_tick tries again a second later. After a run, its
 * result replaces due_us. */
static void provider_start(struct provider *provider, enum run_kind kind, int64_t now_us)
{
    provider->run = (struct run){.config = provider->config,
                                 .kind = kind,
                                 .have_ms = provider->fetched_ms,
                                 .started_ms = clock_wall_ms(),
                                 .started_us = now_us,
                                 .failures = provider->failures};
    atomic_store(&provider->done, false);
    provider->running = pthread_create(&provider->thread, NULL, provider_thread, provider) == 0;
    provider->due_us = now_us + SECOND_US;
}

/* Reads the keys of the file; the first provider_tick returns them. The run is a RUN_REQUESTED and
 * its have_ms is 0, so keys of any age up to JWT_JWKS_MAX_AGE_S are accepted. */
struct provider *provider_new(const struct config *config, char ret_error[200])
{
    struct provider *provider = calloc(1, sizeof(*provider));

    (void)token_keys_fail(ret_error, "no memory for the keys of the identity provider");
    if (!provider)
        return NULL;
    provider->config = config;
    provider->fd = -1;
    if (!key_copy_check(config->jwt_jwks_cache_file, ret_error)) {
        provider_free(provider);
        return NULL;
    }
    provider->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    provider->run = (struct run){.config = config, .kind = RUN_REQUESTED};
    if (provider->fd < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        provider_free(provider);
        return NULL;
    }
    provider->has_copy = run_read_copy(&provider->run);
    return provider;
}

/* Waits for the thread, which notices `cancelled` within milliseconds. */
void provider_free(struct provider *provider)
{
    if (!provider)
        return;
    atomic_store(&provider->cancelled, true);
    if (provider->running)
        (void)pthread_join(provider->thread, NULL);
    token_keys_release(&provider->run.keys);
    if (provider->fd >= 0)
        (void)close(provider->fd);
    free(provider);
}

/* Returns the microseconds until the keys in use must be fetched again; 0: now. They are due in all
 * processes at the same time: the first one to acquire the lock fetches, and the others read its
 * keys from the file. */
static int64_t provider_refresh_us(const struct provider *provider)
{
    int64_t refresh_us = provider->config->jwt_jwks_refresh_s * INT64_C(1000000);
    int64_t age_ms = age_of(provider->fetched_ms);

    return age_ms >= refresh_us / 1000 ? 0 : refresh_us - age_ms * 1000;
}

/* Moves the keys that the thread has fetched or read (provider->run) to *ret. The caller owns them.
 */
static void provider_hand_over(struct provider *provider, int64_t now_us, struct token_keys *ret)
{
    *ret = provider->run.keys;
    provider->run.keys.n = 0;
    provider->fetched_ms = provider->run.fetched_ms;
    provider->due_us = now_us + provider_refresh_us(provider);
    provider->error[0] = '\0';
}

/* Reads the result of the thread, which has ended, into *ret and the provider. Sets due_us, the
 * time of the next fetch. After a RUN_REQUESTED also sets request_again_us, from when on an unknown
 * key may cause a fetch; not if keys were copied, because then nothing was fetched. If a run was
 * too early, the time that applies to its kind is not_before_ms. */
static enum provider_event provider_read_result(struct provider *provider, int64_t now_us,
                                                struct token_keys *ret)
{
    const struct run *run = &provider->run;
    const int64_t cooldown_us = provider->config->jwt_jwks_cooldown_s * INT64_C(1000000);
    uint64_t ignored;

    (void)pthread_join(provider->thread, NULL);
    (void)!read(provider->fd, &ignored, sizeof(ignored));
    provider->running = false;
    provider->failures = run->failures;
    if (run->kind == RUN_REQUESTED && run->outcome == RUN_TOO_EARLY)
        provider->request_again_us = now_us + (run->not_before_ms - clock_wall_ms()) * 1000;
    else if (run->kind == RUN_REQUESTED && run->outcome != RUN_COPIED)
        provider->request_again_us = run->started_us + cooldown_us;
    switch (run->outcome) {
    case RUN_COPIED: provider_hand_over(provider, now_us, ret); return PROVIDER_COPIED;
    case RUN_FETCHED: provider_hand_over(provider, now_us, ret); return PROVIDER_FETCHED;
    case RUN_TOO_EARLY:
        provider->due_us =
            now_us + (run->kind == RUN_DUE ? (run->not_before_ms - clock_wall_ms()) * 1000
                                           : provider_refresh_us(provider));
        return PROVIDER_NOTHING;
    case RUN_FAILED: break;
    }
    memcpy(provider->error, run->error, sizeof(provider->error));
    provider->due_us = now_us + pause_ms(run->failures, provider->fetched_ms > 0) * 1000;
    return PROVIDER_FAILED;
}

/* Returns at most one event for each call: first the keys of the file, later the results of the
 * thread. Reports expired keys once, and then sets fetched_ms to 0. */
enum provider_event provider_tick(struct provider *provider, int64_t now_us, struct token_keys *ret)
{
    enum provider_event event = PROVIDER_NOTHING;

    if (provider->has_copy) {
        provider->has_copy = false;
        provider_hand_over(provider, now_us, ret);
        event = PROVIDER_COPIED;
    } else if (provider->running && atomic_load(&provider->done)) {
        event = provider_read_result(provider, now_us, ret);
    }
    if (!provider->running && (provider->forced || now_us >= provider->due_us)) {
        provider_start(provider, provider->forced ? RUN_FORCED : RUN_DUE, now_us);
        provider->forced = false;
    }
    if (event == PROVIDER_NOTHING && provider->fetched_ms > 0 &&
        is_expired(provider->config, provider->fetched_ms)) {
        provider->fetched_ms = 0;
        event = PROVIDER_EXPIRED;
    }
    return event;
}

/* While a fetch is running, the caller waits for it. If that fetch has read the keys before the
 * provider added the new one, the caller requests another fetch afterwards. */
bool provider_request(struct provider *provider)
{
    int64_t now_us = clock_monotonic_us();

    if (provider->running)
        return true;
    if (now_us < provider->request_again_us)
        return false;
    provider_start(provider, RUN_REQUESTED, now_us);
    return provider->running;
}

void provider_refresh(struct provider *provider)
{
    provider->forced = true;
}

bool provider_is_fetching(const struct provider *provider)
{
    return provider->running;
}

int provider_fd(const struct provider *provider)
{
    return provider->fd;
}

/* Returns 0 when the clock was set back to before the fetch. */
int64_t provider_age_ms(const struct provider *provider)
{
    int64_t now_ms = clock_wall_ms();

    if (provider->fetched_ms == 0)
        return -1;
    return now_ms > provider->fetched_ms ? now_ms - provider->fetched_ms : 0;
}

int provider_failures(const struct provider *provider)
{
    return provider->failures;
}

const char *provider_error(const struct provider *provider)
{
    return provider->error;
}
