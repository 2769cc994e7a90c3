/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A principal: the user id and role of the caller of a request, as its token proves them. */
#ifndef AUTH_PRINCIPAL_H
#define AUTH_PRINCIPAL_H

#include "app/base/ids.h"

enum role { ROLE_NONE, ROLE_STUDENT, ROLE_TEACHER, ROLE_ADMIN, ROLE_SERVICE, ROLES };
extern const char *const role_names[ROLES]; /* by enum role: "student", "teacher", ... */

struct principal {
    enum role role; /* ROLE_NONE: not authenticated; ROLE_SERVICE: the sidecar's token alone, or a
                     * learning tool by HTTP Basic */
    char user_id[ID_MAX + 1];
    struct str user; /* user_id with its length; points into this struct */
};

/* Fills a principal, also when copying one from another: a struct principal must not be assigned,
 * because its member `user` would point into the other struct. user_id: valid by id_valid, or
 * empty; must not be part of *ret. */
void principal_set(struct principal *ret, enum role role, struct str user_id);

#endif
