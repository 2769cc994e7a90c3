/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads the catalogue of recommendations from its file: what is recommended is content that
 * teachers may change, not text in the program. The file is read once, at the start of a process,
 * and refused as a whole when anything in it is wrong; tests/unit/test_catalogue.c shows what is
 * refused.
 *
 * {"version": 1,
 *  "reasons": {"starter": …, "unknown": …, "gap": …, "new": …},   sentences; {area}, {score} and
 *                                                         {threshold} in them are filled in
 *  "items": [{"id", "component", "action", "difficulty", "minutes", "description",
 *             "resources": [texts], "prerequisites": [ids of earlier items]}, …],
 *  "starters": [the same, with prerequisites empty]} */
#ifndef SERVICE_CATALOGUE_H
#define SERVICE_CATALOGUE_H

#include "app/base/arena.h"
#include "app/domain/recommendation.h"

enum { CATALOGUE_FILE_MAX = 1 << 20, CATALOGUE_ERROR_SIZE = 300 };

/* The result lives in the arena. NULL with one line in ret_error: what is wrong, and where. */
const struct catalogue *catalogue_parse(struct str text, struct arena *arena,
                                        char ret_error[CATALOGUE_ERROR_SIZE]);
/* The same from a file; ret_error then begins with its path. */
const struct catalogue *catalogue_load(const char *path, struct arena *arena,
                                       char ret_error[CATALOGUE_ERROR_SIZE]);
/* The item or starter with that id, or NULL. */
const struct content *catalogue_find(const struct catalogue *catalogue, struct str id);

#endif
