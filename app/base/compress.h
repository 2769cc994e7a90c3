/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compresses short texts that resemble each other, by zstd with a dictionary: a text of the kind
 * that the decoder knows beforehand, so that each record is short although it is compressed alone.
 * A dictionary is a part of the format of what was compressed with it: it never changes. A better
 * one is another dictionary, under another number.
 *
 * A compressed text is a zstd frame without its four magic bytes, with the size of the text and
 * without a checksum. */
#ifndef BASE_COMPRESS_H
#define BASE_COMPRESS_H

#include "app/base/arena.h"

enum dictionary {
    DICTIONARY_EVENTS, /* learning events as JSON (scripts/make-dictionary events) */
    DICTIONARY_AUDIT,  /* segments of the audit log (dictionary_audit.c) */
    DICTIONARIES
};

/* The bytes of the dictionaries: app/base/dictionary_NAME.c. */
extern const struct str dictionary_events, dictionary_audit;

/* Returns the compressed text in the arena; p is NULL when out of memory. */
struct str compress(struct arena *arena, enum dictionary dictionary, struct str text);
/* Decompresses what `compress` returned with the same dictionary. False when it is damaged, when
 * the text would be longer than max bytes, or when out of memory. */
bool decompress(struct arena *arena, enum dictionary dictionary, struct str compressed, size_t max,
                struct str *ret_text);

#endif
