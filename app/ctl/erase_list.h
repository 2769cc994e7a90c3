/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of erasures for mastery-ctl erase --replay. Every erasure leaves a line with the event
 * student.erased in a log and a record in the sealed audit log; both have the student's log_hash
 * (log.h) in place of the id. The list is read from either: from the log, or from what mastery-ctl
 * audit list prints. */
#ifndef CTL_ERASE_LIST_H
#define CTL_ERASE_LIST_H

#include <stdio.h>

#include "app/obs/log.h"

/* A student in the list of erasures. */
struct erased {
    char hash[LOG_HASH_SIZE];
    bool done; /* true: the student was found and erased again */
};

struct erase_list {
    struct erased *v; /* sorted by hash, each once */
    size_t n, size;   /* number of students; number that v has room for */
    size_t other_key; /* lines whose hash was made with another key */
};

/* Reads the erasures since since_ms (Unix time) from the lines of a file; the path "-" means
 * standard input. Lines without an erasure are skipped; a line without a time counts. key_id: as
 * erase_key_id returns it. False with errno; erase_list_release is then still due. */
bool erase_list_load(struct erase_list *list, const char *path, int64_t since_ms,
                     const char *key_id);

/* Frees the list, which is then empty. */
void erase_list_release(struct erase_list *list);
/* Returns the student with this hash; NULL: not in the list. */
struct erased *erase_list_find(const struct erase_list *list, const char *hash);

#endif
