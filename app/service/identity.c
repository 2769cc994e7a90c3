/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Logs and counts the fetches of the identity provider's keys. While a provider is unavailable, a
 * line for each fetch would be logged every half minute. Therefore, of failures in a row, only the
 * first, second, fourth, eighth, ... are logged. */
#include "app/service/identity.h"

#include "app/auth/provider.h"
#include "app/service/engine.h"

/* Logs a fetch of keys that has failed, and its consequence for tokens. The age of the keys is
 * negative when there are none. */
static void identity_log_failure(struct engine *engine, const struct provider *provider)
{
    int64_t age_ms = provider_age_ms(provider);
    struct jw *w = log_begin(engine->log, LOG_ERROR, "provider.failed");

    jw_text(w, "reason", provider_error(provider));
    jw_int(w, "failures", provider_failures(provider));
    if (age_ms >= 0)
        jw_int(w, "age_s", age_ms / 1000);
    jw_text(w, "consequence", age_ms < 0 ? "tokens get 503" : "the last keys stay in use");
    log_end(engine->log);
}

/* Counts a fetch that has failed, and logs it if the number of failures in a row is a power of two.
 */
static void identity_on_failure(struct engine *engine, const struct provider *provider)
{
    int failures = provider_failures(provider);

    metrics_add(engine->metrics, METRIC_PROVIDER, "failed", /* second label */ NULL, 1);
    if ((failures & (failures - 1)) == 0)
        identity_log_failure(engine, provider);
}

/* Logs that the keys have changed, or that a fetch has succeeded after failures. Logs nothing when
 * neither is so. */
static void identity_on_keys(struct engine *engine, const struct provider *provider, bool changed,
                             bool had_failed)
{
    struct jw *w;

    if (!changed && !had_failed)
        return;
    w = log_begin(engine->log, LOG_INFO, "provider.keys");
    jw_bool(w, "changed", changed);
    jw_int(w, "age_s", provider_age_ms(provider) / 1000);
    log_end(engine->log);
}

/* Sets the gauge of the age of the keys. Without keys it is JWT_JWKS_MAX_AGE_S, the age at which
 * keys are no longer used. */
static void identity_report_age(struct engine *engine, const struct provider *provider)
{
    int64_t age_ms = provider_age_ms(provider);

    metrics_gauge_set(engine->metrics, GAUGE_PROVIDER_AGE_MS,
                      age_ms < 0 ? engine->config.jwt_jwks_max_age_s * INT64_C(1000) : age_ms);
}

/* A fetch may return the same keys again; tokens_generation changes only with the keys, so it shows
 * whether they have changed. */
void identity_tick(struct engine *engine, int64_t now_us)
{
    struct provider *provider = tokens_provider(engine->tokens);
    uint64_t generation;
    bool had_failed;

    if (!provider)
        return;
    generation = tokens_generation(engine->tokens);
    had_failed = *provider_error(provider) != '\0'; /* the tick may clear it */
    switch (tokens_tick(engine->tokens, now_us)) {
    case PROVIDER_FETCHED:
        metrics_add(engine->metrics, METRIC_PROVIDER, "fetched", /* second label */ NULL, 1);
        __attribute__((fallthrough));
    case PROVIDER_COPIED: /* another process of the pool has fetched them */
        identity_on_keys(engine, provider, tokens_generation(engine->tokens) != generation,
                         had_failed);
        break;
    case PROVIDER_FAILED: identity_on_failure(engine, provider); break;
    case PROVIDER_EXPIRED:
        (void)log_begin(engine->log, LOG_ERROR, "provider.expired");
        log_end(engine->log);
        break;
    case PROVIDER_NOTHING: break;
    }
    identity_report_age(engine, provider);
}

const char *identity_state_name(const struct engine *engine)
{
    const struct provider *provider = tokens_provider(engine->tokens);

    if (!provider)
        return NULL;
    if (provider_age_ms(provider) < 0)
        return "unavailable";
    return provider_failures(provider) > 0 ? "unhealthy" : "healthy";
}
