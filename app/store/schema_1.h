/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes and trims records in the forms of 0.1.0, for a store with the schema number 1 (schema.h).
 * To be deleted with the release after the one that brings the number 3. */
#ifndef STORE_SCHEMA_1_H
#define STORE_SCHEMA_1_H

#include "app/store/student.h"

/* Like student_cmd_change, but writes the forms of 0.1.0: one key for each snapshot and opening,
 * and a hash of marks. packed: the packed form of the new state. */
struct command *schema_1_cmd_change(struct pipeline *pipeline, const struct student_change *change,
                                    struct str packed);
/* Removes old marks, those of events before the day `oldest`, from one page of the hash of marks
 * at `key`. cursor: "0" for the first page. The reply is the cursor of the next page, "0" after
 * the last page. */
struct command *schema_1_cmd_trim_marks(struct pipeline *pipeline, struct str key,
                                        struct str cursor, int32_t oldest);

#endif
