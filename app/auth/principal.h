/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The authenticated caller of a request. */
#ifndef AUTH_PRINCIPAL_H
#define AUTH_PRINCIPAL_H

#include "app/base/ids.h"

enum role { ROLE_NONE, ROLE_STUDENT, ROLE_TEACHER, ROLE_ADMIN, ROLE_SERVICE, ROLES };
extern const char *const role_names[ROLES];

struct principal {
    enum role role; /* ROLE_NONE: not authenticated; ROLE_SERVICE: by the sidecar's token alone */
    char user_id[ID_MAX + 1];
    struct str
        user; /* user_id with its length: points into this struct, so do not assign structs */
};

/* The only way to fill or copy a principal. user_id: valid by id_valid, or empty; not in *ret. */
void principal_set(struct principal *ret, enum role role, struct str user_id);

#endif
