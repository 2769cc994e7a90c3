/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is asking. */
#ifndef AUTH_PRINCIPAL_H
#define AUTH_PRINCIPAL_H

#include "app/base/ids.h"

enum role { ROLE_NONE, ROLE_STUDENT, ROLE_TEACHER, ROLE_ADMIN, ROLE_SERVICE, ROLES };
extern const char *const role_names[ROLES];

struct principal {
    enum role role; /* ROLE_NONE: nobody; ROLE_SERVICE: the sidecar's token alone */
    char user_id[ID_MAX + 1];
    struct str user; /* user_id with its length: points into this very struct */
};

/* The one way to fill or copy a principal, since `user` points into it. user_id: id_valid or empty,
 * and not inside *ret. */
void principal_set(struct principal *ret, enum role role, struct str user_id);

#endif
