/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happens with the keys of an identity provider (auth/provider.h). */
#ifndef AUTH_PROVIDER_EVENT_H
#define AUTH_PROVIDER_EVENT_H

/* What provider_tick has found. */
enum provider_event {
    PROVIDER_NOTHING,
    PROVIDER_COPIED,  /* keys that another process has fetched, read from its file */
    PROVIDER_FETCHED, /* keys that this process has fetched */
    PROVIDER_FAILED,  /* this process could not fetch keys; provider_error has the reason */
    PROVIDER_EXPIRED, /* the last keys are too old to be used */
};

#endif
