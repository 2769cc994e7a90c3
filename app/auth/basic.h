/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing in by HTTP Basic (RFC 7617) with a key and secret of XAPI_CREDENTIALS, as learning tools
 * do: they cannot get a token. It opens the xAPI resource alone (ROUTE_BASIC). */
#ifndef AUTH_BASIC_H
#define AUTH_BASIC_H

#include "app/auth/principal.h"
#include "app/base/arena.h"
#include "app/base/config.h"

/* Verifies the Authorization header. True: *ret is a service whose user id is "xapi:" and the key.
 * A credential that was removed from its file is accepted for KEY_GRACE_S seconds more, like other
 * secrets. */
bool basic_verify(const struct config *config, struct str authorization, struct arena *arena,
                  struct principal *ret);
/* Returns whether the header is of the scheme Basic, in any case of letters. */
bool basic_is_scheme(struct str authorization);

#endif
