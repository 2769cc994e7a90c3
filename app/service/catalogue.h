/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads the catalogue, the items that can be recommended, from a file, so that teachers can change
 * them without a new program. The file is read once, at the start of a process. It is refused as a
 * whole when anything in it is wrong; tests/unit/test_catalogue.c shows what is refused.
 *
 * {"version": 1,
 *  "reasons": {"starter": …, "unknown": …, "gap": …, "new": …},   sentences; {area}, {score} and
 *                                                         {threshold} in them are filled in
 *  "items": [{"id", "component", "action", "difficulty", "minutes", "description",
 *             "resources": [texts], "prerequisites": [ids of earlier items]}, …],
 *  "starters": [the same, with prerequisites empty],
 *  "prerequisites": {topic: [topics], …}}                 optional; topics as events name them */
#ifndef SERVICE_CATALOGUE_H
#define SERVICE_CATALOGUE_H

#include "app/base/arena.h"
#include "app/domain/recommendation.h"

enum {
    CATALOGUE_FILE_MAX = 1 << 20, /* bytes of the largest file that is accepted */
    CATALOGUE_ERROR_SIZE = 300,   /* bytes of the longest error message, NUL included */
};

/* Makes a catalogue, in the arena, from the text of a file. NULL when the text is wrong: ret_error
 * then has one line that says what is wrong, and where. */
const struct catalogue *catalogue_parse(struct str text, struct arena *arena,
                                        char ret_error[CATALOGUE_ERROR_SIZE]);
/* Reads the file and makes a catalogue as catalogue_parse does. ret_error begins with the path. */
const struct catalogue *catalogue_load(const char *path, struct arena *arena,
                                       char ret_error[CATALOGUE_ERROR_SIZE]);
/* Returns the item or starter with the id, or NULL. A starter is an item for students without data.
 */
const struct content *catalogue_find(const struct catalogue *catalogue, struct str id);

#endif
