/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fetches the identity provider's JWK Set from JWT_JWKS_URL, or from the jwks_uri of the discovery
 * document of OIDC_ISSUER (OpenID Connect Discovery 1.0). Blocks, so it is for a thread. */
#ifndef AUTH_KEY_FETCH_H
#define AUTH_KEY_FETCH_H

#include <stdatomic.h>

#include "app/base/config.h"

enum { KEY_FETCH_ERROR_SIZE = 200 };

/* Fetches the JWK Set within JWT_JWKS_TIMEOUT_MS. Returns its text (at most KEY_SET_MAX bytes),
 * which the caller frees; NULL with a reason that begins with the name of the setting. When another
 * thread sets *cancelled, the call ends within milliseconds. curl_global_init must have been
 * called. */
char *key_fetch(const struct config *config, const atomic_bool *cancelled,
                char ret_error[KEY_FETCH_ERROR_SIZE]);
/* Returns the name of the setting from which the URL of the keys is known: JWT_JWKS_URL or
 * OIDC_ISSUER. */
const char *key_fetch_setting(const struct config *config);
/* Returns the value of the setting that key_fetch_setting names: a URL. */
const char *key_fetch_source(const struct config *config);
/* Returns a copy of jwks_uri (the URL of the keys) in the text of a discovery document; the caller
 * frees it. NULL with a reason when the document is not the one of OIDC_ISSUER. */
char *key_fetch_parse_discovery(const struct config *config, struct str document,
                                char ret_error[KEY_FETCH_ERROR_SIZE]);

#endif
