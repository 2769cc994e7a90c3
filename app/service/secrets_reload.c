/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reloads by the same checks as at the start of the process: loads the whole configuration again,
 * and uses only its secrets. */
#include "app/service/secrets_reload.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/auth/provider.h"
#include "app/service/engine.h"

enum { SECRETS_ERROR_SIZE = 200 };

/* Copies the first of the error lines that config_load has written. lines is NULL when there was no
 * memory to collect them; the error is then "out of memory". */
static void secrets_first_line(const char *lines, char ret_error[SECRETS_ERROR_SIZE])
{
    struct str all = str_of(lines ? lines : "out of memory"), line = str_cut(&all, '\n');

    (void)snprintf(ret_error, SECRETS_ERROR_SIZE, "%.*s", STR_ARG(line));
}

/* Reads the secrets of the configuration. A replaced secret is accepted until the end of the grace
 * period. False, with the first error that config_load has written, when the new configuration is
 * invalid, or when out of memory. */
static bool secrets_read_config(struct engine *engine, int64_t now_us, bool *ret_changed,
                                char ret_error[SECRETS_ERROR_SIZE])
{
    int64_t grace_end_us = now_us + engine->config.key_grace_s * INT64_C(1000000);
    struct config fresh;
    char *lines = NULL;
    size_t n;
    FILE *out = open_memstream(&lines, &n);
    bool good;

    if (!out) {
        secrets_first_line(/* lines */ NULL, ret_error);
        return false;
    }
    good = config_load(&fresh, config_environment, out) == 0;
    (void)fclose(out);
    if (good)
        *ret_changed = config_replace_secrets(&engine->config, &fresh, grace_end_us);
    else
        secrets_first_line(lines, ret_error);
    config_release(&fresh); /* what was not moved to engine->config */
    free(lines);
    return good;
}

/* Reads the files of public keys again. *ret_changed becomes true when they have changed: their
 * generation, a number that rises with each change, is higher. False, with a reason, when a file is
 * invalid. */
static bool secrets_read_keys(struct engine *engine, int64_t now_us, bool *ret_changed,
                              char ret_error[SECRETS_ERROR_SIZE])
{
    uint64_t generation;

    if (!engine->tokens)
        return true;
    generation = tokens_generation(engine->tokens);
    if (!tokens_reload(engine->tokens, now_us, ret_error))
        return false;
    *ret_changed = *ret_changed || tokens_generation(engine->tokens) != generation;
    return true;
}

/* Logs why the files with secrets were refused. error: the reason. */
static void secrets_log_refused(struct engine *engine, const char *error)
{
    struct jw *w = log_begin(engine->log, LOG_ERROR, "keys.refused");

    jw_text(w, "reason", error);
    jw_text(w, "consequence", "the old keys stay");
    log_end(engine->log);
}

/* Reads all secrets again, and reports the result. is_forced: requested by SIGHUP, so the result is
 * always logged. Otherwise a refusal that lasts is logged once, not at every check. */
static void secrets_check(struct engine *engine, int64_t now_us, bool is_forced)
{
    struct secrets_state *state = &engine->secrets;
    char error[SECRETS_ERROR_SIZE] = "";
    bool changed = false, refused = !secrets_read_config(engine, now_us, &changed, error) ||
                                    !secrets_read_keys(engine, now_us, &changed, error);

    state->next_check_us = now_us + engine->config.key_poll_ms * INT64_C(1000);
    if (changed) {
        state->generation++;
        if (engine_has_log_key(engine)) /* otherwise the random key of this process stays in use */
            engine_set_hash_keys(engine);
        metrics_add(engine->metrics, METRIC_KEYS, "changed", /* second label */ NULL, 1);
    }
    if (refused)
        metrics_add(engine->metrics, METRIC_KEYS, "refused", /* second label */ NULL, 1);
    metrics_gauge_set(engine->metrics, GAUGE_KEYS_REFUSED, refused);
    if (refused && (is_forced || !state->rejected))
        secrets_log_refused(engine, error);
    if (!refused && (is_forced || changed || state->rejected)) {
        (void)log_begin(engine->log, LOG_INFO, "keys.reloaded");
        log_end(engine->log);
    }
    state->rejected = refused;
}

/* Old secrets expire here even when no file has changed. */
void secrets_reload_tick(struct engine *engine, int64_t now_us)
{
    config_wipe_old_secrets(&engine->config, now_us);
    if (engine->tokens)
        tokens_expire_keys(engine->tokens, now_us);
    if (engine->secrets.next_check_us == 0) /* the start has just read them */
        engine->secrets.next_check_us = now_us + engine->config.key_poll_ms * INT64_C(1000);
    else if (now_us >= engine->secrets.next_check_us)
        secrets_check(engine, now_us, /* is_forced */ false);
}

void secrets_reload(struct engine *engine, int64_t now_us)
{
    if (engine->tokens && tokens_provider(engine->tokens))
        provider_refresh(tokens_provider(engine->tokens));
    secrets_check(engine, now_us, /* is_forced */ true);
}
