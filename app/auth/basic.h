/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sign-in by HTTP Basic (RFC 7617) with a key and secret of XAPI_CREDENTIALS, for learning tools,
 * which cannot get a token. It gives access to the xAPI resource only (ROUTE_BASIC). */
#ifndef AUTH_BASIC_H
#define AUTH_BASIC_H

#include "app/auth/principal.h"
#include "app/base/arena.h"
#include "app/base/config.h"

/* Verifies the Authorization header. On success returns true and sets *ret to a service whose user
 * id is "xapi:" followed by the key. A credential that was removed from its file is accepted for
 * KEY_GRACE_S seconds more, like other secrets. */
bool basic_verify(const struct config *config, struct str authorization, struct arena *arena,
                  struct principal *ret);
/* Returns whether the header has the scheme Basic, in upper or lower case. */
bool basic_is_scheme(struct str authorization);

#endif
