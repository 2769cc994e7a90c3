/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the students in the payload of a dead letter, so that an erasure and an export find the
 * letter. A payload whose students are not all known is not stored (docs/privacy.md, Dead letters).
 */
#ifndef SERVICE_LETTER_NAMES_H
#define SERVICE_LETTER_NAMES_H

#include "app/store/dead_letter.h"

/* LETTER_NAMES_MAX: most names in a dead letter (texts that may be ids of any kind).
 * LETTER_STUDENTS_MAX: most students in one, named by members such as student_id.
 * LETTER_PARSED_MAX: bytes of the longest payload that is parsed; of a longer one only the first
 * DEAD_LETTER_BYTES_MAX bytes are searched and stored. */
enum { LETTER_NAMES_MAX = 64, LETTER_STUDENTS_MAX = 4, LETTER_PARSED_MAX = 4 << 20 };

struct letter_names {
    /* All texts in the payload that may be ids, also inside JSON that is a text or base64 */
    struct str_list names;
    /* The values of members that name a student: student_id, student_ids, subject, user_id */
    struct str students[LETTER_STUDENTS_MAX];
    size_t student_count;
    bool is_json; /* the payload could be parsed as a whole */
    /* false: the payload must not be stored, because it names no student, has too many names, or
     * has a part that could not be parsed */
    bool known;
};

/* Finds the names in a payload, which is JSON or anything else. student: an id known from
 * elsewhere, such as a header; "" for none. The texts of *ret are in the arena or in the payload.
 */
void letter_names_find(struct letter_names *ret, struct str payload, struct str student,
                       struct arena *arena);
/* Sets payload, bytes_not_kept and names of a dead letter (an event or job that was given up) from
 * the result of letter_names_find. always_keep: a payload that is JSON is stored even if it is not
 * `known`, because it cannot contain anything about a student. */
void letter_set_payload(struct dead_letter_new *letter, struct str payload,
                        const struct letter_names *names, bool always_keep);
/* Returns whether a member of the payload of a dead letter names the student, so that the letter is
 * about the student. */
bool letter_is_about(struct str payload, struct str student, struct arena *arena);
/* Returns whether any text in the payload of a dead letter is the student's id. For a payload that
 * is not `known` (struct letter_names), also whether it contains the id anywhere. */
bool letter_mentions(struct str payload, struct str student, struct arena *arena);

#endif
