/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compression by zstd, with a dictionary: texts that are likely to occur, which both sides know, so
 * that short texts become short. The dictionary is a part of the stored format: changing one byte
 * of it makes everything unreadable that was compressed with it. The command `zstd -d -D FILE`,
 * with the dictionary in a file, decompresses the same. */
#ifndef BASE_COMPRESS_H
#define BASE_COMPRESS_H

#include "app/base/arena.h"

/* Compresses the text. dictionary: may be empty. level: of zstd, 1 to 19. False: out of memory. */
bool compress_text(struct arena *arena, struct str dictionary, struct str text, int level,
                   struct str *ret);
/* Decompresses what compress_text has made with the same dictionary. False: it is something else,
 * it has more than max bytes, or out of memory. */
bool decompress_text(struct arena *arena, struct str dictionary, struct str packed, size_t max,
                     struct str *ret);

#endif
