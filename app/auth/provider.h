/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The identity provider's keys, fetched from its server (JWT_JWKS_URL or OIDC_ISSUER) by a thread,
 * so that the event loop never waits for the provider.
 *
 * The processes of a pool fetch once for all (auth/key_copy.h): the process that has the lock
 * fetches, and the others read the result. Keys are fetched at start, when they are
 * JWT_JWKS_REFRESH_S old, after a failure (with growing pauses), and when a token names an unknown
 * key (at most once in JWT_JWKS_COOLDOWN_S). While the provider is unavailable, the last valid set
 * stays in use until it is JWT_JWKS_MAX_AGE_S old. */
#ifndef AUTH_PROVIDER_H
#define AUTH_PROVIDER_H

#include "app/auth/provider_event.h"
#include "app/auth/token_keys.h"

struct provider;

/* Makes a provider. Starts no thread and sends nothing: the first provider_tick does. config must
 * outlive the provider. Returns NULL, with a line in ret_error, when out of memory or
 * JWT_JWKS_CACHE_FILE cannot be used. */
struct provider *provider_new(const struct config *config, char ret_error[200]);
/* Ends a running fetch within milliseconds. NULL is allowed. */
void provider_free(struct provider *provider);

/* To be called once in each loop iteration: reads the result of the thread, and starts the thread
 * when a fetch is due. With PROVIDER_COPIED and PROVIDER_FETCHED the keys are in *ret, which must
 * be empty before and belongs to the caller afterwards. now_us: monotonic. */
enum provider_event provider_tick(struct provider *provider, int64_t now_us,
                                  struct token_keys *ret);
/* Requests a fetch because a token names an unknown key. Returns true when the caller should verify
 * the token again after provider_is_fetching has become false; false when no other keys can be had
 * now. */
bool provider_request(struct provider *provider);
/* Makes the next provider_tick start a fetch, even if the keys are new. */
void provider_refresh(struct provider *provider);
/* Returns whether the thread is running, or its result has not been read yet by provider_tick. */
bool provider_is_fetching(const struct provider *provider);
/* Returns a descriptor that becomes readable when the thread has a result. It is the same as long
 * as the provider exists. */
int provider_fd(const struct provider *provider);

/* Returns the milliseconds since the keys in use were fetched; -1: there are none. */
int64_t provider_age_ms(const struct provider *provider);
/* Returns the number of failed fetches of all processes since the last successful one, as far as
 * this process knows. */
int provider_failures(const struct provider *provider);
/* Returns why the latest fetch of this process has failed, beginning with the setting; empty: it
 * has not failed. */
const char *provider_error(const struct provider *provider);

#endif
