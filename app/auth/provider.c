/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fetches the identity provider's keys in a thread. A run of the thread: lock, look whether another
 * process has fetched meanwhile, else fetch, write the file for the other processes, unlock. struct
 * run is the thread's until it sets `done`; the loop reads it only after it has seen that. Times
 * that processes share are of the wall clock, others of the monotonic one. */
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
    LOCK_POLL_US = 20000, /* pause between two attempts to get the lock */
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
    RUN_COPIED, /* the keys in the file, from another process, are new enough */
    RUN_FETCHED,
    RUN_TOO_EARLY, /* too early for another fetch; it may be made at run.not_before_ms */
};

struct run {
    const struct config *config;
    enum run_kind kind;
    int64_t have_ms; /* when the keys of this process were fetched (wall clock); 0: it has none */
    int64_t started_ms, started_us;
    /* the result */
    enum run_outcome outcome;
    struct token_keys keys;
    int64_t fetched_ms, not_before_ms;
    int failures;
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
    bool has_copy;            /* run.keys has keys of the file, for the first provider_tick */
    int64_t fetched_ms;       /* wall clock: when the keys in use were fetched; 0: there are none */
    int64_t due_us;           /* monotonic: when the next fetch is due */
    int64_t request_again_us; /* monotonic: when an unknown key may cause a fetch again */
    int failures;
    char error[KEY_FETCH_ERROR_SIZE];
};

/* ---- the thread ---- */

/* Returns the milliseconds since a time of the wall clock. If the clock has been set back, so that
 * the time is in the future, it counts as long ago. */
static int64_t age_of(int64_t time_ms)
{
    int64_t now_ms = clock_wall_ms();

    return time_ms > now_ms ? INT64_MAX : now_ms - time_ms;
}

/* Returns the pause after this many failures in a row (1 or more): 1, 2, 4, ... seconds. The
 * maximum counts from the sixth failure on, so that the shift stays small. */
static int64_t pause_ms(int failures, bool has_keys)
{
    int64_t most = has_keys ? PAUSE_MAX_S : PAUSE_NO_KEYS_S, s = INT64_C(1) << (failures - 1) % 32;

    return (failures > 5 || s > most ? most : s) * 1000;
}

/* Waits for the lock while another process fetches, for as long as a fetch may take. Returns the
 * descriptor whose closing releases the lock; -1 when the time is over or the file cannot be used.
 */
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

/* Fills run->keys from the text of a JWK Set. False with run->error; run->keys is then empty. */
static bool run_parse(struct run *run, struct str text)
{
    if (public_keys_parse_set(text, key_fetch_setting(run->config), run->config->jwt_algorithm,
                              &run->keys, run->error))
        return true;
    token_keys_release(&run->keys);
    return false;
}

/* Returns whether keys of the file, fetched at this time, make a fetch of this process unnecessary:
 * for RUN_DUE they must not be old, for RUN_FORCED not older than the request. For an unknown key,
 * any newer set may have it. */
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

/* Returns whether keys are too old to be used. If the clock was set back, they count as new: else
 * all keys would be lost. */
static bool is_expired(const struct config *config, int64_t fetched_ms)
{
    return clock_wall_ms() - fetched_ms >= config->jwt_jwks_max_age_s * INT64_C(1000);
}

/* Reads the keys of the file into run->keys when they are new enough. False when they are not, or
 * cannot be read. */
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

/* Returns whether it is too early for another attempt, by those of all processes: after a failure
 * for RUN_DUE, after the last request for RUN_REQUESTED, never for RUN_FORCED. run->not_before_ms
 * becomes the time from which on it is allowed. */
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

/* Fetches, and writes the file for the other processes. The attempt is written before, so that it
 * counts even if this process is killed meanwhile. lock -1: this process could not lock, so it
 * writes nothing. */
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

/* Reads the keys of the file if they are new enough, else fetches unless it is too early. Without
 * the lock (-1) the attempts of other processes are not known. */
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

/* The thread: runs once, then sets `done` and wakes the event loop by the eventfd. (void)! silences
 * the warning that a result is ignored: a failed write would only delay the loop until its next
 * tick. */
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

/* Starts the thread. If it cannot be started, provider_tick tries again a second later;
 * otherwise the result of the thread sets due_us. */
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

/* Reads the keys of the file, for the first provider_tick to return. RUN_REQUESTED lets keys of any
 * age count, up to JWT_JWKS_MAX_AGE_S. */
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

/* Returns the microseconds until keys that are in use must be fetched again; 0: now. In all
 * processes they are due at the same time: the first one to get the lock fetches, and the others
 * read its keys from the file. */
static int64_t provider_refresh_us(const struct provider *provider)
{
    int64_t refresh_us = provider->config->jwt_jwks_refresh_s * INT64_C(1000000);
    int64_t age_ms = age_of(provider->fetched_ms);

    return age_ms >= refresh_us / 1000 ? 0 : refresh_us - age_ms * 1000;
}

/* Gives the keys that the thread has fetched or read (provider->run) to the caller, who owns them
 * from then on. */
static void provider_hand_over(struct provider *provider, int64_t now_us, struct token_keys *ret)
{
    *ret = provider->run.keys;
    provider->run.keys.n = 0;
    provider->fetched_ms = provider->run.fetched_ms;
    provider->due_us = now_us + provider_refresh_us(provider);
    provider->error[0] = '\0';
}

/* Reads the result of the thread, which has ended, and sets when the next fetch is due, and when an
 * unknown key may cause one. After a request that was too early these follow from not_before_ms. */
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

/* Returns one event for each call: the keys of the file at first, then the results of the thread.
 * Expired keys are reported once, by setting fetched_ms to 0. */
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

/* While a fetch is running, the caller waits for it. It may have read the keys before the provider
 * had the new one; the caller then requests another fetch. */
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

/* If the clock was set back, the age is 0. */
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
