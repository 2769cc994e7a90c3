/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The catalogue of recommendations, from its file: what is recommended is content that teachers may
 * change, not text in the program. The file is read and checked whole at the start of a process;
 * tests/unit/test_catalogue.c shows what is refused.
 *
 * {"version": 1,
 *  "reasons": {"starter": …, "unknown": …, "gap": …, "new": …},   sentences; {area}, {score} and
 *                                          {threshold} are filled in where the sentence has them
 *  "items": [{"id", "component", "action", "difficulty", "minutes", "description",
 *             "resources": [texts], "prerequisites": [ids of earlier items]}, …],
 *  "starters": [the same, without prerequisites]} */
#ifndef SERVICE_CATALOGUE_H
#define SERVICE_CATALOGUE_H

#include "app/base/arena.h"
#include "app/domain/recommendation.h"

enum { CATALOGUE_FILE_MAX = 1 << 20, CATALOGUE_ERROR_SIZE = 300 };

/* Everything lives in the arena. NULL with one line in ret_error: what is wrong in which place. */
const struct catalogue *catalogue_parse(struct str text, struct arena *arena,
                                        char ret_error[CATALOGUE_ERROR_SIZE]);
/* The same from a file, whose path comes first in ret_error. */
const struct catalogue *catalogue_load(const char *path, struct arena *arena,
                                       char ret_error[CATALOGUE_ERROR_SIZE]);
/* The item or starter of that id, or NULL. */
const struct content *catalogue_find(const struct catalogue *c, struct str id);

#endif
