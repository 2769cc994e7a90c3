/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file in which the processes of a pool store the identity provider's latest valid JWK Set
 * (JWT_JWKS_CACHE_FILE). A process that starts while the provider is unavailable has keys at once,
 * and one process fetches for all. A second file, PATH.lock, is the lock and has the times of the
 * latest attempts.
 *
 * A user who can write the file can sign in as any user. A file that does not belong to this user
 * alone is therefore treated as absent. All functions block. key_copy_read may be called while a
 * process starts; the others are for the thread that fetches keys. */
#ifndef AUTH_KEY_COPY_H
#define AUTH_KEY_COPY_H

#include "app/base/str.h"

/* Most bytes of a JWK Set. */
enum { KEY_SET_MAX = 256 << 10 };

/* A stored JWK Set. */
struct key_copy {
    char *memory;       /* block in which `text` is, to be freed by the caller; NULL: none */
    struct str text;    /* the JWK Set as JSON */
    int64_t fetched_ms; /* when it was fetched, by the wall clock */
};

/* The latest attempts of all processes to fetch keys; times by the wall clock, 0: never. */
struct key_attempts {
    int64_t tried_ms;     /* the latest fetch of any kind, successful or not */
    int64_t requested_ms; /* when a fetch was last made because a token named an unknown key */
    int failures;         /* number of fetches that have failed since the last successful one */
};

/* Checks whether the file and PATH.lock can be used, without changing anything. Returns false with
 * a line in ret_error when not. */
bool key_copy_check(const char *path, char ret_error[200]);
/* Reads the set that was fetched from this source (a URL) into *ret. Returns false when there is
 * none, or when the file must not be trusted. */
bool key_copy_read(const char *path, const char *source, struct key_copy *ret);
/* Writes the set in place of an earlier one. Returns false with errno. */
bool key_copy_write(const char *path, const char *source, int64_t fetched_ms, struct str text);

/* Opens the file PATH.lock and tries to lock it. Returns a descriptor, whose closing releases the
 * lock; -1 with errno, which is EWOULDBLOCK while another process has the lock. */
int key_copy_lock(const char *path);
/* Reads the attempts from the lock file; all members are 0 when it has none. fd, here and below:
 * the result of key_copy_lock. */
void key_copy_read_attempts(int fd, struct key_attempts *ret);
/* Writes the attempts to the lock file. Returns false on failure. */
bool key_copy_write_attempts(int fd, const struct key_attempts *attempts);

#endif
