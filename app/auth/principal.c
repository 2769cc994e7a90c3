/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A principal is the user id and role of a caller. Roles are numbers in the engine, and names in
 * tokens and logs. */
#include "app/auth/principal.h"

const char *const role_names[ROLES] = {
    [ROLE_NONE] = "none",   [ROLE_STUDENT] = "student", [ROLE_TEACHER] = "teacher",
    [ROLE_ADMIN] = "admin", [ROLE_SERVICE] = "service",
};

/* Copies the id, at most ID_MAX bytes, into ret->user_id, and makes ret->user point to this copy.
 */
void principal_set(struct principal *ret, enum role role, struct str user_id)
{
    size_t n = user_id.n < ID_MAX ? user_id.n : ID_MAX;
    *ret = (struct principal){.role = role, .user = {ret->user_id, n}};
    if (n > 0)
        memcpy(ret->user_id, user_id.p, n);
}
